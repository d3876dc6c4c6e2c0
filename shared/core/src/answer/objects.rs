//! Objects in an answer (contract §5): `orders: [...]`, versioned like polled ones.
//!
//! A name in an answer means the collection of that name of the message's own source; where the source has none, the
//! only one of that name in the hub. A name that no collection has is none of our business, as anything else in an
//! answer that we do not know; a name that several other sources have is a fault, because guessing would put an object
//! into the wrong shop (`docs/adr/0025-objects-in-answers.md`).
//!
//! Here they are only read: each must be one that its collection can read, or it becomes a fault. What is kept is what
//! came, so that it can be tracked from the ledger alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, each};
use crate::{
    hub::{Collection, Hub},
    id::{CollectionKey, CollectionName, SourceName},
    object::{self, Record},
};

/// An object that an answer gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GivenObject {
    pub source: SourceName,
    pub collection: CollectionName,
    pub id: String,
    /// The object itself, until it is tracked: then the version store has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Value>,
}

impl GivenObject {
    fn of(record: Record) -> Self {
        let CollectionKey { source, collection } = record.key.collection;
        Self { source, collection, id: record.key.id, item: Some(record.body) }
    }

    pub fn collection(&self) -> CollectionKey {
        CollectionKey { source: self.source.clone(), collection: self.collection.clone() }
    }
}

/// What names in an answer mean.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub hub: &'a Hub,
    /// Of the message that is answered.
    pub source: &'a SourceName,
}

enum Meant<'a> {
    Nothing,
    Collection(&'a Collection),
    Ambiguous(Vec<&'a SourceName>),
}

impl<'a> Scope<'a> {
    fn meant(self, name: &str) -> Meant<'a> {
        let of = |source: &'a crate::hub::Source| {
            source.collections.iter().find(|collection| collection.key.collection.as_str() == name)
        };
        if let Some(own) = self.hub.sources.get(self.source).and_then(of) {
            return Meant::Collection(own);
        }
        let all: Vec<&Collection> = self.hub.sources.values().filter_map(of).collect();
        match all[..] {
            [] => Meant::Nothing,
            [only] => Meant::Collection(only),
            _ => Meant::Ambiguous(all.into_iter().map(|collection| &collection.key.source).collect()),
        }
    }
}

/// A field of an answer that has no meaning of its own.
pub(super) fn objects(name: &str, value: &Value, success: bool, scope: Scope<'_>, answer: &mut Answer) {
    let items = each(value);
    if items.is_empty() {
        return;
    }
    match scope.meant(name) {
        Meant::Nothing => {}
        _ if !success => answer.fault(format!("{name}: taken from a 2xx answer only")),
        Meant::Ambiguous(sources) => {
            let sources: Vec<&str> = sources.into_iter().map(SourceName::as_str).collect();
            answer.fault(format!(
                "{name}: {} has no such collection, and several others have: {}",
                scope.source,
                sources.join(", ")
            ));
        }
        Meant::Collection(collection) => {
            let mut places: BTreeMap<String, usize> = BTreeMap::new();
            for (place, item) in items.iter().enumerate() {
                match object::read(collection, &format!("{name}[{place}]"), item.clone()) {
                    Ok(record) => {
                        for aside in &record.set_aside {
                            answer.fault(aside.to_string());
                        }
                        let given = GivenObject::of(record);
                        // Of one object twice, what stands last is what it is.
                        match places.get(&given.id) {
                            Some(earlier) => answer.objects[*earlier] = given,
                            None => {
                                places.insert(given.id.clone(), answer.objects.len());
                                answer.objects.push(given);
                            }
                        }
                    }
                    Err(aside) => answer.fault(aside.to_string()),
                }
            }
        }
    }
}
