//! The store of the local home: every port that keeps state, on one SQLite file.
//!
//! What is guaranteed: a call that answered `Ok` survives a crash. What is sent, stored or saved survives a power cut too;
//! what queues, bus and ledger note on the way does so a little later, and until then can be lost only together with
//! all that came after it (`docs/adr/0014-durability.md`). A read sees everything that was acknowledged before it began.
//! Several processes may have the same file open; one that looks never stops the one that works. Once damage to the file
//! has shown, or the disk did not keep what was written, every call fails ([`damage`]).
//!
//! Who works: one thread that writes, committing for all callers at once ([`writer`]), some of them before others
//! ([`lanes`]); one that waits for the disk
//! ([`sync`]); one that moves the log into the file ([`checkpoint`]); a few that read ([`readers`]). Callers turn typed values into rows before they hand work over, so that the
//! writer does nothing but SQL.
//!
//! Times are kept to the microsecond.
//!
//! What is over is forgotten after the terms that the hub sets ([`gc`]).
//!
//! Deliberately absent: any retry, and any knowledge of routes or deliveries beyond what the ports say.

mod arrivals;
mod bus;
mod checkpoint;
mod claims;
mod codec;
mod collections;
mod damage;
mod failure;
mod gc;
mod job;
mod jobs;
mod lanes;
mod ledger;
mod lines;
mod open;
mod outbox;
mod queues;
mod readers;
mod seen;
mod signing;
mod stats;
mod switches;
mod sync;
mod timers;
mod versions;
mod wants;
mod writer;

use std::{fmt, fs::File, io, path::Path, sync::Arc, thread};

use crossdock_core::{
    id::Epoch,
    port::{Clock, PortError, Random, SigningKey},
};
use rusqlite::Connection;

pub use self::{
    bus::{LocalBus, Targets},
    gc::{Collector, Expired, Lot},
    open::OpenError,
    queues::{LocalQueues, QueueSettings},
    stats::{DeliveryCounts, Stats},
    writer::WriteCounts,
};
use crate::aside;

use self::{
    arrivals::Arrivals,
    damage::Damage,
    failure::{Failure, is_damage},
    lanes::Lane,
    open::Made,
    readers::Readers,
    writer::{InLane, Writer},
};

/// An open store: [`VersionStore`](crossdock_core::port::VersionStore),
/// [`Collections`](crossdock_core::port::Collections), [`Outbox`](crossdock_core::port::Outbox),
/// [`Ledger`](crossdock_core::port::Ledger), [`Claims`](crossdock_core::port::Claims),
/// [`Lines`](crossdock_core::port::Lines),
/// [`Signing`](crossdock_core::port::Signing), [`Timers`](crossdock_core::port::Timers),
/// [`SeenEvents`](crossdock_core::port::SeenEvents) and [`Switches`](crossdock_core::port::Switches). Clones share it.
///
/// When the last clone goes, what was handed over is still written and the file is closed, but nobody waits for it;
/// [`Database::close`] does.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
    /// In which this clone writes.
    lane: Lane,
}

struct Inner {
    writer: Writer,
    /// `None` in memory: there the one connection reads too.
    readers: Option<ReadersByLane>,
    damage: Damage,
    arrivals: Arc<Arrivals>,
    clock: Arc<dyn Clock>,
    made: Made,
}

/// What is read in the slow lane takes no processor time that somebody else wants.
struct ReadersByLane {
    fast: Readers,
    slow: Readers,
}

