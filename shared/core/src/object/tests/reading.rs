use serde_json::{Value, json};

use crate::{
    golden::{hub, nested, orders},
    hub::TimeFormat,
    json::DEEPEST,
    object::{Record, SetAside, parse_time, read},
};

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn read_order(item: Value) -> Result<Record, SetAside> {
    let hub = hub();
    read(orders(&hub), "page 2, record 7", item)
}

#[test]
fn a_record_that_cannot_be_read_says_why() {
    for (item, expected) in [
        (json!(null), "found null, expected an object"),
        (json!(true), "found a boolean, expected an object"),
        (json!(7), "found a number, expected an object"),
        (json!("R1"), "found text, expected an object"),
        (json!([{"number": "R1"}]), "found a list, expected an object"),
        (json!({}), "no id: nothing at \"number\""),
        (json!({"id": 1}), "no id: nothing at \"number\""),
        (json!({"number": ""}), "no id: \"\" at \"number\""),
        (json!({"number": null}), "no id: found null at \"number\", expected text or a number"),
        (json!({"number": false}), "no id: found a boolean at \"number\", expected text or a number"),
        (json!({"number": ["R1"]}), "no id: found a list at \"number\", expected text or a number"),
        (json!({"number": {"id": 1}}), "no id: found an object at \"number\", expected text or a number"),
        (
            json!({"number": "R1", "created_at": "yesterday"}),
            "found \"yesterday\" at \"created_at\", expected an RFC 3339 time",
        ),
        (json!({"number": "R1", "updated_at": 17}), "found 17 at \"updated_at\", expected an RFC 3339 time"),
        (
            json!({"number": "R1", "updated_at": {"card": "4111"}}),
            "found an object at \"updated_at\", expected an RFC 3339 time",
        ),
        (
            json!({"number": "R1", "updated_at": "x".repeat(100)}),
            "found text at \"updated_at\", expected an RFC 3339 time",
        ),
    ] {
        let aside = read_order(item.clone()).err().unwrap_or_else(|| panic!("{item} was read"));
        assert_eq!(aside.to_string(), format!("page 2, record 7: {expected}"), "{item}");
    }
}

/// The parser would take more than a message about it could carry and be read again.
#[test]
fn a_record_nested_too_deep_is_set_aside() {
    let of = |levels| {
        let mut item = nested(levels);
        item["number"] = json!("R1");
        item
    };
    assert!(read_order(of(DEEPEST)).is_ok());
    let aside = read_order(of(DEEPEST + 1)).unwrap_err();
    assert_eq!(aside.reason, "nested more than 100 levels deep");
    assert!(serde_json::from_str::<Value>(&of(DEEPEST + 1).to_string()).is_ok());
}

#[test]
fn an_id_is_text_or_a_number_in_its_own_digits() {
    for (id, expected) in [
        ("\"R1\"", "R1"),
        ("\" \"", " "),
        ("\"A/1.2\"", "A/1.2"),
        ("7", "7"),
        ("0", "0"),
        ("-7", "-7"),
        ("7.0", "7"),
        ("1.2E3", "1200"),
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ] {
        let record = read_order(parse(&format!("{{\"number\": {id}}}"))).unwrap();
        assert_eq!(record.key.to_string(), format!("my-store/orders/{expected}"));
    }
}

#[test]
fn a_record_is_kept_whole() {
    let item = json!({
        "number": "R1", "created_at": "2026-11-21T09:00:00Z", "updated_at": "2026-11-21 10:00:00", "x": [1, {"y": null}],
    });
    let record = read_order(item.clone()).unwrap();
    assert_eq!(record.body, item);
    assert_eq!(record.created.unwrap().to_string(), "2026-11-21T09:00:00Z");
    assert_eq!(record.changed.unwrap().to_string(), "2026-11-21T10:00:00Z");
    assert!(!record.deleted);
    assert_eq!((record.children, record.set_aside), (Vec::new(), Vec::new()));
}

#[test]
fn no_time_is_no_fault() {
    for nothing in [json!({}), json!({"created_at": null}), json!({"created_at": ""})] {
        let mut item = nothing.clone();
        item["number"] = json!("R1");
        let record = read_order(item).unwrap();
        assert_eq!((record.created, record.changed), (None, None), "{nothing}");
    }
}

#[test]
fn what_says_deleted() {
    for (value, deleted) in [
        (json!(null), false),
        (json!(false), false),
        (json!(""), false),
        (json!(true), true),
        (json!("2026-11-21"), true),
        (json!("false"), false),
        (json!("0"), false),
        (json!(0), false),
        (json!(0.0), false),
        (json!(1), true),
        (json!("1"), true),
        (json!("no"), true),
        (json!([]), true),
    ] {
        let record = read_order(json!({"number": "R1", "deleted_at": value})).unwrap();
        assert_eq!(record.deleted, deleted, "{value}");
    }
}

