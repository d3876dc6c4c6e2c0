//! One delivery and its answer: as lines for whoever looks on, as JSON for machines and for files.
//!
//! The JSON is enough to send the delivery again: method, path with its query, headers and body. Values of headers,
//! queries and parameters that carry credentials are not in it. In a file the body is what came, byte for byte: a provider
//! signs its layout, and what a name that stands twice means is up to whoever reads it.

use std::{
    collections::BTreeMap,
    fmt,
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
};

use axum::http::{HeaderMap, StatusCode};
use crossdock_core::{Timestamp, id::hex, port::EndpointResponse};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    out::plain,
    redact::{self, REDACTED},
};

/// Characters of a value in a line; the whole of it is in the JSON.
const VALUE_SHOWN: usize = 60;
/// Changes that are listed.
const CHANGES_SHOWN: usize = 20;

/// What the message was answered with.
#[derive(Debug)]
pub(super) enum Answered {
    Got(EndpointResponse),
    /// An answer of ours, which says nothing of any service.
    Own(StatusCode),
    /// Why nothing came back.
    Nothing(String),
}

#[derive(Debug)]
pub(super) struct Exchange {
    at: Timestamp,
    /// The path with its query.
    target: String,
    headers: BTreeMap<String, String>,
    body: Body,
    answer: Answer,
}

/// [`Answered`], without credentials.
#[derive(Debug)]
enum Answer {
    Got { status: u16, headers: BTreeMap<String, String>, body: Body },
    Own(StatusCode),
    Nothing(String),
}

impl Answer {
    fn of(answered: Answered) -> Self {
        match answered {
            Answered::Got(answer) => {
                let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                Self::Got { status: answer.status, headers: shown(headers), body: Body::of(&answer.body) }
            }
            Answered::Own(status) => Self::Own(status),
            Answered::Nothing(why) => Self::Nothing(why),
        }
    }
}

#[derive(Debug)]
enum Body {
    /// Both without credentials.
    Json {
        value: Value,
        text: String,
    },
    Text(String),
    /// No UTF-8.
    Bytes(Vec<u8>),
}

impl Body {
    fn of(bytes: &[u8]) -> Self {
        let Ok(text) = str::from_utf8(bytes) else { return Self::Bytes(bytes.to_vec()) };
        let text = redact::parameters(text, &|_| false).into_owned();
        match serde_json::from_str(&text) {
            Ok(value) => Self::Json { value, text },
            Err(_) => Self::Text(text),
        }
    }

    /// JSON in `body`, or whatever else it was in `text` or, where it was none, in `hex`; nothing where there is nothing.
    fn put_into<'a>(&'a self, parts: &mut Parts<'a>) {
        match self {
            // Blanks around a value are no part of it.
            Self::Json { text, .. } => match serde_json::from_str::<&RawValue>(text) {
                Ok(raw) if raw.get().len() == text.len() => drop(parts.insert("body", Part::Raw(raw))),
                _ => drop(parts.insert("text", Part::of(text.as_str()))),
            },
            Self::Text(text) if text.is_empty() => {}
            Self::Text(text) => drop(parts.insert("text", Part::of(text.as_str()))),
            Self::Bytes(bytes) => drop(parts.insert("hex", Part::of(hex(bytes)))),
        }
    }
}

/// As it stands in a file.
#[derive(Serialize)]
struct Written<'a> {
    at: Timestamp,
    request: Parts<'a>,
    answer: Parts<'a>,
}

type Parts<'a> = BTreeMap<&'static str, Part<'a>>;

#[derive(Serialize)]
#[serde(untagged)]
enum Part<'a> {
    Value(Value),
    /// Byte for byte.
    Raw(&'a RawValue),
}

impl Part<'_> {
    fn of(value: impl Into<Value>) -> Self {
        Self::Value(value.into())
    }
}

