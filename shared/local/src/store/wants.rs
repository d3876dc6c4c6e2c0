//! [`Wants`] on SQLite: a row per wanted object.

use crossdock_core::{
    Timestamp,
    id::{CollectionKey, ObjectKey},
    port::{PortError, WantMark, Wanted, Wants},
};
use rusqlite::params;

use super::{Database, codec::micros};

impl Wants for Database {
    async fn want(&self, objects: Vec<ObjectKey>, mark: WantMark, now: Timestamp) -> Vec<Result<(), PortError>> {
        let now = micros(now);
        let objects = objects.into_iter().map(Ok).collect();
        self.writer()
            .write_each(objects, move |connection, object: ObjectKey| {
                let CollectionKey { source, collection } = &object.collection;
                connection
                    .prepare_cached(
                        "INSERT INTO wanted (source, collection, id, mark, due) VALUES (?1, ?2, ?3, ?4, ?5)
                         ON CONFLICT (source, collection, id) DO UPDATE
                         SET mark = excluded.mark, due = excluded.due, failures = 0",
                    )?
                    .execute(params![source.as_str(), collection.as_str(), object.id, mark.0, now])?;
                Ok(())
            })
            .await
    }

    async fn wanted(&self, collection: &CollectionKey, now: Timestamp, limit: usize) -> Result<Vec<Wanted>, PortError> {
        let (collection, now) = (collection.clone(), micros(now));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, mark, failures FROM wanted WHERE source = ?1 AND collection = ?2 AND due <= ?3
                 ORDER BY due LIMIT ?4",
            )?;
            let of = params![collection.source.as_str(), collection.collection.as_str(), now, limit];
            statement
                .query_and_then(of, |row| {
                    let object = ObjectKey { collection: collection.clone(), id: row.get(0)? };
                    Ok(Wanted { object, mark: WantMark(row.get(1)?), failures: row.get(2)? })
                })?
                .collect()
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

    async fn postpone(&self, wanted: &Wanted, due: Timestamp) -> Result<(), PortError> {
        let (Wanted { object, mark, .. }, due) = (wanted.clone(), micros(due));
        self.writer()
            .write_relaxed(move |connection| {
                let CollectionKey { source, collection } = &object.collection;
                connection
                    .prepare_cached(
                        "UPDATE wanted SET due = ?5, failures = failures + 1
                         WHERE source = ?1 AND collection = ?2 AND id = ?3 AND mark = ?4",
                    )?
                    .execute(params![source.as_str(), collection.as_str(), object.id, mark.0, due])?;
                Ok(())
            })
            .await
    }
}
