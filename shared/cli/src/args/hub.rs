//! The command that switches the whole hub off and on.

use clap::{Args as ClapArgs, Subcommand};

use super::Where;

/// Switch the hub off, on, or ask which it is.
///
/// A hub that is switched off does nothing and loses nothing: pushes and webhooks are answered 403, no source is polled, and
/// what is to be delivered waits, without an attempt being made or counted. The switch is kept with the hub's state, so it
/// outlives restarts and deployments. `enabled: false` in the hub file does the same.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock hub disable                  before work on an ERP that every endpoint needs
  crossdock hub status --on aws:STACK    whether a hub on AWS is at work
  crossdock hub enable                   and everything that waited goes on")]
pub(crate) struct Hub {
    #[command(subcommand)]
    pub(crate) command: HubCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HubCommand {
    /// Switch the hub off
    Disable {
        #[command(flatten)]
        place: Where,
    },
    /// Switch the hub on, and try at once what has waited
    Enable {
        #[command(flatten)]
        place: Where,
    },
    /// Say whether the hub is at work, and which of its webhooks are switched off
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Where,
    },
}