impl Exchange {
    pub(super) fn new(at: Timestamp, target: &str, headers: &HeaderMap, body: &[u8], answered: Answered) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())));
        let answer = Answer::of(answered);
        Self { at, target: redact::target(target), headers: shown(headers), body: Body::of(body), answer }
    }

    /// Of what stands twice in a body, the last.
    pub(super) fn to_json(&self) -> Value {
        // Nothing in it can fail to be written.
        serde_json::to_value(self.written()).unwrap_or_default()
    }

    fn written(&self) -> Written<'_> {
        let mut request = Parts::from([
            ("method", Part::of("POST")),
            ("path", Part::of(self.target.as_str())),
            ("headers", Part::Value(json!(self.headers))),
        ]);
        self.body.put_into(&mut request);
        let answer = match &self.answer {
            Answer::Nothing(why) => Parts::from([("error", Part::of(why.as_str()))]),
            Answer::Own(status) => Parts::from([("status", Part::of(status.as_u16())), ("own", Part::of(true))]),
            Answer::Got { status, headers, body } => {
                let mut answer = Parts::from([("status", Part::of(*status)), ("headers", Part::Value(json!(headers)))]);
                body.put_into(&mut answer);
                answer
            }
        };
        Written { at: self.at, request, answer }
    }

    /// A file of its own, named so that files are in the order of arrival.
    pub(super) fn record(&self, folder: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(&self.written())?;
        text.push(b'\n');
        let stem = format!("{}-{}", self.at.strftime("%Y%m%dT%H%M%S.%6fZ"), self.file_name());
        // Two may arrive in one microsecond.
        for place in 0_u32.. {
            let name = if place == 0 { format!("{stem}.json") } else { format!("{stem}-{place}.json") };
            match OpenOptions::new().write(true).create_new(true).open(folder.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => return opened?.write_all(&text),
            }
        }
        Ok(())
    }

    /// The message's type and id, of which only what is safe in the name of a file is taken.
    fn file_name(&self) -> String {
        let id = self.headers.get("webhook-id").map_or("no-id", String::as_str);
        let name = format!("{}-{id}", self.field("message").and_then(Value::as_str).unwrap_or("message"));
        let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
        name.chars().take(100).map(safe).collect()
    }

    /// Of a CloudEvent its data.
    fn message(&self) -> Option<&Value> {
        match &self.body {
            Body::Json { value: event, .. } if event.get("specversion").is_some() => event.get("data"),
            Body::Json { value: message, .. } => Some(message),
            Body::Text(_) | Body::Bytes(_) => None,
        }
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.message()?.get(name).filter(|value| !value.is_null())
    }

    /// In the format of Wombat it is all that is neither id nor parameter; all of it where no hub sent it.
    fn payload(&self) -> Option<Value> {
        let message = self.message()?.as_object()?;
        if !message.contains_key(WOMBAT_ID) {
            let is_message = ["message", "payload"].iter().any(|name| message.contains_key(*name));
            return if is_message { self.field("payload").cloned() } else { self.message().cloned() };
        }
        let roots = message.iter().filter(|(name, _)| ![WOMBAT_ID, "parameters"].contains(&name.as_str()));
        Some(roots.map(|(name, root)| (name.clone(), root.clone())).collect())
    }
}

const WOMBAT_ID: &str = "request_id";

/// By name; what a name has several values for is one list (RFC 9110 §5.3).
fn shown<'a, V: AsRef<str>>(headers: impl Iterator<Item = (&'a str, V)>) -> BTreeMap<String, String> {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = redact::header(name, value.as_ref());
        match shown.get_mut(name) {
            Some(known) if known == REDACTED => {}
            Some(known) => *known = format!("{known}, {value}"),
            None => drop(shown.insert(name.to_owned(), value.to_owned())),
        }
    }
    shown
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.at.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(|text| plain(text).into_owned());
        let unnamed = || if self.field(WOMBAT_ID).is_some() { "request" } else { "no message" }.to_owned();
        let name = text(self.field("message")).unwrap_or_else(unnamed);
        let answer = match &self.answer {
            Answer::Got { status, .. } => status.to_string(),
            Answer::Own(status) => status.as_u16().to_string(),
            Answer::Nothing(why) => format!("502, for there was no answer: {}", plain(why)),
        };
        let object = self.field("object");
        let id = text(object.and_then(|object| object.get("id"))).map(|id| format!(" {id}")).unwrap_or_default();
        write!(f, "{time} {name}{id}  {} → {answer}", plain(&self.target))?;

        if let Some(object) = object {
            let part = |name: &str| object.get(name).filter(|value| !value.is_null()).map(brief).unwrap_or_default();
            write!(f, "\n  object   {} of {}, version {}", part("type"), part("collection"), part("version"))?;
        }
        for change in self.list("changes").iter().take(CHANGES_SHOWN) {
            let side = |name: &str| change.get(name).map_or_else(|| "nothing".to_owned(), brief);
            let path = change.get("path").and_then(Value::as_str).unwrap_or_default();
            write!(f, "\n  changed  {}: {} → {}", plain(path), side("old"), side("new"))?;
        }
        if let Some(more) = self.list("changes").len().checked_sub(CHANGES_SHOWN).filter(|more| *more > 0) {
            write!(f, "\n  changed  and {more} more")?;
        }
        for parameter in self.list("parameters") {
            let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
            write!(f, "\n  with     {} = {}", plain(name), parameter.get("value").map(brief).unwrap_or_default())?;
        }
        for (name, value) in self.field("parameters").and_then(Value::as_object).into_iter().flatten() {
            write!(f, "\n  with     {} = {}", plain(name), brief(value))?;
        }
        match &self.body {
            Body::Text(text) => write!(f, "\n  no JSON  {}", brief(&text.as_str().into())),
            Body::Bytes(bytes) => write!(f, "\n  no UTF-8 {}", brief(&String::from_utf8_lossy(bytes).into())),
            Body::Json { .. } => match self.payload() {
                Some(payload) => {
                    let (payload, same) = without_repeats(payload);
                    write!(f, "\n  payload  {}", format!("{payload:#}").replace('\n', "\n  "))?;
                    same.iter().try_for_each(|name| write!(f, "\n  current  of {}: the same as actual", plain(name)))
                }
                None => Ok(()),
            },
        }
    }
}

