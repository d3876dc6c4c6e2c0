//! The contract of [`SeenEvents`]: what was noted is known, and nothing else.

use crossdock_core::{
    id::EventKey,
    port::{Clock, SeenEvents},
};

use super::StoreFixture;

fn key(webhook: &str, event: &str) -> EventKey {
    EventKey::of(&webhook.parse().expect("a webhook's id"), event)
}

async fn note<F: StoreFixture>(fixture: &F, events: &[EventKey]) {
    fixture.store().note(events, fixture.clock().now()).await.expect("note");
}

async fn seen<F: StoreFixture>(fixture: &F, events: &[EventKey]) -> Vec<bool> {
    fixture.store().seen(events).await.expect("seen")
}

pub async fn what_was_noted_is_known<F: StoreFixture>(fixture: &F) {
    let event = key("shop-orders", "e1");
    assert_eq!(seen(fixture, &[event]).await, [false]);
    note(fixture, &[event]).await;
    assert_eq!(seen(fixture, &[event]).await, [true]);
}

pub async fn other_events_and_other_webhooks_are_not<F: StoreFixture>(fixture: &F) {
    note(fixture, &[key("shop-orders", "e1")]).await;
    let others = [key("shop-orders", "e2"), key("shop-refunds", "e1"), key("shop-orders", "")];
    assert_eq!(seen(fixture, &others).await, [false; 3]);
}

pub async fn several_are_answered_in_order<F: StoreFixture>(fixture: &F) {
    let events: Vec<EventKey> = (0..120).map(|number| key("shop", &number.to_string())).collect();
    let known: Vec<EventKey> = events.iter().copied().step_by(3).collect();
    note(fixture, &known).await;
    let expected: Vec<bool> = events.iter().map(|event| known.contains(event)).collect();
    assert_eq!(seen(fixture, &events).await, expected);
}

/// As where two requests bring one event at the same time, or a batch has one twice.
pub async fn noting_again_is_no_fault<F: StoreFixture>(fixture: &F) {
    let event = key("shop", "e1");
    note(fixture, &[event, event]).await;
    note(fixture, &[event]).await;
    assert_eq!(seen(fixture, &[event, event]).await, [true, true]);
}

pub async fn nothing_is_answered_by_nothing<F: StoreFixture>(fixture: &F) {
    note(fixture, &[]).await;
    assert!(seen(fixture, &[]).await.is_empty());
}

#[macro_export]
macro_rules! seen_suite {
    ($fixture:expr) => {
        $crate::cases!(
            seen,
            $fixture,
            [
                what_was_noted_is_known,
                other_events_and_other_webhooks_are_not,
                several_are_answered_in_order,
                noting_again_is_no_fault,
                nothing_is_answered_by_nothing,
            ]
        );
    };
}
