//! [`Signing`] on SQLite. The key is read once, when the store is opened.

use crossdock_core::{
    id::EndpointName,
    port::{Generations, PortError, Signing, SigningKey},
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Database,
    codec::{micros, optional_time},
    failure::Failure,
};

impl Signing for Database {
    async fn signing_key(&self) -> Result<SigningKey, PortError> {
        Ok(Database::signing_key(self).clone())
    }

    async fn rotate(&self, endpoint: &EndpointName, from: Generations, to: Generations) -> Result<bool, PortError> {
        let endpoint = endpoint.clone();
        self.writer().write(move |connection| rotate(connection, &endpoint, from, to)).await
    }
}

fn rotate(
    connection: &Connection,
    endpoint: &EndpointName,
    from: Generations,
    to: Generations,
) -> Result<bool, Failure> {
    if read_generations(connection, endpoint)? != from {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT INTO generations (endpoint, newest, previous_until) VALUES (?1, ?2, ?3)
             ON CONFLICT (endpoint) DO UPDATE SET newest = excluded.newest, previous_until = excluded.previous_until",
        )?
        .execute(params![endpoint.as_str(), to.newest, to.previous_until.map(micros)])?;
    Ok(true)
}

pub(super) fn read_generations(connection: &Connection, endpoint: &EndpointName) -> Result<Generations, Failure> {
    let stored = connection
        .prepare_cached("SELECT newest, previous_until FROM generations WHERE endpoint = ?1")?
        .query_and_then([endpoint.as_str()], |row| {
            Ok::<_, Failure>(Generations { newest: row.get(0)?, previous_until: optional_time(row.get(1)?)? })
        })?
        .next()
        .transpose()?;
    Ok(stored.unwrap_or_default())
}

/// The key of the store that is being opened: `fresh` if it has none yet.
pub(super) fn made_key(connection: &Connection, fresh: SigningKey) -> rusqlite::Result<SigningKey> {
    let stored = connection.query_row("SELECT key FROM signing_key", [], |row| row.get(0)).optional()?;
    if let Some(bytes) = stored {
        return Ok(SigningKey::new(bytes));
    }
    connection.execute("INSERT INTO signing_key (key) VALUES (?1)", [fresh.expose()])?;
    Ok(fresh)
}
