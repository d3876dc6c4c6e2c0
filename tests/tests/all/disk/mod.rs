//! What the hub's state lies on fails it: the disk is full, the file is damaged, the folder cannot be written. In each
//! case the hub says what, where and what to do, acknowledges nothing that it did not store, and loses nothing that it
//! had acknowledged.

mod damage;
mod full;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex},
};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::support::{
    Bench, Reply, Server,
    client::{Response, call},
    now, table, until,
};

const TOKEN: &str = "the-shops-token";

/// A shop that is polled and that pushes, and one endpoint that takes everything.
struct World {
    /// By number, as the shop has them now.
    orders: Arc<Mutex<BTreeMap<u64, Value>>>,
    shop: Server,
    endpoint: Server,
    /// The message of each push that was acknowledged.
    acknowledged: BTreeSet<String>,
    pushes: u64,
}

impl World {
    async fn new() -> Self {
        let orders: Arc<Mutex<BTreeMap<u64, Value>>> = Arc::default();
        let rows = Arc::clone(&orders);
        let shop = Server::start(move |request| {
            let rows: Vec<Value> = rows.lock().unwrap().values().cloned().collect();
            table::page(&rows, 50, request)
        })
        .await;
        let endpoint = Server::start(|_| Reply::status(200)).await;
        Self { orders, shop, endpoint, acknowledged: BTreeSet::new(), pushes: 0 }
    }

    fn bench(&self) -> Bench {
        Bench::new(&format!(
            r#"
hub: disks
sources:
  shop:
    url: "{}"
    push: {{secret: shop-token}}
    collections:
      orders:
        type: order
        request: {{path: /orders}}
        items: items
        id: number
        created: created_at
        since: {{param: updated_at_gte, field: updated_at, overlap: 1s}}
        pages: {{style: page, param: page, total: pages}}
        volatile: [updated_at]
        every: 200ms
        start: all
endpoints:
  all: {{url: "{}", retries: [100ms, 200ms]}}
routes:
  - {{name: everything, messages: ["order:*", "word:*"], to: all, path: /all}}
"#,
            self.shop.url(),
            self.endpoint.url(),
        ))
        .secret("shop-token", TOKEN)
    }

    fn order(&self) {
        let mut orders = self.orders.lock().unwrap();
        let number = orders.len() as u64 + 1;
        let at = table::stamp(now());
        orders.insert(number, json!({"number": format!("R{number}"), "created_at": at, "updated_at": at}));
    }

    /// One message, large enough to need pages of its own.
    async fn push(&mut self, url: &str) -> Response {
        self.pushes += 1;
        let body = json!({"message": "word:said", "payload": {"word": self.pushes, "text": "x".repeat(5000)}});
        let response = call("POST", format!("{url}/push/shop")).bearer(TOKEN).json(&body).send().await;
        if response.status == 202 {
            let id = &response.json()["message_ids"][0];
            self.acknowledged.insert(id.as_str().unwrap_or_else(|| panic!("no id: {response:?}")).to_owned());
        }
        response
    }

    /// Waits until everything that was acknowledged and every order has ended as delivered, and looks at it then.
    async fn reckoning(&self, state: &Path, story: impl Fn() -> String) {
        let orders = self.orders.lock().unwrap().len();
        let settled = || {
            let ledger = Ledger::read(state)?;
            let all = self.acknowledged.iter().all(|id| ledger.delivered.contains(id));
            (all && ledger.orders.len() == orders && ledger.idle).then_some(ledger)
        };
        let ledger = until("everything to be delivered", settled, story).await;
        assert_eq!(ledger.dead, Vec::<String>::new(), "dead letters");
        assert!(ledger.orders.values().all(|versions| *versions == 1), "{:?}", ledger.orders);
        // One id, one message, and each that is delivered has arrived.
        let mut arrived: BTreeMap<String, Value> = BTreeMap::new();
        for request in self.endpoint.seen() {
            let body = request.json();
            assert_eq!(request.webhook_id(), body["message_id"].as_str().unwrap());
            let known = arrived.entry(request.webhook_id().to_owned()).or_insert_with(|| body.clone());
            assert_eq!(known["payload"], body["payload"]);
        }
        for id in &ledger.delivered {
            assert!(arrived.contains_key(id), "{id} is delivered, says only the hub");
        }
    }
}

/// What the hub's file says, read without the hub.
struct Ledger {
    idle: bool,
    delivered: BTreeSet<String>,
    dead: Vec<String>,
    /// How many versions each has.
    orders: BTreeMap<String, u64>,
}

impl Ledger {
    /// `None` while the file cannot be read, be it that the disk is full.
    fn read(state: &Path) -> Option<Self> {
        let connection = Connection::open_with_flags(state.join("state.db"), OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
        let texts = |sql: &str| -> Option<Vec<String>> {
            let mut statement = connection.prepare(sql).ok()?;
            let rows = statement.query_map([], |row| row.get(0)).ok()?;
            rows.collect::<Result<_, _>>().ok()
        };
        let waiting = texts("SELECT queue FROM entries UNION ALL SELECT 'pending' FROM pending")?;
        let id = |hex: String| {
            let dashed = |from: usize, to: usize| hex[from..to].to_ascii_lowercase();
            [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(from, to)| dashed(from, to)).join("-")
        };
        let delivered = texts("SELECT hex(message) FROM deliveries WHERE state = 'delivered'")?;
        let mut orders = BTreeMap::new();
        for order in texts("SELECT o.id FROM versions JOIN objects o USING (object)")? {
            *orders.entry(order).or_default() += 1;
        }
        Some(Self {
            idle: waiting.is_empty(),
            delivered: delivered.into_iter().map(id).collect(),
            dead: texts("SELECT reason FROM deliveries WHERE state = 'dead_lettered'")?,
            orders,
        })
    }
}
