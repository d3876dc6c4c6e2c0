//! [`Queues`] on SQLite, with the behaviour of SQS standard queues: visibility, receive counts, receipts, delay, and
//! the move to the dead-letter queue at the receive after the last allowed one.
//!
//! A receipt names the entry and the receive it came from. As on SQS, visibility can be changed only while that
//! receive lasts: once the entry is visible again, or another receive has it, the receipt is no longer good for that;
//! deleting by it still works until another receive has taken the entry over.
//!
//! Deliberately absent: the loss of entries after 14 days, and SQS's limits of size.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crossdock_core::{
    Timestamp,
    id::{EndpointName, RouteName},
    port::{Entry, PortError, QueueCounts, QueueName, Queues, Received},
};
use rusqlite::{Connection, params};
use tokio::sync::Notify;

use super::{
    Database,
    codec::{from_json, micros, micros_after, optional_text, optional_time, text, time, to_json},
    failure::Failure,
};

const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);
const LONGEST_VISIBILITY: Duration = Duration::from_secs(12 * 60 * 60);
const LARGEST_BATCH: usize = 10;
/// From the look at an endpoint's pause to the entry being hidden: far less, but for a slow disk.
const PUTTING_OFF: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSettings {
    /// An entry that was received so often goes to the dead-letter queue at the next receive.
    pub max_receive_count: u32,
}

/// The queues of every endpoint. A queue need not be made; clones share the store and the waking.
#[derive(Clone)]
pub struct LocalQueues {
    database: Database,
    shared: Arc<Shared>,
}

struct Shared {
    settings: QueueSettings,
    arrivals: Mutex<HashMap<QueueName, Arc<Notify>>>,
}

