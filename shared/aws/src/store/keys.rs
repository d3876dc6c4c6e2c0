//! Where each kind of item stands in the table.
//!
//! | item | `pk` | `sk` |
//! |---|---|---|
//! | epoch | `hub` | `epoch` |
//! | key that deliveries are signed with | `hub` | `signing_key` |
//! | head of an object | `o#<source>/<collection>/<id>` | `head` |
//! | version | the object's | `v#<number>` |
//! | mention: a message about the object that came without a version | the object's | `m#<time>#<message>` |
//! | message | `m#<message>` | `m` |
//! | delivery | the message's | `d#<route>#<round>` |
//! | pending mark | `p#<shard>` | `<message>` |
//! | timer | `t#<minute>#<shard>` | `<message>#<route>#<round>` |
//! | minute in which timers are due | `t` | `<minute>` |
//! | lease and mark of a job | `hub` | `job#<job>` |
//! | what is switched off | `hub` | `switches` |
//! | bookmark and lease of a collection | `c#<source>/<collection>` | `state` |
//! | wanted object, named by a thin event | `w#<source>/<collection>/<id>` | `want` |
//! | control record of an endpoint | `e#<endpoint>` | `control` |
//! | claim of a message on a route | `u#<route>#<hash>` | `claim` |
//! | how far an ordered endpoint has come with an object | `l#<endpoint>#<group>` | `line` |
//! | event of a webhook that was taken in | `r#<hash>` | `seen` |
//! | further part of a large body | that of the item it belongs to | the item's, `#` and the part's number |
//!
//! And in the index, where there is something to be found:
//!
//! | of | `by` | `by_sk` |
//! |---|---|---|
//! | heads, by the object's own id | `i#<id>` | source and collection |
//! | messages, by the hour of their storing | `s#<hour>#<shard>` | time and message |
//! | deliveries that are not delivered, by endpoint and state | `d#<endpoint>#<state>#<shard>` | time |
//! | wanted objects, by collection | `w#<source>/<collection>` | time at which it is due |
//!
//! Names are slugs, without `#` and `/`, so no two things share a key. A partition key holds 2,048 bytes: an id that is too
//! long for it is replaced by a hash. One partition takes 1,000 write units a second, and the items whose keys grow with the
//! time all go to the same end of it: such partitions are spread over shards, by the message's id.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use crossdock_core::{
    Timestamp,
    id::{CollectionKey, ContentHash, DeliveryKey, EndpointName, EventKey, MessageId, ObjectKey, RouteName},
    port::{DeliveryState, JobName},
};
use crossdock_stack::table::{BY, BY_SK, PK, SK};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::item::{Item, text};

/// Of the pending marks: each read of what is pending asks them all.
pub(super) const PENDING_SHARDS: u8 = 8;
/// Of the timers that are due in one minute.
pub(super) const TIMER_SHARDS: u8 = 4;
/// Of an hour's messages, and of an endpoint's deliveries in one state.
pub(super) const INDEX_SHARDS: u8 = 4;

/// Bytes of an id that stand in a key as they are.
const LONGEST_ID: usize = 512;

/// What names an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Key {
    pub pk: String,
    pub sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    pub(super) fn attributes(&self) -> Item {
        HashMap::from([(PK.to_owned(), text(&self.pk)), (SK.to_owned(), text(&self.sk))])
    }

    pub(super) fn of(item: &Item) -> Option<Self> {
        match (item.get(PK)?, item.get(SK)?) {
            (AttributeValue::S(pk), AttributeValue::S(sk)) => Some(Self::new(pk, sk)),
            _ => None,
        }
    }

    /// A further part of this item's body, counted from 1.
    pub(super) fn part(&self, number: usize) -> Self {
        Self::new(&self.pk, format!("{}#{number:03}", self.sk))
    }
}

pub(super) fn epoch() -> Key {
    Key::new("hub", "epoch")
}

pub(super) fn job(name: JobName) -> Key {
    Key::new("hub", format!("job#{}", name.as_str()))
}

/// One item for all of them, read with every batch of deliveries and every request that comes in.
pub(super) fn switches() -> Key {
    Key::new("hub", "switches")
}

pub(super) fn signing_key() -> Key {
    Key::new("hub", "signing_key")
}

pub(super) const HEAD: &str = "head";
pub(super) const VERSIONS: &str = "v#";
pub(super) const MENTIONS: &str = "m#";
pub(super) const DELIVERIES: &str = "d#";

pub(super) fn object(key: &ObjectKey) -> String {
    match key.id.len() {
        0..=LONGEST_ID => format!("o#{key}"),
        // No source begins with this character.
        _ => format!("o##{}", key.group()),
    }
}

pub(super) fn head(key: &ObjectKey) -> Key {
    Key::new(object(key), HEAD)
}

/// In the order of the numbers.
pub(super) fn version(key: &ObjectKey, number: u64) -> Key {
    Key::new(object(key), format!("{VERSIONS}{number:020}"))
}

