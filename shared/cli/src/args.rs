//! The command line.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::{Args as ClapArgs, Parser, Subcommand};
use crossdock_core::{
    Timestamp,
    hub::TimeFormat,
    id::{EndpointName, HubName, SecretName, SourceName},
    json::FieldPath,
    object::parse_time,
    poll::Way,
};
use ipnet::IpNet;
use jiff::SignedDuration;
use url::Url;

use crate::{redact, since::Since};

/// A hub between shops, ERPs and whatever should hear of their changes.
///
/// One file, hub.yaml, says where changes come from (sources), who wants to hear of them (endpoints) and which goes to
/// whom (routes). Start with `crossdock dev`: without a file of your own it plays a sample. `crossdock init` writes a file
/// for a list of yours.
#[derive(Debug, Parser)]
#[command(name = "crossdock", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(Init),
    Dev(Dev),
    Listen(Listen),
    Check(Check),
    Add(Add),
    Render(Render),
    Show(Show),
    Audit(Audit),
    Unrouted(Unrouted),
    Dlq(Dlq),
    Poll(Poll),
    Backfill(Backfill),
    Send(Send),
    Endpoint(Endpoint),
    Secret(Secret),
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

/// Which hub, and where it runs.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Where {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Where the hub runs: local, or aws:STACK after its CloudFormation stack; its file is infra/hub.yaml then, if there
    /// is one
    #[arg(long, value_name = "HOME", default_value = "local")]
    pub(crate) on: On,
}

/// Where a hub runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum On {
    /// On this machine, in a state folder.
    Local,
    /// On AWS, as this CloudFormation stack.
    #[cfg(feature = "aws")]
    Aws(String),
}

impl std::str::FromStr for On {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "local" => Ok(Self::Local),
            #[cfg(feature = "aws")]
            Some(("aws", stack)) if !stack.is_empty() => Ok(Self::Aws(stack.to_owned())),
            #[cfg(not(feature = "aws"))]
            Some(("aws", _)) => Err("this command was built without AWS; build it with --features aws"),
            _ => Err("expected local, or aws: and the name of a stack"),
        }
    }
}

/// Below it each hub has a folder of its own.
pub(crate) const STATE: &str = ".crossdock";

/// Where `listen` listens, and where a hub file that `init` wrote sends to. `dev` has the port before it.
pub(crate) const LISTENER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7421);

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

/// Write a hub file for a list that a store or service offers.
///
/// Asks for the list, works out what can be seen of it (where the list is, what names an object, its times, how it is
/// divided into pages, whether it can be filtered by time) and writes a hub file with comments. A few further requests
/// make sure of what was guessed. What it found and what it did not is said on the error output.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock init https://shop.example.com/api/orders
  crossdock init https://shop.example.com/api/orders --items data.orders --id number
  CROSSDOCK_SECRET_SHOP=… crossdock init https://shop.example.com/orders --bearer shop")]
pub(crate) struct Init {
    /// The list's address, with the query it needs
    #[arg(value_parser = web_address)]
    pub(crate) url: Url,

    /// Where the list is in the answer, where that cannot be told
    #[arg(long, value_name = "PATH")]
    pub(crate) items: Option<FieldPath>,

    /// The field that names an object, where that cannot be told
    #[arg(long, value_name = "PATH")]
    pub(crate) id: Option<FieldPath>,

    /// What the source is called [default: after the host]
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<SourceName>,

    /// Send the secret of that name as a bearer token; its value is in CROSSDOCK_SECRET_NAME
    #[arg(long, value_name = "SECRET", conflicts_with = "secret_header")]
    pub(crate) bearer: Option<SecretName>,

    /// Send a header that holds the secret of that name, such as 'X-Api-Key: shop-key'
    #[arg(long, value_name = "NAME: SECRET", value_parser = secret_header)]
    pub(crate) secret_header: Option<(String, SecretName)>,

    /// Send a header, which is written into the file; may be given more than once
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = plain_header)]
    pub(crate) headers: Vec<(String, String)>,

    /// Open a private network that the list is in, such as 10.20.0.0/16, for this and in the file
    #[arg(long = "network", value_name = "CIDR")]
    pub(crate) networks: Vec<IpNet>,

    /// Ask for the list once, and do not try out how it pages and filters
    #[arg(long)]
    pub(crate) no_probes: bool,

    /// Where to write
    #[arg(long, value_name = "FILE", default_value = "hub.yaml")]
    pub(crate) output: PathBuf,

    /// Write over a file that is there
    #[arg(long)]
    pub(crate) force: bool,
}

fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or("expected an address that begins with http:// or https://")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("expected an address without credentials: name a secret with --bearer or --secret-header".into());
    }
    Ok(url)
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected a name and a value with a colon between them")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

fn plain_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = header(text)?;
    if redact::is_secret(&name) {
        let hint = "carries a credential, which does not belong into a file: put it into an environment variable \
                    CROSSDOCK_SECRET_NAME and say";
        return Err(format!("{name} {hint} --secret-header '{name}: NAME'"));
    }
    Ok((name, value))
}

