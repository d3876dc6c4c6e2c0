use std::{collections::BTreeMap, time::Duration};

use crossdock_core::{
    hub::Retention,
    message::Carried,
    port::{Bus, DeliveryState, Entry, Ledger, Outbox, QueueBody, QueueName, Queues, VersionStore, whole},
    version::{ObjectCommit, Version, VersionRef},
};
use crossdock_testkit::{
    build::{at, commit, delivery, delivery_key, endpoint, entry, message, message_id, order, record, settlement},
    suite::BusFixture,
};
use rusqlite::Connection;

use super::suites::Fixture;
use crate::store::{Collector, Expired, Lot, gc::old_message};

const RETENTION: Retention = Retention {
    deliveries: Some(Duration::from_secs(100)),
    dead_letters: Duration::from_secs(50),
    versions: Some(Duration::from_secs(100)),
};

impl Fixture {
    /// What is shown beforehand is what goes, as kinds and counts: letters, messages, deliveries, versions.
    async fn collected(&self) -> [u64; 4] {
        let shown = self.database.expired(&RETENTION).await.unwrap();
        let removed = Collector::new(self.database.clone(), RETENTION).run().await.unwrap();
        assert_eq!(shown, removed);
        let again = self.database.expired(&RETENTION).await.unwrap();
        assert_eq!(again, Expired::default(), "nothing is left to remove");
        [removed.dead_letters, removed.messages, removed.deliveries, removed.versions].map(|lot| lot.count)
    }

    /// Stores messages and, as if that had happened to the bus, forgets that they are pending. The last one stored is
    /// never removed, so one more comes after them.
    async fn published(&self, names: &[&str]) {
        for name in names.iter().copied().chain(["newest"]) {
            self.database.put(vec![record(message(name))]).await.remove(0).unwrap();
            self.database.published(&[message_id(name)]).await.unwrap();
        }
    }

    async fn settled(&self, name: &str, state: DeliveryState, second: i64) {
        let mut delivery = delivery(delivery_key(name), state);
        delivery.updated_at = at(second);
        self.database.settle(settlement(delivery)).await.unwrap();
    }

    async fn has(&self, name: &str) -> bool {
        self.database.messages(&[message_id(name)]).await.and_then(whole).unwrap()[0].is_some()
    }
}

/// The attributes of a dead letter that the ledger knows of.
const LETTER: [(&str, &str); 2] = [("reason", "retries exhausted"), ("message_id", "its id")];

/// An entry about a message, such as a further round, or with attributes a dead letter.
fn about(name: &str, attributes: &[(&str, &str)]) -> Entry {
    let body = QueueBody {
        route: "book".parse().unwrap(),
        round: 2,
        message: Carried::of(&message(name)).unwrap(),
        remote: None,
    };
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Entry { attributes, ..entry(serde_json::to_string(&body).unwrap()) }
}

fn waiting() -> QueueName {
    QueueName::Endpoint(endpoint("alpha"))
}

fn dead() -> QueueName {
    QueueName::DeadLetters(endpoint("alpha"))
}

#[tokio::test]
async fn a_message_goes_with_its_deliveries_when_the_last_has_ended_long_ago() {
    let fixture = Fixture::on_disk().await;
    fixture.published(&["early", "late", "unrouted"]).await;
    fixture.settled("early", DeliveryState::Delivered, 10).await;
    let mut second = delivery(delivery_key("early"), DeliveryState::DeadLettered);
    second.key.route = "mail".parse().unwrap();
    second.updated_at = at(20);
    fixture.database.settle(settlement(second)).await.unwrap();
    fixture.settled("late", DeliveryState::Superseded, 30).await;

    fixture.clock.set(at(100));
    assert_eq!(fixture.collected().await, [0; 4], "a term that has just run out has not run out");
    fixture.clock.set(at(120));
    assert_eq!(fixture.collected().await, [0, 1, 0, 0], "what nobody wanted is over when it is stored");
    fixture.clock.set(at(121));
    assert_eq!(fixture.collected().await, [0, 1, 2, 0]);
    assert_eq!(fixture.database.deliveries_of(message_id("early")).await.and_then(whole), Ok(Vec::new()));
    assert!(fixture.has("late").await);
    fixture.clock.set(at(131));
    assert_eq!(fixture.collected().await, [0, 1, 1, 0]);
    assert!(fixture.has("newest").await, "its number is not given to another");
}

