//! What the hub told of each order, and whether it adds up.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Request, Server};

/// Each order's messages, in the order of its versions.
pub(super) fn told(endpoint: &Server, way: &str) -> BTreeMap<String, Vec<Value>> {
    let mut told: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for message in endpoint.seen_at(&format!("/{way}")).iter().map(Request::json) {
        told.entry(message["object"]["id"].as_str().unwrap().to_owned()).or_default().push(message);
    }
    for messages in told.values_mut() {
        messages.sort_by_key(|message| message["object"]["version"].as_u64());
    }
    told
}

pub(super) fn actual(message: &Value) -> &Value {
    let object_type = message["object"]["type"].as_str().unwrap();
    &message["payload"][object_type]["actual"]
}

/// A save that changes nothing else is no news.
pub(super) fn lasting(order: &Value) -> Value {
    let mut order = order.clone();
    order.as_object_mut().unwrap().remove("updated_at");
    order
}

/// One order's messages: each version once, each about a change, and what changed is what changed.
pub(super) fn account(way: &str, order: &str, is_new: bool, messages: &[Value]) {
    let first = if is_new { 1 } else { 2 };
    let mut before: Option<&Value> = None;
    for (version, message) in (first..).zip(messages) {
        assert_eq!(message["object"]["version"], version, "{way}: {order}");
        let kind = if version == 1 { "new" } else { "updated" };
        assert_eq!(message["message"], format!("{way}-order:{kind}"), "{order}");
        if version > 1 {
            assert!(before.is_none_or(|before| message["previous"] == *before), "{way}: {order}: {message}");
            assert_ne!(lasting(&message["previous"]), lasting(actual(message)), "{way}: {order}");
            assert_eq!(changed(message), *actual(message), "{way}: {order}");
            assert_ne!(message["changes"], json!([]), "{way}: {order}");
        }
        before = Some(actual(message));
    }
}

/// The parent with every change applied to it.
fn changed(message: &Value) -> Value {
    let mut body = message["previous"].clone();
    for change in message["changes"].as_array().unwrap() {
        let path = change["path"].as_str().unwrap();
        assert_eq!(body.pointer(path), change.get("old"), "{path}");
        let (parent, last) = path.rsplit_once('/').unwrap();
        let last = last.replace("~1", "/").replace("~0", "~");
        match (body.pointer_mut(parent).unwrap(), change.get("new")) {
            (Value::Object(fields), Some(new)) => drop(fields.insert(last, new.clone())),
            (Value::Object(fields), None) => drop(fields.remove(&last)),
            (Value::Array(items), Some(new)) => match items.get_mut(last.parse::<usize>().unwrap()) {
                Some(item) => *item = new.clone(),
                None => items.push(new.clone()),
            },
            // Removed from the end on; what was removed is marked until all are.
            (Value::Array(items), None) => items[last.parse::<usize>().unwrap()] = json!("removed"),
            (other, _) => panic!("{path} is in {other}"),
        }
    }
    sweep(&mut body);
    body["updated_at"] = actual(message)["updated_at"].clone();
    body
}

fn sweep(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.retain(|item| item != "removed");
            items.iter_mut().for_each(sweep);
        }
        Value::Object(fields) => fields.values_mut().for_each(sweep),
        _ => {}
    }
}
