//! [`Outbox`] on DynamoDB. A pending mark is a small item of its own whose key follows from the message's id, so that
//! clearing marks is deleting in batches.

use crossdock_core::{
    Timestamp,
    id::{MessageId, ObjectKey},
    message::MessageRecord,
    port::{Outbox, Place, PortError, StoredPage, VersionStore},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::SignedDuration;

use super::{
    DynamoStore, WRITES,
    body::{body, further_parts},
    item::{Item, Reader, has_expired, unreadable},
    keys::{self, Key, MENTIONS, PENDING_SHARDS},
    message::{STORED_AT, Stored, reader},
    transact::{Write, Written},
    versions::message_ids,
};

/// A message that has been pending for so long gets a new term whenever it is read, so that it never ends.
const LONG: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Outbox for DynamoStore {
    async fn put(&self, messages: Vec<MessageRecord>) -> Vec<Result<bool, PortError>> {
        let now = self.now();
        let putting: Vec<_> = messages.into_iter().map(|record| self.put_one(record, now)).collect();
        stream::iter(putting).buffered(WRITES).collect().await
    }

    async fn pending(&self, before: Timestamp, limit: usize) -> Result<Vec<MessageRecord>, PortError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let shards: Vec<String> = (0..PENDING_SHARDS).map(keys::pending_shard).collect();
        let reading: Vec<_> = shards.iter().map(|shard| self.read_partition(shard, "")).collect();
        let items: Vec<Vec<Item>> = stream::iter(reading).buffered(WRITES).try_collect().await?;
        let mut marks = items.iter().flatten().map(mark).collect::<Result<Vec<_>, _>>()?;
        marks.retain(|(stored_at, _)| *stored_at < before);
        marks.sort_unstable();
        marks.truncate(limit);

        let now = self.now();
        self.renew(marks.iter().filter(|(stored_at, _)| now.duration_since(*stored_at) > LONG).map(|(_, id)| *id))
            .await?;
        let ids: Vec<MessageId> = marks.into_iter().map(|(_, id)| id).collect();
        let found = self.messages(&ids).await?;
        // A mark is written with its message: one without was read while another process cleared it.
        Ok(found.into_iter().flatten().collect())
    }

    async fn published(&self, ids: &[MessageId]) -> Result<(), PortError> {
        self.delete(ids.iter().copied().map(keys::pending)).await
    }

    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Option<MessageRecord>>, PortError> {
        Ok(self.stored(ids).await?.into_iter().map(|found| found.map(|(_, record)| record)).collect())
    }

    async fn messages_of(&self, key: &ObjectKey) -> Result<Vec<MessageRecord>, PortError> {
        let items = self.read_partition(&keys::object(key), "").await?;
        let mut ids = Vec::new();
        for item in &items {
            let sk = Key::of(item).map(|key| key.sk).unwrap_or_default();
            match sk.starts_with(MENTIONS) {
                true => ids.push(keys::mentioned(&sk).ok_or_else(|| unreadable("mention", "its key"))?),
                false => ids.extend(message_ids(item)?),
            }
        }
        let mut found: Vec<_> = self.stored(&ids).await?.into_iter().flatten().collect();
        // Of those stored at the same time, the order of the versions.
        found.sort_by_key(|(stored_at, _)| *stored_at);
        Ok(found.into_iter().map(|(_, record)| record).collect())
    }

    async fn stored_between(
        &self,
        from: Timestamp,
        until: Timestamp,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<StoredPage, PortError> {
        self.look_back(from, until, after, limit.max(1)).await
    }
}

fn mark(item: &Item) -> Result<(Timestamp, MessageId), PortError> {
    let reader = Reader { what: "pending mark", item };
    Ok((reader.time(STORED_AT)?, reader.parsed(crossdock_stack::table::SK)?))
}

impl DynamoStore {
    async fn put_one(&self, record: MessageRecord, now: Timestamp) -> Result<bool, PortError> {
        let messages = vec![self.new_message(record, now, None)?];
        match self.write(Write { parts: Vec::new(), check: None, messages }).await? {
            Written::Done { new } => Ok(new == [true]),
            Written::Refused(_) => Err(PortError::permanent("a message was refused that has no condition")),
        }
    }

    /// Messages, and when each was stored; in the order asked.
    async fn stored(&self, ids: &[MessageId]) -> Result<Vec<Option<(Timestamp, MessageRecord)>>, PortError> {
        let now = self.now();
        let found = self.read(ids.iter().copied().map(keys::message)).await?;
        let items: Vec<Option<(Key, &Item)>> = ids
            .iter()
            .map(|id| {
                let key = keys::message(*id);
                let item = found.get(&key).filter(|item| !has_expired(item, now))?;
                Some((key, item))
            })
            .collect();
        let mut parts = Vec::new();
        for (key, item) in items.iter().flatten() {
            parts.extend(further_parts(reader(item), key)?);
        }
        let parts = self.read(parts).await?;

        let mut stored = Vec::with_capacity(ids.len());
        for item in &items {
            stored.push(match item {
                None => None,
                Some((key, item)) => {
                    let reader = reader(item);
                    let further = further_parts(reader, key)?;
                    let json = body(reader, further.iter().map(|key| parts.get(key)))?;
                    Some((reader.time(STORED_AT)?, Stored::read(reader, &json)?))
                }
            });
        }
        let wanted: Vec<_> = stored.iter().flatten().filter_map(|(_, stored)| stored.rest.clone()).collect();
        let mut versions = self.versions(&wanted).await?.into_iter();
        stored
            .into_iter()
            .map(|stored| {
                let Some((stored_at, stored)) = stored else { return Ok(None) };
                if stored.rest.is_none() {
                    return Ok(Some((stored_at, stored.record)));
                }
                // The version is kept at least as long as the first term of its messages; one that is gone has had it.
                match versions.next().flatten() {
                    Some(version) => Ok(Some((stored_at, stored.whole(version.body)?))),
                    None => Ok(None),
                }
            })
            .collect()
    }
}
