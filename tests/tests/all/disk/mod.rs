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

use serde_json::{Value, json};

use crate::support::{
    Bench, Reply, Server,
    client::{Response, call},
    now,
    state::State,
    table, until,
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
            // It may be that it cannot be read yet.
            let found = State::read(&state.join("state.db")).ok()?;
            let delivered = |id: &String| found.deliveries.keys().any(|(message, _, _)| message == id);
            let known = found.versions.len() == orders && self.acknowledged.iter().all(delivered);
            (known && found.idle).then_some(found)
        };
        let found = until("everything to be delivered", settled, story).await;
        assert!(found.versions.values().all(|versions| versions.len() == 1), "{:#?}", found.versions);
        // One id, one message, and each that is delivered has arrived.
        let mut arrived: BTreeMap<String, Value> = BTreeMap::new();
        for request in self.endpoint.seen() {
            let body = request.json();
            assert_eq!(request.webhook_id(), body["message_id"].as_str().unwrap());
            let known = arrived.entry(request.webhook_id().to_owned()).or_insert_with(|| body.clone());
            assert_eq!(known["payload"], body["payload"]);
        }
        for (key @ (id, _, _), delivery) in &found.deliveries {
            assert_eq!(delivery.state, "delivered", "{key:?}: {delivery:?}");
            assert!(arrived.contains_key(id), "{id} is delivered, says only the hub");
        }
    }
}
