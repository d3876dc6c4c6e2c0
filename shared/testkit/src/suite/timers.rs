//! The contract of [`Timers`]: stored with the outcome that asks for it, taken by one at a time, there until it is removed.

use std::collections::BTreeSet;

use crossdock_core::{
    id::DeliveryKey,
    message::MessageRecord,
    port::{Delivery, DeliveryState, Ledger, Next, Outbox, Settled, Settlement, Timer, Timers, whole},
};
use futures_util::future::join_all;

use super::{StoreFixture, pending};
use crate::build::{at, delivery, delivery_key, endpoint, message, message_id, record, settlement, timer};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// With the outcome of another delivery, which is this one's reason.
async fn put_off(fixture: &impl StoreFixture, timer: &Timer, message: Option<MessageRecord>) -> Delivery {
    let reason = delivery_key(&format!("before {}", timer.key));
    let next = Some(Next { timer: timer.clone(), message });
    let settlement = Settlement { next, ..settlement(delivery(reason, DeliveryState::Delivered)) };
    let now = fixture.store().settle(settlement).await;
    assert_eq!(now, Ok(Settled::Recorded { new: Vec::new() }));
    timer.waiting(at(0))
}

async fn read(fixture: &impl StoreFixture, key: &DeliveryKey) -> Option<Delivery> {
    let opened = fixture.store().open(&endpoint("alpha"), std::slice::from_ref(key), &[]).await.expect("open");
    whole(opened.deliveries).expect("readable").pop().flatten()
}

/// What is due before, and held from `now` for a minute.
async fn take(fixture: &impl StoreFixture, before: i64, now: i64) -> Vec<Timer> {
    let mut taken = fixture.store().take(at(before), at(now), at(now + MINUTE), 100).await.expect("take");
    assert!(taken.iter().all(|timer| timer.held_until == Some(at(now + MINUTE))), "{taken:?}");
    for timer in &mut taken {
        timer.held_until = None;
    }
    taken.sort_by_key(|timer| (timer.due, timer.key.clone()));
    taken
}

pub async fn nothing_waits_at_first<F: StoreFixture>(fixture: &F) {
    assert_eq!(take(fixture, DAY, 0).await, []);
    assert_eq!(fixture.store().remove(&[]).await, Ok(()));
}

pub async fn a_delivery_waits_with_its_timer<F: StoreFixture>(fixture: &F) {
    let timer = timer("m", 30);
    let waiting = put_off(fixture, &timer, None).await;
    assert_eq!(read(fixture, &timer.key).await, Some(waiting.clone()));
    let store = fixture.store();
    assert_eq!(
        store.deliveries_in(&endpoint("alpha"), DeliveryState::Waiting, 10).await.and_then(whole),
        Ok(vec![waiting])
    );
    assert_eq!(take(fixture, 31, 0).await, [timer]);
}

pub async fn its_message_is_stored_and_not_published<F: StoreFixture>(fixture: &F) {
    let put = record(message("m"));
    put_off(fixture, &timer("m", 30), Some(put.clone())).await;
    let store = fixture.store();
    assert_eq!(store.messages(&[message_id("m")]).await.and_then(whole), Ok(vec![Some(put)]));
    assert_eq!(pending(store, at(DAY)).await, Ok(vec![]));
}

pub async fn a_delivery_that_is_known_stays_as_it_is<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    for (name, state) in [("ended", DeliveryState::Delivered), ("open", DeliveryState::Retrying)] {
        let known = delivery(delivery_key(name), state);
        assert_eq!(store.settle(settlement(known.clone())).await, Ok(Settled::Recorded { new: Vec::new() }));
        put_off(fixture, &timer(name, 30), Some(record(message(name)))).await;
        assert_eq!(read(fixture, &known.key).await, Some(known));
        assert_eq!(store.messages(&[message_id(name)]).await.and_then(whole), Ok(vec![None]));
    }
    let first = timer("twice", 30);
    put_off(fixture, &first, None).await;
    let later = Timer { due: at(90), body: "another".to_owned(), ..first.clone() };
    let next = Some(Next { timer: later, message: None });
    let settlement = Settlement { next, ..settlement(delivery(delivery_key("other"), DeliveryState::Delivered)) };
    assert_eq!(store.settle(settlement).await, Ok(Settled::Recorded { new: Vec::new() }));
    assert_eq!(take(fixture, DAY, 0).await, [first]);
}

