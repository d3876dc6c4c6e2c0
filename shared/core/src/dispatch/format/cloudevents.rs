//! `cloudevents`: CloudEvents 1.0 in structured mode (<https://github.com/cloudevents/spec>, JSON format and HTTP binding).
//!
//! `data` is the body of the `crossdock` format, so that nothing is lost and a service reads the same fields in both. `id`
//! is the `webhook-id`: consumers drop a second event with one `source` and `id`, and a further round of a delivery must
//! not be dropped. `traceparent` comes from the distributed tracing extension.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Told, crossdock};

#[derive(Serialize)]
struct Attributes<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: &'a RawValue,
    datacontenttype: &'static str,
    traceparent: &'a str,
}

pub(super) fn body(told: Told<'_>) -> Result<String, serde_json::Error> {
    #[derive(Deserialize)]
    struct Created<'a> {
        #[serde(borrow)]
        created_at: &'a RawValue,
    }
    let envelope = &told.message.envelope;
    let Created { created_at } = serde_json::from_str(told.message.text())?;
    let attributes = Attributes {
        specversion: "1.0",
        id: told.key.webhook_id(),
        // A reference to be resolved against nothing: it only has to be the same for one source of one hub.
        source: format!("/{}/{}", envelope.hub, envelope.source),
        message: envelope.message.as_str(),
        subject: envelope.object.as_ref().map(|object| printable(&format!("{}/{}", object.collection, object.id))),
        time: created_at,
        datacontenttype: "application/json",
        traceparent: told.traceparent,
    };
    let mut event = serde_json::to_string(&attributes)?;
    let data = crossdock::body(told)?;
    // Before the brace that ends the attributes.
    event.pop();
    event.push_str(",\"data\":");
    event.push_str(&data);
    event.push('}');
    Ok(event)
}

/// CloudEvents 1.0 §3.1 ("String") has no control characters; an object's id may have any.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