fn secret_header(text: &str) -> Result<(String, SecretName), String> {
    let (name, secret) = header(text)?;
    // A value in place of the name is not repeated.
    let secret = SecretName::new(&secret).map_err(|_| {
        "expected the name of a secret after the colon (lower-case letters, digits, '-' or '_'), not the secret itself"
    })?;
    Ok((name, secret))
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

/// Play an endpoint: show what arrives, and answer.
///
/// Answers every message with 200, or passes it on with --forward and answers what comes back. With --record each
/// delivery and its answer is kept as a JSON file; headers and parameters that carry credentials are left out of it.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock listen                  for a hub file from `crossdock init`
  crossdock listen --route ROUTE    in place of the endpoint of that route
  crossdock listen --status 503     an endpoint in trouble
  crossdock listen --forward http://127.0.0.1:3000 --record deliveries")]
pub(crate) struct Listen {
    /// Listen where this route's endpoint is, for what this route sends; other paths are answered 404
    #[arg(long, value_name = "ROUTE")]
    pub(crate) route: Option<String>,

    /// The hub file with the route [default: hub.yaml in this folder]
    #[arg(long, value_name = "FILE", requires = "route")]
    pub(crate) hub: Option<PathBuf>,

    /// Where to listen; a port of 0 takes any [default: 127.0.0.1:7421, or where the route's endpoint is]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<SocketAddr>,

    /// Pass each message on to this service, its path appended, and answer what it answers
    #[arg(long, value_name = "URL", value_parser = web_address)]
    pub(crate) forward: Option<Url>,

    /// Keep each delivery and its answer as a JSON file in this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) record: Option<PathBuf>,

    /// What to answer
    #[arg(long, value_name = "STATUS", default_value_t = 200, conflicts_with = "forward",
          value_parser = clap::value_parser!(u16).range(200..600))]
    pub(crate) status: u16,

    /// Print JSON, one line for each delivery
    #[arg(long)]
    pub(crate) json: bool,
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

    /// Where the hub is to run: for AWS, also say what cannot be done there and which quotas to raise
    #[arg(long, value_enum, default_value_t = Target::Local)]
    pub(crate) target: Target,

    /// Print the hub file with its presets in it, as JSON (which is YAML too): what there would be to write without them
    #[arg(long)]
    pub(crate) expand: bool,
}

/// A home of the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// `crossdock dev`
    Local,
    /// The stack of template.yaml
    Aws,
}

/// Add an endpoint to the hub file, as it describes itself.
#[derive(Debug, ClapArgs)]
pub(crate) struct Add {
    #[command(subcommand)]
    pub(crate) command: AddCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AddCommand {
    Endpoint(AddEndpoint),
}

/// Add an endpoint and its routes, from what it says of itself.
///
/// Asks URL/endpoint.json what the endpoint does, which messages it wants and which parameters it takes, and shows what that
/// makes of the hub file as a diff. Once you say yes it is written; comments, order and all else stay as they are. Nothing is
/// written that `crossdock check` would refuse.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock add endpoint https://mailer.example.com
  crossdock add endpoint http://127.0.0.1:3000 --name mailer --yes")]
pub(crate) struct AddEndpoint {
    /// The endpoint's URL
    #[arg(value_parser = web_address)]
    pub(crate) url: Url,

    /// What the endpoint is called in the hub [default: what it calls itself]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<EndpointName>,

    /// The hub file [default: hub.yaml in this folder]
    #[arg(long, alias = "file", value_name = "FILE")]
    pub(crate) hub: Option<PathBuf>,

    /// Write without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Write the CloudFormation stacks of a hub: queues, rules, schedules, alarms.
///
/// They hold whatever depends on the hub file, are nested into template.yaml, and are committed. No URL, header, parameter
/// or secret is in them, so the variables that hold those need not be set.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock render                      write infra/generated from infra/hub.yaml
  crossdock render --check              fail where that would change something
  crossdock render --drop ENDPOINT      let an endpoint go that was not drained
  crossdock render --package hub.json   the hub as it goes into a function's package")]
pub(crate) struct Render {
    /// The hub file
    #[arg(long, value_name = "FILE", default_value = "infra/hub.yaml")]
    pub(crate) hub: PathBuf,

    /// Where the stacks are written
    #[arg(long, value_name = "FOLDER", default_value = "infra/generated")]
    pub(crate) out: PathBuf,

    /// Write nothing, and fail where what is there is stale
    #[arg(long)]
    pub(crate) check: bool,

    /// Let this endpoint go although it was not drained, and with it whatever waits in its queue
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) drop: Vec<EndpointName>,

    /// Write the hub itself instead, as JSON for a function's package; every variable of the file must be set
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "check", "drop"])]
    pub(crate) package: Option<PathBuf>,
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
}

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

    #[command(flatten)]
    pub(crate) place: Where,
}

fn time(text: &str) -> Result<Timestamp, String> {
    parse_time(TimeFormat::Rfc3339, &text.into()).map_err(|expected| format!("expected {expected} or a day"))
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
    pub(crate) place: Where,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_hub_runs() {
        assert_eq!("local".parse(), Ok(On::Local));
        for wrong in ["", "aws", "here", "local:x", "gcp:shop"] {
            assert_eq!(wrong.parse::<On>(), Err("expected local, or aws: and the name of a stack"), "{wrong}");
        }
        #[cfg(feature = "aws")]
        {
            assert_eq!("aws:shop".parse(), Ok(On::Aws("shop".to_owned())));
            assert!("aws:".parse::<On>().is_err());
        }
        #[cfg(not(feature = "aws"))]
        assert_eq!("aws:shop".parse::<On>(), Err("this command was built without AWS; build it with --features aws"));
    }
}
