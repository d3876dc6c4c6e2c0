//! A hub that is switched off (contract §6): nothing comes in, nothing is asked for, nothing goes out, nothing is lost; and
//! once it is on again, everything arrives once.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU16, Ordering},
};

use crossdock_core::event::EventName;
use serde_json::{Value, json};

use crate::support::{Bench, Hub, Reply, Server, client::call, now, table};

const TOKEN: &str = "the-shops-token";

struct Scenery {
    bench: Bench,
    rows: Arc<Mutex<Vec<Value>>>,
    shop: Server,
    endpoints: Server,
    /// What `/shaky` answers.
    shaky: Arc<AtomicU16>,
}

async fn scenery() -> Scenery {
    let rows: Arc<Mutex<Vec<Value>>> = Arc::default();
    let listed = Arc::clone(&rows);
    let shop = Server::start(move |request| table::page(&listed.lock().unwrap(), 10, request)).await;
    let shaky = Arc::new(AtomicU16::new(503));
    let answer = Arc::clone(&shaky);
    let endpoints = Server::start(move |request| match request.path() {
        "/shaky" => Reply::status(answer.load(Ordering::Relaxed)),
        _ => Reply::status(200),
    })
    .await;
    let bench = Bench::new(&file(&shop, &endpoints, "")).secret("shop-token", TOKEN);
    Scenery { bench, rows, shop, endpoints, shaky }
}

fn file(shop: &Server, endpoints: &Server, first: &str) -> String {
    format!(
        r#"{first}
hub: resting
sources:
  shop:
    url: {}
    push: {{secret: shop-token}}
    collections:
      orders:
        type: order
        request: {{path: /orders}}
        items: items
        id: number
        created: created_at
        since: {{param: updated_at_gte, field: updated_at}}
        pages: {{style: page, param: page, total: pages}}
        every: 1s
webhooks:
  erp: {{source: shop, provider: generic, secrets: [shop-token], verify: {{bearer: {{}}}}, events: {{"*": {{message: "word:hooked"}}}}}}
endpoints:
  steady: {{url: "{url}/steady"}}
  shaky: {{url: "{url}/shaky", retries: [1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s]}}
routes:
  - {{name: first, messages: ["*"], to: steady}}
  - {{name: second, messages: ["*"], to: shaky}}
"#,
        shop.url(),
        url = endpoints.url(),
    )
}

impl Scenery {
    async fn push(&self, hub: &Hub, word: &str) -> u16 {
        let push = call("POST", format!("{}/push/shop", hub.url().await)).bearer(TOKEN);
        push.json(&json!({"message": format!("word:{word}"), "payload": {}})).send().await.status
    }

    async fn hook(&self, hub: &Hub, token: &str) -> u16 {
        let event = call("POST", format!("{}/webhooks/erp", hub.url().await)).bearer(token);
        event.json(&json!({"stock": 7})).send().await.status
    }

    fn sell(&self, number: &str) {
        let at = table::stamp(now());
        self.rows.lock().unwrap().push(json!({"number": number, "created_at": at, "updated_at": at}));
    }

    /// What of each message an endpoint took, by the messages' ids.
    fn taken(&self, path: &str) -> Vec<String> {
        let mut ids: Vec<String> =
            self.endpoints.seen_at(path).iter().map(|request| request.webhook_id().to_owned()).collect();
        ids.sort();
        ids
    }

    async fn says(&self, arguments: &[&str]) -> String {
        self.bench.run(arguments).await.ok().stdout
    }

    async fn refuses(&self, arguments: &[&str]) -> String {
        let done = self.bench.run(arguments).await;
        assert_eq!(done.status.code(), Some(1), "{done}");
        done.stderr
    }
}

