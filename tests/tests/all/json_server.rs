//! Real input: a source nobody on this side wrote. `json-server` (npm, MIT) serves a folder of orders over REST, with the
//! two paginations of its stable line, 0.17: page numbers (`_page`, `_limit`) without a total, and `Link` headers. The
//! 1.0 line is a beta with another API and no `Link` headers.
//!
//! It compares times as they stand in its file, so they are numbers here (epoch milliseconds): as text, `…12Z` and
//! `…120Z` would be two times.
//!
//! `./test` installs it (`tests/tools/package.json`) into `target/tools/npm`; `CROSSDOCK_JSON_SERVER` names another.
//! Where there is none the test is skipped, except with `CI=true`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Stdio,
};

use crossdock_core::event::{EventName, HubEvent};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{
    Bench, Hub, Reply, Request, Server,
    binary::repository,
    client::{Response, call},
    now,
    port::free_port,
    process::Process,
    random::Random,
    say, setting, until,
};

const ORDERS: u64 = 200;
/// What the two collections are called in the hub.
const WAYS: [&str; 2] = ["paged", "linked"];

fn json_server() -> Option<PathBuf> {
    let given = setting("CROSSDOCK_JSON_SERVER").map(PathBuf::from);
    let installed = repository().join("target/tools/npm/node_modules/.bin/json-server");
    given.into_iter().chain([installed]).find(|path| path.is_file())
}

fn milliseconds() -> i64 {
    now().as_millisecond()
}

/// About 2 KB of what shops have: nested lists, texts of the world, money as text, nulls, and numbers too long for a
/// float.
fn order(number: u64, random: &mut Random) -> Value {
    let names = ["Zoë Ångström", "李小龍", "Siobhán O’Brien", "Ğökçe \"Gök\" Yılmaz", "Ольга 🌲", "a\\b/c\td"];
    let streets = ["Västra Hamngatan 7", "京都市中京区 1-2", "Rue de l’Abbé-de-l’Épée 9\u{2028}B", "Straße 1"];
    let mut address = || {
        json!({
            "name": random.pick(&names), "street": random.pick(&streets), "postcode": format!("{:05}", random.below(99999)),
            "country": random.pick(&["SE", "JP", "FR", "DE"]), "state": null, "geo": {"lat": 57.70887, "lon": -11.97456e0},
        })
    };
    let (billing, shipping) = (address(), address());
    let lines: Vec<Value> = (0..3 + random.below(4))
        .map(|line| {
            json!({
                "id": 9_007_199_254_740_993_u64 + line, "sku": format!("SKU-{:04}", random.below(9999)),
                "name": random.pick(&["Hand grinder", "コーヒー", "Kaffeemühle", "Filtre à café"]),
                "quantity": 1 + random.below(5), "price": format!("{}.{:02}", random.below(300), random.below(100)),
                "options": [{"name": "colour", "value": "röd"}, {"name": "engraving", "value": null}],
                "tax": {"rate": 0.25, "included": true}, "discounts": [],
            })
        })
        .collect();
    let created = 1_600_000_000_000_i64 + number as i64 * 60_000;
    json!({
        "id": format!("o-{number:04}"), "number": format!("R{number:09}"), "state": "complete", "currency": "SEK",
        "email": "zoë@exämple.com", "total": format!("{}.99", 100 + random.below(900)), "item_total": "0.10",
        "weight_kg": 1.10, "points": 1e21, "ledger_id": 12_345_678_901_234_567_890_u64, "note": null, "tags": [], "meta": {},
        "billing_address": billing, "shipping_address": shipping, "line_items": lines,
        "payments": [{"id": format!("p-{number}"), "method": "card", "state": "completed", "amount": "12.00"}],
        "created_at": created, "updated_at": created,
    })
}

fn hub_file(source: &str, endpoint: &str) -> String {
    let collection = |way: &str, keys: &str| {
        format!(
            r#"
  {way}:
    url: "{source}"
    collections:
      orders:
        type: {way}-order
        id: id
        every: 200ms
        volatile: [updated_at]
        {keys}"#
        )
    };
    let paged = collection(
        "paged",
        "request: {path: /orders, query: {_sort: updated_at, _order: asc}}
        created: {field: created_at, format: epoch_ms}
        since: {param: updated_at_gte, field: updated_at, format: epoch_ms, overlap: 2s}
        pages: {style: page, param: _page, size: {param: _limit, value: 30}}",
    );
    // Neither filter nor creation time: every poll is a full pass, and the first one is the baseline.
    let linked = collection(
        "linked",
        "request: {path: /orders, query: {_page: 1, _limit: 30}}
        pages: {style: link}",
    );
    format!(
        r#"
hub: real-input
sources:{paged}{linked}
endpoints:
  books: {{url: "{endpoint}"}}
routes:
  - {{name: paged, messages: ["paged-order:*"], to: books, path: /paged}}
  - {{name: linked, messages: ["linked-order:*"], to: books, path: /linked}}
"#
    )
}

