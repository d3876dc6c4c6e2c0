//! What other systems put around a webhook's body, taken off again (contract §6).
//!
//! An envelope names the event (id, type) and holds what it is about; envelopes nest: a commercetools notification in a
//! CloudEvent in a Pub/Sub push is three of them. [`Envelope::Auto`] takes off one layer after the other for as long as it
//! recognises one; any other kind takes off that one alone, and a body without it is refused.
//!
//! How `auto` recognises a layer, first that fits, on the body or on what the layer before held:
//!
//! | envelope | it is one where |
//! |---|---|
//! | CloudEvents 1.0, binary | there is a header (in a Pub/Sub push: an attribute) `ce-specversion` |
//! | CloudEvents 1.0, structured | `specversion`, `id`, `source` and `type` are text |
//! | CloudEvents 1.0, batched | the content type is `application/cloudevents-batch+json` |
//! | Pub/Sub push | `subscription` is text, and `message` an object with `messageId` |
//! | SNS | `Type` is `Notification` or `SubscriptionConfirmation`, and `TopicArn` is text |
//! | EventBridge | `detail-type` and `source` are text, and there is `detail` |
//! | commercetools, Platform format | `notificationType` is text, and `projectKey` or `resourceType` too |
//!
//! No body is two of them by accident: each mark is a name that the others do not have. A body that is none of them is the
//! event itself.
//!
//! The innermost id is the event's, because an outer one is new whenever something on the way sends again; so is the
//! innermost type, because it says most. Where a layer names none, the one around it counts.
//!
//! Everything here is a function of its arguments. Proving where an event comes from is done before, over the bytes as they
//! came; deciding what becomes of it is done after. Deliberately absent: SNS over HTTP, which has a handshake and
//! certificates of its own.

mod cloudevents;
mod commercetools;
mod encoded;
mod eventbridge;
mod pubsub;
mod sns;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub(super) use encoded::plain;

use crate::object::record_kind;

/// Layers around one event: SNS around EventBridge around CloudEvents around a notification.
const MOST_LAYERS: usize = 4;

/// Which envelopes a webhook takes off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Envelope {
    /// The body is the event.
    None,
    /// Whatever is recognised.
    #[default]
    Auto,
    CloudEvents,
    PubSub,
    Sns,
    EventBridge,
    /// A commercetools notification in Platform format.
    Commercetools,
}

/// What is left when the envelopes are off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same however often the event is sent.
    pub id: Option<String>,
    /// What happened, as the sender calls it. Of commercetools: `<resource type>.<notification or message type>`, such as
    /// `order.ResourceUpdated` or `order.OrderStateChanged`.
    pub kind: Option<String>,
    pub body: Value,
    /// Where the envelope itself says what the event is about.
    pub subject: Option<Subject>,
    /// Sent to try the way out: to be answered, and nothing else.
    pub test: bool,
}

impl Event {
    fn bare(body: Value) -> Self {
        Self { id: None, kind: None, body, subject: None, test: false }
    }
}

/// The object that an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its type, as the sender calls it: `order`. A collection of that `type` is its own.
    pub resource: String,
    pub id: String,
    pub object: Object,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// The event has all of it.
    Whole(Value),
    /// To be fetched.
    Thin,
    /// Gone, with what the event still says of it: id, version and its other names.
    Deleted(Value),
}

