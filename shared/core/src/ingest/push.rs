//! What a push says: objects by collection, or messages.

use serde_json::{Value, value::RawValue};

use super::{Arrived, Ingest, IngestError, MOST_PUSHED, Object, Receipt, Stored, arrived, nothing};
use crate::{
    Timestamp,
    hub::{Collection, Hub, Source},
    id::{EventKey, MessageId, MessageType, SourceName},
    json::{Body, Item, parse_fields},
    message::{Message, MessageRecord},
    object::{SetAside, record_kind},
    port::{Home, SeenEvents, VersionStore},
};

/// In a receipt, of what is no object.
const MESSAGES: &str = "messages";

impl<H: Home> Ingest<'_, H> {
    /// Stores what a push carries. Everything is durable when this returns; the records are still to be published.
    ///
    /// # Errors
    /// Nothing of it can be taken, or the store failed: part of it may be stored, and it is to be sent again.
    pub async fn push(
        &self,
        source: &Source,
        body: &[u8],
        idempotency_key: Option<&[u8]>,
    ) -> Result<(Receipt, Vec<MessageRecord>), IngestError> {
        let fields = parse_fields(body).map_err(IngestError::Bad)?;
        if let Some(fields) = fields.filter(|fields| fields.iter().all(|(name, _)| name != "message")) {
            return self.pushed_objects(source, fields, idempotency_key).await;
        }
        match Body::parse(body).map_err(IngestError::Bad)? {
            Body::List(items) => self.pushed_messages(source, items, idempotency_key).await,
            Body::One(message @ Value::Object(_)) => {
                self.pushed_messages(source, vec![Ok(message)], idempotency_key).await
            }
            Body::One(other) => Err(IngestError::Bad(format!("found {}, {}", record_kind(&other), expected(source)))),
        }
    }

    async fn pushed_messages(
        &self,
        source: &Source,
        items: Vec<Item>,
        idempotency_key: Option<&[u8]>,
    ) -> Result<(Receipt, Vec<MessageRecord>), IngestError> {
        at_most(items.len())?;
        let epoch = self.home.store().epoch().await?;
        // Without a key, a push that is sent again is another push.
        let key = match idempotency_key {
            Some(key) => [b"key:", key].concat(),
            None => [&b"random:"[..], &self.home.random().bytes()].concat(),
        };
        let count = items.len();
        let read = items.into_iter().enumerate().map(|(index, item)| {
            let place = u32::try_from(index).unwrap_or(u32::MAX);
            let id = MessageId::of_push(epoch, &source.name, &key, place);
            (index, item.and_then(|item| pushed(self.hub, &source.name, id, self.home.clock().now(), item)))
        });
        let stored = self.messages(read.collect()).await?;
        let mut receipt = Receipt::default();
        let records = receipt.take(MESSAGES, count, stored);
        Ok((receipt, records))
    }

    async fn pushed_objects(
        &self,
        source: &Source,
        fields: Vec<(String, &RawValue)>,
        idempotency_key: Option<&[u8]>,
    ) -> Result<(Receipt, Vec<MessageRecord>), IngestError> {
        let wanted = by_collection(source, fields)?;
        let count = wanted.iter().map(|(_, items)| items.len()).sum();
        at_most(count)?;
        let mut receipt = Receipt::default();
        // Objects know by their versions what they have been; one that is older than what came since would go back.
        let key = idempotency_key.map(|key| EventKey::of_push(&source.name, key));
        if let Some(key) = key
            && self.home.store().seen(&[key]).await?.contains(&true)
        {
            receipt.accepted = count;
            let all = |(collection, items): &(&Collection, Vec<Item>)| {
                (collection.key.collection.to_string(), vec![202; items.len()])
            };
            receipt.statuses = wanted.iter().map(all).collect();
            return Ok((receipt, Vec::new()));
        }
        let mut records = Vec::new();
        for (collection, items) in wanted {
            let count = items.len();
            let mut arrived = Vec::with_capacity(count);
            let mut unread = Vec::new();
            for (index, item) in items.into_iter().enumerate() {
                match item {
                    Ok(body) => arrived.push(Arrived { index, object: Object::Here { body, deleted: false } }),
                    Err(reason) => unread.push((index, SetAside { at: format!("item {index}"), reason })),
                }
            }
            let mut stored = self.objects(collection, arrived).await?;
            for (index, aside) in unread {
                stored.refuse_object(collection, index, &aside);
            }
            records.extend(receipt.take(collection.key.collection.as_str(), count, stored));
        }
        // Not of a push with an item that was refused: mended, it may come under the same key.
        if let Some(key) = key.filter(|_| receipt.errors.is_empty()) {
            self.home.store().note(&[key], self.home.clock().now()).await?;
        }
        Ok((receipt, records))
    }
}

impl Receipt {
    /// Adds what became of items of one kind; what of it is to be published.
    fn take(&mut self, kind: &str, count: usize, stored: Stored) -> Vec<MessageRecord> {
        self.accepted += stored.accepted;
        self.message_ids.extend(stored.message_ids);
        let status = |index| if stored.refused.contains(&index) { 400 } else { 202 };
        self.statuses.insert(kind.to_owned(), (0..count).map(status).collect());
        self.errors.extend(stored.errors);
        stored.records
    }
}

fn at_most(found: usize) -> Result<(), IngestError> {
    if found <= MOST_PUSHED { Ok(()) } else { Err(IngestError::TooMany { found }) }
}

fn by_collection<'s>(
    source: &'s Source,
    fields: Vec<(String, &RawValue)>,
) -> Result<Vec<(&'s Collection, Vec<Item>)>, IngestError> {
    let mut wanted = Vec::with_capacity(fields.len());
    for (name, items) in fields {
        let collection = source.collections.iter().find(|known| known.key.collection.as_str() == name);
        let Some(collection) = collection else {
            return Err(IngestError::Bad(format!("found {name:?}, {}", expected(source))));
        };
        match Body::parse(items.get().as_bytes()).map_err(|why| IngestError::Bad(format!("{name}: {why}")))? {
            Body::List(items) => wanted.push((collection, items)),
            Body::One(other) => {
                return Err(IngestError::Bad(format!("{name}: found {}, expected a list", record_kind(&other))));
            }
        }
    }
    if wanted.is_empty() {
        return Err(IngestError::Bad(format!("found nothing, {}", expected(source))));
    }
    Ok(wanted)
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
    arrived(hub, source, message_id, now, message, fields.remove("payload").unwrap_or_else(nothing))
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
    use crate::{
        golden::{check_message, context, hub, nested, now},
        json::DEEPEST,
    };

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
