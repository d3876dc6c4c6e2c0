use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    Timestamp,
    golden::{context, hub, now, orders},
    hub::{Derive, DeriveWhen, Key, KeyKind, ObjectRules},
    id::{ContentHash, ObjectKey},
    json::content_hash,
    message::Message,
    object::{
        Decision, Shown, decide,
        decide::{Deriving, deriving, keys},
    },
    version::{Head, Order, Version},
};

/// Every head, against every thing a source can show.
#[test]
fn what_happened() {
    use Decision::*;
    let (same, other) = (ContentHash([1; 32]), ContentHash([2; 32]));
    let head = |baseline, deleted| Some(Head { version: 3, last: 3, hash: same, baseline, deleted, order: None });
    for (seen, shown_same, shown_other, gone) in [
        // (of an unseen one: news or not)
        (None, [New, Baseline], [New, Baseline], [Baseline, Baseline]),
        (head(false, false), [Unchanged; 2], [Updated; 2], [Deleted; 2]),
        (head(true, false), [Unchanged; 2], [Updated; 2], [Deleted; 2]),
        // What comes back is an update, be it the same; what stays away is none.
        (head(false, true), [Updated; 2], [Updated; 2], [Unchanged; 2]),
        (head(true, true), [Updated; 2], [Updated; 2], [Unchanged; 2]),
    ] {
        for (place, news) in [true, false].into_iter().enumerate() {
            let check = |hash, deleted, expected: Decision| {
                // Where nothing is known of the head's, an order tells nothing.
                for order in [None, Some(Order::Number(1))] {
                    let shown = Shown { hash, deleted, order, by_source: true };
                    assert_eq!(decide(seen.as_ref(), &shown, news), expected, "{seen:?} {shown:?} {news}");
                }
            };
            check(same, false, shown_same[place]);
            check(other, false, shown_other[place]);
            check(same, true, gone[place]);
            check(other, true, gone[place]);
        }
    }
}

/// A head at 5 that is there, and one that was deleted, against what is older, as old, newer, and of another kind. Each line:
/// what is shown is the same as the head, something else, or gone.
#[test]
fn what_came_late() {
    use Decision::*;
    let time = |minute: i64| Order::Time(Timestamp::from_second(minute * 60).unwrap());
    let numbers = [4, 5, 6].map(Order::Number);
    let times = [4, 5, 6].map(time);
    let (same, other) = (ContentHash([1; 32]), ContentHash([2; 32]));
    let check = |known: Order, shown: Option<Order>, there: [Decision; 3], gone: [Decision; 3], by_source: bool| {
        for (deleted, expected) in [(false, there), (true, gone)] {
            let head = Head { version: 3, last: 3, hash: same, baseline: false, deleted, order: Some(known) };
            let cases = [(same, false), (other, false), (other, true)];
            for ((hash, deleted), expected) in cases.into_iter().zip(expected) {
                let shown = Shown { hash, deleted, order: shown, by_source };
                // That it is news is no matter where there is a head.
                for news in [true, false] {
                    assert_eq!(decide(Some(&head), &shown, news), expected, "{head:?} {shown:?}");
                }
            }
        }
    };
    for (known, [older, equal, newer]) in [(numbers[1], numbers), (times[1], times)] {
        for by_source in [true, false] {
            check(known, Some(older), [Unchanged, Late, Late], [Late, Late, Unchanged], by_source);
            check(known, Some(newer), [Unchanged, Updated, Deleted], [Updated, Updated, Unchanged], by_source);
            check(known, None, [Unchanged, Updated, Deleted], [Updated, Updated, Unchanged], by_source);
        }
        // One number is one change, and to be gone is another one; an endpoint leaves the number as it was.
        let there = if equal == numbers[1] { Unchanged } else { Updated };
        check(known, Some(equal), [Unchanged, there, Deleted], [Late, Late, Unchanged], true);
        check(known, Some(equal), [Unchanged, Updated, Deleted], [Late, Late, Unchanged], false);
    }
    for (known, shown) in [(numbers[1], times[0]), (times[1], numbers[0])] {
        check(known, Some(shown), [Unchanged, Updated, Deleted], [Updated, Updated, Unchanged], true);
    }
}

fn version(body: &Value) -> Version {
    Version {
        key: ObjectKey { collection: orders(&hub()).key.clone(), id: "R1".to_owned() },
        object_type: "order".parse().unwrap(),
        number: 2,
        parent: Some(1),
        hash: content_hash(body, &[]),
        stored_at: now(),
        baseline: false,
        deleted: false,
        order: None,
        late: false,
        body: body.clone(),
    }
}

fn messages(rules: &[Derive], decision: Decision, old: Option<&Value>, new: &Value) -> Vec<Message> {
    let rules = ObjectRules { derive: rules.to_vec(), ..ObjectRules::default() };
    let version = version(new);
    let of = Deriving { version: &version, decision, rules: &rules, previous: old, within: None, trace_id: None };
    deriving(&context(&hub()), &of)
}

