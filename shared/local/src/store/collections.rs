//! [`Collections`] on SQLite: bookmark and lease of a collection in one row.

use crossdock_core::{
    Timestamp,
    id::CollectionKey,
    message::MessageRecord,
    port::{CollectionState, Collections, LeaseError, LeaseOwner, PortError},
};
use rusqlite::{Connection, Row, params};

use super::{
    Database,
    codec::{micros, optional_time},
    failure::Failure,
    outbox::{MessageRow, store_pending},
};

impl Collections for Database {
    async fn lease(
        &self,
        key: &CollectionKey,
        owner: &LeaseOwner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<CollectionState>, PortError> {
        let (key, owner) = (key.clone(), owner.clone());
        self.writer()
            .write(move |connection| {
                let taken = connection
                    .prepare_cached(
                        "INSERT INTO collections (source, collection, lease_owner, lease_until)
                         VALUES (?1, ?2, ?3, ?5)
                         ON CONFLICT (source, collection) DO UPDATE
                         SET lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
                         WHERE lease_owner IS NULL OR lease_owner = ?3 OR lease_until <= ?4",
                    )?
                    .execute(params![
                        key.source.as_str(),
                        key.collection.as_str(),
                        owner.0,
                        micros(now),
                        micros(until)
                    ])?;
                if taken == 0 { Ok(None) } else { read_state(connection, &key) }
            })
            .await
    }

    async fn save(
        &self,
        key: &CollectionKey,
        owner: &LeaseOwner,
        until: Timestamp,
        state: &CollectionState,
        messages: Vec<MessageRecord>,
    ) -> Result<(), LeaseError> {
        let now = micros(self.clock().now());
        let rows = messages.iter().map(MessageRow::of).collect::<Result<Vec<_>, _>>()?;
        let (key, owner, state) = (key.clone(), owner.clone(), state.clone());
        let saved = self
            .writer()
            .write(move |connection| {
                if !save_state(connection, &key, &owner, until, &state)? {
                    return Ok(false);
                }
                for row in &rows {
                    store_pending(connection, row, now)?;
                }
                Ok(true)
            })
            .await?;
        if saved { Ok(()) } else { Err(LeaseError::Lost) }
    }

    async fn state(&self, key: &CollectionKey) -> Result<Option<CollectionState>, PortError> {
        let key = key.clone();
        self.read(move |connection| read_state(connection, &key)).await
    }
}

/// `false`: the lease is not the owner's; nothing was written.
fn save_state(
    connection: &Connection,
    key: &CollectionKey,
    owner: &LeaseOwner,
    until: Timestamp,
    state: &CollectionState,
) -> Result<bool, Failure> {
    let saved = connection
        .prepare_cached(
            "UPDATE collections SET lease_until = ?4, bookmark = ?5, started_at = ?6, baseline_done = ?7,
                baseline_objects = ?8, failures = ?9, streak = ?10, notified = ?11
             WHERE source = ?1 AND collection = ?2 AND lease_owner = ?3",
        )?
        .execute(params![
            key.source.as_str(),
            key.collection.as_str(),
            owner.0,
            micros(until),
            state.bookmark,
            state.started_at.map(micros),
            state.baseline_done,
            state.baseline_objects.cast_signed(),
            state.failures.cast_signed(),
            state.streak.cast_signed(),
            state.notified,
        ])?;
    Ok(saved == 1)
}

fn read_state(connection: &Connection, key: &CollectionKey) -> Result<Option<CollectionState>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT bookmark, started_at, baseline_done, baseline_objects, failures, streak, notified
         FROM collections WHERE source = ?1 AND collection = ?2",
    )?;
    let mut rows = statement.query(params![key.source.as_str(), key.collection.as_str()])?;
    rows.next()?.map(state).transpose()
}

fn state(row: &Row<'_>) -> Result<CollectionState, Failure> {
    Ok(CollectionState {
        bookmark: row.get(0)?,
        started_at: optional_time(row.get(1)?)?,
        baseline_done: row.get(2)?,
        baseline_objects: row.get::<_, i64>(3)?.cast_unsigned(),
        failures: row.get::<_, i64>(4)?.cast_unsigned(),
        streak: row.get::<_, i64>(5)?.cast_unsigned(),
        notified: row.get(6)?,
    })
}