#[tokio::test]
async fn what_waits_never_goes() {
    let fixture = Fixture::on_disk().await;
    let (database, queues) = (&fixture.database, &fixture.queues);
    assert_eq!(database.put(vec![record(message("pending"))]).await, [Ok(true)]);
    fixture.published(&["published", "retrying", "another-round"]).await;
    let published = message("published");
    assert_eq!(fixture.bus().publish(&[published]).await, [Ok(())]);
    fixture.settled("retrying", DeliveryState::Retrying, 0).await;
    fixture.settled("another-round", DeliveryState::Delivered, 0).await;
    let mut unread = entry("no JSON");
    unread.attributes = BTreeMap::new();
    assert_eq!(queues.send(&waiting(), vec![about("another-round", &[]), unread]).await, [Ok(()), Ok(())]);

    fixture.clock.set(at(1_000_000));
    assert_eq!(fixture.collected().await, [0; 4]);
    for name in ["pending", "published", "retrying", "another-round"] {
        assert!(fixture.has(name).await, "{name}");
    }

    // And when they wait no longer, they do.
    database.published(&[message_id("pending")]).await.unwrap();
    fixture.settled("retrying", DeliveryState::Delivered, 0).await;
    Connection::open(fixture.file()).unwrap().execute("DELETE FROM entries", []).unwrap();
    assert_eq!(fixture.collected().await, [0, 4, 2, 0]);
}

#[tokio::test]
async fn a_dead_letter_keeps_its_message_until_it_goes_itself() {
    let fixture = Fixture::on_disk().await;
    fixture.published(&["given-up", "young"]).await;
    for name in ["given-up", "young"] {
        fixture.settled(name, DeliveryState::DeadLettered, 0).await;
    }
    let queues = &fixture.queues;
    fixture.clock.set(at(10));
    let reason = [("reason", "unreadable: not JSON")];
    let unreadable = Entry { attributes: about("x", &reason).attributes, ..entry("no JSON") };
    // What the queue itself gave up on has no attributes; no delivery of it has ended, nor of what could not be read.
    for letter in [about("given-up", &LETTER), unreadable, about("unheard-of", &[])] {
        assert_eq!(queues.send(&dead(), vec![letter]).await, [Ok(())]);
    }
    fixture.clock.set(at(60));
    assert_eq!(fixture.collected().await, [0; 4]);
    fixture.clock.set(at(61));
    assert_eq!(queues.receive(&dead(), 10, Duration::from_secs(5)).await.unwrap().len(), 3);
    assert_eq!(fixture.collected().await, [0; 4], "somebody has them in hand");
    fixture.clock.set(at(66));
    assert_eq!(fixture.collected().await, [1, 0, 0, 0]);
    assert_eq!(queues.counts(&dead()).await.unwrap().visible, 2);

    fixture.clock.set(at(90));
    assert_eq!(queues.send(&dead(), vec![about("young", &LETTER)]).await, [Ok(())]);
    fixture.clock.set(at(130));
    assert_eq!(fixture.collected().await, [0, 1, 1, 0]);
    assert!(fixture.has("young").await && !fixture.has("given-up").await);
    fixture.clock.set(at(141));
    assert_eq!(fixture.collected().await, [1, 1, 1, 0], "both at once, as was shown");
}

