//! The contract of [`Outbox`]: a message is stored once, and stays pending until it is said to be published.

use std::time::Duration;

use crossdock_core::{
    message::{Change, MessageRecord},
    port::{Outbox, PutError, VersionStore, whole},
    version::ObjectCommit,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{StoreFixture, by_id};
use crate::build::{
    at, delicate, following, large, message, message_about, message_id, object, order, record, version,
};

const SECOND: Duration = Duration::from_secs(1);

/// Stores one message and lets a second pass.
async fn put(fixture: &impl StoreFixture, message: &MessageRecord) {
    assert_eq!(fixture.store().put(vec![message.clone()]).await, [Ok(true)]);
    fixture.clock().advance(SECOND);
}

async fn pending(fixture: &impl StoreFixture) -> Vec<MessageRecord> {
    super::pending(fixture.store(), at(1_000_000)).await.expect("pending")
}

pub async fn a_message_comes_back_whole<F: StoreFixture>(fixture: &F) {
    let mut full = record(message_about(&version(&order("R1"), 2, delicate())));
    full.disabled_routes = vec!["mail".parse().expect("a route name"), "sms".parse().expect("a route name")];
    full.message.parent_id = Some(message_id("parent"));
    full.message.hops = 3;
    full.message.previous = Some(delicate());
    full.message.keys.insert("total".to_owned(), delicate()["price"].clone());
    full.message.changes = Some(vec![
        Change { path: "/a".to_owned(), old: Some(Value::Null), new: None },
        Change { path: "/b".to_owned(), old: None, new: Some(delicate()) },
    ]);
    put(fixture, &full).await;
    let plain = record(message("plain"));
    put(fixture, &plain).await;

    let found = fixture.store().messages(&[full.message.message_id, plain.message.message_id]).await.and_then(whole);
    assert_eq!(found, Ok(vec![Some(full.clone()), Some(plain.clone())]));
    let payload = found.expect("messages")[0].as_ref().expect("the message").message.payload.to_string();
    assert_eq!(payload, full.message.payload.to_string(), "every digit as it came");
    assert_eq!(pending(fixture).await, by_id(vec![full, plain]));
}

pub async fn an_id_that_is_there_is_left_as_it_is<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let first = record(message("m"));
    put(fixture, &first).await;
    let mut changed = first.clone();
    changed.message.payload = json!({"changed": true});
    assert_eq!(store.put(vec![changed.clone()]).await, [Ok(false)]);
    assert_eq!(store.messages(&[message_id("m")]).await.and_then(whole), Ok(vec![Some(first.clone())]));
    assert_eq!(pending(fixture).await, [first]);

    store.published(&[message_id("m")]).await.expect("published");
    assert_eq!(store.put(vec![changed]).await, [Ok(false)]);
    assert_eq!(pending(fixture).await, [], "it is not published again");
}

pub async fn each_message_has_its_own_answer<F: StoreFixture>(fixture: &F) {
    put(fixture, &record(message("b"))).await;
    let answers = fixture.store().put(["a", "b", "c"].map(|name| record(message(name))).to_vec()).await;
    assert_eq!(answers, [Ok(true), Ok(false), Ok(true)]);
    assert_eq!(pending(fixture).await.len(), 3);
}

pub async fn of_puts_that_race_exactly_one_stores<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let racing = (0..8).map(|_| store.put(vec![record(message("m")), record(message("m"))]));
    let answers: Vec<Result<bool, PutError>> = join_all(racing).await.into_iter().flatten().collect();
    assert_eq!(answers.len(), 16);
    assert_eq!(answers.iter().filter(|answer| **answer == Ok(true)).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == Ok(false)).count(), 15);
    assert_eq!(pending(fixture).await.len(), 1);
}

pub async fn what_is_pending_is_walked_through<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let messages: Vec<_> = (0..12).map(|n| record(message(&format!("m{n}")))).collect();
    for message in &messages {
        put(fixture, message).await;
    }
    // What was stored at a time is not before it.
    for (before, count) in [(100, 12), (3, 3), (0, 0)] {
        for limit in [1, 5, 12, 100] {
            let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
            loop {
                let page = store.pending(at(before), after.as_ref(), limit).await.expect("a page");
                assert!(page.messages.len() <= limit, "before {before} by {limit}: {}", page.messages.len());
                found.extend(page.messages);
                after = page.next;
                pages += 1;
                assert!(pages < 100, "before {before} by {limit}: no end");
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(by_id(found), by_id(messages[..count].to_vec()), "before {before} by {limit}");
        }
    }
}

