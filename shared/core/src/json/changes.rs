use serde_json::Value;

use super::{FieldPath, canonical};
use crate::message::Change;

/// What differs between a version and its parent, volatile fields aside: RFC 6901 pointers in document order, arrays
/// compared place by place, the deepest differing value named.
pub fn changes(old: &Value, new: &Value, volatile: &[FieldPath]) -> Vec<Change> {
    let mut found = Vec::new();
    let skips: Vec<&[String]> = volatile.iter().map(FieldPath::segments).collect();
    compare(old, new, &skips, &mut String::new(), &mut found);
    found
}

fn compare(old: &Value, new: &Value, skips: &[&[String]], path: &mut String, found: &mut Vec<Change>) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            let gone = before.keys().filter(|name| !after.contains_key(*name));
            let names: Vec<&String> = after.keys().chain(gone).collect();
            for name in names {
                if skips.iter().any(|skip| skip.len() == 1 && skip[0] == *name) {
                    continue;
                }
                let below: Vec<&[String]> =
                    skips.iter().filter(|skip| skip.first() == Some(name)).map(|skip| &skip[1..]).collect();
                step(
                    before.get(name),
                    after.get(name),
                    &below,
                    &name.replace('~', "~0").replace('/', "~1"),
                    path,
                    found,
                );
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for place in 0..before.len().max(after.len()) {
                let below: Vec<&[String]> = skips
                    .iter()
                    .map(|skip| match skip.split_first() {
                        Some((first, rest)) if first.parse() == Ok(place) => rest,
                        _ => skip,
                    })
                    .filter(|skip| !skip.is_empty())
                    .collect();
                step(before.get(place), after.get(place), &below, &place.to_string(), path, found);
            }
        }
        // A scalar: equal when canonical text is, so that 1.0 that became 1 is no change here either.
        (old, new) => {
            if old != new && canonical(old, &[]) != canonical(new, &[]) {
                found.push(Change { path: path.clone(), old: Some(old.clone()), new: Some(new.clone()) });
            }
        }
    }
}

fn step(
    old: Option<&Value>,
    new: Option<&Value>,
    skips: &[&[String]],
    segment: &str,
    path: &mut String,
    found: &mut Vec<Change>,
) {
    let length = path.len();
    path.push('/');
    path.push_str(segment);
    match (old, new) {
        (Some(old), Some(new)) => compare(old, new, skips, path, found),
        (old, new) => found.push(Change { path: path.clone(), old: old.cloned(), new: new.cloned() }),
    }
    path.truncate(length);
}
