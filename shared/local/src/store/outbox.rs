//! [`Outbox`] on SQLite. A message is stored once; its pending mark is a small row of its own, so that clearing it
//! does not rewrite the message.

use crossdock_core::{
    Timestamp,
    id::{MessageId, ObjectKey, RouteName},
    message::MessageRecord,
    port::{Outbox, Place, PortError, StoredPage},
};
use rusqlite::{Connection, Row, params};

use super::{
    Database,
    codec::{from_json, micros, optional_text, text, to_json},
    failure::Failure,
};

impl Outbox for Database {
    async fn put(&self, messages: Vec<MessageRecord>) -> Vec<Result<bool, PortError>> {
        let now = micros(self.clock().now());
        let rows = messages.iter().map(MessageRow::of).collect();
        self.writer().write_each(rows, move |connection, row| store_pending(connection, &row, now)).await
    }

    async fn pending(&self, before: Timestamp, limit: usize) -> Result<Vec<MessageRecord>, PortError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |connection| {
            // The order of storing, which a clock that was set back does not disturb.
            let mut statement = connection.prepare_cached(
                "SELECT m.body, m.disabled_routes FROM pending p JOIN messages m ON m.seq = p.message
                 WHERE p.stored_at < ?1 ORDER BY p.message LIMIT ?2",
            )?;
            statement.query_and_then(params![micros(before), limit], record)?.collect()
        })
        .await
    }

    async fn published(&self, ids: &[MessageId]) -> Result<(), PortError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.to_vec();
        self.writer()
            .write_relaxed(move |connection| {
                let mut statement = connection
                    .prepare_cached("DELETE FROM pending WHERE message = (SELECT seq FROM messages WHERE id = ?1)")?;
                for id in ids {
                    statement.execute([id.as_bytes()])?;
                }
                Ok(())
            })
            .await
    }

    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Option<MessageRecord>>, PortError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = ids.to_vec();
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT body, disabled_routes FROM messages WHERE id = ?1")?;
            ids.iter().map(|id| statement.query([id.as_bytes()])?.next()?.map(record).transpose()).collect()
        })
        .await
    }

    async fn messages_of(&self, key: &ObjectKey) -> Result<Vec<MessageRecord>, PortError> {
        let group = key.group_bytes();
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT body, disabled_routes FROM messages WHERE object_group = ?1 ORDER BY seq")?;
            statement.query_and_then([group], record)?.collect()
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
        let after: i64 = match after {
            None => 0,
            Some(Place(place)) => {
                place.parse().map_err(|_| PortError::permanent("the place to go on from is none of this store's"))?
            }
        };
        self.read(move |connection| {
            let limit = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
            // In the order of storing: times may be out of order where a clock was set.
            let mut statement = connection.prepare_cached(
                "SELECT body, disabled_routes, seq FROM messages
                 WHERE seq > ?1 AND stored_at >= ?2 AND stored_at < ?3 ORDER BY seq LIMIT ?4",
            )?;
            let mut rows = statement.query(params![after, micros(from), micros(until), limit])?;
            let (mut messages, mut last) = (Vec::new(), after);
            while let Some(row) = rows.next()? {
                messages.push(record(row)?);
                last = row.get(2)?;
            }
            let is_full = i64::try_from(messages.len()).is_ok_and(|count| count == limit);
            Ok(StoredPage { messages, next: is_full.then(|| Place(last.to_string())) })
        })
        .await
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
    disabled_routes: Option<String>,
    body: String,
}

impl MessageRow {
    pub(super) fn of(record: &MessageRecord) -> Result<Self, PortError> {
        let disabled = &record.disabled_routes;
        Ok(Self {
            id: record.message.message_id,
            object_group: record.message.object_key().map(|key| key.group_bytes()),
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
            "INSERT INTO messages (id, object_group, disabled_routes, body, stored_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![row.id.as_bytes(), row.object_group, row.disabled_routes, row.body, now])?;
    Ok(inserted == 1)
}
