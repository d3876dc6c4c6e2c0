//! Commands that bring something in.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use crossdock_core::{Timestamp, hub::TimeFormat, id::WebhookId, object::parse_time, poll::Way};
use url::Url;

use super::{Where, values::web_address};

/// Poll one collection once.
///
/// With --dry-run the source is read, and what would be stored and emitted is shown; nothing is stored.
#[derive(Debug, ClapArgs)]
pub(crate) struct Poll {
    #[arg(value_name = "SOURCE/COLLECTION")]
    pub(crate) collection: String,

    /// Make the wide poll that `reconcile` in the hub file describes, in place of the usual one
    #[arg(long)]
    pub(crate) reconcile: bool,

    /// Store and emit nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Also where the hub is switched off
    #[arg(long)]
    pub(crate) even_if_disabled: bool,

    #[command(flatten)]
    pub(crate) place: Where,
}

impl Poll {
    pub(crate) fn way(&self) -> Way {
        if self.reconcile { Way::Reconcile } else { Way::Poll }
    }
}

/// Read a collection again, from a time on.
///
/// Compares what it finds with what the hub knows, beside the collection's own polls, whose bookmark it leaves alone. What
/// the hub has never seen is stored without a word, as a baseline; with --emit it is told of, and so is what was stored
/// without a word before. An object that has changed is told of either way. It can be broken off and run again.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock backfill SOURCE/COLLECTION --from 2026-01-01 --dry-run
  crossdock backfill SOURCE/COLLECTION --from 2026-01-01 --until 2026-02-01 --emit --rate 20")]
pub(crate) struct Backfill {
    #[arg(value_name = "SOURCE/COLLECTION")]
    pub(crate) collection: String,

    /// From when on, such as 2026-01-01 or 2026-01-01T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Timestamp,

    /// Up to before this time [default: to the end]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<Timestamp>,

    /// Tell of everything that nobody was told of yet
    #[arg(long)]
    pub(crate) emit: bool,

    /// Store and emit nothing; say what would be
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Objects a second at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rate: Option<u32>,

    /// Also where the hub is switched off
    #[arg(long)]
    pub(crate) even_if_disabled: bool,

    #[command(flatten)]
    pub(crate) place: Where,
}

fn time(text: &str) -> Result<Timestamp, String> {
    parse_time(TimeFormat::Rfc3339, &text.into()).map_err(|expected| format!("expected {expected} or a day"))
}

/// Send a JSON file to the hub: a push, or a webhook.
///
/// A push holds objects, {"COLLECTION": [...]}, or a message, {"message": "TYPE", "payload": {...}}, or a list of
/// messages. A running hub gets it over HTTP; where none runs it is stored, and published when one does. A webhook is
/// signed with the first secret of the webhook, as its provider would sign it, and sent to a hub that runs.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock send orders.json --source shop                              a push
  crossdock send order.json --to shop-orders --event orders/create      a webhook
  crossdock send order.json --to shop-orders --url https://hub.example  to a hub that runs elsewhere")]
pub(crate) struct Send {
    /// The file; - for standard input
    pub(crate) file: PathBuf,

    /// The source it comes from
    #[arg(long, value_name = "SOURCE", required_unless_present = "to")]
    pub(crate) source: Option<String>,

    /// The webhook it goes to, in place of a push
    #[arg(long, value_name = "WEBHOOK", conflicts_with = "source")]
    pub(crate) to: Option<WebhookId>,

    /// What happened, where the provider says it in a header
    #[arg(long, value_name = "TYPE", requires = "to")]
    pub(crate) event: Option<String>,

    /// The event's id, where the provider says it in a header [default: another one each time]
    #[arg(long, value_name = "ID", requires = "to")]
    pub(crate) id: Option<String>,

    /// Where the hub is reached [default: the one that runs on this state]
    #[arg(long, value_name = "URL", requires = "to", value_parser = web_address)]
    pub(crate) url: Option<Url>,

    #[command(flatten)]
    pub(crate) place: Where,
}
