//! One item that nobody can read, beside good ones: it harms none of them, wherever it stands.

use aws_sdk_dynamodb::types::AttributeValue;
use crossdock_core::{
    id::MessageId,
    message::MessageRecord,
    port::{
        Clock, DeliveryState, Ledger, Next, Outbox, Read, Settled, Settlement, Timers, VersionStore, WantMark, Wants,
        whole,
    },
    version::VersionRef,
};
use crossdock_testkit::{
    build::{
        at, collection, delivery, delivery_key, endpoint, following, message, message_about, message_id, order, record,
        settlement, timer, version,
    },
    suite::by_id,
};
use serde_json::json;

use crate::support::{DAY, Fixture, TABLE};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Puts another value into an attribute, as no program of ours would.
async fn spoil(fixture: &Fixture, pk: &str, sk: &str, attribute: &str, value: AttributeValue) {
    let update = fixture.client.update_item().table_name(TABLE).key("pk", text(pk)).key("sk", text(sk));
    let update = update.update_expression("SET #a = :a").condition_expression("attribute_exists(pk)");
    let update = update.expression_attribute_names("#a", attribute).expression_attribute_values(":a", value);
    update.send().await.unwrap();
}

/// Which could be read, and of which the error says that it could not.
fn readable<T: std::fmt::Debug>(read: &[Read<T>], what: &str) -> Vec<bool> {
    let is = |one: &Read<T>| match one {
        Ok(_) => true,
        Err(error) => {
            assert!(error.0.contains(&format!("the table holds an unreadable {what}")), "{error}");
            false
        }
    };
    read.iter().map(is).collect()
}

async fn commit(fixture: &Fixture, id: &str, number: u64) -> MessageRecord {
    let version = version(&order(id), number, json!({ "n": number }));
    let message = record(message_about(&version));
    let commit = following(version, vec![message.clone()]);
    assert_eq!(fixture.store.commit(vec![commit]).await, [Ok(())]);
    message
}

fn object(id: &str) -> String {
    format!("o#my-store/orders/{id}")
}

fn message_pk(id: MessageId) -> String {
    format!("m#{id}")
}

#[tokio::test]
async fn heads_and_versions() {
    let fixture = Fixture::new().await;
    for (id, number) in [("R1", 1), ("R2", 1), ("R2", 2), ("R3", 1)] {
        commit(&fixture, id, number).await;
    }
    let version_1 = "v#00000000000000000001";
    spoil(&fixture, &object("R2"), "head", "hash", text("short")).await;
    let heads = fixture.store.heads(&["R1", "R2", "R3", "R4"].map(order)).await.unwrap();
    assert_eq!(readable(&heads, "head"), [true, false, true, true]);
    let opened = fixture.store.open(&endpoint("alpha"), &[], &["R1", "R2"].map(order)).await.unwrap();
    assert_eq!(readable(&opened.heads, "head"), [true, false]);

    for (attribute, value) in
        [("hash", AttributeValue::Bool(true)), ("body", text("{")), ("parts", AttributeValue::N("4000000000".into()))]
    {
        let fixture = Fixture::new().await;
        for (id, number) in [("R1", 1), ("R2", 1), ("R2", 2)] {
            commit(&fixture, id, number).await;
        }
        spoil(&fixture, &object("R2"), version_1, attribute, value).await;
        let refs = [("R1", 1), ("R2", 1), ("R2", 2)].map(|(id, number)| VersionRef { key: order(id), number });
        assert_eq!(readable(&fixture.store.versions(&refs).await.unwrap(), "version"), [true, false, true]);
        assert_eq!(readable(&fixture.store.history(&order("R2")).await.unwrap(), "version"), [false, true]);
    }
}

