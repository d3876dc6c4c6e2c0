//! Where the emulator is known to be wrong, each with the sentence of AWS's that says so.
//!
//! An exception says how the emulator reads an event instead. It excuses an answer only where our matcher, given the
//! event read that way, answers the same. The example of each is tried too, so that an exception goes when the emulator
//! has been mended.

use serde_json::{Value, json};

pub(super) struct Exception {
    pub(super) name: &'static str,
    /// What AWS says, and where.
    pub(super) rule: &'static str,
    pub(super) reads: Reads,
    /// A raw pattern, an event's detail, and AWS's answer.
    pub(super) example: fn() -> (Value, Value, bool),
}

#[derive(Clone, Copy)]
pub(super) enum Reads {
    /// This event in place of the one it was given.
    As(fn(&Value) -> Value),
    /// `exists: false` for each element of a list by itself.
    AbsenceByElement,
}

pub(super) const ALL: &[Exception] = &[
    Exception {
        name: "digits beyond a double",
        rule: "\"Numeric matching […] is limited to […] 15 digits of precision\" (EventBridge, comparison operators); \
               event-ruler's ComparableNumber refuses a number whose decimals a double has \"eaten up\"",
        reads: Reads::As(nearest_doubles),
        example: || {
            let lost: Value = serde_json::from_str("0.1000000000000000055511151231257827").unwrap();
            (json!({"detail": {"a": [{"numeric": ["=", 0.1]}]}}), json!({"a": lost}), false)
        },
    },
    Exception {
        name: "a name with a dot is two names",
        rule: "event-ruler, isFieldStepUsed: {\"a.b\": [123]} and {\"a\": {\"b\": [123]}} \"will both result\" in the \
               same path, \"we cannot distinguish\" them",
        reads: Reads::As(without_dotted_names),
        example: || (json!({"detail": {"a": {"b": [1]}}}), json!({"a.b": 1}), true),
    },
    Exception {
        name: "absence is of the whole list until an element is chosen",
        rule: "\"The rule below will match any event which has no detail.c-count field\" (event-ruler, Exists matching); a \
               field counts where it does not violate array consistency (NameState.getNameTransitions)",
        reads: Reads::AbsenceByElement,
        example: || {
            let pattern = json!({"detail": {"lines": {"a": [{"exists": false}], "b": [1]}}});
            (pattern, json!({"lines": [{"b": 1}, {"a": 2}]}), false)
        },
    },
];

fn nearest_doubles(event: &Value) -> Value {
    match event {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), nearest_doubles(value))).collect::<Value>()
        }
        Value::Array(items) => items.iter().map(nearest_doubles).collect(),
        Value::Number(number) if number.to_string().contains('.') => json!(number.as_f64()),
        other => other.clone(),
    }
}

fn without_dotted_names(event: &Value) -> Value {
    match event {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !name.contains('.'));
            kept.map(|(name, value)| (name.clone(), without_dotted_names(value))).collect::<Value>()
        }
        Value::Array(items) => items.iter().map(without_dotted_names).collect(),
        other => other.clone(),
    }
}

/// Whether a pattern asks for absence beside something else, in what the event has as a list of objects.
pub(super) fn asks_for_absence_in_a_list(pattern: &Value, event: &Value) -> bool {
    match (pattern, event) {
        (Value::Object(pattern), Value::Object(event)) => {
            let inside = pattern
                .iter()
                .any(|(name, inner)| event.get(name).is_some_and(|value| asks_for_absence_in_a_list(inner, value)));
            let branches = pattern.get("$or").and_then(Value::as_array).into_iter().flatten();
            inside
                || branches.into_iter().any(|branch| asks_for_absence_in_a_list(branch, &Value::Object(event.clone())))
        }
        (Value::Object(_), Value::Array(items)) => {
            items.iter().any(|item| item.is_object() || item.is_array()) && asks_for_absence(pattern)
        }
        _ => false,
    }
}

fn asks_for_absence(pattern: &Value) -> bool {
    match pattern {
        Value::Object(fields) => {
            fields.get("exists") == Some(&Value::Bool(false)) || fields.values().any(asks_for_absence)
        }
        Value::Array(items) => items.iter().any(asks_for_absence),
        _ => false,
    }
}
