//! What the hub *is*: `hub.yaml`, read, checked as a whole, and resolved into [`Hub`].
//!
//! ```text
//! text ─parse─▶ tree ─expand─▶ tree ─decode─▶ description ─resolve─▶ Hub
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
mod decode;
mod description;
mod expand;
mod fault;
mod model;
mod parse;
mod resolve;
mod scalar;
mod template;
mod tree;
mod values;

#[cfg(test)]
mod tests;

pub(crate) use self::fault::did_you_mean;
use self::{
    decode::Decode,
    description::HubFile,
    fault::{Place, Report},
};
pub use self::{
    fault::{Fault, Faults},
    model::*,
};

/// A hub without faults.
#[derive(Debug, Clone)]
pub struct LoadedHub {
    pub hub: Hub,
    /// What is allowed and probably not meant.
    pub notes: Vec<Fault>,
}

/// Reads a hub file. `file` is only for messages; `lookup` gives environment variables.
///
/// # Errors
/// Every fault of the file, at least one, in the order of the file.
pub fn load(file: &str, text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<LoadedHub, Faults> {
    let mut report = Report::new(file, text);
    let hub = parse::parse(text, lookup, &mut report).and_then(|root| {
        let description = HubFile::decode(&root, &mut report)?;
        resolve::resolve(&root, &description, &mut report)
    });
    match hub {
        Some(hub) if report.is_clean() => Ok(LoadedHub { hub, notes: report.into_notes() }),
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
