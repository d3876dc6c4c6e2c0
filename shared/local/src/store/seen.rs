//! [`SeenEvents`] on SQLite.

use crossdock_core::{
    Timestamp,
    id::EventKey,
    port::{PortError, SeenEvents},
};
use rusqlite::{Connection, params};

use super::{Database, codec::micros, failure::Failure};

/// Removed in one piece of the writer's work.
const PIECE: usize = 100;

impl SeenEvents for Database {
    async fn seen(&self, events: &[EventKey]) -> Result<Vec<bool>, PortError> {
        let events = events.to_vec();
        self.read(move |connection| {
            let mut look = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM seen WHERE event = ?1)")?;
            events.iter().map(|event| Ok(look.query_row([event.0], |row| row.get(0))?)).collect()
        })
        .await
    }

    async fn note(&self, events: &[EventKey], now: Timestamp) -> Result<(), PortError> {
        let (events, now) = (events.to_vec(), micros(now));
        self.writer()
            .write_relaxed(move |connection| {
                let mut note =
                    connection.prepare_cached("INSERT INTO seen (event, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
                for event in events {
                    note.execute(params![event.0, now])?;
                }
                Ok(())
            })
            .await
    }
}

/// Removes some that were taken in before that time; whether there may be more.
pub(super) fn remove_old(connection: &Connection, before: i64) -> Result<bool, Failure> {
    let removed = connection
        .prepare_cached(&format!(
            "DELETE FROM seen WHERE event IN (SELECT event FROM seen WHERE at < ?1 ORDER BY at LIMIT {PIECE})"
        ))?
        .execute([before])?;
    Ok(removed == PIECE)
}