fn rule(path: &str, when: DeriveWhen, message: &str, instead: bool) -> Derive {
    Derive { path: path.parse().unwrap(), when, message: message.parse().unwrap(), instead }
}

fn becomes(value: Value) -> DeriveWhen {
    DeriveWhen::Becomes(value)
}

fn is(value: Value) -> DeriveWhen {
    DeriveWhen::Is(value)
}

#[track_caller]
fn check_types(rules: &[Derive], old: Option<&Value>, new: &Value, expected: &[&str]) {
    let decision = if old.is_some() { Decision::Updated } else { Decision::New };
    let messages = messages(rules, decision, old, new);
    let types: Vec<&str> = messages.iter().map(|message| message.message.as_str()).collect();
    assert_eq!(types, expected, "{old:?} → {new}");
    let ids: BTreeSet<_> = messages.iter().map(|message| message.message_id).collect();
    assert_eq!(ids.len(), messages.len(), "each has its own id");
    let traces: BTreeSet<_> = messages.iter().map(|message| &message.trace_id).collect();
    assert_eq!(traces.len(), 1, "all are one change");
}

#[test]
fn what_becomes_so_is_told_once() {
    let (paid, canceled) = (json!({"state": "paid"}), json!({"state": "canceled"}));
    let noted = json!({"state": "canceled", "note": 1});
    let beside = [rule("state", becomes(json!("canceled")), "order:canceled", false)];
    check_types(&beside, Some(&paid), &canceled, &["order:updated", "order:canceled"]);
    check_types(&beside, Some(&canceled), &noted, &["order:updated"]);
    check_types(&beside, Some(&canceled), &paid, &["order:updated"]);
    check_types(&beside, Some(&json!({})), &canceled, &["order:updated", "order:canceled"]);
    check_types(&beside, None, &canceled, &["order:new", "order:canceled"]);
    check_types(&beside, None, &paid, &["order:new"]);

    let instead = [rule("state", becomes(json!("canceled")), "order:canceled", true)];
    check_types(&instead, Some(&paid), &canceled, &["order:canceled"]);
    check_types(&instead, Some(&canceled), &noted, &["order:updated"]);
    // A new object is always told as new.
    check_types(&instead, None, &canceled, &["order:new", "order:canceled"]);
}

#[test]
fn what_is_so_is_told_with_every_change() {
    let (ready, noted) = (json!({"state": "ready"}), json!({"state": "ready", "note": 1}));
    let open = json!({"state": "open"});
    let beside = [rule("state", is(json!("ready")), "order:ready", false)];
    check_types(&beside, Some(&open), &ready, &["order:updated", "order:ready"]);
    check_types(&beside, Some(&ready), &noted, &["order:updated", "order:ready"]);
    check_types(&beside, Some(&noted), &open, &["order:updated"]);
    check_types(&beside, None, &ready, &["order:new", "order:ready"]);

    let instead = [rule("state", is(json!("ready")), "order:ready", true)];
    check_types(&instead, Some(&ready), &noted, &["order:ready"]);
    check_types(&instead, Some(&noted), &open, &["order:updated"]);
    check_types(&instead, None, &ready, &["order:new", "order:ready"]);
}

#[test]
fn rules_stand_beside_each_other() {
    let rules = [
        rule("state", becomes(json!("canceled")), "order:canceled", true),
        rule("paid", is(json!(true)), "order:paid", false),
        rule("state", is(json!("canceled")), "order:canceled", false),
    ];
    let (old, new) = (json!({"state": "open", "paid": true}), json!({"state": "canceled", "paid": true}));
    check_types(&rules, Some(&old), &new, &["order:canceled", "order:paid", "order:canceled"]);
    check_types(&rules, Some(&new), &old, &["order:updated", "order:paid"]);
}

