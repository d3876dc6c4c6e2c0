use std::fs;

use crossdock_core::port::{Outbox, VersionStore, whole};
use crossdock_testkit::build::{commit, message, message_id, order, record};
use rusqlite::Connection;
use tempfile::TempDir;

use super::open;
use crate::store::{Database, OpenError};

#[tokio::test]
async fn folders_are_made_and_everything_is_there_again() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a").join("b").join("hub.db");
    let database = open(&file, 1).await.unwrap();
    let epoch = database.epoch();
    assert_eq!(database.commit(vec![commit(&order("R1"), 1)]).await, [Ok(())]);
    database.close().await;
    assert!(!file.with_file_name("hub.db-wal").exists(), "closing leaves one file");

    // Another seed: an epoch is made once.
    let database = open(&file, 2).await.unwrap();
    assert_eq!(database.epoch(), epoch);
    assert_eq!(database.put(vec![record(message("m"))]).await, [Ok(true)]);
    // Not closed, as after a crash: what was acknowledged is in the log.
    drop(database);

    let database = open(&file, 3).await.unwrap();
    assert_eq!(database.epoch(), epoch);
    assert_eq!(database.history(&order("R1")).await.and_then(whole), Ok(vec![commit(&order("R1"), 1).version]));
    assert_eq!(database.messages(&[message_id("m")]).await.and_then(whole), Ok(vec![Some(record(message("m")))]));
}

#[tokio::test]
async fn every_store_has_its_own_epoch() {
    let folder = TempDir::new().unwrap();
    let one = open(&folder.path().join("one.db"), 1).await.unwrap();
    let two = open(&folder.path().join("two.db"), 2).await.unwrap();
    assert_ne!(one.epoch(), two.epoch());
}

#[tokio::test]
async fn a_store_that_is_opened_twice_at_once_is_made_once() {
    for _ in 0..10 {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("hub.db");
        let (a, b, c) = tokio::join!(open(&file, 1), open(&file, 2), open(&file, 3));
        let epochs = [a, b, c].map(|database| database.unwrap().epoch());
        assert!(epochs.iter().all(|epoch| *epoch == epochs[0]));
    }
}

#[tokio::test]
async fn calls_after_closing_say_so() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder.path().join("hub.db"), 1).await.unwrap();
    let clone = database.clone();
    database.close().await;
    let write = clone.put(vec![record(message("m"))]).await.remove(0).unwrap_err();
    let read = clone.messages(&[message_id("m")]).await.unwrap_err();
    assert_eq!(
        (write.to_string(), read.to_string()),
        ("the store is closed".to_owned(), "the store is closed".to_owned())
    );
}

/// Opening fails, names the file and says what to do; the file is left as it was.
async fn check_refused(content: &[u8], expected: &str) -> OpenError {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("hub.db");
    fs::write(&file, content).unwrap();
    let error = open(&file, 1).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("hub.db"), "{text}");
    assert!(text.contains(expected), "{text}");
    assert_eq!(fs::read(&file).unwrap(), content);
    error
}

/// The bytes of a database that `change` was made to.
fn file_of(sql: &str) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("other.db");
    Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    fs::read(&file).unwrap()
}

/// Bytes.
const PAGE: usize = 4096;

async fn store_file() -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("hub.db");
    let database = open(&file, 1).await.unwrap();
    let commits = (0..1000).map(|n| commit(&order(&format!("R{n}")), 1)).collect();
    assert!(database.commit(commits).await.iter().all(Result::is_ok));
    database.close().await;
    fs::read(&file).unwrap()
}

#[tokio::test]
async fn what_is_no_store_is_refused() {
    let text = b"hub: my-shop\n".repeat(100);
    let error = check_refused(&text, "it is no SQLite database").await;
    assert!(matches!(error, OpenError::NotAStore { .. }));
    let other = file_of("CREATE TABLE orders (id)");
    let error = check_refused(&other, "another program").await;
    assert!(matches!(error, OpenError::NotAStore { .. }));
    check_refused(&file_of("PRAGMA user_version = 1; CREATE TABLE orders (id)"), "another program").await;
}

#[tokio::test]
async fn a_store_from_the_future_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("hub.db");
    fs::write(&file, store_file().await).unwrap();
    Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 999; PRAGMA journal_mode = DELETE").unwrap();
    let error = check_refused(&fs::read(&file).unwrap(), "update Crossdock").await;
    assert!(matches!(error, OpenError::Newer { found: 999, known: 2.., .. }));
}

