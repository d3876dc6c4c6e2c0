//! Going through the pending marks, shard by shard in the order of their keys, which is no order of time: a mark's key
//! follows from its message alone, so that clearing it needs no reading.

use std::collections::HashMap;

use crossdock_core::{
    Timestamp,
    id::MessageId,
    port::{Outbox, PendingPage, Place, PortError, Unreadable},
};
use crossdock_stack::table::{PK, SK};
use jiff::SignedDuration;

use super::{
    DynamoStore,
    failure::failure,
    item::{Item, Reader, text, unreadable},
    keys::{self, Key, PENDING_SHARDS},
    message::STORED_AT,
};

/// A message that has been pending for so long gets a new term whenever it is read, so that it never ends.
const LONG: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Marks that one query reads.
const READ: i32 = 100;

/// A shard, and how far it has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spot {
    shard: u8,
    /// The sort key of the last mark.
    read: Option<String>,
}

impl Spot {
    const FIRST: Self = Self { shard: 0, read: None };

    fn at(Place(place): &Place) -> Option<Self> {
        let (shard, read) = place.split_once('/')?;
        let shard = shard.parse().ok().filter(|shard| *shard < PENDING_SHARDS)?;
        Some(Self { shard, read: (!read.is_empty()).then(|| read.to_owned()) })
    }

    fn place(&self) -> Place {
        Place(format!("{}/{}", self.shard, self.read.as_deref().unwrap_or_default()))
    }
}

struct Mark {
    id: MessageId,
    stored_at: Timestamp,
}

impl DynamoStore {
    pub(super) async fn marked(
        &self,
        before: Timestamp,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<PendingPage, PortError> {
        let mut spot = match after {
            None => Spot::FIRST,
            Some(place) => Spot::at(place)
                .ok_or_else(|| PortError::permanent("the place to go on from is none of this store's"))?,
        };
        let (mut marks, mut unreadable) = (Vec::new(), Vec::new());
        let mut next = None;
        'walk: while spot.shard < PENDING_SHARDS {
            let (items, is_last) = self.read_marks(&spot).await?;
            for item in &items {
                if marks.len() == limit {
                    next = Some(spot.place());
                    break 'walk;
                }
                spot.read = Key::of(item).map(|key| key.sk);
                match mark(item) {
                    Ok(mark) if mark.stored_at < before => marks.push(mark),
                    Ok(_) => {}
                    Err(error) => unreadable.push(error),
                }
            }
            if is_last {
                spot = Spot { shard: spot.shard + 1, read: None };
            }
        }
        let now = self.now();
        let waiting = marks.iter().filter(|mark| now.duration_since(mark.stored_at) > LONG);
        self.renew(waiting.map(|mark| mark.id)).await?;
        let ids: Vec<MessageId> = marks.iter().map(|mark| mark.id).collect();
        let mut page = PendingPage { messages: Vec::new(), orphans: Vec::new(), unreadable, next };
        for (id, found) in ids.iter().zip(self.messages(&ids).await?) {
            match found {
                Ok(Some(message)) => page.messages.push(message),
                // Message and mark are written in one, and a mark goes first.
                Ok(None) => page.orphans.push(*id),
                Err(error) => page.unreadable.push(error),
            }
        }
        Ok(page)
    }

    /// The marks of a shard behind the spot, and whether there are no more.
    async fn read_marks(&self, spot: &Spot) -> Result<(Vec<Item>, bool), PortError> {
        let shard = keys::pending_shard(spot.shard);
        let start = spot.read.as_ref().map(|read| HashMap::from([(PK, &shard), (SK, read)]));
        let start = start.map(|key| key.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect());
        let query = self
            .client()
            .query()
            .table_name(self.table())
            .consistent_read(true)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", text(&shard))
            .set_exclusive_start_key(start)
            .limit(READ);
        let answer = query.send().await.map_err(|error| failure("Query", &error))?;
        let is_last = answer.last_evaluated_key.is_none_or(|key| key.is_empty());
        Ok((answer.items.unwrap_or_default(), is_last))
    }
}

fn mark(item: &Item) -> Result<Mark, Unreadable> {
    let id = Key::of(item).and_then(|key| key.sk.parse().ok());
    let id = id.ok_or_else(|| unreadable("pending mark", "its key"))?;
    // One whose time cannot be read has been there for long.
    let stored_at = Reader { what: "pending mark", item }.time(STORED_AT).unwrap_or(Timestamp::MIN);
    Ok(Mark { id, stored_at })
}
