//! The reckoning: what happened in the shop, what the hub's state says of it, and what the endpoints received must be
//! three accounts of one story. Everything is worked out anew here, from the contract and not from the hub's code.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::shop::{ORDERS, SHIPMENTS, Shop, Thing};
use crate::support::{
    Request,
    state::{Key, State, Version},
    table,
};

/// Children of orders.
const PAYMENTS: &str = "orders.payments";

/// Where each route's messages arrive.
pub(crate) const PATHS: [(&str, &str); 6] = [
    ("confirm", "/confirm"),
    ("book", "/book"),
    ("track", "/track"),
    ("ship", "/ship"),
    ("write-back", "/tracking"),
    ("take-back", "/points"),
];

/// The route whose endpoint never takes anything at first.
const HOPELESS: &str = "take-back";

/// Every request of every endpoint, and whether it was answered with a 2xx.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) requests: Vec<(Request, bool)>,
    /// Attempts are also made to fail before there is a request.
    pub(crate) incomplete: bool,
    /// Every dead letter has been sent on its way again, by a hub that may have died while it was still one in the
    /// making.
    pub(crate) redriven: bool,
}

/// Whether the hub knows everything in the shop as it is now.
pub(crate) fn is_up_to_date(shop: &Shop, state: &State) -> bool {
    let newest = |collection: &str, id: &str| state.head(collection, id).map(|head| content(&head.body));
    let known = |collection: &str| {
        shop.things(collection).iter().all(|(id, thing)| newest(collection, id).as_ref() == Some(thing.newest()))
    };
    let paid = |(id, thing): (&String, &Thing)| {
        newest(PAYMENTS, &payment(id)).as_ref() == thing.newest().pointer("/payments/0")
    };
    known(ORDERS) && known(SHIPMENTS) && shop.things(ORDERS).iter().all(paid)
}

fn payment(order: &str) -> String {
    format!("{order}/P1")
}

/// The messages by what they come from: a version, or the message whose answer said them.
#[derive(Default)]
struct Origins<'a> {
    /// By collection, id and number.
    versions: HashMap<(&'a str, &'a str, u64), Vec<&'a Value>>,
    parents: HashMap<&'a str, Vec<&'a Value>>,
}

impl<'a> Origins<'a> {
    fn of(messages: impl Iterator<Item = &'a Value>) -> Self {
        let mut origins = Self::default();
        for message in messages {
            let object = &message["object"];
            if let Some(parent) = message["parent_id"].as_str() {
                origins.parents.entry(parent).or_default().push(message);
            }
            if let (Some(collection), Some(id)) = (object["collection"].as_str(), object["id"].as_str()) {
                let version = (collection, id, object["version"].as_u64().unwrap());
                origins.versions.entry(version).or_default().push(message);
            }
        }
        origins
    }
}

/// Panics where the accounts differ.
pub(crate) fn audit(shop: &Shop, state: &State, received: &Received) {
    let origins = Origins::of(state.messages.values());
    for collection in [ORDERS, SHIPMENTS] {
        for (id, thing) in shop.things(collection) {
            let versions = &state.versions[&(collection.to_owned(), id.clone())];
            chain(&id, versions);
            history(&id, &thing, versions);
            messages(&origins, collection, &id, versions);
            if collection == ORDERS {
                payments(state, &origins, &id, &thing, versions);
            }
        }
    }
    every_message_has_its_reason(state, received.incomplete);
    deliveries(state, received.redriven);
    bookmarks(shop, state);
    arrivals(state, received);
    write_backs(shop, state, &origins);
}

/// What changed before the bookmark, or at it, is stored.
pub(crate) fn bookmarks(shop: &Shop, state: &State) {
    for (collection, bookmark) in &state.bookmarks {
        for (id, thing) in shop.things(collection) {
            if thing.updated_at.parse::<jiff::Timestamp>().unwrap() <= *bookmark {
                let head = state.head(collection, &id).map(|head| content(&head.body));
                assert_eq!(head.as_ref(), Some(thing.newest()), "{id} is behind the bookmark {bookmark}");
            }
        }
    }
}

