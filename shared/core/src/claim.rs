//! The claim check: a message that is too large for a bus goes without what nobody on its way looks at, and is fetched
//! from the store where it arrives (contract §2).
//!
//! What stays is who and what the message is about, and every field that a filter of the hub names. So each filter
//! answers as it would on the whole message. `payload_ref` says that something is missing; it is the id under which the
//! store has all of it.
//!
//! Deliberately absent: a place of its own for large payloads. The store keeps every message for as long as a delivery of
//! it can be asked for (contract §5, retention).

use serde_json::{Map, Value, json};

use crate::{
    id::MessageId,
    message::{Carried, Message},
    route::Router,
};

/// What an entry is known by, besides what filters name: all of [`crate::message::Envelope`], and what people look for.
const KEPT: [&str; 11] = [
    "message_id",
    "message",
    "hub",
    "source",
    "created_at",
    "trace_id",
    "parent_id",
    "parent_route",
    "hops",
    "object",
    "routes",
];

#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error(
        "message {message} is too large for the bus: it takes {room} bytes, and what the hub's filters look at makes \
         {bytes}; let them look at less, or shorten what is at their paths"
    )]
    TooLarge { message: MessageId, bytes: usize, room: usize },
    #[error("message {message} cannot be written as an event")]
    Unwritable { message: MessageId, source: serde_json::Error },
}

/// The message as JSON for a bus with room for so many bytes: whole where that fits, else pruned.
///
/// # Errors
/// [`ClaimError::TooLarge`]: not even pruned.
pub fn detail(message: &Message, router: &Router, room: usize) -> Result<String, ClaimError> {
    let unwritable = |source| ClaimError::Unwritable { message: message.message_id, source };
    let whole = serde_json::to_string(message).map_err(unwritable)?;
    if whole.len() <= room {
        return Ok(whole);
    }
    let pruned = prune(message, router).map_err(unwritable)?.to_string();
    if pruned.len() <= room {
        return Ok(pruned);
    }
    Err(ClaimError::TooLarge { message: message.message_id, bytes: pruned.len(), room })
}

/// For a queue, behind every filter: no more than what it takes to fetch the message.
///
/// # Errors
/// The message cannot be written as JSON.
pub fn reference(message: &Message) -> serde_json::Result<Carried> {
    serde_json::from_value(claim(&message.bus_event()?, message.message_id, Map::new()))
}

/// The same of a message on its way.
///
/// # Errors
/// The message is no JSON object.
pub fn reference_to(message: &Carried) -> serde_json::Result<Carried> {
    let detail: Value = serde_json::from_str(message.text())?;
    serde_json::from_value(claim(&json!({ "detail": detail }), message.envelope.message_id, Map::new()))
}

/// The detail of the message's event, with only what is needed to route and fetch it.
fn prune(message: &Message, router: &Router) -> serde_json::Result<Value> {
    let event = message.bus_event()?;
    let looked_at = match router.looked_at(&event).get_mut("detail").map(Value::take) {
        Some(Value::Object(detail)) => detail,
        _ => Map::new(),
    };
    Ok(claim(&event, message.message_id, looked_at))
}

fn claim(event: &Value, id: MessageId, mut detail: Map<String, Value>) -> Value {
    let known = KEPT.iter().filter_map(|name| Some(((*name).to_owned(), event.get("detail")?.get(name)?.clone())));
    detail.extend(known);
    detail.insert("payload_ref".to_owned(), id.to_string().into());
    Value::Object(detail)
}

#[cfg(test)]
mod tests;
