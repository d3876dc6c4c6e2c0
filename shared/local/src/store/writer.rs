//! Group commit: one thread owns the one connection that writes.
//!
//! A transaction has its price, however little is in it. So the thread takes everything that waits for it, runs it in one
//! transaction, commits, and only then answers everybody; those who asked for durability when the disk has it too, for
//! which [`sync`](super::sync) waits and the writer does not. Nor does it wait for the log to be moved into the file
//! ([`checkpoint`](super::checkpoint)). An idle store commits a single piece of work at once. What
//! nobody waits for gives way to what somebody waits for ([`lanes`](super::lanes)).
//!
//! Each item runs in a savepoint of its own: one that fails is undone alone. A commit that fails fails all of its
//! group, and nothing of it was stored. A commit that the disk does not keep closes the store.
//!
//! Deliberately absent: a wait to let groups grow, and any retry. Callers know what may be repeated.

use std::{
    fs::File,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Instant,
};

use crossdock_core::port::PortError;
use futures_util::future::join_all;
use rusqlite::{Connection, config::DbConfig};

use super::{
    arrivals::Arrivals,
    checkpoint::Checkpoints,
    damage::Damage,
    failure::{Failure, port_error},
    job::{Job, Order, hand_over},
    lanes::{LARGEST_PIECE, Lane, Lanes},
    sync::Syncer,
};

/// How many transactions were committed for how many pieces of work since the store was opened by this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteCounts {
    pub commits: u64,
    pub operations: u64,
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
    operations: AtomicU64,
}

pub(super) struct Writer {
    orders: mpsc::Sender<Order>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
    counters: Arc<Counters>,
    damage: Damage,
}

impl Writer {
    /// `beside` is for moving the log, `flush` makes it durable.
    pub(super) fn start(
        mut connection: Connection,
        beside: Option<Connection>,
        damage: Damage,
        arrivals: Arc<Arrivals>,
        flush: impl Fn(&File) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, waiting) = mpsc::channel();
        let checkpoints = Checkpoints::start(&mut connection, beside, damage.clone()).map_err(io::Error::other)?;
        let counters = Arc::new(Counters::default());
        let counting = Arc::clone(&counters);
        let syncer = Syncer::start(&connection, damage.clone(), flush)?;
        let closed = damage.clone();
        let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            write_until_stopped(connection, &waiting, &arrivals, &counting, checkpoints, syncer, &closed);
        })?;
        Ok(Self { orders, thread: Mutex::new(Some(thread)), counters, damage })
    }

    pub(super) fn in_lane(&self, lane: Lane) -> InLane<'_> {
        InLane { writer: self, lane }
    }

    pub(super) fn counts(&self) -> WriteCounts {
        WriteCounts {
            commits: self.counters.commits.load(Ordering::Relaxed),
            operations: self.counters.operations.load(Ordering::Relaxed),
        }
    }

    /// Finishes what waits, then closes the connection. Blocks.
    pub(super) fn stop(&self) {
        let _ = self.orders.send(Order::Stop);
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// The writer as it is asked by those of one lane.
#[derive(Clone, Copy)]
pub(super) struct InLane<'a> {
    writer: &'a Writer,
    lane: Lane,
}

impl InLane<'_> {
    /// One piece of work: all of it, or nothing. Durable when this returns.
    pub(super) async fn write<T: Send + 'static>(
        self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        self.one(true, work).await
    }

    /// The same, committed and not yet durable when this returns: a power cut may undo it, with all that came after it.
    pub(super) async fn write_relaxed<T: Send + 'static>(
        self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        self.one(false, work).await
    }

    async fn one<T: Send + 'static>(
        self,
        durable: bool,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        self.writer.damage.check()?;
        let outcome =
            hand_over(&self.writer.orders, self.lane, durable, move |connection| in_savepoint(connection, work)).await;
        self.writer.damage.note(&outcome);
        outcome
    }

    /// One piece of work per item, each all or nothing; one answer per item, in order. An item that was found bad
    /// before is its own answer. Durable when this returns.
    pub(super) async fn write_each<I: Send + 'static, T: Send + 'static>(
        self,
        items: Vec<Result<I, PortError>>,
        work: impl Fn(&Connection, I) -> Result<T, Failure> + Send + Sync + 'static,
    ) -> Vec<Result<T, PortError>> {
        self.each(true, items, work).await
    }

    /// The same, committed and not yet durable when this returns.
    pub(super) async fn write_each_relaxed<I: Send + 'static, T: Send + 'static>(
        self,
        items: Vec<Result<I, PortError>>,
        work: impl Fn(&Connection, I) -> Result<T, Failure> + Send + Sync + 'static,
    ) -> Vec<Result<T, PortError>> {
        self.each(false, items, work).await
    }

    async fn each<I: Send + 'static, T: Send + 'static>(
        self,
        durable: bool,
        items: Vec<Result<I, PortError>>,
        work: impl Fn(&Connection, I) -> Result<T, Failure> + Send + Sync + 'static,
    ) -> Vec<Result<T, PortError>> {
        let largest = match self.lane {
            Lane::Fast => items.len(),
            Lane::Slow => LARGEST_PIECE,
        };
        let work = Arc::new(work);
        let mut items = items.into_iter();
        let pieces = std::iter::from_fn(|| {
            let piece: Vec<_> = items.by_ref().take(largest).collect();
            if piece.is_empty() { None } else { Some(self.piece(durable, piece, work.clone())) }
        });
        // All are handed over, in their order, before an answer is waited for.
        let pieces: Vec<_> = pieces.collect();
        join_all(pieces).await.into_iter().flatten().collect()
    }

    /// Handed over at once; what is awaited are the answers.
    fn piece<I: Send + 'static, T: Send + 'static>(
        self,
        durable: bool,
        items: Vec<Result<I, PortError>>,
        work: Arc<impl Fn(&Connection, I) -> Result<T, Failure> + Send + Sync + 'static>,
    ) -> impl Future<Output = Vec<Result<T, PortError>>> + Send {
        let count = items.len();
        let all = move |connection: &Connection| {
            let mut outcomes = Vec::with_capacity(count);
            for item in items {
                let outcome = match item {
                    Ok(item) => in_savepoint(connection, |connection| work(connection, item)),
                    Err(error) => Err(Failure::Port(error)),
                };
                if connection.is_autocommit() {
                    // Nothing of the batch is left.
                    return outcome.map(|_| Vec::new());
                }
                outcomes.push(outcome.map_err(PortError::from));
            }
            Ok(outcomes)
        };
        let handed = self.writer.damage.check().map(|()| hand_over(&self.writer.orders, self.lane, durable, all));
        async move {
            let outcomes = match handed {
                Ok(answer) => answer.await,
                Err(error) => Err(error),
            };
            let outcomes = outcomes.unwrap_or_else(|error| all_failed(count, &error));
            outcomes.iter().for_each(|outcome| self.writer.damage.note(outcome));
            outcomes
        }
    }
}

