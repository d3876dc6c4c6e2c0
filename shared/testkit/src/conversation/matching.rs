//! Whether what was found is what is written in a case, as far as it is written there.
//!
//! An object may have more fields than are named. A list has exactly the elements that are named. Text that begins or
//! ends with `…` is an excerpt. `null` is also what is not there.

use serde_json::Value;

/// The first difference, with its place.
pub(super) fn matches(at: &str, expected: &Value, found: &Value) -> Result<(), String> {
    let different = || Err(format!("{at}: found {found}, expected {expected}"));
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().try_for_each(|(name, expected)| {
            matches(&format!("{at}.{name}"), expected, found.get(name).unwrap_or(&Value::Null))
        }),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs
                .into_iter()
                .try_for_each(|(place, (expected, found))| matches(&format!("{at}[{place}]"), expected, found))
        }
        (Value::String(expected), Value::String(found)) if is_excerpt(expected, found) => Ok(()),
        (Value::Number(expected), Value::Number(found)) if same_number(&expected.to_string(), &found.to_string()) => {
            Ok(())
        }
        (expected, found) if expected == found => Ok(()),
        _ => different(),
    }
}

fn is_excerpt(expected: &str, found: &str) -> bool {
    let (rest, begins_anywhere) = expected.strip_prefix('…').map_or((expected, false), |rest| (rest, true));
    let (rest, ends_anywhere) = rest.strip_suffix('…').map_or((rest, false), |rest| (rest, true));
    match (begins_anywhere, ends_anywhere) {
        (false, false) => found == rest,
        (true, false) => found.ends_with(rest),
        (false, true) => found.starts_with(rest),
        (true, true) => found.contains(rest),
    }
}

/// A bus may write numbers anew: 98.20 as 98.2.
fn same_number(expected: &str, found: &str) -> bool {
    expected == found
        || matches!((expected.parse::<f64>(), found.parse::<f64>()), (Ok(one), Ok(other)) if one.to_bits() == other.to_bits())
}

/// Each of the expected is another one of the found, and none is left over.
pub(super) fn matches_in_any_order(at: &str, expected: &[Value], found: &[Value]) -> Result<(), String> {
    let mut left: Vec<&Value> = found.iter().collect();
    for wanted in expected {
        let Some(place) = left.iter().position(|one| matches(at, wanted, one).is_ok()) else {
            let found = serde_json::to_string_pretty(found).expect("JSON");
            return Err(format!("{at}: nothing like {wanted} is among {found}"));
        };
        left.remove(place);
    }
    match left[..] {
        [] => Ok(()),
        _ => Err(format!("{at}: found {left:?} beside what is expected")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(expected: &Value, found: &Value, same: bool) {
        assert_eq!(matches("it", expected, found).is_ok(), same, "{expected} {found}");
    }

    #[test]
    fn what_is_written_must_be_there() {
        check(&json!({"a": 1}), &json!({"a": 1, "b": 2}), true);
        check(&json!({"a": 1}), &json!({"b": 2}), false);
        check(&json!({"a": null}), &json!({"b": 2}), true);
        check(&json!({"a": null}), &json!({"a": 2}), false);
        check(&json!([{"a": 1}]), &json!([{"a": 1, "b": 2}]), true);
        check(&json!([{"a": 1}]), &json!([{"a": 1}, {}]), false);
        check(&json!({}), &json!([]), false);
        check(&json!("answered…"), &json!("answered 500"), true);
        check(&json!("…500"), &json!("answered 500"), true);
        check(&json!("…answered…"), &json!("it answered so"), true);
        check(&json!("answered"), &json!("answered 500"), false);
        check(&json!(1.0), &json!(1), true);
        check(&json!("1"), &json!(1), false);
    }

    #[test]
    fn each_is_another_one() {
        let any = |expected: &[Value], found: &[Value]| matches_in_any_order("it", expected, found).is_ok();
        assert!(any(&[json!({"a": 1}), json!({"a": 2})], &[json!({"a": 2}), json!({"a": 1})]));
        assert!(!any(&[json!({"a": 1}), json!({"a": 1})], &[json!({"a": 1}), json!({"a": 2})]));
        assert!(!any(&[json!({"a": 1})], &[json!({"a": 1}), json!({"a": 1})]));
        assert!(!any(&[json!({"a": 1})], &[]));
    }
}
