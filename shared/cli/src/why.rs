//! Why a message does not go the way of a route: which parts of the route's pattern it does not match, in words.
//!
//! The pattern is taken apart and its parts are matched one by one, by the matcher that routes. A message that matches
//! each part and not the whole (of a list, one element passes one filter and another the next) is told so as a whole.

use crossdock_core::{
    message::Message,
    pattern::{EventPattern, Matcher, compile_raw},
};
use serde_json::{Value, json};

/// EventBridge's range of numbers: a bound at its end is none.
const END: f64 = 5_000_000_000.0;
/// Characters of a value that are shown.
const SHOWN: usize = 60;

/// Of a route that is not among those the message was stored with.
pub(crate) fn not(pattern: &EventPattern, message: &Message) -> String {
    let Ok(event) = message.bus_event() else { return "does not match".to_owned() };
    if matches(pattern, &event) {
        return "matches now; when the message was stored, the hub file said otherwise".to_owned();
    }
    let Ok(pattern) = serde_json::from_str(pattern.as_str()) else { return "does not match".to_owned() };
    let unmet: Vec<Part<'_>> = parts(&pattern).into_iter().filter(|part| part.fails(&event)).collect();
    let other_type = unmet.iter().find(|part| part.path == ["detail-type"]);
    match (other_type, unmet.as_slice()) {
        (Some(types), _) => format!("takes {}", types.types()),
        (None, []) => "its filters do not match together".to_owned(),
        (None, unmet) => unmet.iter().map(|part| part.explain(&event)).collect::<Vec<_>>().join("; "),
    }
}

fn matches(pattern: &EventPattern, event: &Value) -> bool {
    !Matcher::new([(0, pattern)]).matches(event).is_empty()
}

/// A condition of a pattern: all of them match, or the pattern does not.
struct Part<'a> {
    /// Of fields, from the event's root.
    path: Vec<&'a str>,
    /// A list of matchers, or the branches of a `$or`.
    condition: &'a Value,
    is_or: bool,
}

fn parts(pattern: &Value) -> Vec<Part<'_>> {
    fn collect<'a>(value: &'a Value, path: &[&'a str], parts: &mut Vec<Part<'a>>) {
        for (name, inner) in value.as_object().into_iter().flatten() {
            let mut path = path.to_vec();
            match inner {
                _ if name == "$or" => parts.push(Part { path, condition: inner, is_or: true }),
                Value::Object(_) => {
                    path.push(name);
                    collect(inner, &path, parts);
                }
                _ => {
                    path.push(name);
                    parts.push(Part { path, condition: inner, is_or: false });
                }
            }
        }
    }
    let mut found = Vec::new();
    collect(pattern, &[], &mut found);
    found
}

impl Part<'_> {
    /// A part that cannot be matched by itself is not what is wrong, for all we know.
    fn fails(&self, event: &Value) -> bool {
        let inner = if self.is_or { json!({"$or": self.condition}) } else { self.condition.clone() };
        let alone = self.path.iter().rev().fold(inner, |inner, name| json!({*name: inner}));
        let Ok(pattern) = compile_raw(&[], &alone) else { return false };
        !matches(&pattern, event)
    }

    fn explain(&self, event: &Value) -> String {
        if self.is_or {
            return "none of its filters matches".to_owned();
        }
        let path = self.path.strip_prefix(&["detail"]).unwrap_or(&self.path).join(".");
        format!("{path} is {}, expected {}", found(event, &self.path), self.expected())
    }

    fn expected(&self) -> String {
        self.matchers().map(matcher).collect::<Vec<_>>().join(" or ")
    }

    /// As a route's `messages` say it.
    fn types(&self) -> String {
        let one = |wanted: &Value| match (wanted.as_str(), wanted.get("prefix").and_then(Value::as_str)) {
            (Some(exact), _) => exact.to_owned(),
            (_, Some(prefix)) => format!("{prefix}*"),
            _ => matcher(wanted),
        };
        self.matchers().map(one).collect::<Vec<_>>().join(", ")
    }

    fn matchers(&self) -> impl Iterator<Item = &Value> {
        self.condition.as_array().into_iter().flatten()
    }
}

fn matcher(matcher: &Value) -> String {
    let Some((name, value)) = matcher.as_object().and_then(|object| object.iter().next()) else {
        return matcher.to_string();
    };
    match (name.as_str(), value) {
        ("numeric", Value::Array(bounds)) => numeric(bounds),
        ("exists", Value::Bool(true)) => "something".to_owned(),
        ("exists", _) => "nothing".to_owned(),
        ("prefix", Value::Object(same)) => format!("{}… in any case", same["equals-ignore-case"]),
        ("suffix", Value::Object(same)) => format!("…{} in any case", same["equals-ignore-case"]),
        ("prefix", value) => format!("{value}…"),
        ("suffix", value) => format!("…{value}"),
        ("wildcard", value) => format!("like {value}"),
        ("equals-ignore-case", value) => format!("{value} in any case"),
        ("anything-but", Value::Object(_)) => format!("anything but {}", self::matcher(value)),
        ("anything-but", value) => format!("anything but {value}"),
        _ => matcher.to_string(),
    }
}

