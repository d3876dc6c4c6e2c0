//! Places that the hub file names and that a source has nowhere.
//!
//! A record without a time or a key is a fine record, and the last page is known by having no next: what is absent is no
//! fault of any one of them. Only a place that no record, or no answer, of a whole poll has is likely to be misspelt, so
//! it is told of where somebody looks (`poll --dry-run`) and nowhere else.
//!
//! Deliberately absent: `deleted`, which most lists have nowhere; `id`, without which a record is set aside.

use serde_json::Value;

use crate::{
    hub::{Collection, End, Pages},
    json::FieldPath,
};

/// A place that was looked at and found nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// The setting that names it, as it is written in the hub file.
    pub setting: String,
    pub path: FieldPath,
}

/// Those of the places looked for in a record.
pub(super) fn in_record(collection: &Collection, record: &Value) -> Vec<Absent> {
    let created = collection.created.iter().map(|field| ("created".to_owned(), &field.path));
    let since = collection.since.iter().map(|rule| ("since.field".to_owned(), &rule.field));
    let keys = collection.rules.keys.iter().map(|key| (format!("keys.{}", key.name), &key.path));
    let children = collection.children.iter().map(|child| (format!("children.{}", child.object_type), &child.items));
    absent(created.chain(since).chain(keys).chain(children), record)
}

/// Those of the places looked for beside the list.
pub(super) fn in_answer(collection: &Collection, answer: &Value) -> Vec<Absent> {
    let places: Vec<(&str, &FieldPath)> = match &collection.pages {
        Pages::Number { end: End::Total(total), .. } => vec![("pages.total", total)],
        Pages::Link { next: Some(next) } => vec![("pages.next", next)],
        Pages::Cursor { next, more, .. } => {
            std::iter::once(("pages.next", next)).chain(more.as_ref().map(|more| ("pages.more", more))).collect()
        }
        Pages::Single | Pages::Number { .. } | Pages::Link { next: None } => Vec::new(),
    };
    absent(places.into_iter().map(|(setting, path)| (setting.to_owned(), path)), answer)
}

fn absent<'a>(places: impl Iterator<Item = (String, &'a FieldPath)>, value: &Value) -> Vec<Absent> {
    places
        .filter(|(_, path)| path.get(value).is_none())
        .map(|(setting, path)| Absent { setting, path: path.clone() })
        .collect()
}

/// What is absent from every one of several.
#[derive(Debug, Default)]
pub(super) struct Everywhere(Option<Vec<Absent>>);

impl Everywhere {
    pub(super) fn and(&mut self, other: Vec<Absent>) {
        match &mut self.0 {
            None => self.0 = Some(other),
            Some(absent) => absent.retain(|one| other.contains(one)),
        }
    }

    pub(super) fn found(self) -> Vec<Absent> {
        self.0.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
