//! A collection that is read again, from a time on.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use crossdock_core::{
    Timestamp,
    poll::{Backfill, Backfilled, Poller},
    port::{Clock, Collections, Home, LeaseOwner, Outbox, VersionStore},
};
use serde_json::json;

use crate::stage::{HUB, Stage};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn all(from: Timestamp) -> Backfill {
    Backfill { from, until: None, emit: false, rate: None, dry_run: false }
}

/// Orders R0 to R5 of six days, and a hub that has read the last of them on the last day, from where its source began to
/// tell it anything.
async fn stage() -> (Stage, Timestamp) {
    let stage = Stage::new().await;
    let first = stage.clock.now();
    for number in 0..6 {
        stage.put(&format!("R{number}"), &json!({"total": "1"}));
        stage.clock.advance(DAY);
    }
    let hidden: Vec<_> = {
        let mut shop = stage.world.shop.lock().unwrap();
        let old = shop.orders.split_off("R5");
        std::mem::replace(&mut shop.orders, old).into_iter().collect()
    };
    stage.poll().await.unwrap();
    stage.world.shop.lock().unwrap().orders.extend(hidden);
    (stage, first)
}

async fn backfill(stage: &Stage, wanted: &Backfill) -> Backfilled {
    let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, LeaseOwner("another".to_owned()));
    poller.backfill(&stage.orders(), wanted, &mut |_| {}, pending()).await.unwrap()
}

#[tokio::test]
async fn what_was_never_seen_is_stored_without_a_word() {
    let (stage, first) = stage().await;
    let before = stage.home.store().state(&stage.orders()).await.unwrap();
    let done = backfill(&stage, &all(first)).await;
    assert_eq!((done.objects, done.baseline, done.told, done.messages), (6, 5, 0, 0));
    assert!(!done.cut_off && done.reached.is_some());
    assert_eq!(stage.home.store().state(&stage.orders()).await.unwrap(), before, "the poll's own record is left alone");

    let again = backfill(&stage, &all(first)).await;
    assert_eq!((again.objects, again.baseline, again.told), (6, 0, 0), "again is nothing");
    // From here on it is known.
    stage.put("R2", &json!({"total": "2"}));
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:updated"]);
}

#[tokio::test]
async fn only_what_changed_in_between_is_taken() {
    let (stage, first) = stage().await;
    let wanted = Backfill { until: Some(first + 3 * DAY), ..all(first + DAY) };
    let done = backfill(&stage, &wanted).await;
    assert_eq!((done.objects, done.baseline), (2, 2));
    let known = stage.home.store().objects_with_id("R1").await.unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!(stage.home.store().objects_with_id("R3").await.unwrap(), []);
}

/// What was stored without a word, by a poll or by another backfill, counts as untold; what was told of is not told again.
#[tokio::test]
async fn asked_to_emit_it_tells_of_everything_once() {
    let (stage, first) = stage().await;
    stage.put("R6", &json!({}));
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:new"]);
    let silent = Backfill { until: Some(first + 2 * DAY), ..all(first) };
    assert_eq!(backfill(&stage, &silent).await.baseline, 2);
    let wanted = Backfill { emit: true, ..all(first) };
    let done = backfill(&stage, &wanted).await;
    assert_eq!((done.objects, done.told, done.messages, done.baseline), (7, 6, 6, 0));
    let again = backfill(&stage, &wanted).await;
    assert_eq!((again.objects, again.told, again.messages), (7, 0, 0));
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:new"; 7]);
}

#[tokio::test]
async fn a_dry_run_stores_nothing_and_says_what_would_be() {
    let (stage, first) = stage().await;
    let wanted = Backfill { emit: true, dry_run: true, ..all(first) };
    let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, LeaseOwner("another".to_owned()));
    let mut named = Vec::new();
    let mut name = |planned: &crossdock_core::object::Planned| named.push(planned.commit.version.key.id.clone());
    let done = poller.backfill(&stage.orders(), &wanted, &mut name, pending()).await.unwrap();
    assert_eq!((done.objects, done.told, done.messages), (6, 6, 6));
    assert_eq!(named, ["R0", "R1", "R2", "R3", "R4", "R5"]);
    assert_eq!(stage.home.store().objects_with_id("R0").await.unwrap(), []);
    assert_eq!(stage.home.store().pending(Timestamp::MAX, None, 10).await.unwrap().messages, []);
}

#[tokio::test]
async fn one_that_was_cut_off_is_gone_on_with_from_where_it_came() {
    let (stage, first) = stage().await;
    let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, LeaseOwner("another".to_owned()));
    let two_pages = async {
        let so_far = stage.world.shop.lock().unwrap().asked.len();
        while stage.world.shop.lock().unwrap().asked.len() < so_far + 3 {
            tokio::task::yield_now().await;
        }
    };
    let done = poller.backfill(&stage.orders(), &all(first), &mut |_| {}, two_pages).await.unwrap();
    assert!(done.cut_off && done.objects < 6, "{done:?}");
    let reached = done.reached.unwrap();
    assert!(reached > first);
    let rest = backfill(&stage, &all(reached)).await;
    assert_eq!(done.baseline + rest.baseline, 5);
}

#[tokio::test]
async fn it_keeps_to_its_rate() {
    let (stage, first) = stage().await;
    let waited = Arc::new(Mutex::new(Duration::ZERO));
    let counting = waited.clone();
    let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, LeaseOwner("another".to_owned()));
    let poller = poller.pausing(Arc::new(move |wait| {
        *counting.lock().unwrap() += wait;
        Box::pin(std::future::ready(()))
    }));
    let wanted = Backfill { rate: Some(2), ..all(first) };
    poller.backfill(&stage.orders(), &wanted, &mut |_| {}, pending()).await.unwrap();
    assert_eq!(*waited.lock().unwrap(), Duration::from_secs(3), "six objects, two a second");
}

#[tokio::test]
async fn without_any_time_there_is_no_from() {
    let text = HUB
        .replace("        created: created_at\n", "")
        .replace("        since: {param: since, field: updated_at}\n", "");
    let stage = Stage::with_hub(&text).await;
    let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, LeaseOwner("another".to_owned()));
    let error = poller.backfill(&stage.orders(), &all(stage.clock.now()), &mut |_| {}, pending()).await.unwrap_err();
    assert!(error.to_string().contains("expected `since` or `created`"), "{error}");
}