pub async fn a_place_stays_good_whatever_happens_in_between<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let messages: Vec<_> = (0..12).map(|n| record(message(&format!("m{n}")))).collect();
    for message in &messages {
        put(fixture, message).await;
    }
    let first = store.pending(at(100), None, 5).await.expect("a page");
    let place = first.next.expect("there is more");
    // Also where the last one read is gone, and with another time.
    let ids: Vec<_> = first.messages.iter().map(|record| record.message.message_id).collect();
    store.published(&ids).await.expect("published");
    let rest = store.pending(at(200), Some(&place), 100).await.expect("a page");
    assert_eq!(rest.next, None);
    assert_eq!(by_id([first.messages, rest.messages].concat()), by_id(messages));
}

pub async fn publishing_clears_only_its_own_marks<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let messages = ["a", "b", "c", "d"].map(|name| record(message(name)));
    for message in &messages {
        put(fixture, message).await;
    }
    store.published(&[message_id("c"), message_id("unknown"), message_id("a")]).await.expect("published");
    assert_eq!(pending(fixture).await, by_id(vec![messages[1].clone(), messages[3].clone()]));
    store.published(&[message_id("a")]).await.expect("again is no error");
    assert_eq!(pending(fixture).await.len(), 2);
    let found = store.messages(&[message_id("a")]).await.and_then(whole);
    assert_eq!(found, Ok(vec![Some(messages[0].clone())]), "the message itself stays");
}

pub async fn messages_come_in_the_order_asked<F: StoreFixture>(fixture: &F) {
    let (a, b) = (record(message("a")), record(message("b")));
    put(fixture, &a).await;
    put(fixture, &b).await;
    let ids = ["b", "unknown", "a", "b"].map(message_id);
    let found = fixture.store().messages(&ids).await.and_then(whole);
    assert_eq!(found, Ok(vec![Some(b.clone()), None, Some(a), Some(b)]));
}

pub async fn messages_of_an_object_are_those_of_all_its_versions<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let key = order("R1");
    let mut expected = Vec::new();
    for number in 1..=11 {
        let version = version(&key, number, json!({ "number": number }));
        let messages = vec![record(message_about(&version))];
        expected.extend(messages.clone());
        assert_eq!(store.commit(vec![following(version, messages)]).await, [Ok(())]);
        fixture.clock().advance(SECOND);
    }
    // One that was put by itself belongs to the object too; others do not.
    let mut replayed = record(message("replayed"));
    replayed.message.object.clone_from(&expected[4].message.object);
    expected.push(replayed.clone());
    put(fixture, &replayed).await;
    put(fixture, &record(message("about nothing"))).await;
    for other in [order("R11"), object("my-store/shipments", "R1"), object("erp/orders", "R1")] {
        put(fixture, &record(message_about(&version(&other, 1, json!({}))))).await;
    }
    let published: Vec<_> = expected.iter().take(3).map(|record| record.message.message_id).collect();
    store.published(&published).await.expect("published");
    assert_eq!(store.messages_of(&key).await.and_then(whole), Ok(expected));
    assert_eq!(store.messages_of(&order("R2")).await.and_then(whole), Ok(vec![]));
}

pub async fn messages_about_versions_come_newest_first<F: StoreFixture>(fixture: &F) {
    let (store, key) = (fixture.store(), order("R1"));
    let mut told = Vec::new();
    for number in 1..=5 {
        let version = version(&key, number, json!({ "n": number }));
        // Of the third nobody is told.
        let messages = match number {
            3 => Vec::new(),
            _ => vec![record(message_about(&version))],
        };
        told.extend(messages.clone());
        assert_eq!(store.commit(vec![following(version, messages)]).await, [Ok(())]);
    }
    let other = version(&order("R2"), 1, json!({}));
    assert_eq!(store.commit(vec![following(other.clone(), vec![record(message_about(&other))])]).await, [Ok(())]);

    let check = async |versions: std::ops::Range<u64>, limit, expected: &[usize]| {
        let found = store.messages_about(&key, versions.clone(), limit).await.and_then(whole);
        let expected: Vec<MessageRecord> = expected.iter().map(|place| told[*place].clone()).collect();
        assert_eq!(found, Ok(expected), "{versions:?}");
    };
    check(1..6, 10, &[3, 2, 1, 0]).await;
    check(2..5, 10, &[2, 1]).await;
    check(3..4, 10, &[]).await;
    check(4..4, 10, &[]).await;
    check(6..9, 10, &[]).await;
    check(1..6, 2, &[3, 2]).await;
    check(1..u64::MAX, 10, &[3, 2, 1, 0]).await;
}

