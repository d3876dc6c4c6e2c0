//! The contract of [`Signing`]: one key for the whole life of a store, and generations that only move from what was seen.

use crossdock_core::port::{EndpointControl, Generations, Ledger, Paused, Settlement, Signing};
use futures_util::future::join_all;
use serde_json::json;

use super::StoreFixture;
use crate::build::{at, delivery, delivery_key, endpoint, settlement};

const USUAL: Generations = Generations { newest: 1, previous_until: None };

fn generations(newest: u32, until: i64) -> Generations {
    Generations { newest, previous_until: Some(at(until)) }
}

async fn control(fixture: &impl StoreFixture, name: &str) -> EndpointControl {
    fixture.store().open(&endpoint(name), &[], &[]).await.expect("open").control.expect("readable")
}

async fn rotate(fixture: &impl StoreFixture, from: Generations, to: Generations) -> bool {
    fixture.store().rotate(&endpoint("alpha"), from, to).await.expect("rotate")
}

pub async fn a_store_has_one_key<F: StoreFixture>(fixture: &F) {
    let keys = join_all((0..8).map(|_| fixture.store().signing_key())).await;
    let keys: Vec<Vec<u8>> = keys.into_iter().map(|key| key.expect("a key").expose().to_vec()).collect();
    assert_eq!(keys[0].len(), 32);
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert!(keys[0].iter().any(|byte| *byte != keys[0][0]), "it is random");
    assert_ne!(keys[0][..16], keys[0][16..], "all of it is");
}

pub async fn generations_move_from_what_was_seen<F: StoreFixture>(fixture: &F) {
    let steps = [
        (USUAL, generations(2, 60)),
        (generations(2, 60), Generations { newest: 3, previous_until: None }),
        (Generations { newest: 3, previous_until: None }, generations(4, 90)),
        (generations(4, 90), generations(4, 30)),
    ];
    assert_eq!(control(fixture, "alpha").await.signing, USUAL);
    for (from, to) in steps {
        for stale in [USUAL, generations(2, 61), Generations { newest: 2, previous_until: None }, generations(9, 60)] {
            if stale != from {
                assert!(!rotate(fixture, stale, generations(9, 9)).await, "{stale:?} where there is {from:?}");
            }
        }
        assert_eq!(control(fixture, "alpha").await.signing, from);
        assert!(rotate(fixture, from, to).await, "{from:?} to {to:?}");
        assert_eq!(control(fixture, "alpha").await.signing, to);
    }
    assert_eq!(control(fixture, "beta").await, EndpointControl::default());
}

pub async fn of_rotations_that_race_exactly_one_is_made<F: StoreFixture>(fixture: &F) {
    let racing = (0..8).map(|racer| rotate(fixture, USUAL, generations(2, racer)));
    let made = join_all(racing).await;
    let winners: Vec<_> = (0..8_i64).zip(made).filter(|(_, made)| *made).map(|(racer, _)| racer).collect();
    let [winner] = winners[..] else { panic!("one winner, not {winners:?}") };
    assert_eq!(control(fixture, "alpha").await.signing, generations(2, winner));
}

/// What else stands in the control record stays, whoever writes it.
pub async fn a_rotation_leaves_the_rest_alone<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let paused = Paused { since: at(7), reason: "by hand".to_owned() };
    store.set_paused(&endpoint("alpha"), Some(paused.clone())).await.expect("pause");
    let parameters = vec![("token".to_owned(), json!("a"))];
    let end = delivery(delivery_key("m"), crossdock_core::port::DeliveryState::Delivered);
    store.settle(Settlement { parameters, ..settlement(end) }).await.expect("settle");
    assert!(rotate(fixture, USUAL, generations(2, 60)).await);
    let expected = EndpointControl {
        parameters: [("token".to_owned(), json!("a"))].into(),
        paused: Some(paused),
        signing: generations(2, 60),
    };
    assert_eq!(control(fixture, "alpha").await, expected);
    store.set_paused(&endpoint("alpha"), None).await.expect("go on");
    assert_eq!(control(fixture, "alpha").await, EndpointControl { paused: None, ..expected });
}

#[macro_export]
macro_rules! signing_suite {
    ($fixture:expr) => {
        $crate::cases!(
            signing,
            $fixture,
            [
                a_store_has_one_key,
                generations_move_from_what_was_seen,
                of_rotations_that_race_exactly_one_is_made,
                a_rotation_leaves_the_rest_alone,
            ]
        );
    };
}