impl fmt::Debug for LocalQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalQueues").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl LocalQueues {
    pub fn new(database: Database, settings: QueueSettings) -> Self {
        Self { database, shared: Arc::new(Shared { settings, arrivals: Mutex::default() }) }
    }

    /// The same queues for much that nobody waits for, as [`Database::slow`].
    #[must_use]
    pub fn slow(&self) -> Self {
        Self { database: self.database.slow(), shared: self.shared.clone() }
    }

    /// Waits until this process has sent something to the queue, or changed when something in it becomes visible,
    /// since the last wait ended. One waiter per queue; what another process sends wakes nobody.
    pub async fn arrival(&self, queue: &QueueName) {
        self.arrivals_of(queue).notified().await;
    }

    /// When the next entry can be received; a time that has passed when one can be now, `None` when the queue is
    /// empty.
    pub async fn next_visible_at(&self, queue: &QueueName) -> Result<Option<Timestamp>, PortError> {
        let queue = stored_name(queue);
        let reading = self.database.read(move |connection| {
            let next = connection
                .prepare_cached("SELECT MIN(visible_at) FROM entries WHERE queue = ?1")?
                .query_row([queue], |row| row.get(0))?;
            optional_time(next)
        });
        reading.await
    }

    pub async fn counts(&self, queue: &QueueName) -> Result<QueueCounts, PortError> {
        let queue = stored_name(queue);
        let now = micros(self.now());
        let reading = self.database.read(move |connection| {
            let visible: i64 = connection
                .prepare_cached("SELECT COUNT(*) FROM entries WHERE queue = ?1 AND visible_at <= ?2")?
                .query_row(params![queue, now], |row| row.get(0))?;
            let (waiting, hidden): (i64, i64) = connection
                .prepare_cached(
                    "SELECT COUNT(*), COUNT(*) FILTER (WHERE receive_count > 0)
                     FROM entries WHERE queue = ?1 AND visible_at > ?2",
                )?
                .query_row(params![queue, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(QueueCounts {
                visible: visible.cast_unsigned(),
                hidden: hidden.cast_unsigned(),
                delayed: (waiting - hidden).cast_unsigned(),
            })
        });
        reading.await
    }

    /// The endpoints that have anything in their queue or their dead-letter queue, or waiting to be put there, in the hub
    /// or not.
    pub async fn endpoints(&self) -> Result<BTreeSet<EndpointName>, PortError> {
        let reading = self.database.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT queue FROM entries UNION SELECT endpoint FROM timers")?;
            let names: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(names)
        });
        let names = reading.await?;
        Ok(names.iter().filter_map(|name| name.split('/').next()?.parse().ok()).collect())
    }

    /// Makes visible what was received and neither deleted nor given back. Only for whoever knows that nobody works on
    /// it any more: the process that did is gone, or has let go of it.
    pub async fn release_in_flight(&self) -> Result<(), PortError> {
        self.release(None).await
    }

    /// The same for one queue.
    pub async fn release_in_flight_of(&self, queue: &QueueName) -> Result<(), PortError> {
        self.release(Some(stored_name(queue))).await
    }

    /// Makes visible what was given back to be tried later, and says how many entries that were. What somebody has in
    /// hand stays theirs, and what was sent with a delay keeps it. Another process that serves the queue finds them when
    /// it looks next.
    pub async fn make_due(&self, queue: &QueueName) -> Result<u64, PortError> {
        let now = micros(self.now());
        let name = stored_name(queue);
        let changing = self.database().writer().write(move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE entries SET visible_at = ?2
                     WHERE queue = ?1 AND visible_at > ?2 AND in_flight = 0 AND receive_count > 0",
                )?
                .execute(params![name, now])?;
            Ok(changed)
        });
        let changed = changing.await?;
        self.wake(queue);
        Ok(changed as u64)
    }

    /// [`Self::make_due`], and a moment later once more for what somebody had in hand meanwhile: it may have been about to be
    /// put off for half an hour, for a reason that has just gone. What was received later has heard of that.
    pub async fn make_all_due(&self, queue: &QueueName) -> Result<u64, PortError> {
        let name = stored_name(queue);
        let reading = self.database().read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT seq FROM entries WHERE queue = ?1 AND in_flight = 1")?;
            let entries = statement.query_map([name], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
            Ok(entries)
        });
        let in_hand = reading.await?;
        let due = self.make_due(queue).await?;
        if in_hand.is_empty() {
            return Ok(due);
        }
        tokio::time::sleep(PUTTING_OFF).await;
        let now = micros(self.now());
        let changing = self.database().writer().write(move |connection| {
            let mut statement = connection.prepare_cached(
                "UPDATE entries SET visible_at = ?2 WHERE seq = ?1 AND visible_at > ?2 AND in_flight = 0",
            )?;
            let mut changed = 0;
            for entry in in_hand {
                changed += statement.execute(params![entry, now])?;
            }
            Ok(changed)
        });
        let changed = changing.await?;
        self.wake(queue);
        Ok(due + changed as u64)
    }

    async fn release(&self, queue: Option<String>) -> Result<(), PortError> {
        let now = micros(self.now());
        let releasing = self.database().writer().write_relaxed(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE entries SET visible_at = ?1, in_flight = 0
                     WHERE in_flight = 1 AND (?2 IS NULL OR queue = ?2)",
                )?
                .execute(params![now, queue])?;
            Ok(())
        });
        releasing.await
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn now(&self) -> Timestamp {
        self.database.clock().now()
    }

    pub(super) fn wake(&self, queue: &QueueName) {
        self.arrivals_of(queue).notify_one();
    }

    fn arrivals_of(&self, queue: &QueueName) -> Arc<Notify> {
        let mut arrivals = self.shared.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        match arrivals.get(queue) {
            Some(notify) => Arc::clone(notify),
            None => Arc::clone(arrivals.entry(queue.clone()).or_default()),
        }
    }
}

impl Queues for LocalQueues {
    async fn send(&self, queue: &QueueName, entries: Vec<Entry>) -> Vec<Result<(), PortError>> {
        let now = self.now();
        let name = stored_name(queue);
        let rows = entries.into_iter().map(|entry| EntryRow::of(entry, now)).collect();
        let sending = self.database().writer().write_each(rows, move |connection, row: EntryRow| {
            store_entry(connection, &name, &row)?;
            Ok(())
        });
        let outcomes = sending.await;
        if outcomes.iter().any(Result::is_ok) {
            self.wake(queue);
        }
        outcomes
    }

