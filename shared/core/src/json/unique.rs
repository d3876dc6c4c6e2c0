//! Reading JSON that somebody else wrote, and that others may read too.
//!
//! A name that stands twice in one object is refused: RFC 8259 §4 leaves it to each reader which of the two counts, so a
//! filter in front of the hub and the hub itself might see two different objects in one body.

use std::{collections::HashSet, fmt};

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::without_byte_order_mark;

/// The value that `text` is, behind a byte order mark or not.
///
/// # Errors
/// It is not JSON, nested too deeply to be read, or has a name twice in one object; with line and column.
pub fn parse_unique(text: &[u8]) -> Result<Value, String> {
    let text = without_byte_order_mark(text);
    let value = serde_json::from_slice(text).map_err(|error| format!("not JSON: {error}"))?;
    // Only now, so that what is wrong with it here is nothing else.
    serde_json::from_slice::<Unique>(text).map_err(|error| error.to_string())?;
    Ok(value)
}

pub(super) fn twice(name: &str) -> String {
    let shown: String = name.chars().take(60).collect();
    format!("the name {shown:?} stands twice in one object")
}

/// Anything, as long as no object has a name twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(Self)
    }

    /// Numbers come here too, as an object with one name that serde_json alone knows.
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self, A::Error> {
        let mut names: HashSet<String> = HashSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            if names.contains(&name) {
                // Read to its end, so that the place is behind it.
                fields.next_value::<IgnoredAny>()?;
                return Err(A::Error::custom(twice(&name)));
            }
            names.insert(name);
            fields.next_value::<Self>()?;
        }
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: Result<&str, &str>) {
        let found = parse_unique(text).map(|value| value.to_string());
        let shown = String::from_utf8_lossy(text).chars().take(60).collect::<String>();
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{shown}");
    }

    #[test]
    fn what_is_read_is_what_is_written() {
        for text in ["null", "[]", "7", "-0.10", r#"{"a":[{"a":1},{"a":1.50e+3}],"b":true}"#, r#""a""#] {
            check(text.as_bytes(), Ok(text));
        }
        check("\u{feff}{}".as_bytes(), Ok("{}"));
        // Names that are the same once they are read are the same, however they are written; case tells them apart.
        check(br#"{"a":1,"A":1,"":1}"#, Ok(r#"{"":1,"A":1,"a":1}"#));
    }

    #[test]
    fn what_two_readers_may_read_differently_is_refused() {
        let twice = r#"the name "a" stands twice in one object at line 1 column "#;
        check(br#"{"a":1,"a":1}"#, Err(&format!("{twice}13")));
        check(br#"[{"b":{"a":{},"\u0061":{}}}]"#, Err(&format!("{twice}26")));
        let long = format!(r#"{{"{0}":1,"{0}":2}}"#, "x".repeat(500));
        assert!(parse_unique(long.as_bytes()).unwrap_err().len() < 150);
    }

    #[test]
    fn what_is_no_json_says_so() {
        check(b"", Err("not JSON: EOF while parsing a value at line 1 column 0"));
        check(br#"{"a":1"#, Err("not JSON: EOF while parsing an object at line 1 column 6"));
        check(b"{} {}", Err("not JSON: trailing characters at line 1 column 4"));
        check(br#"["\ud800"]"#, Err("not JSON: unexpected end of hex escape at line 1 column 9"));
        check(b"\"\xff\"", Err("not JSON: invalid unicode code point at line 1 column 2"));
        check(b"NaN", Err("not JSON: expected value at line 1 column 1"));
        let deep = "[".repeat(100_000);
        check(deep.as_bytes(), Err("not JSON: recursion limit exceeded at line 1 column 128"));
    }
}
