//! [`Timers`] on SQLite. Looking is reading: the writer is asked only where something is due.

use crossdock_core::{
    Timestamp,
    id::{DeliveryKey, MessageId},
    port::{PortError, Timer, Timers},
};
use rusqlite::{Connection, Row, params};

use super::{
    Database,
    codec::{micros, name, time},
    failure::{Failure, first_readable, one},
};

impl Timers for Database {
    async fn take(
        &self,
        before: Timestamp,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Timer>, PortError> {
        let (before, at) = (micros(before), micros(now));
        let found = self.read(move |connection| due(connection, before, at, limit)).await?;
        if found.is_empty() {
            return Ok(found);
        }
        // A hold that a power cut takes back is one of somebody who is gone.
        let holding = self.writer().write_relaxed(move |connection| {
            let mut held = Vec::with_capacity(found.len());
            for timer in found {
                if hold(connection, &timer, at, micros(until))? {
                    held.push(Timer { held_until: Some(until), ..timer });
                }
            }
            Ok(held)
        });
        holding.await
    }

    async fn remove(&self, timers: &[Timer]) -> Result<(), PortError> {
        let keys: Vec<DeliveryKey> = timers.iter().map(|timer| timer.key.clone()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let removing = self.writer().write_relaxed(move |connection| {
            let mut statement =
                connection.prepare_cached("DELETE FROM timers WHERE message = ?1 AND route = ?2 AND round = ?3")?;
            for key in keys {
                statement.execute(params![key.message.as_bytes(), key.route.as_str(), key.round])?;
            }
            Ok(())
        });
        removing.await
    }
}

impl Database {
    /// Lets go of what is held. Only for whoever knows that nobody is about to send it any more.
    pub async fn release_timers(&self) -> Result<(), PortError> {
        let releasing = self.writer().write_relaxed(|connection| {
            connection.prepare_cached("UPDATE timers SET held_until = 0 WHERE held_until > 0")?.execute([])?;
            Ok(())
        });
        releasing.await
    }
}

fn due(connection: &Connection, before: i64, now: i64, limit: usize) -> Result<Vec<Timer>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT message, route, round, endpoint, due, body FROM timers
         WHERE due < ?1 AND held_until <= ?2 ORDER BY due",
    )?;
    // Without a limit in SQL: what cannot be read stays, and must not stand before the others for ever.
    let rows = statement.query_and_then(params![before, now], |row| one(timer(row)))?;
    first_readable(rows, limit, "a timer")
}

fn timer(row: &Row<'_>) -> Result<Timer, Failure> {
    Ok(Timer {
        key: DeliveryKey { message: MessageId::from_bytes(row.get(0)?), route: name(row, 1)?, round: row.get(2)? },
        endpoint: name(row, 3)?,
        due: time(row.get(4)?)?,
        body: row.get(5)?,
        held_until: None,
    })
}

/// `false`: somebody was faster.
fn hold(connection: &Connection, timer: &Timer, now: i64, until: i64) -> Result<bool, Failure> {
    let held = connection
        .prepare_cached(
            "UPDATE timers SET held_until = ?5 WHERE message = ?1 AND route = ?2 AND round = ?3 AND held_until <= ?4",
        )?
        .execute(params![timer.key.message.as_bytes(), timer.key.route.as_str(), timer.key.round, now, until])?;
    Ok(held == 1)
}

pub(super) fn store_timer(connection: &Connection, timer: &Timer) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO timers (message, route, round, endpoint, due, held_until, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            timer.key.message.as_bytes(),
            timer.key.route.as_str(),
            timer.key.round,
            timer.endpoint.as_str(),
            micros(timer.due),
            timer.held_until.map_or(0, micros),
            timer.body,
        ])?;
    Ok(())
}
