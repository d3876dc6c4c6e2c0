//! Push: a source sends what changed instead of being asked (contract §6). Objects are versioned like polled ones,
//! those that are only named are fetched first; messages are stored as they are. One bad item harms no other.
//!
//! Nothing is answered before everything accepted is stored; publishing may follow the answer, because what is stored
//! is pending until the bus has it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    Timestamp,
    hub::{Collection, Hub, Source},
    id::{MessageId, MessageType, ObjectKey, SourceName},
    json::{DEEPEST, is_too_deep},
    message::{Message, MessageRecord},
    object::{self, News, SetAside, TrackError, Tracker, record_kind},
    poll::thin_id,
    port::{Home, Outbox, PortError, PutError, VersionStore, WantMark, Wants},
    route::Router,
};

/// What was accepted, as the pusher is told.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Items stored or found to be known already.
    pub accepted: usize,
    /// Of the messages that came of it; an unchanged object gives none.
    pub message_ids: Vec<MessageId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ItemError>,
}

/// One bad item, by its place.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ItemError {
    /// Of pushed objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// Counted from 0.
    pub index: usize,
    pub error: String,
}

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Nothing in the body can be taken; the pusher's mistake.
    #[error("{0}")]
    Bad(String),
    #[error(transparent)]
    Track(#[from] TrackError),
    #[error(transparent)]
    Port(#[from] PortError),
}

pub struct Ingest<'a, H: Home> {
    home: &'a H,
    hub: &'a Hub,
    router: &'a Router,
}

impl<H: Home> std::fmt::Debug for Ingest<'_, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").finish_non_exhaustive()
    }
}

impl<'a, H: Home> Ingest<'a, H> {
    pub fn new(home: &'a H, hub: &'a Hub, router: &'a Router) -> Self {
        Self { home, hub, router }
    }

    /// Stores what a push carries. Everything is durable when this returns; the records are still to be published.
    pub async fn push(
        &self,
        source: &Source,
        body: &[u8],
        idempotency_key: Option<&[u8]>,
    ) -> Result<(Receipt, Vec<MessageRecord>), IngestError> {
        let body: Value =
            serde_json::from_slice(body).map_err(|error| IngestError::Bad(format!("not JSON: {error}")))?;
        match body {
            Value::Array(items) => self.messages(source, items, idempotency_key).await,
            Value::Object(fields) if fields.contains_key("message") => {
                self.messages(source, vec![Value::Object(fields)], idempotency_key).await
            }
            Value::Object(fields) => self.objects(source, fields).await,
            other => Err(IngestError::Bad(format!("found {}, {}", record_kind(&other), expected(source)))),
        }
    }

