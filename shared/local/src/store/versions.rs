//! [`VersionStore`] on SQLite.

use crossdock_core::{
    id::{ContentHash, Epoch, ObjectKey},
    port::{CommitError, PortError, Read, VersionStore},
    version::{Head, ObjectCommit, Order, Raise, Version, VersionRef},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Database,
    codec::{from_json, micros, name, object_key, optional_text, text, time, to_json},
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
        self.note_arrival();
        let now = micros(self.clock().now());
        let rows = commits.into_iter().map(CommitRow::of).collect();
        let outcomes = self.writer().write_each(rows, move |connection, row| store_commit(connection, &row, now)).await;
        outcomes.into_iter().map(committed).collect()
    }

    async fn raise(&self, raises: Vec<Raise>) -> Vec<Result<(), CommitError>> {
        let raises = raises.into_iter().map(Ok).collect();
        let outcomes = self.writer().write_each(raises, |connection, raise| store_raise(connection, &raise)).await;
        outcomes.into_iter().map(committed).collect()
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
        v.baseline, v.deleted, v.source_order, v.late, v.body
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
        order: order(row, 10)?,
        late: row.get(11)?,
        body: from_json("version", text(row, 12)?)?,
    })
}

pub(super) fn read_heads(connection: &Connection, keys: &[ObjectKey]) -> Result<Vec<Read<Option<Head>>>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT v.number, v.hash, v.baseline, v.deleted, IFNULL(o.last, o.head), o.source_order
         FROM objects o JOIN versions v ON v.object = o.object AND v.number = o.head
         WHERE o.source = ?1 AND o.collection = ?2 AND o.id = ?3",
    )?;
    keys.iter()
        .map(|key| {
            let mut rows = statement.query(parts(key))?;
            one(rows.next()?.map(head).transpose())
        })
        .collect()
}

fn head(row: &Row<'_>) -> Result<Head, Failure> {
    Ok(Head {
        version: row.get::<_, i64>(0)?.cast_unsigned(),
        last: row.get::<_, i64>(4)?.cast_unsigned(),
        hash: ContentHash(row.get(1)?),
        baseline: row.get(2)?,
        deleted: row.get(3)?,
        order: order(row, 5)?,
    })
}

fn order(row: &Row<'_>, column: usize) -> Result<Option<Order>, Failure> {
    let order = optional_text(row, column)?.map(str::parse).transpose();
    order.map_err(|_| Failure::unreadable("order of versions"))
}

fn committed(outcome: Result<bool, PortError>) -> Result<(), CommitError> {
    match outcome {
        Ok(true) => Ok(()),
        Ok(false) => Err(CommitError::Conflict),
        Err(error) if is_too_large(&error) => Err(CommitError::Impossible(error.what)),
        Err(error) => Err(error.into()),
    }
}

/// A commit with its JSON written, ready for the writer.
struct CommitRow {
    expected: Option<Head>,
    head: Head,
    version: Version,
    body: String,
    messages: Vec<MessageRow>,
}

impl CommitRow {
    fn of(mut commit: ObjectCommit) -> Result<Self, PortError> {
        let head = commit.head();
        // Freed here, not by the writer.
        let body = to_json("version", &commit.version.body.take())?;
        let messages = commit.messages.iter().map(MessageRow::of).collect::<Result<_, _>>()?;
        Ok(Self { expected: commit.expected, head, version: commit.version, body, messages })
    }
}

/// The object's row, where it is as expected.
enum Known {
    Unknown,
    Object(i64),
    Another,
}

fn known(connection: &Connection, key: &ObjectKey, expected: Option<&Head>) -> Result<Known, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT object, head = ?4 AND IFNULL(last, head) = ?5 AND source_order IS ?6
         FROM objects WHERE source = ?1 AND collection = ?2 AND id = ?3",
    )?;
    let (source, collection, id) = parts(key);
    let (version, last) = expected.map_or((0, 0), |head| (head.version.cast_signed(), head.last.cast_signed()));
    let order = expected.and_then(|head| head.order).map(|order| order.to_string());
    let found: Option<(i64, bool)> = statement
        .query_row(params![source, collection, id, version, last, order], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match (found, expected) {
        (None, None) => Known::Unknown,
        (Some((object, true)), Some(_)) => Known::Object(object),
        _ => Known::Another,
    })
}

/// `false`: the head is another; nothing was written.
fn store_raise(connection: &Connection, raise: &Raise) -> Result<bool, Failure> {
    let Known::Object(object) = known(connection, &raise.key, Some(&raise.expected))? else { return Ok(false) };
    connection
        .prepare_cached("UPDATE objects SET source_order = ?2 WHERE object = ?1")?
        .execute(params![object, raise.order.to_string()])?;
    Ok(true)
}

/// `false`: the head is another; nothing was written.
fn store_commit(connection: &Connection, row: &CommitRow, now: i64) -> Result<bool, Failure> {
    let version = &row.version;
    let number = version.number.cast_signed();
    let head = row.head.version.cast_signed();
    let last = (row.head.last > row.head.version).then(|| row.head.last.cast_signed());
    let order = row.head.order.map(|order| order.to_string());
    let object = match known(connection, &version.key, row.expected.as_ref())? {
        Known::Another => return Ok(false),
        Known::Object(object) => {
            connection
                .prepare_cached("UPDATE objects SET head = ?2, last = ?3, source_order = ?4 WHERE object = ?1")?
                .execute(params![object, head, last, order])?;
            object
        }
        Known::Unknown => {
            let (source, collection, id) = parts(&version.key);
            connection
                .prepare_cached(
                    "INSERT INTO objects (source, collection, id, head, last, source_order)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .insert(params![source, collection, id, head, last, order])?
        }
    };
    connection
        .prepare_cached(
            "INSERT INTO versions
                 (object, number, parent, hash, baseline, deleted, stored_at, object_type, source_order, late, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
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
            version.order.map(|order| order.to_string()),
            version.late,
            row.body,
        ])?;
    for message in &row.messages {
        store_pending(connection, message, now)?;
    }
    Ok(true)
}
