//! Changing the text of a hub file by as little as can be: an entry more in a mapping or a list, an entry less in a list.
//! Every other byte stays what it was: comments, order, indentation, ends of lines.
//!
//! A ready tree has forgotten what stood between its nodes, so nothing is written anew: the parser's events say where a
//! block ends and how far it is indented ([`outline`]), and lines go in there ([`text`]). Where a key of the root is missing
//! it is added at the end; a list or mapping in brackets gets its entry before the bracket that closes it.
//!
//! What comes out is not believed: [`only_adds`] and [`is_but_for`] compare it with what went in.
//!
//! Deliberately absent: changing a value that is there, and removing anything but an entry of a list.

mod outline;
mod text;

use serde_json::Value;

use self::{outline::Shape, text::Text};

/// What is added to a mapping or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Lines without indentation; those of a list's entry begin with `- ` and go on below its text.
    pub block: Vec<String>,
    /// The same inside of brackets.
    pub flow: String,
}

/// Why a text cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("it is not YAML: {0}")]
    NotYaml(String),
    #[error("all of it stands in brackets, where {0} cannot be added as a block")]
    InBrackets(&'static str),
    #[error("expected {expected} at {key}, found something else")]
    Unexpected { key: String, expected: &'static str },
}

const ENDPOINTS: &str = "endpoints";
const ROUTES: &str = "routes";
const WEBHOOKS: &str = "webhooks";

/// Entries for a key of the root.
struct Addition<'a> {
    key: &'static str,
    expected: &'static str,
    entries: &'a [Entry],
}

/// The text with the endpoint and the routes in it.
///
/// # Errors
/// The text is written in a way in which nothing can be added to it.
pub fn add(text: &str, endpoint: &Entry, routes: &[Entry]) -> Result<String, EditError> {
    add_all(
        text,
        &[
            Addition { key: ENDPOINTS, expected: "a mapping", entries: std::slice::from_ref(endpoint) },
            Addition { key: ROUTES, expected: "a list", entries: routes },
        ],
    )
}

/// The text with the webhook in it.
///
/// # Errors
/// The text is written in a way in which nothing can be added to it.
pub fn add_webhook(text: &str, webhook: &Entry) -> Result<String, EditError> {
    add_all(text, &[Addition { key: WEBHOOKS, expected: "a mapping", entries: std::slice::from_ref(webhook) }])
}

fn add_all(whole: &str, additions: &[Addition<'_>]) -> Result<String, EditError> {
    let (mut text, outline) = Text::of(whole)?;
    // From the end, so that what comes before stays where it is. What is missing comes last of all.
    let mut there: Vec<_> = additions.iter().filter_map(|new| Some((new, outline.shape(&[new.key])?))).collect();
    there.sort_by_key(|(_, shape)| std::cmp::Reverse(shape.place()));
    let missing = additions.iter().filter(|new| outline.shape(&[new.key]).is_none() && !new.entries.is_empty());
    if outline.root_in_brackets {
        if let Some(new) = missing.clone().next() {
            return Err(EditError::InBrackets(new.key));
        }
    } else {
        // At the end, so before anything else moves it.
        for new in missing {
            text.append(outline.root_column, new.key, new.entries);
        }
    }
    for (Addition { key, expected, entries: new }, shape) in there {
        match shape {
            Shape::Other => return Err(EditError::Unexpected { key: (*key).to_owned(), expected }),
            _ if new.is_empty() => {}
            Shape::Block { column, end } => text.insert_after(end, column, new),
            Shape::Brackets { open, close, is_empty: true, .. } if !outline.root_in_brackets => {
                text.remove(open, close + 1);
                text.insert_after(open, outline.root_column + 2, new);
            }
            Shape::Brackets { end, is_empty, .. } => text.insert_in_brackets(end, is_empty, new),
        }
    }
    Ok(text.whole())
}

/// The text with a value more at the end of the list that these keys lead to; the list has one already.
///
/// # Errors
/// There is no such list, or it is written in a way in which nothing can be added to it.
pub fn push(whole: &str, path: &[&str], value: &str) -> Result<String, EditError> {
    let (mut text, outline) = Text::of(whole)?;
    let new = [Entry { block: vec![format!("- {value}")], flow: value.to_owned() }];
    match (outline.shape(path), outline.entries(path)) {
        (Some(Shape::Block { column, end }), [_, ..]) => text.insert_after(end, column, &new),
        (Some(Shape::Brackets { end, is_empty: false, .. }), [_, ..]) => text.insert_in_brackets(end, false, &new),
        _ => return Err(no_list(path)),
    }
    Ok(text.whole())
}

/// The text without the first entries of the list that these keys lead to: all but the last.
///
/// # Errors
/// There is no such list, or it has one entry only.
pub fn keep_last(whole: &str, path: &[&str]) -> Result<String, EditError> {
    let (mut text, outline) = Text::of(whole)?;
    match (outline.shape(path), outline.entries(path)) {
        (Some(Shape::Block { .. }), [all @ .., _]) if !all.is_empty() => {
            for entry in all.iter().rev() {
                text.remove_lines(entry.clone());
            }
        }
        (Some(Shape::Brackets { .. }), [first, .., last]) => text.remove(first.start, last.start),
        _ => return Err(no_list(path)),
    }
    Ok(text.whole())
}

fn no_list(path: &[&str]) -> EditError {
    EditError::Unexpected { key: path.join("."), expected: "a list" }
}

/// Whether the hub that was compiled from the new text is the one from the old, but for the value that these keys lead to,
/// which is this one.
pub fn is_but_for(old: &str, new: &str, path: &[&str], value: &Value) -> bool {
    let (Ok(mut old), Ok(new)) = (serde_json::from_str::<Value>(old), serde_json::from_str::<Value>(new)) else {
        return false;
    };
    let mut place = &mut old;
    for key in path {
        // A key with nothing in it, and none, are the same.
        if place.is_null() {
            *place = Value::Object(serde_json::Map::default());
        }
        let Value::Object(fields) = place else { return false };
        place = fields.entry((*key).to_owned()).or_insert_with(|| Value::Object(serde_json::Map::default()));
    }
    *place = value.clone();
    old == new
}

/// Whether the hub that was compiled from the new text is the one from the old, with one endpoint and so many routes at the
/// end more.
pub fn only_adds(old: &str, new: &str, endpoint: &str, routes: usize) -> bool {
    let (Ok(old), Ok(mut new)) = (serde_json::from_str::<Value>(old), serde_json::from_str::<Value>(new)) else {
        return false;
    };
    let Some(hub) = new.as_object_mut() else { return false };
    let without = |list: &mut Vec<Value>| list.len().checked_sub(routes).map(|rest| list.truncate(rest));
    let added = hub.get_mut(ENDPOINTS).and_then(Value::as_object_mut).and_then(|all| all.remove(endpoint)).is_some()
        && (routes == 0 || hub.get_mut(ROUTES).and_then(Value::as_array_mut).and_then(without).is_some());
    // A key with nothing in it, and none, are the same.
    let emptied = |hub: &Value| {
        let mut hub = hub.clone();
        if let Some(fields) = hub.as_object_mut() {
            for key in [ENDPOINTS, ROUTES] {
                let is_empty = fields.get(key).is_some_and(|value| match value {
                    Value::Object(all) => all.is_empty(),
                    Value::Array(all) => all.is_empty(),
                    _ => false,
                });
                if is_empty {
                    fields.remove(key);
                }
            }
        }
        hub
    };
    added && emptied(&old) == emptied(&new)
}

#[cfg(test)]
mod tests;
