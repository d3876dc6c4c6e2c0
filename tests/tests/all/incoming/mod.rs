//! Webhooks (contract §6) through the real binary: what is answered, what is stored when the answer comes, what happens
//! when the hub dies in between, and what a flood of bad requests costs.

mod abuse;
mod interrupted;
mod story;

use crossdock_core::{
    event::{EventName, HubEvent},
    webhook::{
        proof::{Event, Key, Proof, sign},
        provider::Provider,
    },
};
use serde_json::{Value, json};

use crate::support::{
    Bench, Hub, Reply, Server,
    client::{Call, Response, call},
    now,
};

const SECRET: &str = "hush-of-the-shop";
const OLD_SECRET: &str = "hush-of-last-year";
const TOKEN: &str = "token-of-the-till";

/// A shop that signs, a till that has a token, and an endpoint that takes everything.
struct Scenery {
    bench: Bench,
    endpoint: Server,
    /// Answers for any order that it is asked for, but for `missing`.
    shop: Server,
}

impl Scenery {
    async fn new() -> Self {
        let endpoint = Server::start(|_| Reply::status(200)).await;
        let shop = Server::start(|request| match request.path().strip_prefix("/orders/") {
            Some("missing") => Reply::status(404),
            Some(id) => Reply::json(200, &json!({"id": id, "total": "98.20"})),
            None => Reply::json(200, &json!([])),
        })
        .await;
        let bench = Bench::new(&format!(
            r#"
hub: incoming
sources:
  shop:
    url: {shop}
    collections:
      orders: {{type: order, request: {{path: /orders}}, id: id, every: 1h, fetch: {{path: "/orders/{{id}}"}}}}
      products: {{type: product, request: {{path: /products}}, id: id, every: 1h}}
  till: {{url: {shop}, push: {{secret: push-token}}}}
webhooks:
  shop-orders:
    source: shop
    provider: shopify
    secrets: [shop-secret, old-secret]
    events:
      "orders/*": {{collection: orders}}
      "orders/touched": {{collection: orders, id: order_id}}
      "orders/delete": {{collection: orders, deleted: true}}
      "products/*": {{collection: products}}
      "carts/*": {{message: "cart:seen"}}
  till:
    source: till
    provider: generic
    secrets: [till-token]
    verify: {{bearer: {{}}}}
    id: {{path: id}}
    event: {{path: kind}}
    schema: {{type: object, required: [id, kind]}}
    events: {{"sale.*": {{message: "sale:made", item: sale}}, "ping": ignore}}
endpoints:
  all: {{url: "{endpoint}"}}
routes:
  - {{name: everything, messages: ["order:*", "product:*", "cart:*", "sale:*"], to: all, path: /all}}
"#,
            shop = shop.url(),
            endpoint = endpoint.url(),
        ))
        .secret("shop-secret", SECRET)
        .secret("old-secret", OLD_SECRET)
        .secret("till-token", TOKEN)
        .secret("push-token", TOKEN);
        Self { bench, endpoint, shop }
    }

    /// Once nothing but what comes in is going on.
    async fn start(&self) -> (Hub, String) {
        let hub = self.bench.start().await;
        let url = hub.url().await;
        let polled = |events: &[HubEvent]| events.iter().filter(|event| event.event == EventName::PollFinished).count();
        hub.until("the first polls", |events| (polled(events) >= 2).then_some(())).await;
        (hub, url)
    }
}

/// As Shopify sends it, signed with this secret.
fn shopify(url: &str, secret: &str, id: &str, topic: &str, body: &Value) -> Call {
    let body = body.to_string();
    let event = Event { id, at: now() };
    let signed = sign(&Proof::Shopify, &Key::Secret(secret.into()), event, body.as_bytes()).unwrap();
    let said = Provider::Shopify.announced(id, Some(topic), event.at);
    let sent = call("POST", format!("{url}/webhooks/shop-orders")).header("content-type", "application/json");
    signed.iter().chain(&said).fold(sent, |sent, (name, value)| sent.header(name, value)).body(body)
}

fn till(url: &str, body: &Value) -> Call {
    call("POST", format!("{url}/webhooks/till")).bearer(TOKEN).json(body)
}

fn sale(id: &str) -> Value {
    json!({"id": id, "kind": "sale.made", "sale": {"id": id}})
}

fn ids(response: &Response) -> Vec<String> {
    let body = response.json();
    let ids = body["message_ids"].as_array().unwrap_or_else(|| panic!("no message_ids: {response:?}"));
    ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}