impl Database {
    /// Opens the store in this file, or makes it, folders included. `random` is asked for what a new one is made with.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>, random: &dyn Random) -> Result<Self, OpenError> {
        Self::open_flushing(path, clock, random, File::sync_data).await
    }

    /// With what makes the log durable, so that tests can have a disk that fails.
    async fn open_flushing(
        path: &Path,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
        flush: impl Fn(&File) -> io::Result<()> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let fresh = Made::by(random);
        let path = path.to_owned();
        in_background(move || {
            let (connection, made) = open::open_file(&path, fresh)?;
            let count = thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4));
            let open = |count| (0..count).map(|_| open::open_reader(&path)).collect::<Result<_, _>>();
            let damage = Damage::none();
            let readers = ReadersByLane {
                fast: Readers::start(open(count)?, damage.clone(), || {})?,
                slow: Readers::start(open(1)?, damage.clone(), aside::lower_priority)?,
            };
            let beside = Some(open::open_for_log(&path)?);
            let arrivals = Arc::new(Arrivals::none());
            let writer = Writer::start(connection, beside, damage.clone(), arrivals.clone(), flush)?;
            Ok(Self::new(Inner { writer, readers: Some(readers), damage, arrivals, clock, made }))
        })
        .await
    }

    /// A store that is gone when its last clone is.
    pub async fn in_memory(clock: Arc<dyn Clock>, random: &dyn Random) -> Result<Self, OpenError> {
        let (connection, made) = open::open_in_memory(Made::by(random))?;
        let damage = Damage::none();
        let arrivals = Arc::new(Arrivals::none());
        let writer = Writer::start(connection, None, damage.clone(), arrivals.clone(), File::sync_data)?;
        Ok(Self::new(Inner { writer, readers: None, damage, arrivals, clock, made }))
    }

    fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner), lane: Lane::Fast }
    }

    /// The same store for work of which there is much and for which nobody waits: what it writes gives way to what others
    /// write, and a batch is stored piece by piece. All else that is promised of a write holds.
    #[must_use]
    pub fn slow(&self) -> Self {
        Self { lane: Lane::Slow, ..self.clone() }
    }

    /// Finishes what was handed over, moves the write-ahead log into the file and closes it. Every later call on a
    /// clone fails.
    pub async fn close(self) {
        let inner = self.inner;
        let stopped = tokio::task::spawn_blocking(move || {
            // The last connection to close is the writer's: it leaves no log behind.
            if let Some(readers) = &inner.readers {
                readers.fast.stop();
                readers.slow.stop();
            }
            inner.writer.stop();
        });
        let _ = stopped.await;
    }

    /// Looks through the file for damage, unless it is too large to do so in good time, and makes durable what an earlier
    /// process left in the log. For whoever is going to work on it for long.
    pub async fn check(&self, path: &Path) -> Result<(), OpenError> {
        let file = path.to_owned();
        match self.read(|connection| Ok(damage::first_fault(connection)?)).await {
            Ok(None) => in_background(move || open::empty_log(&file)).await,
            Ok(Some(found)) => Err(OpenError::Damaged { file, found }),
            Err(error) if is_damage(&error) => Err(OpenError::Damaged { file, found: error.what }),
            Err(source) => Err(OpenError::Unchecked { file, source }),
        }
    }

    /// Waits until the file turns out to be damaged, or the disk to fail. From then on every call on every clone fails.
    pub async fn damaged(&self) -> PortError {
        self.inner.damage.found().await
    }

    /// How well group commit works.
    pub fn write_counts(&self) -> WriteCounts {
        self.inner.writer.counts()
    }

    /// Whether something has just come in that somebody waits for: then long work should rest now and then.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.inner.arrivals.is_recent()
    }

    /// Something is being stored.
    fn note_arrival(&self) {
        if self.lane == Lane::Fast {
            self.inner.arrivals.note();
        }
    }

    fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    fn epoch(&self) -> Epoch {
        self.inner.made.epoch
    }

    fn signing_key(&self) -> &SigningKey {
        &self.inner.made.signing_key
    }

    fn writer(&self) -> InLane<'_> {
        self.inner.writer.in_lane(self.lane)
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        match &self.inner.readers {
            Some(readers) => match self.lane {
                Lane::Fast => readers.fast.read(work).await,
                Lane::Slow => readers.slow.read(work).await,
            },
            None => self.writer().write(work).await,
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("epoch", &self.inner.made.epoch).finish_non_exhaustive()
    }
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| OpenError::Thread(error.into()))?
}

#[cfg(test)]
mod tests;
