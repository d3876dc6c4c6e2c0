//! The contract suites on SQLite, and what only the local home promises.

mod expiry;
mod failing;
mod opening;
mod queues;
mod sharing;
mod suites;
mod unreadable;

use std::{path::Path, sync::Arc};

use crossdock_testkit::clock::{SeededRandom, TestClock};

use super::{Database, OpenError};

/// With a clock of its own.
async fn open(file: &Path, seed: u64) -> Result<Database, OpenError> {
    Database::open(file, Arc::new(TestClock::default()), &SeededRandom::new(seed)).await
}
