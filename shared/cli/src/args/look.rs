//! Commands that look into what a hub remembers, and clear up there.

use clap::Args as ClapArgs;

use super::{Where, Which};
use crate::since::Since;

/// Show a message, an object, a delivery or what waits to be fetched: versions, routes and why, attempts.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock show 5f0c1f3e-…                 a message and what became of it
  crossdock show 5f0c1f3e-…/ROUTE           its deliveries for one route
  crossdock show SOURCE/COLLECTION/OBJECT   an object, its versions and messages
  crossdock show SOURCE/COLLECTION          what of it is yet to be fetched
  crossdock show OBJECT                     the same, in whichever collection")]
pub(crate) struct Show {
    /// A message's id, MESSAGE/ROUTE, an object's id, SOURCE/COLLECTION/OBJECT, or SOURCE/COLLECTION
    pub(crate) id: String,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) place: Where,
}

/// Compare what was promised to routes with what became of it.
///
/// With every message the hub stores which routes it will take. Counts what was delivered, waits, is dead, was suppressed
/// or superseded, and names what the ledger knows nothing of an hour after it was stored. Exit code 1 where something is
/// missing. Only looks; the hub itself looks hourly, and sends what is missing again.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock audit                      the last day
  crossdock audit --since 7d --json    a week, for machines
  crossdock audit --on aws:STACK       a hub on AWS")]
pub(crate) struct Audit {
    /// How far to look back: a length of time such as 6h or 7d, or a time
    #[arg(long, value_name = "SINCE", default_value = "1d")]
    pub(crate) since: Since,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) place: Where,
}

/// Find messages that no route took.
///
/// By type, with how many there are and a few of them to look at.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock unrouted               the last day
  crossdock unrouted --since 2h    since the hub file was changed")]
pub(crate) struct Unrouted {
    /// How far to look back: a length of time such as 6h or 7d, or a time
    #[arg(long, value_name = "SINCE", default_value = "1d")]
    pub(crate) since: Since,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) place: Where,
}

/// Show what the hub need not remember any more, and remove it.
///
/// What is over expires as `retention` in the hub file says: messages with their deliveries, dead letters, replaced
/// versions. A running hub removes it by itself. Whatever still waits, and the newest version of an object, never expires.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock gc            say what would be removed
  crossdock gc --apply    remove it")]
pub(crate) struct Gc {
    /// Remove it
    #[arg(long)]
    pub(crate) apply: bool,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) which: Which,
}
