//! Commands that write, check and render the hub file.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use crossdock_core::{
    id::{EndpointName, SecretName, SourceName},
    json::FieldPath,
};
use ipnet::IpNet;
use url::Url;

use super::values::{header, secret_header, web_address};
use crate::redact;

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

fn plain_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = header(text)?;
    if redact::is_secret(&name) {
        let hint = "carries a credential, which does not belong into a file: put it into an environment variable \
                    CROSSDOCK_SECRET_NAME and say";
        return Err(format!("{name} {hint} --secret-header '{name}: NAME'"));
    }
    Ok((name, value))
}

/// Find everything that is wrong with a hub file.
///
/// Every fault in one run, as file:line:column with what was found, what was expected and what may have been meant. Exit
/// code 1 where there is one. Notes say what is no fault and may not be meant; for this machine also which secrets are not set.
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
