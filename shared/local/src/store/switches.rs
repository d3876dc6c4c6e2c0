//! [`Switches`] on SQLite: a row for each that is off.

use crossdock_core::{
    Timestamp,
    port::{Off, PortError, Switch, Switches},
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Database,
    codec::{micros, name, optional_time, time},
    failure::Failure,
};

impl Switches for Database {
    async fn off(&self) -> Result<Off, PortError> {
        self.read(|connection| {
            let mut switches = connection.prepare_cached("SELECT switch, since FROM switches")?;
            switches.query_and_then([], |row| Ok((name(row, 0)?, time(row.get(1)?)?)))?.collect()
        })
        .await
    }

    async fn switch(&self, switch: &Switch, off: Option<Timestamp>) -> Result<(), PortError> {
        let (switch, since) = (switch.to_string(), off.map(micros));
        self.writer()
            .write(move |connection| {
                match since {
                    Some(since) => connection
                        .prepare_cached("INSERT INTO switches (switch, since) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                        .execute(params![switch, since])?,
                    None => connection.prepare_cached("DELETE FROM switches WHERE switch = ?1")?.execute([switch])?,
                };
                Ok(())
            })
            .await
    }
}

pub(super) fn hub_off(connection: &Connection) -> Result<Option<Timestamp>, Failure> {
    let since = connection
        .prepare_cached("SELECT since FROM switches WHERE switch = ?1")?
        .query_row([Switch::Hub.to_string()], |row| row.get(0))
        .optional()?;
    optional_time(since)
}
