use serde_json::json;

use super::*;
use crate::{id::MessageId, message::Message};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
const FORMATS: [Format; 3] = [Format::Crossdock, Format::Wombat, Format::CloudEvents];

fn id() -> MessageId {
    MessageId::from_bytes([0x5f; 16])
}

fn message() -> Message {
    serde_json::from_value(json!({
        "message_id": id(), "message": "payment:updated", "hub": "my-shop", "source": "my-store",
        "created_at": "2026-11-21T10:00:00.12Z", "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "parent_id": null, "hops": 0,
        "object": {"type": "payment", "collection": "orders.payments", "id": "R1/7", "version": 2, "parent": 1, "group": "9f"},
        "keys": {}, "payload": {"payment": {"actual": {"amount": 1}}, "order": {"actual": {"number": "R1"}}},
        "routes": ["mail"],
    }))
    .unwrap()
}

/// A message that is about no object.
fn bare(kind: &str, payload: Value) -> Message {
    Message { object: None, message: kind.parse().unwrap(), payload, ..message() }
}

fn text(format: Format, message: &Message, current: Option<&Value>, parameters: &BTreeMap<&str, &Value>) -> String {
    let key = DeliveryKey { message: message.message_id, route: "mail".parse().unwrap(), round: 2 };
    let carried = Carried::of(message).unwrap();
    Told { key: &key, message: &carried, current, parameters, traceparent: TRACEPARENT }.body(format).unwrap()
}

fn body(format: Format, message: &Message, current: Option<&Value>) -> Value {
    let parameter = json!("4711");
    serde_json::from_str(&text(format, message, current, &BTreeMap::from([("account", &parameter)]))).unwrap()
}

fn whole(message: &Message) -> Value {
    let mut expected = json!(message);
    expected["parameters"] = json!([{"name": "account", "value": "4711"}]);
    expected
}

#[test]
fn crossdock_is_the_message_with_current_and_parameters() {
    let newer = json!({"amount": 2});
    let mut expected = whole(&message());
    expected["payload"]["payment"]["current"] = newer.clone();
    assert_eq!(body(Format::Crossdock, &message(), Some(&newer)), expected);
    expected["payload"]["payment"]["current"] = json!({"amount": 1});
    assert_eq!(body(Format::Crossdock, &message(), None), expected, "as it was, where no newer version is known");
    let bare = bare("order:new", json!({"notification": {}}));
    assert_eq!(body(Format::Crossdock, &bare, Some(&newer)), whole(&bare));
}

#[test]
fn wombat_has_one_root() {
    let check = |message: &Message, roots: Value| {
        let mut expected = roots;
        expected["request_id"] = json!(id());
        expected["parameters"] = json!({"account": "4711"});
        assert_eq!(body(Format::Wombat, message, Some(&json!({"amount": 2}))), expected);
    };
    check(&message(), json!({"payment": {"amount": 1}}));
    check(&bare("order:new", json!({"order": {"id": 7}})), json!({"order": {"id": 7}}));
    check(&bare("order:new", json!([1, 2])), json!({"order": [1, 2]}));
    check(&bare("order:new", json!("text")), json!({"order": "text"}));
    check(&bare("order:new", json!({})), json!({}));
    check(&bare("order:new", json!({"request_id": 1, "parameters": [], "order": 2})), json!({"order": 2}));
    // About an object that its payload does not show.
    let odd = Message { payload: json!({"order": {"actual": {"number": "R1"}}}), ..message() };
    check(&odd, json!({"order": {"actual": {"number": "R1"}}}));
}

#[test]
fn cloudevents_wraps_crossdock() {
    for message in [message(), bare("order:new", json!({"order": {"id": 7}}))] {
        let mut expected = json!({
            "specversion": "1.0", "id": format!("{}.2", id()), "source": "/my-shop/my-store",
            "type": message.message, "time": "2026-11-21T10:00:00.12Z", "datacontenttype": "application/json",
            "traceparent": TRACEPARENT, "data": body(Format::Crossdock, &message, None),
        });
        if message.object.is_some() {
            expected["subject"] = json!("orders.payments/R1/7");
        }
        assert_eq!(body(Format::CloudEvents, &message, None), expected);
    }
}

#[test]
fn a_subject_is_printable() {
    let mut message = message();
    message.object.as_mut().unwrap().id = "R\u{0}1\n\u{85}ß".to_owned();
    assert_eq!(body(Format::CloudEvents, &message, None)["subject"], "orders.payments/R\u{fffd}1\u{fffd}\u{fffd}ß");
}

/// Digits that a double does not hold, in all places from which a body is put together.
#[test]
fn numbers_keep_their_digits() {
    const DIGITS: [&str; 3] = ["9007199254740993000000000000000001", "199.9900", "1.10e-400"];
    let numbers = || -> Value { serde_json::from_str(&format!("[{}]", DIGITS.join(","))).unwrap() };
    let mut of_object = message();
    of_object.payload["payment"]["actual"]["numbers"] = numbers();
    let bare = bare("order:new", json!({"order": numbers()}));
    let (current, parameter) = (json!({"numbers": numbers()}), numbers());
    for format in FORMATS {
        for (message, current) in [(&of_object, None), (&of_object, Some(&current)), (&bare, None)] {
            let text = text(format, message, current, &BTreeMap::from([("rates", &parameter)]));
            // What `current` is, `wombat` does not say.
            let times = if format == Format::Wombat || message.object.is_none() { 2 } else { 3 };
            for digits in DIGITS {
                assert_eq!(text.matches(digits).count(), times, "{digits} in {format:?}: {text}");
            }
        }
    }
}

/// In a body nothing is there twice: what a parser makes of that is its own affair.
#[test]
fn every_name_is_there_once() {
    for format in FORMATS {
        for message in [message(), bare("order:new", json!({"request_id": 1, "parameters": 2}))] {
            let text = text(format, &message, None, &BTreeMap::new());
            let read: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(read.to_string().len(), text.len(), "{text}");
        }
    }
}
