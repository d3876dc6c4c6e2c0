//! What an endpoint says of itself: `GET <its URL>/endpoint.json` (`docs/endpoint-description.md`). `crossdock add
//! endpoint` reads it and proposes the endpoint and its routes.
//!
//! It was written by a stranger, so it is data throughout: names are checked as names, texts stay texts, and nothing in it
//! is expanded. Read as a hub file is, so every fault is found in one run, each with its path.
//!
//! Deliberately absent: anything that is looked up again later. What was added is the hub file's from then on.

use std::{borrow::Cow, collections::BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::Value;

use super::{
    address::ServicePath,
    decode::{At, AtLeastOne, Decode, choice, described},
    description::FilterPart,
    fault::{Fault, Place, Report},
    parse::finish,
    tree::Node,
    values::{Flag, Json, VARIABLE},
};
use crate::{
    id::{EndpointName, RouteName},
    pattern::{Combine, TypePattern},
};

described! {
    /// What an endpoint says of itself at endpoint.json below its URL.
    OfferFile {
        /// For editors: this schema.
        optional "$schema" schema: At<String>,
        /// What the endpoint is called in hubs that do not say otherwise.
        required "name" name: EndpointName,
        /// What it does, in a line.
        optional "description" description: At<String>,
        /// What can be sent to it.
        required "services" services: AtLeastOne<At<ServicePart>>,
    }

    /// One thing that the endpoint does; a route of the hub.
    ServicePart {
        /// What its route is called.
        required "name" name: RouteName,
        /// Where messages are sent, below the endpoint's URL.
        optional "path" path: ServicePath,
        /// What it does, in a line.
        optional "description" description: At<String>,
        /// The types of messages it wants; `*` at the end stands for the rest of a type.
        required "messages" messages: AtLeastOne<TypePattern>,
        /// Conditions on a message that the endpoint recommends.
        optional "filters" filters: Vec<Condition>,
        /// Whether all filters must hold (default) or any.
        optional "match" combine: Combine,
        /// What is sent with every message.
        optional "parameters" parameters: Vec<At<OfferedPart>>,
    }

    /// A value that is sent with every message of a service.
    OfferedPart {
        /// The parameter's name.
        required "name" name: At<String>,
        /// What it is for, in a line.
        optional "description" description: At<String>,
        /// What kind of value it is; string by default.
        optional "type" kind: Kind,
        /// Whether the service cannot do without it; false by default.
        optional "required" required: Flag,
        /// The value that a route is given at first. Not of a secret.
        optional "default" default: Json,
        /// All values that it may have. Not of a secret.
        optional "values" values: AtLeastOne<Json>,
    }
}

/// A filter, which goes into the hub file as it came once it has been read for its faults.
#[derive(Debug, Clone)]
pub(crate) struct Condition(Value);

impl Decode for Condition {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        FilterPart::decode(node, report)?;
        Some(Self(node.to_json()))
    }
}

impl JsonSchema for Condition {
    fn inline_schema() -> bool {
        FilterPart::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        FilterPart::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        FilterPart::json_schema(generator)
    }
}

/// What kind of value a parameter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    String,
    Number,
    Boolean,
    /// Of records, such as a lookup table.
    List,
    /// A text that only the hub's secrets hold.
    Secret,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Secret => "secret",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::String | Self::Secret => value.is_string(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::List => value.is_array(),
        }
    }
}

impl Decode for Kind {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let kinds = [Self::String, Self::Number, Self::Boolean, Self::List, Self::Secret];
        choice(node, "a type", &kinds.map(|kind| (kind.as_str(), kind)), report)
    }
}

impl JsonSchema for Kind {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Kind".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": ["string", "number", "boolean", "list", "secret"]})
    }
}

/// An endpoint's own proposal, every part of it sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub name: EndpointName,
    pub description: Option<String>,
    /// At least one.
    pub services: Vec<Service>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    pub name: RouteName,
    /// Below the endpoint's URL; may be empty.
    pub path: String,
    pub description: Option<String>,
    /// As a route has them.
    pub messages: Vec<String>,
    /// As a route has them; a hub file's check has the last word on each.
    pub filters: Vec<Value>,
    /// One of several is enough.
    pub any: bool,
    pub parameters: Vec<Offered>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Offered {
    pub name: String,
    pub description: Option<String>,
    pub kind: Kind,
    pub required: bool,
    pub default: Option<Value>,
    pub values: Vec<Value>,
}

/// Something wrong with a description; `path` is empty for all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct OfferFault {
    pub path: String,
    pub message: String,
}

/// Reads a description.
///
/// # Errors
/// Every fault of it, at least one.
pub fn read(description: &Value) -> Result<Offer, Vec<OfferFault>> {
    let mut report = Report::new("", "");
    let mut root = Node::of_json(description);
    // Nothing is expanded: there are no variables in what a stranger wrote.
    finish(&mut root, String::new(), None, &mut report);
    let offer = OfferFile::decode(&root, &mut report).and_then(|file| offer(file, &mut report));
    match offer {
        Some(offer) if report.is_clean() => Ok(offer),
        _ => Err(report.into_faults().0.into_iter().map(fault).collect()),
    }
}