pub async fn what_was_stored_in_between_is_walked_through<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    // Over midnight, ten minutes apart, and two at a time; some with their versions, some published.
    let (step, first) = (Duration::from_secs(600), 13 * 3600);
    fixture.clock().set(at(first));
    let mut stored = Vec::new();
    for n in 0..20 {
        let version = version(&order(&format!("R{n}")), 1, json!({ "number": n }));
        let (alone, about) = (record(message(&format!("m{n}"))), record(message_about(&version)));
        assert_eq!(store.put(vec![alone.clone()]).await, [Ok(true)]);
        let messages = vec![about.clone()];
        assert_eq!(store.commit(vec![ObjectCommit { expected: None, version, messages }]).await, [Ok(())]);
        store.published(&[about.message.message_id]).await.expect("published");
        stored.push([alone, about]);
        fixture.clock().advance(step);
    }
    // What begins at a message's own time holds it; what ends there does not.
    for (from, until, limit) in
        [(0, 20, 100), (0, 20, 1), (0, 20, 7), (3, 4, 100), (3, 17, 2), (5, 5, 10), (20, 99, 10)]
    {
        let (begin, end) = (at(first + 600 * from), at(first + 600 * until));
        let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = store.stored_between(begin, end, after.as_ref(), limit).await.expect("a page");
            assert!(page.messages.len() <= limit, "{from}..{until} by {limit}: {}", page.messages.len());
            found.extend(page.messages);
            after = page.next;
            pages += 1;
            assert!(pages < 10_000, "{from}..{until} by {limit}: no end");
            if after.is_none() {
                break;
            }
        }
        let range = from.min(20) as usize..until.min(20) as usize;
        let mut expected: Vec<_> = stored[range].iter().flatten().cloned().collect();
        expected.sort_by_key(|record| record.message.message_id);
        found.sort_by_key(|record| record.message.message_id);
        assert_eq!(found, expected, "{from}..{until} by {limit}");
    }
}

pub async fn large_messages_are_kept<F: StoreFixture>(fixture: &F) {
    let mut big = record(message("big"));
    big.message.payload = large();
    let answers = fixture.store().put(vec![record(message("a")), big.clone(), record(message("b"))]).await;
    assert_eq!(answers, [Ok(true), Ok(true), Ok(true)]);
    assert_eq!(fixture.store().messages(&[message_id("big")]).await.and_then(whole), Ok(vec![Some(big)]));
}

pub async fn more_than_a_batch_of_messages<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let messages: Vec<_> = (0..250).map(|n| record(message(&format!("m{n}")))).collect();
    assert_eq!(store.put(messages.clone()).await, vec![Ok(true); 250]);
    let ids: Vec<_> = messages.iter().map(|record| record.message.message_id).collect();
    assert_eq!(store.messages(&ids).await.and_then(whole), Ok(messages.iter().cloned().map(Some).collect()));
    assert_eq!(pending(fixture).await.len(), 250);
    store.published(&ids[..249]).await.expect("published");
    assert_eq!(pending(fixture).await, messages[249..]);
}

pub async fn empty_batches_are_answered_empty<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    assert_eq!(store.put(vec![]).await, []);
    assert_eq!(store.messages(&[]).await.and_then(whole), Ok(vec![]));
    assert_eq!(store.published(&[]).await, Ok(()));
}

/// Makes a test of every case. Takes an expression that is a future of a fresh [`StoreFixture`].
#[macro_export]
macro_rules! outbox_suite {
    ($fixture:expr) => {
        $crate::cases!(
            outbox,
            $fixture,
            [
                a_message_comes_back_whole,
                an_id_that_is_there_is_left_as_it_is,
                each_message_has_its_own_answer,
                of_puts_that_race_exactly_one_stores,
                what_is_pending_is_walked_through,
                a_place_stays_good_whatever_happens_in_between,
                publishing_clears_only_its_own_marks,
                messages_come_in_the_order_asked,
                messages_of_an_object_are_those_of_all_its_versions,
                messages_about_versions_come_newest_first,
                what_was_stored_in_between_is_walked_through,
                large_messages_are_kept,
                more_than_a_batch_of_messages,
                empty_batches_are_answered_empty,
            ]
        );
    };
}