#[tokio::test]
async fn messages_and_what_was_stored_when() {
    let fixture = Fixture::new().await;
    let mut messages = Vec::new();
    for id in ["R1", "R2", "R3"] {
        messages.push(commit(&fixture, id, 1).await);
    }
    let [one, two, three] = &messages[..] else { panic!("three") };
    let ids: Vec<MessageId> = messages.iter().map(|record| record.message.message_id).collect();
    // A message without its body, and one whose body is its version's, which is gone bad.
    spoil(&fixture, &message_pk(ids[1]), "m", "body", text("[]")).await;
    let found = fixture.store.messages(&ids).await.unwrap();
    assert_eq!(readable(&found, "message"), [true, false, true]);
    assert!(found[1].as_ref().unwrap_err().0.starts_with(&ids[1].to_string()), "it says which one");
    spoil(&fixture, &object("R3"), "v#00000000000000000001", "body", text("[")).await;
    let found = fixture.store.messages(&ids[2..]).await.unwrap();
    assert_eq!(readable(&found, "version"), [false]);

    let page = fixture.store.pending(at(1), None, 10).await.unwrap();
    assert_eq!((page.messages, page.unreadable.len(), page.orphans, page.next), (vec![one.clone()], 2, vec![], None));
    let page = fixture.store.stored_between(at(0), at(1), None, 10).await.unwrap();
    assert_eq!((page.messages, page.unreadable.len(), page.next), (vec![one.clone()], 2, None));
    assert_eq!(fixture.store.messages_of(&order("R1")).await.and_then(whole), Ok(vec![one.clone()]));
    for of in [two, three] {
        let key = of.message.object_key().unwrap();
        let found = fixture.store.messages_of(&key).await.unwrap();
        assert_eq!(found.iter().map(Result::is_ok).collect::<Vec<_>>(), [false]);
    }
}

