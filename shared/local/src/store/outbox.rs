//! [`Outbox`] on SQLite. A message is stored once; its pending mark is a small row of its own, so that clearing it
//! does not rewrite the message.

use std::ops::Range;

use crossdock_core::{
    Timestamp,
    id::{MessageId, ObjectKey, RouteName},
    message::MessageRecord,
    port::{Outbox, PendingPage, Place, PortError, PutError, Read, StoredPage, Unreadable},
};
use rusqlite::{Connection, Row, Rows, params};

use super::{
    Database,
    codec::{from_json, micros, optional_text, text, to_json},
    failure::{Failure, one, put_error},
};

/// How many pending marks are cleared as one item of a batch.
const CLEARED_TOGETHER: usize = 8;

impl Outbox for Database {
    async fn put(&self, messages: Vec<MessageRecord>) -> Vec<Result<bool, PutError>> {
        self.note_arrival();
        let now = micros(self.clock().now());
        let rows = messages.iter().map(MessageRow::of).collect();
        let stored = self.writer().write_each(rows, move |connection, row| store_pending(connection, &row, now)).await;
        stored.into_iter().map(|stored| stored.map_err(put_error)).collect()
    }

    async fn pending(&self, before: Timestamp, after: Option<&Place>, limit: usize) -> Result<PendingPage, PortError> {
        let after = seq(after)?;
        self.read(move |connection| {
            // The order of storing, which a clock that was set back does not disturb.
            let mut statement = connection.prepare_cached(
                "SELECT m.body, m.disabled_routes, m.id, m.seq FROM pending p JOIN messages m ON m.seq = p.message
                 WHERE p.message > ?1 AND p.stored_at < ?2 ORDER BY p.message LIMIT ?3",
            )?;
            let limit = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
            let Page { messages, unreadable, next } =
                Page::read(statement.query(params![after, micros(before), limit])?, limit)?;
            // A message is never removed before its mark.
            Ok(PendingPage { messages, orphans: Vec::new(), unreadable, next })
        })
        .await
    }

    async fn published(&self, ids: &[MessageId]) -> Result<(), PortError> {
        if ids.is_empty() {
            return Ok(());
        }
        // A few at a time cost little each, and do not make one long piece of work of many.
        let some = ids.chunks(CLEARED_TOGETHER).map(|ids| Ok(ids.to_vec())).collect();
        let clearing = self.writer().write_each_relaxed(some, |connection, ids: Vec<MessageId>| {
            let mut statement = connection
                .prepare_cached("DELETE FROM pending WHERE message = (SELECT seq FROM messages WHERE id = ?1)")?;
            for id in ids {
                statement.execute([id.as_bytes()])?;
            }
            Ok(())
        });
        clearing.await.into_iter().collect()
    }

    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Read<Option<MessageRecord>>>, PortError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = ids.to_vec();
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT body, disabled_routes FROM messages WHERE id = ?1")?;
            ids.iter()
                .map(|id| {
                    let found = one(statement.query([id.as_bytes()])?.next()?.map(record).transpose())?;
                    Ok(found.map_err(|error| error.named(id)))
                })
                .collect()
        })
        .await
    }

    async fn messages_of(&self, key: &ObjectKey) -> Result<Vec<Read<MessageRecord>>, PortError> {
        let group = key.group_bytes();
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT body, disabled_routes FROM messages WHERE object_group = ?1 ORDER BY seq")?;
            statement.query_and_then([group], |row| one(record(row)))?.collect()
        })
        .await
    }

    async fn messages_about(
        &self,
        object: &ObjectKey,
        versions: Range<u64>,
        limit: usize,
    ) -> Result<Vec<Read<MessageRecord>>, PortError> {
        let group = object.group_bytes();
        let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
        let (from, before, limit) = (number(versions.start), number(versions.end), limit.max(1));
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT body, disabled_routes FROM messages
                 WHERE object_group = ?1 AND object_version >= ?2 AND object_version < ?3
                 ORDER BY object_version DESC LIMIT ?4",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            statement.query_and_then(params![group, from, before, limit], |row| one(record(row)))?.collect()
        })
        .await
    }

    async fn stored_between(
        &self,
        from: Timestamp,
        until: Timestamp,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<StoredPage, PortError> {
        let after = seq(after)?;
        self.read(move |connection| {
            // In the order of storing: times may be out of order where a clock was set.
            let mut statement = connection.prepare_cached(
                "SELECT body, disabled_routes, id, seq FROM messages
                 WHERE seq > ?1 AND stored_at >= ?2 AND stored_at < ?3 ORDER BY seq LIMIT ?4",
            )?;
            let limit = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
            let Page { messages, unreadable, next } =
                Page::read(statement.query(params![after, micros(from), micros(until), limit])?, limit)?;
            Ok(StoredPage { messages, unreadable, next })
        })
        .await
    }
}

