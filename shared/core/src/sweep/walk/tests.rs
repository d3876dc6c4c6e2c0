use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const FIRST: Duration = LOOKS[0];

/// So many hours after a moment.
fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
}

fn place(name: &str) -> Option<Place> {
    Some(Place(name.to_owned()))
}

fn walks(mark: &Mark, now: Timestamp) -> Vec<Walk> {
    begin(mark, now).0
}

/// After a sweep at `now`.
fn marked(walks: &[Walk], now: Timestamp) -> Mark {
    mark(walks, begin(&Mark(None), now).1)
}

/// Where the walk of the first look stands.
fn stretch(mark: &Mark, now: Timestamp) -> Stretch {
    walks(mark, now).remove(0).at
}

#[test]
fn the_next_sweep_goes_on_where_the_mark_says() {
    let check = |mark: &str, from: Timestamp, until: Timestamp, after: Option<Place>| {
        let found = stretch(&Mark(Some(mark.to_owned())), at(0));
        assert_eq!(found, Stretch { from, until, after }, "{mark}");
    };
    // As older versions wrote it.
    let mark = |from: Timestamp, until: Timestamp, after: &str| {
        format!(r#"[{{"from": "{from}", "until": "{until}", "after": {after}}}]"#)
    };
    let (none, reached) = (ago(at(0), FROM), ago(at(0), FIRST));
    assert_eq!(stretch(&Mark(None), at(0)), Stretch { from: none, until: reached, after: None });
    // At the end of a stretch: another one, up to now. In the middle: to its own end.
    check(&mark(at(-500), at(-500), "null"), at(-500), reached, None);
    check(&mark(at(-500), at(-400), "\"x\""), at(-500), at(-400), place("x"));
    // Before its first page was done, or where that was held.
    check(&mark(at(-500), at(-400), "null"), at(-500), reached, None);
    // Of a clock that was ahead, and what nobody wrote.
    check(&mark(at(1), at(1), "null"), none, reached, None);
    for nonsense in ["", "null", "[]", "{}", "[{}]", r#"[{"from": 1}]"#] {
        check(nonsense, none, reached, None);
    }
}

#[test]
fn a_mark_comes_back_as_it_was() {
    let mut before = walks(&Mark(None), at(0));
    before[0].go_on(place("a \"place\""), false, at(0));
    before[1].go_on(None, false, at(0));
    let after = walks(&marked(&before, at(0)), at(0));
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.at, after.at);
    }
    assert!(!after[0].is_over() && after[1].is_over());
}

/// A clock that was set back is waited for, not followed.
#[test]
fn what_was_looked_at_is_not_looked_at_again() {
    let mut walks_then = walks(&Mark(None), at(10));
    walks_then.iter_mut().for_each(|walk| walk.go_on(None, false, at(10)));
    let now = at(10).checked_sub(FIRST / 2).unwrap();
    let walks_now = walks(&marked(&walks_then, at(10)), now);
    assert!(walks_now.iter().all(Walk::is_over));
    assert_eq!(walks(&marked(&walks_now, now), at(12))[0].at.from, ago(at(10), FIRST));
}

#[test]
fn the_walk_goes_on_past_a_page_that_holds_the_mark() {
    let mut walks = walks(&Mark(None), at(0));
    let walk = &mut walks[0];
    walk.go_on(place("1"), false, at(0));
    walk.go_on(place("2"), true, at(0));
    walk.go_on(place("3"), false, at(0));
    assert_eq!((walk.at.after.clone(), walk.kept.after.clone()), (place("3"), place("1")));
    walk.go_on(None, false, at(0));
    assert!(walk.is_over());
    let kept = walk.kept.clone();
    assert_eq!(stretch(&marked(&walks, at(0)), at(1)), kept, "the next sweep comes by the second page again");
}

#[test]
fn a_page_is_held_for_some_days() {
    let walk = walks(&Mark(None), at(0)).remove(0);
    let check = |age: Duration, expected: bool| assert_eq!(walk.holds(ago(at(0), age), at(0)), expected, "{age:?}");
    check(FIRST, true);
    check(FIRST + HELD - HOUR, true);
    check(FIRST + HELD, false);
    check(HELD * 10, false);
}

#[test]
fn a_hub_is_at_work_for_as_long_as_sweeps_come_by() {
    let hours = |hours: u64| HOUR * u32::try_from(hours).unwrap();
    let check = |sweeps: &[i64], expected: Duration| {
        let mut known = None;
        for sweep in sweeps {
            known = Some(AtWork::go_on(known, at(*sweep)));
        }
        let at_work = known.unwrap();
        let found = at_work.until.duration_since(at_work.since);
        assert_eq!(Duration::try_from(found).unwrap(), expected, "{sweeps:?}");
    };
    check(&[0], hours(1));
    check(&[0, 1, 2, 3], hours(4));
    // One is missing: for an hour nobody knows what was done.
    check(&[0, 1, 3], hours(0));
    check(&[0, 1, 3, 4], hours(1));
    check(&[0, 400], hours(0));
    // A clock that was set back.
    check(&[5, 6, 2, 3], hours(1));
}

#[test]
fn since_when_a_hub_is_at_work_is_kept_with_the_mark() {
    let (walks, first) = begin(&Mark(None), at(0));
    let (walks, second) = begin(&mark(&walks, first), at(1));
    assert_eq!(second, AtWork { since: first.since, until: at(1) });
    assert!(second.lasts(2 * HOUR) && !second.lasts(3 * HOUR));
    let (_, much_later) = begin(&mark(&walks, second), at(9));
    assert!(much_later.lasts(Duration::ZERO) && !much_later.lasts(Duration::from_secs(1)));
}