fn content(body: &Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().remove(table::UPDATED_AT);
    body
}

/// 1, 2, 3 …, each the parent of the next.
fn chain(id: &str, versions: &[Version]) {
    for (place, version) in (0_u32..).zip(versions) {
        assert_eq!(version.number, place + 1, "{id}: {versions:#?}");
        assert_eq!(version.parent, (place > 0).then_some(place), "{id}: {versions:#?}");
        assert!(!version.baseline || place == 0, "{id}: {versions:#?}");
    }
}

/// Each version was once the truth, none is there twice, none comes before an older one, and the last is the last.
fn history(id: &str, thing: &Thing, versions: &[Version]) {
    let place = |version: &Version| {
        let content = content(&version.body);
        let found = thing.history.iter().position(|known| *known == content);
        found.unwrap_or_else(|| panic!("{id}@{} never was: {content}", version.number))
    };
    let places: Vec<usize> = versions.iter().map(place).collect();
    assert!(places.is_sorted_by(|one, next| one < next), "{id}: versions are the states {places:?} of the shop's");
    assert_eq!(places.last(), Some(&(thing.history.len() - 1)), "{id}: the last change is no version");
    assert_eq!(versions[0].baseline, thing.old, "{id}: old is what was there before the hub, and nothing else");
}

/// The types a version must have given rise to, and no others.
fn expected_types(object_type: &str, versions: &[Version], place: usize) -> Vec<String> {
    let version = &versions[place];
    let became = |field: &str, value: &str| {
        version.body[field] == value && (place == 0 || versions[place - 1].body[field] != value)
    };
    let special = match object_type {
        "order" if became("state", "canceled") => Some("order:canceled"),
        "shipment" if became("state", "ready") => Some("shipment:ready"),
        _ => None,
    };
    let general = match (place, special) {
        _ if version.baseline => return Vec::new(),
        (0, _) => Some(format!("{object_type}:new")),
        (_, None) => Some(format!("{object_type}:updated")),
        (_, Some(_)) => None,
    };
    general.into_iter().chain(special.map(str::to_owned)).collect()
}

fn messages(origins: &Origins<'_>, collection: &str, id: &str, versions: &[Version]) {
    let object_type = match collection {
        ORDERS => "order",
        SHIPMENTS => "shipment",
        _ => "payment",
    };
    for place in 0..versions.len() {
        let version = (collection, id, u64::from(versions[place].number));
        let found = origins.versions.get(&version).map(Vec::as_slice).unwrap_or_default();
        let mut types: Vec<&str> = found.iter().map(|message| message["message"].as_str().unwrap()).collect();
        let mut expected = expected_types(object_type, versions, place);
        types.sort_unstable();
        expected.sort_unstable();
        assert_eq!(types, expected, "{id}@{}", versions[place].number);
        for message in found {
            assert_eq!(message["payload"][object_type]["actual"], versions[place].body, "{id}");
            assert_eq!(message["parent_id"], Value::Null, "{id}");
            if place > 0 {
                assert_eq!(message["previous"], versions[place - 1].body, "{id}");
                assert!(!message["changes"].as_array().unwrap().is_empty(), "{id}: {message}");
            }
        }
    }
}

fn payments(state: &State, origins: &Origins<'_>, order: &str, thing: &Thing, versions: &[Version]) {
    let id = payment(order);
    let payments = &state.versions[&(PAYMENTS.to_owned(), id.clone())];
    chain(&id, payments);
    assert_eq!(payments[0].baseline, thing.old, "{id}");
    // Its states among the order's versions, in their order, each once. One may be missing: order and payment are two
    // objects and two transactions, and what changes between them is seen when the order is next read.
    let mut states: Vec<&Value> = versions.iter().map(|version| &version.body["payments"][0]).collect();
    states.dedup();
    let place = |version: &Version| states.iter().position(|state| **state == version.body);
    let places: Vec<Option<usize>> = payments.iter().map(place).collect();
    assert!(places.is_sorted_by(|one, next| one < next) && places[0].is_some(), "{id}: {places:?}");
    assert_eq!(places.last(), Some(&Some(states.len() - 1)), "{id}: the last change is no version");
    messages(origins, PAYMENTS, &id, payments);
}