/// After which message a page begins.
fn seq(after: Option<&Place>) -> Result<i64, PortError> {
    let Some(Place(place)) = after else { return Ok(0) };
    place.parse().map_err(|_| PortError::permanent("the place to go on from is none of this store's"))
}

struct Page {
    messages: Vec<MessageRecord>,
    unreadable: Vec<Unreadable>,
    next: Option<Place>,
}

impl Page {
    /// Of rows of a body, disabled routes, an id and a number.
    fn read(mut rows: Rows<'_>, limit: i64) -> Result<Self, Failure> {
        let (mut messages, mut unreadable) = (Vec::new(), Vec::new());
        let (mut count, mut last) = (0, 0);
        while let Some(row) = rows.next()? {
            match one(record(row))? {
                Ok(message) => messages.push(message),
                Err(error) => unreadable.push(error.named(MessageId::from_bytes(row.get(2)?))),
            }
            last = row.get(3)?;
            count += 1;
        }
        Ok(Self { messages, unreadable, next: (count == limit).then(|| Place(last.to_string())) })
    }
}

fn record(row: &Row<'_>) -> Result<MessageRecord, Failure> {
    let disabled = match optional_text(row, 1)? {
        Some(names) => from_json::<Vec<RouteName>>("list of disabled routes", names)?,
        None => Vec::new(),
    };
    Ok(MessageRecord { message: from_json("message", text(row, 0)?)?, disabled_routes: disabled })
}

/// A message with its JSON written, ready for the writer.
pub(super) struct MessageRow {
    id: MessageId,
    object_group: Option<[u8; 16]>,
    /// `None` too where it is a number that SQLite does not have, which no version comes to.
    object_version: Option<i64>,
    disabled_routes: Option<String>,
    body: String,
}

impl MessageRow {
    pub(super) fn of(record: &MessageRecord) -> Result<Self, PortError> {
        let disabled = &record.disabled_routes;
        Ok(Self {
            id: record.message.message_id,
            object_group: record.message.object_key().map(|key| key.group_bytes()),
            object_version: record.message.object.as_ref().and_then(|object| object.version.try_into().ok()),
            disabled_routes: if disabled.is_empty() { None } else { Some(to_json("disabled routes", disabled)?) },
            body: to_json("message", &record.message)?,
        })
    }
}

/// `false`: a message of this id is there already and stays as it is, pending or not.
pub(super) fn store_pending(connection: &Connection, row: &MessageRow, now: i64) -> Result<bool, Failure> {
    if !store_message(connection, row, now)? {
        return Ok(false);
    }
    connection
        .prepare_cached("INSERT INTO pending (message, stored_at) VALUES (?1, ?2)")?
        .execute(params![connection.last_insert_rowid(), now])?;
    Ok(true)
}

/// The same without a pending mark, for one that goes over no bus.
pub(super) fn store_message(connection: &Connection, row: &MessageRow, now: i64) -> Result<bool, Failure> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO messages (id, object_group, object_version, disabled_routes, body, stored_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            row.id.as_bytes(),
            row.object_group,
            row.object_version,
            row.disabled_routes,
            row.body,
            now
        ])?;
    Ok(inserted == 1)
}
