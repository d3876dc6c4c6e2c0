//! One row that nobody can read, beside good ones: it harms none of them.

use crossdock_core::port::{
    DeliveryState, Ledger, Next, Outbox, Read, Settlement, Timers, VersionStore, WantMark, Wants,
};
use crossdock_testkit::build::{
    at, collection, commit, delivery, delivery_key, endpoint, message, message_id, order, record, settlement, timer,
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
        let of = async |name: &str| readable(&database.deliveries_of(message_id(name)).await.unwrap());
        assert_eq!((of("a").await, of("b").await), (vec![true], vec![false]), "{change}");
        // The good ones come first, and as many as were asked for.
        let listed = database.deliveries_in(&endpoint("alpha"), DeliveryState::Retrying, 2).await.unwrap();
        assert_eq!(readable(&listed)[..2], [true, true], "{change}");
    }
}

#[tokio::test]
async fn control_records() {
    for (table, change) in [
        ("parameters", "value = '{'"),
        ("paused", "since = 9223372036854775807"),
        ("generations", "previous_until = 9223372036854775807"),
    ] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("hub.db");
        let database = open(&file, 1).await.unwrap();
        let connection = rusqlite::Connection::open(&file).unwrap();
        let rows =
            "INSERT INTO parameters (endpoint, name, value) VALUES ('alpha', 'page', '1'), ('beta', 'page', '1');
                    INSERT INTO paused (endpoint, since, reason) VALUES ('alpha', 1, 'gone'), ('beta', 1, 'gone');
                    INSERT INTO generations (endpoint, newest, previous_until) VALUES ('alpha', 2, 1), ('beta', 2, 1)";
        connection.execute_batch(rows).unwrap();
        connection.execute(&format!("UPDATE {table} SET {change} WHERE endpoint = 'alpha'"), []).unwrap();
        let settled = settlement(delivery(delivery_key("a"), DeliveryState::Retrying));
        database.settle(settled).await.unwrap();
        let opened = database.open(&endpoint("alpha"), &[delivery_key("a")], &[]).await.unwrap();
        assert_eq!((readable(&opened.deliveries), opened.control.is_err()), (vec![true], true), "{table}");
        assert!(database.open(&endpoint("beta"), &[], &[]).await.unwrap().control.is_ok(), "{table}");
    }
}

#[tokio::test]
async fn timers() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder.path().join("hub.db"), 1).await.unwrap();
    for (name, due) in [("bad", 1), ("good", 2), ("better", 3)] {
        let next = Some(Next { timer: timer(name, due), message: None });
        let outcome = settlement(delivery(delivery_key(&format!("before {name}")), DeliveryState::Delivered));
        database.settle(Settlement { next, ..outcome }).await.unwrap();
    }
    let connection = rusqlite::Connection::open(folder.path().join("hub.db")).unwrap();
    assert_eq!(
        connection.execute("UPDATE timers SET endpoint = '' WHERE due = (SELECT min(due) FROM timers)", []),
        Ok(1)
    );
    // The oldest stands before the others whoever looks, and is no reason to see none of them.
    for name in ["good", "better"] {
        let taken = database.take(at(100), at(0), at(60), 1).await.unwrap();
        assert_eq!(taken.iter().map(|timer| timer.key.message).collect::<Vec<_>>(), [message_id(name)]);
    }
    assert_eq!(database.take(at(100), at(0), at(60), 1).await, Ok(Vec::new()));
}

#[tokio::test]
async fn wanted_objects() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder.path().join("hub.db"), 1).await.unwrap();
    for (id, due) in [("R1", 1), ("R2", 2), ("R3", 3)] {
        database.want(vec![order(id)], WantMark([1; 16]), at(due)).await.remove(0).unwrap();
    }
    let connection = rusqlite::Connection::open(folder.path().join("hub.db")).unwrap();
    assert_eq!(connection.execute("UPDATE wanted SET refusals = -1 WHERE id = 'R1'", []), Ok(1));
    let ids = async |limit| {
        let found = database.wanted(&collection("my-store/orders"), at(10), limit).await.unwrap();
        found.into_iter().map(|wanted| wanted.object.id).collect::<Vec<_>>()
    };
    assert_eq!((ids(1).await, ids(10).await), (vec!["R2".to_owned()], vec!["R2".to_owned(), "R3".to_owned()]));
}