#[tokio::test]
async fn old_versions_go_and_heads_stay() {
    let fixture = Fixture::on_disk().await;
    let database = &fixture.database;
    for (id, number, second) in [("R1", 1, 0), ("R2", 1, 0), ("R1", 2, 10), ("R1", 3, 500), ("R1", 4, 510)] {
        let mut commit = commit(&order(id), number);
        commit.version.stored_at = at(second);
        assert_eq!(database.commit(vec![commit]).await, [Ok(())]);
    }
    let numbers = async || {
        let history = database.history(&order("R1")).await.and_then(whole).unwrap();
        history.iter().map(|version| version.number).collect::<Vec<_>>()
    };
    let heads = database.heads(&[order("R1"), order("R2")]).await.and_then(whole).unwrap();

    // One collector, which remembers how far it came.
    let mut collector = Collector::new(database.clone(), RETENTION);
    for (second, expected) in [
        (110, vec![1, 2, 3, 4]),
        (111, vec![2, 3, 4]),
        (600, vec![2, 3, 4]),
        // Version 2 was replaced at 500.
        (601, vec![3, 4]),
        (1_000_000, vec![4]),
    ] {
        fixture.clock.set(at(second));
        let shown = database.expired(&RETENTION).await.unwrap();
        assert_eq!(collector.run().await, Ok(shown));
        assert_eq!(numbers().await, expected, "at {second}");
    }
    assert_eq!(database.heads(&[order("R1"), order("R2")]).await.and_then(whole).unwrap(), heads);
    let refs = [1, 4].map(|number| VersionRef { key: order("R1"), number });
    let found = database.versions(&refs).await.and_then(whole).unwrap();
    assert!(found[0].is_none() && found[1].is_some());
    assert_eq!(database.commit(vec![commit(&order("R1"), 5)]).await, [Ok(())], "the chain goes on");
}

/// A late one was no head when it came, and the head is no older for it.
#[tokio::test]
async fn late_versions_go_and_leave_their_numbers() {
    let fixture = Fixture::on_disk().await;
    let database = &fixture.database;
    let key = order("R1");
    let mut collector = Collector::new(database.clone(), RETENTION);
    for (number, late, second) in [(1, false, 0), (2, true, 10), (3, true, 500)] {
        let expected = database.heads(std::slice::from_ref(&key)).await.and_then(whole).unwrap().remove(0);
        let mut commit = ObjectCommit { expected, ..commit(&key, number) };
        commit.version = Version { late, parent: None, stored_at: at(second), ..commit.version };
        assert_eq!(database.commit(vec![commit]).await, [Ok(())]);
    }
    for (second, expected) in [(110, vec![1, 2, 3]), (111, vec![1, 3]), (601, vec![1]), (1_000_000, vec![1])] {
        fixture.clock.set(at(second));
        let shown = database.expired(&RETENTION).await.unwrap();
        assert_eq!(collector.run().await, Ok(shown));
        let history = database.history(&key).await.and_then(whole).unwrap();
        assert_eq!(history.iter().map(|version| version.number).collect::<Vec<_>>(), expected, "at {second}");
    }
    let head = database.heads(&[key]).await.and_then(whole).unwrap().remove(0).unwrap();
    assert_eq!((head.version, head.last), (1, 3));
}

#[tokio::test]
async fn for_ever_is_for_ever() {
    let fixture = Fixture::on_disk().await;
    fixture.published(&["m"]).await;
    for number in [1, 2] {
        assert_eq!(fixture.database.commit(vec![commit(&order("R1"), number)]).await, [Ok(())]);
    }
    fixture.clock.set(at(1_000_000));
    let retention = Retention { deliveries: None, versions: None, ..RETENTION };
    assert_eq!(fixture.database.expired(&retention).await, Ok(Expired::default()));
    assert_eq!(Collector::new(fixture.database.clone(), retention).run().await, Ok(Expired::default()));
    assert!(fixture.has("m").await);
}

#[tokio::test]
async fn more_than_fits_into_one_step_goes_and_clocks_that_were_set_do_not_matter() {
    let fixture = Fixture::on_disk().await;
    let names: Vec<String> = (0..350).map(|n| format!("m{n}")).collect();
    for (place, name) in names.iter().enumerate() {
        // Every third is from the future.
        fixture.clock.set(at(if place % 3 == 0 { 5_000 } else { 0 }));
        fixture.database.put(vec![record(message(name))]).await.remove(0).unwrap();
        fixture.settled(name, DeliveryState::Delivered, 0).await;
    }
    let ids: Vec<_> = names.iter().map(|name| message_id(name)).collect();
    fixture.database.published(&ids).await.unwrap();
    fixture.clock.set(at(1_000));
    assert_eq!(fixture.collected().await, [0, 233 - 1, 233 - 1, 0]);
    fixture.clock.set(at(6_000));
    assert_eq!(fixture.collected().await, [0, 117, 117, 0]);
    assert!(fixture.has("m349").await);
}

