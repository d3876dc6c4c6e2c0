//! CloudEvents 1.0 (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>): structured, as one JSON object;
//! binary, with the attributes as headers `ce-…` and the data as the body; batched, as a list of the first.
//!
//! Only `source` and `id` together are unique (§3.1.1), so both make the event's id.

use serde_json::{Map, Value};

use super::{Opened, Unfit, encoded, other, said, text};

const EXPECTED: &str = "a CloudEvent: {\"specversion\": \"1.0\", \"id\", \"source\", \"type\"}";
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];

pub(super) fn is_structured(body: &Value) -> bool {
    REQUIRED.iter().all(|field| text(body, field).is_some())
}

pub(super) fn is_binary(header: &dyn Fn(&str) -> Option<String>) -> bool {
    header("ce-specversion").is_some()
}

pub(super) fn is_batch(header: &dyn Fn(&str) -> Option<String>) -> bool {
    header("content-type").is_some_and(|found| media_type(&found) == "application/cloudevents-batch+json")
}

pub(super) fn structured(mut body: Value) -> Result<Opened, Unfit> {
    if !is_structured(&body) {
        return Err(other(&body, EXPECTED));
    }
    version(text(&body, "specversion").unwrap_or_default())?;
    let (id, kind) = (said(&body, "id"), said(&body, "type"));
    let (id, source) = (required(id, "id")?, required(said(&body, "source"), "source")?);
    let is_json = text(&body, "datacontenttype").is_none_or(is_json);
    let data = match (body.get_mut("data").map(Value::take), text(&body, "data_base64")) {
        (Some(Value::String(data)), _) if is_json => inside(data)?,
        (Some(data), _) => data,
        (None, Some(data)) => {
            encoded::text(data).map_err(|problem| Unfit::Content { place: "data_base64", problem })?
        }
        // An event may be without data (§3.2): then it is what it says of itself, and no envelope any more.
        (None, None) => {
            if let Value::Object(attributes) = &mut body {
                attributes.remove("specversion");
            }
            body
        }
    };
    Ok(Opened { id: Some(unique(&source, &id)), kind, body: data, attributes: Map::new() })
}

pub(super) fn binary(header: &dyn Fn(&str) -> Option<String>, body: Value) -> Result<Opened, Unfit> {
    let value = |name: &str| header(name).map(|value| decoded(&value)).filter(|value| !value.is_empty());
    version(&required(value("ce-specversion"), "ce-specversion")?)?;
    let id = required(value("ce-id"), "ce-id")?;
    let source = required(value("ce-source"), "ce-source")?;
    let kind = required(value("ce-type"), "ce-type")?;
    Ok(Opened { id: Some(unique(&source, &id)), kind: Some(kind), body, attributes: Map::new() })
}

/// Some senders write the data as text that is JSON; any other text is the data.
fn inside(data: String) -> Result<Value, Unfit> {
    Ok(encoded::text(&data).unwrap_or(Value::String(data)))
}

/// A URI has no spaces, so no two pairs are written alike.
fn unique(source: &str, id: &str) -> String {
    format!("{source} {id}")
}

fn version(found: &str) -> Result<(), Unfit> {
    // §3.1.1: 1.0 is also what 1.0.1 and 1.0.2 write.
    if found == "1.0" || found.starts_with("1.0.") {
        return Ok(());
    }
    Err(Unfit::Content { place: "specversion", problem: "found another version, expected 1.0".to_owned() })
}

fn required(found: Option<String>, place: &'static str) -> Result<String, Unfit> {
    found.ok_or_else(|| Unfit::Content { place, problem: "found nothing, expected text".to_owned() })
}

fn media_type(found: &str) -> String {
    found.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(content_type: &str) -> bool {
    let found = media_type(content_type);
    found.ends_with("/json") || found.ends_with("+json")
}

/// Attributes are percent-encoded in headers (HTTP binding §3.1.3.2). What is not is left as it stands.
fn decoded(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| first == b'%') {
            Some(byte) => {
                decoded.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| value.to_owned())
}