#[test]
fn a_condition_compares_as_content_does() {
    let check = |wanted: &Value, found: &str, holds: bool| {
        let new: Value = serde_json::from_str(&format!("{{\"a\": {{\"b\": [{found}]}}}}")).unwrap();
        let expected: &[&str] = if holds { &["order:new", "order:so"] } else { &["order:new"] };
        check_types(&[rule("a.b.0", is(wanted.clone()), "order:so", false)], None, &new, expected);
    };
    check(&json!(1), "1.0", true);
    check(&json!(1), "10e-1", true);
    check(&json!(1), "\"1\"", false);
    check(&json!(1), "true", false);
    check(&json!(null), "null", true);
    check(&json!(true), "true", true);
    check(&json!("paid"), "\"Paid\"", false);
    check(&json!({"x": 1, "y": 2}), "{\"y\": 2.0, \"x\": 1}", true);
    // What is absent is nothing, not even null.
    check(&json!(null), "", false);

    let unpaid = [rule("paid", becomes(json!(null)), "order:unpaid", false)];
    check_types(&unpaid, Some(&json!({"paid": 1})), &json!({"paid": null}), &["order:updated", "order:unpaid"]);
    check_types(&unpaid, Some(&json!({"paid": 1})), &json!({}), &["order:updated"]);
    // A number spelt otherwise has not become anything.
    let one: Value = serde_json::from_str(r#"{"paid": 1.0}"#).unwrap();
    let again = [rule("paid", becomes(json!(1)), "order:paid", false)];
    check_types(&again, Some(&one), &json!({"paid": 1, "note": 1}), &["order:updated"]);
}

#[test]
fn no_rule_makes_more_of_what_is_not_told() {
    let rules = [rule("state", is(json!("x")), "order:x", true)];
    let body = json!({"state": "x"});
    for decision in [Decision::Unchanged, Decision::Late, Decision::Baseline] {
        assert_eq!(messages(&rules, decision, None, &body), []);
    }
    let deleted = messages(&rules, Decision::Deleted, None, &body);
    assert_eq!(deleted.iter().map(|message| message.message.as_str()).collect::<Vec<_>>(), ["order:deleted"]);
}

#[test]
fn only_an_update_says_what_was_before() {
    let (old, new) = (json!({"total": 1}), json!({"total": 2}));
    let updated = &messages(&[], Decision::Updated, Some(&old), &new)[0];
    assert_eq!(updated.previous.as_ref(), Some(&old));
    assert_eq!(updated.changes.as_ref().unwrap().len(), 1);
    for decision in [Decision::New, Decision::Deleted] {
        let message = &messages(&[], decision, None, &new)[0];
        assert_eq!((&message.previous, &message.changes), (&None, &None), "{decision:?}");
    }
}

/// `None`: the key is left out.
#[test]
fn keys_are_values_of_their_kind() {
    let check = |kind: Option<KeyKind>, found: &str, expected: Option<&str>| {
        let key = Key { name: "k".to_owned(), path: "a.b".parse().unwrap(), kind };
        let body: Value = serde_json::from_str(&format!("{{\"a\": {{\"b\": {found}}}}}")).unwrap();
        let expected = expected.map(|text| serde_json::from_str::<Value>(text).unwrap());
        let expected: BTreeMap<String, Value> = expected.map(|value| ("k".to_owned(), value)).into_iter().collect();
        assert_eq!(keys(&[key], &body), expected, "{kind:?} {found}");
    };
    for kind in [None, Some(KeyKind::Number), Some(KeyKind::String), Some(KeyKind::Boolean)] {
        check(kind, "null", None);
        check(kind, "\"\"", None);
    }
    for same in ["1", "24.990", "\"a\"", "true", "[1, 2]", "{\"c\": 1}"] {
        check(None, same, Some(same));
    }

    let number = Some(KeyKind::Number);
    check(number, "24.990", Some("24.990"));
    check(number, "\"24.990\"", Some("24.990"));
    check(number, "\" 199.99 \"", Some("199.99"));
    check(number, "\"-1e3\"", Some("-1e3"));
    check(number, "\"9007199254740993\"", Some("9007199254740993"));
    for none in
        ["\"1,299\"", "\"0x10\"", "\"$5\"", "\"1 2\"", "\"01\"", "\"+1\"", "\".5\"", "\"NaN\"", "true", "[1]", "{}"]
    {
        check(number, none, None);
    }

    let string = Some(KeyKind::String);
    check(string, "\"a\"", Some("\"a\""));
    check(string, "1", Some("\"1\""));
    check(string, "24.990", Some("\"24.990\""));
    check(string, "true", Some("\"true\""));
    check(string, "[\"a\"]", None);
    check(string, "{}", None);

    let boolean = Some(KeyKind::Boolean);
    check(boolean, "true", Some("true"));
    check(boolean, "false", Some("false"));
    check(boolean, "\"true\"", Some("true"));
    check(boolean, "\"false\"", Some("false"));
    for none in ["1", "0", "\"yes\"", "\"True\"", "[true]"] {
        check(boolean, none, None);
    }
}

/// An order inside an order: the message is about the one inside.
#[test]
fn a_child_of_its_parents_type_is_not_hidden_by_it() {
    let (inner, outer) = (json!({"number": "R1/1"}), json!({"number": "R1"}));
    let version = version(&inner);
    let rules = ObjectRules::default();
    let within = Some((&version.object_type, &outer));
    let of =
        Deriving { version: &version, decision: Decision::New, rules: &rules, previous: None, within, trace_id: None };
    assert_eq!(deriving(&context(&hub()), &of)[0].payload, json!({"order": {"actual": inner}}));
}
