//! Moving the log into the file, beside the writer.
//!
//! SQLite would do it within the commit that makes the log long, and everybody would wait for some tens of milliseconds. Here
//! a thread of low priority does it over a connection of its own, a little at a time, and the writer goes on meanwhile. What
//! the writer has added by then takes less time, and what it adds in that time less again. When the log is long and little of
//! it is left, the writer moves that itself, between two commits: nothing is added then, and only a log that was moved whole
//! is begun anew.
//!
//! A log that somebody reads from for long cannot be moved whole, and grows. So it does where this thread comes to nothing;
//! when it has become far too long the writer does as SQLite would.
//!
//! SQLite flushes the log before it is moved, and the file after (<https://www.sqlite.org/wal.html#ckpt>), whoever moves it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc,
    },
    thread,
};

use rusqlite::{Connection, ffi::SQLITE_IOERR_FSYNC};

use super::{damage::Damage, failure::port_error, sync::not_durable};
use crate::aside;

/// Pages, each some 4 KiB, that are moved at a time: what is written by then is flushed together, and whoever flushes something
/// else meanwhile waits for it.
const SOME: u32 = 1_000;
/// Pages of log with which it should be begun anew; with which the writer moves the rest itself, in a millisecond or two; and
/// with which it waits for nobody.
const LONG: u32 = 4_000;
const LITTLE: u32 = 100;
const TOO_LONG: u32 = 8 * LONG;
/// Each leaves less than the one before.
const MOST_ROUNDS: usize = 5;

/// The writer's side.
pub(super) struct Checkpoints {
    /// In the log, after the last commit.
    pages: Arc<AtomicU32>,
    /// When the helper was last asked.
    pages_then: u32,
    helper: Option<Helper>,
    damage: Damage,
}

struct Helper {
    is_needed: mpsc::SyncSender<()>,
    little_is_left: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Checkpoints {
    /// `writing` is the writer's connection, `beside` the one for the thread.
    pub(super) fn start(
        writing: &mut Connection,
        beside: Option<Connection>,
        damage: Damage,
    ) -> Result<Self, rusqlite::Error> {
        let pages = Arc::new(AtomicU32::new(0));
        let counted = pages.clone();
        // In place of SQLite's own, which would move the log at once.
        writing.wal_hook(Some(move |_: &mut _, count: i32| {
            counted.store(count.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))?;
        let helper = beside.and_then(|connection| {
            Helper::start(connection, pages.clone(), damage.clone())
                .inspect_err(|error| tracing::warn!(error = %error, "the writer moves the store's log by itself"))
                .ok()
        });
        Ok(Self { pages, pages_then: 0, helper, damage })
    }

    /// Between two commits.
    pub(super) fn look(&mut self, connection: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.pages_then {
            self.pages_then = 0;
        }
        let by_itself = match &self.helper {
            _ if pages >= TOO_LONG => true,
            Some(helper) if helper.little_is_left.swap(false, Ordering::Relaxed) => true,
            Some(helper) => {
                // Where this is not taken it is at it.
                if (pages >= LONG || pages - self.pages_then >= SOME) && helper.is_needed.try_send(()).is_ok() {
                    self.pages_then = pages;
                }
                false
            }
            None => pages >= LONG,
        };
        if by_itself {
            // What has failed is tried again when more has come.
            advance(connection, &self.damage);
            self.pages.store(0, Ordering::Relaxed);
        }
    }

    /// Closes the connection of the thread. Blocks.
    pub(super) fn stop(self) {
        let Some(Helper { is_needed, thread, .. }) = self.helper else { return };
        drop(is_needed);
        let _ = thread.join();
    }
}

impl Helper {
    fn start(connection: Connection, pages: Arc<AtomicU32>, damage: Damage) -> io::Result<Self> {
        let (is_needed, needed) = mpsc::sync_channel(0);
        let little_is_left = Arc::new(AtomicBool::new(false));
        let telling = little_is_left.clone();
        let work = move || {
            aside::lower_priority();
            while needed.recv().is_ok() {
                let is_long = pages.load(Ordering::Relaxed) >= LONG;
                let rounds = if is_long { MOST_ROUNDS } else { 1 };
                if move_most(&connection, rounds, &damage) && is_long {
                    telling.store(true, Ordering::Relaxed);
                }
            }
            let _ = connection.close();
        };
        let thread = thread::Builder::new().name("store-log".to_owned()).spawn(work)?;
        Ok(Self { is_needed, little_is_left, thread })
    }
}

/// Whether it has come so far that the writer should do the rest.
fn move_most(connection: &Connection, rounds: usize, damage: &Damage) -> bool {
    let mut left_before = u32::MAX;
    for _ in 0..rounds {
        match advance(connection, damage) {
            Some(left) if left <= LITTLE => return true,
            Some(left) if left < left_before => left_before = left,
            // The writer is at it, or another process; or somebody reads what would be written over; or it has failed.
            _ => return false,
        }
    }
    true
}

/// Moves what can be moved without waiting for anybody: how many pages are left, if that can be told.
fn advance(connection: &Connection, damage: &Damage) -> Option<u32> {
    // What the disk has made of the log after a flush that failed is for the next opening to find out.
    damage.check().ok()?;
    match checkpoint(connection) {
        Ok(left) => left,
        Err(error) => {
            let is_flush = error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_FSYNC);
            let error = port_error(&error);
            tracing::warn!(error = %error, "the store's log could not be moved into its file; it is tried again");
            if is_flush {
                damage.close(not_durable(&error));
            }
            damage.note::<()>(&Err(error));
            None
        }
    }
}

/// `None` where somebody else is at it.
fn checkpoint(connection: &Connection) -> rusqlite::Result<Option<u32>> {
    connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |row| {
        let (is_busy, pages, moved): (bool, i32, i32) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((!is_busy).then(|| pages.abs_diff(moved)))
    })
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