async fn switched(hub: &Hub, event: EventName) {
    hub.event("a switch", |said| said.event == event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_waits_and_then_arrives_once() {
    let town = scenery().await;
    let hub = town.bench.start().await;
    hub.event("the first poll", |event| event.event == EventName::PollFinished).await;
    assert_eq!(town.push(&hub, "before").await, 202);
    // One of its deliveries has arrived, the other is to be tried again.
    town.endpoints.until("a first attempt", |_| (!town.endpoints.seen_at("/shaky").is_empty()).then_some(())).await;
    town.endpoints.until("a delivery", |_| (!town.endpoints.seen_at("/steady").is_empty()).then_some(())).await;

    let said = town.says(&["hub", "disable"]).await;
    assert!(said.contains("resting is switched off: it takes, polls and delivers nothing"), "{said}");
    assert!(town.says(&["hub", "disable"]).await.contains("already"));
    switched(&hub, EventName::HubDisabled).await;
    assert_eq!(town.push(&hub, "during").await, 403);
    let bad = call("POST", format!("{}/push/shop", hub.url().await)).bearer("wrong").json(&json!({})).send().await;
    assert_eq!(bad.status, 401, "who has not proven who they are learns nothing");
    assert_eq!((town.hook(&hub, TOKEN).await, town.hook(&hub, "wrong").await), (403, 401));
    hub.stop().await;

    // It stays off when it is started again, and now nothing is left that was under way before.
    let (asked, tried) = (town.shop.seen().len(), town.endpoints.seen().len());
    town.sell("R1");
    let hub = town.bench.start().await;
    switched(&hub, EventName::HubDisabled).await;
    assert_eq!(town.push(&hub, "during").await, 403);
    let status: Value = serde_json::from_str(&town.says(&["hub", "status", "--json"]).await).unwrap();
    assert_eq!((&status["enabled"], &status["enabled_in_file"]), (&json!(false), &json!(true)), "{status}");
    hub.stop().await;
    assert_eq!(town.shop.seen().len(), asked, "no source is asked");
    assert_eq!(town.endpoints.seen().len(), tried, "no delivery is tried");

    // By hand, too, only where it is meant.
    let refused = town.refuses(&["poll", "shop/orders"]).await;
    assert!(refused.contains("the hub is switched off since"), "{refused}");
    assert!(refused.contains("--even-if-disabled"), "{refused}");
    std::fs::write(town.bench.path("push.json"), r#"{"message": "word:by_hand"}"#).unwrap();
    assert!(town.refuses(&["send", "push.json", "--source", "shop"]).await.contains("switched off"));
    assert_eq!(town.shop.seen().len(), asked);
    let polled = town.says(&["poll", "shop/orders", "--even-if-disabled"]).await;
    assert!(polled.contains("1 versions stored, 1 messages emitted"), "{polled}");
    assert_eq!(town.endpoints.seen().len(), tried, "what is emitted waits with the rest");
    // Wherever somebody looks for the reason that nothing happens.
    for looking in [&["show", "R1"][..], &["endpoint", "list"], &["dlq", "list"], &["dlq", "list", "--json"]] {
        let shown = town.bench.run(looking).await.ok();
        assert!(shown.stderr.contains("note: the hub is switched off since "), "{looking:?}: {shown}");
        assert!(shown.stderr.contains("crossdock hub enable"), "{looking:?}: {shown}");
    }

    town.shaky.store(200, Ordering::Relaxed);
    let hub = town.bench.start().await;
    switched(&hub, EventName::HubDisabled).await;
    assert!(town.says(&["hub", "enable"]).await.contains("resting is switched on"));
    switched(&hub, EventName::HubEnabled).await;
    let both = |path: &str| {
        let mut ids = town.taken(path);
        ids.dedup();
        ids.len() == 2
    };
    town.endpoints.until("what waited", |_| (both("/steady") && both("/shaky")).then_some(())).await;
    assert_eq!(town.push(&hub, "after").await, 202);
    town.endpoints.until("what is new", |_| (town.taken("/steady").len() == 3).then_some(())).await;
    hub.until("its other delivery", |events| {
        (events.iter().filter(|event| event.event == EventName::DeliverySucceeded).count() == 5).then_some(())
    })
    .await;
    hub.stop().await;
    let mut steady = town.taken("/steady");
    let all = steady.len();
    steady.dedup();
    assert_eq!((steady.len(), all), (3, 3), "each arrived once");
    let mut shaky = town.taken("/shaky");
    // Beside what was tried and refused before.
    assert_eq!(shaky.len(), 3 + (tried - 1), "{shaky:?}");
    shaky.dedup();
    assert_eq!(shaky, steady, "and everywhere");
    assert_eq!(town.bench.run(&["dlq", "list", "--json"]).await.ok().json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_file_says_so_too() {
    let town = scenery().await;
    std::fs::write(town.bench.path("hub.yaml"), file(&town.shop, &town.endpoints, "enabled: false")).unwrap();
    let hub = town.bench.start().await;
    switched(&hub, EventName::HubDisabled).await;
    assert_eq!(town.push(&hub, "during").await, 403);
    let refused = town.refuses(&["hub", "enable"]).await;
    assert!(refused.contains("its file says enabled: false; take that out"), "{refused}");
    assert!(town.says(&["hub", "status"]).await.contains("resting: the hub is switched off: its file says"));
    hub.stop().await;
    assert!(town.shop.seen().is_empty() && town.endpoints.seen().is_empty());
    std::fs::write(town.bench.path("hub.yaml"), file(&town.shop, &town.endpoints, "enabled: true")).unwrap();
    let hub = town.bench.start().await;
    assert_eq!(town.push(&hub, "after").await, 202);
    town.endpoints.until("what is new", |_| (town.taken("/steady").len() == 1).then_some(())).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_off_by_itself() {
    let town = scenery().await;
    let hub = town.bench.start().await;
    assert_eq!(town.hook(&hub, TOKEN).await, 202);
    assert!(town.says(&["webhook", "disable", "erp"]).await.contains("erp is switched off"));
    assert_eq!((town.hook(&hub, TOKEN).await, town.hook(&hub, "wrong").await), (403, 401));
    assert_eq!(town.push(&hub, "meanwhile").await, 202, "nothing else is off");
    assert!(town.says(&["hub", "status"]).await.contains("its webhook erp is switched off since"));
    town.says(&["webhook", "enable", "erp"]).await;
    assert_eq!(town.hook(&hub, TOKEN).await, 202);
    town.endpoints.until("all three", |_| (town.taken("/steady").len() == 3).then_some(())).await;
    hub.stop().await;
}
