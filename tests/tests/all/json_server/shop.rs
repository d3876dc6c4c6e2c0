//! The shop: json-server on a file of orders, in a process that can be ended and started again on the same port.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{
    Bench,
    client::{Response, call},
    port::free_port,
    process::Process,
    random::Random,
    until,
    wait::PATIENCE,
    within,
};

/// The shop dates its rows itself, so that nobody's clock is in the way. json-server takes changes and questions in the
/// order in which they passed here, which makes this the order of its rows as well.
const DATES: &str = "
module.exports = (request, response, next) => {
  if (['POST', 'PUT', 'PATCH'].includes(request.method)) request.body.updated_at = Date.now();
  if (request.method === 'POST') request.body.created_at = request.body.updated_at;
  next();
};
";

/// About 2 KB of what shops have: nested lists, texts of the world, money as text, nulls, and numbers too long for a
/// float.
pub(super) fn order(number: u64, random: &mut Random) -> Value {
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

pub(super) fn id(number: u64) -> String {
    format!("o-{number:04}")
}

pub(super) struct Shop {
    binary: PathBuf,
    options: &'static [&'static str],
    bench: Bench,
    port: u16,
    process: Process,
}

impl Shop {
    pub(super) async fn open(binary: PathBuf, options: &'static [&'static str], orders: &[Value]) -> Self {
        let bench = Bench::empty();
        let size = json!(orders).to_string().len() / orders.len();
        assert!((1_500..3_000).contains(&size), "{size} bytes an order");
        std::fs::write(bench.path("db.json"), json!({"orders": orders}).to_string()).unwrap();
        std::fs::write(bench.path("dates.js"), DATES).unwrap();
        let port = free_port();
        let process = serve(&binary, options, &bench, port);
        let shop = Self { binary, options, bench, port, process };
        shop.answers().await;
        shop
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn answers(&self) {
        let port = self.port;
        let listening = within(PATIENCE, || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        if listening.await.is_none() {
            panic!("json-server does not listen\n{}\n{}", self.process.lines().join("\n"), self.process.log());
        }
    }

    /// At once: connections break. json-server answers before it has written, and a shop that forgets what it said would
    /// be another story, so the file is waited for.
    pub(super) async fn close(&mut self) {
        let all = done(&call("GET", format!("{}/db", self.url())).send().await, 200);
        until("json-server to write its file", || (self.file().as_ref() == Some(&all)).then_some(()), || "").await;
        self.process.kill().await;
    }

    pub(super) async fn open_again(&mut self) {
        self.process = serve(&self.binary, self.options, &self.bench, self.port);
        self.answers().await;
    }

    /// What somebody does to the file while the shop is closed.
    pub(super) fn edit(&self, edit: impl FnOnce(&mut Vec<Value>)) {
        let mut all = self.file().unwrap();
        edit(all["orders"].as_array_mut().unwrap());
        std::fs::write(self.bench.path("db.json"), all.to_string()).unwrap();
    }

    /// `None` while it is being written.
    fn file(&self) -> Option<Value> {
        serde_json::from_slice(&std::fs::read(self.bench.path("db.json")).ok()?).ok()
    }

    /// As it is served, text for text.
    pub(super) async fn get(&self, id: &str) -> Value {
        done(&call("GET", self.order(id)).send().await, 200)
    }

    pub(super) async fn patch(&self, id: &str, fields: &Value) -> Value {
        done(&call("PATCH", self.order(id)).json(fields).send().await, 200)
    }

    pub(super) async fn put(&self, id: &str, order: &Value) -> Value {
        done(&call("PUT", self.order(id)).json(order).send().await, 200)
    }

    pub(super) async fn post(&self, order: &Value) -> Value {
        done(&call("POST", format!("{}/orders", self.url())).json(order).send().await, 201)
    }

    pub(super) async fn delete(&self, id: &str) {
        done(&call("DELETE", self.order(id)).send().await, 200);
    }

    fn order(&self, id: &str) -> String {
        format!("{}/orders/{id}", self.url())
    }
}

fn done(response: &Response, status: u16) -> Value {
    assert_eq!(response.status, status, "{response:?}");
    response.json()
}

fn serve(binary: &Path, options: &[&str], bench: &Bench, port: u16) -> Process {
    let mut command = Command::new(binary);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--quiet"]).args(options);
    command.arg(bench.path("db.json")).arg("--middlewares").arg(bench.path("dates.js"));
    command.current_dir(bench.path(".")).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Process::spawn(command)
}
