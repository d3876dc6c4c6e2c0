//! What is over is forgotten after its term, as DynamoDB's TTL does it on AWS.
//!
//! Guaranteed: nothing goes that is still needed. A message and its deliveries are one and go together, when the last
//! delivery has ended long enough ago and no queue holds an entry about it, be it a dead letter that could still be sent
//! again. An object's newest version never goes, however old it is: the next reading is compared with it. Whatever
//! waits (a pending message, an entry for an endpoint, a delivery that has not ended) waits for ever.
//!
//! What may go is found by those who read, window by window in the order of storing, and removed by the writer in small
//! pieces which look again whether it still may: a redrive may have been faster. A run that is dropped in between has
//! done a part of its work and nothing by halves.
//!
//! Deliberately absent: removal to the second. Expired records may be there for a while, and nothing counts on their
//! being gone.

use std::time::Duration;

use crossdock_core::{
    Timestamp,
    hub::Retention,
    port::{DeliveryState, PortError},
};
use rusqlite::{Connection, Row};

use super::{
    Database,
    claims::remove_expired,
    codec::{micros, optional_time},
    failure::Failure,
    seen::remove_old,
};

/// Records that are looked at in one read.
const WINDOW: usize = 100;
/// Records removed in one piece of the writer's work. Ids are spread over the indexes, so each one touches pages of its
/// own, and whoever writes at the same time waits for all of them.
const PIECE: usize = 20;
/// Pages given back to the file system in one.
const PAGES: i64 = 32;

/// Records of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lot {
    pub count: u64,
    /// Of their bodies.
    pub bytes: u64,
    /// When the oldest was stored; a delivery, when it ended.
    pub oldest: Option<Timestamp>,
    pub newest: Option<Timestamp>,
}

impl Lot {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.bytes += other.bytes;
        self.oldest = self.oldest.into_iter().chain(other.oldest).min();
        self.newest = self.newest.max(other.newest);
    }
}

/// What has expired, or was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    pub dead_letters: Lot,
    pub messages: Lot,
    pub deliveries: Lot,
    pub versions: Lot,
}

impl Expired {
    fn add(&mut self, other: Self) {
        self.dead_letters.add(other.dead_letters);
        self.messages.add(other.messages);
        self.deliveries.add(other.deliveries);
        self.versions.add(other.versions);
    }
}

/// What the statements may name.
#[derive(Debug, Clone, Copy)]
struct Values {
    /// Where in a line.
    seq: i64,
    /// Microseconds, like all that follow: what was over before those times has expired.
    now: i64,
    deliveries: i64,
    dead_letters: i64,
    versions: i64,
}

impl Values {
    fn of(retention: &Retention, now: Timestamp) -> Self {
        // No record is older than the oldest time: what is kept for ever expires never.
        let before = |term: Option<Duration>| {
            let cutoff = term.and_then(|term| now.checked_sub(term).ok());
            cutoff.map_or(i64::MIN, micros)
        };
        Self {
            seq: 0,
            now: micros(now),
            deliveries: before(retention.deliveries),
            dead_letters: before(Some(retention.dead_letters)),
            versions: before(retention.versions),
        }
    }
}

/// A dead letter whose end the ledger knows: those name their message in an attribute. What the queue itself gave up on is
/// told to the ledger when it is sent again, and until then it has not ended; what could not be read has left no other
/// trace. Nor does one go that is hidden: somebody has it in hand.
const OLD_LETTER: &str = "e.queue LIKE '%/dead' AND e.attributes ->> '$.message_id' IS NOT NULL
    AND e.sent_at < :dead_letters AND e.visible_at <= :now";

/// Nothing waits for the message `m` any more. The newest one stays, so that its number is not given to another: what
/// is being published is known by it.
pub(super) fn old_message() -> String {
    format!(
        "m.stored_at < :deliveries AND m.seq < (SELECT MAX(seq) FROM messages)
         AND NOT EXISTS (SELECT * FROM pending p WHERE p.message = m.seq)
         AND NOT EXISTS (SELECT * FROM entries e WHERE e.message = m.seq)
         AND NOT EXISTS (SELECT * FROM entries e WHERE e.body IS NOT NULL
            AND CASE WHEN json_valid(e.body) THEN unhex(e.body ->> '$.message.message_id', '-') END = m.id
            AND NOT ({OLD_LETTER}))
         AND NOT EXISTS (SELECT * FROM deliveries d WHERE d.message = m.id
            AND (d.state IN ('{waiting}', '{retrying}') OR d.updated_at >= :deliveries))",
        waiting = DeliveryState::Waiting.as_str(),
        retrying = DeliveryState::Retrying.as_str(),
    )
}