/// A message is about a version, or follows from an answer to one that is, or tells of a source that cannot be polled.
fn every_message_has_its_reason(state: &State, polls_fail: bool) {
    for (id, message) in &state.messages {
        assert_eq!(message["message_id"], *id);
        assert_eq!(message["routes"], Value::from(expected_routes(message)), "{message}");
        let object = &message["object"];
        match message["parent_id"].as_str() {
            None if object.is_null() => {
                let told = ["notification:error", "notification:info"].map(Value::from);
                assert!(polls_fail && told.contains(&message["message"]), "{message}");
            }
            None => {
                let (collection, of) = (object["collection"].as_str().unwrap(), object["id"].as_str().unwrap());
                let versions = &state.versions[&(collection.to_owned(), of.to_owned())];
                assert!(versions.len() as u64 >= object["version"].as_u64().unwrap(), "{message}");
            }
            Some(parent) => {
                let parent = &state.messages[parent];
                assert_eq!(message["message"], "shipment:shipped", "{message}");
                assert_eq!(parent["message"], "shipment:ready", "{message}");
                assert_eq!((&message["trace_id"], &message["hops"]), (&parent["trace_id"], &Value::from(1)));
            }
        }
    }
}

fn expected_routes(message: &Value) -> Vec<&'static str> {
    let kind = message["message"].as_str().unwrap();
    let word = kind.split(':').next().unwrap();
    let total = |message: &Value| message["payload"]["order"]["actual"]["total"].as_str().unwrap().parse::<f64>();
    PATHS
        .iter()
        .map(|(route, _)| *route)
        .filter(|route| match *route {
            "confirm" => kind == "order:new",
            "book" => word == "order" && total(message).unwrap() > 100.0,
            "track" => ["order", "payment", "shipment"].contains(&word),
            "ship" => kind == "shipment:ready",
            "write-back" => kind == "shipment:shipped",
            _ => kind == "order:canceled",
        })
        .collect()
}

/// Every message has ended for every one of its routes, and for no other.
fn deliveries(state: &State, redriven: bool) {
    let mut expected = BTreeSet::new();
    for (id, message) in &state.messages {
        for route in message["routes"].as_array().unwrap() {
            let route = route.as_str().unwrap().to_owned();
            let first = (id.clone(), route.clone(), 1);
            // A hub that died before the ledger heard of a dead letter may have delivered it after all.
            let died = state.deliveries.get(&first).is_some_and(|delivery| delivery.state == "dead_lettered");
            expected.extend((redriven && route == HOPELESS && died).then(|| (id.clone(), route, 2)));
            expected.insert(first);
        }
    }
    let known: BTreeSet<_> = state.deliveries.keys().cloned().collect();
    assert_eq!(known.symmetric_difference(&expected).collect::<Vec<_>>(), Vec::<&Key>::new());

    let dead: BTreeSet<_> = state.dead.iter().map(|(_, message, route)| (message, route)).collect();
    for (key, delivery) in &state.deliveries {
        let (message, route, round) = key;
        assert!(!delivery.next_round, "{key:?}: {delivery:?}");
        let last = delivery.attempts.last().copied().flatten();
        match delivery.state.as_str() {
            "delivered" => assert!(last.is_some_and(|status| (200..300).contains(&status)), "{key:?}: {delivery:?}"),
            "dead_lettered" => {
                assert!(redriven != dead.contains(&(message, route)), "{key:?}: {delivery:?}, {:?}", state.dead);
                assert_ne!(delivery.reason.as_deref(), Some("poison"), "{key:?}: the hub died of something else");
            }
            _ => panic!("{key:?} never ended: {delivery:?}"),
        }
        // All of its attempts but the last have failed; there are as many as retries allow.
        let failed = |status: &Option<u64>| status.is_none_or(|status| !(200..300).contains(&status));
        let earlier = delivery.attempts.len().saturating_sub(1);
        assert!(delivery.attempts[..earlier].iter().all(failed), "{key:?}: {delivery:?}");
        assert!(delivery.attempts.len() <= super::ATTEMPTS, "{key:?}: {delivery:?}");
        if route == HOPELESS && !redriven {
            assert_eq!((delivery.state.as_str(), delivery.attempts.len()), ("dead_lettered", super::ATTEMPTS));
        }
        assert!(*round == 1 || delivery.state == "delivered", "{key:?}: {delivery:?}");
    }
    for (endpoint, message, route) in &state.dead {
        assert_eq!(&state.deliveries[&(message.clone(), route.clone(), 1)].endpoint, endpoint);
    }
}