fn numeric(bounds: &[Value]) -> String {
    let sides = bounds.chunks_exact(2).filter(|side| side[1].as_f64().is_none_or(|bound| bound.abs() < END));
    let words: Vec<String> = sides
        .map(|side| match side[0].as_str() {
            Some("=") | None => side[1].to_string(),
            Some(sign) => format!("{sign} {}", side[1]),
        })
        .collect();
    if words.is_empty() { "a number".to_owned() } else { words.join(" and ") }
}

/// What the event has at a path, through arrays.
fn found(event: &Value, path: &[&str]) -> String {
    fn collect<'a>(value: &'a Value, path: &[&str], values: &mut Vec<&'a Value>) {
        match (value, path) {
            (Value::Array(items), path) => items.iter().for_each(|item| collect(item, path, values)),
            (value, []) => values.push(value),
            (Value::Object(fields), [name, rest @ ..]) => {
                fields.get(*name).into_iter().for_each(|inner| collect(inner, rest, values));
            }
            _ => {}
        }
    }
    let mut values = Vec::new();
    collect(event, path, &mut values);
    if values.is_empty() {
        return "absent".to_owned();
    }
    let text = values.into_iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        serde_json::from_value(json!({
            "message_id": "5f0c1f3e-0000-8000-8000-000000000000", "message": "order:updated",
            "hub": "h", "source": "shop", "created_at": "2026-03-01T12:00:00Z", "trace_id": "0", "parent_id": null,
            "hops": 0, "object": null, "keys": {"total": 24.99, "email": "a@example.com"},
            "payload": {"order": {"actual": {"total": "24.99", "lines": [{"sku": "A"}, {"sku": "B"}]}}},
            "routes": [],
        }))
        .unwrap()
    }

    fn check(pattern: &Value, expected: &str) {
        assert_eq!(not(&compile_raw(&[], pattern).unwrap(), &message()), expected);
    }

    #[test]
    fn a_route_may_have_changed() {
        let now = "matches now; when the message was stored, the hub file said otherwise";
        check(&json!({"detail-type": [{"prefix": "order:"}]}), now);
    }

    #[test]
    fn the_types_come_first() {
        check(&json!({"detail-type": ["order:new"], "detail": {"keys": {"total": [1]}}}), "takes order:new");
        check(&json!({"detail-type": [{"prefix": "payment:"}, "order:new"]}), "takes payment:*, order:new");
    }

    #[test]
    fn every_unmet_filter_is_named() {
        let more = json!({"detail-type": ["order:updated"], "detail": {"keys": {"total": [{"numeric": [">", 100]}]}}});
        check(&more, "keys.total is 24.99, expected > 100");
        let two = json!({"detail": {"keys": {"email": [{"suffix": ".org"}], "total": [{"numeric": [">", 1]}], "vip": [true]}}});
        check(&two, "keys.email is \"a@example.com\", expected …\".org\"; keys.vip is absent, expected true");
        let text = json!({"detail": {"payload": {"order": {"actual": {"total": [{"numeric": [">=", 5, "<", 90]}]}}}}});
        check(&text, "payload.order.actual.total is \"24.99\", expected >= 5 and < 90");
        let sku = json!({"detail": {"payload": {"order": {"actual": {"lines": {"sku": ["C", {"prefix": "D"}]}}}}}});
        check(&sku, "payload.order.actual.lines.sku is \"A\", \"B\", expected \"C\" or \"D\"…");
        let forms = json!({"detail": {"keys": {"email": [
            {"anything-but": {"suffix": ".com"}}, {"prefix": {"equals-ignore-case": "B"}},
        ]}}});
        check(&forms, "keys.email is \"a@example.com\", expected anything but …\".com\" or \"B\"… in any case");
        check(
            &json!({"detail": {"keys": {"email": [{"exists": false}]}}}),
            "keys.email is \"a@example.com\", expected nothing",
        );
    }

    #[test]
    fn alternatives_are_one_part() {
        let or = json!({"detail": {"$or": [{"keys": {"total": [1]}}, {"keys": {"vip": [true]}}]}});
        check(&or, "none of its filters matches");
    }

    #[test]
    fn long_values_are_cut() {
        let mut message = message();
        message.keys.insert("email".to_owned(), json!("é".repeat(100)));
        let pattern = compile_raw(&[], &json!({"detail": {"keys": {"email": ["b"]}}})).unwrap();
        let expected = format!("keys.email is \"{}…, expected \"b\"", "é".repeat(SHOWN - 1));
        assert_eq!(not(&pattern, &message), expected);
    }
}