    async fn receive(&self, queue: &QueueName, max: usize, visibility: Duration) -> Result<Vec<Received>, PortError> {
        check_at_most("visibility", visibility, LONGEST_VISIBILITY)?;
        let now = self.now();
        let work = Receive {
            queue: stored_name(queue),
            // What comes out of a dead-letter queue has nowhere further to go.
            dead_letters: match queue {
                QueueName::Endpoint(endpoint) => Some(stored_name(&QueueName::DeadLetters(endpoint.clone()))),
                QueueName::DeadLetters(_) => None,
            },
            now: micros(now),
            hidden_until: micros_after(now, visibility),
            max: max.min(LARGEST_BATCH),
            max_receive_count: self.shared.settings.max_receive_count,
        };
        let (received, moved) = self.database().writer().write_relaxed(move |connection| work.run(connection)).await?;
        if moved {
            self.wake(&QueueName::DeadLetters(queue.endpoint().clone()));
        }
        Ok(received)
    }

    async fn change_visibility(&self, queue: &QueueName, receipt: &str, after: Duration) -> Result<(), PortError> {
        check_at_most("visibility", after, LONGEST_VISIBILITY)?;
        let receipt = Receipt::parse(receipt)?;
        let now = self.now();
        let name = stored_name(queue);
        let changing = self.database().writer().write_relaxed(move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE entries SET visible_at = ?5, in_flight = 0
                     WHERE seq = ?1 AND receive_count = ?2 AND queue = ?3 AND visible_at > ?4",
                )?
                .execute(params![receipt.seq, receipt.receive_count, name, micros(now), micros_after(now, after)])?;
            Ok(changed)
        });
        if changing.await? == 0 {
            return Err(PortError::permanent(format!(
                "the receipt {receipt} of {} is no longer good: its entry was deleted, is visible again or was taken \
                 over by another receive",
                stored_name(queue)
            )));
        }
        self.wake(queue);
        Ok(())
    }

    async fn delete(&self, queue: &QueueName, receipt: &str) -> Result<(), PortError> {
        let receipt = Receipt::parse(receipt)?;
        let name = stored_name(queue);
        let deleting = self.database().writer().write_relaxed(move |connection| {
            connection
                .prepare_cached("DELETE FROM entries WHERE seq = ?1 AND receive_count = ?2 AND queue = ?3")?
                .execute(params![receipt.seq, receipt.receive_count, name])?;
            Ok(())
        });
        deleting.await
    }
}

/// Names of endpoints have no `/`.
pub(super) fn stored_name(queue: &QueueName) -> String {
    match queue {
        QueueName::Endpoint(endpoint) => endpoint.to_string(),
        QueueName::DeadLetters(endpoint) => format!("{endpoint}/dead"),
    }
}

fn check_at_most(what: &str, asked: Duration, limit: Duration) -> Result<(), PortError> {
    if asked <= limit {
        return Ok(());
    }
    Err(PortError::permanent(format!("a {what} of {asked:?} is more than a queue can hold, which is {limit:?}")))
}

/// `<seq>.<receive count>`: the count is another one for every receive.
#[derive(Clone, Copy)]
struct Receipt {
    seq: i64,
    receive_count: u32,
}

impl Receipt {
    fn parse(text: &str) -> Result<Self, PortError> {
        let parts = text.split_once('.').and_then(|(seq, count)| Some((seq.parse().ok()?, count.parse().ok()?)));
        let (seq, receive_count) = parts.ok_or_else(|| PortError::permanent("not a receipt of this store's queues"))?;
        Ok(Self { seq, receive_count })
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.seq, self.receive_count)
    }
}

/// An entry ready for the writer.
pub(super) struct EntryRow {
    content: Content,
    attributes: Option<String>,
    visible_at: i64,
    sent_at: i64,
}

pub(super) enum Content {
    Body(String),
    /// The first round of a stored message, by its `seq`, for a route.
    Copy(i64, RouteName),
}

impl EntryRow {
    fn of(entry: Entry, now: Timestamp) -> Result<Self, PortError> {
        check_at_most("delay", entry.delay, LONGEST_DELAY)?;
        let attributes =
            if entry.attributes.is_empty() { None } else { Some(to_json("attributes", &entry.attributes)?) };
        let content = Content::Body(entry.body);
        Ok(Self { content, attributes, visible_at: micros_after(now, entry.delay), sent_at: micros(now) })
    }