/// The same failure for every item.
fn all_failed<T>(count: usize, error: &PortError) -> Vec<Result<T, PortError>> {
    (0..count).map(|_| Err(error.clone())).collect()
}

/// Undoes what `work` wrote when it fails. Only within a transaction: outside, releasing a savepoint commits it.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    connection.prepare_cached("SAVEPOINT item")?.execute([])?;
    let outcome = work(connection);
    // A full disk may make SQLite roll back the whole transaction by itself, savepoints and all.
    if outcome.is_err()
        && !connection.is_autocommit()
        && let Err(error) = connection.prepare_cached("ROLLBACK TO item").and_then(|mut undo| undo.execute([]))
    {
        // Half a piece of work must not be committed: then rather nothing of the group.
        let _ = execute(connection, "ROLLBACK");
        return Err(error.into());
    }
    if !connection.is_autocommit() {
        connection.prepare_cached("RELEASE item")?.execute([])?;
    }
    outcome
}

fn write_until_stopped(
    connection: Connection,
    orders: &mpsc::Receiver<Order>,
    arrivals: &Arrivals,
    counters: &Counters,
    mut checkpoints: Checkpoints,
    syncer: Option<Syncer>,
    damage: &Damage,
) {
    #[expect(
        clippy::disallowed_methods,
        reason = "only how long the slow lane rests depends on it, and nothing that is stored"
    )]
    let began = Instant::now();
    let mut lanes = Lanes::new(|| began.elapsed(), || arrivals.is_recent());
    while let Some(mut group) = lanes.next_group(orders) {
        let mut done = Vec::new();
        let mut next = || lanes.next_job(&mut group, orders);
        // What was handed over before the store was closed is not done after.
        let outcome = damage.check().and_then(|()| commit_together(&connection, &mut next, &mut done));
        if outcome.is_ok() {
            counters.commits.fetch_add(1, Ordering::Relaxed);
            counters.operations.fetch_add(done.len() as u64, Ordering::Relaxed);
        } else {
            // Those that were to come in its midst.
            done.extend(std::iter::from_fn(next));
        }
        lanes.end(&group);
        let disk = syncer.as_ref().filter(|_| outcome.is_ok());
        let (later, now): (Vec<_>, Vec<_>) = done.into_iter().partition(|job| disk.is_some() && job.durable());
        if let Some(syncer) = disk {
            syncer.flush(later);
        }
        for job in now {
            job.answer(outcome.clone());
        }
        checkpoints.look(&connection);
    }
    checkpoints.stop();
    if let Some(syncer) = syncer {
        syncer.stop();
    }
    if damage.check().is_ok() {
        // Another process may be reading; then the write-ahead log stays, and the next opening picks it up.
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    } else {
        // What the disk has made of the log is for the next opening to find out, checksum by checksum.
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }
    let _ = connection.close();
}

/// `done` are those that were run, of a group that fails some of them perhaps.
fn commit_together(
    connection: &Connection,
    next: &mut impl FnMut() -> Option<Box<dyn Job>>,
    done: &mut Vec<Box<dyn Job>>,
) -> Result<(), PortError> {
    execute(connection, "BEGIN IMMEDIATE")?;
    while let Some(job) = next() {
        done.push(job);
        let Some(job) = done.last_mut() else { break };
        let outcome = job.run(connection);
        if connection.is_autocommit() {
            // What the others of the group wrote is gone too, and they may try again whatever the one's error was.
            let why = outcome.err().map_or_else(|| "its transaction ended early".to_owned(), |error| error.what);
            return Err(PortError::transient(why));
        }
    }
    execute(connection, "COMMIT").inspect_err(|_| {
        let _ = execute(connection, "ROLLBACK");
    })
}

fn execute(connection: &Connection, sql: &str) -> Result<(), PortError> {
    let outcome = connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    outcome.map(|_| ()).map_err(|error| port_error(&error))
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
