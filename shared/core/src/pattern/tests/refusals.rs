//! What is refused, where, and why.

use serde_json::{Value, json};

use super::every;
use crate::pattern::{Combine, FaultAt, Filter, Operator, TypePattern, compile, compile_raw};

fn raw(pattern: &Value, at: &str, part: &str) {
    let faults = compile_raw(&every(), pattern).expect_err(&pattern.to_string());
    let found = faults.iter().any(|fault| fault.at == FaultAt::Raw(at.to_owned()) && fault.message.contains(part));
    assert!(found, "{pattern}: {faults:?}");
}

#[test]
fn raw_patterns() {
    raw(&json!([]), "", "expected an object");
    raw(&json!({"detial": {"a": [1]}}), "/detial", "detail");
    raw(&json!({"account": ["1"]}), "/account", "expected source, detail-type, detail or $or");
    raw(&json!({"detail": {}}), "/detail", "at least one field");
    raw(&json!({"detail": ["a"]}), "/detail", "expected an object");
    raw(&json!({"source": {"a": ["b"]}}), "/source", "expected a list");
    raw(&json!({"detail": {"a": "b"}}), "/detail/a", "did you mean [\"b\"]");
    raw(&json!({"detail": {"a": []}}), "/detail/a", "found []");
    raw(&json!({"detail": {"a.b": [1]}}), "/detail/a.b", "nested objects");
    raw(&json!({"detail": {"a/b~": [[1]]}}), "/detail/a~1b~0/0", "found the list");
    raw(
        &json!({"detail": {"payload": {"order": {"current": {"a": [1]}}}}}),
        "/detail/payload/order/current",
        "`actual`",
    );
    raw(&json!({"detail": {"routes": ["a"]}}), "/detail/routes", "no route can look at it");
    let leaf = |matcher: Value, part: &str| raw(&json!({"detail": {"a": [matcher]}}), "/detail/a/0", part);
    leaf(json!({"prefx": "a"}), "\"prefix\"");
    leaf(json!({"regexp": "a"}), "expected one of prefix");
    leaf(json!({"prefix": "a", "suffix": "b"}), "one matcher");
    leaf(json!({}), "one matcher");
    leaf(json!({"prefix": 1}), "expected text");
    leaf(json!({"prefix": {"equals-ignore-case": "ß"}}), "prefix with equals-ignore-case: 'ß' has no one other case");
    leaf(json!({"suffix": {"equals-ignore-case": ""}}), "at least one character");
    leaf(json!({"suffix": {"prefix": "a"}}), "equals-ignore-case");
    leaf(json!({"prefix": {"equals-ignore-case": "a", "prefix": "b"}}), "equals-ignore-case");
    leaf(json!({"suffix": ""}), "at least one character");
    leaf(json!({"wildcard": "a**b"}), "two * in a row");
    leaf(json!({"wildcard": "a\\b"}), "\\");
    leaf(json!({"equals-ignore-case": "ß"}), "no one other case");
    leaf(json!({"exists": "true"}), "true or false");
    leaf(json!({"cidr": "10.0.0.0/8"}), "list prefixes");
    leaf(json!("10.0.0.1"), "equals-ignore-case");
    leaf(json!({"anything-but": null}), "text or a number");
    leaf(json!({"anything-but": [true]}), "text or a number");
    leaf(json!({"anything-but": []}), "at least one value");
    leaf(json!({"anything-but": ["a", 1]}), "only texts or only numbers");
    leaf(json!({"anything-but": {"prefix": ""}}), "at least one character");
    leaf(json!({"anything-but": {"suffix": []}}), "at least one text");
    leaf(json!({"anything-but": {"wildcard": ["a*", "a**"]}}), "two * in a row");
    leaf(json!({"anything-but": {"equals-ignore-case": 5}}), "expected text");
    leaf(json!({"anything-but": {"numeric": ["=", 5]}}), "one of prefix, suffix, equals-ignore-case, wildcard");
    leaf(json!({"anything-but": {"prefix": "a", "suffix": "b"}}), "one of prefix, suffix");
    leaf(json!({"numeric": []}), "expected [");
    leaf(json!({"numeric": ["<", 1, ">", 0]}), "expected [");
    leaf(json!({"numeric": [">", "1"]}), "leave out the quotes");
    leaf(json!({"numeric": [">", 5, "<", 5]}), "can never match");
    leaf(json!({"numeric": [">", 5_000_000_001_u64]}), "from -5000000000 to 5000000000");
    raw(&json!({"detail": {"$or": [{"a": [1]}]}}), "/detail/$or", "two objects or more");
    raw(&json!({"detail": {"$or": [{"a": [1]}, {}]}}), "/detail/$or/1", "at least one field");
    raw(&json!({"detail": {"$or": [{"a": [1]}, {"prefix": ["a"]}]}}), "/detail/$or/1", "found the matcher prefix");
    raw(&json!({"detail": {"a": [1], "$or": [{"b": [1]}, {"a": [2]}]}}), "/detail/$or/1", "outside this $or");
    raw(
        &json!({"detail": {"a": {"b": [1]}}, "$or": [{"detail": {"a": {"b": [2]}}}, {"source": ["a"]}]}),
        "/$or/0",
        "detail.a.b",
    );
}