    /// Visible at once, without attributes.
    pub(super) fn of_content(content: Content, now: Timestamp) -> Self {
        Self { content, attributes: None, visible_at: micros(now), sent_at: micros(now) }
    }
}

pub(super) fn store_entry(connection: &Connection, queue: &str, row: &EntryRow) -> Result<(), Failure> {
    let (body, message, route) = match &row.content {
        Content::Body(body) => (Some(body), None, None),
        Content::Copy(message, route) => (None, Some(message), Some(route.as_str())),
    };
    connection
        .prepare_cached(
            "INSERT INTO entries (queue, visible_at, receive_count, sent_at, attributes, body, message, route)
             VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![queue, row.visible_at, row.sent_at, row.attributes, body, message, route])?;
    Ok(())
}

/// What the bus puts into a queue, written as a [`QueueBody`](crossdock_core::port::QueueBody) is. `message` is JSON;
/// the name of a route has nothing in it that JSON would escape.
pub(super) fn copy_body(route: &str, message: &str) -> String {
    format!(r#"{{"route":"{route}","round":1,"message":{message}}}"#)
}

struct Receive {
    queue: String,
    dead_letters: Option<String>,
    now: i64,
    hidden_until: i64,
    max: usize,
    max_receive_count: u32,
}

impl Receive {
    /// The entries, and whether any were moved to the dead-letter queue.
    fn run(&self, connection: &Connection) -> Result<(Vec<Received>, bool), Failure> {
        let mut received = Vec::new();
        let mut moved = false;
        // What is moved away makes room for others.
        while received.len() < self.max {
            let found = self.visible(connection, self.max - received.len())?;
            if found.is_empty() {
                break;
            }
            for (seq, entry) in found {
                match &self.dead_letters {
                    Some(dead_letters) if entry.receive_count > self.max_receive_count => {
                        self.move_to(connection, dead_letters, seq)?;
                        moved = true;
                    }
                    _ => {
                        self.hide(connection, seq, entry.receive_count)?;
                        received.push(entry);
                    }
                }
            }
        }
        Ok((received, moved))
    }

    /// Oldest visibility first, as they would be received.
    fn visible(&self, connection: &Connection, limit: usize) -> Result<Vec<(i64, Received)>, Failure> {
        connection
            .prepare_cached(
                "SELECT e.seq, e.receive_count, e.sent_at, e.attributes, e.body, e.route, m.body
                 FROM entries e LEFT JOIN messages m ON m.seq = e.message
                 WHERE e.queue = ?1 AND e.visible_at <= ?2 ORDER BY e.visible_at, e.seq LIMIT ?3",
            )?
            .query_and_then(params![self.queue, self.now, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                let receipt = Receipt { seq: row.get(0)?, receive_count: row.get::<_, u32>(1)?.saturating_add(1) };
                let attributes = match optional_text(row, 3)? {
                    Some(json) => from_json("attributes", json)?,
                    None => BTreeMap::new(),
                };
                let body = match optional_text(row, 4)? {
                    Some(body) => body.to_owned(),
                    None => copy_body(text(row, 5)?, text(row, 6)?),
                };
                let entry = Received {
                    receipt: receipt.to_string(),
                    body,
                    attributes,
                    receive_count: receipt.receive_count,
                    sent_at: time(row.get(2)?)?,
                };
                Ok((receipt.seq, entry))
            })?
            .collect()
    }

    fn hide(&self, connection: &Connection, seq: i64, receive_count: u32) -> Result<(), Failure> {
        connection
            .prepare_cached("UPDATE entries SET visible_at = ?2, receive_count = ?3, in_flight = 1 WHERE seq = ?1")?
            .execute(params![seq, self.hidden_until, receive_count])?;
        Ok(())
    }

    /// Body, attributes, time of sending and receive count stay as they are.
    fn move_to(&self, connection: &Connection, queue: &str, seq: i64) -> Result<(), Failure> {
        connection
            .prepare_cached("UPDATE entries SET queue = ?2, visible_at = ?3, in_flight = 0 WHERE seq = ?1")?
            .execute(params![seq, queue, self.now])?;
        Ok(())
    }
}
