//! What may match together in lists of objects, as event-ruler's documentation and source have it.

use serde_json::{Value, json};

use super::every;
use crate::pattern::{Matcher, compile_raw};

fn matches(fields: &Value, detail: &Value) -> bool {
    let pattern = compile_raw(&every(), &json!({"detail": fields})).unwrap();
    !Matcher::new([(0, &pattern)]).matches(&json!({"source": "crossdock.shop", "detail": detail})).is_empty()
}

#[test]
fn one_element_has_to_pass_everything() {
    let check = |fields: Value, detail: Value, expected: bool| {
        assert_eq!(matches(&fields, &detail), expected, "{fields} on {detail}");
    };
    let people = json!({"people": [{"first": "John", "last": "Doe"}, {"first": "Anna", "last": "Smith"}]});
    check(json!({"people": {"first": ["Anna"]}}), people.clone(), true);
    check(json!({"people": {"first": ["Anna"], "last": ["Smith"]}}), people.clone(), true);
    check(json!({"people": {"first": ["Anna"], "last": ["Doe"]}}), people, false);
    // Lists in lists, and a list on the way.
    let orders = json!({"orders": [
        [{"id": 1, "lines": [{"sku": "A", "n": 1}, {"sku": "B", "n": 2}]}],
        [{"id": 2, "lines": [{"sku": "A", "n": 3}]}],
    ]});
    let line = |id: i64, sku: &str, n: i64| json!({"orders": {"id": [id], "lines": {"sku": [sku], "n": [n]}}});
    check(line(1, "A", 1), orders.clone(), true);
    check(line(2, "A", 3), orders.clone(), true);
    check(line(1, "A", 2), orders.clone(), false);
    check(line(2, "A", 1), orders.clone(), false);
    check(line(2, "B", 2), orders, false);
    // Two lists beside each other have nothing to do with each other.
    let beside = json!({"a": [{"x": 1}, {"x": 2}], "b": [{"y": 1}, {"y": 2}]});
    check(json!({"a": {"x": [1]}, "b": {"y": [2]}}), beside, true);
}

/// In the order of the paths: the element is chosen by what comes before.
#[test]
fn absence_in_lists() {
    let check = |fields: Value, detail: Value, expected: bool| {
        assert_eq!(matches(&fields, &detail), expected, "{fields} on {detail}");
    };
    let absent = || json!([{"exists": false}]);
    let lines = json!({"lines": [{"b": 1}, {"a": 2}, {"c": 3}]});
    check(json!({"lines": {"a": absent(), "b": [1]}}), lines.clone(), false);
    check(json!({"lines": {"b": [1], "c": absent()}}), lines.clone(), true);
    check(json!({"lines": {"a": absent(), "x": absent()}}), lines.clone(), false);
    check(json!({"lines": {"x": absent(), "y": absent()}}), lines.clone(), true);
    check(json!({"lines": {"b": [1], "c": [{"exists": false}, 4]}}), lines, true);
    check(json!({"lines": {"b": [1], "c": absent()}}), json!({"lines": [{"b": 1, "c": 3}, {"b": 2}]}), false);
    // An object, and an empty list, are no values.
    check(json!({"a": absent()}), json!({"a": {"b": 1}}), true);
    check(json!({"a": absent()}), json!({"a": [[], {}]}), true);
    check(json!({"a": absent()}), json!({"a": [[], [null]]}), false);
}

#[test]
fn a_name_with_a_dot_is_two_names() {
    assert!(matches(&json!({"a": {"b": [1], "c": [2]}}), &json!({"a.b": 1, "a": {"c": 2}})));
    assert!(!matches(&json!({"a": {"b": [1]}}), &json!({"a..b": 1, ".a.b": 1, "a.b.": 1, "a": 1})));
}

/// Combined with each other, these lists would keep a machine busy for years.
#[test]
fn long_lists_cost_their_sum() {
    let list = |name: &str| -> Value { (0..3_000).map(|_| json!({name: 1, "same": 1})).collect() };
    let detail = json!({"a": list("x"), "b": list("x"), "c": list("x"), "d": [{"x": 1}, {"y": 1}]});
    let fields = json!({"a": {"x": [1]}, "b": {"x": [1]}, "c": {"x": [1]}, "d": {"x": [1], "y": [1]}});
    assert!(!matches(&fields, &detail));
}