struct Shop {
    binary: PathBuf,
    bench: Bench,
    port: u16,
    process: Process,
}

impl Shop {
    async fn open(binary: PathBuf) -> Self {
        let bench = Bench::empty();
        let mut random = Random::from_seed(2013);
        let orders: Vec<Value> = (0..ORDERS).map(|number| order(number, &mut random)).collect();
        let size = json!(orders).to_string().len() as u64 / ORDERS;
        assert!((1_500..3_000).contains(&size), "{size} bytes an order");
        std::fs::write(bench.path("db.json"), json!({"orders": orders}).to_string()).unwrap();
        let port = free_port();
        let process = serve(&binary, &bench, port);
        let shop = Self { binary, bench, port, process };
        shop.answers().await;
        shop
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn answers(&self) {
        let what = || format!("json-server\n{}\n{}", self.process.lines().join("\n"), self.process.log());
        let port = self.port;
        until("json-server to listen", || std::net::TcpStream::connect(("127.0.0.1", port)).ok(), what).await;
    }

    async fn close(&mut self) {
        self.process.kill().await;
    }

    async fn open_again(&mut self) {
        self.process = serve(&self.binary, &self.bench, self.port);
        self.answers().await;
    }

    /// As it is served, text for text.
    async fn get(&self, id: &str) -> Value {
        let order = call("GET", format!("{}/orders/{id}", self.url())).send().await;
        assert_eq!(order.status, 200, "{order:?}");
        order.json()
    }

    async fn patch(&self, id: &str, mut fields: Value) {
        fields["updated_at"] = json!(milliseconds());
        done(&call("PATCH", format!("{}/orders/{id}", self.url())).json(&fields).send().await, 200);
    }

    async fn put(&self, id: &str, mut order: Value) {
        order["updated_at"] = json!(milliseconds());
        done(&call("PUT", format!("{}/orders/{id}", self.url())).json(&order).send().await, 200);
    }

    async fn post(&self, mut order: Value) {
        order["created_at"] = json!(milliseconds());
        order["updated_at"] = order["created_at"].clone();
        done(&call("POST", format!("{}/orders", self.url())).json(&order).send().await, 201);
    }
}

fn done(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{response:?}");
}

fn serve(binary: &PathBuf, bench: &Bench, port: u16) -> Process {
    let mut command = Command::new(binary);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--quiet"]).arg(bench.path("db.json"));
    command.current_dir(bench.path(".")).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Process::spawn(command)
}

/// Each order's messages, in the order of its versions.
fn told(endpoint: &Server, way: &str) -> BTreeMap<String, Vec<Value>> {
    let mut told: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for message in endpoint.seen_at(&format!("/{way}")).iter().map(Request::json) {
        told.entry(message["object"]["id"].as_str().unwrap().to_owned()).or_default().push(message);
    }
    for messages in told.values_mut() {
        messages.sort_by_key(|message| message["object"]["version"].as_u64());
    }
    told
}

fn actual(message: &Value) -> &Value {
    let object_type = message["object"]["type"].as_str().unwrap();
    &message["payload"][object_type]["actual"]
}

/// A save that changes nothing else is no news.
fn lasting(order: &Value) -> Value {
    let mut order = order.clone();
    order.as_object_mut().unwrap().remove("updated_at");
    order
}

/// Waits until both ways have brought the newest state of these orders.
async fn arrived(shop: &Shop, hub: &Hub, endpoint: &Server, ids: &[String]) {
    let mut expected = BTreeMap::new();
    for id in ids {
        expected.insert(id.clone(), lasting(&shop.get(id).await));
    }
    for way in WAYS {
        let all = || {
            let told = told(endpoint, way);
            let newest = |id: &String| told.get(id).and_then(|messages| messages.last()).map(actual).map(lasting);
            ids.iter().all(|id| newest(id).as_ref() == expected.get(id)).then_some(())
        };
        until(&format!("the newest of {ids:?}, {way}"), all, || hub.story()).await;
    }
}

/// The parent with every change applied to it.
fn changed(message: &Value) -> Value {
    let mut body = message["previous"].clone();
    for change in message["changes"].as_array().unwrap() {
        let path = change["path"].as_str().unwrap();
        assert_eq!(body.pointer(path), change.get("old"), "{path}");
        let (parent, last) = path.rsplit_once('/').unwrap();
        let last = last.replace("~1", "/").replace("~0", "~");
        match (body.pointer_mut(parent).unwrap(), change.get("new")) {
            (Value::Object(fields), Some(new)) => drop(fields.insert(last, new.clone())),
            (Value::Object(fields), None) => drop(fields.remove(&last)),
            (Value::Array(items), Some(new)) => match items.get_mut(last.parse::<usize>().unwrap()) {
                Some(item) => *item = new.clone(),
                None => items.push(new.clone()),
            },
            // Removed from the end on; what was removed is marked until all are.
            (Value::Array(items), None) => items[last.parse::<usize>().unwrap()] = json!("removed"),
            (other, _) => panic!("{path} is in {other}"),
        }
    }
    sweep(&mut body);
    body["updated_at"] = actual(message)["updated_at"].clone();
    body
}

fn sweep(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.retain(|item| item != "removed");
            items.iter_mut().for_each(sweep);
        }
        Value::Object(fields) => fields.values_mut().for_each(sweep),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_nobody_here_wrote_is_followed_change_by_change() {
    let Some(binary) = json_server() else {
        assert_ne!(
            setting("CI").as_deref(),
            Some("true"),
            "there is no json-server: run ./test, or npm ci in tests/tools"
        );
        return say("skipped: there is no json-server; ./test installs it");
    };
    let mut shop = Shop::open(binary).await;
    let endpoint = Server::start(|_| Reply::status(200)).await;
    let bench = Bench::new(&hub_file(&shop.url(), endpoint.url()));
    let hub = bench.start().await;
    for way in WAYS {
        let stored =
            |event: &HubEvent| event.event == EventName::BaselineStored && event.source.as_deref() == Some(way);
        let baseline = hub.event("the baseline", stored).await;
        assert_eq!(baseline.reason.as_deref(), Some("baseline: 200 orders stored, nothing emitted"));
    }
    assert_eq!(endpoint.seen().len(), 0);

    // Old orders change, here and there and some of them twice; new ones come.
    let id = |number: u64| format!("o-{number:04}");
    let mut random = Random::from_seed(7);
    let mut touched = BTreeSet::new();
    for number in [0, 29, 30, 31, 59, 90, 150, 199] {
        shop.patch(&id(number), json!({"total": "1.00", "note": "geändert 🌲", "points": 1e22})).await;
        touched.insert(id(number));
    }
    let mut replaced = shop.get(&id(100)).await;
    replaced["line_items"].as_array_mut().unwrap().truncate(1);
    replaced["line_items"][0]["options"][1]["value"] = json!("för Zoë");
    replaced.as_object_mut().unwrap().remove("meta");
    replaced["a/b~c"] = json!({"ledger_id": 98_765_432_109_876_543_210_u128.to_string()});
    shop.put(&id(100), replaced).await;
    touched.insert(id(100));
    for number in ORDERS..ORDERS + 40 {
        shop.post(order(number, &mut random)).await;
        touched.insert(id(number));
    }
    // A save that changes nothing.
    shop.patch(&id(150), json!({})).await;
    arrived(&shop, &hub, &endpoint, &touched.iter().cloned().collect::<Vec<_>>()).await;

    // The shop is closed for a while.
    let so_far = hub.events().len();
    shop.close().await;
    for (what, name) in [("failed polls", EventName::SourceFailed), ("recovery", EventName::SourceRecovered)] {
        if name == EventName::SourceRecovered {
            shop.open_again().await;
        }
        for way in WAYS {
            let of = |event: &&HubEvent| event.event == name && event.source.as_deref() == Some(way);
            hub.until(what, |events| events[so_far..].iter().find(of).map(|_| ())).await;
        }
    }
    for number in [0, 1, 229] {
        shop.patch(&id(number), json!({"state": "canceled", "line_items": []})).await;
        touched.insert(id(number));
    }
    arrived(&shop, &hub, &endpoint, &touched.iter().cloned().collect::<Vec<_>>()).await;
    hub.stop().await;

    for way in WAYS {
        let told = told(&endpoint, way);
        assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), touched, "{way}: what did not change is no news");
        for (order, messages) in &told {
            let is_new = order.as_str() >= id(ORDERS).as_str();
            account(way, order, is_new, messages);
        }
        for (number, versions) in [(0, 3), (1, 2), (100, 2), (229, 2)] {
            let last = &told[&id(number)].last().unwrap()["object"]["version"];
            assert_eq!(last, versions, "{way}: {}", id(number));
        }
    }
}

/// One order's messages: each version once, and what changed is what changed.
fn account(way: &str, order: &str, is_new: bool, messages: &[Value]) {
    let first = if is_new { 1 } else { 2 };
    for (version, message) in (first..).zip(messages) {
        assert_eq!(message["object"]["version"], version, "{way}: {order}");
        let kind = if version == 1 { "new" } else { "updated" };
        assert_eq!(message["message"], format!("{way}-order:{kind}"), "{order}");
        if version > 1 {
            assert_eq!(changed(message), *actual(message), "{way}: {order}");
            assert_ne!(message["changes"], json!([]), "{way}: {order}");
        }
    }
}
