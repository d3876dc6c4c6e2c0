//! From an answer, or the want of one, to what is recorded.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::bounds::bound_parameters;
use crate::{
    Timestamp,
    answer::{self, Answer, FollowUp, Notification, Scope, Terms, Verdict},
    hub::{Endpoint, Parameter, Route},
    id::{ContentHash, DeliveryKey, Epoch, MessageId, MessageType},
    message::{Envelope, Message},
    port::{Delivery, EndpointResponse, HttpError},
};

/// Places of notifications among an answer's messages start here, so that they never share an id with a follow-up.
const NOTIFICATIONS_FROM: u32 = 1 << 31;
/// How often one message may be asked for again.
pub(crate) const MOST_ROUNDS: u32 = 1_000;

/// What an attempt came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub verdict: Verdict,
    pub status: Option<u16>,
    pub answer: Option<Answer>,
}

/// What an answer is an answer to.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub endpoint: &'a Endpoint,
    pub scope: Scope<'a>,
    pub key: &'a DeliveryKey,
    pub route: &'a Route,
    /// Went with the request; `None`: none did, because it was asked at another origin than the endpoint's.
    pub sent: Option<&'a BTreeMap<&'a str, &'a Value>>,
    /// What the endpoint has written back before.
    pub current: &'a BTreeMap<String, Value>,
}

impl Outcome {
    pub(super) fn of(result: Result<EndpointResponse, HttpError>, asked: &Asked<'_>, now: Timestamp) -> Self {
        let response = match result {
            Ok(response) => response,
            Err(error) => return Self::failed(error.to_string()),
        };
        let (mut answer, acknowledged) = answer::read(&response, asked.scope);
        // Whoever answers with all that was sent must not have a secret stored, and nobody gives one another value.
        answer.parameters.retain(|(name, _)| !matches!(asked.route.parameters.get(name), Some(Parameter::Secret(_))));
        bound_parameters(&mut answer, asked.current);
        answer.check_update_url(asked.endpoint);
        let id = asked.key.message.to_string();
        let terms = Terms {
            dead_letter_on: &asked.endpoint.dead_letter_on,
            require_ack: asked.endpoint.require_ack.then_some(id.as_str()),
            now,
        };
        let verdict = match answer::verdict(&response, &answer, &acknowledged, terms) {
            Verdict::AskAgain => ask_again(&answer, asked),
            verdict => verdict,
        };
        Self { verdict, status: Some(response.status), answer: Some(answer) }
    }

    /// No answer came.
    pub(super) fn failed(why: String) -> Self {
        Self { verdict: Verdict::Failed { why, retry_after: None }, status: None, answer: None }
    }
}

/// Asking again makes sense while the answers change something: of what was sent, or of what is known where nothing was.
fn ask_again(answer: &Answer, asked: &Asked<'_>) -> Verdict {
    // The last of a name is the one that is written back.
    let written: BTreeMap<&str, &Value> =
        answer.parameters.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let before = |name: &str| match asked.sent {
        Some(sent) => sent.get(name).copied(),
        None => asked.current.get(name),
    };
    let progress = written.iter().any(|(name, value)| before(name) != Some(*value));
    let failed = |why: &str| Verdict::Failed { why: why.to_owned(), retry_after: None };
    match progress {
        false => failed("answered 206 without changing a parameter"),
        true if asked.key.round >= MOST_ROUNDS => failed("answered 206 in 1,000 rounds"),
        true => Verdict::AskAgain,
    }
}

/// What tells one notification of a delivery from another is what it says, and how often the same answer has said it
/// before: the same said again at a retry is no news, something else is.
fn said(notification: &Notification, before: usize) -> u32 {
    let text = json!([notification.level, notification.subject, notification.description, before]).to_string();
    let hash = ContentHash::of(text.as_bytes()).0;
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) >> 1
}

/// The messages an answer asks for, lineage and all; their routes are still to be worked out.
pub(super) fn follow_ups(
    epoch: Epoch,
    parent: &Envelope,
    delivery: &Delivery,
    answer: &Answer,
    now: Timestamp,
) -> Vec<Message> {
    let key = &delivery.key;
    let lineage = parent.answered(&key.route);
    let follow = |place: u32, message: MessageType, payload: Value| Message {
        message_id: MessageId::of_follow_up(epoch, parent.message_id, &key.route, key.round, place, &message),
        message,
        hub: parent.hub.clone(),
        source: parent.source.clone(),
        created_at: now,
        trace_id: lineage.trace_id.clone(),
        parent_id: Some(lineage.parent),
        parent_route: Some(lineage.route.clone()),
        hops: lineage.hops,
        object: None,
        keys: BTreeMap::new(),
        payload,
        previous: None,
        changes: None,
        routes: Vec::new(),
    };
    // After a failure a retry will say what is to follow: its messages have the same places and so the same ids.
    let failed = delivery.attempts.last().is_some_and(|attempt| attempt.failure.is_some());
    let asked: &[FollowUp] = if failed { &[] } else { &answer.messages };
    let messages = asked.iter().map(|asked| follow(asked.place, asked.message.clone(), asked.payload.clone()));
    let notifications = answer.notifications.iter().enumerate().map(|(index, notification)| {
        let before = answer.notifications[..index].iter().filter(|other| other.says_the_same(notification)).count();
        let place = NOTIFICATIONS_FROM | said(notification, before);
        let payload = json!({"notification": {
            "level": notification.level,
            "subject": notification.subject,
            "description": notification.description,
            "endpoint": delivery.endpoint,
            "route": key.route,
            "message_id": parent.message_id,
            "message": parent.message,
        }});
        follow(place, MessageType::notification(notification.level), payload)
    });
    messages.chain(notifications).collect()
}

/// How long an entry of a paused endpoint stays hidden: briefly at first, so that resuming is soon felt.
pub(super) fn paused_wait(since: Timestamp, now: Timestamp) -> Duration {
    let paused_for = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    if paused_for < Duration::from_secs(3600) { Duration::from_secs(60) } else { Duration::from_secs(1800) }
}

#[cfg(test)]
mod tests;
