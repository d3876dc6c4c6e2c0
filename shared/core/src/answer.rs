//! What an endpoint's answer means (contract §5).

mod delay;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Timestamp,
    id::MessageType,
    json::{DEEPEST, is_too_deep, without_byte_order_mark},
    object::{Since, record_kind},
    port::EndpointResponse,
    retry::retry_after,
};

mod objects;
mod telling;

pub use objects::{Objects, Scope};
pub use telling::Notification;

/// What an answer carried, as the ledger keeps it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<FollowUp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Objects>,
    /// The heads of those objects when the answer came, until they are tracked.
    #[serde(default, skip_serializing_if = "Since::is_empty")]
    pub since: Since,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<(String, Value)>,
    /// All that the answers of the round said so far, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notifications: Vec<Notification>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Value>,
    /// Ask again after so many seconds: what was accepted is not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<u32>,
    /// Where to ask; `None`: deliver the same again. Only with a delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// A body that is not a JSON object, kept as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The body was longer than the limit and was cut.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Parts that could not be read, each with its place and reason; they harm nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FollowUp {
    /// Position in the answer, part of the new message's id.
    pub place: u32,
    pub message: MessageType,
    pub payload: Value,
}

/// What an HTTP answer amounts to for the delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Delivered,
    /// Delivered, and the endpoint asks for the same message once more, if its answer changed a parameter.
    AskAgain,
    /// Delivered, and there is more to come: ask after the answer's `delay`.
    NotFinished,
    /// To be tried again; `retry_after` only ever delays.
    Failed {
        why: String,
        retry_after: Option<Duration>,
    },
    /// No retry will mend it.
    DeadLetter {
        why: String,
    },
    /// The endpoint is gone: pause it, and dead-letter this.
    Gone {
        why: String,
    },
}

impl Verdict {
    /// Nothing of it will be said again.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Delivered | Self::AskAgain | Self::NotFinished)
    }
}

/// What decides a verdict besides the answer itself.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Statuses that the endpoint's owner has named as hopeless.
    pub dead_letter_on: &'a [u16],
    /// The id that must be echoed, where the endpoint requires it.
    pub require_ack: Option<&'a str>,
    pub now: Timestamp,
}

/// `acknowledged` are the ids that the answer echoes.
pub fn verdict(response: &EndpointResponse, answer: &Answer, acknowledged: &[String], terms: Terms<'_>) -> Verdict {
    let status = response.status;
    let failed = |why: String, retry_after| match terms.dead_letter_on.contains(&status) {
        true => Verdict::DeadLetter { why },
        false => Verdict::Failed { why, retry_after },
    };
    match status {
        200..=299 => match terms.require_ack {
            Some(expected) if acknowledged.iter().all(|found| found != expected) => {
                let found = match acknowledged {
                    [] => "no message_id".to_owned(),
                    found => format!("message_id {}", found.join(" and ").chars().take(80).collect::<String>()),
                };
                failed(format!("answered {status} with {found}, expected message_id {expected}"), None)
            }
            _ if answer.delay.is_some() => Verdict::NotFinished,
            _ if status == 206 && answer.parameters.is_empty() => {
                failed("answered 206 without a parameter to go on with".to_owned(), None)
            }
            _ if status == 206 => Verdict::AskAgain,
            _ => Verdict::Delivered,
        },
        300..=399 => failed(format!("answered {status}; redirects are not followed"), None),
        410 => Verdict::Gone { why: "answered 410: the endpoint is gone".to_owned() },
        429 | 502 | 503 | 504 => {
            let asked = response.header("retry-after").and_then(|value| retry_after(value, terms.now));
            failed(format!("answered {status}"), asked)
        }
        _ => failed(format!("answered {status}"), None),
    }
}

