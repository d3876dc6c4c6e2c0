//! The wait for the disk, beside the writer.
//!
//! A commit is in the write-ahead log when the writer has made it: readers see it, and a crash of the process does not
//! lose it. A power cut may, until the log is flushed. One thread flushes it for all commits that wait, while the writer
//! goes on with the next; whoever asked for durability is answered after the flush. Commits that nobody waits for are
//! flushed with the next one that somebody does, or by themselves a little later: a flush slows down whoever writes.
//!
//! What a power cut leaves is a beginning of the log, whole commits in their order (frames carry a running checksum,
//! <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>). So what was built on a lost commit is lost with it.
//! SQLite itself flushes the log before it moves it into the database (synchronous=NORMAL).
//!
//! After a flush that failed nobody knows what is on the disk, and a later one that succeeds proves nothing. Readers see
//! what was committed all the same, and whatever is done next would rest on it: so the store is closed as it is by damage,
//! until it is opened again.

use std::{
    fs::File,
    io,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crossdock_core::port::PortError;
use rusqlite::Connection;

use super::{
    damage::{Damage, log_of},
    job::Job,
};

type Answers = Vec<Box<dyn Job>>;

/// After so long without a commit, so long with some, or so many commits, what nobody waits for is flushed too.
const QUIET: Duration = Duration::from_millis(20);
const LONGEST_UNFLUSHED: Duration = Duration::from_millis(200);
const MOST_UNFLUSHED: usize = 256;

pub(super) struct Syncer {
    commits: mpsc::Sender<Answers>,
    thread: thread::JoinHandle<()>,
}

impl Syncer {
    /// `None` for a store in memory. The log is there from the first look at a database in WAL mode on, and stays while a
    /// connection is open.
    pub(super) fn start(
        connection: &Connection,
        damage: Damage,
        flush: impl Fn(&File) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Option<Self>> {
        let Some(database) = connection.path().filter(|path| !path.is_empty()) else { return Ok(None) };
        // Some systems flush only what is open for writing.
        let log = File::options().write(true).open(log_of(Path::new(database)))?;
        let (commits, made) = mpsc::channel();
        #[expect(
            clippy::disallowed_methods,
            reason = "only how long a flush is put off depends on it, and nothing that is stored"
        )]
        let began = Instant::now();
        let work = move || flush_until_closed(&made, &damage, || flush(&log), || began.elapsed());
        let thread = thread::Builder::new().name("store-syncer".to_owned()).spawn(work)?;
        Ok(Some(Self { commits, thread }))
    }

    /// A commit was made: to be flushed, and then these to be answered.
    pub(super) fn flush(&self, then: Answers) {
        let _ = self.commits.send(then);
    }

    /// After everything is flushed and answered. Blocks.
    pub(super) fn stop(self) {
        drop(self.commits);
        let _ = self.thread.join();
    }
}

/// `now` counts from any time.
fn flush_until_closed(
    commits: &mpsc::Receiver<Answers>,
    damage: &Damage,
    flush: impl Fn() -> io::Result<()>,
    now: impl Fn() -> Duration,
) {
    while let Ok(first) = commits.recv() {
        let waiting = gather(commits, first, &now);
        if damage.check().is_ok()
            && let Err(error) = flush()
        {
            damage.close(not_durable(&error));
        }
        let outcome = damage.check();
        for job in waiting {
            job.answer(outcome.clone());
        }
    }
}

/// Why a store is closed after a flush that failed.
pub(super) fn not_durable(error: &impl std::fmt::Display) -> PortError {
    PortError::permanent(format!(
        "the disk did not make a write durable ({error}): nothing more is stored; start again when it can be trusted"
    ))
}

/// What the next flush is for.
fn gather(commits: &mpsc::Receiver<Answers>, first: Answers, now: impl Fn() -> Duration) -> Answers {
    let mut waiting = first;
    let latest = now() + LONGEST_UNFLUSHED;
    for _ in 0..MOST_UNFLUSHED {
        if !waiting.is_empty() || now() >= latest {
            break;
        }
        match commits.recv_timeout(QUIET) {
            Ok(more) => waiting.extend(more),
            Err(_) => break,
        }
    }
    waiting.extend(commits.try_iter().flatten());
    waiting
}

#[cfg(test)]
#[path = "sync_tests.rs"]
mod tests;
