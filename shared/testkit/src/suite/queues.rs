//! The contract of [`Queues`]. Nothing here asks for more than a standard queue of SQS gives: no order, some of what is
//! there at each receive, whole seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crossdock_core::port::{Entry, QueueName, Queues, Received};
use futures_util::future::join_all;

use super::{QueueFixture, alpha, beta, receive_all};
use crate::build::{delicate, endpoint, entry, large};

const SHORT: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(60);

fn dead_letters() -> QueueName {
    QueueName::DeadLetters(endpoint("alpha"))
}

async fn send(fixture: &impl QueueFixture, entry: Entry) {
    assert_eq!(fixture.queues().send(&alpha(), vec![entry]).await, [Ok(())]);
}

/// The one entry of `alpha` that is visible.
async fn receive(fixture: &impl QueueFixture, visibility: Duration) -> Received {
    receive_all(fixture.queues(), &alpha(), 1, visibility).await.remove(0)
}

async fn assert_nothing_visible(fixture: &impl QueueFixture, queue: &QueueName) {
    assert_eq!(fixture.queues().receive(queue, 10, SHORT).await, Ok(vec![]));
}

pub async fn an_entry_comes_out_as_it_went_in<F: QueueFixture>(fixture: &F) {
    let attributes =
        BTreeMap::from([("reason".to_owned(), "grüße 東京".to_owned()), ("attempts".to_owned(), "10".to_owned())]);
    let before = fixture.now();
    send(fixture, Entry { attributes: attributes.clone(), ..entry(delicate().to_string()) }).await;
    let received = receive(fixture, LONG).await;
    assert_eq!(received.body, delicate().to_string());
    assert_eq!(received.attributes, attributes);
    assert_eq!(received.receive_count, 1);
    // Real queues have clocks of their own.
    assert!(received.sent_at.duration_since(before).as_secs().abs() <= 5, "sent at {}", received.sent_at);
}

pub async fn large_bodies_are_kept<F: QueueFixture>(fixture: &F) {
    let body = large().to_string();
    send(fixture, entry(body.clone())).await;
    assert_eq!(receive(fixture, LONG).await.body, body);
}

pub async fn an_empty_queue_answers_at_once<F: QueueFixture>(fixture: &F) {
    for queue in [alpha(), beta(), dead_letters()] {
        assert_nothing_visible(fixture, &queue).await;
    }
    assert_eq!(fixture.queues().send(&alpha(), vec![]).await, []);
}

pub async fn a_receive_brings_at_most_what_was_asked<F: QueueFixture>(fixture: &F) {
    let queues = fixture.queues();
    let bodies: BTreeSet<_> = (0..25).map(|n| format!("entry {n}")).collect();
    let answers = queues.send(&alpha(), bodies.iter().map(entry).collect()).await;
    assert_eq!(answers, vec![Ok(()); 25], "one answer per entry, past a batch of the queue's");
    let few = queues.receive(&alpha(), 3, LONG).await.expect("receive");
    assert!(few.len() <= 3);
    let more = queues.receive(&alpha(), 10, LONG).await.expect("receive");
    assert!(more.len() <= 10);
    let rest = receive_all(queues, &alpha(), 25 - few.len() - more.len(), LONG).await;
    let received: BTreeSet<_> = few.into_iter().chain(more).chain(rest).map(|entry| entry.body).collect();
    assert_eq!(received, bodies);
}

pub async fn receives_at_the_same_time_share_the_entries<F: QueueFixture>(fixture: &F) {
    let queues = fixture.queues();
    assert_eq!(queues.send(&alpha(), (0..40).map(|n| entry(n.to_string())).collect()).await, vec![Ok(()); 40]);
    let queue = alpha();
    let batches = join_all((0..4).map(|_| queues.receive(&queue, 10, LONG))).await;
    let mut received: Vec<_> = batches.into_iter().flat_map(|batch| batch.expect("receive")).collect();
    let missing = 40 - received.len();
    received.extend(receive_all(queues, &alpha(), missing, LONG).await);
    let bodies: BTreeSet<_> = received.iter().map(|entry| &entry.body).collect();
    let receipts: BTreeSet<_> = received.iter().map(|entry| &entry.receipt).collect();
    assert_eq!((bodies.len(), receipts.len()), (40, 40));
}

pub async fn an_entry_is_hidden_until_its_visibility_ends<F: QueueFixture>(fixture: &F) {
    send(fixture, entry("body")).await;
    let first = receive(fixture, SHORT).await;
    assert_nothing_visible(fixture, &alpha()).await;
    fixture.advance(SHORT + Duration::from_secs(1)).await;
    let second = receive(fixture, LONG).await;
    assert_eq!((second.body.as_str(), second.receive_count), ("body", 2));
    assert_eq!(second.sent_at, first.sent_at, "the time of sending stays");
    assert_ne!(second.receipt, first.receipt);
}

