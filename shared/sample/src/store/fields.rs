//! The fields of an order as somebody outside writes them, and how they are merged into it.

use serde_json::{Map, Value};

use super::{State, StoreError};
use crate::goods;

pub(super) fn fields_of(value: &Value) -> Result<Map<String, Value>, StoreError> {
    match value {
        Value::Object(fields) => Ok(fields.clone()),
        other => Err(StoreError::Invalid(format!("found {other}, expected an object with an order's fields"))),
    }
}

/// These are the store's own business.
pub(super) fn refuse_own(fields: &Map<String, Value>) -> Result<(), StoreError> {
    match ["number", "created_at", "updated_at"].iter().find(|name| fields.contains_key(**name)) {
        Some(name) => Err(StoreError::Invalid(format!("{name} is set by the store and cannot be given"))),
        None => Ok(()),
    }
}

pub(super) fn free_number(state: &State, given: &Value) -> Result<String, StoreError> {
    let fits = |text: &&str| {
        (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let Some(number) = given.as_str().filter(fits) else {
        let expected = "text of 1 to 40 ASCII letters, digits or '-'";
        return Err(StoreError::Invalid(format!("number: found {given}, expected {expected}")));
    };
    if state.orders.contains_key(number) || state.shipments.contains_key(&goods::shipment_number(number)) {
        return Err(StoreError::Conflict(format!("there is an order {number} already")));
    }
    Ok(number.to_owned())
}

/// JSON merge patch (RFC 7396): null removes, objects merge, everything else replaces.
pub(super) fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(inner) => {
                let entry = target.entry(name.as_str()).or_insert(Value::Null);
                if !entry.is_object() {
                    *entry = Value::Object(Map::new());
                }
                if let Some(entry) = entry.as_object_mut() {
                    merge(entry, inner);
                }
            }
            other => {
                target.insert(name.clone(), other.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patches_merge_as_rfc_7396_says() {
        let check = |target: Value, patch: Value, expected: Value| {
            let mut target = fields_of(&target).unwrap();
            merge(&mut target, &fields_of(&patch).unwrap());
            assert_eq!(Value::Object(target), expected);
        };
        check(json!({"a": 1}), json!({"a": 2, "b": [1]}), json!({"a": 2, "b": [1]}));
        check(json!({"a": 1, "b": 2}), json!({"a": null}), json!({"b": 2}));
        check(json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": null}}), json!({"a": {"c": 2}}));
        check(json!({"a": "text"}), json!({"a": {"b": 1, "c": null}}), json!({"a": {"b": 1}}));
        check(json!({}), json!({"a": {"b": {"c": null}}}), json!({"a": {"b": {}}}));
    }
}