/// Why an envelope could not be taken off; never with more of the body than a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("found {found}, expected {expected}")]
    Other { found: String, expected: &'static str },
    #[error("{place}: {problem}")]
    Content { place: &'static str, problem: String },
    #[error("found more than {MOST_LAYERS} envelopes around each other")]
    TooMany,
}

/// A layer that was taken off: what it says of the event, and what was inside.
struct Opened {
    id: Option<String>,
    kind: Option<String>,
    body: Value,
    /// What stood beside the body as headers do.
    attributes: Map<String, Value>,
}

/// The events in a body, of which `header` looks up the headers that came with it, by lower-case name. One, but for a batch of
/// CloudEvents.
///
/// # Errors
/// The envelope that was named is not there, or one that was recognised cannot be read.
pub fn unwrap(kind: Envelope, header: &dyn Fn(&str) -> Option<String>, body: Value) -> Result<Vec<Event>, Unfit> {
    match kind {
        Envelope::None => Ok(vec![Event::bare(body)]),
        Envelope::Auto => match body {
            Value::Array(items) if cloudevents::is_batch(header) => {
                // Headers are of the batch; none says anything of one of its events.
                items.into_iter().map(|item| every_layer(&|_| None, item)).collect()
            }
            body => Ok(vec![every_layer(header, body)?]),
        },
        Envelope::CloudEvents => match body {
            Value::Array(items) if cloudevents::is_batch(header) => {
                items.into_iter().map(|item| Ok(opened(cloudevents::structured(item)?))).collect()
            }
            body if cloudevents::is_binary(header) => Ok(vec![opened(cloudevents::binary(header, body)?)]),
            body => Ok(vec![opened(cloudevents::structured(body)?)]),
        },
        Envelope::PubSub => Ok(vec![opened(pubsub::open(body)?)]),
        Envelope::Sns => Ok(vec![opened(sns::open(&body)?)]),
        Envelope::EventBridge => Ok(vec![opened(eventbridge::open(body)?)]),
        Envelope::Commercetools => Ok(vec![commercetools::read(body)?]),
    }
}

/// As [`unwrap`], of an event that a bus handed on: EventBridge's own envelope is always around it, whatever `kind` says of what
/// is inside.
///
/// # Errors
/// As [`unwrap`].
pub fn unwrap_from_bus(
    kind: Envelope,
    header: &dyn Fn(&str) -> Option<String>,
    body: Value,
) -> Result<Vec<Event>, Unfit> {
    if matches!(kind, Envelope::Auto | Envelope::EventBridge) {
        return unwrap(kind, header, body);
    }
    let Opened { id, kind: detail_type, body, .. } = eventbridge::open(body)?;
    let mut events = unwrap(kind, &|_| None, body)?;
    for event in &mut events {
        event.id = event.id.take().or_else(|| id.clone());
        event.kind = event.kind.take().or_else(|| detail_type.clone());
    }
    Ok(events)
}

fn opened(layer: Opened) -> Event {
    Event { id: layer.id, kind: layer.kind, ..Event::bare(layer.body) }
}

/// Takes off layers for as long as one is recognised.
fn every_layer(header: &dyn Fn(&str) -> Option<String>, body: Value) -> Result<Event, Unfit> {
    let (mut id, mut kind, mut body) = (None, None, body);
    let mut attributes: Option<Map<String, Value>> = None;
    for _ in 0..=MOST_LAYERS {
        let beside = |name: &str| match &attributes {
            Some(attributes) => attributes.get(name).and_then(Value::as_str).map(str::to_owned),
            None => header(name),
        };
        let layer = if cloudevents::is_binary(&beside) {
            cloudevents::binary(&beside, body)?
        } else if cloudevents::is_structured(&body) {
            cloudevents::structured(body)?
        } else if pubsub::is(&body) {
            pubsub::open(body)?
        } else if sns::is(&body) {
            sns::open(&body)?
        } else if eventbridge::is(&body) {
            eventbridge::open(body)?
        } else if commercetools::is(&body) {
            let event = commercetools::read(body)?;
            return Ok(Event { kind: event.kind.or(kind), id: event.id.or(id), ..event });
        } else {
            return Ok(Event { id, kind, ..Event::bare(body) });
        };
        id = layer.id.or(id);
        kind = layer.kind.or(kind);
        body = layer.body;
        attributes = Some(layer.attributes);
    }
    Err(Unfit::TooMany)
}

/// The text at a field of an object.
fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body.get(field).and_then(Value::as_str)
}

/// As [`text`], where an empty one says nothing.
fn said(body: &Value, field: &str) -> Option<String> {
    text(body, field).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The fault of a body that is not the envelope that was asked for.
fn other(body: &Value, expected: &'static str) -> Unfit {
    let found = match body {
        Value::Object(fields) => {
            let names: Vec<&str> = fields.keys().map(String::as_str).take(5).collect();
            let more = if fields.len() > names.len() { ", …" } else { "" };
            format!("an object with {names:?}{more}")
        }
        body => record_kind(body).to_owned(),
    };
    Unfit::Other { found, expected }
}
