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

use std::{fs::File, io, path::Path, sync::mpsc, thread, time::Duration};

use crossdock_core::port::PortError;
use rusqlite::Connection;

use super::{
    damage::{Damage, log_of},
    job::Job,
};

type Answers = Vec<Box<dyn Job>>;

/// After so long without a commit, or so many commits, what nobody waits for is flushed too.
const QUIET: Duration = Duration::from_millis(20);
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
        let work = move || flush_until_closed(&made, &damage, || flush(&log));
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

fn flush_until_closed(commits: &mpsc::Receiver<Answers>, damage: &Damage, flush: impl Fn() -> io::Result<()>) {
    while let Ok(first) = commits.recv() {
        let waiting = gather(commits, first);
        if damage.check().is_ok()
            && let Err(error) = flush()
        {
            damage.close(PortError::permanent(format!(
                "the disk did not make a write durable ({error}): nothing more is stored; start again when it can be trusted"
            )));
        }
        let outcome = damage.check();
        for job in waiting {
            job.answer(outcome.clone());
        }
    }
}

/// What the next flush is for.
fn gather(commits: &mpsc::Receiver<Answers>, first: Answers) -> Answers {
    let mut waiting = first;
    for _ in 0..MOST_UNFLUSHED {
        if !waiting.is_empty() {
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
