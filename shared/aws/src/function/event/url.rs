//! A request to a Function URL and its answer, payload format 2.0 (`lambda/latest/dg/urls-invocation.html`).

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use crossdock_core::{
    incoming::{Answer, Body, Request},
    webhook::proof::Headers,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::function::Failure;

#[derive(Debug)]
pub struct UrlRequest {
    method: String,
    path: String,
    query: String,
    /// Names in lower case; AWS joins the values of one name by commas.
    headers: BTreeMap<String, String>,
    /// `None`: it was said to be Base64 and is not.
    body: Option<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    request_context: Context,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
struct Context {
    http: Http,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

/// # Errors
/// This is no request.
pub fn read(event: Value) -> Result<UrlRequest, Failure> {
    let shape: Shape = serde_json::from_value(event)
        .map_err(|error| Failure::Event(super::wrong("a request to a Function URL, format 2.0", &error)))?;
    let body = shape.body.unwrap_or_default();
    let body = if shape.is_base64_encoded { STANDARD.decode(body).ok() } else { Some(body.into_bytes()) };
    Ok(UrlRequest {
        method: shape.request_context.http.method,
        path: shape.raw_path,
        query: shape.raw_query_string,
        headers: shape.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
        body,
    })
}

impl UrlRequest {
    pub fn body(&self) -> Body<'_> {
        self.body.as_deref().map_or(Body::Broken, Body::of)
    }
}

impl Request for UrlRequest {
    fn method(&self) -> &str {
        &self.method
    }
    fn path(&self) -> &str {
        &self.path
    }
}

impl Headers for UrlRequest {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(name).map(String::as_bytes)
    }
    fn query(&self) -> Option<&str> {
        Some(&self.query).filter(|query| !query.is_empty()).map(String::as_str)
    }
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UrlAnswer {
    status_code: u16,
    headers: BTreeMap<&'static str, &'static str>,
    body: String,
    is_base64_encoded: bool,
}

impl From<Answer> for UrlAnswer {
    fn from(answer: Answer) -> Self {
        let json = [("content-type", "application/json")];
        Self {
            status_code: answer.status,
            headers: json.into_iter().chain(answer.headers.iter().copied()).collect(),
            body: answer.body,
            is_base64_encoded: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request() -> Value {
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/push/my-store",
            "rawQueryString": "",
            "headers": {"content-type": "application/json", "Authorization": "Bearer t"},
            "requestContext": {"http": {"method": "POST", "path": "/push/my-store"}, "timeEpoch": 1_795_255_200_000_u64},
            "body": "{}",
            "isBase64Encoded": false,
        })
    }

    #[test]
    fn a_request_as_aws_sends_it() {
        let request = read(request()).unwrap();
        assert_eq!((request.method(), request.path()), ("POST", "/push/my-store"));
        assert_eq!(request.header("authorization"), Some(&b"Bearer t"[..]), "however its name is written");
        assert_eq!(request.header("idempotency-key"), None);
        assert!(matches!(request.body(), Body::Whole(b"{}")));
    }

    #[test]
    fn bodies() {
        let with = |body: Value, encoded: bool| {
            let mut event = request();
            event["body"] = body;
            event["isBase64Encoded"] = json!(encoded);
            read(event).unwrap()
        };
        assert!(matches!(with(json!("eyJhIjogMX0="), true).body(), Body::Whole(br#"{"a": 1}"#)));
        assert!(matches!(with(json!("not base64!"), true).body(), Body::Broken));
        assert!(matches!(with(json!(null), false).body(), Body::Whole(b"")));
        assert!(matches!(with(json!("x".repeat(1024 * 1024)), false).body(), Body::Whole(_)));
        assert!(matches!(with(json!("x".repeat(1024 * 1024 + 1)), false).body(), Body::TooLong));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let check = |event: Value, expected: &str| {
            let error = read(event).unwrap_err().to_string();
            assert_eq!(error, format!("{expected}, expected a request to a Function URL, format 2.0"));
        };
        check(json!({"Records": []}), "found no \"rawPath\"");
        check(json!({"rawPath": "/"}), "found no \"requestContext\"");
        // Format 1.0, of a REST API.
        check(json!({"path": "/", "httpMethod": "POST", "body": "secret"}), "found no \"rawPath\"");
        check(json!({"rawPath": {"secret": 1}}), "found other types");
    }

    #[test]
    fn an_answer_as_aws_reads_it() {
        let answer = Answer { status: 405, headers: &[("allow", "POST")], body: "{}".to_owned() };
        let expected = json!({
            "statusCode": 405, "headers": {"content-type": "application/json", "allow": "POST"}, "body": "{}",
            "isBase64Encoded": false,
        });
        assert_eq!(json!(UrlAnswer::from(answer)), expected);
    }
}
