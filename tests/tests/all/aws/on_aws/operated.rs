//! A hub in an account, and whoever operates it: a machine with the hub file, the `crossdock` command and credentials.
//! The variables of the hub file were set where it was built, and are not here.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use serde_json::{Value, json};

use crate::{
    aws::{
        cloud::{REGION, until},
        deployed::{Deployed, away},
    },
    support::{Bench, Reply, Server, now, table},
};

pub(super) const HUB: &str = r#"
hub: operated
sources:
  my-store:
    url: "${STORE_URL}"
    auth: {bearer: {secret: store-token}}
    push: {secret: push-token}
    collections:
      orders:
        type: order
        request: {path: /orders}
        items: items
        id: number
        created: created_at
        since: {param: updated_at_gte, field: updated_at}
        pages: {style: page, param: page, total: pages}
        every: ${POLL_EVERY:-1m}
  quiet-store:
    url: "${STORE_URL}"
    collections:
      orders: {type: order, request: {path: /nothing}, id: number, created: created_at, every: 24h}
endpoints:
  accounting: {url: "${ENDPOINTS_URL}", retries: [1s]}
  email: {url: "${ENDPOINTS_URL}", retries: [1s]}
  leaving: {url: "${ENDPOINTS_URL}", drain: true}
routes:
  - {name: book, messages: ["order:*"], to: accounting, path: /book}
  - {name: confirm, messages: ["order:new"], to: email, path: /confirm}
"#;

pub(super) struct Operated {
    pub(super) hub: Deployed,
    orders: Arc<Mutex<Vec<Value>>>,
    pub(super) shop: Server,
    pub(super) endpoints: Server,
    /// What `accounting` answers. `email` takes everything.
    accounting: Arc<AtomicU16>,
    pub(super) operator: Bench,
    /// `aws:STACK`.
    place: String,
}

impl Operated {
    /// With one order in the shop, from long ago.
    pub(super) async fn new(name: &str) -> Self {
        let orders = Arc::new(Mutex::new(vec![order("R1", "2013-10-01T12:00:00Z")]));
        let listed = Arc::clone(&orders);
        let shop = Server::start(move |request| match request.path() {
            "/orders" => table::page(&listed.lock().unwrap(), 10, request),
            _ => Reply::status(404),
        })
        .await;
        let accounting = Arc::new(AtomicU16::new(200));
        let answers = Arc::clone(&accounting);
        let endpoints = Server::start(move |request| match request.path() {
            "/book" => Reply::status(answers.load(Ordering::Relaxed)),
            _ => Reply::status(200),
        })
        .await;
        let builder = Bench::empty().variable("STORE_URL", away(shop.url()));
        let builder = builder.variable("ENDPOINTS_URL", away(endpoints.url()));
        let hub = Deployed::new(name, builder, HUB).await;
        hub.cloud.put_secret(&format!("/{name}/store-token"), "the-shops-token").await;
        let operator = operator(hub.cloud.url(), hub.cloud.account());
        Self { hub, orders, shop, endpoints, accounting, operator, place: format!("aws:{name}") }
    }

    pub(super) fn sell(&self, number: &str) {
        self.orders.lock().unwrap().push(order(number, &table::stamp(now())));
    }

    pub(super) fn accounting_answers(&self, status: u16) {
        self.accounting.store(status, Ordering::Relaxed);
    }

    /// A command about this stack, which ends well; what it prints.
    pub(super) async fn says(&self, arguments: &[&str]) -> String {
        self.operator.run_exactly(&self.on(arguments)).await.ok().stdout
    }

    /// The calls to AWS that a command makes, as actions of IAM.
    pub(super) async fn calls(&self, arguments: &[&str]) -> BTreeSet<String> {
        let log = operator(self.hub.cloud.url(), self.hub.cloud.account())
            .variable("CROSSDOCK_LOG", "crossdock::aws_call=debug");
        let log = log.variable("STORE_URL", self.shop.url()).variable("ENDPOINTS_URL", self.endpoints.url());
        std::fs::write(log.path("message.json"), r#"{"orders": []}"#).unwrap();
        let done = log.run_exactly(&self.on(arguments)).await.ok();
        let calls = done.stderr.split("call=").skip(1).filter_map(|rest| rest.split_whitespace().next());
        calls.map(|call| call.trim_matches('"').to_owned()).collect()
    }

    pub(super) async fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        self.operator.run_exactly(&self.on(&arguments)).await.ok().json()
    }

    /// The same of one that fails; what it says of that.
    pub(super) async fn refuses(&self, arguments: &[&str]) -> String {
        refused(&self.operator, &self.on(arguments)).await
    }

    fn on<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        arguments.iter().copied().chain(["--on", &self.place]).collect()
    }

    /// So many dead letters, as `dlq list` tells them.
    pub(super) async fn dead_letters(&self, count: usize) -> Vec<Value> {
        let list = async || {
            let letters = self.json(&["dlq", "list"]).await;
            Some(letters.as_array().unwrap().clone()).filter(|letters| letters.len() == count)
        };
        until(&format!("{count} dead letters"), list).await
    }

    /// The state of each delivery of a message: route, round, state.
    pub(super) async fn deliveries(&self, message: &str) -> Vec<(String, u64, String)> {
        let shown = self.json(&["show", message]).await;
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let deliveries = shown["deliveries"].as_array().unwrap().iter();
        deliveries.map(|one| (word(&one["route"]), one["round"].as_u64().unwrap(), word(&one["state"]))).collect()
    }
}

/// Somebody with credentials for this account, in a folder with the hub file.
pub(super) fn operator(url: &str, account: &str) -> Bench {
    let bench = stranger(url).variable("AWS_ACCESS_KEY_ID", account).variable("AWS_SECRET_ACCESS_KEY", "of no weight");
    let bench = bench.variable("AWS_REGION", REGION);
    std::fs::create_dir(bench.path("infra")).unwrap();
    std::fs::write(bench.path("infra/hub.yaml"), HUB).unwrap();
    bench
}

/// Somebody without. What a machine on EC2 has by itself, nobody here has.
pub(super) fn stranger(url: &str) -> Bench {
    let bench = Bench::empty();
    let home = bench.path("home").display().to_string();
    bench.variable("HOME", home).variable("AWS_ENDPOINT_URL", url).variable("AWS_EC2_METADATA_DISABLED", "true")
}

/// What a command says that fails. It is a sentence, not the inside of an SDK.
pub(super) async fn refused(bench: &Bench, arguments: &[&str]) -> String {
    let done = bench.run_exactly(arguments).await;
    assert_eq!(done.status.code(), Some(1), "{done}");
    for inside in ["SdkError", "ServiceError", "Response {", "raw:", "Some(", "{ ", "panicked", "Attempted"] {
        assert!(!done.stderr.contains(inside), "{inside:?} in {done}");
    }
    done.stderr
}

fn order(number: &str, at: &str) -> Value {
    json!({"number": number, "created_at": at, "updated_at": at, "email": "ada@example.com", "total": "24.99"})
}
