//! What is over is forgotten after its term, to the second for whoever reads, and what is not over never is.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use crossdock_core::{
    hub::Retention,
    port::{Clock, DeliveryState, Ledger, Outbox, Settled, VersionStore, whole},
    version::{ObjectCommit, Version, VersionRef},
};
use crossdock_testkit::build::{
    at, delivery, delivery_key, endpoint, following, message, message_about, message_id, order, record, settlement,
    version,
};
use crossdock_testkit::suite::pending;
use serde_json::json;

use crate::support::{DAY, Fixture, TABLE, USUAL};

/// Of a message and a delivery: `deliveries`, and 30 days in which it may still be on its way.
const TERM: Duration = DAY.saturating_mul(60);
const SECOND: Duration = Duration::from_secs(1);

async fn commit(fixture: &Fixture, version: &Version) {
    let messages = vec![record(message_about(version))];
    let commit = following(version.clone(), messages);
    assert_eq!(fixture.store.commit(vec![commit]).await, [Ok(())]);
}

/// The days from now on after which DynamoDB may delete an item, by its keys; of those that it may.
async fn terms(fixture: &Fixture) -> Vec<(String, String, i64)> {
    let items = fixture.client.scan().table_name(TABLE).send().await.unwrap().items.unwrap();
    let text = |value: &AttributeValue| value.as_s().unwrap().clone();
    let mut terms: Vec<_> = items
        .iter()
        .filter_map(|item| {
            let ttl: i64 = item.get("ttl")?.as_n().unwrap().parse().unwrap();
            let days = (ttl - fixture.clock.now().as_second()) / 86_400;
            Some((text(&item["pk"]), text(&item["sk"]), days))
        })
        .collect();
    terms.sort();
    terms
}

#[tokio::test]
async fn a_message_is_forgotten_after_its_term_and_so_are_its_deliveries() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let record = record(message("m"));
    assert_eq!(store.put(vec![record.clone()]).await, [Ok(true)]);
    store.published(&[message_id("m")]).await.unwrap();
    fixture.clock.advance(SECOND);
    let delivered = delivery(delivery_key("m"), DeliveryState::Delivered);
    store.settle(settlement(delivered.clone())).await.unwrap();

    fixture.clock.advance(TERM - 2 * SECOND);
    assert_eq!(store.messages(&[message_id("m")]).await.and_then(whole), Ok(vec![Some(record.clone())]));
    assert_eq!(store.put(vec![record.clone()]).await, [Ok(false)]);
    assert_eq!(store.deliveries_of(message_id("m")).await.and_then(whole), Ok(vec![delivered.clone()]));
    fixture.clock.advance(SECOND);
    assert_eq!(store.messages(&[message_id("m")]).await.and_then(whole), Ok(vec![None]));
    assert_eq!(
        store.deliveries_of(message_id("m")).await.and_then(whole),
        Ok(vec![delivered.clone()]),
        "never before its message"
    );
    fixture.clock.advance(SECOND);
    assert_eq!(store.deliveries_of(message_id("m")).await.and_then(whole), Ok(vec![]));
    let opened = store.open(&endpoint("alpha"), &[delivery_key("m")], &[]).await.unwrap();
    assert_eq!(opened.deliveries, [Ok(None)]);

    // DynamoDB has deleted neither yet; both can come again.
    assert_eq!(store.settle(settlement(delivered)).await, Ok(Settled::Recorded { new: Vec::new() }));
    assert_eq!(store.put(vec![record.clone()]).await, [Ok(true)]);
    assert_eq!(store.messages(&[message_id("m")]).await.and_then(whole), Ok(vec![Some(record)]));
}

