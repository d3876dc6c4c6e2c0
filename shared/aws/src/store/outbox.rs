//! [`Outbox`] on DynamoDB. A pending mark is a small item of its own whose key follows from the message's id, so that
//! clearing marks is deleting in batches.

use std::ops::Range;

use crossdock_core::{
    Timestamp,
    id::{MessageId, ObjectKey},
    message::MessageRecord,
    port::{Outbox, PendingPage, Place, PortError, PutError, Read, StoredPage, Unreadable, VersionStore},
};
use futures_util::{StreamExt, stream};

use super::{
    DynamoStore, WRITES,
    body::{body, further_parts},
    failure::put_error,
    item::{has_expired, unreadable},
    keys::{self, Key, MENTIONS},
    message::{STORED_AT, Stored, reader},
    transact::{Write, Written},
    versions::message_ids,
};

impl Outbox for DynamoStore {
    async fn put(&self, messages: Vec<MessageRecord>) -> Vec<Result<bool, PutError>> {
        let now = self.now();
        let putting: Vec<_> = messages.into_iter().map(|record| self.put_one(record, now)).collect();
        stream::iter(putting).buffered(WRITES).map(|put| put.map_err(put_error)).collect().await
    }

    async fn pending(&self, before: Timestamp, after: Option<&Place>, limit: usize) -> Result<PendingPage, PortError> {
        self.marked(before, after, limit.max(1)).await
    }

    async fn published(&self, ids: &[MessageId]) -> Result<(), PortError> {
        self.delete(ids.iter().copied().map(keys::pending)).await
    }

    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Read<Option<MessageRecord>>>, PortError> {
        let record = |found: Option<(Timestamp, MessageRecord)>| found.map(|(_, record)| record);
        Ok(self.stored(ids).await?.into_iter().map(|found| found.map(record)).collect())
    }

    async fn messages_of(&self, key: &ObjectKey) -> Result<Vec<Read<MessageRecord>>, PortError> {
        let items = self.read_partition(&keys::object(key), "").await?;
        let (mut ids, mut aside) = (Vec::new(), Vec::new());
        for item in &items {
            let sk = Key::of(item).map(|key| key.sk).unwrap_or_default();
            let named = match sk.starts_with(MENTIONS) {
                true => keys::mentioned(&sk).map(|id| vec![id]).ok_or_else(|| unreadable("mention", "its key")),
                false => message_ids(item),
            };
            match named {
                Ok(named) => ids.extend(named),
                Err(error) => aside.push(error),
            }
        }
        let mut found = Vec::with_capacity(ids.len());
        for stored in self.stored(&ids).await? {
            match stored {
                Ok(stored) => found.extend(stored),
                Err(error) => aside.push(error),
            }
        }
        // Of those stored at the same time, the order of the versions.
        found.sort_by_key(|(stored_at, _)| *stored_at);
        Ok(found.into_iter().map(|(_, record)| Ok(record)).chain(aside.into_iter().map(Err)).collect())
    }

    async fn messages_about(
        &self,
        object: &ObjectKey,
        versions: Range<u64>,
        limit: usize,
    ) -> Result<Vec<Read<MessageRecord>>, PortError> {
        let (mut ids, mut aside) = (Vec::new(), Vec::new());
        for named in self.messages_of_versions(object, versions, limit.max(1)).await? {
            match named {
                Ok(named) => ids.extend(named),
                Err(error) => aside.push(error),
            }
        }
        ids.truncate(limit.max(1));
        let found = self.messages(&ids).await?.into_iter().filter_map(Result::transpose);
        Ok(found.chain(aside.into_iter().map(Err)).collect())
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

impl DynamoStore {
    async fn put_one(&self, record: MessageRecord, now: Timestamp) -> Result<bool, PortError> {
        let messages = vec![self.new_message(record, now, None)?];
        match self.write(Write { parts: Vec::new(), check: None, messages }).await? {
            Written::Done { new } => Ok(new == [true]),
            Written::Refused(_) => Err(PortError::permanent("a message was refused that has no condition")),
        }
    }

    /// Messages, and when each was stored; in the order asked.
    pub(super) async fn stored(
        &self,
        ids: &[MessageId],
    ) -> Result<Vec<Read<Option<(Timestamp, MessageRecord)>>>, PortError> {
        let now = self.now();
        let found = self.read(ids.iter().copied().map(keys::message)).await?;
        let there = |id: &MessageId| {
            let key = keys::message(*id);
            let item = found.get(&key).filter(|item| !has_expired(item, now))?;
            Some((key, item))
        };
        let mut parts = Vec::new();
        for id in ids {
            // Of one whose parts cannot be told, none are read; it says so itself.
            let of_it = there(id).and_then(|(key, item)| further_parts(reader(item), &key).ok());
            parts.extend(of_it.into_iter().flatten());
        }
        let parts = self.read(parts).await?;

        let stored = |id: &MessageId| {
            let Some((key, item)) = there(id) else { return Ok(None) };
            let reader = reader(item);
            let further = further_parts(reader, &key)?;
            let json = body(reader, further.iter().map(|key| parts.get(key)))?;
            Ok(Some((reader.time(STORED_AT)?, Stored::read(reader, &json)?)))
        };
        let stored: Vec<Read<Option<(Timestamp, Stored)>>> = ids.iter().map(stored).collect();
        let rests = stored.iter().flatten().flatten().filter_map(|(_, stored)| stored.rest.clone());
        let mut versions = self.versions(&rests.collect::<Vec<_>>()).await?.into_iter();
        let mut whole = |stored: Option<(Timestamp, Stored)>| {
            let Some((stored_at, stored)) = stored else { return Ok(None) };
            if stored.rest.is_none() {
                return Ok(Some((stored_at, stored.record)));
            }
            // The version is kept at least as long as the first term of its messages; one that is gone has had it.
            match versions.next().transpose()?.flatten() {
                Some(version) => Ok(Some((stored_at, stored.whole(version.body)?))),
                None => Ok(None),
            }
        };
        let whole = stored.into_iter().map(|stored| stored.and_then(&mut whole));
        Ok(whole.zip(ids).map(|(found, id)| found.map_err(|error: Unreadable| error.named(id))).collect())
    }
}
