//! The contract of [`Wants`]: what is wanted is due until it was fetched, and each wanting stands for itself.

use crossdock_core::{
    Timestamp,
    port::{RefusedBy, Waiting, WantMark, Wanted, Wants},
};

use super::StoreFixture;
use crate::build::{at, collection, object, order};

const ONE: WantMark = WantMark([1; 16]);
const TWO: WantMark = WantMark([2; 16]);

async fn want(fixture: &impl StoreFixture, ids: &[&str], mark: WantMark, now: Timestamp) {
    let objects = ids.iter().map(|id| order(id)).collect();
    let answers = fixture.store().want(objects, mark, now).await;
    assert_eq!(answers, vec![Ok(()); ids.len()]);
}

/// Of `my-store/orders`; so many.
async fn due(fixture: &impl StoreFixture, now: Timestamp, count: usize) -> Vec<Wanted> {
    let found = fixture.store().wanted(&collection("my-store/orders"), now, 10).await.expect("wanted");
    assert_eq!(found.len(), count, "{found:?}");
    found
}

fn ids(wanted: &[Wanted]) -> Vec<&str> {
    wanted.iter().map(|wanted| wanted.object.id.as_str()).collect()
}

pub async fn nothing_is_wanted_at_first<F: StoreFixture>(fixture: &F) {
    due(fixture, at(1_000), 0).await;
    assert_eq!(fixture.store().want(Vec::new(), ONE, at(0)).await, []);
}

pub async fn what_is_wanted_is_due_and_the_longest_due_comes_first<F: StoreFixture>(fixture: &F) {
    want(fixture, &["R3"], ONE, at(3)).await;
    want(fixture, &["R1", "R/2 #\u{e9}"], TWO, at(1)).await;
    let found = due(fixture, at(10), 3).await;
    assert_eq!(found[2], Wanted { object: order("R3"), mark: ONE, failures: 0, refusals: 0 });
    assert!(found[..2].iter().all(|wanted| wanted.mark == TWO));
    assert_eq!(ids(&due(fixture, at(2), 2).await).len(), 2, "the third is not due yet");
    let two = fixture.store().wanted(&collection("my-store/orders"), at(10), 2).await.expect("wanted");
    assert_eq!(two.len(), 2, "no more than asked for");
}

pub async fn collections_are_kept_apart<F: StoreFixture>(fixture: &F) {
    want(fixture, &["R1"], ONE, at(0)).await;
    let other = vec![object("my-store/shipments", "R1"), object("erp/orders", "R1")];
    assert_eq!(fixture.store().want(other, TWO, at(0)).await, [Ok(()), Ok(())]);
    let found = due(fixture, at(0), 1).await;
    fixture.store().fetched(&found[0]).await.expect("fetched");
    due(fixture, at(0), 0).await;
    let left = fixture.store().wanted(&collection("erp/orders"), at(0), 10).await.expect("wanted");
    assert_eq!(left, [Wanted { object: object("erp/orders", "R1"), mark: TWO, failures: 0, refusals: 0 }]);
}

pub async fn what_was_fetched_is_wanted_no_more<F: StoreFixture>(fixture: &F) {
    want(fixture, &["R1", "R2"], ONE, at(0)).await;
    let found = due(fixture, at(0), 2).await;
    let first = found.iter().find(|wanted| wanted.object.id == "R1").expect("R1");
    fixture.store().fetched(first).await.expect("fetched");
    assert_eq!(ids(&due(fixture, at(100), 1).await), ["R2"]);
    fixture.store().fetched(first).await.expect("again is nothing");
}

pub async fn what_was_put_off_is_due_later_and_its_failures_count<F: StoreFixture>(fixture: &F) {
    want(fixture, &["R1"], ONE, at(0)).await;
    let found = due(fixture, at(0), 1).await;
    fixture.store().postpone(&found[0], at(30), RefusedBy::Source, "the source answered 503").await.expect("postpone");
    due(fixture, at(29), 0).await;
    let found = due(fixture, at(30), 1).await;
    assert_eq!(found, [Wanted { object: order("R1"), mark: ONE, failures: 1, refusals: 0 }]);
    fixture.store().postpone(&found[0], at(60), RefusedBy::Object, "the source answered 404").await.expect("postpone");
    let found = due(fixture, at(60), 1).await;
    assert_eq!((found[0].failures, found[0].refusals), (2, 1));
}

pub async fn what_is_wanted_anew_stands_for_itself<F: StoreFixture>(fixture: &F) {
    want(fixture, &["R1"], ONE, at(0)).await;
    let before = due(fixture, at(0), 1).await;
    fixture.store().postpone(&before[0], at(500), RefusedBy::Object, "then").await.expect("postpone");
    want(fixture, &["R1"], TWO, at(10)).await;
    let anew = Wanted { object: order("R1"), mark: TWO, failures: 0, refusals: 0 };
    assert_eq!(due(fixture, at(10), 1).await, std::slice::from_ref(&anew));
    fixture.store().fetched(&before[0]).await.expect("fetched");
    fixture.store().postpone(&before[0], at(900), RefusedBy::Object, "then").await.expect("postpone");
    assert_eq!(due(fixture, at(10), 1).await, [anew], "neither was of this wanting");
}

pub async fn what_waits_can_be_looked_at_due_or_not<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let orders = collection("my-store/orders");
    assert_eq!(store.waiting(&orders, 10).await, Ok(Vec::new()));
    assert_eq!(store.wanting(&order("R1")).await, Ok(None));
    want(fixture, &["R1"], ONE, at(1)).await;
    want(fixture, &["R2"], TWO, at(2)).await;
    let found = due(fixture, at(1), 1).await;
    store.postpone(&found[0], at(30), RefusedBy::Object, "the source answered 404").await.expect("postpone");
    let first = Waiting {
        wanted: Wanted { object: order("R1"), mark: ONE, failures: 1, refusals: 1 },
        since: Some(at(1)),
        due: at(30),
        reason: Some("the source answered 404".to_owned()),
    };
    let second = Waiting {
        wanted: Wanted { object: order("R2"), mark: TWO, failures: 0, refusals: 0 },
        since: Some(at(2)),
        due: at(2),
        reason: None,
    };
    assert_eq!(store.waiting(&orders, 10).await, Ok(vec![second.clone(), first.clone()]));
    assert_eq!(store.waiting(&orders, 1).await, Ok(vec![second]));
    assert_eq!(store.waiting(&collection("my-store/shipments"), 10).await, Ok(Vec::new()));
    assert_eq!(store.wanting(&order("R1")).await, Ok(Some(first)));
    // Named anew, it waits anew.
    want(fixture, &["R1"], TWO, at(40)).await;
    let anew = store.wanting(&order("R1")).await.expect("wanting").expect("R1");
    assert_eq!((anew.since, anew.due, anew.reason), (Some(at(40)), at(40), None));
    store.fetched(&anew.wanted).await.expect("fetched");
    assert_eq!(store.wanting(&order("R1")).await, Ok(None));
}

/// Makes a test of every case. Takes an expression that is a future of a fresh [`StoreFixture`].
#[macro_export]
macro_rules! wants_suite {
    ($fixture:expr) => {
        $crate::cases!(
            wants,
            $fixture,
            [
                nothing_is_wanted_at_first,
                what_is_wanted_is_due_and_the_longest_due_comes_first,
                collections_are_kept_apart,
                what_was_fetched_is_wanted_no_more,
                what_was_put_off_is_due_later_and_its_failures_count,
                what_is_wanted_anew_stands_for_itself,
                what_waits_can_be_looked_at_due_or_not,
            ]
        );
    };
}
