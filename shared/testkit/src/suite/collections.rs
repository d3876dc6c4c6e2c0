//! The contract of [`Collections`]: one lease, and one record that only its holder changes.

use crossdock_core::{
    Timestamp,
    id::CollectionKey,
    port::{CollectionState, Collections, LeaseError, LeaseOwner, Outbox, whole},
};
use futures_util::future::join_all;

use super::{StoreFixture, pending};
use crate::build::{at, collection, message, record};

fn orders() -> CollectionKey {
    collection("my-store/orders")
}

fn owner(name: &str) -> LeaseOwner {
    LeaseOwner(name.to_owned())
}

async fn lease(fixture: &impl StoreFixture, name: &str, now: Timestamp, until: Timestamp) -> Option<CollectionState> {
    fixture.store().lease(&orders(), &owner(name), now, until).await.expect("lease")
}

fn bookmarked(bookmark: &str) -> CollectionState {
    CollectionState { bookmark: Some(bookmark.to_owned()), ..CollectionState::default() }
}

async fn save(
    fixture: &impl StoreFixture,
    name: &str,
    until: Timestamp,
    state: &CollectionState,
) -> Result<(), LeaseError> {
    fixture.store().save(&orders(), &owner(name), until, state, Vec::new()).await
}

pub async fn an_unknown_collection_has_no_state<F: StoreFixture>(fixture: &F) {
    assert_eq!(fixture.store().state(&orders()).await, Ok(None));
}

pub async fn the_first_lease_begins_with_the_empty_state<F: StoreFixture>(fixture: &F) {
    assert_eq!(lease(fixture, "one", at(0), at(60)).await, Some(CollectionState::default()));
}

pub async fn a_running_lease_keeps_others_out<F: StoreFixture>(fixture: &F) {
    lease(fixture, "one", at(0), at(60)).await.expect("the lease");
    assert_eq!(lease(fixture, "two", at(0), at(60)).await, None);
    assert_eq!(lease(fixture, "two", at(59), at(119)).await, None);
    assert!(lease(fixture, "two", at(60), at(120)).await.is_some(), "it has run out");
    assert_eq!(lease(fixture, "one", at(61), at(121)).await, None, "now it is the other's");
}

pub async fn the_holder_takes_its_lease_again<F: StoreFixture>(fixture: &F) {
    lease(fixture, "one", at(0), at(60)).await.expect("the lease");
    save(fixture, "one", at(60), &bookmarked("b")).await.expect("save");
    assert_eq!(lease(fixture, "one", at(30), at(90)).await, Some(bookmarked("b")));
    assert_eq!(lease(fixture, "two", at(60), at(120)).await, None, "it runs until the later time");
    assert_eq!(lease(fixture, "one", at(100), at(160)).await, Some(bookmarked("b")), "though it had run out");
}

pub async fn of_leases_that_race_exactly_one_is_taken<F: StoreFixture>(fixture: &F) {
    for round in 0..5 {
        let (now, until) = (at(round * 60), at(round * 60 + 60));
        let racers: Vec<_> = (0..8).map(|racer| owner(&format!("{round}-{racer}"))).collect();
        let key = orders();
        let racing = racers.iter().map(|racer| fixture.store().lease(&key, racer, now, until));
        let taken = join_all(racing).await.into_iter().filter(|answer| answer.as_ref().expect("lease").is_some());
        assert_eq!(taken.count(), 1);
    }
}

pub async fn the_state_comes_back_whole<F: StoreFixture>(fixture: &F) {
    let full = CollectionState {
        bookmark: Some("2026-11-21T10:00:00.000001Z 東京".to_owned()),
        started_at: Some(at(-1000)),
        baseline_done: true,
        baseline_objects: 1_240,
        failures: 4,
        streak: u64::MAX,
        notified: true,
    };
    lease(fixture, "one", at(0), at(60)).await.expect("the lease");
    for state in [full, CollectionState::default()] {
        save(fixture, "one", at(60), &state).await.expect("save");
        assert_eq!(fixture.store().state(&orders()).await, Ok(Some(state.clone())));
        assert_eq!(lease(fixture, "one", at(1), at(60)).await, Some(state));
    }
}

