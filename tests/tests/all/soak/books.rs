//! What the hub said it did, kept longer than the hub itself remembers, and compared with what happened in the world.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_core::event::{EventName, HubEvent};

use super::world::World;

/// Where each route's messages arrive at an endpoint that takes any.
const PATHS: [(&str, &str); 5] = [
    ("all", "/quick"),
    ("receipts", "/quick/receipts"),
    ("notes", "/slow"),
    ("stock", "/flapping"),
    ("rest", "/resting"),
];

/// Routes to endpoints that never take anything.
const HOPELESS: [&str; 3] = ["fail", "hang", "refuse"];

#[derive(Debug)]
struct Emitted {
    kind: String,
    object: Option<String>,
    routes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Books {
    messages: BTreeMap<String, Emitted>,
    /// How each delivery ended, by message and route.
    ended: BTreeMap<(String, String), Vec<EventName>>,
    /// Versions by collection and object, in the order of storing.
    versions: BTreeMap<(String, String), Vec<u64>>,
    pub(super) paused: u64,
}

impl Books {
    pub(super) fn read(&mut self, events: Vec<HubEvent>) {
        for event in events {
            match event.event {
                EventName::MessageEmitted => {
                    let emitted =
                        Emitted { kind: event.message.unwrap(), object: event.object, routes: event.count.unwrap() };
                    self.messages.insert(event.message_id.unwrap(), emitted);
                }
                EventName::DeliverySucceeded | EventName::DeliveryDeadLettered => {
                    let key = (event.message_id.unwrap(), event.route.unwrap());
                    self.ended.entry(key).or_default().push(event.event);
                }
                EventName::VersionStored => {
                    let object = event.object.unwrap();
                    let (id, version) = object.split_once('@').unwrap();
                    let key = (event.collection.unwrap(), id.to_owned());
                    self.versions.entry(key).or_default().push(version.parse().unwrap());
                }
                EventName::EndpointPaused => self.paused += 1,
                _ => {}
            }
        }
    }

    pub(super) fn knows(&self, message: &str) -> bool {
        self.messages.contains_key(message)
    }

    /// What must end, by message and route.
    fn expected(&self) -> BTreeSet<(String, String)> {
        let deliveries = self
            .messages
            .iter()
            .flat_map(|(id, message)| expected_routes(message).into_iter().map(|route| (id.clone(), route.to_owned())));
        deliveries.collect()
    }

    /// What has not ended, as far as the hub has said.
    pub(super) fn open(&self) -> Vec<(String, String)> {
        self.expected().into_iter().filter(|key| !self.ended.contains_key(key)).collect()
    }

    /// Panics where the accounts differ.
    pub(super) fn balance(&self, world: &World) {
        self.versions_are_chains_and_each_is_told();
        for (id, message) in &self.messages {
            assert_eq!(message.routes, expected_routes(message).len() as u64, "{id}: {message:?}");
        }
        // Every message has ended for every one of its routes, once, and for no other.
        let ended: BTreeSet<_> = self.ended.keys().cloned().collect();
        assert_eq!(ended, self.expected());
        let mut rested = 0;
        for ((id, route), ends) in &self.ended {
            let [end] = ends.as_slice() else { panic!("{id} over {route}: {ends:?}") };
            let delivered = *end == EventName::DeliverySucceeded;
            let path = PATHS.iter().find(|(known, _)| known == route).map(|(_, path)| *path);
            match path {
                Some(path) => assert!(!delivered || world.took(id, path), "{id} over {route}: says only the hub"),
                None => assert!(HOPELESS.contains(&route.as_str()) && !delivered, "{id} over {route}"),
            }
            match route.as_str() {
                "all" | "receipts" | "notes" => assert!(delivered, "{id} over {route}"),
                "rest" => rested += u64::from(!delivered),
                _ => {}
            }
        }
        assert_eq!(rested, self.paused, "answers of 410");
        for note in world.notes() {
            assert_eq!(self.messages.get(&note).map(|message| message.kind.as_str()), Some("note:taken"), "{note}");
        }
        for (id, path) in world.taken() {
            assert!(self.knows(&id), "{id} arrived at {path}, and the hub never said so");
        }
    }

    /// 1, 2, 3 … of every object, and as many messages as versions.
    fn versions_are_chains_and_each_is_told(&self) {
        for ((collection, id), versions) in &self.versions {
            let mut sorted = versions.clone();
            sorted.sort_unstable();
            assert!(sorted.iter().copied().eq(1..=versions.len() as u64), "{collection}/{id}: {versions:?}");
        }
        for (collection, object_type) in [("items", "item:"), ("stock", "stock:")] {
            let versions: usize =
                self.versions.iter().filter(|((known, _), _)| known == collection).map(|(_, all)| all.len()).sum();
            let told = self.messages.values().filter(|message| message.kind.starts_with(object_type)).count();
            assert_eq!(told, versions, "{collection}");
        }
    }
}

fn expected_routes(message: &Emitted) -> Vec<&'static str> {
    let rank = || message.object.as_ref().unwrap()[1..].parse::<u64>().unwrap();
    match message.kind.as_str() {
        "item:new" | "item:updated" => {
            let by_rank = match rank() {
                0 => &["fail", "hang"][..],
                1..10 => &["fail"],
                10..20 => &["refuse"],
                _ => &[],
            };
            [&["all"], by_rank].concat()
        }
        "receipt:made" => vec!["receipts"],
        "note:taken" => vec!["notes", "rest"],
        "stock:new" | "stock:updated" => vec!["stock"],
        // What the failing endpoint says of itself; nobody wants to hear it.
        "notification:error" => Vec::new(),
        other => panic!("nobody emits {other}"),
    }
}