#[tokio::test]
async fn a_store_from_before_there_was_expiry_is_brought_up_to_date() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("hub.db");
    let old = Connection::open(&file).unwrap();
    old.execute_batch(include_str!("../schema.sql")).unwrap();
    old.execute_batch("PRAGMA user_version = 1; PRAGMA application_id = 0x78646f63").unwrap();
    old.execute("INSERT INTO store VALUES (zeroblob(16))", []).unwrap();
    let body = serde_json::to_string(&message("m")).unwrap();
    old.execute("INSERT INTO messages (id, body) VALUES (?1, ?2)", rusqlite::params![message_id("m").as_bytes(), body])
        .unwrap();
    // Bodies that are no JSON are no hindrance.
    old.execute(
        "INSERT INTO entries (queue, visible_at, receive_count, sent_at, body) VALUES ('alpha/dead', 0, 1, 0, 'bad')",
        [],
    )
    .unwrap();
    drop(old);

    let database = open(&file, 1).await.unwrap();
    assert_eq!(database.messages(&[message_id("m")]).await.and_then(whole), Ok(vec![Some(record(message("m")))]));
    let stored_at = Connection::open(&file).unwrap().query_row("SELECT stored_at FROM messages", [], |row| row.get(0));
    assert_eq!(stored_at, Ok(message("m").created_at.as_microsecond()));

    // It gets a key to sign with, and keeps it.
    assert_eq!(open(&file, 2).await.unwrap().signing_key().expose(), database.signing_key().expose());
}

#[tokio::test]
async fn a_damaged_store_is_refused() {
    let mut content = store_file().await;
    // The list of tables, behind the header of 100 bytes.
    content[100..4096].fill(0xa5);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("hub.db");
    fs::write(&file, &content).unwrap();
    let error = open(&file, 1).await.unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    let expected = "hub.db is damaged (database disk image is malformed): put a backup in its place";
    assert!(error.to_string().contains(expected), "{error}");
}

#[tokio::test]
async fn a_log_that_sqlite_would_take_for_empty_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("hub.db");
    fs::write(&file, store_file().await).unwrap();
    let log = folder.path().join("hub.db-wal");
    fs::write(&log, [0xa5; 5000]).unwrap();
    let error = open(&file, 1).await.unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("the header of its write-ahead log makes no sense"), "{error}");
    assert_eq!(fs::read(&log).unwrap(), [0xa5; 5000], "it is left as it was");
}

/// Opens a store of which the second half is not what it was: what every start reads stands before it.
async fn damaged_further_in(folder: &TempDir) -> (Database, std::path::PathBuf) {
    let mut content = store_file().await;
    let file = folder.path().join("hub.db");
    let half = content.len() / 2 / PAGE * PAGE;
    content[half..].fill(0xa5);
    fs::write(&file, &content).unwrap();
    (open(&file, 1).await.unwrap(), file)
}

#[tokio::test]
async fn damage_further_in_is_found_by_looking_for_it() {
    let folder = TempDir::new().unwrap();
    let (database, file) = damaged_further_in(&folder).await;
    let error = database.check(&file).await.unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");

    let whole = folder.path().join("whole.db");
    fs::write(&whole, store_file().await).unwrap();
    open(&whole, 1).await.unwrap().check(&whole).await.unwrap();
}

#[tokio::test]
async fn once_damage_has_shown_nothing_is_stored_or_read() {
    let folder = TempDir::new().unwrap();
    let (database, _) = damaged_further_in(&folder).await;
    assert_eq!(database.put(vec![record(message("before"))]).await, [Ok(true)]);
    let mut found = None;
    for n in 0..1000 {
        found = found.or(database.history(&order(&format!("R{n}"))).await.and_then(whole).err());
    }
    let found = found.unwrap();
    assert!(found.what.starts_with("the store's file is damaged: ") && !found.transient, "{found:?}");
    assert_eq!(database.put(vec![record(message("after"))]).await, [Err(found.clone().into())]);
    assert_eq!(database.messages(&[message_id("before")]).await.and_then(whole), Err(found.clone()));
    assert_eq!(database.commit(vec![commit(&order("R1001"), 1)]).await.len(), 1);
    assert_eq!(database.damaged().await, found);
}

#[tokio::test]
async fn damage_further_in_shows_when_it_is_read() {
    let mut content = store_file().await;
    content[4096..].fill(0xa5);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("hub.db");
    fs::write(&file, &content).unwrap();
    match open(&file, 1).await {
        Err(error) => assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}"),
        Ok(database) => {
            let error = database.history(&order("R1")).await.and_then(whole).unwrap_err();
            assert!(error.what.contains("damaged") && !error.transient, "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_place_where_no_file_can_be_is_refused() {
    let folder = TempDir::new().unwrap();
    let error = open(folder.path(), 1).await.unwrap_err();
    assert!(matches!(error, OpenError::Sqlite { .. }), "{error:?}");
    fs::write(folder.path().join("file"), "").unwrap();
    let error = open(&folder.path().join("file").join("hub.db"), 1).await.unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
}

#[test]
fn a_store_can_be_shared_between_tasks() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<Database>();
    check::<crate::store::LocalQueues>();
    check::<crate::store::LocalBus>();
}
