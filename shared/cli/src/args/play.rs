//! Commands that run something on this machine: the hub, an endpoint, the sample.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args as ClapArgs;
use crossdock_core::id::{SecretName, WebhookId};
use ipnet::IpNet;
use url::Url;

use super::{
    Which,
    values::{path, secret_header, web_address},
};

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
  crossdock listen --forward http://127.0.0.1:3000 --record deliveries
  crossdock listen --forward http://127.0.0.1:7420 --record webhooks    in front of `crossdock dev`

`crossdock replay` sends again what was recorded, and compares the answers.")]
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

/// Send recorded requests again, and compare the answers.
///
/// Takes what `crossdock listen --record` kept: the endpoint's deliveries, or a provider's webhooks. Each request is sent
/// again, in the order in which it came, and its answer must have the status that was recorded; where `listen` answered by
/// itself, any 2xx is good. Exit code 1 where one differs. Recordings hold no credentials: signatures are made anew, and
/// other credentials are named here. A webhook gets what was recorded at its path; what is left out is said.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock replay deliveries --to http://127.0.0.1:3000
  crossdock replay deliveries --to http://127.0.0.1:3000 --sign hub-secret --secret-header 'X-Api-Key: books-key'
  crossdock replay webhooks --webhook shop-orders
  crossdock replay webhooks --webhook shop-orders --recorded-at /")]
pub(crate) struct Replay {
    /// Recordings, or folders of them
    #[arg(value_name = "FILE", required = true)]
    pub(crate) recordings: Vec<PathBuf>,

    /// The service, each request's path appended; with --webhook the hub [default: the one that runs on this state]
    #[arg(long, value_name = "URL", required_unless_present = "webhook", value_parser = web_address)]
    pub(crate) to: Option<Url>,

    /// Send them to this webhook, signed as its provider would
    #[arg(long, value_name = "WEBHOOK")]
    pub(crate) webhook: Option<WebhookId>,

    /// Send what was recorded at this path to the webhook too, such as / where `listen` was reached without one; may be given
    /// more than once [default: only what was recorded at /webhooks/WEBHOOK]
    #[arg(long, value_name = "PATH", requires = "webhook", value_parser = path)]
    pub(crate) recorded_at: Vec<String>,

    /// Sign them as a hub signs deliveries, with the secret of that name; its value is in CROSSDOCK_SECRET_NAME
    #[arg(long, value_name = "SECRET", conflicts_with = "webhook")]
    pub(crate) sign: Option<SecretName>,

    /// Send a header that holds the secret of that name, such as 'X-Api-Key: books-key'; may be given more than once
    #[arg(long = "secret-header", value_name = "NAME: SECRET", value_parser = secret_header)]
    pub(crate) secret_headers: Vec<(String, SecretName)>,

    /// Open a private network that the service is in, such as 10.20.0.0/16
    #[arg(long = "network", value_name = "CIDR")]
    pub(crate) networks: Vec<IpNet>,

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
