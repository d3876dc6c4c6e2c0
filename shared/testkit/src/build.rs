//! Values with sensible defaults; what a test is about it sets itself, every field being public.
//!
//! Times are whole seconds after [`at`]`(0)`: every store can keep them.

use std::{collections::BTreeMap, time::Duration};

use crossdock_core::{
    Timestamp,
    id::{CollectionKey, ContentHash, DeliveryKey, EndpointName, Epoch, MessageId, MessageType, ObjectKey, SourceName},
    message::{self, Message, MessageRecord, ObjectRef},
    port::{Attempt, Delivery, DeliveryState, Entry, Settlement, Timer},
    version::{ObjectCommit, Version},
};
use serde_json::{Value, json};

/// So many seconds after 2026-11-21T10:00:00Z.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_255_200 + seconds).expect("a time within the range")
}

/// `source/collection`.
pub fn collection(path: &str) -> CollectionKey {
    let (source, collection) = path.split_once('/').expect("source/collection");
    CollectionKey {
        source: source.parse().expect("a source name"),
        collection: collection.parse().expect("a collection name"),
    }
}

/// An object of `my-store/orders`.
pub fn order(id: &str) -> ObjectKey {
    object("my-store/orders", id)
}

pub fn object(path: &str, id: &str) -> ObjectKey {
    ObjectKey { collection: collection(path), id: id.to_owned() }
}

pub fn endpoint(name: &str) -> EndpointName {
    name.parse().expect("an endpoint name")
}

/// The version of that number, its parent the one before.
pub fn version(key: &ObjectKey, number: u64, body: Value) -> Version {
    Version {
        key: key.clone(),
        object_type: "order".parse().expect("an object type"),
        number,
        parent: (number > 1).then(|| number - 1),
        hash: ContentHash::of(body.to_string().as_bytes()),
        stored_at: at(0),
        baseline: false,
        deleted: false,
        order: None,
        late: false,
        body,
    }
}

/// The version of that number, expected to follow the one before; without messages.
pub fn commit(key: &ObjectKey, number: u64) -> ObjectCommit {
    let version = version(key, number, json!({ "id": key.id, "number": number }));
    following(version, Vec::new())
}

/// The version, expected to follow its parent, of which nothing is known but its number.
pub fn following(version: Version, messages: Vec<MessageRecord>) -> ObjectCommit {
    let expected = version.parent.map(|parent| self::version(&version.key, parent, Value::Null).head());
    ObjectCommit { expected, version, messages }
}

/// The id of `message(name)`.
pub fn message_id(name: &str) -> MessageId {
    let source = SourceName::new("my-store").expect("a source name");
    MessageId::of_push(Epoch([7; 16]), &source, name.as_bytes(), 0)
}

/// A message that is about no versioned object; another name, another id.
pub fn message(name: &str) -> Message {
    Message {
        message_id: message_id(name),
        message: message_type("order:new"),
        hub: "my-shop".parse().expect("a hub name"),
        source: "my-store".parse().expect("a source name"),
        created_at: at(0),
        trace_id: "0af7651916cd43dd8448eb211c80319c".to_owned(),
        parent_id: None,
        parent_route: None,
        hops: 0,
        object: None,
        keys: BTreeMap::from([("order_number".to_owned(), json!(name))]),
        payload: json!({ "order": { "actual": { "number": name } } }),
        previous: None,
        changes: None,
        routes: vec!["book".parse().expect("a route name")],
    }
}

/// The general message about that version: `order:new`, then `order:updated`.
pub fn message_about(version: &Version) -> Message {
    let general = if version.parent.is_some() { "order:updated" } else { "order:new" };
    let epoch = Epoch([7; 16]);
    Message {
        message_id: MessageId::of_version(
            epoch,
            &version.key,
            version.number,
            &version.hash,
            &message_type(general),
            "",
        ),
        message: message_type(general),
        source: version.key.collection.source.clone(),
        object: Some(ObjectRef {
            object_type: version.object_type.clone(),
            collection: version.key.collection.collection.clone(),
            id: version.key.id.clone(),
            version: version.number,
            parent: version.parent,
            group: version.key.group(),
        }),
        payload: Value::Object(message::payload(&version.object_type, &version.body)),
        ..message(&version.key.id)
    }
}

pub fn message_type(text: &str) -> MessageType {
    text.parse().expect("a message type")
}

pub fn record(message: Message) -> MessageRecord {
    MessageRecord { message, disabled_routes: Vec::new() }
}

/// Round 1 of `message(name)` for the route `book`.
pub fn delivery_key(name: &str) -> DeliveryKey {
    DeliveryKey { message: message_id(name), route: "book".parse().expect("a route name"), round: 1 }
}

/// To the endpoint `alpha`, after one attempt that ended as the state says.
pub fn delivery(key: DeliveryKey, state: DeliveryState) -> Delivery {
    let delivered = state == DeliveryState::Delivered;
    Delivery {
        key,
        endpoint: endpoint("alpha"),
        state,
        attempts: vec![Attempt {
            at: at(0),
            took_ms: 12,
            status: Some(if delivered { 200 } else { 500 }),
            failure: (!delivered).then(|| "status 500".to_owned()),
        }],
        receives: 1,
        updated_at: at(0),
        next_attempt_at: (state == DeliveryState::Retrying).then(|| at(5)),
        reason: None,
        answer: None,
        next_round: false,
        untracked: false,
    }
}

/// Nothing but the delivery.
pub fn settlement(delivery: Delivery) -> Settlement {
    Settlement::alone(delivery)
}

/// Round 1 of `message(name)`, to `alpha`, due so many seconds after [`at`]`(0)` and held by nobody.
pub fn timer(name: &str, due: i64) -> Timer {
    let body = format!("the body of {name}: Grüße, 東京 🚲");
    Timer { key: delivery_key(name), endpoint: endpoint("alpha"), due: at(due), body, held_until: None }
}

/// Visible at once, without attributes.
pub fn entry(body: impl Into<String>) -> Entry {
    Entry { body: body.into(), attributes: BTreeMap::new(), delay: Duration::ZERO }
}

/// Values that a careless store spoils: digits beyond a float's, trailing zeros, text of many scripts, a null that is
/// there.
pub fn delicate() -> Value {
    serde_json::from_str(
        r#"{
            "id": 9007199254740993000000000000000000001, "price": 199.9900, "tiny": 1.10e-400, "minus": -0.0,
            "text": "Grüße, 東京 🚲 \u0000 \" \\ ' -- ;", "null": null, "empty": "", "nested": [[], {}, [null]]
        }"#,
    )
    .expect("JSON")
}

/// An object of a little more than 300,000 bytes.
pub fn large() -> Value {
    json!({ "lines": (0..3000).map(|line| format!("{line:0>100}")).collect::<Vec<_>>() })
}