fn fault(Fault { path, message, suggestion, .. }: Fault) -> OfferFault {
    let message = suggestion.map_or_else(|| message.clone(), |suggestion| format!("{message}; {suggestion}"));
    OfferFault { path, message }
}

fn offer(file: OfferFile, report: &mut Report) -> Option<Offer> {
    // The schema's address is the editor's business.
    let OfferFile { schema: _schema, name, description, services: parts } = file;
    let mut names = BTreeSet::new();
    let mut services = Vec::new();
    for At { place, value: part, .. } in parts.map(|AtLeastOne(parts)| parts).unwrap_or_default() {
        if let Some(name) = &part.name
            && !names.insert(name.clone())
        {
            report.fault(&place, format!("two services are called {name}"));
        }
        services.extend(service(part, report));
    }
    Some(Offer { name: name?, description: description.map(|text| text.value), services })
}

fn service(part: ServicePart, report: &mut Report) -> Option<Service> {
    let mut names = BTreeSet::new();
    let mut parameters = Vec::new();
    for At { place, value: part, .. } in part.parameters.unwrap_or_default() {
        if let Some(name) = &part.name
            && !names.insert(name.value.clone())
        {
            report.fault(&name.place, format!("two parameters are called {}", name.shown));
        }
        parameters.extend(offered(&place, part, report));
    }
    let messages = part.messages?.0.into_iter().map(|message| match message {
        TypePattern::Exact(exact) => exact,
        TypePattern::Prefix(beginning) => format!("{beginning}*"),
    });
    Some(Service {
        name: part.name?,
        path: part.path.unwrap_or_default().0,
        description: part.description.map(|text| text.value),
        messages: messages.collect(),
        filters: part.filters.unwrap_or_default().into_iter().map(|Condition(filter)| filter).collect(),
        any: part.combine == Some(Combine::Any),
        parameters,
    })
}

fn offered(place: &Place, part: OfferedPart, report: &mut Report) -> Option<Offered> {
    let name = part.name?;
    if name.value.is_empty() || name.value.len() > 60 || name.value.contains(|c: char| c.is_control()) {
        report.fault(&name.place, format!("expected a parameter's name of 1 to 60 characters, found {}", name.shown));
    }
    // It becomes a key of the hub file, where no variable may be.
    if name.value.contains("${") {
        report.fault(&name.place, format!("expected a name without ${{, found {}", name.shown));
    }
    let kind = part.kind.unwrap_or(Kind::String);
    let default = part.default.map(|Json(value)| value);
    let values: Vec<Value> =
        part.values.map(|AtLeastOne(values)| values).unwrap_or_default().into_iter().map(|Json(value)| value).collect();
    if kind == Kind::Secret && (default.is_some() || !values.is_empty()) {
        report.fault(place, "a secret has no default and no values: the hub's own secrets hold it");
    }
    let kind_of = |value: &Value| if kind.fits(value) { None } else { Some(format!("expected a {}", kind.as_str())) };
    for (what, value) in
        default.iter().map(|value| ("default", value)).chain(values.iter().map(|value| ("values", value)))
    {
        if let Some(expected) = kind_of(value) {
            report.fault(place, format!("{expected} in {what}, found {}", Node::of_json(value).found()));
        }
    }
    if default.as_ref().is_some_and(|default| !values.is_empty() && !values.contains(default)) {
        report.fault(place, "the default is none of the values");
    }
    Some(Offered {
        name: name.value,
        description: part.description.map(|text| text.value),
        kind,
        required: part.required.is_some_and(|flag| flag.0),
        default,
        values,
    })
}

/// The JSON Schema (draft 7) of a description, from the types it is read into.
pub fn json_schema() -> Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<OfferFile>();
    schema.insert("title".to_owned(), "Crossdock endpoint description".into());
    let mut schema = schema.to_value();
    without_variables(&mut schema);
    schema
}

/// Where a hub file may have a variable in place of a value, a description may not.
fn without_variables(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let plain = fields.get("anyOf").and_then(Value::as_array).and_then(|ways| match ways.as_slice() {
                [plain, variable] if variable["pattern"] == VARIABLE => Some(plain.clone()),
                _ => None,
            });
            if let Some(Value::Object(plain)) = plain {
                fields.remove("anyOf");
                fields.extend(plain);
            }
            if let Some(Value::String(pattern)) = fields.get_mut("pattern")
                && let Some(plain) = pattern.strip_suffix(&format!("|{VARIABLE}"))
            {
                *pattern = plain.to_owned();
            }
            fields.values_mut().for_each(without_variables);
        }
        Value::Array(items) => items.iter_mut().for_each(without_variables),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
