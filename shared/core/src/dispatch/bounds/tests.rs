use serde_json::json;

use super::*;
use crate::{
    answer::{FollowUp, Notification},
    id::{MessageType, NotificationLevel},
};

fn text(bytes: usize) -> Value {
    Value::String("x".repeat(bytes))
}

#[test]
fn parameters_of_an_endpoint_have_a_bound_for_all_of_them() {
    let check = |current: &[(&str, usize)], written: &[(&str, usize)], expected: &[(&str, usize)]| {
        let current = current.iter().map(|(name, bytes)| ((*name).to_owned(), text(*bytes))).collect();
        let parameters = written.iter().map(|(name, bytes)| ((*name).to_owned(), text(*bytes))).collect();
        let mut answer = Answer { parameters, ..Answer::default() };
        bound_parameters(&mut answer, &current);
        let found: Vec<_> =
            answer.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap().len())).collect();
        assert_eq!(found, expected);
        let names: BTreeSet<_> = written.iter().map(|(name, _)| name).collect();
        assert_eq!(answer.faults.len(), names.len() - expected.len(), "{:?}", answer.faults);
    };
    check(&[], &[("a", 10), ("b", 20)], &[("a", 10), ("b", 20)]);
    // A name of one byte, and the quotes.
    check(&[], &[("a", MOST_PARAMETERS - 3)], &[("a", MOST_PARAMETERS - 3)]);
    check(&[], &[("a", MOST_PARAMETERS - 2)], &[]);
    // What still fits is taken.
    check(&[], &[("a", 40_000), ("b", 40_000), ("c", 20_000)], &[("a", 40_000), ("c", 20_000)]);
    // What is replaced makes room.
    check(&[("a", 40_000)], &[("a", 50_000), ("b", 20_000)], &[("a", 50_000)]);
    check(&[("a", 40_000)], &[("a", 10_000), ("b", 40_000)], &[("a", 10_000), ("b", 40_000)]);
    check(&[("a", 40_000)], &[("a", 10), ("a", 30)], &[("a", 30)]);
    // Stored before there was a bound, or by several at once.
    check(&[("a", 100_000)], &[("a", 90_000), ("b", 1)], &[("a", 90_000)]);
}

#[test]
fn a_parameter_that_is_left_out_is_named() {
    let mut answer = Answer { parameters: vec![("token".to_owned(), text(70_000))], ..Answer::default() };
    bound_parameters(&mut answer, &BTreeMap::new());
    let expected = "parameters: \"token\" is left as it was: with its 70007 bytes the endpoint's parameters would have 70007, \
                    and 65536 is the most";
    assert_eq!(answer.faults, [expected]);
}

fn large(events: usize, messages: usize, notifications: usize) -> Answer {
    let message = |place| FollowUp { place, message: MessageType::new("order:paid").unwrap(), payload: text(1_000) };
    let note =
        Notification { level: NotificationLevel::Info, subject: "s".repeat(1_000), description: None, occurrences: 1 };
    Answer {
        events: vec![text(1_000); events],
        messages: (0..messages).map(|place| message(u32::try_from(place).unwrap())).collect(),
        notifications: vec![note; notifications],
        ..Answer::default()
    }
}

#[test]
fn of_an_answer_that_is_too_large_for_the_ledger_what_is_needed_least_goes_first() {
    let check = |answer: Answer, expected: (usize, usize, usize)| {
        let kept = kept(answer.clone());
        assert!(size(&kept) <= MOST_KEPT + 1_000);
        assert_eq!((kept.events.len(), kept.messages.len(), kept.notifications.len()), expected);
        assert_eq!(kept.faults.is_empty(), kept == answer);
    };
    check(large(70, 70, 70), (70, 70, 70));
    check(large(1_000, 70, 70), (0, 70, 70));
    check(large(70, 1_000, 70), (0, 0, 70));
    check(large(0, 1_000, 70), (0, 0, 70));
    check(large(1_000, 1_000, 1_000), (0, 0, 0));
}

#[test]
fn faults_are_kept_within_bounds() {
    let faults = |count, length| Answer { faults: vec!["ü".repeat(length); count], ..Answer::default() };
    assert_eq!(kept(faults(50, 300)), faults(50, 300));
    let many = kept(faults(60_000, 400)).faults;
    assert_eq!((many.len(), many[0].chars().count(), many[50].as_str()), (51, 301, "and 59950 more"));
}

#[test]
fn what_no_store_takes_is_recorded_in_part() {
    let answer = Answer { parameters: vec![("a".to_owned(), json!(1))], ..large(1, 1, 1) };
    let outcome = || Outcome { verdict: Verdict::Delivered, status: Some(200), answer: Some(answer.clone()) };
    let check = |less: Less, expected: &Answer, fault: &str| {
        let Outcome { verdict, status, answer } = outcome().lesser(less, "too large");
        assert_eq!((verdict, status), (Verdict::Delivered, Some(200)));
        assert_eq!(answer, Some(Answer { faults: vec![fault.to_owned()], ..expected.clone() }));
    };
    let fault = "the store does not take this answer; its objects, parameters and events are left out: too large";
    check(Less::FollowUps, &large(0, 1, 1), fault);
    let fault = "the store does not take this answer; its messages and notifications, objects, parameters and events are left out: \
                 too large";
    check(Less::Nothing, &Answer::default(), fault);
    let asked = Outcome { verdict: Verdict::AskAgain, ..outcome() };
    assert!(matches!(asked.lesser(Less::FollowUps, "too large").verdict, Verdict::Failed { retry_after: None, .. }));

    let waits = Answer { delay: Some(60), update_url: Some("/jobs/1".to_owned()), ..answer.clone() };
    let waiting = || Outcome { verdict: Verdict::NotFinished, status: Some(200), answer: Some(waits.clone()) };
    let lesser = waiting().lesser(Less::FollowUps, "too large");
    let left = lesser.answer.unwrap();
    assert_eq!(
        (lesser.verdict, left.delay, left.update_url.as_deref()),
        (Verdict::NotFinished, Some(60), Some("/jobs/1"))
    );
    assert!(matches!(waiting().lesser(Less::Nothing, "too large").verdict, Verdict::Failed { retry_after: None, .. }));
}

/// They are all that is still to be acted on.
#[test]
fn objects_are_kept_as_long_as_there_is_room_for_any() {
    let of = |count: usize| crate::answer::Objects {
        source: "my-store".parse().unwrap(),
        collection: "orders".parse().unwrap(),
        items: vec![text(1_000); count],
        ids: Vec::new(),
    };
    let check = |events: usize, objects: &[usize], expected: &[usize], fault: Option<&str>| {
        let objects = objects.iter().map(|count| of(*count)).collect();
        let kept = kept(Answer { objects, ..large(events, 0, 0) });
        assert!(size(&kept) <= MOST_KEPT + 1_000);
        assert_eq!(kept.objects.iter().map(|objects| objects.items.len()).collect::<Vec<_>>(), expected);
        assert_eq!(kept.faults.iter().find(|fault| fault.starts_with("objects")).map(String::as_str), fault);
    };
    check(1_000, &[100, 100], &[100, 100], None);
    let most = "objects: 750 are left out: an answer has 262144 bytes at most";
    check(0, &[1_000], &[250], Some(most));
    let most = "objects: 150 are left out: an answer has 262144 bytes at most";
    check(0, &[200, 200], &[200, 50], Some(most));
}