pub async fn visibility_can_be_changed<F: QueueFixture>(fixture: &F) {
    let queues = fixture.queues();
    send(fixture, entry("body")).await;
    let first = receive(fixture, SHORT).await;
    queues.change_visibility(&alpha(), &first.receipt, LONG).await.expect("longer");
    fixture.advance(SHORT * 2).await;
    assert_nothing_visible(fixture, &alpha()).await;
    queues.change_visibility(&alpha(), &first.receipt, Duration::ZERO).await.expect("at once");
    let second = receive(fixture, LONG).await;
    assert_eq!(second.receive_count, 2);
    queues.change_visibility(&alpha(), &second.receipt, SHORT).await.expect("shorter");
    fixture.advance(SHORT + Duration::from_secs(1)).await;
    assert_eq!(receive(fixture, LONG).await.receive_count, 3);
}

pub async fn a_receipt_is_good_for_one_receive<F: QueueFixture>(fixture: &F) {
    let queues = fixture.queues();
    send(fixture, entry("body")).await;
    let old = receive(fixture, SHORT).await;
    fixture.advance(SHORT + Duration::from_secs(1)).await;
    let new = receive(fixture, LONG).await;
    let refused = queues.change_visibility(&alpha(), &old.receipt, Duration::ZERO).await;
    assert!(!refused.expect_err("the entry has another receipt now").transient);
    assert_nothing_visible(fixture, &alpha()).await;
    queues.delete(&alpha(), &old.receipt).await.expect("no error");
    queues.delete(&alpha(), &new.receipt).await.expect("delete");
}

pub async fn a_deleted_entry_is_gone<F: QueueFixture>(fixture: &F) {
    let queues = fixture.queues();
    send(fixture, entry("body")).await;
    let received = receive(fixture, SHORT).await;
    queues.delete(&alpha(), &received.receipt).await.expect("delete");
    queues.delete(&alpha(), &received.receipt).await.expect("twice is no error");
    let refused = queues.change_visibility(&alpha(), &received.receipt, LONG).await;
    assert!(!refused.expect_err("there is no such entry").transient);
    // The receipt of what is gone must not fit what comes after it.
    send(fixture, entry("next")).await;
    assert_eq!(receive(fixture, SHORT).await.body, "next");
    queues.delete(&alpha(), &received.receipt).await.expect("no error");
    fixture.advance(SHORT + Duration::from_secs(1)).await;
    assert_eq!(receive(fixture, LONG).await.body, "next", "it is still there, and alone");
    assert_nothing_visible(fixture, &alpha()).await;
}

pub async fn an_entry_can_be_deleted_after_its_visibility_ended<F: QueueFixture>(fixture: &F) {
    send(fixture, entry("body")).await;
    let received = receive(fixture, SHORT).await;
    fixture.advance(SHORT + Duration::from_secs(1)).await;
    fixture.queues().delete(&alpha(), &received.receipt).await.expect("delete");
    assert_nothing_visible(fixture, &alpha()).await;
}

pub async fn a_delayed_entry_comes_later<F: QueueFixture>(fixture: &F) {
    let delayed = Entry { delay: SHORT, ..entry("delayed") };
    assert_eq!(fixture.queues().send(&alpha(), vec![delayed, entry("now")]).await, [Ok(()), Ok(())]);
    assert_eq!(receive(fixture, LONG).await.body, "now");
    assert_nothing_visible(fixture, &alpha()).await;
    fixture.advance(SHORT + Duration::from_secs(1)).await;
    let received = receive(fixture, LONG).await;
    assert_eq!((received.body.as_str(), received.receive_count), ("delayed", 1));
}

pub async fn one_bad_entry_harms_no_other<F: QueueFixture>(fixture: &F) {
    let too_late = Entry { delay: Duration::from_secs(15 * 60 + 1), ..entry("too late") };
    let latest = Entry { delay: Duration::from_secs(15 * 60), ..entry("latest") };
    let answers = fixture.queues().send(&alpha(), vec![entry("a"), too_late, entry("b"), latest]).await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, true]);
    assert!(answers[1].as_ref().is_err_and(|error| !error.transient));
    let bodies: BTreeSet<_> =
        receive_all(fixture.queues(), &alpha(), 2, LONG).await.into_iter().map(|entry| entry.body).collect();
    assert_eq!(bodies, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
}

