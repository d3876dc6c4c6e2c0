//! A message: a typed, immutable fact, and the JSON it travels as (`docs/contract.md` §2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{
    Timestamp,
    id::{
        CollectionKey, CollectionName, HubName, MessageId, MessageType, ObjectKey, ObjectType, RouteName, SourceName,
    },
};

/// What travels on the bus and is kept by id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub message_id: MessageId,
    /// The type: `order:new`.
    pub message: MessageType,
    pub hub: HubName,
    pub source: SourceName,
    pub created_at: Timestamp,
    /// One id for everything that one change sets off: 32 hex digits, usable as a W3C trace id.
    pub trace_id: String,
    /// The message whose answer produced this one.
    pub parent_id: Option<MessageId>,
    /// The route of the delivery that was answered so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_route: Option<RouteName>,
    /// How many answers lie between the first message of the trace and this one.
    pub hops: u32,
    /// The version this is about; `None` when it is not about a versioned object.
    pub object: Option<ObjectRef>,
    /// Named values of the collection, for search and filters. None is null or empty text.
    pub keys: BTreeMap<String, Value>,
    pub payload: Value,
    /// Updates only: the parent version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Value>,
    /// Updates only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<Change>>,
    /// The routes that match, worked out by the writer.
    pub routes: Vec<RouteName>,
}

impl Message {
    /// One that follows from no other and is about no version of an object; its routes are still to be worked out.
    pub(crate) fn beginning(
        message_id: MessageId,
        message: MessageType,
        hub: &HubName,
        source: &SourceName,
        payload: Value,
        now: Timestamp,
    ) -> Self {
        Self {
            message_id,
            message,
            hub: hub.clone(),
            source: source.clone(),
            created_at: now,
            trace_id: message_id.trace_id(),
            parent_id: None,
            parent_route: None,
            hops: 0,
            object: None,
            keys: BTreeMap::new(),
            payload,
            previous: None,
            changes: None,
            routes: Vec::new(),
        }
    }

    /// The event as EventBridge would see it, the shape every pattern is written against.
    ///
    /// # Errors
    /// The message cannot be written as JSON.
    pub fn bus_event(&self) -> serde_json::Result<Value> {
        Ok(
            json!({"source": self.bus_source(), "detail-type": self.message.as_str(), "detail": serde_json::to_value(self)?}),
        )
    }

    /// `source` of the event; every rule of a hub can tell its own events by it.
    pub fn bus_source(&self) -> String {
        format!("crossdock.{}", self.source)
    }

    pub fn object_key(&self) -> Option<ObjectKey> {
        Some(self.object.as_ref()?.key(&self.source))
    }
}

/// A message on its way to an endpoint: what its delivery is decided by has been read, and the rest goes on as the text
/// it came as. A payload may be large, and is nobody's business but the endpoint's.
#[derive(Debug, Clone)]
pub struct Carried {
    pub envelope: Envelope,
    text: Box<RawValue>,
}

/// What is known of a message without its payload; each field as in [`Message`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Envelope {
    pub message_id: MessageId,
    pub message: MessageType,
    pub hub: HubName,
    pub source: SourceName,
    pub trace_id: String,
    #[serde(default)]
    pub parent_id: Option<MessageId>,
    #[serde(default)]
    pub parent_route: Option<RouteName>,
    pub hops: u32,
    pub object: Option<ObjectRef>,
    /// The message was too large for the bus and came without most of it ([`crate::claim`]): the id under which the store
    /// has the whole.
    #[serde(default)]
    pub payload_ref: Option<MessageId>,
}

impl Carried {
    /// # Errors
    /// The message cannot be written as JSON.
    pub fn of(message: &Message) -> Result<Self, serde_json::Error> {
        Self::read(serde_json::value::to_raw_value(message)?)
    }

    fn read(text: Box<RawValue>) -> Result<Self, serde_json::Error> {
        Ok(Self { envelope: serde_json::from_str(text.get())?, text })
    }

    /// The whole message, a JSON object.
    pub fn text(&self) -> &str {
        self.text.get()
    }
}

impl Serialize for Carried {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Carried {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(Box::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Where a message that an answer made comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    pub trace_id: String,
    pub parent: MessageId,
    pub route: RouteName,
    pub hops: u32,
}

impl Envelope {
    /// Of what an answer to this message, delivered by this route, makes.
    pub fn answered(&self, route: &RouteName) -> Lineage {
        Lineage {
            trace_id: self.trace_id.clone(),
            parent: self.message_id,
            route: route.clone(),
            hops: self.hops.saturating_add(1),
        }
    }

    pub fn object_key(&self) -> Option<ObjectKey> {
        Some(self.object.as_ref()?.key(&self.source))
    }
}

/// Which version of which object a message is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRef {
    #[serde(rename = "type")]
    pub object_type: ObjectType,
    pub collection: CollectionName,
    pub id: String,
    /// Counted from 1.
    pub version: u64,
    /// The version this one follows.
    pub parent: Option<u64>,
    /// [`ObjectKey::group`].
    pub group: String,
}

impl ObjectRef {
    fn key(&self, source: &SourceName) -> ObjectKey {
        let collection = CollectionKey { source: source.clone(), collection: self.collection.clone() };
        ObjectKey { collection, id: self.id.clone() }
    }
}

/// One difference between a version and its parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// RFC 6901 pointer; arrays by position.
    pub path: String,
    /// Left out where the parent had nothing there.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub old: Option<Value>,
    /// Left out where the version has nothing there.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub new: Option<Value>,
}

/// Keeps a `null` that is there apart from a side that is left out.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A message with what the store keeps beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageRecord {
    pub message: Message,
    /// Routes that match but are disabled.
    pub disabled_routes: Vec<RouteName>,
}

/// `{"<type>": {"actual": body}}`, the payload of a message about an object.
pub fn payload(object_type: &ObjectType, body: &Value) -> Map<String, Value> {
    Map::from_iter([(object_type.to_string(), json!({ "actual": body }))])
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILD: &str = include_str!("../../../tests/golden/messages/child.json");

    fn child() -> Message {
        serde_json::from_str(CHILD).unwrap()
    }

    /// The envelope every pattern is written against (contract §2).
    #[test]
    fn on_the_bus() {
        let event = child().bus_event().unwrap();
        assert_eq!(event["source"], "crossdock.my-store");
        assert_eq!(event["detail-type"], "payment:new");
        assert_eq!(event["detail"], serde_json::from_str::<Value>(CHILD).unwrap());
        assert_eq!(event.as_object().unwrap().len(), 3);
    }

    #[test]
    fn it_names_its_object() {
        let mut message = child();
        let key = message.object_key().unwrap();
        assert_eq!(key.to_string(), "my-store/orders.payments/R123123123/7");
        assert_eq!(Some(key.group()), message.object.take().map(|object| object.group));
        assert_eq!(message.object_key(), None);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (field, bad) in [
            ("message_id", json!("7")),
            ("message", json!("new")),
            ("hub", json!("My Shop")),
            ("source", json!("")),
            ("created_at", json!("yesterday")),
            ("hops", json!(-1)),
            ("keys", json!([])),
            ("routes", json!(["a b"])),
            ("object", json!({"type": "payment"})),
        ] {
            let mut value: Value = serde_json::from_str(CHILD).unwrap();
            value[field] = bad;
            assert!(serde_json::from_value::<Message>(value).is_err(), "{field}");
        }
    }
}
