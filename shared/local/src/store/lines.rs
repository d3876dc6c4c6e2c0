//! [`Lines`] on SQLite.

use crossdock_core::{
    id::{EndpointName, ObjectKey},
    port::{Line, Lines, PortError},
};
use rusqlite::params;

use super::{
    Database,
    codec::{from_json, text, to_json},
};

impl Lines for Database {
    async fn line(&self, endpoint: &EndpointName, object: &ObjectKey) -> Result<Option<Line>, PortError> {
        let (endpoint, group) = (endpoint.clone(), object.group_bytes());
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT body FROM lines WHERE endpoint = ?1 AND object_group = ?2")?
                .query_and_then(params![endpoint.as_str(), group], |row| from_json("line", text(row, 0)?))?
                .next()
                .transpose()
        })
        .await
    }

    async fn set_line(&self, endpoint: &EndpointName, object: &ObjectKey, line: &Line) -> Result<bool, PortError> {
        let (endpoint, group) = (endpoint.clone(), object.group_bytes());
        let revision = i64::try_from(line.revision).map_err(|_| PortError::permanent("a line has no such revision"))?;
        let body = to_json("line", line)?;
        self.writer()
            .write(move |connection| {
                let changed = match revision {
                    1 => connection
                        .prepare_cached(
                            "INSERT INTO lines (endpoint, object_group, revision, body) VALUES (?1, ?2, ?3, ?4)
                             ON CONFLICT (endpoint, object_group) DO NOTHING",
                        )?
                        .execute(params![endpoint.as_str(), group, revision, body])?,
                    _ => connection
                        .prepare_cached(
                            "UPDATE lines SET revision = ?3, body = ?4
                             WHERE endpoint = ?1 AND object_group = ?2 AND revision = ?3 - 1",
                        )?
                        .execute(params![endpoint.as_str(), group, revision, body])?,
                };
                Ok(changed == 1)
            })
            .await
    }
}