pub async fn only_the_holder_saves<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    assert_eq!(save(fixture, "one", at(60), &bookmarked("b")).await, Err(LeaseError::Lost), "nobody holds it");
    assert_eq!(store.state(&orders()).await, Ok(None));

    lease(fixture, "one", at(0), at(60)).await.expect("the lease");
    save(fixture, "one", at(60), &bookmarked("first")).await.expect("save");
    lease(fixture, "two", at(60), at(120)).await.expect("the lease");
    let message = record(message("late"));
    let id = message.message.message_id;
    let late = store.save(&orders(), &owner("one"), at(180), &bookmarked("late"), vec![message]).await;
    assert_eq!(late, Err(LeaseError::Lost));
    assert_eq!(store.state(&orders()).await, Ok(Some(bookmarked("first"))));
    assert_eq!(store.messages(&[id]).await.and_then(whole), Ok(vec![None]), "nor were its messages stored");
    assert!(lease(fixture, "three", at(120), at(180)).await.is_some(), "nor was the lease made longer");
}

pub async fn saving_sets_how_long_the_lease_runs<F: StoreFixture>(fixture: &F) {
    lease(fixture, "one", at(0), at(60)).await.expect("the lease");
    save(fixture, "one", at(100), &bookmarked("b")).await.expect("save");
    assert_eq!(lease(fixture, "two", at(99), at(160)).await, None);
    // A time that has passed lets go.
    save(fixture, "one", at(50), &bookmarked("c")).await.expect("save");
    assert_eq!(lease(fixture, "two", at(50), at(110)).await, Some(bookmarked("c")));
}

pub async fn messages_are_stored_pending_with_the_state<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let (known, new) = (record(message("known")), record(message("new")));
    assert_eq!(store.put(vec![known.clone()]).await, [Ok(true)]);
    store.published(&[known.message.message_id]).await.expect("published");

    lease(fixture, "one", at(0), at(60)).await.expect("the lease");
    let mut changed = known.clone();
    changed.message.hops = 3;
    let messages = vec![new.clone(), changed];
    store.save(&orders(), &owner("one"), at(60), &bookmarked("b"), messages).await.expect("save");
    assert_eq!(pending(store, at(1)).await, Ok(vec![new.clone()]));
    let ids = [known.message.message_id, new.message.message_id];
    assert_eq!(
        store.messages(&ids).await.and_then(whole),
        Ok(vec![Some(known), Some(new)]),
        "what was there stays as it was"
    );
}

pub async fn collections_are_kept_apart<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    for path in ["my-store/orders", "my-store/orders.lines", "erp/orders"] {
        let key = collection(path);
        let state = store.lease(&key, &owner(path), at(0), at(60)).await.expect("lease");
        assert_eq!(state, Some(CollectionState::default()), "{path}");
        store.save(&key, &owner(path), at(60), &bookmarked(path), Vec::new()).await.expect("save");
    }
    for path in ["my-store/orders", "my-store/orders.lines", "erp/orders"] {
        assert_eq!(store.state(&collection(path)).await, Ok(Some(bookmarked(path))));
    }
}

/// Makes a test of every case. Takes an expression that is a future of a fresh [`StoreFixture`].
#[macro_export]
macro_rules! collections_suite {
    ($fixture:expr) => {
        $crate::cases!(
            collections,
            $fixture,
            [
                an_unknown_collection_has_no_state,
                the_first_lease_begins_with_the_empty_state,
                a_running_lease_keeps_others_out,
                the_holder_takes_its_lease_again,
                of_leases_that_race_exactly_one_is_taken,
                the_state_comes_back_whole,
                only_the_holder_saves,
                saving_sets_how_long_the_lease_runs,
                messages_are_stored_pending_with_the_state,
                collections_are_kept_apart,
            ]
        );
    };
}
