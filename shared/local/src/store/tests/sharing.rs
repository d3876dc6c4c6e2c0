use std::collections::BTreeMap;

use crossdock_core::{
    Timestamp,
    port::{Delivery, DeliveryState, Ledger, Outbox, Settled, VersionStore, WantMark, Wants, whole},
};
use crossdock_testkit::build::{
    at, commit, delivery, delivery_key, message, message_about, message_id, order, record, settlement,
};
use futures_util::future::join_all;
use tempfile::TempDir;

use super::{open, suites::Fixture};
use crate::store::{DeliveryCounts, Stats};

#[tokio::test]
async fn another_connection_sees_what_was_acknowledged() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("hub.db");
    let (working, looking) = (open(&file, 1).await.unwrap(), open(&file, 2).await.unwrap());
    for n in 0..20 {
        let name = format!("m{n}");
        assert_eq!(working.put(vec![record(message(&name))]).await, [Ok(true)]);
        assert_eq!(
            looking.messages(&[message_id(&name)]).await.and_then(whole),
            Ok(vec![Some(record(message(&name)))])
        );
    }
    looking.close().await;
    assert_eq!(working.put(vec![record(message("after"))]).await, [Ok(true)], "closing the one stops not the other");
}

#[tokio::test]
async fn two_that_write_wait_for_each_other() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("hub.db");
    let (one, two) = (open(&file, 1).await.unwrap(), open(&file, 2).await.unwrap());
    let write = |n: usize| {
        let database = if n.is_multiple_of(2) { one.clone() } else { two.clone() };
        async move { database.put(vec![record(message(&format!("m{n}")))]).await.remove(0) }
    };
    for answer in join_all((0..100).map(write)).await {
        assert_eq!(answer, Ok(true));
    }
    assert_eq!(one.stats().await.unwrap().messages, 100);
}

#[tokio::test]
async fn a_read_sees_what_was_acknowledged_before_it() {
    let fixture = Fixture::on_disk().await;
    let racers = (0..50).map(|n| {
        let database = fixture.database.clone();
        tokio::spawn(async move {
            let name = format!("m{n}");
            assert_eq!(database.put(vec![record(message(&name))]).await, [Ok(true)]);
            assert!(database.messages(&[message_id(&name)]).await.and_then(whole).unwrap()[0].is_some());
        })
    });
    for racer in racers.collect::<Vec<_>>() {
        racer.await.unwrap();
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_disturb_the_order() {
    let fixture = Fixture::on_disk().await;
    for (name, second) in [("first", 10), ("second", 5), ("third", 7)] {
        fixture.clock.set(at(second));
        assert_eq!(fixture.database.put(vec![record(message(name))]).await, [Ok(true)]);
    }
    let expected = ["first", "second", "third"].map(|name| record(message(name)));
    let page = fixture.database.pending(at(11), None, 10).await.unwrap();
    assert_eq!(page.messages, expected);
}

#[tokio::test]
async fn times_are_kept_to_the_microsecond() {
    let fixture = Fixture::on_disk().await;
    let exact: Timestamp = "2026-11-21T10:00:00.123456789Z".parse().unwrap();
    let mut version = commit(&order("R1"), 1);
    version.version.stored_at = exact;
    assert_eq!(fixture.database.commit(vec![version]).await, [Ok(())]);
    let stored = fixture.database.history(&order("R1")).await.and_then(whole).unwrap().remove(0).stored_at;
    assert_eq!(stored.to_string(), "2026-11-21T10:00:00.123456Z");
}

#[tokio::test]
async fn stats_count_everything_once() {
    let fixture = Fixture::on_disk().await;
    let database = &fixture.database;
    assert_eq!(database.stats().await, Ok(Stats::default()));
    for (key, number) in [("R1", 1), ("R1", 2), ("R1", 3), ("R2", 1)] {
        let mut commit = commit(&order(key), number);
        commit.messages = vec![record(message_about(&commit.version))];
        assert_eq!(database.commit(vec![commit]).await, [Ok(())]);
    }
    let ids: Vec<_> = database
        .messages_of(&order("R1"))
        .await
        .and_then(whole)
        .unwrap()
        .iter()
        .map(|found| found.message.message_id)
        .collect();
    database.published(&ids).await.unwrap();
    let states = BTreeMap::from([
        (1, DeliveryState::Retrying),
        (2, DeliveryState::Delivered),
        (3, DeliveryState::DeadLettered),
        (4, DeliveryState::Superseded),
        (5, DeliveryState::Suppressed),
        (6, DeliveryState::Waiting),
    ]);
    for (count, state) in states {
        for n in 0..count {
            let settlement = settlement(delivery(delivery_key(&format!("{state:?} {n}")), state));
            assert_eq!(database.settle(settlement).await, Ok(Settled::Recorded { new: Vec::new() }));
        }
    }
    // One goes on; a round is counted once.
    let delivered = Delivery { attempts: vec![], ..delivery(delivery_key("Retrying 0"), DeliveryState::Delivered) };
    assert_eq!(database.settle(settlement(delivered)).await, Ok(Settled::Recorded { new: Vec::new() }));
    let deliveries =
        DeliveryCounts { waiting: 6, retrying: 0, delivered: 3, dead_lettered: 3, superseded: 4, suppressed: 5 };
    assert_eq!(database.want(vec![order("R8"), order("R9")], WantMark([1; 16]), at(0)).await, [Ok(()), Ok(())]);
    let expected = Stats { objects: 2, versions: 4, messages: 4, pending: 1, wanted: 2, deliveries };
    assert_eq!(database.stats().await, Ok(expected));
}
