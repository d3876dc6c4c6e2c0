//! Commands about what goes out: dead letters, endpoints, what deliveries are signed with.

use clap::{Args as ClapArgs, Subcommand};
use jiff::SignedDuration;

use super::Where;

/// Look at dead letters, and send them on their way again.
#[derive(Debug, ClapArgs)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    pub(crate) command: DlqCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// List dead letters, the oldest first
    List {
        /// Of this endpoint only
        endpoint: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Where,
    },
    /// Send dead letters on their way again, each as a new round of its delivery
    Redrive {
        /// Of this endpoint only
        endpoint: Option<String>,
        /// Of this message only
        message: Option<String>,
        /// Say what would be sent, and send nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        place: Where,
    },
    /// Send a message's dead letters again, also where their queue has forgotten them
    ///
    /// The ledger says which deliveries of the message are dead. One that its dead-letter queue has lost or forgotten is put
    /// together anew from the message in the store, for as long as that is kept (retention.deliveries). Each is a new round.
    Replay {
        /// Its id, as `crossdock show` and `crossdock audit` print it
        message: String,
        /// Those of this endpoint only
        #[arg(long)]
        endpoint: Option<String>,
        #[command(flatten)]
        place: Where,
    },
}

/// Pause an endpoint, or let it go on.
///
/// A paused endpoint gets nothing; what is for it waits. An endpoint that answers 410 pauses itself.
#[derive(Debug, ClapArgs)]
pub(crate) struct Endpoint {
    #[command(subcommand)]
    pub(crate) command: EndpointCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EndpointCommand {
    /// List endpoints: what waits, what is dead, which are paused
    List {
        #[command(flatten)]
        place: Where,
    },
    /// Say whether an endpoint that drains is empty; fails while it is not
    ///
    /// What was in the queue of an endpoint that has left the hub file is sent to nobody, though it is not lost: on AWS
    /// the queue stays behind. SQS counts are about a minute late: ask again a minute after the first time that nothing
    /// is left.
    Drained {
        name: String,
        #[command(flatten)]
        place: Where,
    },
    /// Pause an endpoint
    Pause {
        name: String,
        #[command(flatten)]
        place: Where,
    },
    /// Let an endpoint go on, and try at once what waits for its next attempt
    Resume {
        name: String,
        #[command(flatten)]
        place: Where,
    },
}

/// Look at the secrets that deliveries are signed with, and rotate them.
///
/// Every delivery is signed (Standard Webhooks). An endpoint whose `signing` names no secrets has one of its own, which is
/// derived from a key that the hub's store keeps: nothing has to be set up, and whoever runs the endpoint gets it from
/// `crossdock secret show`. docs/signatures.md says how to verify.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock secret show ENDPOINT      for whoever verifies what this endpoint gets
  crossdock secret rotate ENDPOINT    a new one; the one before it signs too for a day
  crossdock secret new                for a secret that you keep yourself")]
pub(crate) struct Secret {
    #[command(subcommand)]
    pub(crate) command: SecretCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Print a new random secret for `signing.secrets`; it is stored nowhere
    New {
        /// v1: a secret that both sides have (HMAC-SHA256); v1a: a private key, whose public key goes to the endpoint
        /// (Ed25519)
        #[arg(long, value_enum, default_value_t = SchemeArg::V1)]
        scheme: SchemeArg,
    },
    /// List endpoints and what signs their deliveries; no secret is shown
    List {
        #[command(flatten)]
        place: Where,
    },
    /// Print the secret that an endpoint verifies with: whsec_… (v1) or the public key whpk_… (v1a)
    Show {
        endpoint: String,
        #[command(flatten)]
        place: Where,
    },
    /// Give an endpoint a new secret; until the overlap is over, the one before it signs too
    Rotate {
        endpoint: String,
        /// For how long both sign, such as 30m, 24h or 168h; 0s where the old one is known to others
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = overlap)]
        overlap: SignedDuration,
        #[command(flatten)]
        place: Where,
    },
}

/// A scheme of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SchemeArg {
    V1,
    V1a,
}

fn overlap(text: &str) -> Result<SignedDuration, &'static str> {
    let read = text.parse().ok().filter(|overlap| (SignedDuration::ZERO..=MOST_OVERLAP).contains(overlap));
    read.ok_or("expected a time such as 30m, 24h or 168h, at most 2160h")
}

/// 90 days: longer than any receiver should need.
const MOST_OVERLAP: SignedDuration = SignedDuration::from_hours(90 * 24);
