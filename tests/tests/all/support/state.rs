//! The hub's state, read from its file as it lies there. An audit must not rely on the code it audits.

use std::{collections::BTreeMap, path::Path};

use crossdock_core::id::MessageId;
use rusqlite::{Connection, OpenFlags, Row, types::FromSql};
use serde_json::Value;

use super::wait::PATIENCE;

#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) parent: Option<u32>,
    pub(crate) baseline: bool,
    pub(crate) body: Value,
}

#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) endpoint: String,
    pub(crate) state: String,
    /// Status by attempt; `None` where no answer came.
    pub(crate) attempts: Vec<Option<u64>>,
    pub(crate) next_round: bool,
    pub(crate) reason: Option<String>,
}

/// Message, route and round.
pub(crate) type Key = (String, String, u32);

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Nothing is on its way: no message waits for the bus, no entry for an endpoint.
    pub(crate) idle: bool,
    /// By collection and id, oldest first.
    pub(crate) versions: BTreeMap<(String, String), Vec<Version>>,
    pub(crate) messages: BTreeMap<String, Value>,
    pub(crate) deliveries: BTreeMap<Key, Delivery>,
    /// Endpoint, message and route of each dead letter.
    pub(crate) dead: Vec<(String, String, String)>,
    /// Of each collection that has one.
    pub(crate) bookmarks: BTreeMap<String, jiff::Timestamp>,
}

impl State {
    pub(crate) fn read(file: &Path) -> rusqlite::Result<Self> {
        let mut connection = open(file)?;
        // All of it as of one moment.
        let transaction = connection.transaction()?;
        let mut state = Self { idle: idle(&transaction)?, ..Self::default() };
        let versions = "SELECT o.collection, o.id, v.number, v.parent, v.baseline, v.body FROM versions v
                        JOIN objects o USING (object) ORDER BY o.object, v.number";
        each(&transaction, versions, |row| {
            let version = Version {
                number: get(row, 2)?,
                parent: get(row, 3)?,
                baseline: get(row, 4)?,
                body: json(&get::<String>(row, 5)?),
            };
            state.versions.entry((get(row, 0)?, get(row, 1)?)).or_default().push(version);
            Ok(())
        })?;
        each(&transaction, "SELECT id, body FROM messages", |row| {
            state.messages.insert(message_id(&get::<Vec<u8>>(row, 0)?), json(&get::<String>(row, 1)?));
            Ok(())
        })?;
        each(&transaction, "SELECT collection, bookmark FROM collections WHERE bookmark IS NOT NULL", |row| {
            state.bookmarks.insert(get(row, 0)?, get::<String>(row, 1)?.parse().unwrap());
            Ok(())
        })?;
        let deliveries = "SELECT message, route, round, endpoint, state, attempts, next_round, reason FROM deliveries";
        each(&transaction, deliveries, |row| {
            let attempts = json(&get::<String>(row, 5)?);
            let delivery = Delivery {
                endpoint: get(row, 3)?,
                state: get(row, 4)?,
                attempts: attempts.as_array().unwrap().iter().map(|attempt| attempt["status"].as_u64()).collect(),
                next_round: get(row, 6)?,
                reason: get(row, 7)?,
            };
            state.deliveries.insert((message_id(&get::<Vec<u8>>(row, 0)?), get(row, 1)?, get(row, 2)?), delivery);
            Ok(())
        })?;
        let entries = "SELECT e.queue, e.route, m.id, e.body FROM entries e LEFT JOIN messages m ON m.seq = e.message";
        each(&transaction, entries, |row| {
            let queue: String = get(row, 0)?;
            let Some(endpoint) = queue.strip_suffix("/dead") else { return Ok(()) };
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            // An entry names a stored message, or carries one.
            let (message, route) = match get::<Option<String>>(row, 3)?.as_deref().map(json) {
                Some(body) => (text(&body["message"]["message_id"]), text(&body["route"])),
                None => (message_id(&get::<Vec<u8>>(row, 2)?), get(row, 1)?),
            };
            state.dead.push((endpoint.to_owned(), message, route));
            Ok(())
        })?;
        Ok(state)
    }

    /// [`State::idle`] alone; much quicker than reading it all.
    pub(crate) fn is_idle(file: &Path) -> rusqlite::Result<bool> {
        let connection = open(file)?;
        idle(&connection)
    }

    pub(crate) fn head(&self, collection: &str, id: &str) -> Option<&Version> {
        self.versions.get(&(collection.to_owned(), id.to_owned()))?.last()
    }
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

fn idle(connection: &Connection) -> rusqlite::Result<bool> {
    let idle = "SELECT NOT EXISTS (SELECT * FROM pending)
                AND NOT EXISTS (SELECT * FROM entries WHERE queue NOT LIKE '%/dead')";
    connection.query_one(idle, [], |row| row.get(0))
}

fn each(
    connection: &Connection,
    query: &str,
    mut take: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}

fn get<T: FromSql>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get(column)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn message_id(bytes: &[u8]) -> String {
    MessageId::from_bytes(bytes.try_into().unwrap()).to_string()
}