impl Exchange {
    fn list(&self, name: &str) -> &[Value] {
        self.field(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// Without each `current` that says what the `actual` beside it says, and where that was: the newest version is mostly the
/// message's own.
fn without_repeats(mut payload: Value) -> (Value, Vec<String>) {
    let mut same = Vec::new();
    for (name, object) in payload.as_object_mut().into_iter().flatten() {
        if let Some(object) = object.as_object_mut()
            && object.contains_key("current")
            && object.get("current") == object.get("actual")
        {
            object.remove("current");
            same.push(name.clone());
        }
    }
    (payload, same)
}

/// A value in one line.
fn brief(value: &Value) -> String {
    let text = match value {
        Value::String(text) => plain(text).into_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(VALUE_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn exchange(body: &str, answered: Answered) -> Exchange {
        let headers: HeaderMap = [("webhook-id", "5f0c"), ("x-hub-token", "s3cr3t"), ("accept", "a"), ("accept", "b")]
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .into_iter()
            .collect();
        Exchange::new("2026-03-01T12:00:00.5Z".parse().unwrap(), "/book?x=1", &headers, body.as_bytes(), answered)
    }

    fn updated() -> String {
        let mut changes = vec![json!({"path": "/total", "old": "19.99", "new": "\u{9b}2J"})];
        changes.extend((0..21).map(|line| json!({"path": format!("/lines/{line}"), "new": line})));
        json!({
            "message": "order:updated", "object": {"type": "order", "collection": "orders", "id": "R1", "version": 2},
            "payload": {"order": {"actual": {"total": 24.90}}},
            "changes": changes,
            "parameters": [{"name": "token", "value": "s3cr3t"}, {"name": "list", "value": ["x".repeat(100)]}],
        })
        .to_string()
    }

    #[test]
    fn lines_tell_the_message_its_object_changes_and_parameters() {
        fn check(body: &str, answered: Answered, expected: &Expect) {
            let shown = exchange(body, answered).to_string();
            // The time is the reader's.
            expected.assert_eq(shown.split_once(' ').unwrap().1);
        }
        check(
            &updated(),
            Answered::Own(StatusCode::OK),
            &expect![[r#"
                order:updated R1  /book?x=1 → 200
                  object   order of orders, version 2
                  changed  /total: 19.99 → \u{9b}2J
                  changed  /lines/0: nothing → 0
                  changed  /lines/1: nothing → 1
                  changed  /lines/2: nothing → 2
                  changed  /lines/3: nothing → 3
                  changed  /lines/4: nothing → 4
                  changed  /lines/5: nothing → 5
                  changed  /lines/6: nothing → 6
                  changed  /lines/7: nothing → 7
                  changed  /lines/8: nothing → 8
                  changed  /lines/9: nothing → 9
                  changed  /lines/10: nothing → 10
                  changed  /lines/11: nothing → 11
                  changed  /lines/12: nothing → 12
                  changed  /lines/13: nothing → 13
                  changed  /lines/14: nothing → 14
                  changed  /lines/15: nothing → 15
                  changed  /lines/16: nothing → 16
                  changed  /lines/17: nothing → 17
                  changed  /lines/18: nothing → 18
                  changed  and 2 more
                  with     token = (redacted)
                  with     list = ["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
                  payload  {
                    "order": {
                      "actual": {
                        "total": 24.9
                      }
                    }
                  }"#]],
        );
        let event = json!({"specversion": "1.0", "type": "order:updated", "data": {
            "message": "order:updated", "object": {"type": "order", "collection": "orders", "id": "R1", "version": 2},
            "payload": {"order": {"actual": {"total": 1}}}, "parameters": [{"name": "token", "value": "s3cr3t"}],
        }});
        check(
            &event.to_string(),
            Answered::Own(StatusCode::OK),
            &expect![[r#"
                order:updated R1  /book?x=1 → 200
                  object   order of orders, version 2
                  with     token = (redacted)
                  payload  {
                    "order": {
                      "actual": {
                        "total": 1
                      }
                    }
                  }"#]],
        );
        let wombat =
            json!({"request_id": "5f0c", "order": {"total": 1}, "parameters": {"token": "s3cr3t", "account": 7}});
        check(
            &wombat.to_string(),
            Answered::Own(StatusCode::OK),
            &expect![[r#"
                request  /book?x=1 → 200
                  with     account = 7
                  with     token = (redacted)
                  payload  {
                    "order": {
                      "total": 1
                    }
                  }"#]],
        );
        check(
            "so what",
            Answered::Nothing("connection refused by 127.0.0.1:1".to_owned()),
            &expect![[r#"
            no message  /book?x=1 → 502, for there was no answer: connection refused by 127.0.0.1:1
              no JSON  so what"#]],
        );
        let payload = json!({"order": {"actual": {"n": 1}, "current": {"n": 1}}, "line": {"actual": {"n": 1}, "current": {"n": 2}}});
        check(
            &json!({"message": "line:new", "payload": payload}).to_string(),
            Answered::Own(StatusCode::OK),
            &expect![[r#"
                line:new  /book?x=1 → 200
                  payload  {
                    "line": {
                      "actual": {
                        "n": 1
                      },
                      "current": {
                        "n": 2
                      }
                    },
                    "order": {
                      "actual": {
                        "n": 1
                      }
                    }
                  }
                  current  of order: the same as actual"#]],
        );
        check("[1]", Answered::Own(StatusCode::SERVICE_UNAVAILABLE), &expect!["no message  /book?x=1 → 503"]);
        check(
            &json!({"id": 820, "name": "#1001"}).to_string(),
            Answered::Own(StatusCode::OK),
            &expect![[r##"
                no message  /book?x=1 → 200
                  payload  {
                    "id": 820,
                    "name": "#1001"
                  }"##]],
        );
    }

    #[test]
    fn files_hold_all_of_it_but_credentials() {
        let folder = tempfile::tempdir().unwrap();
        let answer = EndpointResponse {
            status: 200,
            headers: vec![("set-cookie".to_owned(), "id=s3cr3t".to_owned())],
            body: br#"{"ok":1.10,"parameters":{"token":"s3cr3t"}}"#.to_vec(),
            truncated: false,
        };
        exchange(&updated(), Answered::Got(answer)).record(folder.path()).unwrap();
        exchange("", Answered::Nothing("refused".to_owned())).record(folder.path()).unwrap();
        exchange("", Answered::Nothing("refused".to_owned())).record(folder.path()).unwrap();
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "20260301T120000.500000Z-message-5f0c-1.json",
                "20260301T120000.500000Z-message-5f0c.json",
                "20260301T120000.500000Z-order-updated-5f0c.json"
            ]
        );
        let text = std::fs::read_to_string(folder.path().join(&names[2])).unwrap();
        assert!(!text.contains("s3cr3t"), "{text}");
        let kept: Value = serde_json::from_str(&text).unwrap();
        let sent: Value = serde_json::from_str(&updated()).unwrap();
        assert_eq!(kept["request"]["body"]["payload"], sent["payload"]);
        assert_eq!(kept["request"]["headers"]["accept"], "a, b");
        assert_eq!((&kept["request"]["method"], &kept["request"]["path"]), (&json!("POST"), &json!("/book?x=1")));
        assert_eq!(kept["answer"]["status"], 200);
        assert!(text.contains(r#"{"ok":1.10,"parameters":{"token":"(redacted)"}}"#), "{text}");
        let failed: Value = serde_json::from_slice(&std::fs::read(folder.path().join(&names[1])).unwrap()).unwrap();
        assert_eq!(failed["answer"], json!({"error": "refused"}));
        assert_eq!(failed["request"].get("body").or(failed["request"].get("text")), None);
    }

    #[test]
    fn a_body_is_kept_byte_for_byte() {
        let check = |body: &[u8], expected: &str| {
            let kept =
                Exchange::new(Timestamp::UNIX_EPOCH, "/", &HeaderMap::new(), body, Answered::Own(StatusCode::OK));
            let folder = tempfile::tempdir().unwrap();
            kept.record(folder.path()).unwrap();
            let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
            let text = std::fs::read_to_string(file.path()).unwrap();
            assert!(text.contains(expected), "{text}");
            // For those who read lines it is one.
            assert!(!kept.to_json().to_string().contains('\n'));
        };
        check(b"{\"b\":1,\r\n\"a\": 2.50, \"a\":3}", "\"body\": {\"b\":1,\r\n\"a\": 2.50, \"a\":3}");
        check(b"{\"a\": 1}\n", "\"text\": \"{\\\"a\\\": 1}\\n\"");
        check(b"a=1&b=2", "\"text\": \"a=1&b=2\"");
        check(b"\"\xff\"", "\"hex\": \"22ff22\"");
    }
}