/// What is found by its object is found as long as it is there.
#[tokio::test]
async fn a_mention_is_renewed_with_its_message() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let record = record(message_about(&version(&order("R1"), 1, json!({"n": 1}))));
    let id = record.message.message_id;
    assert_eq!(store.put(vec![record.clone()]).await, [Ok(true)]);
    fixture.clock.advance(10 * DAY);
    let mut key = delivery_key("m");
    key.message = id;
    store.settle(settlement(delivery(key, DeliveryState::DeadLettered))).await.unwrap();
    let later: Vec<i64> = terms(&fixture).await.into_iter().map(|(_, _, days)| days).collect();
    assert_eq!(later, [60, 60, 60], "message, mention, delivery");
    store.published(&[id]).await.unwrap();
    fixture.clock.advance(TERM - SECOND);
    assert_eq!(store.messages_of(&order("R1")).await.and_then(whole), Ok(vec![record]));
}

#[tokio::test]
async fn what_is_not_over_is_never_forgotten() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let version = version(&order("R1"), 1, json!({"n": 1}));
    commit(&fixture, &version).await;
    let waiting = delivery(delivery_key("waiting"), DeliveryState::Retrying);
    store.settle(settlement(waiting.clone())).await.unwrap();
    let record = record(message_about(&version));
    // Whoever publishes looks each minute.
    for _ in 0..20 {
        fixture.clock.advance(10 * DAY);
        assert_eq!(pending(store, fixture.clock.now()).await, Ok(vec![record.clone()]));
    }
    assert_eq!(store.heads(&[order("R1")]).await.and_then(whole), Ok(vec![Some(version.head())]));
    assert_eq!(store.history(&order("R1")).await.and_then(whole), Ok(vec![version]));
    assert_eq!(store.deliveries_of(message_id("waiting")).await.and_then(whole), Ok(vec![waiting]));
}

#[tokio::test]
async fn a_late_version_has_a_term_from_the_beginning_and_its_head_none() {
    let fixture = Fixture::keeping(Retention { versions: Some(TERM), ..USUAL }).await;
    let key = order("R1");
    let head = version(&key, 1, json!({"n": 1}));
    let late = Version { late: true, parent: None, ..version(&key, 2, json!({"n": 0})) };
    let commits = [
        ObjectCommit { expected: None, version: head.clone(), messages: Vec::new() },
        ObjectCommit { expected: Some(head.head()), version: late, messages: Vec::new() },
    ];
    for commit in commits {
        assert_eq!(fixture.store.commit(vec![commit]).await, [Ok(())]);
    }
    let terms: Vec<String> = terms(&fixture).await.into_iter().map(|(_, sk, _)| sk).collect();
    assert_eq!(terms, [format!("v#{:020}", 2)]);
}

#[tokio::test]
async fn a_dead_letter_gives_its_message_a_new_term() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let record = record(message("m"));
    assert_eq!(store.put(vec![record.clone()]).await, [Ok(true)]);
    let mut round = delivery(delivery_key("m"), DeliveryState::DeadLettered);
    // Sent again 28 days later at the latest: 14 in the dead-letter queue, 14 in the endpoint's.
    for number in 1..=5 {
        fixture.clock.advance(28 * DAY);
        round.key.round = number;
        store.settle(settlement(round.clone())).await.unwrap();
        assert_eq!(
            store.messages(&[message_id("m")]).await.and_then(whole),
            Ok(vec![Some(record.clone())]),
            "round {number}"
        );
    }
    fixture.clock.advance(TERM);
    assert_eq!(store.messages(&[message_id("m")]).await.and_then(whole), Ok(vec![None]));
    // A message that is not in the store is not made by its delivery.
    store.settle(settlement(delivery(delivery_key("elsewhere"), DeliveryState::DeadLettered))).await.unwrap();
    assert_eq!(store.messages(&[message_id("elsewhere")]).await.and_then(whole), Ok(vec![None]));
}

