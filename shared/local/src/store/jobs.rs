//! [`Jobs`] on SQLite: lease and mark of a job in one row.

use crossdock_core::{
    Timestamp,
    port::{JobName, Jobs, LeaseError, LeaseOwner, Mark, PortError},
};
use rusqlite::{OptionalExtension, params};

use super::{Database, codec::micros};

impl Jobs for Database {
    async fn begin(
        &self,
        job: JobName,
        owner: &LeaseOwner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Mark>, PortError> {
        let owner = owner.clone();
        self.writer()
            .write(move |connection| {
                let mark = connection
                    .prepare_cached(
                        "INSERT INTO jobs (job, lease_owner, lease_until) VALUES (?1, ?2, ?4)
                         ON CONFLICT (job) DO UPDATE
                         SET lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
                         WHERE lease_owner = ?2 OR lease_until <= ?3
                         RETURNING mark",
                    )?
                    .query_row(params![job.as_str(), owner.0, micros(now), micros(until)], |row| row.get(0));
                Ok(mark.optional()?.map(Mark))
            })
            .await
    }

    async fn mark(&self, job: JobName, owner: &LeaseOwner, until: Timestamp, mark: &Mark) -> Result<(), LeaseError> {
        let (owner, mark) = (owner.clone(), mark.clone());
        let saved = self
            .writer()
            .write(move |connection| {
                let mut update = connection.prepare_cached(
                    "UPDATE jobs SET lease_until = ?3, mark = ?4 WHERE job = ?1 AND lease_owner = ?2",
                )?;
                Ok(update.execute(params![job.as_str(), owner.0, micros(until), mark.0])?)
            })
            .await?;
        if saved == 1 { Ok(()) } else { Err(LeaseError::Lost) }
    }
}