pub(super) fn mention(key: &ObjectKey, stored_at: Timestamp, message: MessageId) -> Key {
    mention_in(object(key), stored_at, message)
}

pub(super) fn mention_in(partition: String, stored_at: Timestamp, message: MessageId) -> Key {
    Key::new(partition, format!("{MENTIONS}{}#{message}", sortable(stored_at)))
}

/// The message that a mention names.
pub(super) fn mentioned(sk: &str) -> Option<MessageId> {
    sk.strip_prefix(MENTIONS)?.split_once('#')?.1.parse().ok()
}

pub(super) fn message(id: MessageId) -> Key {
    Key::new(format!("m#{id}"), "m")
}

pub(super) fn delivery(key: &DeliveryKey) -> Key {
    Key::new(message(key.message).pk, format!("{DELIVERIES}{}#{:010}", key.route, key.round))
}

/// What the key of a delivery says.
pub(super) fn delivery_key(key: &Key) -> Option<DeliveryKey> {
    let message = key.pk.strip_prefix("m#")?.parse().ok()?;
    let (route, round) = key.sk.strip_prefix(DELIVERIES)?.split_once('#')?;
    Some(DeliveryKey { message, route: route.parse().ok()?, round: round.parse().ok()? })
}

pub(super) fn pending(id: MessageId) -> Key {
    Key::new(pending_shard(shard(id, PENDING_SHARDS)), id.to_string())
}

pub(super) fn pending_shard(shard: u8) -> String {
    format!("p#{shard}")
}

pub(super) const MINUTES: &str = "t";

pub(super) fn minute(due: Timestamp) -> Key {
    Key::new(MINUTES, minute_of(due))
}

/// `2026-11-21T10:00`, in the order of the times.
pub(super) fn minute_of(time: Timestamp) -> String {
    let mut name = sortable(time);
    name.truncate(16);
    name
}

pub(super) fn timers(minute: &str, shard: u8) -> String {
    format!("{MINUTES}#{minute}#{shard}")
}

pub(super) fn timer(key: &DeliveryKey, due: Timestamp) -> Key {
    let pk = timers(&minute_of(due), shard(key.message, TIMER_SHARDS));
    Key::new(pk, format!("{}#{}#{:010}", key.message, key.route, key.round))
}

/// What the key of a timer says.
pub(super) fn timed(key: &Key) -> Option<DeliveryKey> {
    let mut parts = key.sk.splitn(3, '#');
    let (message, route, round) = (parts.next()?, parts.next()?, parts.next()?);
    Some(DeliveryKey { message: message.parse().ok()?, route: route.parse().ok()?, round: round.parse().ok()? })
}

pub(super) fn collection(key: &CollectionKey) -> Key {
    Key::new(format!("c#{key}"), "state")
}

pub(super) fn wanted(key: &ObjectKey) -> Key {
    Key::new(format!("w{}", &object(key)[1..]), "want")
}

/// A collection's wanted objects.
pub(super) fn by_wanted(collection: &CollectionKey) -> String {
    format!("w#{collection}")
}

pub(super) fn control(endpoint: &EndpointName) -> Key {
    Key::new(format!("e#{endpoint}"), "control")
}

/// Each in a partition of its own: a route may see more of them than one partition takes.
pub(super) fn claim(route: &RouteName, tuple: &ContentHash) -> Key {
    Key::new(format!("u#{route}#{}", URL_SAFE_NO_PAD.encode(tuple.0)), "claim")
}

pub(super) fn line(endpoint: &EndpointName, object: &ObjectKey) -> Key {
    Key::new(format!("l#{endpoint}#{}", object.group()), "line")
}

pub(super) fn seen(event: &EventKey) -> Key {
    Key::new(format!("r#{}", URL_SAFE_NO_PAD.encode(event.0)), "seen")
}

/// An item's place in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Indexed {
    pub by: String,
    pub by_sk: String,
}

impl Indexed {
    pub(super) fn put_into(self, item: &mut Item) {
        item.insert(BY.to_owned(), text(self.by));
        item.insert(BY_SK.to_owned(), text(self.by_sk));
    }
}

pub(super) fn by_id(id: &str) -> String {
    match id.len() {
        0..=LONGEST_ID => format!("i#{id}"),
        // Longer than any id that is kept as it is.
        _ => format!("i#{}{}", "#".repeat(LONGEST_ID), URL_SAFE_NO_PAD.encode(Sha256::digest(id))),
    }
}

pub(super) fn head_indexed(key: &ObjectKey) -> Indexed {
    Indexed { by: by_id(&key.id), by_sk: key.collection.to_string() }
}

/// Messages stored in one hour, one shard of them. `hour` is any time in it.
pub(super) fn by_hour(hour: Timestamp, shard: u8) -> String {
    // 2026-11-21T10
    let mut name = sortable(hour);
    name.truncate(13);
    format!("s#{name}#{shard}")
}

