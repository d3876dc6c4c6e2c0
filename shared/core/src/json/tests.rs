use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::message::Change;

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn paths(texts: &[&str]) -> Vec<FieldPath> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[track_caller]
fn check_canonical(text: &str, expected: &str) {
    let value = parse(text);
    assert_eq!(canonical(&value, &[]), expected, "{text}");
    assert_eq!(canonical(&parse(expected), &[]), expected, "canonical text is its own canonical text");
}

#[test]
fn keys_and_text_are_as_rfc_8785_says() {
    check_canonical(r#" { "b" : [ true , false , null ] , "a" : { } } "#, r#"{"a":{},"b":[true,false,null]}"#);
    // §3.2.3's own example: code units of UTF-16, in which U+1F600 (D83D DE00) comes before U+FB33.
    check_canonical(
        r#"{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
            "\u00f6": "Latin Small Letter O With Diaeresis"}"#,
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
         \"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",\
         \"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
    );
    // §3.2.2.2: the short escapes, \u00xx in lower case for other controls, and nothing else.
    check_canonical(
        r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#,
        "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"",
    );
    check_canonical(r#""\u0008\u0009\u000c\u000d\u001f\u007f\u2028""#, "\"\\b\\t\\f\\r\\u001f\u{7f}\u{2028}\"");
    check_canonical(r#"{"a\"\n": 1}"#, r#"{"a\"\n":1}"#);
}

/// Each line is one number in several spellings, and its canonical one.
#[test]
fn a_number_has_one_spelling() {
    let huge = format!("1e{}", "9".repeat(60));
    for (spellings, expected) in [
        (&["1", "1.0", "10e-1", "1E0", "1e+0", "0.1e1", "100E-2", "1.000"][..], "1"),
        (&["0", "-0", "0.0", "-0.000", "0e7", "0E-400", "-0e99999999999999999999999999999999999999999"], "0"),
        (&["24.99", "24.990", "2499e-2", "0.2499e2", "2499.00E-0002"], "2499e-2"),
        (&["-5", "-5.0", "-50e-1"], "-5"),
        (&["100", "1e2", "1.00e2", "0.1E+3"], "100"),
        (&["0.001", "1e-3", "0.1e-2"], "1e-3"),
        (&["9007199254740993", "9007199254740993.0"], "9007199254740993"),
        (&["9007199254740992", "9007199254740992e0"], "9007199254740992"),
        (&["1e21", "1000000000000000000000", "1E+21"], "1000000000000000000000"),
        (&["1e40"], "10000000000000000000000000000000000000000"),
        (&["1e41", "10e40"], "1e41"),
        (&["1e400", "10e399", "0.1e401"], "1e400"),
        (&["0.1", "0.10000000000000000000000000000000000000000"], "1e-1"),
        (&["0.1000000000000000055511151231257827021181583404541015625"], {
            "1000000000000000055511151231257827021181583404541015625e-55"
        }),
        // Past i64, where two numbers once came to one text, and past i128, where each spelling stands for itself.
        (&["1e9223372036854775807"], "1e9223372036854775807"),
        (&["10e9223372036854775807", "1e9223372036854775808"], "1e9223372036854775808"),
        (&["1e-9223372036854775808", "10e-9223372036854775809"], "1e-9223372036854775808"),
        (&["0.1e-9223372036854775808"], "1e-9223372036854775809"),
    ] {
        for spelling in spellings {
            check_canonical(spelling, expected);
        }
    }
    let kept = canonical(&parse(&huge), &[]);
    assert_eq!(kept, canonical(&parse(&kept), &[]));
    assert_ne!(kept, canonical(&parse(&format!("1e{}", "9".repeat(61))), &[]));
}

#[test]
fn numbers_that_doubles_confuse_stay_apart() {
    for (one, other) in [
        ("9007199254740993", "9007199254740992"),
        ("0.1", "0.1000000000000000055511151231257827021181583404541015625"),
        ("1e400", "1e401"),
        ("1e-400", "0"),
        ("1", "-1"),
        ("1", "\"1\""),
        ("10e9223372036854775807", "1e9223372036854775807"),
    ] {
        let (one, other) = (parse(one), parse(other));
        assert_ne!(content_hash(&one, &[]), content_hash(&other, &[]), "{one} {other}");
        assert_eq!(changes(&one, &other, &[]).len(), 1, "{one} {other}");
    }
}

#[test]
fn volatile_fields_are_left_out() {
    let check = |without: &[&str], value: Value, expected: &str| {
        assert_eq!(canonical(&value, &paths(without)), expected, "{without:?}");
    };
    check(&["updated_at"], json!({"id": 1, "updated_at": "now"}), r#"{"id":1}"#);
    check(&["a", "b"], json!({"a": 1, "b": 2}), "{}");
    check(&["a"], json!({"b": {"a": 1}}), r#"{"b":{"a":1}}"#);
    check(&["b.a"], json!({"a": 1, "b": {"a": 1, "c": 2}}), r#"{"a":1,"b":{"c":2}}"#);
    check(&["a.b"], json!({"a": "text"}), r#"{"a":"text"}"#);
    // Of every element, whether the list is the field or the value itself, and of lists in lists.
    check(&["lines.at"], json!({"lines": [{"at": 1, "id": 1}, {"at": 2}, 3]}), r#"{"lines":[{"id":1},{},3]}"#);
    check(&["at"], json!([{"at": 1}, [{"at": 2, "id": 2}]]), r#"[{},[{"id":2}]]"#);
    // Of the one that a number names, or that one itself.
    check(&["lines.1.at"], json!({"lines": [{"at": 1}, {"at": 2}]}), r#"{"lines":[{"at":1},{}]}"#);
    check(&["lines.0"], json!({"lines": ["a", "b"]}), r#"{"lines":["b"]}"#);
    check(&["0"], json!({"0": "a", "1": "b"}), r#"{"1":"b"}"#);
    // The value itself is never left out.
    check(&[""], json!({"a": [1]}), r#"{"a":[1]}"#);
}

#[test]
fn the_content_is_what_is_not_volatile() {
    let volatile = paths(&["updated_at"]);
    let hash = |text: &str| content_hash(&parse(text), &volatile);
    assert_eq!(hash(r#"{"total": 24.990, "updated_at": 1}"#), hash(r#"{"updated_at": 2, "total": 24.99}"#));
    assert_ne!(hash(r#"{"total": 24.990}"#), hash(r#"{"total": 24.99, "note": null}"#));
}

#[track_caller]
fn check_changes(old: &str, new: &str, expected: Value) {
    let found = changes(&parse(old), &parse(new), &paths(&["v", "lines.v"]));
    assert_eq!(serde_json::to_value(&found).unwrap(), expected, "{old} → {new}");
    assert_eq!(serde_json::from_value::<Vec<Change>>(expected).unwrap(), found, "as it is read back");
}

#[test]
fn changes_name_the_deepest_difference() {
    check_changes("{}", "{}", json!([]));
    check_changes(
        r#"{"total": "19.99", "id": 1}"#,
        r#"{"total": "24.99", "id": 1}"#,
        json!([{"path": "/total", "old": "19.99", "new": "24.99"}]),
    );
    check_changes(r#"{"a": {"b": [1, {"c": 2}]}}"#, r#"{"a": {"b": [1, {"c": 3}]}}"#, {
        json!([{"path": "/a/b/1/c", "old": 2, "new": 3}])
    });
    // RFC 6901 §3: ~ becomes ~0 and / becomes ~1; an empty name is a name.
    check_changes(r#"{"a/b": 1, "m~n": 1, "~1": 1, "": 1}"#, r#"{"a/b": 2, "m~n": 2, "~1": 2, "": 2}"#, {
        json!([
            {"path": "/", "old": 1, "new": 2},
            {"path": "/a~1b", "old": 1, "new": 2},
            {"path": "/m~0n", "old": 1, "new": 2},
            {"path": "/~01", "old": 1, "new": 2},
        ])
    });
    // By position: what was put in front moves all that follows.
    check_changes("[1, 2]", "[0, 1, 2]", {
        json!([{"path": "/0", "old": 1, "new": 0}, {"path": "/1", "old": 2, "new": 1}, {"path": "/2", "new": 2}])
    });
    check_changes("[1, 2, 3]", "[1]", json!([{"path": "/1", "old": 2}, {"path": "/2", "old": 3}]));
    // A null that is there is not a side left out.
    check_changes(r#"{"a": null}"#, "{}", json!([{"path": "/a", "old": null}]));
    check_changes("{}", r#"{"a": null}"#, json!([{"path": "/a", "new": null}]));
    check_changes(r#"{"a": null}"#, r#"{"a": 1}"#, json!([{"path": "/a", "old": null, "new": 1}]));
    // Another kind of value is another value as a whole.
    check_changes(r#"{"a": [1]}"#, r#"{"a": {"0": 1}}"#, json!([{"path": "/a", "old": [1], "new": {"0": 1}}]));
    check_changes("1", "\"1\"", json!([{"path": "", "old": 1, "new": "1"}]));
}

#[test]
fn what_is_no_change_is_not_named() {
    check_changes(r#"{"a": 1.0, "b": -0}"#, r#"{"b": 0, "a": 10e-1}"#, json!([]));
    check_changes(r#"{"v": 1}"#, r#"{"v": 2}"#, json!([]));
    check_changes(r#"{"v": 1}"#, "{}", json!([]));
    check_changes(r#"{"lines": [{"v": 1}, {"v": 1}]}"#, r#"{"lines": [{"v": 2}, {}]}"#, json!([]));
    check_changes(r#"{"a": {"v": 1}}"#, r#"{"a": {"v": 2}}"#, json!([{"path": "/a/v", "old": 1, "new": 2}]));
}

#[test]
fn field_paths() {
    let check = |text: &str, value: Value, expected: Option<Value>| {
        let path: FieldPath = text.parse().unwrap();
        assert_eq!(path.get(&value).cloned(), expected, "{text}");
        assert_eq!(path.to_string(), text);
    };
    check("", json!({"a": 1}), Some(json!({"a": 1})));
    check("a.b", json!({"a": {"b": null}}), Some(Value::Null));
    check("a.1.b", json!({"a": [0, {"b": 2}]}), Some(json!(2)));
    check("a.0", json!({"a": {"0": 1}}), Some(json!(1)));
    check("a.b", json!({"a": [{"b": 2}]}), None);
    check("a.2", json!({"a": [1]}), None);
    check("a.-1", json!({"a": [1]}), None);
    check("a.b", json!({"a": "text"}), None);
    check("a b.größe", json!({"a b": {"größe": 1}}), Some(json!(1)));
    for bad in [".", "a.", ".a", "a..b"] {
        let error = bad.parse::<FieldPath>().unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{bad:?} is not a path: expected names joined by single dots, such as customer.email")
        );
    }
}

/// Few names and few leaves, several of them equal, so that two values are often nearly the same.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop::sample::select(vec![
        "null",
        "true",
        "0",
        "-0.0",
        "1",
        "1.0",
        "10e-1",
        "24.99",
        "24.990",
        "1e400",
        "\"\"",
        "\"1\"",
        "\"é\\n\"",
    ])
    .prop_map(parse);
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(prop::sample::select(vec!["a", "b", "v", "/~"]), inner, 0..4).prop_map(
                |fields| Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            ),
        ]
    })
}

/// Two values: any, or the second is the first with another value at every `v`
/// and in every first place.
fn pair() -> impl Strategy<Value = (Value, Value)> {
    let differing = (value(), value()).prop_map(|(old, v)| {
        let new = with_v(&old, &v);
        (old, new)
    });
    prop_oneof![(value(), value()), differing]
}

fn with_v(value: &Value, v: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let item = |(place, item)| if place == 0 { v.clone() } else { with_v(item, v) };
            items.iter().enumerate().map(item).collect()
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                (name.clone(), if name == "v" { v.clone() } else { with_v(value, v) })
            };
            fields.iter().map(field).collect()
        }
        other => other.clone(),
    }
}

/// The same value with its numbers spelt otherwise.
fn respelt(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            let text = number.as_str();
            match text.split_once(['e', 'E']) {
                Some(_) => value.clone(),
                None if text.contains('.') => parse(&format!("{text}0")),
                None => parse(&format!("{text}.0")),
            }
        }
        Value::Array(items) => items.iter().map(respelt).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), respelt(value))).collect(),
        other => other.clone(),
    }
}

/// RFC 6902 by hand: what is set is set in order, what is gone goes from the back, so that no place moves.
fn applied(mut value: Value, changes: &[Change]) -> Value {
    for change in changes.iter().filter(|change| change.new.is_some()) {
        let new = change.new.clone().unwrap();
        let Some((parent, last)) = change.path.rsplit_once('/') else {
            value = new;
            continue;
        };
        match value.pointer_mut(parent).unwrap() {
            Value::Array(items) if last.parse() == Ok(items.len()) => items.push(new),
            Value::Array(items) => items[last.parse::<usize>().unwrap()] = new,
            Value::Object(fields) => {
                fields.insert(last.replace("~1", "/").replace("~0", "~"), new);
            }
            other => panic!("{other} has no {last}"),
        }
    }
    for change in changes.iter().rev().filter(|change| change.new.is_none()) {
        let (parent, last) = change.path.rsplit_once('/').unwrap();
        let gone = match value.pointer_mut(parent).unwrap() {
            Value::Array(items) => Some(items.remove(last.parse().unwrap())),
            Value::Object(fields) => fields.remove(&last.replace("~1", "/").replace("~0", "~")),
            other => panic!("{other} has no {last}"),
        };
        assert_eq!(gone, change.old);
    }
    value
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn canonical_text_is_json_and_its_own_canonical_text(value in value()) {
        let once = canonical(&value, &[]);
        prop_assert_eq!(canonical(&parse(&once), &[]), once);
    }

    #[test]
    fn spelling_and_order_do_not_count(value in value()) {
        prop_assert_eq!(canonical(&respelt(&value), &[]), canonical(&value, &[]));
        prop_assert_eq!(changes(&value, &respelt(&value), &[]), vec![]);
    }

    #[test]
    fn equal_content_is_no_change(
        (old, new) in pair(),
        volatile in prop::sample::subsequence(vec!["v", "a.v", "b.0", "a.b.v", "a.1.b"], 0..=5),
    ) {
        let volatile = paths(&volatile);
        let equal = canonical(&old, &volatile) == canonical(&new, &volatile);
        prop_assert_eq!(equal, changes(&old, &new, &volatile).is_empty());
    }

    #[test]
    fn changes_applied_to_the_old_give_the_new(
        (old, new) in pair(),
        volatile in prop::sample::subsequence(vec!["v", "a.v", "a.b.v"], 0..=3),
    ) {
        let volatile = paths(&volatile);
        let made = applied(old.clone(), &changes(&old, &new, &volatile));
        prop_assert_eq!(canonical(&made, &volatile), canonical(&new, &volatile));
    }
}