/// The number of the version that was no head any more once `n` was stored; a late one was replaced when it came.
const REPLACED: &str = "CASE WHEN n.late THEN n.number ELSE n.parent END";

/// Its bytes, and when it ended.
const DELIVERY: &str = "octet_length(attempts) + IFNULL(octet_length(answer), 0), updated_at";

impl Database {
    /// What a run of the [`Collector`] would remove now.
    pub async fn expired(&self, retention: &Retention) -> Result<Expired, PortError> {
        let values = Values::of(retention, self.clock().now());
        self.read(move |connection| {
            let lot = |sql: &str| lot(connection, sql, values);
            let old_message = old_message();
            Ok(Expired {
                dead_letters: lot(&format!(
                    "SELECT octet_length(e.body), e.sent_at FROM entries e WHERE {OLD_LETTER}"
                ))?,
                messages: lot(&format!(
                    "SELECT octet_length(m.body), m.stored_at FROM messages m WHERE {old_message}"
                ))?,
                deliveries: lot(&format!(
                    "SELECT {DELIVERY} FROM deliveries WHERE message IN (SELECT m.id FROM messages m WHERE {old_message})"
                ))?,
                versions: lot(&format!(
                    "SELECT octet_length(v.body), v.stored_at
                     FROM versions n JOIN versions v ON v.object = n.object AND v.number = {REPLACED}
                     WHERE n.stored_at < :versions"
                ))?,
            })
        })
        .await
    }
}

/// What is walked through in the order of storing.
#[derive(Debug, Clone, Copy)]
enum Line {
    Entries,
    Messages,
    /// Each stands for the one that it replaced: what is walked past need not be looked at again.
    Versions,
}

/// Some records in a row.
struct Window {
    /// The last one.
    last: Option<i64>,
    expired: Vec<i64>,
    /// How many are too young to be looked at.
    young: usize,
    /// Nothing older comes after it. Times may be out of order where a clock was set, but not many of them.
    is_last: bool,
}

impl Line {
    /// The next records, when each was stored, and whether what it stands for may go.
    fn window(self, connection: &Connection, values: Values) -> Result<Window, Failure> {
        let (cutoff, sql) = match self {
            Self::Entries => (
                values.dead_letters,
                format!("SELECT e.seq, e.sent_at, {OLD_LETTER} FROM entries e WHERE e.seq > :seq ORDER BY e.seq"),
            ),
            Self::Messages => (
                values.deliveries,
                format!(
                    "SELECT m.seq, m.stored_at, {} FROM messages m WHERE m.seq > :seq ORDER BY m.seq",
                    old_message()
                ),
            ),
            Self::Versions => (
                values.versions,
                format!(
                    "SELECT n.seq, n.stored_at, {REPLACED} IS NOT NULL AND n.stored_at < :versions
                     FROM versions n WHERE n.seq > :seq ORDER BY n.seq"
                ),
            ),
        };
        let mut window = Window { last: None, expired: Vec::new(), young: 0, is_last: false };
        let mut count = 0;
        each(connection, &format!("{sql} LIMIT {WINDOW}"), values, |row| {
            let (seq, at, expired): (i64, i64, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            window.last = Some(seq);
            window.young += usize::from(at >= cutoff);
            window.expired.extend(expired.then_some(seq));
            count += 1;
            Ok(())
        })?;
        window.is_last = count < WINDOW || window.young == count;
        Ok(window)
    }

    /// Removes what may still go of what was found.
    fn remove(self, connection: &Connection, expired: &[i64], values: Values) -> Result<Expired, Failure> {
        let mut removed = Expired::default();
        let old_message = old_message();
        for seq in expired {
            let lot = |sql: &str| lot(connection, sql, Values { seq: *seq, ..values });
            match self {
                Self::Entries => removed.dead_letters.add(lot(&format!(
                    "DELETE FROM entries AS e WHERE e.seq = :seq AND {OLD_LETTER} RETURNING octet_length(body), sent_at"
                ))?),
                Self::Messages => {
                    removed.deliveries.add(lot(&format!(
                        "DELETE FROM deliveries
                         WHERE message = (SELECT m.id FROM messages m WHERE m.seq = :seq AND {old_message})
                         RETURNING {DELIVERY}"
                    ))?);
                    removed.messages.add(lot(&format!(
                        "DELETE FROM messages AS m WHERE m.seq = :seq AND {old_message}
                         RETURNING octet_length(body), stored_at"
                    ))?);
                }
                Self::Versions => removed.versions.add(lot(&format!(
                    "DELETE FROM versions
                     WHERE (object, number) = (SELECT n.object, {REPLACED} FROM versions n WHERE n.seq = :seq)
                     RETURNING octet_length(body), stored_at"
                ))?),
            }
        }
        Ok(removed)
    }
}

/// Removes what has expired, and gives back the room. One per process is enough: it knows how far it has come.
#[derive(Debug)]
pub struct Collector {
    database: Database,
    retention: Retention,
    /// Of every version up to here, the one that it replaced is gone.
    replaced: i64,
}

impl Collector {
    pub fn new(database: Database, retention: Retention) -> Self {
        Self { database, retention, replaced: 0 }
    }

