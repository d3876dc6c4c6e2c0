//! Where the emulator is known to be wrong, each with the sentence of AWS's that says so.
//!
//! An exception says how the emulator reads an event instead. It excuses an answer only where our matcher, given the
//! event read that way, answers the same; or, where it is the pattern that is read another way, where the core's evaluator
//! answers the same when it reads it so, and as we do when it does not. The example of each is tried too, so that an exception goes when the emulator
//! has been mended.

use serde_json::{Map, Value, json};

use super::evaluator;

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
    /// `exists: false` for each element of a list by itself ([`by_element`]).
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

/// As the emulator reads it: each element of a list is offered the whole pattern for the list, and what that element has
/// not is absent. Where there is no list and nothing is absent, [`evaluator::matches`] answers the same.
pub(super) fn by_element(pattern: &Value, event: &Value) -> bool {
    let of = |name: &str| event.get(name).unwrap_or(&Value::Null);
    pattern.as_object().unwrap().iter().all(|(name, wanted)| match wanted {
        Value::Array(branches) if name == "$or" => branches.iter().any(|branch| by_element(branch, event)),
        Value::Array(_) => {
            let field = event.get(name).map_or_else(|| json!({}), |value| json!({name: value}));
            evaluator::matches(&json!({name: wanted}), &field)
        }
        _ => {
            let mut elements = objects(of(name));
            if elements.is_empty() {
                elements.push(Value::Object(Map::new()));
            }
            elements.iter().any(|element| by_element(wanted, element))
        }
    })
}

fn objects(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(objects).collect(),
        Value::Object(_) => vec![value.clone()],
        _ => Vec::new(),
    }
}
