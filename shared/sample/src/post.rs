//! A message as it arrives at an endpoint: a POST in the hub's own format (`docs/contract.md` §2 and §5).
//!
//! What kind of message it is, an endpoint knows from the path it came to, and what it is about from the payload, whose
//! root names the object's type. No type of message is written down here: a hub may call its orders what it likes.

use std::sync::Arc;

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) webhook_id: Option<String>,
    /// Null where it could not be read.
    pub(crate) body: Arc<Value>,
    /// Why it could not be read.
    pub(crate) fault: Option<String>,
}

impl Post {
    pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let (body, fault) = match serde_json::from_slice(body) {
            Ok(value @ Value::Object(_)) => (value, None),
            Ok(other) => (Value::Null, Some(format!("found {}, expected a message, an object", kind(&other)))),
            Err(error) => (Value::Null, Some(format!("the body is not JSON: {error}"))),
        };
        Self { webhook_id: header(headers, "webhook-id"), body: Arc::new(body), fault }
    }

    /// The message's type, to be shown and not to be understood.
    pub(crate) fn message(&self) -> Option<&str> {
        self.body["message"].as_str()
    }

    pub(crate) fn version(&self) -> Option<u64> {
        self.body["object"]["version"].as_u64()
    }

    /// What the payload calls the object: of a versioned object its type, otherwise the payload's only root.
    pub(crate) fn root(&self) -> Option<&str> {
        let payload = self.body["payload"].as_object()?;
        match self.body["object"]["type"].as_str() {
            Some(object_type) => payload.contains_key(object_type).then_some(object_type),
            None if payload.len() == 1 => payload.keys().next().map(String::as_str),
            None => None,
        }
    }

    /// The object itself: as this message saw it where it is versioned, as it was sent where it is not.
    pub(crate) fn object(&self) -> Option<&Value> {
        let object = &self.body["payload"][self.root()?];
        Some(object.get("actual").unwrap_or(object))
    }

    /// The object's id: of a versioned object as the hub knows it, otherwise its number.
    pub(crate) fn object_id(&self) -> Option<&str> {
        self.body["object"]["id"].as_str().or_else(|| self.object()?["number"].as_str())
    }

    /// What the route sends along under this name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Value> {
        let parameters = self.body["parameters"].as_array()?;
        Some(&parameters.iter().find(|parameter| parameter["name"] == name)?["value"])
    }
}

pub(crate) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// What an endpoint answers.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body }
    }

    pub(crate) fn ok(summary: impl Into<String>) -> Self {
        Self::new(StatusCode::OK, json!({"summary": summary.into()}))
    }

    pub(crate) fn refused(status: StatusCode, why: impl Into<String>) -> Self {
        Self::new(status, json!({"error": why.into()}))
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(body: &Value) -> Post {
        Post::read(&HeaderMap::new(), body.to_string().as_bytes())
    }

    #[test]
    fn a_message_is_about_the_object_its_payload_names() {
        let check = |body: Value, root: Option<&str>, id: Option<&str>, state: Option<&str>| {
            let post = post(&body);
            assert_eq!(post.root(), root, "{body}");
            assert_eq!(post.object_id(), id, "{body}");
            assert_eq!(post.object().and_then(|object| object["state"].as_str()), state, "{body}");
        };
        let versioned = json!({"type": "purchase", "id": "R1", "version": 1});
        let payload = json!({"purchase": {"actual": {"number": "R1", "state": "complete"}, "current": {}}});
        check(json!({"object": versioned, "payload": payload}), Some("purchase"), Some("R1"), Some("complete"));
        let child = json!({"type": "payment", "id": "P1", "version": 1});
        let payload = json!({"payment": {"actual": {"state": "paid"}}, "order": {"actual": {"number": "R1"}}});
        check(json!({"object": child, "payload": payload}), Some("payment"), Some("P1"), Some("paid"));
        let follow_up = json!({"parcel": {"number": "H1", "state": "gone"}});
        check(json!({"object": null, "payload": follow_up}), Some("parcel"), Some("H1"), Some("gone"));
        check(json!({"payload": {"a": {"number": "1"}, "b": {}}}), None, None, None);
        check(json!({"payload": "text"}), None, None, None);
        check(json!({}), None, None, None);
    }

    #[test]
    fn parameters_are_found_by_name() {
        let post = post(&json!({"parameters": [{"name": "a", "value": 1}, {"name": "b", "value": [2]}]}));
        assert_eq!(post.parameter("b"), Some(&json!([2])));
        assert_eq!(post.parameter("c"), None);
    }

    #[test]
    fn what_is_no_message_says_why() {
        let check = |body: &str, expected: &str| {
            let fault = Post::read(&HeaderMap::new(), body.as_bytes()).fault.unwrap();
            assert!(fault.contains(expected), "{fault}");
        };
        check("[]", "found an array");
        check("{", "not JSON");
        check("", "not JSON");
    }
}
