use super::*;
use crate::{id::DeliveryKey, port::Unreadable};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_255_200 + seconds).unwrap()
}

fn route(name: &str) -> RouteName {
    name.parse().unwrap()
}

fn begun(byte: u8, seconds: i64) -> Begun {
    Begun { message: MessageId::from_bytes([byte; 16]), route: route("book"), round: 1, at: at(seconds) }
}

/// Of one message, by that route, to the endpoint `alpha`; due at 90.
fn delivery(name: &str, round: u32, state: DeliveryState) -> Delivery {
    Delivery {
        key: DeliveryKey { message: begun(1, 0).message, route: route(name), round },
        endpoint: "alpha".parse().unwrap(),
        state,
        attempts: Vec::new(),
        receives: 1,
        updated_at: at(30),
        next_attempt_at: (!state.ended()).then(|| at(90)),
        reason: None,
        answer: None,
        next_round: false,
        untracked: false,
    }
}

#[test]
fn a_delivery_is_on_its_way_until_its_last_round_is_over() {
    use DeliveryState::{DeadLettered, Delivered, Retrying, Superseded, Suppressed, Waiting};
    let unheard = OnItsWay { due: None, updated_at: None };
    let retrying = OnItsWay { due: Some(at(90)), updated_at: Some(at(30)) };
    let check = |known: Vec<Read<Delivery>>, expected: &[OnItsWay]| {
        let found = on_their_way(&"alpha".parse().unwrap(), &[route("book")], &known);
        assert_eq!(found, expected, "{known:?}");
    };
    check(vec![], &[unheard]);
    for over in [Delivered, DeadLettered, Superseded, Suppressed, Waiting] {
        check(vec![Ok(delivery("book", 1, over))], &[]);
        check(vec![Ok(delivery("book", 1, Retrying)), Ok(delivery("book", 2, over))], &[]);
    }
    check(vec![Ok(delivery("book", 1, Retrying))], &[retrying]);
    check(vec![Ok(delivery("book", 2, Retrying)), Ok(delivery("book", 1, DeadLettered))], &[retrying]);

    let again = Delivery { next_round: true, ..delivery("book", 1, Delivered) };
    check(vec![Ok(again.clone())], &[OnItsWay { due: None, updated_at: Some(at(30)) }]);
    check(vec![Ok(again), Ok(delivery("book", 2, Delivered))], &[]);

    check(vec![Ok(delivery("mail", 1, Retrying)), Ok(delivery("book", 1, Delivered))], &[retrying]);
    let elsewhere = Delivery { endpoint: "beta".parse().unwrap(), ..delivery("book", 1, Retrying) };
    check(vec![Ok(elsewhere)], &[unheard]);
    check(vec![Err(Unreadable("a delivery".to_owned()))], &[]);
}

#[test]
fn a_line_moves_on_and_keeps_what_was_begun_of_one_version() {
    let first = moved_on(Line::default(), 3, begun(1, 5));
    assert_eq!(first, Line { revision: 1, passed: 3, begun: vec![begun(1, 5)], watch: None });
    let watched = Line { watch: Some(looked(None, at(6))), ..first };
    let second = moved_on(watched, 3, begun(2, 7));
    assert_eq!((second.revision, &second.begun, second.watch), (2, &vec![begun(1, 5), begun(2, 7)], None));
    let again = Begun { round: 2, ..begun(1, 8) };
    assert_eq!(moved_on(second.clone(), 3, again.clone()).begun, vec![begun(2, 7), again]);
    let next = moved_on(second, 5, begun(3, 9));
    assert_eq!((next.revision, next.passed, next.begun), (3, 5, vec![begun(3, 9)]));
}

#[test]
fn a_delivery_is_under_way_until_its_outcome_or_its_timeout() {
    let attempt = |seconds, took_ms| Attempt { at: at(seconds), took_ms, status: Some(500), failure: None };
    let check = |round, attempts: Option<Vec<Attempt>>, expected: Option<i64>| {
        let line = Line { begun: vec![begun(2, 1), begun(1, 20)], ..Line::default() };
        let known = attempts.map(|attempts| Delivery { attempts, ..delivery("book", round, DeliveryState::Retrying) });
        let key = DeliveryKey { message: begun(1, 0).message, route: route("book"), round };
        let until = under_way_until(&line, &key, known.as_ref(), Duration::from_secs(15));
        assert_eq!(until, expected.map(at), "{known:?}");
    };
    check(1, None, Some(35));
    check(1, Some(vec![]), Some(35));
    check(1, Some(vec![attempt(5, 200)]), Some(35));
    check(1, Some(vec![attempt(5, 200), attempt(19, 1_500)]), None);
    check(1, Some(vec![attempt(5, 200), attempt(20, 0)]), None);
    // Of a suspect: begun, and no outcome.
    let begun = "begun, and the hub died before its end".to_owned();
    check(1, Some(vec![Attempt { status: None, failure: Some(begun), ..attempt(20, 0) }]), Some(35));
    check(2, None, None);
    let other = DeliveryKey { message: self::begun(3, 0).message, route: route("book"), round: 1 };
    assert_eq!(under_way_until(&Line::default(), &other, None, Duration::from_secs(15)), None);
}

#[test]
fn a_watch_with_a_gap_begins_anew() {
    let check = |since, seen, now, expected| {
        let noted = Watch { since: at(since), seen: at(seen) };
        assert_eq!(looked(Some(noted), at(now)), Watch { since: at(expected), seen: at(now) });
    };
    assert_eq!(looked(None, at(1)), Watch { since: at(1), seen: at(1) });
    check(0, 100, 200, 0);
    check(0, 100, 3_700, 0);
    check(0, 100, 3_701, 3_701);
    // A clock that was set back.
    check(0, 100, 50, 0);
    assert!(GAP > LONGEST_WAIT + NOTED_EVERY, "who looks as seldom as can be leaves no gap");
}

#[test]
fn it_is_looked_again_when_the_older_one_is_due_and_else_ever_more_seldom() {
    let check = |due: Option<i64>, heard, now, expected: u64| {
        assert_eq!(wait(due.map(at), at(heard), at(now)), Duration::from_millis(expected), "{due:?} {heard} {now}");
    };
    check(Some(90), 30, 30, 60_500);
    check(Some(9_000), 30, 30, 1_800_000);
    check(Some(30), 30, 30, 500);
    check(None, 30, 30, 500);
    check(None, 30, 34, 4_000);
    check(Some(30), 30, 100, 70_000);
    check(None, 30, 50_000, 1_800_000);
    // A clock that was set back.
    check(None, 30, 10, 500);
}

#[test]
fn a_line_of_an_older_release_can_be_read() {
    let line: Line = serde_json::from_str(r#"{"revision":4,"passed":2}"#).unwrap();
    assert_eq!(line, Line { revision: 4, passed: 2, ..Line::default() });
}
