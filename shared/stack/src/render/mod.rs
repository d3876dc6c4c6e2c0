//! The stacks of a hub: one that holds the schedules, and inside it one per shard of endpoints.
//!
//! CloudFormation takes 500 resources in a stack, so endpoints are spread over [`SHARDS`] nested ones, by a hash of the
//! endpoint's name: a queue that changed its stack would be made anew and lose its messages, so an endpoint must stay
//! where it is, whatever comes and goes around it. A route's rule lives beside its endpoint's queue.
//!
//! What webhooks come through in place of HTTP (queues, buses) is in a stack of its own beside the hub's: it needs ingest to be
//! there, and ingest comes after the hub's rules.
//!
//! Nothing that is rendered depends on a URL, a header, a parameter or a secret. Values of one installation (ARNs, the
//! stack's name) are parameters.

mod endpoint;
mod hub;
mod incoming;
mod logical;
mod yaml;

use std::collections::BTreeMap;

use crossdock_core::{
    hub::{Endpoint, Hub, Route},
    id::EndpointName,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Fixed for ever: with another number every endpoint would move.
pub(crate) const SHARDS: u8 = 8;

/// What opens every rendered file.
const HEAD: &str = "Written by `crossdock render` from the hub file. Change that one, and render again.";

/// The nested stack that an endpoint lives in.
pub fn shard(endpoint: &EndpointName) -> u8 {
    Sha256::digest(endpoint.as_str())[0] % SHARDS
}

/// What is rendered of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendering {
    /// Text by file name; no folders.
    pub files: BTreeMap<String, String>,
    /// How many resources each template has, by file name.
    pub resources: BTreeMap<String, usize>,
}

/// What the last rendering knew: committed with it, so that an endpoint cannot leave unnoticed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub endpoints: BTreeMap<EndpointName, Indexed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indexed {
    pub shard: u8,
    /// Nothing new goes to it.
    pub drain: bool,
}

impl Index {
    pub const FILE: &str = "endpoints.json";

    pub fn of(hub: &Hub) -> Self {
        let indexed = |endpoint: &Endpoint| Indexed { shard: shard(&endpoint.name), drain: endpoint.drain };
        Self { endpoints: hub.endpoints.iter().map(|(name, endpoint)| (name.clone(), indexed(endpoint))).collect() }
    }

    /// Endpoints that are in `self`, and not in the hub any more although nobody drained them.
    pub fn undrained<'a>(&'a self, hub: &'a Hub) -> impl Iterator<Item = &'a EndpointName> {
        let gone = self.endpoints.iter().filter(|(name, known)| !known.drain && !hub.endpoints.contains_key(*name));
        gone.map(|(name, _)| name)
    }
}

/// The file of a shard.
fn file(shard: u8) -> String {
    format!("endpoints-{shard:02}.yaml")
}

/// Whether a file in the folder of renderings is one, though perhaps of another hub.
pub fn is_rendered(file: &str) -> bool {
    let shard = file.strip_prefix("endpoints-").and_then(|rest| rest.strip_suffix(".yaml"));
    [hub::FILE, incoming::FILE, Index::FILE].contains(&file) || shard.is_some_and(|shard| shard.parse::<u8>().is_ok())
}

/// Whatever [`crate::check`] has no fault in can be deployed.
pub fn render(hub: &Hub) -> Rendering {
    let mut shards: BTreeMap<u8, Vec<Member<'_>>> = BTreeMap::new();
    for endpoint in hub.endpoints.values() {
        let routes = hub.routes.iter().filter(|route| route.to == endpoint.name && !endpoint.drain).collect();
        shards.entry(shard(&endpoint.name)).or_default().push(Member { endpoint, routes });
    }
    let mut rendering = Rendering { files: BTreeMap::new(), resources: BTreeMap::new() };
    let mut add = |name: String, (text, resources): (String, usize)| {
        rendering.files.insert(name.clone(), text);
        rendering.resources.insert(name, resources);
    };
    for (number, members) in &shards {
        add(file(*number), endpoint::stack(hub, *number, members));
    }
    add(hub::FILE.to_owned(), hub::stack(hub, &shards));
    add(incoming::FILE.to_owned(), incoming::stack(hub));
    let index = serde_json::to_value(Index::of(hub)).map(|index| format!("{index:#}\n")).unwrap_or_default();
    rendering.files.insert(Index::FILE.to_owned(), index);
    rendering
}

/// An endpoint and what leads to it.
struct Member<'a> {
    endpoint: &'a Endpoint,
    routes: Vec<&'a Route>,
}

#[cfg(test)]
mod tests;
