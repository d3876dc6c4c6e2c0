//! Where the list is in an answer.

use std::fmt;

use crossdock_core::json::FieldPath;
use serde_json::Value;

/// Objects in objects that are looked into; a list that is further down has to be named.
const DEEPEST: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoList {
    /// What there is instead.
    Nowhere(String),
    /// Paths of those that there are.
    Several(Vec<String>),
    /// What is at the path that was asked for.
    NotThere { path: String, found: String },
}

impl fmt::Display for NoList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere(seen) => {
                write!(
                    f,
                    "there is no list of objects in the answer, which is {seen}; ask for a list, or name it with --items"
                )
            }
            Self::Several(paths) => {
                write!(f, "there are several lists in the answer: {}; say which with --items", paths.join(", "))
            }
            Self::NotThere { path, found } => write!(f, "found {found} at {path:?} of the answer, expected a list"),
        }
    }
}

/// `likely` is what the list may be called: the last word of the address.
pub(super) fn find(body: &Value, asked: Option<&FieldPath>, likely: &str) -> Result<FieldPath, NoList> {
    if let Some(path) = asked {
        return match path.get(body) {
            Some(Value::Array(_)) => Ok(path.clone()),
            other => {
                let found = other.map_or_else(|| format!("nothing ({})", outline(body)), outline);
                Err(NoList::NotThere { path: path.to_string(), found })
            }
        };
    }
    let mut lists = Vec::new();
    collect(body, &mut Vec::new(), &mut lists);
    // A list with nothing in it (`errors: []`) is only then the one when there is no other.
    let full: Vec<&(Vec<&str>, bool)> = lists.iter().filter(|(_, full)| *full).collect();
    let candidates = if full.is_empty() { lists.iter().collect() } else { full };
    let called = |(path, _): &&&(Vec<&str>, bool)| path.last().is_some_and(|name| name.eq_ignore_ascii_case(likely));
    match &candidates[..] {
        [] => Err(NoList::Nowhere(outline(body))),
        [(path, _)] => path_of(path),
        several => match &several.iter().filter(called).collect::<Vec<_>>()[..] {
            [(path, _)] => path_of(path),
            _ => Err(NoList::Several(several.iter().map(|(path, _)| path.join(".")).collect())),
        },
    }
}

fn path_of(path: &[&str]) -> Result<FieldPath, NoList> {
    let text = path.join(".");
    text.parse().map_err(|_| NoList::Nowhere(format!("an object with a list at {text:?}, which no path can name")))
}

/// Lists of objects, and whether there is something in them. Those inside of a list belong to its items.
fn collect<'a>(value: &'a Value, path: &mut Vec<&'a str>, lists: &mut Vec<(Vec<&'a str>, bool)>) {
    match value {
        Value::Array(items) if items.iter().all(Value::is_object) => lists.push((path.clone(), !items.is_empty())),
        Value::Object(fields) if path.len() < DEEPEST => {
            // A dot in a name is not in the language of paths.
            for (name, field) in fields.iter().filter(|(name, _)| !name.is_empty() && !name.contains('.')) {
                path.push(name);
                collect(field, path, lists);
                path.pop();
            }
        }
        _ => {}
    }
}

/// What a value is, without what it holds.
pub(super) fn outline(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "text".to_owned(),
        Value::Array(items) => match items.iter().find(|item| !item.is_object()) {
            Some(item) => format!("a list with {} in it", outline(item)),
            None => "a list of objects".to_owned(),
        },
        Value::Object(fields) if fields.is_empty() => "an object without fields".to_owned(),
        Value::Object(fields) => {
            const MOST: usize = 12;
            let names: Vec<&str> = fields.keys().take(MOST).map(String::as_str).collect();
            let more = if fields.len() > MOST { ", …" } else { "" };
            format!("an object with {}{more}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_list_is_found_or_the_reason_why_not() {
        fn check(body: &Value, expected: &str) {
            let found = match find(body, None, "orders") {
                Ok(path) => format!("at {path:?}"),
                Err(why) => why.to_string(),
            };
            assert_eq!(found, expected, "{body}");
        }
        let item = json!({"id": 1, "lines": [{"sku": "a"}]});
        check(&json!([item]), r#"at """#);
        check(&json!([]), r#"at """#);
        check(&json!({"orders": [item], "errors": []}), r#"at "orders""#);
        check(&json!({"data": [item], "meta": {"page": 1}}), r#"at "data""#);
        check(&json!({"data": {"orders": {"edges": [{"node": item}]}}}), r#"at "data.orders.edges""#);
        check(&json!({"orders": []}), r#"at "orders""#);
        check(&json!({"tags": ["a"], "result": [item]}), r#"at "result""#);
        // Its name is that of the address.
        check(&json!({"orders": [item], "customers": [item]}), r#"at "orders""#);
        check(&json!({"page": {"Orders": [item]}, "customers": [item]}), r#"at "page.Orders""#);
        check(
            &json!({"data": [item], "included": [item]}),
            "there are several lists in the answer: data, included; say which with --items",
        );
        let nowhere = |what: &str| {
            format!(
                "there is no list of objects in the answer, which is {what}; ask for a list, or name it with --items"
            )
        };
        check(&json!({"id": 7, "total": 1}), &nowhere("an object with id, total"));
        check(&json!({}), &nowhere("an object without fields"));
        check(&json!(["a", "b"]), &nowhere("a list with text in it"));
        check(&json!("private"), &nowhere("text"));
        check(&json!({"a": {"b": {"c": {"d": {"e": [item]}}}}}), &nowhere("an object with a"));
    }

    #[test]
    fn a_list_that_was_named_has_to_be_there() {
        let body = json!({"data": [{"id": 1}], "meta": {"count": 1}});
        let check = |path: &str, expected: &str| {
            let found = find(&body, Some(&path.parse().unwrap()), "x").map(|path| path.to_string());
            assert_eq!(found.unwrap_or_else(|why| why.to_string()), expected);
        };
        check("data", "data");
        check("meta", r#"found an object with count at "meta" of the answer, expected a list"#);
        check("orders", r#"found nothing (an object with data, meta) at "orders" of the answer, expected a list"#);
    }
}
