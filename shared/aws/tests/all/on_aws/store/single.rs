//! What one thing takes: how many calls, and who of several processes is the first.

use crossdock_core::port::{
    Collections, DeliveryState, Generations, LeaseOwner, Ledger, Outbox, Signing, Switch, Switches, VersionStore, whole,
};
use crossdock_core::version::ObjectCommit;
use crossdock_testkit::build::{
    at, collection, commit, delivery, delivery_key, endpoint, message, message_about, message_id, order, record,
    settlement, version,
};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::Fixture;

/// An unchanged page is one read, a delivery one write, a change one transaction.
#[tokio::test]
async fn calls_are_as_few_as_can_be() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let check = |what: &str, expected: &[&str]| assert_eq!(fixture.calls.take(), expected, "{what}");

    let changed = version(&order("R1"), 1, json!({"n": 1}));
    let messages = vec![record(message_about(&changed))];
    let committed = store.commit(vec![ObjectCommit { expected: None, version: changed, messages }]).await;
    assert_eq!(committed, [Ok(())]);
    check("a new object with a message", &["TransactWriteItems"]);

    let page: Vec<_> = (0..100).map(|n| order(&format!("R{n}"))).collect();
    store.heads(&page).await.and_then(whole).unwrap();
    check("the heads of a page", &["BatchGetItem"]);

    let owner = LeaseOwner("one".to_owned());
    let key = collection("my-store/orders");
    let state = store.lease(&key, &owner, at(0), at(60)).await.unwrap().unwrap();
    check("a lease", &["UpdateItem"]);
    store.save(&key, &owner, at(0), &state, Vec::new()).await.unwrap();
    check("a bookmark", &["UpdateItem"]);

    let keys: Vec<_> = (0..10).map(|n| delivery_key(&n.to_string())).collect();
    store.open(&endpoint("alpha"), &keys, &page[..10]).await.unwrap();
    check("a batch of entries", &["BatchGetItem"]);
    for state in [DeliveryState::Retrying, DeliveryState::Delivered] {
        store.settle(settlement(delivery(delivery_key("1"), state))).await.unwrap();
        check("an outcome", &["PutItem"]);
    }
    let mut more = settlement(delivery(delivery_key("2"), DeliveryState::Delivered));
    more.messages = vec![record(message("follow-up"))];
    more.parameters = vec![("token".to_owned(), json!(1))];
    store.settle(more).await.unwrap();
    check("an outcome and what follows", &["TransactWriteItems"]);

    let ids: Vec<_> = (0..25).map(|n| message_id(&n.to_string())).collect();
    store.published(&ids).await.unwrap();
    check("clearing marks", &["BatchWriteItem"]);
    store.deliveries_of(message_id("1")).await.and_then(whole).unwrap();
    check("the deliveries of a message", &["Query"]);
    store.epoch().await.unwrap();
    store.epoch().await.unwrap();
    check("the epoch, twice", &["GetItem", "PutItem"]);
    store.signing_key().await.unwrap();
    store.signing_key().await.unwrap();
    check("the key to sign with, twice", &["GetItem", "PutItem"]);
    let (first, second) = (Generations::default(), Generations { newest: 2, previous_until: None });
    store.switch(&Switch::Hub, Some(at(0))).await.unwrap();
    store.off().await.unwrap();
    check("a switch thrown, and all of them", &["UpdateItem", "GetItem"]);
    store.rotate(&endpoint("alpha"), first, second).await.unwrap();
    check("a rotation", &["UpdateItem"]);
    store.heads(&[]).await.and_then(whole).unwrap();
    store.messages(&[]).await.and_then(whole).unwrap();
    store.published(&[]).await.unwrap();
    store.flush().await.unwrap();
    check("nothing", &[]);
}

#[tokio::test]
async fn all_processes_have_one_key() {
    let fixture = Fixture::new().await;
    let stores: Vec<_> = (0..8).map(|seed| fixture.beside(seed)).collect();
    let keys = join_all(stores.iter().map(Signing::signing_key)).await;
    let keys: Vec<Vec<u8>> = keys.into_iter().map(|key| key.unwrap().expose().to_vec()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(fixture.beside(99).signing_key().await.unwrap().expose(), keys[0]);
}

#[tokio::test]
async fn all_processes_have_one_epoch() {
    let fixture = Fixture::new().await;
    let stores: Vec<_> = (0..8).map(|seed| fixture.beside(seed)).collect();
    let epochs = join_all(stores.iter().map(VersionStore::epoch)).await;
    let first = epochs[0].clone().unwrap();
    assert!(epochs.into_iter().all(|epoch| epoch == Ok(first)));
    assert_eq!(fixture.beside(99).epoch().await, Ok(first));
}

/// A table that is not there is said to be, by AWS's code.
#[tokio::test]
async fn without_a_table_every_call_fails() {
    let fixture = Fixture::new().await;
    fixture.client.delete_table().table_name(crate::support::TABLE).send().await.unwrap();
    let error = fixture.store.heads(&[order("R1")]).await.and_then(whole).unwrap_err();
    assert_eq!(error.what, "dynamodb:BatchGetItem: ResourceNotFoundException");
    let answers = fixture.store.commit(vec![commit(&order("R1"), 1), commit(&order("R2"), 1)]).await;
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
}
