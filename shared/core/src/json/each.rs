//! Reading a body that holds many things, each by itself.
//!
//! What is wrong with one item of a list (half a surrogate pair, which JSON's grammar allows and text cannot hold; a name that
//! stands twice; more levels than can be read) is said of that item. What is wrong with the grammar is wrong with the whole
//! body: nobody can say where its items end.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, value::RawValue};

use super::{parse_unique, unique::twice, without_byte_order_mark};

/// One item of a list, or why it cannot be read: line and column are counted from its own beginning.
pub type Item = Result<Value, String>;

/// A body, as far as it can be read.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    List(Vec<Item>),
    /// Anything else.
    One(Value),
}

impl Body {
    /// # Errors
    /// The text is no JSON, or is no list and cannot be read.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let text = without_byte_order_mark(text);
        if !begins(text, b'[') {
            return parse_unique(text).map(Self::One);
        }
        let items: Vec<&RawValue> = serde_json::from_slice(text).map_err(|error| format!("not JSON: {error}"))?;
        Ok(Self::List(items.into_iter().map(|item| parse_unique(item.get().as_bytes())).collect()))
    }
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.into_iter().map(Ok).collect()),
            value => Self::One(value),
        }
    }
}

/// The fields of a text that is an object, in its order and still to be read. `None`: it is something else.
///
/// # Errors
/// The text is no JSON, or has a name twice.
pub fn parse_fields(text: &[u8]) -> Result<Option<Vec<(String, &RawValue)>>, String> {
    let text = without_byte_order_mark(text);
    if !begins(text, b'{') {
        return Ok(None);
    }
    // Only where the grammar is right is a name that stands twice what is wrong.
    serde_json::from_slice::<&RawValue>(text).map_err(|error| format!("not JSON: {error}"))?;
    let Fields(fields) = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    Ok(Some(fields))
}

fn begins(text: &[u8], with: u8) -> bool {
    text.trim_ascii_start().first() == Some(&with)
}

struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor).map(Fields)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Vec<(String, &RawValue)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name.clone()) {
                // Read to its end, so that the place is behind it.
                map.next_value::<IgnoredAny>()?;
                return Err(A::Error::custom(twice(&name)));
            }
            fields.push((name, map.next_value()?));
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Of a list: the items as they are written, or why they are none.
    fn check(text: &str, expected: Result<&[Result<&str, &str>], &str>) {
        let found = Body::parse(text.as_bytes()).map(|body| match body {
            Body::List(items) => items,
            Body::One(value) => panic!("{value} is no list"),
        });
        let found = found.map(|items| items.into_iter().map(|item| item.map(|value| value.to_string())).collect());
        let found: Result<Vec<Result<String, String>>, String> = found;
        let owned = |items: &[Result<&str, &str>]| {
            items.iter().map(|item| item.map(str::to_owned).map_err(str::to_owned)).collect()
        };
        let shown: String = text.chars().take(60).collect();
        assert_eq!(found, expected.map(owned).map_err(str::to_owned), "{shown}");
    }

    #[test]
    fn each_item_is_read_by_itself() {
        check("[]", Ok(&[]));
        check("\u{feff} [7, {\"a\": 98.20}]", Ok(&[Ok("7"), Ok(r#"{"a":98.20}"#)]));
        check(
            r#"[{"a":1}, {"a":"\ud800"}, {"a":1,"a":2}, "\udc00", 7]"#,
            Ok(&[
                Ok(r#"{"a":1}"#),
                Err("not JSON: unexpected end of hex escape at line 1 column 13"),
                Err("the name \"a\" stands twice in one object at line 1 column 13"),
                Err("not JSON: lone leading surrogate in hex escape at line 1 column 7"),
                Ok("7"),
            ]),
        );
        let deep = format!("[{}{}, 1]", "[".repeat(200), "]".repeat(200));
        check(&deep, Ok(&[Err("not JSON: recursion limit exceeded at line 1 column 128"), Ok("1")]));
    }

    #[test]
    fn what_is_no_json_is_no_list() {
        check("[1, 2", Err("not JSON: EOF while parsing a list at line 1 column 5"));
        check("[1, }]", Err("not JSON: expected value at line 1 column 5"));
        check("[1] [2]", Err("not JSON: trailing characters at line 1 column 5"));
        assert_eq!(Body::parse(b" 7"), Ok(Body::One(json!(7))));
        assert!(Body::parse(b"").is_err());
    }

    #[test]
    fn fields_are_read_later() {
        let fields = |text: &'static str| {
            parse_fields(text.as_bytes()).map(|fields| {
                let shown = |(name, raw): (String, &RawValue)| format!("{name}={raw}");
                fields.map(|fields| fields.into_iter().map(shown).collect::<Vec<_>>().join(" "))
            })
        };
        assert_eq!(fields(r#"{"b": ["\ud800"], "a": 1.50}"#), Ok(Some(r#"b=["\ud800"] a=1.50"#.to_owned())));
        assert_eq!(fields("[]"), Ok(None));
        assert_eq!(fields("{}"), Ok(Some(String::new())));
        for (text, expected) in [
            (r#"{"a": 1"#, "not JSON: EOF while parsing an object at line 1 column 7"),
            (r#"{"a": 1, "a": 2}"#, "the name \"a\" stands twice in one object at line 1 column 16"),
            (r#"{"a": 1, "a": }"#, "not JSON: expected value at line 1 column 15"),
        ] {
            assert_eq!(fields(text).unwrap_err(), expected);
        }
    }
}
