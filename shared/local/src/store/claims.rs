//! [`Claims`] on SQLite.

use crossdock_core::{
    id::MessageId,
    port::{Claim, Claimed, Claims, PortError},
};
use rusqlite::{Connection, params};

use super::{Database, codec::micros, failure::Failure};

/// Removed in one piece of the writer's work.
const PIECE: usize = 100;

impl Claims for Database {
    async fn claim(&self, claim: &Claim) -> Result<Claimed, PortError> {
        let (claim, now) = (claim.clone(), micros(self.clock().now()));
        self.writer().write(move |connection| make(connection, &claim, now)).await
    }
}

fn make(connection: &Connection, claim: &Claim, now: i64) -> Result<Claimed, Failure> {
    connection
        .prepare_cached(
            "INSERT INTO claims (route, tuple, message, until) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (route, tuple) DO UPDATE SET message = excluded.message, until = excluded.until
             WHERE claims.until <= ?5",
        )?
        .execute(params![claim.route.as_str(), claim.tuple.0, claim.message.as_bytes(), micros(claim.until), now])?;
    let holder = connection
        .prepare_cached("SELECT message FROM claims WHERE route = ?1 AND tuple = ?2")?
        .query_row(params![claim.route.as_str(), claim.tuple.0], |row| row.get(0))
        .map(MessageId::from_bytes)?;
    Ok(if holder == claim.message { Claimed::Ours } else { Claimed::HeldBy(holder) })
}

/// Removes some claims that have run out; whether there may be more.
pub(super) fn remove_expired(connection: &Connection, now: i64) -> Result<bool, Failure> {
    let removed = connection
        .prepare_cached(&format!(
            "DELETE FROM claims WHERE (route, tuple) IN
                (SELECT route, tuple FROM claims WHERE until <= ?1 ORDER BY until LIMIT {PIECE})"
        ))?
        .execute([now])?;
    Ok(removed == PIECE)
}
