use serde_json::Value;

use super::{FieldPath, canonical, skip::Skips};
use crate::message::Change;

/// What differs between a version and its parent, volatile fields aside: RFC 6901 pointers in document order, arrays
/// compared place by place, the deepest differing value named.
pub fn changes(old: &Value, new: &Value, volatile: &[FieldPath]) -> Vec<Change> {
    let mut found = Vec::new();
    compare(old, new, &Skips::of(volatile), &mut String::new(), &mut found);
    found
}

fn compare(old: &Value, new: &Value, skips: &Skips<'_>, path: &mut String, found: &mut Vec<Change>) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            let gone = before.keys().filter(|name| !after.contains_key(*name));
            for name in after.keys().chain(gone) {
                let Some(below) = skips.field(name) else { continue };
                let segment = name.replace('~', "~0").replace('/', "~1");
                step(before.get(name), after.get(name), &below, &segment, path, found);
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for place in 0..before.len().max(after.len()) {
                let Some(below) = skips.element(place) else { continue };
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
    skips: &Skips<'_>,
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
