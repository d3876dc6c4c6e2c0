//! What is more than one item or one transaction of DynamoDB holds.

use std::collections::BTreeMap;

use crossdock_core::port::Random;
use crossdock_core::{
    message::MessageRecord,
    port::{
        CollectionState, Collections, CommitError, DeliveryState, LeaseError, LeaseOwner, Ledger, Outbox, Settled,
        Settlement, VersionStore, whole,
    },
    version::{ObjectCommit, VersionRef},
};
use crossdock_testkit::{
    build::{
        at, collection, delivery, delivery_key, endpoint, following, message, message_about, order, record, settlement,
        version,
    },
    clock::SeededRandom,
};
use serde_json::{Value, json};

use crossdock_testkit::suite::pending;

use crate::support::Fixture;

/// Text of so many bytes that no compression makes much smaller.
fn noise(length: usize) -> String {
    let random = SeededRandom::new(7);
    let mut text = String::with_capacity(length + 32);
    while text.len() < length {
        for byte in random.bytes() {
            text.push(char::from(b'0' + byte % 75).escape_default().next().unwrap());
        }
    }
    text
}

fn many(prefix: &str, count: usize) -> Vec<MessageRecord> {
    (0..count).map(|n| record(message(&format!("{prefix}{n}")))).collect()
}

async fn stored(fixture: &Fixture, messages: &[MessageRecord]) -> usize {
    let ids: Vec<_> = messages.iter().map(|record| record.message.message_id).collect();
    fixture.store.messages(&ids).await.and_then(whole).unwrap().into_iter().flatten().count()
}

#[tokio::test]
async fn a_body_goes_on_in_further_items() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let first = version(&order("R1"), 1, json!({ "text": noise(1_000_000) }));
    let second = version(&order("R1"), 2, json!({ "text": noise(900_000) }));
    let mut message = record(message_about(&first));
    // Another body than the version's, so that the message has to be kept whole.
    message.message.previous = Some(json!(noise(500_000)));
    let messages = vec![message.clone()];
    let commits = [following(first.clone(), messages), following(second.clone(), Vec::new())];
    for commit in commits {
        assert_eq!(store.commit(vec![commit]).await, [Ok(())]);
    }
    let refs = [1, 2].map(|number| VersionRef { key: order("R1"), number });
    assert!(store.versions(&refs).await.and_then(whole) == Ok(vec![Some(first.clone()), Some(second.clone())]));
    assert!(store.history(&order("R1")).await.and_then(whole) == Ok(vec![first, second]));
    assert!(store.messages(&[message.message.message_id]).await.and_then(whole) == Ok(vec![Some(message.clone())]));
    assert!(store.messages_of(&order("R1")).await.and_then(whole) == Ok(vec![message]));
}

#[tokio::test]
async fn what_no_transaction_holds_is_refused_whole() {
    let fixture = Fixture::new().await;
    let one = |messages, body| ObjectCommit { expected: None, version: version(&order("R1"), 1, body), messages };
    // 2 items of each message beside head and version: 49 fit, were it not for the mentions.
    for (commit, fits) in [
        (one(many("a", 60), json!({})), false),
        (one(Vec::new(), json!(noise(6_000_000))), false),
        (one(many("b", 49), json!({})), true),
    ] {
        let messages = commit.messages.clone();
        let answer = fixture.store.commit(vec![commit]).await.remove(0);
        match fits {
            true => assert_eq!(answer, Ok(())),
            false => assert!(matches!(&answer, Err(CommitError::Impossible(_))), "{answer:?}"),
        }
        assert_eq!(stored(&fixture, &messages).await, if fits { messages.len() } else { 0 });
        assert_eq!(fixture.store.heads(&[order("R1")]).await.and_then(whole).unwrap()[0].is_some(), fits);
    }
}

fn long_settlement(state: DeliveryState) -> Settlement {
    let parameters = (0..400).map(|n| (format!("name {n}"), json!({ "n": n }))).collect();
    let mut delivery = delivery(delivery_key("m"), state);
    delivery.receives = 3;
    Settlement { parameters, messages: many("follow-up ", 120), ..settlement(delivery) }
}

#[tokio::test]
async fn a_long_settlement_is_recorded_whole() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let settlement = long_settlement(DeliveryState::Delivered);
    let known = settlement.messages[77].clone();
    assert_eq!(store.put(vec![known.clone()]).await, [Ok(true)]);
    let mut expected = vec![true; 120];
    expected[77] = false;
    assert_eq!(store.settle(settlement.clone()).await, Ok(Settled::Recorded { new: expected }));
    assert_eq!(stored(&fixture, &settlement.messages).await, 120);
    assert_eq!(pending(store, at(1)).await.unwrap().len(), 120);
    let opened = store.open(&endpoint("alpha"), &[delivery_key("m")], &[]).await.unwrap();
    assert_eq!(opened.deliveries, [Ok(Some(settlement.delivery))]);
    assert_eq!(
        opened.control.unwrap().parameters,
        settlement.parameters.into_iter().collect::<BTreeMap<String, Value>>()
    );
}

/// Not even what would have gone before the outcome.
#[tokio::test]
async fn of_a_long_settlement_that_comes_late_nothing_is_written() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let ended = delivery(delivery_key("m"), DeliveryState::DeadLettered);
    store.settle(settlement(ended.clone())).await.unwrap();
    let late = long_settlement(DeliveryState::Delivered);
    let mut without_parameters = late.clone();
    without_parameters.parameters.clear();
    for late in [late, without_parameters] {
        assert_eq!(store.settle(late.clone()).await, Ok(Settled::AlreadyEnded(Box::new(ended.clone()))));
        assert_eq!(stored(&fixture, &late.messages).await, 0);
    }
    let control = store.open(&endpoint("alpha"), &[], &[]).await.unwrap().control.unwrap();
    assert_eq!(control.parameters, BTreeMap::new());
}

#[tokio::test]
async fn a_bookmark_is_saved_with_any_number_of_messages() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (key, one, two) = (collection("my-store/orders"), LeaseOwner("one".to_owned()), LeaseOwner("two".to_owned()));
    store.lease(&key, &one, at(0), at(60)).await.unwrap().unwrap();
    let state = CollectionState { bookmark: Some("b".to_owned()), ..CollectionState::default() };
    let messages = many("a", 130);
    assert_eq!(store.save(&key, &two, at(60), &state, messages.clone()).await, Err(LeaseError::Lost));
    assert_eq!(stored(&fixture, &messages).await, 0);
    assert_eq!(store.save(&key, &one, at(60), &state, messages.clone()).await, Ok(()));
    assert_eq!(stored(&fixture, &messages).await, 130);
    assert_eq!(store.state(&key).await, Ok(Some(state)));
}
