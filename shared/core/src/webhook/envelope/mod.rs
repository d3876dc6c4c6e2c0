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

use crate::{
    json::{Body, Item},
    object::record_kind,
};

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

    /// What this one says around them, said of each of the items. They have one id, so their places tell them apart.
    fn over(&self, items: Vec<Item>) -> Vec<Read> {
        let are_several = items.len() > 1;
        let with_place = |id: &String, place: usize| if are_several { format!("{id}/{place}") } else { id.clone() };
        let read = |(place, item): (usize, Item)| {
            let id = self.id.as_ref().map(|id| with_place(id, place));
            match item {
                Ok(body) => Ok(Event { id, kind: self.kind.clone(), test: self.test, ..Event::bare(body) }),
                Err(why) => Err(Unread { id, why }),
            }
        };
        items.into_iter().enumerate().map(read).collect()
    }
}

/// One event, or what is known of it where it cannot be read.
pub type Read = Result<Event, Unread>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// As of [`Event`].
    pub id: Option<String>,
    /// Never with more of the event than a name.
    pub why: String,
}

impl From<Unfit> for Unread {
    fn from(unfit: Unfit) -> Self {
        Self { id: None, why: unfit.to_string() }
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

/// The events in a body, of which `header` looks up the headers that came with it, by lower-case name. Of a list, and of a batch
/// of CloudEvents, each is read by itself: it has its place among the others, also where it cannot be read.
///
/// # Errors
/// There is no event in it: the envelope that was named is not there, or one that was recognised cannot be read.
pub fn unwrap(kind: Envelope, header: &dyn Fn(&str) -> Option<String>, body: Body) -> Result<Vec<Read>, Unfit> {
    let items = match body {
        Body::One(body) => return Ok(each(layers(kind, header, body)?)),
        Body::List(items) => items,
    };
    if matches!(kind, Envelope::Auto | Envelope::CloudEvents) && cloudevents::is_batch(header) {
        // Headers are of the batch; none says anything of one of its events.
        let read = |item: Item| match item {
            Ok(item) => {
                // The batch says that all of it are.
                let kind = if cloudevents::is_structured(&item) { kind } else { Envelope::CloudEvents };
                layers(kind, &|_| None, item).map_or_else(|unfit| vec![Err(unfit.into())], each)
            }
            Err(why) => vec![Err(Unread { id: None, why })],
        };
        return Ok(items.into_iter().flat_map(read).collect());
    }
    // What is said of the list is said of each of its items.
    let around = layers(kind, header, Value::Array(Vec::new()))?;
    Ok(around.over(items))
}

/// As [`unwrap`], of an event that a bus handed on: EventBridge's own envelope is always around it, whatever `kind` says of what
/// is inside.
///
/// # Errors
/// As [`unwrap`].
pub fn unwrap_from_bus(
    kind: Envelope,
    header: &dyn Fn(&str) -> Option<String>,
    body: Body,
) -> Result<Vec<Read>, Unfit> {
    if matches!(kind, Envelope::Auto | Envelope::EventBridge) {
        return unwrap(kind, header, body);
    }
    let body = match body {
        Body::One(body) => body,
        Body::List(_) => Value::Array(Vec::new()),
    };
    let Opened { id, kind: detail_type, body, .. } = eventbridge::open(body)?;
    let mut events = unwrap(kind, &|_| None, body.into())?;
    for event in events.iter_mut().flatten() {
        event.id = event.id.take().or_else(|| id.clone());
        event.kind = event.kind.take().or_else(|| detail_type.clone());
    }
    Ok(events)
}

/// Takes off the envelopes of one event.
fn layers(kind: Envelope, header: &dyn Fn(&str) -> Option<String>, body: Value) -> Result<Event, Unfit> {
    match kind {
        Envelope::None => Ok(Event::bare(body)),
        Envelope::Auto => every_layer(header, body),
        Envelope::CloudEvents if cloudevents::is_binary(header) => Ok(opened(cloudevents::binary(header, body)?)),
        Envelope::CloudEvents => Ok(opened(cloudevents::structured(body)?)),
        Envelope::PubSub => Ok(opened(pubsub::open(body)?)),
        Envelope::Sns => Ok(opened(sns::open(&body)?)),
        Envelope::EventBridge => Ok(opened(eventbridge::open(body)?)),
        Envelope::Commercetools => commercetools::read(body),
    }
}

fn opened(layer: Opened) -> Event {
    Event { id: layer.id, kind: layer.kind, ..Event::bare(layer.body) }
}

/// A list is a list of events.
fn each(mut event: Event) -> Vec<Read> {
    match event.body.take() {
        Value::Array(items) if event.subject.is_none() => event.over(items.into_iter().map(Ok).collect()),
        body => vec![Ok(Event { body, ..event })],
    }
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
