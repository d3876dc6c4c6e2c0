//! A remote collection: one that is read through an endpoint of the hub, because its source has no list that could be
//! (contract §3; `docs/adr/0030-remote-collections.md`).
//!
//! The hub POSTs `<type>:poll` to the endpoint, with the parameters of the answer before; the endpoint answers with
//! objects, and with new parameters. Those are the bookmark: they are a cursor that is made to come back to, so that the
//! walk, the lease and the order of storing are those of any feed. An answer's messages and notifications are stored
//! before the bookmark moves too, each under an id that follows from where it was said and what it says: asking again
//! after a crash repeats none of them.
//!
//! Deliberately absent: `delay` and `update_url`, because the interval says when to ask again.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    error::PollError,
    page::{Onward, Page},
    walk::At,
};
use crate::{
    Timestamp,
    answer::{self, Answer, Scope},
    dispatch::{AskError, Question, ask},
    hub::{Collection, Hub, Parameter, Remote},
    id::{ContentHash, EndpointName, Epoch, MessageId, MessageType, RouteName},
    json::canonical,
    message::Message,
    object::SetAside,
    port::{EndpointResponse, Home, HttpError, PortError, VersionStore},
    retry::retry_after,
};

/// Of the parameters that are the bookmark, names and values as JSON.
const MOST_BYTES: usize = 64 * 1024;
/// Of an answer that is none, in the error; characters.
const WORDS: usize = 80;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    #[error("the endpoint {endpoint} is paused: {reason}")]
    Paused { endpoint: EndpointName, reason: String },
    #[error("the endpoint {endpoint} cannot be asked: {error}")]
    Unasked { endpoint: EndpointName, error: HttpError },
    #[error("the endpoint {endpoint} answered {status}")]
    Status { endpoint: EndpointName, status: u16 },
    #[error("the endpoint {endpoint} answered {status} and asks to wait for {}s", wait.as_secs())]
    Wait { endpoint: EndpointName, status: u16, wait: Duration },
    #[error(
        "the endpoint {endpoint} answered with no JSON object, expected {{\"{collection}\": [...], \"parameters\": {{...}}}}; \
         the answer begins with {words:?}"
    )]
    NoObject { endpoint: EndpointName, collection: String, words: String },
    #[error(
        "the endpoint {endpoint} answered 206 without changing a parameter, so that the next answer would be the same"
    )]
    NoProgress { endpoint: EndpointName },
    #[error("the endpoint {endpoint} gave parameters of {bytes} bytes, expected at most {MOST_BYTES}")]
    TooMuch { endpoint: EndpointName, bytes: usize },
}

impl RemoteError {
    pub(super) fn wait(&self) -> Option<Duration> {
        if let Self::Wait { wait, .. } = self { Some(*wait) } else { None }
    }

    /// The endpoint forgets what the parameters before meant.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Status { status: 410, .. })
    }
}

/// The page behind `at`, and the endpoint's own time where it tells it.
pub(super) async fn page<H: Home>(
    home: &H,
    hub: &Hub,
    collection: &Collection,
    rule: &Remote,
    at: &At,
) -> Result<(Page, Option<String>), PollError> {
    let known = if let At::Cursor(Value::Object(known)) = at { known.clone() } else { Map::new() };
    let name = &rule.endpoint;
    let endpoint =
        hub.endpoints.get(name).ok_or_else(|| PortError::permanent(format!("the hub has no endpoint {name}")))?;
    let now = home.clock().now();
    let epoch = home.store().epoch().await?;
    let message = question(epoch, hub, collection, home.random().bytes(), now)?;
    let question = Question {
        hub,
        endpoint,
        path: &rule.path,
        parameters: &rule.parameters,
        known: &known.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        name: RouteName::new(collection.key.collection.as_str())
            .map_err(|error| PortError::permanent(error.to_string()))?,
        message: &message,
        most: hub.limits.page,
    };
    let response = ask(home, question).await.map_err(|error| match error {
        AskError::Port(error) => PollError::Port(error),
        AskError::Secret(error) => PollError::Secret(error),
        AskError::Http(error) => RemoteError::Unasked { endpoint: name.clone(), error }.into(),
        AskError::Paused(paused) => RemoteError::Paused { endpoint: name.clone(), reason: paused.reason }.into(),
    })?;
    let date = response.header("date").map(str::to_owned);
    let page = read(epoch, hub, collection, rule, &known, &response, home.clock().now())?;
    Ok((page, date))
}

