//! The command line.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args as ClapArgs, Parser, Subcommand};
use crossdock_core::id::HubName;

/// A hub between shops, ERPs and whatever should hear of their changes.
///
/// One file, hub.yaml, says where changes come from (sources), who wants to hear of them (endpoints) and which goes to
/// whom (routes). Start with `crossdock dev`: without a file of your own it plays a sample.
#[derive(Debug, Parser)]
#[command(name = "crossdock", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(Dev),
    Check(Check),
    Show(Show),
    Dlq(Dlq),
    Poll(Poll),
    Send(Send),
    Endpoint(Endpoint),
    Gc(Gc),
    Sample(Sample),
}

/// Which hub.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Which {
    /// The hub file [default: hub.yaml in this folder; the sample where there is none]
    #[arg(long, value_name = "FILE")]
    pub(crate) hub: Option<PathBuf>,

    /// Where the hub keeps its state [default: .crossdock/HUB, after the hub's name]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
}

/// Below it each hub has a folder of its own.
const STATE: &str = ".crossdock";

impl Which {
    /// Two hubs never share a state.
    pub(crate) fn folder(&self, hub: &HubName) -> PathBuf {
        self.state.clone().unwrap_or_else(|| Path::new(STATE).join(hub.as_str()))
    }

    /// Where the sample's servers keep what is theirs; known before the hub's name is.
    pub(crate) fn sample(&self) -> PathBuf {
        self.state.as_deref().unwrap_or(Path::new(STATE)).join("sample")
    }
}

/// Run the whole hub on this machine.
///
/// Polls every source, takes pushes, delivers to every endpoint. On a terminal it shows what happens and a summary; with
/// --json, or where the output is no terminal, it prints one JSON event per line, and logs go to the error output.
/// Secrets come from CROSSDOCK_SECRET_NAME or from files named after them in FOLDER/secrets. URLs written in the hub
/// file may lead to this machine itself.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock dev                      the sample: a store, its endpoints, and a scene that plays
  crossdock dev --hub hub.yaml       your own
  crossdock dev --json | jq .event   for machines

Ctrl-C stops the hub: what is on its way is finished or given back. Again, and it stops at once.")]
pub(crate) struct Dev {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Print JSON lines, even on a terminal
    #[arg(long)]
    pub(crate) json: bool,

    /// Where pushes come in; a port of 0 takes any [default: 127.0.0.1:7420, or any port where that one is taken]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
}

/// Find everything that is wrong with a hub file.
///
/// Every fault in one run, as file:line:column with what was found, what was expected and what may have been meant. Exit
/// code 1 where there is one.
#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// The hub file [default: hub.yaml in this folder; the sample where there is none]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Show a message, an object or a delivery: versions, routes and why, attempts.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock show 5f0c1f3e-…                 a message and what became of it
  crossdock show 5f0c1f3e-…/ROUTE           its deliveries for one route
  crossdock show SOURCE/COLLECTION/OBJECT   an object, its versions and messages
  crossdock show OBJECT                     the same, in whichever collection")]
pub(crate) struct Show {
    /// A message's id, MESSAGE/ROUTE, an object's id, or SOURCE/COLLECTION/OBJECT
    pub(crate) id: String,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) which: Which,
}

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
        which: Which,
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
        which: Which,
    },
}

/// Poll one collection once.
///
/// With --dry-run the source is read, and what would be stored and emitted is shown; nothing is stored.
#[derive(Debug, ClapArgs)]
pub(crate) struct Poll {
    #[arg(value_name = "SOURCE/COLLECTION")]
    pub(crate) collection: String,

    /// Store and emit nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) which: Which,
}

/// Push a JSON file into the hub.
///
/// The file holds objects, {"COLLECTION": [...]}, or a message, {"message": "TYPE", "payload": {...}}, or a list of
/// messages. A running hub gets it over HTTP; where none runs it is stored, and published when one does.
#[derive(Debug, ClapArgs)]
pub(crate) struct Send {
    /// The file; - for standard input
    pub(crate) file: PathBuf,

    /// The source it comes from
    #[arg(long, value_name = "SOURCE")]
    pub(crate) source: String,

    #[command(flatten)]
    pub(crate) which: Which,
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
        which: Which,
    },
    /// Pause an endpoint
    Pause {
        name: String,
        #[command(flatten)]
        which: Which,
    },
    /// Let a paused endpoint go on
    Resume {
        name: String,
        #[command(flatten)]
        which: Which,
    },
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

/// Run the sample store and the sample endpoints alone.
///
/// Prints one JSON line with the environment that the sample hub needs, then one JSON line for every request that
/// arrives.
#[derive(Debug, ClapArgs)]
pub(crate) struct Sample {
    /// Where the sample store keeps its data
    #[arg(long, value_name = "FOLDER", default_value = ".crossdock/sample")]
    pub(crate) state: PathBuf,
}
