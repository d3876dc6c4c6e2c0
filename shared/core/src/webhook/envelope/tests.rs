//! Every case is data: `testdata/*.json`, each file with where its shapes are from.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    #[serde(default = "auto")]
    envelope: String,
    /// An event bus handed it on.
    #[serde(default)]
    from_bus: bool,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Value,
    events: Option<Vec<Value>>,
    error: Option<String>,
}

fn auto() -> String {
    "auto".to_owned()
}

fn kind(word: &str) -> Envelope {
    match word {
        "none" => Envelope::None,
        "auto" => Envelope::Auto,
        "cloudevents" => Envelope::CloudEvents,
        "pubsub" => Envelope::PubSub,
        "sns" => Envelope::Sns,
        "eventbridge" => Envelope::EventBridge,
        "commercetools" => Envelope::Commercetools,
        other => panic!("{other}"),
    }
}

/// As the files write one.
fn written(event: Read) -> Value {
    let event = match event {
        Ok(event) => event,
        Err(unread) => return json!({"id": unread.id, "unread": unread.why}),
    };
    let mut written = json!({"id": event.id, "kind": event.kind, "body": event.body});
    if let Some(Subject { resource, id, object }) = event.subject {
        written["subject"] = match object {
            Object::Whole(object) => json!({"resource": resource, "id": id, "whole": object}),
            Object::Thin => json!({"resource": resource, "id": id, "thin": true}),
            Object::Deleted(object) => json!({"resource": resource, "id": id, "deleted": object}),
        };
    }
    if event.test {
        written["test"] = json!(true);
    }
    written
}

/// A body that comes out as it went in is written `"as sent"`.
fn filled(mut event: Value, sent: &Value) -> Value {
    if event["body"] == "as sent" {
        event["body"] = sent.clone();
    }
    event
}

fn check(file: &str) {
    let file: File = serde_json::from_str(file).unwrap();
    for Case { about, envelope, headers, body, events, error, from_bus } in file.cases {
        let take_off = if from_bus { unwrap_from_bus } else { unwrap };
        let found = take_off(kind(&envelope), &|name| headers.get(name).cloned(), body.clone().into());
        match found {
            Ok(found) => {
                let found: Vec<Value> = found.into_iter().map(written).collect();
                let events = events.map(|events| events.into_iter().map(|event| filled(event, &body)).collect());
                assert_eq!(Some(found), events, "{about}");
            }
            Err(found) => assert_eq!(Some(found.to_string()), error, "{about}"),
        }
    }
}

#[test]
fn commercetools_notifications() {
    check(include_str!("testdata/commercetools.json"));
}

#[test]
fn cloud_events() {
    check(include_str!("testdata/cloudevents.json"));
}

#[test]
fn pub_sub_sns_and_event_bridge() {
    check(include_str!("testdata/others.json"));
}

/// Numbers keep their digits through Base64 and text.
#[test]
fn digits_are_kept() {
    let push = json!({"message": {"messageId": "1", "data": "eyJhIjogOTguMjB9"}, "subscription": "s"});
    let events = unwrap(Envelope::Auto, &|_| None, push.into()).unwrap();
    assert_eq!(events[0].as_ref().unwrap().body.to_string(), r#"{"a":98.20}"#);
}