/// The ids of the children that were read, and the reasons of those that were not.
#[test]
fn children_are_read_one_by_one() {
    for (payments, ids, reasons) in [
        (json!(null), &[][..], &[][..]),
        (json!([]), &[], &[]),
        (json!([{"id": 7}, {"id": "8", "amount": 1}]), &["R1/7", "R1/8"], &[]),
        // One object where a list is meant.
        (json!({"id": 7}), &["R1/7"], &[]),
        (
            json!([{"id": 7}, null, {"id": null}, {}, [], {"id": 8}]),
            &["R1/7", "R1/8"],
            &[
                "page 2, record 7 (R1).payments[1]: found null, expected an object",
                "page 2, record 7 (R1).payments[2]: no id: found null at \"id\", expected text or a number",
                "page 2, record 7 (R1).payments[3]: no id: nothing at \"id\"",
                "page 2, record 7 (R1).payments[4]: found a list, expected an object",
            ],
        ),
        (json!("none"), &[], &["page 2, record 7 (R1).payments[0]: found text, expected an object"]),
    ] {
        let record = read_order(json!({"number": "R1", "payments": payments})).unwrap();
        let found: Vec<&str> = record.children.iter().map(|child| child.key.id.as_str()).collect();
        let aside: Vec<String> = record.set_aside.iter().map(SetAside::to_string).collect();
        assert_eq!((&found[..], &aside.iter().map(String::as_str).collect::<Vec<_>>()[..]), (ids, reasons));
        let collections =
            record.children.iter().all(|child| child.key.collection.collection.as_str() == "orders.payments");
        assert!(collections && record.children.iter().all(|child| child.rule == 0), "{payments}");
    }
    assert!(read_order(json!({"number": "R1"})).unwrap().children.is_empty());
}

#[test]
fn children_of_different_parents_are_different_objects() {
    for (parent, child, expected) in
        [("R1", "7", "R1/7"), ("A/B", "C", "A~1B/C"), ("A", "B/C", "A/B/C"), ("A~1B", "C", "A~01B/C")]
    {
        let record = read_order(json!({"number": parent, "payments": [{"id": child}]})).unwrap();
        assert_eq!(record.children[0].key.id, expected);
    }
}

fn check_time(format: TimeFormat, text: &str, expected: Option<&str>) {
    let found = parse_time(format, &parse(text)).ok().map(|time| time.to_string());
    assert_eq!(found.as_deref(), expected, "{format:?} {text}");
}

#[test]
fn rfc_3339_times() {
    let check = |text: &str, expected| check_time(TimeFormat::Rfc3339, text, expected);
    let ten = Some("2026-11-21T10:00:00Z");
    check("\"2026-11-21T10:00:00Z\"", ten);
    check("\"2026-11-21t10:00:00z\"", ten);
    check("\"2026-11-21T11:00:00+01:00\"", ten);
    check("\"2026-11-21T04:30:00-05:30\"", ten);
    check("\"2026-11-21T10:00:00.000Z\"", ten);
    check("\"2026-11-21T10:00:00.123456789Z\"", Some("2026-11-21T10:00:00.123456789Z"));
    check("\" 2026-11-21T10:00:00Z \"", ten);
    check("\"2026-11-21 10:00:00Z\"", ten);
    check("\"2026-11-21 11:00:00+01:00\"", ten);
    check("\"2026-11-21 10:00:00\"", ten);
    check("\"2026-11-21T10:00:00\"", ten);
    check("\"2026-11-21T10:00:00.5\"", Some("2026-11-21T10:00:00.5Z"));
    check("\"2026-11-21\"", Some("2026-11-21T00:00:00Z"));
    // RFC 3339 §5.6 allows the leap second; there is no other name for it here.
    check("\"2016-12-31T23:59:60Z\"", Some("2016-12-31T23:59:59Z"));
    for garbage in [
        "\"\"",
        "\"yesterday\"",
        "\"10:00:00\"",
        "\"1795255200\"",
        "\"2026-13-01T00:00:00Z\"",
        "\"2026-02-30\"",
        "\"2026-11-21T24:01:00Z\"",
        // A zone that cannot be read is not UTC.
        "\"2026-11-21T10:00:00+99:00\"",
        "\"2026-11-21T10:00:00[Europe/Berlin]\"",
        "\"2026-11-21 10:00:00 CET\"",
        "1795255200",
        "true",
        "null",
        "[\"2026-11-21T10:00:00Z\"]",
    ] {
        check(garbage, None);
    }
}

#[test]
fn times_since_1970() {
    let seconds = |text: &str, expected| check_time(TimeFormat::Epoch, text, expected);
    let millis = |text: &str, expected| check_time(TimeFormat::EpochMs, text, expected);
    let ten = Some("2026-11-21T10:00:00Z");
    for spelling in ["1795255200", "\"1795255200\"", "1795255200.0", "\" 1795255200.000 \"", "1.7952552e9"] {
        seconds(spelling, ten);
    }
    for spelling in ["1795255200000", "\"1795255200000\"", "1795255200000.0", "17952552e5"] {
        millis(spelling, ten);
    }
    seconds("0", Some("1970-01-01T00:00:00Z"));
    seconds("-0.5", Some("1969-12-31T23:59:59.5Z"));
    seconds("1795255200.123456789", Some("2026-11-21T10:00:00.123456789Z"));
    seconds("1795255200.1234567899", Some("2026-11-21T10:00:00.123456789Z"));
    seconds("1795255200123e-3", Some("2026-11-21T10:00:00.123Z"));
    millis("1795255200123", Some("2026-11-21T10:00:00.123Z"));
    millis("1795255200123.4567", Some("2026-11-21T10:00:00.1234567Z"));
    for garbage in [
        "\"\"",
        "\"now\"",
        "\"2026-11-21T10:00:00Z\"",
        "\"1,795,255,200\"",
        "\"+1\"",
        "\".5\"",
        "\"-\"",
        "\"0x10\"",
        "\"NaN\"",
        "1e400",
        "1e-99999999999999999999",
        "99999999999999999999999999999999999999999999",
        // Milliseconds where seconds are meant lie beyond the calendar.
        "1795255200000000",
        "true",
        "null",
        "[]",
    ] {
        seconds(garbage, None);
    }
    millis("1e400", None);
}
