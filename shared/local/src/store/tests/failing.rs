//! A disk that does not keep what is written.

use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossdock_core::port::{Outbox, PutError, VersionStore, whole};
use crossdock_testkit::{
    build::{at, commit, message, message_id, order, record},
    clock::{SeededRandom, TestClock},
};
use tempfile::TempDir;

use super::open;
use crate::store::{Database, damage::log_of};

struct Fixture {
    database: Database,
    /// Whether flushes fail.
    broken: Arc<AtomicBool>,
    folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let broken = Arc::new(AtomicBool::new(false));
        let disk = broken.clone();
        let flush = move |log: &fs::File| match disk.load(Ordering::Relaxed) {
            true => Err(io::Error::other("input/output error")),
            false => log.sync_data(),
        };
        let (clock, file) = (Arc::new(TestClock::default()), folder.path().join("hub.db"));
        let database = Database::open_flushing(&file, clock, &SeededRandom::new(1), flush).await.unwrap();
        Self { database, broken, folder }
    }

    fn breaks(&self, broken: bool) {
        self.broken.store(broken, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn after_a_flush_that_failed_nothing_is_stored_or_read() {
    let fixture = Fixture::new().await;
    let Fixture { database, folder, .. } = &fixture;
    assert_eq!(database.put(vec![record(message("before"))]).await, [Ok(true)]);
    fixture.breaks(true);
    let lost = database.put(vec![record(message("lost"))]).await.remove(0);
    let Err(PutError::Port(error)) = lost else { panic!("{lost:?}") };
    assert!(!error.transient, "{error:?}");
    assert!(error.what.starts_with("the disk did not make a write durable (input/output error): "), "{error:?}");

    // That a later flush would succeed proves nothing of the one before.
    fixture.breaks(false);
    assert_eq!(database.put(vec![record(message("lost"))]).await, [Err(error.clone().into())]);
    assert_eq!(database.commit(vec![commit(&order("R1"), 1)]).await, [Err(error.clone().into())]);
    assert_eq!(database.published(&[message_id("lost")]).await, Err(error.clone()));
    assert_eq!(database.heads(&[order("R1")]).await.and_then(whole), Err(error.clone()));
    assert_eq!(database.pending(at(1_000), None, 10).await, Err(error.clone()));
    assert_eq!(database.damaged().await, error);

    let file = folder.path().join("hub.db");
    fixture.database.close().await;
    assert!(log_of(&file).exists(), "what may not be on the disk is not moved into the database");
    let database = open(&file, 2).await.unwrap();
    database.check(&file).await.unwrap();
    assert_eq!(fs::metadata(log_of(&file)).unwrap().len(), 0, "and then it is, from where it can be read");
    assert_eq!(
        database.messages(&[message_id("before")]).await.and_then(whole),
        Ok(vec![Some(record(message("before")))])
    );
    assert_eq!(database.put(vec![record(message("after"))]).await, [Ok(true)]);
}

#[tokio::test]
async fn a_flush_that_nobody_waits_for_closes_the_store_too() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.database.put(vec![record(message("m"))]).await, [Ok(true)]);
    fixture.breaks(true);
    assert_eq!(fixture.database.published(&[message_id("m")]).await, Ok(()));
    let error = fixture.database.damaged().await;
    assert_eq!(fixture.database.put(vec![record(message("n"))]).await, [Err(error.into())]);
}

#[tokio::test]
async fn to_flush_is_to_ask_the_disk() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.database.flush().await, Ok(()));
    fixture.breaks(true);
    assert!(fixture.database.flush().await.is_err());
}
