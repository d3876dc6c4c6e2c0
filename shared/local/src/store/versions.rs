//! [`VersionStore`] on SQLite.

use crossdock_core::{
    id::{ContentHash, Epoch, ObjectKey},
    port::{CommitError, PortError, Read, VersionStore},
    version::{Head, ObjectCommit, Version, VersionRef},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Database,
    codec::{from_json, micros, name, object_key, text, time, to_json},
    failure::{Failure, is_too_large, one},
    outbox::{MessageRow, store_pending},
};

impl VersionStore for Database {
    async fn epoch(&self) -> Result<Epoch, PortError> {
        Ok(Database::epoch(self))
    }

    async fn heads(&self, keys: &[ObjectKey]) -> Result<Vec<Read<Option<Head>>>, PortError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let keys = keys.to_vec();
        self.read(move |connection| read_heads(connection, &keys)).await
    }

    async fn commit(&self, commits: Vec<ObjectCommit>) -> Vec<Result<(), CommitError>> {
        let now = micros(self.clock().now());
        let rows = commits.into_iter().map(CommitRow::of).collect();
        let outcomes = self.writer().write_each(rows, move |connection, row| store_commit(connection, &row, now)).await;
        outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Ok(true) => Ok(()),
                Ok(false) => Err(CommitError::Conflict),
                Err(error) if is_too_large(&error) => Err(CommitError::Impossible(error.what)),
                Err(error) => Err(error.into()),
            })
            .collect()
    }

    async fn versions(&self, refs: &[VersionRef]) -> Result<Vec<Read<Option<Version>>>, PortError> {
        if refs.is_empty() {
            return Ok(Vec::new());
        }
        let refs = refs.to_vec();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!("{VERSIONS} AND v.number = ?4"))?;
            refs.iter()
                .map(|wanted| {
                    let (source, collection, id) = parts(&wanted.key);
                    let mut rows = statement.query(params![source, collection, id, wanted.number.cast_signed()])?;
                    one(rows.next()?.map(version).transpose())
                })
                .collect()
        })
        .await
    }

    async fn history(&self, key: &ObjectKey) -> Result<Vec<Read<Version>>, PortError> {
        let key = key.clone();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!("{VERSIONS} ORDER BY v.number"))?;
            let (source, collection, id) = parts(&key);
            statement.query_and_then(params![source, collection, id], |row| one(version(row)))?.collect()
        })
        .await
    }

    async fn objects_with_id(&self, id: &str) -> Result<Vec<ObjectKey>, PortError> {
        let id = id.to_owned();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT source, collection, id FROM objects WHERE id = ?1 ORDER BY source, collection",
            )?;
            statement.query_and_then([id], |row| object_key(row, 0))?.collect()
        })
        .await
    }

    async fn flush(&self) -> Result<(), PortError> {
        // Flushed with all that was committed before it.
        self.writer().write(|_| Ok(())).await
    }
}

const VERSIONS: &str = "SELECT o.source, o.collection, o.id, v.object_type, v.number, v.parent, v.hash, v.stored_at,
        v.baseline, v.deleted, v.body
    FROM objects o JOIN versions v ON v.object = o.object
    WHERE o.source = ?1 AND o.collection = ?2 AND o.id = ?3";

fn parts(key: &ObjectKey) -> (&str, &str, &str) {
    (key.collection.source.as_str(), key.collection.collection.as_str(), &key.id)
}

fn version(row: &Row<'_>) -> Result<Version, Failure> {
    Ok(Version {
        key: object_key(row, 0)?,
        object_type: name(row, 3)?,
        number: row.get::<_, i64>(4)?.cast_unsigned(),
        parent: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
        hash: ContentHash(row.get(6)?),
        stored_at: time(row.get(7)?)?,
        baseline: row.get(8)?,
        deleted: row.get(9)?,
        body: from_json("version", text(row, 10)?)?,
    })
}

pub(super) fn read_heads(connection: &Connection, keys: &[ObjectKey]) -> Result<Vec<Read<Option<Head>>>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT v.number, v.hash, v.baseline, v.deleted
         FROM objects o JOIN versions v ON v.object = o.object AND v.number = o.head
         WHERE o.source = ?1 AND o.collection = ?2 AND o.id = ?3",
    )?;
    keys.iter()
        .map(|key| {
            let head = statement.query_row(parts(key), |row| {
                Ok(Head {
                    version: row.get::<_, i64>(0)?.cast_unsigned(),
                    hash: ContentHash(row.get(1)?),
                    baseline: row.get(2)?,
                    deleted: row.get(3)?,
                })
            });
            one(head.optional().map_err(Failure::from))
        })
        .collect()
}

/// A commit with its JSON written, ready for the writer.
struct CommitRow {
    expected: Option<u64>,
    version: Version,
    body: String,
    messages: Vec<MessageRow>,
}

impl CommitRow {
    fn of(mut commit: ObjectCommit) -> Result<Self, PortError> {
        // Freed here, not by the writer.
        let body = to_json("version", &commit.version.body.take())?;
        let messages = commit.messages.iter().map(MessageRow::of).collect::<Result<_, _>>()?;
        Ok(Self { expected: commit.expected, version: commit.version, body, messages })
    }
}

/// `false`: the head is another; nothing was written.
fn store_commit(connection: &Connection, row: &CommitRow, now: i64) -> Result<bool, Failure> {
    let version = &row.version;
    let number = version.number.cast_signed();
    let known: Option<(i64, i64)> = connection
        .prepare_cached("SELECT object, head FROM objects WHERE source = ?1 AND collection = ?2 AND id = ?3")?
        .query_row(parts(&version.key), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if known.map(|(_, head)| head.cast_unsigned()) != row.expected {
        return Ok(false);
    }
    let object = match known {
        Some((object, _)) => {
            connection
                .prepare_cached("UPDATE objects SET head = ?2 WHERE object = ?1")?
                .execute(params![object, number])?;
            object
        }
        None => {
            let (source, collection, id) = parts(&version.key);
            connection
                .prepare_cached("INSERT INTO objects (source, collection, id, head) VALUES (?1, ?2, ?3, ?4)")?
                .insert(params![source, collection, id, number])?
        }
    };
    connection
        .prepare_cached(
            "INSERT INTO versions (object, number, parent, hash, baseline, deleted, stored_at, object_type, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            object,
            number,
            version.parent.map(u64::cast_signed),
            version.hash.0,
            version.baseline,
            version.deleted,
            micros(version.stored_at),
            version.object_type.as_str(),
            row.body,
        ])?;
    for message in &row.messages {
        store_pending(connection, message, now)?;
    }
    Ok(true)
}