#[tokio::test]
async fn what_goes_is_told_with_its_size_and_age() {
    let fixture = Fixture::on_disk().await;
    for (name, second) in [("a", 1), ("bb", 2), ("newest", 3)] {
        fixture.clock.set(at(second));
        fixture.database.put(vec![record(message(name))]).await.remove(0).unwrap();
        fixture.database.published(&[message_id(name)]).await.unwrap();
    }
    fixture.clock.set(at(1_000));
    let bytes = ["a", "bb"].map(|name| serde_json::to_string(&message(name)).unwrap().len() as u64);
    let expected = Lot { count: 2, bytes: bytes.iter().sum(), oldest: Some(at(1)), newest: Some(at(2)) };
    assert_eq!(fixture.database.expired(&RETENTION).await.unwrap().messages, expected);
}

fn number(database: &Connection, pragma: &str) -> i64 {
    database.pragma_query_value(None, pragma, |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn room_is_given_back_and_some_of_it_kept() {
    let fixture = Fixture::on_disk().await;
    let body = "x".repeat(20_000);
    let letters = |count| (0..count).map(|_| about(&body, &LETTER)).collect::<Vec<_>>();
    for _ in 0..20 {
        assert!(fixture.queues.send(&dead(), letters(20)).await.iter().all(Result::is_ok));
    }
    let looking = Connection::open(fixture.file()).unwrap();
    let before = number(&looking, "page_count");
    fixture.clock.set(at(51));
    assert_eq!(fixture.collected().await, [400, 0, 0, 0]);
    let (pages, free) = (number(&looking, "page_count"), number(&looking, "freelist_count"));
    assert!(pages < before / 4, "{pages} of {before}");
    assert!(free - pages / 4 < 32, "{free} of {pages}");
    // In the file itself too, once the log has been moved into it.
    let size = || std::fs::metadata(fixture.file()).unwrap().len() as i64;
    looking.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    assert_eq!(size(), pages * number(&looking, "page_size"));
}

#[tokio::test]
async fn a_run_that_is_cut_off_has_done_nothing_by_halves() {
    let fixture = Fixture::on_disk().await;
    for n in 0..300 {
        let name = format!("m{n}");
        fixture.database.put(vec![record(message(&name))]).await.remove(0).unwrap();
        fixture.database.published(&[message_id(&name)]).await.unwrap();
        fixture.settled(&name, DeliveryState::Delivered, 0).await;
    }
    fixture.clock.set(at(1_000));
    let looking = Connection::open(fixture.file()).unwrap();
    let count = |table: &str| -> i64 {
        looking.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let mut collector = Collector::new(fixture.database.clone(), RETENTION);
    for _ in 0..40 {
        // Polled a few times and dropped, wherever that is.
        let run = collector.run();
        let _ = tokio::time::timeout(Duration::from_micros(300), run).await;
        let (messages, deliveries) = looking
            .query_row("SELECT (SELECT COUNT(*) FROM messages), (SELECT COUNT(*) FROM deliveries)", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })
            .unwrap();
        assert_eq!(messages, deliveries);
    }
    collector.run().await.unwrap();
    assert_eq!((count("messages"), count("deliveries")), (1, 1));
}

/// The statements that look for what needs a message use their indexes, however long the queues are.
#[tokio::test]
async fn nothing_is_searched_row_by_row() {
    let fixture = Fixture::on_disk().await;
    let looking = Connection::open(fixture.file()).unwrap();
    let plan = |sql: &str| -> Vec<String> {
        let mut statement = looking.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let places = statement.parameter_count();
        let values = vec![0_i64; places];
        statement.query_map(rusqlite::params_from_iter(values), |row| row.get(3)).unwrap().map(Result::unwrap).collect()
    };
    let condition = old_message();
    let found = plan(&format!("SELECT m.seq FROM messages m WHERE m.seq = :seq AND {condition}"));
    let scans: Vec<_> = found.iter().filter(|step| step.starts_with("SCAN")).collect();
    assert_eq!(scans, Vec::<&String>::new(), "{found:#?}");
    // What the foreign key asks when a message is deleted.
    assert!(plan("SELECT rowid FROM entries WHERE message = ?1")[0].contains("entries_by_message"));
}