    async fn messages(
        &self,
        source: &Source,
        items: Vec<Value>,
        idempotency_key: Option<&[u8]>,
    ) -> Result<(Receipt, Vec<MessageRecord>), IngestError> {
        let epoch = self.home.store().epoch().await?;
        // Without a key, a push that is sent again is another push.
        let key = match idempotency_key {
            Some(key) => [b"key:", key].concat(),
            None => [&b"random:"[..], &self.home.random().bytes()].concat(),
        };
        let mut receipt = Receipt::default();
        let mut records = Vec::with_capacity(items.len());
        let mut places = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let place = u32::try_from(index).unwrap_or(u32::MAX);
            let id = MessageId::of_push(epoch, &source.name, &key, place);
            let record = pushed(self.hub, &source.name, id, self.home.clock().now(), item)
                .and_then(|message| self.router.record(message).map_err(|error| error.to_string()));
            match record {
                Ok(record) => {
                    places.push(index);
                    records.push(record);
                }
                Err(error) => receipt.errors.push(ItemError { collection: None, index, error }),
            }
        }
        let answers = self.home.store().put(records.clone()).await;
        let mut fresh = Vec::with_capacity(records.len());
        for ((index, record), answer) in places.into_iter().zip(records).zip(answers) {
            let new = match answer {
                Ok(new) => new,
                Err(PutError::Impossible(why)) => {
                    receipt.errors.push(ItemError { collection: None, index, error: unstorable(&why) });
                    continue;
                }
                Err(PutError::Port(error)) => return Err(error.into()),
            };
            receipt.accepted += 1;
            receipt.message_ids.push(record.message.message_id);
            if new {
                fresh.push(record);
            }
        }
        receipt.errors.sort_by_key(|error| error.index);
        Ok((receipt, fresh))
    }

    async fn objects(
        &self,
        source: &Source,
        fields: Map<String, Value>,
    ) -> Result<(Receipt, Vec<MessageRecord>), IngestError> {
        let mut wanted = Vec::with_capacity(fields.len());
        for (name, items) in fields {
            let collection = source.collections.iter().find(|known| known.key.collection.as_str() == name);
            match (collection, items) {
                (Some(collection), Value::Array(items)) => wanted.push((collection, items)),
                (Some(_), other) => {
                    return Err(IngestError::Bad(format!("{name}: found {}, expected a list", record_kind(&other))));
                }
                (None, _) => return Err(IngestError::Bad(format!("found {name:?}, {}", expected(source)))),
            }
        }
        if wanted.is_empty() {
            return Err(IngestError::Bad(format!("found nothing, {}", expected(source))));
        }
        let mut receipt = Receipt::default();
        let mut records = Vec::new();
        let mut only_read = false;
        for (collection, items) in wanted {
            let mut good = Vec::with_capacity(items.len());
            let mut named: BTreeMap<String, Vec<usize>> = BTreeMap::new();
            let mut places = BTreeMap::new();
            for (index, item) in items.into_iter().enumerate() {
                if let Some(id) = thin_id(collection, &item) {
                    named.entry(id).or_default().push(index);
                    continue;
                }
                match object::read(collection, &format!("item {index}"), item) {
                    Ok(mut record) => {
                        places.insert(record.at.clone(), index);
                        let asides = std::mem::take(&mut record.set_aside);
                        receipt.errors.extend(asides.iter().map(|aside| item_error(collection, index, aside)));
                        good.push(record);
                    }
                    Err(aside) => receipt.errors.push(item_error(collection, index, &aside)),
                }
            }
            let count = good.len();
            let news = News::unasked(self.home, collection).await?;
            for (places, refused) in self.want(collection, named).await? {
                match refused {
                    None => receipt.accepted += places.len(),
                    Some(why) => receipt.errors.extend(places.into_iter().map(|index| ItemError {
                        collection: Some(collection.key.collection.to_string()),
                        index,
                        error: unstorable(&why),
                    })),
                }
            }
            let tracked = Tracker::new(self.home, self.hub, self.router).track(collection, good, &news).await?;
            for aside in &tracked.set_aside {
                if let Some(index) = places.get(&aside.at) {
                    receipt.errors.push(item_error(collection, *index, aside));
                }
            }
            receipt.accepted += count - tracked.left_out;
            receipt.message_ids.extend(tracked.messages.iter().map(|record| record.message.message_id));
            records.extend(tracked.messages);
            only_read |= tracked.only_read;
        }
        if only_read {
            // What is known already is not accepted before it is as durable as what was stored.
            self.home.store().flush().await?;
        }
        Ok((receipt, records))
    }

    /// What a push names by its id alone is fetched later; that it is to be fetched is stored now. The places of each, and why
    /// the store never takes it where that is so.
    async fn want(
        &self,
        collection: &Collection,
        named: BTreeMap<String, Vec<usize>>,
    ) -> Result<Vec<(Vec<usize>, Option<String>)>, IngestError> {
        if named.is_empty() {
            return Ok(Vec::new());
        }
        let (ids, places): (Vec<_>, Vec<_>) = named.into_iter().unzip();
        let objects = ids.into_iter().map(|id| ObjectKey { collection: collection.key.clone(), id }).collect();
        let mark = WantMark(self.home.random().bytes());
        let answers = self.home.store().want(objects, mark, self.home.clock().now()).await;
        let refused = answers.into_iter().map(|answer| match answer {
            Ok(()) => Ok(None),
            Err(PutError::Impossible(why)) => Ok(Some(why)),
            Err(PutError::Port(error)) => Err(error),
        });
        Ok(places
            .into_iter()
            .zip(refused)
            .map(|(places, refused)| Ok((places, refused?)))
            .collect::<Result<_, PortError>>()?)
    }
}