pub(super) fn message_indexed(id: MessageId, stored_at: Timestamp) -> Indexed {
    let by = by_hour(stored_at, shard(id, INDEX_SHARDS));
    Indexed { by, by_sk: format!("{}#{id}", sortable(stored_at)) }
}

/// The message that a key names.
pub(super) fn message_of(key: &Key) -> Option<MessageId> {
    key.pk.strip_prefix("m#")?.parse().ok()
}

pub(super) fn by_state(endpoint: &EndpointName, state: DeliveryState, shard: u8) -> String {
    format!("d#{endpoint}#{}#{shard}", state.as_str())
}

pub(super) fn delivery_indexed(
    key: &DeliveryKey,
    endpoint: &EndpointName,
    state: DeliveryState,
    at: Timestamp,
) -> Indexed {
    Indexed { by: by_state(endpoint, state, shard(key.message, INDEX_SHARDS)), by_sk: sortable(at) }
}

fn shard(id: MessageId, shards: u8) -> u8 {
    id.as_bytes()[0] % shards
}

/// A time of one width, to the microsecond, so that texts are in the order of the times: `2026-11-21T10:00:00.000000Z`.
pub(super) fn sortable(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crossdock_testkit::build::{
        at, collection as collection_key, delivery_key as of_delivery, endpoint, message_id, object as object_key,
        order,
    };

    use super::*;

    #[test]
    fn what_stands_where() {
        let check = |key: Key, pk: &str, sk: &str| assert_eq!(key, Key::new(pk, sk));
        let (id, order) = (message_id("m"), order("R1/2#3"));
        check(head(&order), "o#my-store/orders/R1/2#3", "head");
        check(version(&order, 12), "o#my-store/orders/R1/2#3", "v#00000000000000000012");
        check(version(&order, 12).part(1), "o#my-store/orders/R1/2#3", "v#00000000000000000012#001");
        check(message(id), &format!("m#{id}"), "m");
        check(delivery(&of_delivery("m")), &format!("m#{id}"), "d#book#0000000001");
        check(collection(&collection_key("my-store/orders.lines")), "c#my-store/orders.lines", "state");
        check(wanted(&order), "w#my-store/orders/R1/2#3", "want");
        check(control(&endpoint("alpha")), "e#alpha", "control");
        check(line(&endpoint("alpha"), &order), &format!("l#alpha#{}", order.group()), "line");
        check(minute(at(59)), "t", "2026-11-21T10:00");
        let of = timer(&of_delivery("m"), at(60));
        let shard = id.as_bytes()[0] % TIMER_SHARDS;
        check(of, &format!("t#2026-11-21T10:01#{shard}"), &format!("{id}#book#0000000001"));
        check(mention(&order, at(0), id), "o#my-store/orders/R1/2#3", &format!("m#2026-11-21T10:00:00.000000Z#{id}"));
        assert_eq!(by_hour(at(3599), 2), "s#2026-11-21T10#2");
        assert_eq!(by_id("R1"), "i#R1");
    }

    #[test]
    fn keys_can_be_read_again() {
        let (id, key) = (message_id("m"), of_delivery("m"));
        assert_eq!(timed(&timer(&key, at(0))), Some(key.clone()));
        assert_eq!(delivery_key(&delivery(&key)), Some(key));
        assert_eq!(mentioned(&mention(&order("R1"), at(0), id).sk), Some(id));
        assert_eq!(message_of(&message(id)), Some(id));
        assert_eq!(message_of(&pending(id)), None);
        assert_eq!(delivery_key(&message(id)), None);
        assert_eq!(mentioned(HEAD), None);
    }

    /// Whatever an id looks like, it has a key of its own, within DynamoDB's limits: 2,048 bytes of a partition key and
    /// 1,024 of a sort key.
    #[test]
    fn no_two_objects_share_a_key() {
        let long = "x".repeat(LONGEST_ID);
        let ids: BTreeSet<String> = ["", "#", "##", "1", "1#head"]
            .into_iter()
            .map(str::to_owned)
            .chain([long.clone(), format!("{long}1"), format!("{long}2"), "\u{1f6b2}".repeat(100_000)])
            .chain([format!("#{}", order(&format!("{long}1")).group())])
            .collect();
        let keys: Vec<_> = ids
            .iter()
            .flat_map(|id| ["my-store/orders", "my-store/orders.lines", "erp/orders"].map(|path| object_key(path, id)))
            .collect();
        let partitions: BTreeSet<String> = keys.iter().map(object).collect();
        assert_eq!(partitions.len(), keys.len());
        assert!(partitions.iter().all(|pk| pk.len() <= 2048));
        let indexed: BTreeSet<String> = ids.iter().map(|id| by_id(id)).collect();
        assert_eq!(indexed.len(), ids.len());
        assert!(indexed.iter().all(|by| by.len() <= 2048));
    }

    #[test]
    fn every_shard_is_used() {
        let shards: BTreeSet<String> = (0..1000).map(|n| pending(message_id(&n.to_string())).pk).collect();
        assert_eq!(shards, (0..PENDING_SHARDS).map(pending_shard).collect());
    }
}
