//! What an endpoint's answer means (contract §5).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Timestamp,
    id::{MessageType, NotificationLevel},
    json::{DEEPEST, is_too_deep},
    object::record_kind,
    port::EndpointResponse,
};

/// What an answer carried, as the ledger keeps it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<FollowUp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<(String, Value)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notifications: Vec<Notification>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Value>,
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    pub level: NotificationLevel,
    pub subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What an HTTP answer amounts to for the delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Delivered,
    /// Delivered, and the endpoint asks for the same message once more, if its answer changed a parameter.
    AskAgain,
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

/// What decides a verdict besides the answer itself.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Statuses that the endpoint's owner has named as hopeless.
    pub dead_letter_on: &'a [u16],
    /// The id that must be echoed, where the endpoint requires it.
    pub require_ack: Option<&'a str>,
    pub now: Timestamp,
}

pub fn verdict(response: &EndpointResponse, answer: &Answer, acknowledged: Option<&str>, terms: Terms<'_>) -> Verdict {
    let status = response.status;
    let failed = |why: String, retry_after| match terms.dead_letter_on.contains(&status) {
        true => Verdict::DeadLetter { why },
        false => Verdict::Failed { why, retry_after },
    };
    match status {
        200..=299 => match terms.require_ack {
            Some(expected) if acknowledged != Some(expected) => {
                let found = acknowledged.map_or("no message_id".to_owned(), |found| {
                    format!("message_id {:?}", found.chars().take(80).collect::<String>())
                });
                failed(format!("answered {status} with {found}, expected message_id {expected:?}"), None)
            }
            _ if status == 206 && answer.parameters.is_empty() => {
                failed("answered 206 without a parameter to go on with".to_owned(), None)
            }
            _ if status == 206 => Verdict::AskAgain,
            _ => Verdict::Delivered,
        },
        300..=399 => failed(format!("answered {status}; redirects are not followed"), None),
        410 => Verdict::Gone { why: "answered 410: the endpoint is gone".to_owned() },
        429 | 502 | 503 | 504 => failed(format!("answered {status}"), retry_after(response, terms.now)),
        _ => failed(format!("answered {status}"), None),
    }
}

/// Seconds or an HTTP date (RFC 9110 §10.2.3).
fn retry_after(response: &EndpointResponse, now: Timestamp) -> Option<Duration> {
    let value = response.header("retry-after")?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than a number can hold is a long time too.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Duration::try_from(at.duration_since(now)).ok()
}

/// An answer's body, read as far as it can be, and the id it acknowledges. Nothing in a body is an error of the
/// delivery: what cannot be read is named among the faults.
pub fn read(response: &EndpointResponse) -> (Answer, Option<String>) {
    let mut answer = Answer { truncated: response.truncated, ..Answer::default() };
    let body = match serde_json::from_slice::<Value>(&response.body) {
        // What nests deeper could not be read back from the ledger.
        Ok(body @ Value::Object(_)) if is_too_deep(&body) => {
            answer.faults.push(format!("the answer is nested more than {DEEPEST} levels deep"));
            return (answer, None);
        }
        Ok(Value::Object(body)) => body,
        _ => {
            answer.text = text(&response.body);
            return (answer, None);
        }
    };
    let success = (200..300).contains(&response.status);
    for (name, value) in &body {
        match (name.as_str(), value) {
            ("messages", value) if success => messages(value, &mut answer),
            ("messages", _) => answer.faults.push("messages: taken from a 2xx answer only".to_owned()),
            ("parameters", value) => parameters(value, &mut answer),
            ("notifications", value) => notifications(value, &mut answer),
            ("events", Value::Array(events)) => answer.events.clone_from(events),
            ("events", event) => answer.events.push(event.clone()),
            ("summary", Value::String(summary)) => answer.summary = Some(shortened(summary)),
            ("summary", other) => answer.faults.push(unexpected("summary", other, "text")),
            _ => {}
        }
    }
    let acknowledged = ["message_id", "request_id"].iter().find_map(|name| body.get(*name)?.as_str());
    (answer, acknowledged.map(str::to_owned))
}

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
    let payload = item.get("payload").cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let place = u32::try_from(place).map_err(|_| "too many messages".to_owned())?;
    Ok(FollowUp { place, message, payload })
}

/// A list of `{name, value}` or a map.
fn parameters(value: &Value, answer: &mut Answer) {
    match value {
        Value::Object(map) => answer.parameters.extend(map.iter().map(|(name, value)| (name.clone(), value.clone()))),
        value => {
            for (place, item) in each(value).iter().enumerate() {
                match item.get("name").and_then(Value::as_str) {
                    Some(name) if !name.is_empty() => {
                        let value = item.get("value").cloned().unwrap_or(Value::Null);
                        answer.parameters.push((name.to_owned(), value));
                    }
                    _ => answer.faults.push(format!("parameters[{place}]: expected {{\"name\", \"value\"}}")),
                }
            }
        }
    }
}

fn notifications(value: &Value, answer: &mut Answer) {
    for (place, item) in each(value).iter().enumerate() {
        let level = match item.get("level").and_then(Value::as_str) {
            Some("info") | None => NotificationLevel::Info,
            Some("warn" | "warning") => NotificationLevel::Warn,
            Some("error") => NotificationLevel::Error,
            Some(other) => {
                let fault = format!("notifications[{place}]: found level {other:?}, expected info, warn or error");
                answer.faults.push(fault);
                NotificationLevel::Error
            }
        };
        let field = |name: &str| item.get(name).and_then(Value::as_str).map(shortened);
        match field("subject").or_else(|| item.as_str().map(shortened)) {
            Some(subject) => {
                answer.notifications.push(Notification { level, subject, description: field("description") });
            }
            None => answer.faults.push(format!("notifications[{place}]: found no subject")),
        }
    }
}

#[cfg(test)]
mod tests;
