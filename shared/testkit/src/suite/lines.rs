//! The contract of [`Lines`]: of several who move a line on from one place, one does.

use crossdock_core::{
    id::{EndpointName, ObjectKey},
    port::{Begun, Line, Lines, Watch},
};
use futures_util::future::join_all;

use super::StoreFixture;
use crate::build::{at, endpoint, message_id, object, order};

/// Everything set.
fn line(revision: u64, passed: u64) -> Line {
    let begun = |name: &str| Begun {
        message: message_id(name),
        route: "book".parse().expect("a route name"),
        round: 2,
        at: at(1),
    };
    Line { revision, passed, begun: vec![begun("a"), begun("b")], watch: Some(Watch { since: at(2), seen: at(3) }) }
}

async fn set<F: StoreFixture>(fixture: &F, to: (&EndpointName, &ObjectKey), line: &Line) -> bool {
    fixture.store().set_line(to.0, to.1, line).await.expect("set_line")
}

async fn get<F: StoreFixture>(fixture: &F, of: (&EndpointName, &ObjectKey)) -> Option<Line> {
    fixture.store().line(of.0, of.1).await.expect("line")
}

pub async fn a_line_comes_back_as_it_was<F: StoreFixture>(fixture: &F) {
    let (alpha, r1) = (endpoint("alpha"), order("R1"));
    let of = (&alpha, &r1);
    assert_eq!(get(fixture, of).await, None);
    assert!(set(fixture, of, &line(1, 3)).await);
    assert_eq!(get(fixture, of).await, Some(line(1, 3)));
    let bare = Line { revision: 2, passed: 4, ..Line::default() };
    assert!(set(fixture, of, &bare).await);
    assert_eq!(get(fixture, of).await, Some(bare));
}

pub async fn each_endpoint_and_object_has_its_own<F: StoreFixture>(fixture: &F) {
    let (alpha, beta) = (endpoint("alpha"), endpoint("beta"));
    let long = "x".repeat(3_000);
    let objects = [order("R1"), order("R2"), object("my-store/orders.payments", "R1"), order(&long)];
    let mut all = Vec::new();
    for (place, of) in [&alpha, &beta].into_iter().flat_map(|of| objects.iter().map(move |key| (of, key))).enumerate() {
        assert!(set(fixture, of, &line(1, place as u64)).await, "{place}");
        all.push(of);
    }
    for (place, of) in all.into_iter().enumerate() {
        assert_eq!(get(fixture, of).await, Some(line(1, place as u64)), "{place}");
    }
}

pub async fn it_is_moved_on_from_where_it_is_only<F: StoreFixture>(fixture: &F) {
    let (alpha, r1) = (endpoint("alpha"), order("R1"));
    let of = (&alpha, &r1);
    assert!(!set(fixture, of, &line(2, 1)).await, "there is none to move on from");
    assert_eq!(get(fixture, of).await, None);
    assert!(set(fixture, of, &line(1, 1)).await);
    for revision in [1, 3] {
        assert!(!set(fixture, of, &line(revision, 9)).await, "{revision}");
    }
    assert!(set(fixture, of, &line(2, 2)).await);
    assert!(!set(fixture, of, &line(2, 9)).await, "once");
    assert_eq!(get(fixture, of).await, Some(line(2, 2)));
}

pub async fn of_many_at_once_one_moves_it<F: StoreFixture>(fixture: &F) {
    let (alpha, r1) = (endpoint("alpha"), order("R1"));
    let of = (&alpha, &r1);
    for revision in 1..=2 {
        let lines: Vec<Line> = (1..=10).map(|passed| line(revision, passed)).collect();
        let moved = join_all(lines.iter().map(|line| set(fixture, of, line))).await;
        let winners: Vec<&Line> = lines.iter().zip(&moved).filter(|(_, moved)| **moved).map(|(line, _)| line).collect();
        assert_eq!(winners.len(), 1, "{moved:?}");
        assert_eq!(get(fixture, of).await.as_ref(), Some(winners[0]));
    }
}

#[macro_export]
macro_rules! lines_suite {
    ($fixture:expr) => {
        $crate::cases!(
            lines,
            $fixture,
            [
                a_line_comes_back_as_it_was,
                each_endpoint_and_object_has_its_own,
                it_is_moved_on_from_where_it_is_only,
                of_many_at_once_one_moves_it,
            ]
        );
    };
}
