//! Many patterns, matched in this process.
//!
//! The patterns reach `quamina` in the forms on which it agrees with AWS's event-ruler. Four things are left to even out
//! (quamina 0.7.0):
//! - In one automaton, `anything-but` of one pattern lets values through to another's exact texts on the same path. So each
//!   combination of each pattern has its own automaton, which costs a look at the event for each.
//! - AWS compares a number only when a double holds all its digits, and quamina compares the nearest double. Such numbers,
//!   and `-0`, are rewritten in the event.
//! - Objects of a list at a path that a pattern compares are read as if they stood beside the list. [`scaffold`] names a
//!   child of every such path, so that they are read as what they are.
//! - Several `exists: false` match nothing in an event with none of the patterns' fields. So every pattern asks for
//!   `source`, which every event has.

use std::borrow::Cow;

use quamina::{Quamina, QuaminaBuilder};
use serde_json::{Value, json};

use super::{EventPattern, number::comparable};

/// Matches events against many patterns.
pub struct Matcher(Vec<(usize, Quamina<()>)>);

/// A pattern or an event that the matcher cannot read.
#[derive(Debug, thiserror::Error)]
pub enum MatcherError {
    /// The event is no JSON object.
    #[error("the event cannot be matched")]
    Event(#[source] quamina::QuaminaError),
    /// The pattern makes a larger automaton than is allowed.
    #[error("the pattern cannot be matched in process")]
    Pattern(#[source] quamina::QuaminaError),
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matcher").field("patterns", &self.0.len()).finish()
    }
}

/// States of one field's automaton: a wildcard takes about one a byte, and a pattern has at most 2,048 of them.
const MOST_STATES: usize = 16 * 1024;
/// Bytes of one combination's automaton; the usual one takes a few thousand.
const MOST_BYTES: usize = 64 * 1024 * 1024;

impl Matcher {
    /// Of patterns, each with the number that [`Matcher::matches`] answers for it.
    ///
    /// # Errors
    /// A pattern is too large for the matcher in process.
    pub fn new<'a>(patterns: impl IntoIterator<Item = (usize, &'a EventPattern)>) -> Result<Self, MatcherError> {
        let mut matchers = Vec::new();
        for (number, pattern) in patterns {
            for combination in &pattern.combinations {
                matchers.push((number, automaton(combination).map_err(MatcherError::Pattern)?));
            }
        }
        Ok(Self(matchers))
    }

    /// The numbers of the patterns that an event's JSON matches, sorted, each once.
    ///
    /// # Errors
    /// The event is no JSON object.
    pub fn matches(&self, event: &[u8]) -> Result<Vec<usize>, MatcherError> {
        let event = even_out(event);
        let mut found = Vec::new();
        for (number, matcher) in &self.0 {
            // The first combination that matches answers for its pattern.
            if found.last() != Some(number)
                && !matcher.matches_for_event(&event).map_err(MatcherError::Event)?.is_empty()
            {
                found.push(*number);
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

fn automaton(combination: &Value) -> Result<Quamina<()>, quamina::QuaminaError> {
    let mut matcher =
        QuaminaBuilder::new().with_max_states_per_pattern(MOST_STATES).with_arena_byte_budget(MOST_BYTES).build()?;
    let mut pattern = combination.clone();
    if pattern.get("source").is_none() {
        pattern["source"] = json!([{"exists": true}]);
    }
    let mut children = Value::Null;
    scaffold(&pattern, &mut children);
    // It asks for every path and a child of it at once, and `source` is a text: it never matches.
    matcher.add_pattern((), &children.to_string())?;
    matcher.add_pattern((), &pattern.to_string())?;
    Ok(matcher)
}

/// A pattern of a child of each path that `pattern` compares.
fn scaffold(pattern: &Value, children: &mut Value) {
    match pattern {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| scaffold(field, &mut children[name.as_str()])),
        _ => children["\u{0}"] = json!([{"exists": true}]),
    }
}

/// Beyond every number that a pattern can name, so that it equals none and is in no range.
const INCOMPARABLE: &str = "1e300";

/// The event with the numbers that AWS compares differently replaced.
fn even_out(event: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let mut kept = 0;
    let mut at = 0;
    while let Some(&byte) = event.get(at) {
        match byte {
            b'"' => at = after_string(event, at + 1),
            b'-' | b'0'..=b'9' => {
                let rest = event.get(at..).unwrap_or_default();
                let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let number = rest.split(|byte| !is_part(byte)).next().unwrap_or_default();
                if let Some(instead) = instead_of(number) {
                    let out = out.get_or_insert_with(|| Vec::with_capacity(event.len()));
                    out.extend_from_slice(event.get(kept..at).unwrap_or_default());
                    out.extend_from_slice(instead.as_bytes());
                    kept = at + number.len();
                }
                at += number.len();
            }
            _ => at += 1,
        }
    }
    match out {
        Some(mut out) => {
            out.extend_from_slice(event.get(kept..).unwrap_or_default());
            Cow::Owned(out)
        }
        None => Cow::Borrowed(event),
    }
}

fn after_string(event: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = event.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

fn instead_of(number: &[u8]) -> Option<&'static str> {
    // Fifteen digits without an exponent always fit a double.
    if number.len() <= 15 && !number.starts_with(b"-0") && !number.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return None;
    }
    match std::str::from_utf8(number).ok().and_then(comparable) {
        None => Some(INCOMPARABLE),
        Some(0.0) => Some("0"),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::TypePattern;

    #[test]
    fn evened_out() {
        let check = |event: &str, expected: &str| {
            assert_eq!(String::from_utf8_lossy(&even_out(event.as_bytes())), expected, "{event}");
        };
        check(r#"{"a":5,"b":[-19.99,1e2]}"#, r#"{"a":5,"b":[-19.99,1e2]}"#);
        check(r#"{"a":-0.0}"#, r#"{"a":0}"#);
        check(r#"{"a":-0.5}"#, r#"{"a":-0.5}"#);
        check(r#"{"a":9007199254740993,"b":1e400}"#, r#"{"a":1e300,"b":1e300}"#);
        check(
            r#"{"9007199254740993":"9007199254740993\"-0","b":-0}"#,
            r#"{"9007199254740993":"9007199254740993\"-0","b":0}"#,
        );
        check(r#"{"a":"\\","b":-0}"#, r#"{"a":"\\","b":0}"#);
    }

    #[test]
    fn an_event_that_is_no_object_is_refused() {
        let pattern = crate::pattern::compile_raw(&[TypePattern::Exact("a:b".to_owned())], &json!({})).unwrap();
        let matcher = Matcher::new([(0, &pattern)]).unwrap();
        for event in ["[1]", "{", ""] {
            assert!(matches!(matcher.matches(event.as_bytes()), Err(MatcherError::Event(_))), "{event}");
        }
    }
}
