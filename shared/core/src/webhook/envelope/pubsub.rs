//! What Google Pub/Sub puts around a message that it pushes, with wrapping
//! (<https://cloud.google.com/pubsub/docs/push#receive_push>): `data` is Base64, `attributes` are text.

use serde_json::{Map, Value};

use super::{Opened, Unfit, encoded, other, said, text};

const EXPECTED: &str = "a Pub/Sub push: {\"message\": {\"messageId\", \"data\"}, \"subscription\"}";

pub(super) fn is(body: &Value) -> bool {
    text(body, "subscription").is_some() && body.get("message").is_some_and(|message| id(message).is_some())
}

pub(super) fn open(body: Value) -> Result<Opened, Unfit> {
    if !is(&body) {
        return Err(other(&body, EXPECTED));
    }
    let mut message = match body {
        Value::Object(mut fields) => fields.remove("message").unwrap_or_default(),
        _ => Value::Null,
    };
    let attributes = match message.get_mut("attributes").map(Value::take) {
        Some(Value::Object(attributes)) => attributes,
        _ => Map::new(),
    };
    let body = match message.get("data") {
        // A message may be its attributes alone.
        None | Some(Value::Null) => Value::Object(attributes.clone()),
        Some(Value::String(data)) if data.is_empty() => Value::Object(attributes.clone()),
        Some(Value::String(data)) => {
            encoded::text(data).map_err(|problem| Unfit::Content { place: "message.data", problem })?
        }
        Some(data) => return Err(Unfit::Content { place: "message.data", problem: not_text(data) }),
    };
    Ok(Opened { id: id(&message), kind: None, body, attributes })
}

/// Pub/Sub itself writes both names.
fn id(message: &Value) -> Option<String> {
    said(message, "messageId").or_else(|| said(message, "message_id"))
}

fn not_text(data: &Value) -> String {
    format!("found {}, expected Base64", crate::object::record_kind(data))
}