#[tokio::test]
async fn pending_marks() {
    let fixture = Fixture::new().await;
    let messages: Vec<_> = (0..20).map(|n| record(message(&format!("m{n}")))).collect();
    assert_eq!(fixture.store.put(messages.clone()).await, vec![Ok(true); 20]);
    let shard = |id: MessageId| format!("p#{}", id.as_bytes()[0] % 8);
    let id = |n: usize| messages[n].message.message_id;
    // A mark whose time nobody can read is old; one whose message is gone is an orphan; one of nothing is told of.
    spoil(&fixture, &shard(id(3)), &id(3).to_string(), "at", AttributeValue::Bool(true)).await;
    let delete = fixture.client.delete_item().table_name(TABLE);
    delete.key("pk", text(&message_pk(id(7)))).key("sk", text("m")).send().await.unwrap();
    let put = fixture.client.put_item().table_name(TABLE);
    put.item("pk", text("p#5")).item("sk", text("who?")).send().await.unwrap();

    let page = fixture.store.pending(at(1), None, 100).await.unwrap();
    let mut expected = messages.clone();
    expected.remove(7);
    assert_eq!((by_id(page.messages), page.orphans, page.unreadable.len()), (by_id(expected), vec![id(7)], 1));
    let young = fixture.store.pending(at(0), None, 100).await.unwrap();
    assert_eq!(young.messages, [messages[3].clone()]);
    // What comes one by one comes all the same.
    let (mut found, mut orphans, mut place) = (Vec::new(), Vec::new(), None);
    loop {
        let page = fixture.store.pending(at(1), place.as_ref(), 1).await.unwrap();
        found.extend(page.messages);
        orphans.extend(page.orphans);
        place = page.next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!((found.len(), orphans), (19, vec![id(7)]));
    fixture.store.published(&[id(7)]).await.unwrap();
    assert_eq!(fixture.store.pending(at(1), None, 100).await.unwrap().orphans, []);
}

#[tokio::test]
async fn deliveries() {
    let fixture = Fixture::new().await;
    for name in ["a", "b", "c"] {
        let settlement = settlement(delivery(delivery_key(name), DeliveryState::Retrying));
        fixture.store.settle(settlement).await.unwrap();
    }
    spoil(&fixture, &message_pk(message_id("b")), "d#book#0000000001", "attempts", text("?")).await;
    let keys = ["a", "b", "c", "unknown"].map(delivery_key);
    let opened = fixture.store.open(&endpoint("alpha"), &keys, &[]).await.unwrap();
    assert_eq!(readable(&opened.deliveries, "list of attempts"), [true, false, true, true]);
}

/// Whoever looks for the deliveries of a message, or of a state, sees the others.
#[tokio::test]
async fn lists_of_deliveries() {
    let fixture = Fixture::new().await;
    let round = |number: u32| {
        let mut round = delivery(delivery_key("m"), DeliveryState::Retrying);
        (round.key.round, round.updated_at) = (number, at(number.into()));
        round
    };
    for number in 1..=3 {
        fixture.store.settle(settlement(round(number))).await.unwrap();
    }
    spoil(&fixture, &message_pk(message_id("m")), "d#book#0000000003", "attempts", text("?")).await;
    let of = fixture.store.deliveries_of(message_id("m")).await.unwrap();
    assert_eq!(readable(&of, "list of attempts"), [true, true, false]);
    for limit in [2, 10] {
        let found = fixture.store.deliveries_in(&endpoint("alpha"), DeliveryState::Retrying, limit).await.unwrap();
        assert_eq!(readable(&found, "list of attempts"), [true, true, false], "{limit}");
        assert_eq!(found[..2], [Ok(round(2)), Ok(round(1))]);
    }
}

#[tokio::test]
async fn control_records() {
    let fixture = Fixture::new().await;
    for name in ["alpha", "beta"] {
        let mut outcome = settlement(delivery(delivery_key(name), DeliveryState::Delivered));
        outcome.delivery.endpoint = endpoint(name);
        outcome.parameters = vec![("page".to_owned(), json!(1))];
        fixture.store.settle(outcome).await.unwrap();
    }
    let control = fixture.client.scan().table_name(TABLE).send().await.unwrap().items.unwrap();
    let control =
        control.iter().find(|item| item.contains_key("p:page") && item["pk"].as_s().unwrap().contains("alpha"));
    let key = |name: &str| control.unwrap()[name].as_s().unwrap().clone();
    spoil(&fixture, &key("pk"), &key("sk"), "p:page", text("{")).await;
    let opened = fixture.store.open(&endpoint("alpha"), &[delivery_key("alpha")], &[]).await.unwrap();
    assert_eq!((readable(&opened.deliveries, "delivery"), opened.control.is_err()), (vec![true], true));
    assert!(fixture.store.open(&endpoint("beta"), &[], &[]).await.unwrap().control.is_ok());
}

#[tokio::test]
async fn timers() {
    let fixture = Fixture::new().await;
    for n in 0..40 {
        let next = Some(Next { timer: timer(&format!("m{n}"), 5), message: None });
        let outcome = settlement(delivery(delivery_key(&format!("before m{n}")), DeliveryState::Delivered));
        fixture.store.settle(Settlement { next, ..outcome }).await.unwrap();
    }
    let items = fixture.client.scan().table_name(TABLE).send().await.unwrap().items.unwrap();
    let timers: Vec<_> = items.iter().filter(|item| item["pk"].as_s().unwrap().starts_with("t#")).collect();
    assert_eq!(timers.len(), 40);
    for item in &timers[..20] {
        let key = |name: &str| item[name].as_s().unwrap().clone();
        spoil(&fixture, &key("pk"), &key("sk"), "endpoint", text("")).await;
    }
    // One by one, whatever stands before them.
    for _ in 0..20 {
        assert_eq!(fixture.store.take(at(100), at(0), at(60), 1).await.unwrap().len(), 1);
    }
    assert_eq!(fixture.store.take(at(100), at(0), at(60), 1).await, Ok(Vec::new()));
}

#[tokio::test]
async fn wanted_objects() {
    let fixture = Fixture::new().await;
    for (id, due) in [("R1", 1), ("R2", 2), ("R3", 3)] {
        fixture.store.want(vec![order(id)], WantMark([1; 16]), at(due)).await.remove(0).unwrap();
    }
    spoil(&fixture, "w#my-store/orders/R1", "want", "mark", text("?")).await;
    for (limit, expected) in [(1, &["R2"][..]), (10, &["R2", "R3"][..])] {
        let found = fixture.store.wanted(&collection("my-store/orders"), at(10), limit).await.unwrap();
        let ids: Vec<&str> = found.iter().map(|wanted| wanted.object.id.as_str()).collect();
        assert_eq!(ids, expected, "{limit}");
    }
}

/// A message whose term cannot be renewed holds up neither the publisher nor its own outcome.
#[tokio::test]
async fn terms_of_messages() {
    let fixture = Fixture::new().await;
    let messages = ["a", "b", "c"].map(|name| record(message(name)));
    assert_eq!(fixture.store.put(messages.to_vec()).await, [Ok(true), Ok(true), Ok(true)]);
    spoil(&fixture, &message_pk(message_id("b")), "m", "parts", text("many")).await;
    fixture.clock.advance(8 * DAY);
    let page = fixture.store.pending(fixture.clock.now(), None, 100).await.unwrap();
    let [a, _, c] = messages;
    assert_eq!((by_id(page.messages), page.unreadable.len()), (by_id(vec![a, c]), 1));
    let outcome = settlement(delivery(delivery_key("b"), DeliveryState::DeadLettered));
    assert_eq!(fixture.store.settle(outcome).await, Ok(Settled::Recorded { new: Vec::new() }));
}
