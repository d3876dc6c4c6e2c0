//! The contract of [`Claims`]: the first one holds, for its time.

use std::time::Duration;

use crossdock_core::{
    Timestamp,
    id::ContentHash,
    port::{Claim, Claimed, Claims, Clock},
};
use futures_util::future::join_all;

use super::StoreFixture;
use crate::build::message_id;

/// Of the message of that name, for the route `book` and the tuple `R1`, for an hour.
fn claim<F: StoreFixture>(fixture: &F, message: &str) -> Claim {
    Claim {
        route: "book".parse().expect("a route name"),
        tuple: ContentHash::of(b"R1"),
        message: message_id(message),
        until: later(fixture, 3600),
    }
}

fn later<F: StoreFixture>(fixture: &F, seconds: u64) -> Timestamp {
    fixture.clock().now() + Duration::from_secs(seconds)
}

async fn make<F: StoreFixture>(fixture: &F, claim: Claim) -> Claimed {
    fixture.store().claim(&claim).await.expect("claim")
}

fn held_by(message: &str) -> Claimed {
    Claimed::HeldBy(message_id(message))
}

pub async fn the_first_message_claims<F: StoreFixture>(fixture: &F) {
    assert_eq!(make(fixture, claim(fixture, "first")).await, Claimed::Ours);
    assert_eq!(make(fixture, claim(fixture, "second")).await, held_by("first"));
    assert_eq!(make(fixture, claim(fixture, "third")).await, held_by("first"));
}

pub async fn the_same_message_finds_its_own_claim<F: StoreFixture>(fixture: &F) {
    make(fixture, claim(fixture, "first")).await;
    assert_eq!(make(fixture, claim(fixture, "first")).await, Claimed::Ours);
    assert_eq!(make(fixture, claim(fixture, "second")).await, held_by("first"));
}

pub async fn other_routes_and_other_values_are_free<F: StoreFixture>(fixture: &F) {
    make(fixture, claim(fixture, "first")).await;
    let route = "mail".parse().expect("a route name");
    assert_eq!(make(fixture, Claim { route, ..claim(fixture, "second") }).await, Claimed::Ours);
    let tuple = ContentHash::of(b"R2");
    assert_eq!(make(fixture, Claim { tuple, ..claim(fixture, "second") }).await, Claimed::Ours);
}

/// Nobody has to remove it first.
pub async fn what_has_run_out_is_free<F: StoreFixture>(fixture: &F) {
    make(fixture, claim(fixture, "first")).await;
    fixture.clock().advance(Duration::from_secs(3599));
    assert_eq!(make(fixture, claim(fixture, "second")).await, held_by("first"));
    fixture.clock().advance(Duration::from_secs(1));
    assert_eq!(make(fixture, claim(fixture, "second")).await, Claimed::Ours);
    assert_eq!(make(fixture, claim(fixture, "first")).await, held_by("second"), "it has no right to it any more");
}

pub async fn a_claim_made_again_does_not_last_longer<F: StoreFixture>(fixture: &F) {
    make(fixture, claim(fixture, "first")).await;
    fixture.clock().advance(Duration::from_secs(1800));
    assert_eq!(make(fixture, claim(fixture, "first")).await, Claimed::Ours);
    fixture.clock().advance(Duration::from_secs(1800));
    assert_eq!(make(fixture, claim(fixture, "second")).await, Claimed::Ours);
}

/// Longer than a whole second, so that no home may count in those alone.
pub async fn its_end_is_exact<F: StoreFixture>(fixture: &F) {
    let until = fixture.clock().now() + Duration::from_millis(1500);
    make(fixture, Claim { until, ..claim(fixture, "first") }).await;
    fixture.clock().advance(Duration::from_millis(1400));
    assert_eq!(make(fixture, claim(fixture, "second")).await, held_by("first"));
    fixture.clock().advance(Duration::from_millis(100));
    assert_eq!(make(fixture, claim(fixture, "second")).await, Claimed::Ours);
}

pub async fn of_many_at_once_one_wins<F: StoreFixture>(fixture: &F) {
    let names: Vec<String> = (0..10).map(|number| format!("m{number}")).collect();
    let claimed = join_all(names.iter().map(|name| make(fixture, claim(fixture, name)))).await;
    let winners: Vec<&String> =
        names.iter().zip(&claimed).filter(|(_, claimed)| **claimed == Claimed::Ours).map(|(name, _)| name).collect();
    assert_eq!(winners.len(), 1, "{claimed:?}");
    let others = claimed.iter().filter(|claimed| **claimed == held_by(winners[0])).count();
    assert_eq!(others, 9, "{claimed:?}");
}

#[macro_export]
macro_rules! claims_suite {
    ($fixture:expr) => {
        $crate::cases!(
            claims,
            $fixture,
            [
                the_first_message_claims,
                the_same_message_finds_its_own_claim,
                other_routes_and_other_values_are_free,
                what_has_run_out_is_free,
                a_claim_made_again_does_not_last_longer,
                its_end_is_exact,
                of_many_at_once_one_wins,
            ]
        );
    };
}