#[tokio::test]
async fn a_version_is_forgotten_after_it_was_replaced_where_the_hub_says_so() {
    let days = |days| Some(DAY.saturating_mul(days));
    for (versions, deliveries, term) in
        [(None, days(30), None), (days(7), days(30), days(60)), (days(90), days(30), days(90)), (days(7), None, None)]
    {
        let fixture = Fixture::keeping(Retention { versions, deliveries, ..USUAL }).await;
        let first = version(&order("R1"), 1, json!({"n": 1}));
        let second = version(&order("R1"), 2, json!({"n": 2}));
        commit(&fixture, &first).await;
        fixture.clock.advance(100 * DAY);
        commit(&fixture, &second).await;
        let both = Ok(vec![first, second.clone()]);
        if let Some(term) = term {
            fixture.clock.advance(term - SECOND);
            assert_eq!(fixture.store.history(&order("R1")).await.and_then(whole), both, "{versions:?}");
            fixture.clock.advance(SECOND);
            assert_eq!(
                fixture.store.history(&order("R1")).await.and_then(whole),
                Ok(vec![second.clone()]),
                "{versions:?}"
            );
            let refs = [1, 2].map(|number| VersionRef { key: order("R1"), number });
            assert_eq!(fixture.store.versions(&refs).await.and_then(whole), Ok(vec![None, Some(second)]));
        } else {
            fixture.clock.advance(1000 * DAY);
            assert_eq!(fixture.store.history(&order("R1")).await.and_then(whole), both, "{versions:?}");
        }
    }
}

/// What DynamoDB is told, item by item.
#[tokio::test]
async fn only_what_may_go_has_a_term() {
    let fixture = Fixture::keeping(Retention { versions: Some(90 * DAY), ..USUAL }).await;
    for number in 1..=2 {
        commit(&fixture, &version(&order("R1"), number, json!({ "n": number }))).await;
    }
    let mentioned = {
        let mut record = record(message("replayed"));
        record.message.object = message_about(&version(&order("R1"), 1, json!({"n": 1}))).object;
        record
    };
    assert_eq!(fixture.store.put(vec![mentioned]).await, [Ok(true)]);
    fixture.store.epoch().await.unwrap();
    fixture.store.settle(settlement(delivery(delivery_key("waiting"), DeliveryState::Retrying))).await.unwrap();
    fixture.store.settle(settlement(delivery(delivery_key("over"), DeliveryState::Delivered))).await.unwrap();
    let id = |number: u64| message_about(&version(&order("R1"), number, json!({ "n": number }))).message_id;
    let (object, replayed) = ("o#my-store/orders/R1".to_owned(), message_id("replayed"));
    let mut expected = vec![
        (format!("m#{}", id(1)), "m".to_owned(), 60),
        (format!("m#{}", id(2)), "m".to_owned(), 60),
        (format!("m#{replayed}"), "m".to_owned(), 60),
        (format!("m#{}", message_id("over")), "d#book#0000000001".to_owned(), 60),
        (object.clone(), format!("m#2026-11-21T10:00:00.000000Z#{replayed}"), 60),
        (object, "v#00000000000000000001".to_owned(), 90),
    ];
    expected.sort();
    assert_eq!(terms(&fixture).await, expected);

    let forever = Fixture::keeping(Retention { deliveries: None, ..USUAL }).await;
    commit(&forever, &version(&order("R1"), 1, json!({}))).await;
    forever.store.settle(settlement(delivery(delivery_key("over"), DeliveryState::DeadLettered))).await.unwrap();
    assert_eq!(terms(&forever).await, []);
}

/// The sweep must not take a message whose deliveries are forgotten for one that was never delivered.
#[tokio::test]
async fn looking_back_ends_where_deliveries_are_forgotten() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    assert_eq!(store.put(vec![record(message("m"))]).await, [Ok(true)]);
    store.settle(settlement(delivery(delivery_key("m"), DeliveryState::Delivered))).await.unwrap();
    fixture.clock.advance(30 * DAY);
    // It lives longer than its first delivery.
    let mut later = delivery(delivery_key("m"), DeliveryState::DeadLettered);
    later.key.round = 2;
    store.settle(settlement(later)).await.unwrap();
    let looking = async || store.stored_between(at(0), at(1), None, 10).await.unwrap();
    assert_eq!(looking().await.messages, [record(message("m"))]);
    fixture.clock.advance(30 * DAY + SECOND);
    assert_eq!(store.messages(&[message_id("m")]).await.and_then(whole), Ok(vec![Some(record(message("m")))]));
    let page = looking().await;
    assert_eq!((page.messages, page.next), (vec![], None));
}