pub async fn visibility_has_a_limit<F: QueueFixture>(fixture: &F) {
    let queues = fixture.queues();
    let too_long = Duration::from_secs(12 * 60 * 60 + 1);
    send(fixture, entry("body")).await;
    assert!(!queues.receive(&alpha(), 10, too_long).await.expect_err("too long").transient);
    let received = receive(fixture, LONG).await;
    assert_eq!(received.receive_count, 1, "what was refused was no receive");
    let refused = queues.change_visibility(&alpha(), &received.receipt, too_long).await;
    assert!(!refused.expect_err("too long").transient);
    queues.change_visibility(&alpha(), &received.receipt, Duration::from_secs(11 * 60 * 60)).await.expect("11 hours");
}

pub async fn what_is_received_too_often_becomes_a_dead_letter<F: QueueFixture>(fixture: &F) {
    let queues = fixture.queues();
    let attributes = BTreeMap::from([("colour".to_owned(), "red".to_owned())]);
    send(fixture, Entry { attributes: attributes.clone(), ..entry("poison") }).await;
    let mut sent_at = None;
    for count in 1..=fixture.max_receive_count() {
        let received = receive(fixture, SHORT).await;
        assert_eq!(received.receive_count, count);
        sent_at = Some(received.sent_at);
        fixture.advance(SHORT + Duration::from_secs(1)).await;
        assert_nothing_visible(fixture, &dead_letters()).await;
    }
    assert_nothing_visible(fixture, &alpha()).await;
    let dead = receive_all(queues, &dead_letters(), 1, SHORT).await.remove(0);
    assert_eq!(dead.body, "poison");
    assert_eq!(dead.attributes, attributes, "none is added");
    assert_eq!(Some(dead.sent_at), sent_at);
    // It comes back there like any other, however often.
    for _ in 0..=fixture.max_receive_count() {
        fixture.advance(SHORT + Duration::from_secs(1)).await;
        assert_nothing_visible(fixture, &alpha()).await;
        let again = receive_all(queues, &dead_letters(), 1, SHORT).await.remove(0);
        assert_eq!(again.body, "poison");
    }
}

pub async fn dead_letters_make_room_for_what_is_alive<F: QueueFixture>(fixture: &F) {
    let queues = fixture.queues();
    assert_eq!(queues.send(&alpha(), (0..10).map(|n| entry(n.to_string())).collect()).await, vec![Ok(()); 10]);
    for _ in 0..fixture.max_receive_count() {
        receive_all(queues, &alpha(), 10, SHORT).await;
        fixture.advance(SHORT + Duration::from_secs(1)).await;
    }
    send(fixture, entry("alive")).await;
    assert_eq!(receive(fixture, LONG).await.body, "alive");
    receive_all(queues, &dead_letters(), 10, LONG).await;
}

pub async fn queues_are_kept_apart<F: QueueFixture>(fixture: &F) {
    let queues = fixture.queues();
    for (queue, body) in [(alpha(), "alpha"), (beta(), "beta"), (dead_letters(), "dead")] {
        assert_eq!(queues.send(&queue, vec![entry(body)]).await, [Ok(())]);
    }
    for (queue, body) in [(dead_letters(), "dead"), (beta(), "beta"), (alpha(), "alpha")] {
        let received = receive_all(queues, &queue, 1, LONG).await.remove(0);
        assert_eq!(received.body, body);
        assert_nothing_visible(fixture, &queue).await;
        queues.delete(&queue, &received.receipt).await.expect("delete");
    }
    assert_nothing_visible(fixture, &QueueName::DeadLetters(endpoint("beta"))).await;
}

/// Makes a test of every case. Takes an expression that is a future of a fresh [`QueueFixture`].
#[macro_export]
macro_rules! queues_suite {
    ($fixture:expr) => {
        $crate::cases!(
            queues,
            $fixture,
            [
                an_entry_comes_out_as_it_went_in,
                large_bodies_are_kept,
                an_empty_queue_answers_at_once,
                a_receive_brings_at_most_what_was_asked,
                receives_at_the_same_time_share_the_entries,
                an_entry_is_hidden_until_its_visibility_ends,
                visibility_can_be_changed,
                a_receipt_is_good_for_one_receive,
                a_deleted_entry_is_gone,
                an_entry_can_be_deleted_after_its_visibility_ended,
                a_delayed_entry_comes_later,
                one_bad_entry_harms_no_other,
                visibility_has_a_limit,
                what_is_received_too_often_becomes_a_dead_letter,
                dead_letters_make_room_for_what_is_alive,
                queues_are_kept_apart,
            ]
        );
    };
}