    /// Removes what has expired by now.
    pub async fn run(&mut self) -> Result<Expired, PortError> {
        let mut removed = Expired::default();
        let values = Values::of(&self.retention, self.database.clock().now());
        // Letters first: a message stays as long as there is a letter about it.
        self.walk(Line::Entries, values, &mut removed).await?;
        if self.retention.deliveries.is_some() {
            self.walk(Line::Messages, values, &mut removed).await?;
        }
        if self.retention.versions.is_some() {
            let from = Values { seq: self.replaced, ..values };
            self.replaced = self.walk(Line::Versions, from, &mut removed).await?;
        }
        while self.database.writer().write(move |connection| remove_expired(connection, values.now)).await? {}
        if self.retention.deliveries.is_some() {
            while self.database.writer().write(move |connection| remove_old(connection, values.deliveries)).await? {}
        }
        while self.database.writer().write(give_back).await? {}
        Ok(removed)
    }

    /// Begins after `values.seq`, and answers with how far everything was old enough to be looked at.
    async fn walk(&self, line: Line, mut values: Values, removed: &mut Expired) -> Result<i64, PortError> {
        let (mut done, mut all_old) = (values.seq, true);
        loop {
            let window = self.database.read(move |connection| line.window(connection, values)).await?;
            let Window { last: Some(last), expired, young, is_last } = window else { return Ok(done) };
            for piece in expired.chunks(PIECE).map(<[i64]>::to_vec) {
                let removing = move |connection: &Connection| line.remove(connection, &piece, values);
                removed.add(self.database.writer().write(removing).await?);
            }
            all_old &= young == 0;
            if all_old {
                done = last;
            }
            if is_last {
                return Ok(done);
            }
            values.seq = last;
        }
    }
}

/// Gives pages back to the file system: some, and whether there are more. A quarter of the file is kept, because what is
/// free now is soon written to again. A file that was made before there was expiry keeps all of them.
fn give_back(connection: &Connection) -> Result<bool, Failure> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let spare = number("freelist_count")? - number("page_count")? / 4;
    if spare < PAGES {
        return Ok(false);
    }
    let mut given = 0;
    connection.pragma(None, "incremental_vacuum", PAGES, |_| {
        given += 1;
        Ok(())
    })?;
    Ok(given > 0)
}

/// Bytes and times, as the statement gives them.
fn lot(connection: &Connection, sql: &str, values: Values) -> Result<Lot, Failure> {
    let mut lot = Lot::default();
    each(connection, sql, values, |row| {
        let at = optional_time(row.get(1)?)?;
        // None where an entry names its message instead of carrying a body.
        let bytes = row.get::<_, Option<i64>>(0)?.unwrap_or(0).cast_unsigned();
        lot.add(Lot { count: 1, bytes, oldest: at, newest: at });
        Ok(())
    })?;
    Ok(lot)
}

/// Every row of a statement that names what it needs of `values`.
fn each(
    connection: &Connection,
    sql: &str,
    values: Values,
    mut take: impl FnMut(&Row<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let named = [
        (":seq", values.seq),
        (":now", values.now),
        (":deliveries", values.deliveries),
        (":dead_letters", values.dead_letters),
        (":versions", values.versions),
    ];
    for (name, value) in named {
        if let Some(place) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(place, value)?;
        }
    }
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}
