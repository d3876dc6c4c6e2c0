//! A message as items: itself, a pending mark, and where it came without a version, a mention in its object's partition.
//!
//! Most messages are about a version that is written beside them: what a message has in common with it is left out and
//! put back when it is read. That needs versions that stay; where the hub forgets them, a message is kept whole.

use crossdock_core::{
    Timestamp,
    id::{MessageId, RouteName},
    message::{Message, MessageRecord},
    port::{PortError, Read},
    version::{Version, VersionRef},
};
use crossdock_stack::table::TTL;
use serde_json::Value;

use super::{
    DynamoStore,
    body::put_body,
    item::{Item, Reader, flag, from_json, number, text, time, to_json, unreadable},
    keys::{self, Key},
    transact::{NewMessage, Part, built},
};

/// When it was stored; of a message and of its mark.
pub(super) const STORED_AT: &str = "at";
const DISABLED: &str = "disabled";
/// The partition that its mention is in, where it has one.
const MENTION: &str = "mention";
/// The object's body is the one of the version that the message names.
const ELIDED: &str = "elided";

pub(super) fn reader(item: &Item) -> Reader<'_> {
    Reader { what: "message", item }
}

impl DynamoStore {
    /// With its pending mark. `beside` is the version that is stored in the same transaction.
    pub(super) fn new_message(
        &self,
        record: MessageRecord,
        now: Timestamp,
        beside: Option<&Version>,
    ) -> Result<NewMessage, PortError> {
        let mut mark = keys::pending(record.message.message_id).attributes();
        mark.insert(STORED_AT.to_owned(), time(now));
        let mut message = self.new_message_unmarked(record, now, beside)?;
        message.parts.push(Part::put(built(self.put(mark).build())?));
        Ok(message)
    }

    /// For one that goes over no bus.
    pub(super) fn new_message_unmarked(
        &self,
        record: MessageRecord,
        now: Timestamp,
        beside: Option<&Version>,
    ) -> Result<NewMessage, PortError> {
        let MessageRecord { mut message, disabled_routes } = record;
        let id = message.message_id;
        let key = keys::message(id);
        let ttl = self.terms().message(now);
        let mut item = key.attributes();
        item.insert(STORED_AT.to_owned(), time(now));
        if !disabled_routes.is_empty() {
            item.insert(DISABLED.to_owned(), text(to_json("disabled routes", &disabled_routes)?));
        }
        if self.terms().keep_versions() && beside.is_some_and(|version| elide(&mut message, version)) {
            item.insert(ELIDED.to_owned(), flag(true));
        }
        keys::message_indexed(id, now).put_into(&mut item);
        let mut beside_it = put_body(&key, &mut item, to_json("message", &message)?)?;
        let object = message.object_key();
        if let Some(object) = object.filter(|object| beside.is_none_or(|version| version.key != *object)) {
            let mention = keys::mention(&object, now, id);
            item.insert(MENTION.to_owned(), text(&mention.pk));
            beside_it.push(mention.attributes());
        }
        if let Some(ttl) = ttl {
            for item in beside_it.iter_mut().chain([&mut item]) {
                item.insert(TTL.to_owned(), ttl.clone());
            }
        }
        let absent = self.put(item).condition_expression("attribute_not_exists(pk) OR #ttl <= :now");
        let absent = absent.expression_attribute_names("#ttl", TTL);
        let absent = absent.expression_attribute_values(":now", number(now.as_second()));
        let mut parts = vec![Part::put(built(absent.build())?)];
        for item in beside_it {
            parts.push(Part::put(built(self.put(item).build())?));
        }
        Ok(NewMessage { id, parts })
    }
}

/// Where the mention of a message is, if it has one: of those that were stored before this was written down, none is known.
pub(super) fn mention_of(item: &Item, id: MessageId) -> Result<Option<Key>, PortError> {
    let reader = reader(item);
    let Some(partition) = reader.optional_text(MENTION)? else { return Ok(None) };
    Ok(Some(keys::mention_in(partition.to_owned(), reader.time(STORED_AT)?, id)))
}

/// A message that was read, and the version that has the rest of it.
pub(super) struct Stored {
    pub record: MessageRecord,
    pub rest: Option<VersionRef>,
}

impl Stored {
    pub(super) fn read(reader: Reader<'_>, json: &str) -> Read<Self> {
        let message: Message = from_json(reader.what, json)?;
        let disabled_routes = match reader.optional_text(DISABLED)? {
            Some(names) => from_json::<Vec<RouteName>>("list of disabled routes", names)?,
            None => Vec::new(),
        };
        let rest = match reader.flag(ELIDED)? {
            true => Some(version_of(&message).ok_or_else(|| reader.wrong(ELIDED))?),
            false => None,
        };
        Ok(Self { record: MessageRecord { message, disabled_routes }, rest })
    }

    /// With the body that was left out.
    pub(super) fn whole(mut self, body: Value) -> Read<MessageRecord> {
        let actual = actual(&mut self.record.message).ok_or_else(|| unreadable("message", "its payload"))?;
        *actual = body;
        Ok(self.record)
    }
}

fn version_of(message: &Message) -> Option<VersionRef> {
    Some(VersionRef { key: message.object_key()?, number: message.object.as_ref()?.version })
}

/// Where a message about an object carries it: `payload.<type>.actual`.
fn actual(message: &mut Message) -> Option<&mut Value> {
    let object_type = message.object.as_ref()?.object_type.as_str();
    message.payload.get_mut(object_type)?.get_mut("actual")
}

/// Whether the message was about this version and has lost its body.
fn elide(message: &mut Message, version: &Version) -> bool {
    let of_version = version_of(message).is_some_and(|of| of.key == version.key && of.number == version.number);
    match actual(message) {
        Some(body) if of_version && *body == version.body => {
            *body = Value::Null;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crossdock_testkit::build::{delicate, message_about, order, record, version};
    use serde_json::json;

    use super::*;

    /// What is left out comes back to the letter, and what differs is not left out.
    #[test]
    fn a_body_is_left_out_only_where_it_is_the_same() {
        let version_1 = version(&order("R1"), 1, delicate());
        let mut other_body = message_about(&version_1);
        other_body.payload["order"]["actual"]["price"] = json!(199.99);
        let mut other_type = message_about(&version_1);
        other_type.payload = json!({"orders": {"actual": delicate()}});
        let mut no_object = message_about(&version_1);
        no_object.object = None;
        let mut no_payload = message_about(&version_1);
        no_payload.payload = json!("text");
        let check = |message: Message, expected: bool| {
            let mut elided = message.clone();
            assert_eq!(elide(&mut elided, &version_1), expected, "{message:?}");
            if !expected {
                assert_eq!(elided, message);
                return;
            }
            assert_eq!(elided.payload["order"]["actual"], Value::Null);
            let whole = Stored { record: record(elided), rest: None }.whole(delicate()).unwrap();
            assert_eq!(serde_json::to_string(&whole.message).unwrap(), serde_json::to_string(&message).unwrap());
        };
        check(message_about(&version_1), true);
        check(message_about(&version(&order("R1"), 2, delicate())), false);
        check(message_about(&version(&order("R2"), 1, delicate())), false);
        for message in [other_body, other_type, no_object, no_payload] {
            check(message, false);
        }
    }
}