#[test]
fn messages_and_detail_type() {
    let order = [TypePattern::Exact("order:new".to_owned())];
    let faults = compile_raw(&order, &json!({"detail-type": ["order:new"]})).unwrap_err();
    assert_eq!(faults[0].at, FaultAt::Raw("/detail-type".to_owned()));
    assert!(compile_raw(&every(), &json!({"detail-type": ["order:new"]})).is_ok());
    let pattern = compile_raw(&order, &json!({"detail": {"a": [1]}})).unwrap();
    assert_eq!(pattern.as_str(), r#"{"detail":{"a":[{"numeric":["=",1]}]},"detail-type":["order:new"]}"#);
}

#[test]
fn limits() {
    let long = |length: usize| json!({"detail": {"a": ["x".repeat(length)]}});
    let frame = compile_raw(&every(), &long(0)).unwrap().as_str().len();
    assert!(compile_raw(&every(), &long(2_048 - frame)).is_ok());
    // Characters, not bytes.
    assert!(compile_raw(&every(), &json!({"detail": {"a": ["é".repeat(2_048 - frame)]}})).is_ok());
    let faults = compile_raw(&every(), &long(2_049 - frame)).unwrap_err();
    assert!(faults[0].at == FaultAt::Route && faults[0].message.contains("2049"), "{faults:?}");
    let or = |name: &str, count: usize| -> Value { (0..count).map(|at| json!({name: [at]})).collect() };
    let three =
        |count| json!({"detail": {"a": {"$or": or("x", 10)}, "b": {"$or": or("x", 10)}, "c": {"$or": or("x", count)}}});
    assert!(compile_raw(&every(), &three(10)).is_ok());
    let faults = compile_raw(&every(), &three(11)).unwrap_err();
    assert!(faults[0].at == FaultAt::Route && faults[0].message.contains("1100 combinations"), "{faults:?}");
}

#[test]
fn filter_paths() {
    let check = |path: &str, part: &str| {
        let filter = Filter { path: path.to_owned(), operator: Operator::Is, value: Some(json!(1)) };
        let faults = compile(&every(), &[filter], Combine::All).unwrap_err();
        assert!(faults[0].at == FaultAt::Filter(0) && faults[0].message.contains(part), "{path}: {faults:?}");
    };
    check("payload.order.current.x", "`actual`");
    check("payload.order.actual.lines.0.sku", "there is no element 0");
    check("keys..x", "single dots");
    check("keys.$or", "$or is a word");
    check("routes", "no route can look at it");
}
