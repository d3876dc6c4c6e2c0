//! Looking back over what was stored, for the sweep: hour by hour and shard by shard through the index.

use crossdock_core::{
    Timestamp,
    port::{Outbox, Place, PortError, StoredPage},
};
use crossdock_stack::table::{BY, BY_SK, INDEX};
use serde::{Deserialize, Serialize};

use super::{
    DynamoStore,
    failure::failure,
    item::{self, Item, text, to_json},
    keys::{self, INDEX_SHARDS, Key, sortable},
};

/// Partitions of the index that one page looks into; a day has 96.
const PARTITIONS: usize = 96;
const HOUR: i64 = 3600;

/// One partition of the index, and how far it has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Spot {
    /// Hours since 1970.
    hour: i64,
    shard: u8,
    /// The last entry that was read.
    read: Option<Entry>,
}

/// What an entry of the index is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    key: Key,
    by_sk: String,
}

impl Entry {
    fn of(item: &Item) -> Option<Self> {
        let by_sk = item.get(BY_SK).and_then(|value| value.as_s().ok())?;
        Some(Self { key: Key::of(item)?, by_sk: by_sk.clone() })
    }
}

impl Spot {
    fn next(&self) -> Self {
        match self.shard + 1 {
            INDEX_SHARDS => Self { hour: self.hour + 1, shard: 0, read: None },
            shard => Self { hour: self.hour, shard, read: None },
        }
    }

    fn partition(&self) -> Option<String> {
        Some(keys::by_hour(self.start()?, self.shard))
    }

    fn start(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.hour.checked_mul(HOUR)?).ok()
    }

    fn place(&self) -> Result<Place, PortError> {
        Ok(Place(to_json("place", self)?))
    }

    fn at(Place(place): &Place) -> Option<Self> {
        serde_json::from_str(place).ok().filter(|spot: &Self| spot.shard < INDEX_SHARDS)
    }
}

impl DynamoStore {
    pub(super) async fn look_back(
        &self,
        from: Timestamp,
        until: Timestamp,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<StoredPage, PortError> {
        // What is older has had its term, and its deliveries theirs.
        let from = self.terms().oldest(self.now()).map_or(from, |oldest| from.max(oldest));
        let first = Spot { hour: from.as_second().div_euclid(HOUR), shard: 0, read: None };
        let mut spot = match after {
            None => first,
            Some(place) => {
                let asked = Spot::at(place);
                let asked =
                    asked.ok_or_else(|| PortError::permanent("the place to go on from is none of this store's"))?;
                if asked.hour < first.hour { first } else { asked }
            }
        };
        let (mut ids, mut unreadable, mut next) = (Vec::new(), Vec::new(), None);
        for looked in 0.. {
            if spot.start().is_none_or(|start| start >= until) {
                break;
            }
            if looked == PARTITIONS {
                next = Some(spot.place()?);
                break;
            }
            let (found, last) = self.look_into(&spot, from, until, limit - ids.len()).await?;
            for entry in found {
                match keys::message_of(&entry.key) {
                    Some(id) => ids.push(id),
                    None => unreadable.push(item::unreadable("index", "a message's place")),
                }
            }
            spot = match last {
                Some(last) => Spot { read: Some(last), ..spot },
                None => spot.next(),
            };
            if ids.len() == limit {
                next = spot.start().filter(|start| *start < until).map(|_| spot.place()).transpose()?;
                break;
            }
        }
        let mut messages = Vec::with_capacity(ids.len());
        for found in self.messages(&ids).await? {
            match found {
                Ok(message) => messages.extend(message),
                Err(error) => unreadable.push(error),
            }
        }
        Ok(StoredPage { messages, unreadable, next })
    }

    /// Entries, at most `limit`, and the last one where there is more.
    async fn look_into(
        &self,
        spot: &Spot,
        from: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<Entry>), PortError> {
        let Some(partition) = spot.partition() else {
            return Ok((Vec::new(), None));
        };
        let start = spot.read.as_ref().map(|entry| {
            let mut start = entry.key.attributes();
            keys::Indexed { by: partition.clone(), by_sk: entry.by_sk.clone() }.put_into(&mut start);
            start
        });
        // Behind the time stands the message's id, so that what was stored exactly then comes after it.
        let query = self
            .client()
            .query()
            .table_name(self.table())
            .index_name(INDEX)
            .key_condition_expression("#by = :by AND #by_sk BETWEEN :from AND :until")
            .expression_attribute_names("#by", BY)
            .expression_attribute_names("#by_sk", BY_SK)
            .expression_attribute_values(":by", text(partition))
            .expression_attribute_values(":from", text(sortable(from)))
            .expression_attribute_values(":until", text(sortable(until)))
            .set_exclusive_start_key(start)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let answer = query.send().await.map_err(|error| failure("Query", &error))?;
        let found = answer.items.unwrap_or_default().iter().filter_map(Entry::of).collect();
        Ok((found, answer.last_evaluated_key.as_ref().and_then(Entry::of)))
    }
}