/// What the endpoints have in their books.
fn arrivals(state: &State, received: &Received) {
    let mut requests: BTreeMap<Key, Vec<&(Request, bool)>> = BTreeMap::new();
    for one in &received.requests {
        let (route, _) = PATHS.iter().find(|(_, path)| *path == one.0.path()).unwrap();
        let id = one.0.json()["message_id"].as_str().unwrap().to_owned();
        // Duplicates carry the same id.
        let round = match one.0.webhook_id().strip_prefix(&id) {
            Some("") => 1,
            Some(round) => round.strip_prefix('.').and_then(|round| round.parse().ok()).unwrap_or_default(),
            None => panic!("{:?} brings {id}", one.0),
        };
        requests.entry((id, (*route).to_owned(), round)).or_default().push(one);
    }
    for (key @ (id, route, _), requests) in &requests {
        let delivery = state.deliveries.get(key);
        let delivery = delivery.unwrap_or_else(|| panic!("{key:?} arrived, and the hub knows nothing of it"));
        // And the same message.
        for (request, _) in requests {
            assert_eq!(lasting(&request.json()), state.messages[id], "{request:?}");
        }
        assert!(received.incomplete || requests.len() >= delivery.attempts.len(), "{id} over {route}: {delivery:?}");
    }
    for (key, delivery) in &state.deliveries {
        let taken = requests.get(key);
        let taken = taken.is_some_and(|requests| requests.iter().any(|(_, accepted)| *accepted));
        assert!(taken || delivery.state != "delivered", "{key:?} is delivered, says only the hub");
    }
}

/// Without what is of the moment of an attempt.
fn lasting(message: &Value) -> Value {
    let mut message = message.clone();
    message.as_object_mut().unwrap().remove("parameters");
    if let Some(object_type) = message["object"]["type"].as_str().map(str::to_owned) {
        message["payload"][object_type].as_object_mut().unwrap().remove("current");
    }
    message
}

/// One answer of the carrier is one message, and what was delivered of those is in the shop.
fn write_backs(shop: &Shop, state: &State, origins: &Origins<'_>) {
    let shipments = shop.things(SHIPMENTS);
    for ((id, route, _), delivery) in &state.deliveries {
        if route == "ship" {
            let follow_ups = origins.parents.get(id.as_str()).map(Vec::as_slice).unwrap_or_default();
            let expected = usize::from(delivery.state == "delivered");
            assert_eq!(follow_ups.len(), expected, "{id} is {}: {follow_ups:#?}", delivery.state);
        }
        if route == "write-back" && delivery.state == "delivered" {
            let number = state.messages[id]["payload"]["shipment"]["number"].as_str().unwrap();
            assert_eq!(shipments[number].newest()["tracking"], super::tracking_number(number));
        }
    }
}
