//! The text of patterns, and what filters on one path become together.

use serde_json::{Value, json};

use super::every;
use crate::pattern::{Combine, Filter, Operator, TypePattern, compile};

use Operator::{Begins, Between, Contains, Empty, Ends, Gt, Gte, In, Is, IsNot, Like, Lt, Lte, NotIn, Present, SameAs};

fn filters(asked: &[(Operator, Value)]) -> Vec<Filter> {
    let filter = |(operator, value): &(Operator, Value)| {
        let value = (!matches!(operator, Present | Empty)).then(|| value.clone());
        Filter { path: "keys.x".to_owned(), operator: *operator, value }
    };
    asked.iter().map(filter).collect()
}

fn list(asked: &[(Operator, Value)], combine: Combine) -> Result<String, String> {
    let pattern = compile(&every(), &filters(asked), combine).map_err(|faults| faults[0].message.clone())?;
    let text = pattern.as_str();
    let inner = text.strip_prefix(r#"{"detail":{"keys":{"x":"#).and_then(|text| text.strip_suffix("}}}"));
    Ok(inner.unwrap_or(text).to_owned())
}

#[test]
fn single_filters() {
    let check = |operator, value: Value, expected: &str| {
        assert_eq!(list(&[(operator, value)], Combine::All).as_deref(), Ok(expected));
    };
    let number = |text: &str| serde_json::from_str(text).unwrap();
    check(Is, number("1.0"), r#"[{"numeric":["=",1]}]"#);
    check(Is, number("1"), r#"[{"numeric":["=",1]}]"#);
    check(Is, json!("é\"\\*"), r#"["é\"\\*"]"#);
    check(Is, json!("10.0.0.1"), r#"[{"equals-ignore-case":"10.0.0.1"}]"#);
    check(In, json!(["a", 1, "a", 1.0, true]), r#"["a",{"numeric":["=",1]},true]"#);
    check(IsNot, json!(true), "[false]");
    check(NotIn, json!([1, 2]), r#"[{"anything-but":[1,2]}]"#);
    check(Gt, json!(100), r#"[{"numeric":[">",100,"<=",5000000000]}]"#);
    check(Lte, json!(-0.5), r#"[{"numeric":[">=",-5000000000,"<=",-0.5]}]"#);
    check(Gte, json!(5_000_000_000_u64), r#"[{"numeric":["=",5000000000]}]"#);
    check(Between, json!([1, 2]), r#"[{"numeric":[">=",1,"<=",2]}]"#);
    check(Contains, json!(r"5*\"), r#"[{"wildcard":"*5\\*\\\\*"}]"#);
    check(Begins, json!("a*"), r#"[{"prefix":"a*"}]"#);
    check(Like, json!("a*"), r#"[{"prefix":"a"}]"#);
    check(Like, json!("*a"), r#"[{"suffix":"a"}]"#);
    check(Like, json!("a*b"), r#"[{"wildcard":"a*b"}]"#);
    check(Like, json!(r"a\*b"), r#"["a*b"]"#);
}

#[test]
fn all_of_one_path() {
    let check = |asked: &[(Operator, Value)], expected: Result<&str, &str>| {
        let found = list(asked, Combine::All);
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{asked:?}"),
            (Err(found), Err(part)) => assert!(found.contains(part), "{asked:?}: {found}"),
            _ => panic!("{asked:?}: {found:?}"),
        }
    };
    let never = Err("can never match");
    let refused = Err("no common form");
    check(&[(Gt, json!(1)), (Lte, json!(5))], Ok(r#"[{"numeric":[">",1,"<=",5]}]"#));
    check(&[(Gte, json!(1)), (Gt, json!(1))], Ok(r#"[{"numeric":[">",1,"<=",5000000000]}]"#));
    check(&[(Gte, json!(5)), (Lte, json!(5))], Ok(r#"[{"numeric":["=",5]}]"#));
    check(&[(Gt, json!(5)), (Lt, json!(5))], never);
    check(&[(In, json!([1, 5, 9, "a"])), (Gt, json!(1))], Ok(r#"[{"numeric":["=",5]},{"numeric":["=",9]}]"#));
    check(&[(In, json!(["a", "b"])), (In, json!(["b", "c"]))], Ok(r#"["b"]"#));
    check(&[(Is, json!("a")), (Is, json!("b"))], never);
    check(&[(In, json!(["a", "b"])), (IsNot, json!("a"))], Ok(r#"["b"]"#));
    check(
        &[(Between, json!([1, 9])), (IsNot, json!(5))],
        Ok(r#"[{"numeric":[">=",1,"<",5]},{"numeric":[">",5,"<=",9]}]"#),
    );
    check(&[(IsNot, json!("a")), (NotIn, json!(["b", "a"]))], Ok(r#"[{"anything-but":["a","b"]}]"#));
    check(&[(IsNot, json!("a")), (IsNot, json!(1))], refused);
    check(&[(Begins, json!("a")), (Begins, json!("ab"))], Ok(r#"[{"prefix":"ab"}]"#));
    check(&[(Begins, json!("a")), (Begins, json!("b"))], never);
    check(&[(Ends, json!("ab")), (Ends, json!("b"))], Ok(r#"[{"suffix":"ab"}]"#));
    check(&[(Begins, json!("a")), (Ends, json!("b"))], refused);
    check(&[(In, json!(["ab", "b"])), (Contains, json!("a"))], Ok(r#"["ab"]"#));
    check(&[(In, json!(["ab", "b"])), (SameAs, json!("AB"))], Ok(r#"["ab"]"#));
    check(&[(Begins, json!("a")), (IsNot, json!("b"))], Ok(r#"[{"prefix":"a"}]"#));
    check(&[(Begins, json!("a")), (IsNot, json!("ab"))], refused);
    check(&[(Begins, json!("a")), (Gt, json!(1))], never);
    check(&[(Present, json!(null)), (Gt, json!(1))], Ok(r#"[{"numeric":[">",1,"<=",5000000000]}]"#));
    check(&[(Present, json!(null)), (Empty, json!(null))], never);
    check(&[(Empty, json!(null)), (Present, json!(null))], never);
    check(&[(Empty, json!(null)), (Empty, json!(null))], Ok(r#"[{"exists":false}]"#));
    check(&[(Is, json!("a")), (Empty, json!(null))], never);
}

#[test]
fn any_of_one_path() {
    let check = |asked: &[(Operator, Value)], expected: &str| {
        assert_eq!(list(asked, Combine::Any).as_deref(), Ok(expected));
    };
    check(&[(Is, json!("a")), (Gt, json!(1)), (Is, json!("a"))], r#"["a",{"numeric":[">",1,"<=",5000000000]}]"#);
    check(&[(Is, json!("a")), (Empty, json!(null))], r#"["a",{"exists":false}]"#);
}

#[test]
fn types_and_paths() {
    let exact = |text: &str| TypePattern::Exact(text.to_owned());
    let check = |messages: &[TypePattern], filters: &[Filter], expected: &str| {
        assert_eq!(compile(messages, filters, Combine::All).unwrap().as_str(), expected);
    };
    let orders = TypePattern::Prefix("order:".to_owned());
    check(&every(), &[], r#"{"source":[{"prefix":"crossdock."}]}"#);
    check(&[exact("a:b"), every()[0].clone()], &[], r#"{"source":[{"prefix":"crossdock."}]}"#);
    check(&[exact("a:b"), orders, exact("a:b")], &[], r#"{"detail-type":["a:b",{"prefix":"order:"}]}"#);
    let at = |path: &str| Filter { path: path.to_owned(), operator: Is, value: Some(json!(true)) };
    check(
        &[exact("a:b")],
        &[at("keys.x"), at("payload.a.actual.b"), at("keys.y")],
        r#"{"detail":{"keys":{"x":[true],"y":[true]},"payload":{"a":{"actual":{"b":[true]}}}},"detail-type":["a:b"]}"#,
    );
    for paths in [["keys.x", "keys.x.y"], ["keys.x.y", "keys.x"]] {
        let faults = compile(&every(), &paths.map(at), Combine::All).unwrap_err();
        assert!(faults[0].message.contains("another filter looks at a part"), "{faults:?}");
    }
}

#[test]
fn wildcards_are_told() {
    let uses = |operator, value: Value| {
        compile(&every(), &filters(&[(operator, value)]), Combine::All).unwrap().uses_wildcard()
    };
    assert!(uses(Contains, json!("a")));
    assert!(uses(Like, json!("a*b")));
    assert!(!uses(Like, json!("a*")));
    assert!(!uses(Is, json!("a*b")));
}