/// A pushed `{"message", "payload"}` as the message it becomes, its routes still to be worked out.
fn pushed(
    hub: &Hub,
    source: &SourceName,
    message_id: MessageId,
    now: Timestamp,
    item: Value,
) -> Result<Message, String> {
    let Value::Object(mut fields) = item else {
        return Err(format!("found {}, expected {{\"message\", \"payload\"}}", record_kind(&item)));
    };
    let message = match fields.get("message") {
        Some(Value::String(text)) => MessageType::new(text).map_err(|error| error.to_string())?,
        Some(other) => {
            return Err(format!("message: found {}, expected a type such as order:new", record_kind(other)));
        }
        None => return Err("found no \"message\", expected a type such as order:new".to_owned()),
    };
    if let Some(unknown) = fields.keys().find(|name| !["message", "payload"].contains(&name.as_str())) {
        return Err(format!("found {unknown:?}, expected \"message\" and \"payload\" only"));
    }
    if fields.get("payload").is_some_and(is_too_deep) {
        return Err(format!("payload: nested more than {DEEPEST} levels deep"));
    }
    Ok(Message {
        message_id,
        message,
        hub: hub.name.clone(),
        source: source.clone(),
        created_at: now,
        trace_id: message_id.trace_id(),
        parent_id: None,
        parent_route: None,
        hops: 0,
        object: None,
        keys: BTreeMap::new(),
        payload: fields.remove("payload").unwrap_or_else(|| Value::Object(Map::new())),
        previous: None,
        changes: None,
        routes: Vec::new(),
    })
}

fn unstorable(why: &str) -> String {
    format!("cannot be stored: {why}")
}

fn item_error(collection: &Collection, index: usize, aside: &SetAside) -> ItemError {
    ItemError { collection: Some(collection.key.collection.to_string()), index, error: aside.to_string() }
}

fn expected(source: &Source) -> String {
    let names: Vec<String> =
        source.collections.iter().map(|collection| format!("{{\"{}\": […]}}", collection.key.collection)).collect();
    let objects = if names.is_empty() { String::new() } else { format!(", {}", names.join(", ")) };
    format!("expected {{\"message\", \"payload\"}}, a list of them{objects}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::golden::{check_message, context, hub, nested, now};

    fn push(hub: &Hub, item: Value) -> Result<Message, String> {
        let source: SourceName = "my-store".parse().unwrap();
        let id = MessageId::of_push(context(hub).epoch, &source, b"key:4711", 0);
        pushed(hub, &source, id, now(), item)
    }

    #[test]
    fn a_pushed_message() {
        let hub = hub();
        let item = json!({"message": "order:imported", "payload": {"order": {"number": "R1", "total": 24.99}}});
        check_message(&hub, "pushed", push(&hub, item).unwrap());
        let bare = push(&hub, json!({"message": "stock:count"})).unwrap();
        assert_eq!(bare.payload, json!({}), "a payload may be left out");
    }

    #[test]
    fn what_could_not_be_read_back_is_refused() {
        let hub = hub();
        let item = |levels| json!({"message": "order:imported", "payload": nested(levels)});
        let message = push(&hub, item(DEEPEST)).unwrap();
        let text = message.bus_event().unwrap().to_string();
        assert!(serde_json::from_str::<Value>(&text).is_ok());
        let error = push(&hub, item(DEEPEST + 1)).unwrap_err();
        assert_eq!(error, "payload: nested more than 100 levels deep");
    }

    #[test]
    fn what_is_no_message_says_why() {
        let hub = hub();
        for (item, expected) in [
            (json!([]), r#"found a list, expected {"message", "payload"}"#),
            (json!("order:new"), r#"found text, expected {"message", "payload"}"#),
            (json!({"payload": {}}), r#"found no "message", expected a type such as order:new"#),
            (json!({"message": 7}), "message: found a number, expected a type such as order:new"),
            (
                json!({"message": "new order"}),
                r#""new order" is not a message type: expected at least two lower-case words joined by ':', such as order:new"#,
            ),
            (json!({"message": "order:new", "paylod": {}}), r#"found "paylod", expected "message" and "payload" only"#),
        ] {
            assert_eq!(push(&hub, item.clone()).unwrap_err(), expected, "{item}");
        }
    }
}
