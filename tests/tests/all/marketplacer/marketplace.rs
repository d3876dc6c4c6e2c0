//! What Marketplacer's Operator API and legacy Seller API answer to the hubs of `infra/examples/marketplacer`, as far as its
//! public documentation says.
//! <https://dev.marketplacer.com/docs/operator-api>, <https://dev.marketplacer.com/docs/webhooks>

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crossdock_core::Timestamp;
use serde_json::{Value, json};

use crate::support::{Reply, Server, server::Request};

pub(super) const KEY: &str = "the-api-key";

/// Objects of one list, by their ids.
type List = BTreeMap<String, Value>;

#[derive(Clone, Default)]
struct Lists(Arc<Mutex<BTreeMap<&'static str, List>>>);

impl Lists {
    fn of(&self, name: &str) -> List {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().unwrap_or_default()
    }
}

/// The marketplace; only what is put in shows up in its lists.
pub(super) struct Marketplace {
    lists: Lists,
    server: Server,
}

impl Marketplace {
    pub(super) async fn start() -> Self {
        let lists = Lists::default();
        let shown = lists.clone();
        let server = Server::start(move |request| answer(&shown, request)).await;
        Self { lists, server }
    }

    pub(super) fn url(&self) -> &str {
        self.server.url()
    }

    /// In the list of this name: of the Operator API's query, or `legacy` for the seller's orders.
    pub(super) fn put(&self, list: &'static str, object: Value) {
        let id = object["id"].as_str().unwrap().to_owned();
        self.lists.0.lock().unwrap_or_else(PoisonError::into_inner).entry(list).or_default().insert(id, object);
    }

    /// How often this was asked for since the start.
    pub(super) fn asked(&self, what: &str) -> usize {
        let names = |request: &Request| String::from_utf8_lossy(&request.body).contains(what) || request.path() == what;
        self.server.seen().iter().filter(|request| names(request)).count()
    }

    pub(super) async fn until_asked(&self, what: &str, times: usize) {
        self.server.until(what, |_| (self.asked(what) >= times).then_some(())).await;
    }
}

fn answer(lists: &Lists, request: &Request) -> Reply {
    match request.path() {
        "/graphql" => graphql(lists, request),
        path => legacy(lists, request, path),
    }
}

/// One page holds it all.
fn graphql(lists: &Lists, request: &Request) -> Reply {
    if request.method != "POST" || request.header("authorization") != Some(&format!("Bearer {KEY}")) {
        return Reply::status(401);
    }
    let body = request.json();
    let query = body["query"].as_str().unwrap();
    let known = ["allAdverts", "invoices", "refundRequests", "sellers"];
    let Some(name) = known.into_iter().find(|name| query.contains(&format!("{name}("))) else {
        return Reply::json(200, &json!({"errors": [{"message": "no such query"}]}));
    };
    let since = body["variables"]["updatedSince"].as_str().map(|text| text.parse::<Timestamp>().unwrap());
    let changed = |node: &Value| node["updatedAt"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let nodes: Vec<Value> =
        lists.of(name).into_values().filter(|node| since.is_none_or(|since| changed(node) >= since)).collect();
    let page = json!({"pageInfo": {"hasNextPage": false, "endCursor": null}, "nodes": nodes});
    Reply::json(200, &json!({"data": {name: page}}))
}

/// <https://dev.marketplacer.com/docs/legacy-seller-api/overview>
fn legacy(lists: &Lists, request: &Request, path: &str) -> Reply {
    if request.header("marketplacer-api-key") != Some(KEY) {
        return Reply::status(401);
    }
    let orders = lists.of("legacy");
    match path.strip_prefix("/api/v2/client/invoices") {
        Some("") => Reply::json(200, &json!({"data": [], "links": {"first": path, "last": path}})),
        Some(id) => orders.get(&id[1..]).map_or(Reply::status(404), |order| Reply::json(200, &json!({"data": order}))),
        None => Reply::status(404),
    }
}

/// A webhook's body.
pub(super) fn event(id: &str, name: &str, node: &Value) -> Value {
    json!({"id": id, "event_name": name, "payload": {"data": {"node": node}}})
}
