//! One row that nobody can read, beside good ones: it harms none of them.

use crossdock_core::port::{DeliveryState, Ledger, Outbox, Read, VersionStore};
use crossdock_testkit::build::{
    at, commit, delivery, delivery_key, endpoint, message, message_id, order, record, settlement,
};
use tempfile::TempDir;

use super::open;
use crate::store::Database;

/// A store in which this was done to the rows.
async fn spoilt(folder: &TempDir, sql: &str) -> Database {
    let file = folder.path().join("hub.db");
    let database = open(&file, 1).await.unwrap();
    let commits = ["R1", "R2", "R3"].map(|id| commit(&order(id), 1)).to_vec();
    assert_eq!(database.commit(commits).await, [Ok(()), Ok(()), Ok(())]);
    let messages = ["a", "b", "c"].map(|name| record(message(name))).to_vec();
    assert_eq!(database.put(messages).await, [Ok(true), Ok(true), Ok(true)]);
    for name in ["a", "b", "c"] {
        let settlement = settlement(delivery(delivery_key(name), DeliveryState::Retrying));
        database.settle(settlement).await.unwrap();
    }
    let connection = rusqlite::Connection::open(&file).unwrap();
    assert_eq!(connection.execute(sql, []).unwrap(), 1, "{sql}");
    database
}

fn readable<T>(read: &[Read<T>]) -> Vec<bool> {
    read.iter().map(Result::is_ok).collect()
}

#[tokio::test]
async fn messages_and_pages_of_them() {
    for change in ["body = '{'", "disabled_routes = '[1]'"] {
        let folder = TempDir::new().unwrap();
        let id = message_id("b").to_string().replace('-', "");
        let database = spoilt(&folder, &format!("UPDATE messages SET {change} WHERE id = x'{id}'")).await;
        let found = database.messages(&["a", "b", "c"].map(message_id)).await.unwrap();
        assert_eq!(readable(&found), [true, false, true], "{change}");
        let pending = database.pending(at(1), None, 100).await.unwrap();
        let stored = database.stored_between(at(0), at(1), None, 100).await.unwrap();
        for (messages, unreadable) in [(pending.messages, pending.unreadable), (stored.messages, stored.unreadable)] {
            let names = |name: &str| messages.iter().any(|record| record.message.message_id == message_id(name));
            assert_eq!((names("a"), names("b"), names("c")), (true, false, true), "{change}");
            let [error] = &unreadable[..] else { panic!("{change}: {unreadable:?}") };
            assert!(error.0.starts_with(&message_id("b").to_string()), "{error}");
        }
    }
}

#[tokio::test]
async fn heads_and_versions() {
    let folder = TempDir::new().unwrap();
    let sql = "UPDATE versions SET hash = x'00' WHERE object = (SELECT object FROM objects WHERE id = 'R2')";
    let database = spoilt(&folder, sql).await;
    let keys = ["R1", "R2", "R3"].map(order);
    assert_eq!(readable(&database.heads(&keys).await.unwrap()), [true, false, true]);
    assert_eq!(readable(&database.history(&order("R2")).await.unwrap()), [false]);
    let opened = database.open(&endpoint("alpha"), &[], &keys).await.unwrap();
    assert_eq!(readable(&opened.heads), [true, false, true]);
}

#[tokio::test]
async fn deliveries() {
    let folder = TempDir::new().unwrap();
    let id = message_id("b").to_string().replace('-', "");
    for change in ["attempts = '['", "state = 'lost'", "updated_at = 9223372036854775807"] {
        let folder = TempDir::new_in(folder.path()).unwrap();
        let database = spoilt(&folder, &format!("UPDATE deliveries SET {change} WHERE message = x'{id}'")).await;
        let opened = database.open(&endpoint("alpha"), &["a", "b", "c"].map(delivery_key), &[]).await.unwrap();
        assert_eq!(readable(&opened.deliveries), [true, false, true], "{change}");
    }
}
