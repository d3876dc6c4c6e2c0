//! How much the store holds, for a summary while the hub works. Counting walks the pages of small indexes: about ten
//! milliseconds for a million records.

use crossdock_core::port::{DeliveryState, PortError};
use rusqlite::Connection;

use super::{Database, failure::Failure};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub objects: u64,
    pub versions: u64,
    pub messages: u64,
    /// Messages that the bus has not accepted yet.
    pub pending: u64,
    /// Objects that have been named and are yet to be fetched.
    pub wanted: u64,
    pub deliveries: DeliveryCounts,
}

/// Rounds of deliveries by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    pub waiting: u64,
    pub retrying: u64,
    pub delivered: u64,
    pub dead_lettered: u64,
    pub superseded: u64,
    pub suppressed: u64,
}

impl Database {
    pub async fn stats(&self) -> Result<Stats, PortError> {
        self.read(|connection| {
            Ok(Stats {
                objects: count(connection, "SELECT COUNT(*) FROM objects")?,
                versions: count(connection, "SELECT COUNT(*) FROM versions")?,
                messages: count(connection, "SELECT COUNT(*) FROM messages")?,
                pending: count(connection, "SELECT COUNT(*) FROM pending")?,
                wanted: count(connection, "SELECT COUNT(*) FROM wanted")?,
                deliveries: deliveries(connection)?,
            })
        })
        .await
    }
}

/// Nearly all deliveries are delivered: the others are counted one by one, the whole by pages, which is far cheaper.
fn deliveries(connection: &Connection) -> Result<DeliveryCounts, Failure> {
    let mut counts = DeliveryCounts {
        delivered: count(connection, "SELECT COUNT(*) FROM deliveries")?,
        ..DeliveryCounts::default()
    };
    let mut statement = connection.prepare_cached("SELECT COUNT(*) FROM deliveries WHERE state = ?1")?;
    for state in DeliveryState::ALL {
        let slot = match state {
            DeliveryState::Delivered => continue,
            DeliveryState::Waiting => &mut counts.waiting,
            DeliveryState::Retrying => &mut counts.retrying,
            DeliveryState::DeadLettered => &mut counts.dead_lettered,
            DeliveryState::Superseded => &mut counts.superseded,
            DeliveryState::Suppressed => &mut counts.suppressed,
        };
        *slot = statement.query_row([state.as_str()], |row| row.get::<_, i64>(0))?.cast_unsigned();
        counts.delivered = counts.delivered.saturating_sub(*slot);
    }
    Ok(counts)
}

fn count(connection: &Connection, sql: &str) -> Result<u64, Failure> {
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))?.cast_unsigned())
}
