//! [`Wants`] on SQLite: a row per wanted object.

use crossdock_core::{
    Timestamp,
    id::{CollectionKey, ObjectKey},
    port::{PortError, PutError, RefusedBy, Waiting, WantMark, Wanted, Wants},
};
use rusqlite::{Row, params};

use super::{
    Database,
    codec::{micros, optional_time, text, time},
    failure::{Failure, first_readable, one, put_error},
};

impl Wants for Database {
    async fn want(&self, objects: Vec<ObjectKey>, mark: WantMark, now: Timestamp) -> Vec<Result<(), PutError>> {
        let now = micros(now);
        let objects = objects.into_iter().map(Ok).collect();
        let stored = self
            .writer()
            .write_each(objects, move |connection, object: ObjectKey| {
                let CollectionKey { source, collection } = &object.collection;
                connection
                    .prepare_cached(
                        "INSERT INTO wanted (source, collection, id, mark, due, since) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
                         ON CONFLICT (source, collection, id) DO UPDATE
                         SET mark = excluded.mark, due = excluded.due, failures = 0, refusals = 0,
                             since = excluded.since, reason = NULL",
                    )?
                    .execute(params![source.as_str(), collection.as_str(), object.id, mark.0, now])?;
                Ok(())
            })
            .await;
        stored.into_iter().map(|stored| stored.map_err(put_error)).collect()
    }

    async fn wanted(&self, collection: &CollectionKey, now: Timestamp, limit: usize) -> Result<Vec<Wanted>, PortError> {
        let (collection, now) = (collection.clone(), micros(now));
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, mark, failures, refusals FROM wanted WHERE source = ?1 AND collection = ?2 AND due <= ?3
                 ORDER BY due",
            )?;
            let of = params![collection.source.as_str(), collection.collection.as_str(), now];
            let rows = statement.query_and_then(of, |row| one(wanted(&collection, row)))?;
            first_readable(rows, limit, "a wanted object")
        })
        .await
    }

    async fn fetched(&self, wanted: &Wanted) -> Result<(), PortError> {
        let Wanted { object, mark, .. } = wanted.clone();
        self.writer()
            .write_relaxed(move |connection| {
                let CollectionKey { source, collection } = &object.collection;
                connection
                    .prepare_cached(
                        "DELETE FROM wanted WHERE source = ?1 AND collection = ?2 AND id = ?3 AND mark = ?4",
                    )?
                    .execute(params![source.as_str(), collection.as_str(), object.id, mark.0])?;
                Ok(())
            })
            .await
    }

    async fn postpone(&self, wanted: &Wanted, due: Timestamp, refused: RefusedBy, why: &str) -> Result<(), PortError> {
        let (Wanted { object, mark, .. }, due, why) = (wanted.clone(), micros(due), why.to_owned());
        let refusals = i64::from(refused == RefusedBy::Object);
        self.writer()
            .write_relaxed(move |connection| {
                let CollectionKey { source, collection } = &object.collection;
                connection
                    .prepare_cached(
                        "UPDATE wanted
                         SET due = ?5, failures = failures + 1, refusals = refusals + ?6, reason = ?7
                         WHERE source = ?1 AND collection = ?2 AND id = ?3 AND mark = ?4",
                    )?
                    .execute(params![source.as_str(), collection.as_str(), object.id, mark.0, due, refusals, why])?;
                Ok(())
            })
            .await
    }

    async fn waiting(&self, collection: &CollectionKey, limit: usize) -> Result<Vec<Waiting>, PortError> {
        let collection = collection.clone();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, mark, failures, refusals, since, due, reason FROM wanted
                 WHERE source = ?1 AND collection = ?2 ORDER BY due",
            )?;
            let of = params![collection.source.as_str(), collection.collection.as_str()];
            let rows = statement.query_and_then(of, |row| one(waiting(&collection, row)))?;
            first_readable(rows, limit, "a wanted object")
        })
        .await
    }

    async fn wanting(&self, object: &ObjectKey) -> Result<Option<Waiting>, PortError> {
        let ObjectKey { collection, id } = object.clone();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, mark, failures, refusals, since, due, reason FROM wanted
                 WHERE source = ?1 AND collection = ?2 AND id = ?3",
            )?;
            let of = params![collection.source.as_str(), collection.collection.as_str(), id];
            statement.query_and_then(of, |row| waiting(&collection, row))?.next().transpose()
        })
        .await
    }
}

fn waiting(collection: &CollectionKey, row: &Row<'_>) -> Result<Waiting, Failure> {
    Ok(Waiting {
        wanted: wanted(collection, row)?,
        since: optional_time(row.get(4)?)?,
        due: time(row.get(5)?)?,
        reason: row.get(6)?,
    })
}

fn wanted(collection: &CollectionKey, row: &Row<'_>) -> Result<Wanted, Failure> {
    Ok(Wanted {
        object: ObjectKey { collection: collection.clone(), id: text(row, 0)?.to_owned() },
        mark: WantMark(row.get(1)?),
        failures: row.get(2)?,
        refusals: row.get(3)?,
    })
}
