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
    object,
};

/// The objects of one collection that an answer gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objects {
    pub source: SourceName,
    pub collection: CollectionName,
    /// What came, until it is tracked: then the version store has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Value>,
    /// Their ids, once they are tracked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
}

impl Objects {
    pub fn key(&self) -> CollectionKey {
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
        _ if !success => answer.faults.push(format!("{name}: taken from a 2xx answer only")),
        Meant::Ambiguous(sources) => {
            let sources: Vec<&str> = sources.into_iter().map(SourceName::as_str).collect();
            answer.faults.push(format!(
                "{name}: {} has no such collection, and several others have: {}",
                scope.source,
                sources.join(", ")
            ));
        }
        Meant::Collection(collection) => {
            let mut places: BTreeMap<String, usize> = BTreeMap::new();
            let mut good: Vec<Value> = Vec::with_capacity(items.len());
            for (place, item) in items.iter().enumerate() {
                match object::read(collection, &format!("{name}[{place}]"), item.clone()) {
                    Ok(record) => {
                        answer.faults.extend(record.set_aside.iter().map(ToString::to_string));
                        // Of one object twice, what stands last is what it is.
                        match places.get(&record.key.id) {
                            Some(earlier) => good[*earlier] = record.body,
                            None => {
                                places.insert(record.key.id, good.len());
                                good.push(record.body);
                            }
                        }
                    }
                    Err(aside) => answer.faults.push(aside.to_string()),
                }
            }
            if !good.is_empty() {
                let CollectionKey { source, collection } = collection.key.clone();
                answer.objects.push(Objects { source, collection, items: good, ids: Vec::new() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{answer::read, port::EndpointResponse};

    const HUB: &str = r#"
hub: h
sources:
  shop: {url: "http://shop.test", collections: {orders: {type: order, request: {path: /o}, id: number, every: 1h}}}
  erp:
    url: "http://erp.test"
    collections:
      orders: {type: order, request: {path: /o}, id: number, every: 1h}
      invoices: {type: invoice, request: {path: /i}, id: id, every: 1h}
  wms: {url: "http://wms.test", collections: {stock: {type: stock, request: {path: /s}, id: sku, every: 1h}}}
  pos: {url: "http://pos.test", collections: {stock: {type: stock, request: {path: /s}, id: sku, every: 1h}}}
"#;

    #[track_caller]
    fn check(source: &str, status: u16, body: &Value, expected: &Value, faults: &[&str]) {
        let hub = crate::hub::load("hub.yaml", HUB, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub;
        let body = body.to_string().into_bytes();
        let response = EndpointResponse { status, headers: Vec::new(), body, truncated: false };
        let (answer, _) = read(&response, Scope { hub: &hub, source: &source.parse().unwrap() });
        assert_eq!(&json!(answer.objects), expected);
        assert_eq!(answer.faults, faults);
    }

    #[test]
    fn a_name_means_one_collection_or_none() {
        let of = |source: &str, collection: &str, item: Value| json!([{"source": source, "collection": collection, "items": [item]}]);
        let order = json!({"number": "R1", "n": 1});
        check("shop", 200, &json!({"orders": [order]}), &of("shop", "orders", order.clone()), &[]);
        check("erp", 200, &json!({"orders": order}), &of("erp", "orders", order.clone()), &[]);
        check("shop", 200, &json!({"invoices": [{"id": 7}]}), &of("erp", "invoices", json!({"id": 7})), &[]);
        check("wms", 200, &json!({"stock": {"sku": "S"}}), &of("wms", "stock", json!({"sku": "S"})), &[]);
        let several = "stock: shop has no such collection, and several others have: pos, wms";
        check("shop", 200, &json!({"stock": [{"sku": "S"}]}), &json!([]), &[several]);
        let several = "orders: wms has no such collection, and several others have: erp, shop";
        check("wms", 299, &json!({"orders": [order]}), &json!([]), &[several]);
        // A source that the hub does not have any more.
        check("gone", 200, &json!({"invoices": [{"id": 7}]}), &of("erp", "invoices", json!({"id": 7})), &[]);
    }

    #[test]
    fn what_means_nothing_is_none_of_our_business() {
        for body in [json!({"customers": [1], "orders": []}), json!({"orders": null}), json!({"stock": []})] {
            check("shop", 200, &body, &json!([]), &[]);
            check("shop", 500, &body, &json!([]), &[]);
        }
        check("shop", 500, &json!({"customers": [1]}), &json!([]), &[]);
    }

    #[test]
    fn a_failure_gives_nothing() {
        let taken = "orders: taken from a 2xx answer only";
        check("shop", 404, &json!({"orders": [{"number": "R1"}]}), &json!([]), &[taken]);
    }

    #[test]
    fn bad_ones_are_named_and_of_two_the_last_counts() {
        let body =
            json!({"orders": [{"number": "R1", "n": 1}, {"n": 2}, 7, {"number": "R2"}, {"number": "R1", "n": 3}]});
        let good =
            json!([{"source": "shop", "collection": "orders", "items": [{"number": "R1", "n": 3}, {"number": "R2"}]}]);
        let faults = [r#"orders[1]: no id: nothing at "number""#, "orders[2]: found a number, expected an object"];
        check("shop", 200, &body, &good, &faults);
    }
}
