//! [`Wants`] on SQLite: a row per wanted object.

use crossdock_core::{
    Timestamp,
    id::{CollectionKey, ObjectKey},
    port::{PortError, PutError, RefusedBy, WantMark, Wanted, Wants},
};
use rusqlite::{Row, params};

use super::{
    Database,
    codec::{micros, text},
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
                        "INSERT INTO wanted (source, collection, id, mark, due) VALUES (?1, ?2, ?3, ?4, ?5)
                         ON CONFLICT (source, collection, id) DO UPDATE
                         SET mark = excluded.mark, due = excluded.due, failures = 0, refusals = 0",
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

    async fn postpone(&self, wanted: &Wanted, due: Timestamp, refused: RefusedBy) -> Result<(), PortError> {
        let (Wanted { object, mark, .. }, due) = (wanted.clone(), micros(due));
        let refusals = i64::from(refused == RefusedBy::Object);
        self.writer()
            .write_relaxed(move |connection| {
                let CollectionKey { source, collection } = &object.collection;
                connection
                    .prepare_cached(
                        "UPDATE wanted SET due = ?5, failures = failures + 1, refusals = refusals + ?6
                         WHERE source = ?1 AND collection = ?2 AND id = ?3 AND mark = ?4",
                    )?
                    .execute(params![source.as_str(), collection.as_str(), object.id, mark.0, due, refusals])?;
                Ok(())
            })
            .await
    }
}

fn wanted(collection: &CollectionKey, row: &Row<'_>) -> Result<Wanted, Failure> {
    Ok(Wanted {
        object: ObjectKey { collection: collection.clone(), id: text(row, 0)?.to_owned() },
        mark: WantMark(row.get(1)?),
        failures: row.get(2)?,
        refusals: row.get(3)?,
    })
}