/// Its own messages go with it, and are told apart from what it puts off.
pub async fn what_follows_at_once_goes_beside_it<F: StoreFixture>(fixture: &F) {
    let next = Some(Next { timer: timer("next", 30), message: Some(record(message("next"))) });
    let outcome = settlement(delivery(delivery_key("m"), DeliveryState::Delivered));
    let messages = vec![record(message("one")), record(message("two"))];
    let settled = fixture.store().settle(Settlement { next, messages: messages.clone(), ..outcome }).await;
    assert_eq!(settled, Ok(Settled::Recorded { new: vec![true, true] }));
    let mut pending = pending(fixture.store(), at(DAY)).await.expect("pending");
    pending.sort_by_key(|record| record.message.keys["order_number"].to_string());
    assert_eq!(pending, messages);
    assert_eq!(take(fixture, 31, 0).await.len(), 1);
}

pub async fn only_what_is_due_is_taken<F: StoreFixture>(fixture: &F) {
    let timers: Vec<Timer> =
        [0, 1, 59, 60, 61, 3 * MINUTE, 7 * DAY].into_iter().map(|due| timer(&format!("due {due}"), due)).collect();
    for timer in &timers {
        put_off(fixture, timer, None).await;
    }
    assert_eq!(take(fixture, 0, 0).await, []);
    assert_eq!(take(fixture, 60, 0).await, timers[..3]);
    assert_eq!(take(fixture, 62, 0).await, timers[3..5]);
    // Nobody looked for a month.
    assert_eq!(take(fixture, 30 * DAY, 30 * DAY).await, timers);
}

pub async fn what_is_taken_is_held_for_a_while<F: StoreFixture>(fixture: &F) {
    let held = Timer { held_until: Some(at(20)), ..timer("held from the start", 10) };
    put_off(fixture, &held, None).await;
    let free = timer("free", 11);
    put_off(fixture, &free, None).await;
    let held = Timer { held_until: None, ..held };
    assert_eq!(take(fixture, 100, 0).await, std::slice::from_ref(&free));
    assert_eq!(take(fixture, 100, 19).await, []);
    assert_eq!(take(fixture, 100, 20).await, std::slice::from_ref(&held));
    assert_eq!(take(fixture, 100, 59).await, []);
    assert_eq!(take(fixture, 100, 60).await, [free]);
    assert_eq!(take(fixture, 100, 80).await, [held]);
}

pub async fn what_is_removed_is_gone<F: StoreFixture>(fixture: &F) {
    let (sent, kept) = (timer("sent", 10), timer("kept", 10));
    for timer in [&sent, &kept] {
        put_off(fixture, timer, None).await;
    }
    let store = fixture.store();
    for _ in 0..2 {
        assert_eq!(store.remove(std::slice::from_ref(&sent)).await, Ok(()));
    }
    assert_eq!(take(fixture, 11, 0).await, [kept]);
    // Its delivery is another matter.
    assert_eq!(read(fixture, &sent.key).await, Some(sent.waiting(at(0))));
}

/// Those of one minute, and of many, in portions.
pub async fn many_are_taken_in_portions<F: StoreFixture>(fixture: &F) {
    let timers: Vec<Timer> = (0..120).map(|n| timer(&format!("m{n}"), 5 + (n % 3) * 50)).collect();
    join_all(timers.iter().map(|timer| put_off(fixture, timer, None))).await;
    let mut taken = Vec::new();
    for _ in 0..3 {
        let portion = fixture.store().take(at(500), at(0), at(60), 50).await.expect("take");
        taken.push(portion.len());
        fixture.store().remove(&portion).await.expect("remove");
    }
    assert_eq!(taken, [50, 50, 20]);
    assert_eq!(take(fixture, 500, 120).await, []);
}

pub async fn of_those_who_race_one_has_it<F: StoreFixture>(fixture: &F) {
    let timers: Vec<Timer> = (0..5).map(|n| timer(&format!("m{n}"), n)).collect();
    for timer in &timers {
        put_off(fixture, timer, None).await;
    }
    let taken: Vec<Timer> = join_all((0..6).map(|_| take(fixture, 100, 0))).await.concat();
    assert_eq!(taken.len(), timers.len(), "{taken:?}");
    let keys = |of: &[Timer]| of.iter().map(|timer| timer.key.clone()).collect::<BTreeSet<_>>();
    assert_eq!(keys(&taken), keys(&timers));
}

/// Makes a test of every case. Takes an expression that is a future of a fresh [`StoreFixture`].
#[macro_export]
macro_rules! timers_suite {
    ($fixture:expr) => {
        $crate::cases!(
            timers,
            $fixture,
            [
                nothing_waits_at_first,
                a_delivery_waits_with_its_timer,
                its_message_is_stored_and_not_published,
                a_delivery_that_is_known_stays_as_it_is,
                what_follows_at_once_goes_beside_it,
                only_what_is_due_is_taken,
                what_is_taken_is_held_for_a_while,
                what_is_removed_is_gone,
                many_are_taken_in_portions,
                of_those_who_race_one_has_it,
            ]
        );
    };
}