/// An answer's body, read as far as it can be, and the ids it acknowledges: a mail service may have a `message_id` of its
/// own and echo ours as `request_id`. Nothing in a body is an error of the delivery: what cannot be read is named among
/// the faults.
pub fn read(response: &EndpointResponse, scope: Scope<'_>) -> (Answer, Vec<String>) {
    let mut answer = Answer { truncated: response.truncated, ..Answer::default() };
    let bytes = without_byte_order_mark(&response.body);
    let body = match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(body)) => body,
        read => {
            answer.text = text(bytes);
            // What was meant to be read and cannot be is worth a word: messages may be lost with it.
            if let Err(error) = read
                && bytes.trim_ascii_start().starts_with(b"{")
            {
                answer.faults.push(format!("the body is no whole JSON object: {error}"));
            }
            return (answer, Vec::new());
        }
    };
    let success = (200..300).contains(&response.status);
    for (name, value) in &body {
        match (name.as_str(), value) {
            ("messages", value) if success => messages(value, &mut answer),
            ("messages", value) if !each(value).is_empty() => {
                answer.faults.push("messages: taken from a 2xx answer only".to_owned());
            }
            ("parameters", value) => parameters(value, &mut answer),
            ("notifications", value) => telling::notifications(value, &mut answer),
            ("events", value) => events(value, &mut answer),
            ("summary", Value::String(summary)) => answer.summary = Some(shortened(summary)),
            ("summary", Value::Null) => {}
            ("summary", other) => answer.faults.push(unexpected("summary", other, "text")),
            (ECHO | ECHO_WOMBAT | "delay" | "update_url", _) => {}
            (name, value) => objects::objects(name, value, success, scope, &mut answer),
        }
    }
    delay::read(&body, success, &mut answer);
    let acknowledged = [ECHO, ECHO_WOMBAT].iter().filter_map(|name| body.get(*name)?.as_str());
    let acknowledged = acknowledged.map(str::to_owned).collect();
    (answer, acknowledged)
}

/// Where an answer says which message it is to.
const ECHO: &str = "message_id";
const ECHO_WOMBAT: &str = "request_id";

/// How much of a text answer or summary the ledger keeps, in characters.
const KEPT_TEXT: usize = 1_000;

fn text(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    (!text.is_empty()).then(|| shortened(text))
}

fn shortened(text: &str) -> String {
    text.chars().take(KEPT_TEXT).collect()
}

fn unexpected(at: &str, found: &Value, expected: &str) -> String {
    format!("{at}: found {}, expected {expected}", record_kind(found))
}

/// What the ledger could not read back would hold up the endpoint's other deliveries.
fn deep(at: &str) -> String {
    format!("{at}: nested more than {DEEPEST} levels deep")
}

/// One object where a list is meant is a list of one.
fn each(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        Value::Null => &[],
        single => std::slice::from_ref(single),
    }
}

fn messages(value: &Value, answer: &mut Answer) {
    for (place, item) in each(value).iter().enumerate() {
        match follow_up(place, item) {
            Ok(follow_up) => answer.messages.push(follow_up),
            Err(fault) => answer.faults.push(format!("messages[{place}]: {fault}")),
        }
    }
}

fn follow_up(place: usize, item: &Value) -> Result<FollowUp, String> {
    let message = match item.get("message") {
        Some(Value::String(text)) => MessageType::new(text).map_err(|error| error.to_string())?,
        Some(other) => return Err(unexpected("message", other, "a message type such as order:new")),
        None => return Err("found no \"message\", expected a message type such as order:new".to_owned()),
    };
    let payload = item.get("payload").cloned().unwrap_or_else(|| Value::Object(Map::new()));
    if is_too_deep(&payload) {
        return Err(deep("payload"));
    }
    let place = u32::try_from(place).map_err(|_| "too many messages".to_owned())?;
    Ok(FollowUp { place, message, payload })
}

/// A list of `{name, value}`, one of them, or a map.
fn parameters(value: &Value, answer: &mut Answer) {
    let is_one = |map: &Map<String, Value>| {
        map.len() == 2 && map.contains_key("value") && map.get("name").is_some_and(Value::is_string)
    };
    match value {
        Value::Object(map) if !is_one(map) => {
            for (name, value) in map {
                parameter(&format!("parameters.{name}"), name, value.clone(), answer);
            }
        }
        value => {
            for (place, item) in each(value).iter().enumerate() {
                let at = format!("parameters[{place}]");
                match item.get("name") {
                    Some(Value::String(name)) => {
                        parameter(&at, name, item.get("value").cloned().unwrap_or(Value::Null), answer);
                    }
                    Some(other) => answer.faults.push(unexpected(&format!("{at}.name"), other, "text")),
                    None if item.is_object() => answer.faults.push(format!("{at}: found no name")),
                    None => answer.faults.push(unexpected(&at, item, "{\"name\", \"value\"}")),
                }
            }
        }
    }
}

fn parameter(at: &str, name: &str, value: Value, answer: &mut Answer) {
    if name.is_empty() {
        answer.faults.push(format!("{at}: the name is \"\""));
    } else if is_too_deep(&value) {
        answer.faults.push(deep(at));
    } else {
        answer.parameters.push((name.to_owned(), value));
    }
}

fn events(value: &Value, answer: &mut Answer) {
    for (place, event) in each(value).iter().enumerate() {
        match is_too_deep(event) {
            true => answer.faults.push(deep(&format!("events[{place}]"))),
            false => answer.events.push(event.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