/// What is asked is not what was asked before, whatever the parameters: each has an id of its own.
fn question(
    epoch: Epoch,
    hub: &Hub,
    collection: &Collection,
    random: [u8; 16],
    now: Timestamp,
) -> Result<Message, PortError> {
    let kind = MessageType::new(&format!("{}:poll", collection.object_type));
    let kind = kind.map_err(|error| PortError::permanent(error.to_string()))?;
    let payload = json!({"poll": {"collection": collection.key.collection}});
    let id = MessageId::of_poll(epoch, &collection.key, &random);
    Ok(Message::beginning(id, kind, &hub.name, &collection.key.source, payload, now))
}

/// `known` are the parameters that were sent.
fn read(
    epoch: Epoch,
    hub: &Hub,
    collection: &Collection,
    rule: &Remote,
    known: &Map<String, Value>,
    response: &EndpointResponse,
    now: Timestamp,
) -> Result<Page, RemoteError> {
    let (endpoint, status) = (rule.endpoint.clone(), response.status);
    if !(200..300).contains(&status) {
        let asked = response.header("retry-after").and_then(|value| retry_after(value, now));
        return Err(match asked {
            Some(wait) if matches!(status, 429 | 503) => RemoteError::Wait { endpoint, status, wait },
            _ => RemoteError::Status { endpoint, status },
        });
    }
    if response.truncated {
        return Err(RemoteError::Unasked { endpoint, error: HttpError::TooLarge(hub.limits.page) });
    }
    let (mut answer, _) = answer::read(response, Scope { hub, source: &collection.key.source });
    if let Some(text) = &answer.text {
        let words = text.chars().take(WORDS).collect();
        return Err(RemoteError::NoObject { endpoint, collection: collection.key.collection.to_string(), words });
    }
    // Whoever answers with all that was sent must not have a secret stored.
    answer.parameters.retain(|(name, _)| !matches!(rule.parameters.get(name), Some(Parameter::Secret(_))));
    let mut bookmark = known.clone();
    bookmark.extend(answer.parameters.drain(..));
    let bytes = Value::Object(bookmark.clone()).to_string().len();
    if bytes > MOST_BYTES {
        return Err(RemoteError::TooMuch { endpoint, bytes });
    }
    let more = status == 206;
    if more && bookmark == *known {
        return Err(RemoteError::NoProgress { endpoint });
    }
    let messages = told(epoch, hub, collection, rule, known, &answer, now);
    let mut page = Page { messages, ..Page::default() };
    for fault in &answer.faults {
        page.unreadable.push(SetAside { at: "answer".to_owned(), reason: fault.clone() });
    }
    for objects in answer.objects {
        match objects.key() == collection.key {
            true => page.items.extend(objects.items),
            false => page.unreadable.push(SetAside {
                at: "answer".to_owned(),
                reason: format!("found objects of {}, expected {} only", objects.key(), collection.key),
            }),
        }
    }
    let next = (!bookmark.is_empty()).then_some(At::Cursor(Value::Object(bookmark)));
    page.onward = Onward { total: None, more: Some(more), next };
    Ok(page)
}

/// The messages and notifications of an answer; their routes are still to be worked out.
fn told(
    epoch: Epoch,
    hub: &Hub,
    collection: &Collection,
    rule: &Remote,
    known: &Map<String, Value>,
    answer: &Answer,
    now: Timestamp,
) -> Vec<Message> {
    let key = &collection.key;
    let follow_ups = answer.messages.iter().map(|asked| (asked.message.clone(), asked.payload.clone()));
    let notifications = answer.notifications.iter().map(|notification| {
        let payload = json!({"notification": {
            "level": notification.level,
            "subject": notification.subject,
            "description": notification.description,
            "endpoint": rule.endpoint,
            "collection": key.collection,
        }});
        (MessageType::notification(notification.level), payload)
    });
    let place = canonical(&Value::Object(known.clone()), &[]);
    let all = follow_ups.chain(notifications).enumerate().map(|(index, (kind, payload))| {
        let said = ContentHash::of(canonical(&payload, &[]).as_bytes());
        let id = MessageId::of_told(epoch, key, &place, index as u64, &kind, &said);
        Message::beginning(id, kind, &hub.name, &collection.key.source, payload, now)
    });
    all.collect()
}

#[cfg(test)]
mod tests;
