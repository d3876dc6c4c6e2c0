//! What the hub *is*: `hub.yaml`, read, checked as a whole, and resolved into [`Hub`].
//!
//! ```text
//! text ─parse─▶ tree ─expand─▶ tree ─presets─▶ tree ─decode─▶ description ─resolve─▶ Hub
//!                                               ▲
//!                              JSON, compiled from such a tree
//! ```
//!
//! Every fault of a file is found in one run, each at its line and column: a step works on whatever the one before
//! could make out, and only a text that is not YAML at all ends it early. Unknown keys are faults. Nothing is templated
//! but `${NAME}` and `${NAME:-default}` in values. A message never shows what a variable holds.
//!
//! Deliberately absent: reading files and the environment (the caller does), secrets (a hub file only names them), and
//! what one home cannot do (`check --target`).

mod address;
mod alternatives;
mod coming_in;
mod compiled;
mod decode;
mod description;
pub mod edit;
mod expand;
mod fault;
mod model;
pub mod offer;
mod outline;
mod parse;
mod places;
mod presets;
mod resolve;
mod scalar;
mod template;
mod tree;
mod values;
mod webhook;

#[cfg(test)]
mod tests;

use self::{
    decode::Decode,
    description::HubFile,
    expand::Variables,
    fault::{Place, Report},
};
use crate::webhook::Schema;

pub use self::{
    fault::{Fault, Faults, did_you_mean},
    model::*,
    places::Places,
    webhook::*,
};

/// A hub without faults.
#[derive(Debug, Clone)]
pub struct LoadedHub {
    pub hub: Hub,
    /// What is allowed and probably not meant.
    pub notes: Vec<Fault>,
    /// Where everything stands, for checks of the caller's own.
    pub places: Places,
}

/// A hub file without faults, ready to travel to where it runs.
#[derive(Debug, Clone)]
pub struct Compiled {
    pub loaded: LoadedHub,
    /// For [`load_compiled`]. Holds what variables held.
    pub text: String,
}

/// Reads a hub file. `file` is only for messages; `lookup` gives environment variables.
///
/// # Errors
/// Every fault of the file, at least one, in the order of the file.
pub fn load(file: &str, text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<LoadedHub, Faults> {
    load_file(file, text, &Variables { lookup, stand_in: |_| None }).map(|(loaded, _)| loaded)
}

/// As [`load`], for what is made of a hub without asking or telling anybody: a variable that is not set and only says how
/// requests look (a URL, a header, a parameter, a name sent to a token server) stands for something of the right shape.
///
/// # Errors
/// As [`load`]; a variable that is missing anywhere else is a fault.
pub fn load_outline(file: &str, text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<LoadedHub, Faults> {
    load_file(file, text, &Variables { lookup, stand_in: outline::stand_in }).map(|(loaded, _)| loaded)
}

/// A hub file with its presets in it, as JSON: what there would be to write without them. Variables stand as they are
/// written.
///
/// # Errors
/// As [`load_outline`].
pub fn effective(file: &str, text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, Faults> {
    let (loaded, root) = load_file(file, text, &Variables { lookup, stand_in: outline::stand_in })?;
    serde_json::to_string_pretty(&presets::effective(root).to_json()).map_err(|error| unwritable(&loaded, &error))
}

/// As [`load`], and gives the hub as one JSON text too, variables expanded.
///
/// # Errors
/// As [`load`].
pub fn compile(file: &str, text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Compiled, Faults> {
    let (loaded, root) = load_file(file, text, &Variables { lookup, stand_in: |_| None })?;
    let text = serde_json::to_string(&root).map_err(|error| unwritable(&loaded, &error))?;
    Ok(Compiled { loaded, text })
}

fn unwritable(loaded: &LoadedHub, error: &serde_json::Error) -> Faults {
    Faults(vec![loaded.places.fault("", error.to_string(), None)])
}

/// The hub that was compiled into `text`, the same to its hash. Nothing is expanded again.
///
/// # Errors
/// The text is not what [`compile`] gave, or was compiled by another version of it.
pub fn load_compiled(text: &str) -> Result<Hub, Faults> {
    let mut report = Report::new("hub.json", text);
    let root = match serde_json::from_str::<tree::Node>(text) {
        Ok(mut root) => {
            parse::finish(&mut root, String::new(), None, &mut report);
            Some(root)
        }
        Err(error) => {
            let place = Place { line: error.line(), column: error.column(), ..Place::default() };
            report.fault(&place, format!("expected a compiled hub: {error}"));
            None
        }
    };
    read(root, report).map(|(hub, ..)| hub)
}

fn load_file(file: &str, text: &str, variables: &Variables<'_>) -> Result<(LoadedHub, tree::Node), Faults> {
    let mut report = Report::new(file, text);
    let mut root = parse::parse(text, variables, &mut report);
    if let Some(root) = &mut root {
        presets::apply(root, &mut report);
    }
    let (hub, root, mut report) = read(root, report)?;
    look_at_schemas(&hub, &root, &mut report);
    if !report.is_clean() {
        return Err(report.into_faults());
    }
    let places = Places::of(file, &root);
    Ok((LoadedHub { hub, notes: report.into_notes(), places }, root))
}

/// Looked at where a file is read, and not again where the hub travels to: most functions never take in an event, and need
/// nothing that compiles a schema.
fn look_at_schemas(hub: &Hub, root: &tree::Node, report: &mut Report) {
    for webhook in hub.webhooks.values() {
        let written = root.get("webhooks").and_then(|webhooks| webhooks.get(webhook.id.as_str())?.get("schema"));
        let fault = webhook.schema.as_ref().and_then(Schema::fault);
        if let (Some(node), Some(fault)) = (written, fault) {
            report.fault(&node.place, format!("expected a JSON Schema: {fault}"));
        }
    }
}

/// The hub of a tree; `None`: there is none, and the report says why.
fn read(root: Option<tree::Node>, mut report: Report) -> Result<(Hub, tree::Node, Report), Faults> {
    let hub = root.and_then(|root| {
        let description = HubFile::decode(&root, &mut report)?;
        Some((resolve::resolve(&root, &description, &mut report)?, root))
    });
    match hub {
        Some((hub, root)) if report.is_clean() => Ok((hub, root, report)),
        _ => {
            if report.is_clean() {
                report.fault(&Place::default(), "this file could not be made into a hub");
            }
            Err(report.into_faults())
        }
    }
}

/// The JSON Schema (draft 7, which editors understand best) of a hub file, from the types it is read into.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<HubFile>();
    schema.insert("title".to_owned(), "Crossdock hub".into());
    schema.to_value()
}
