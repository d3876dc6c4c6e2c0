//! `ordered: true` (contract §5): an endpoint that fails for one object gets the versions of every object in order, whatever
//! the hub dies of in between.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossdock_core::event::{EventName, HubEvent};
use serde_json::json;

use crate::support::{Bench, Reply, Request, Server, show::object};

fn hub(url: &str, retries: &str) -> String {
    format!(
        r#"
hub: in-order
sources:
  shop:
    url: "{url}"
    push: {{secret: shop-token}}
    collections:
      orders: {{type: order, request: {{path: /orders}}, id: number, start: all, every: 1h}}
endpoints: {{books: {{url: "{url}/books", retries: {retries}, timeout: 500ms, ordered: true}}}}
routes:
  - {{name: book, messages: ["order:*"], to: books}}
"#
    )
}

/// `R1@2`.
fn version(request: &Request) -> String {
    let object = &request.json()["object"];
    format!("{}@{}", object["id"].as_str().unwrap(), object["version"])
}

fn delivered(requests: &[Request]) -> Vec<String> {
    requests.iter().filter(|request| request.path() == "/books").map(version).collect()
}

async fn send(bench: &Bench, number: &str, state: u32) {
    let push = json!({"orders": [{"number": number, "state": state}]});
    std::fs::write(bench.path("push.json"), push.to_string()).unwrap();
    bench.run(&["send", "push.json", "--source", "shop"]).await.ok();
}

/// What `show` says of the delivery of an order's version.
async fn standing(bench: &Bench, number: &str, version: u64) -> serde_json::Value {
    let shown = object(bench, number).await;
    let messages = shown["messages"].as_array().unwrap();
    let message = messages.iter().find(|message| message["version"] == version);
    let rounds = message.unwrap_or_else(|| panic!("{shown}"))["deliveries"].as_array().unwrap().clone();
    rounds.into_iter().max_by_key(|delivery| delivery["round"].as_u64()).unwrap_or_else(|| panic!("{shown}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_dies_again_and_again_keeps_the_order_of_each_object() {
    let healed = Arc::new(AtomicBool::new(false));
    let asked = healed.clone();
    let server = Server::start(move |request| match request.path() {
        "/books" if request.json()["object"]["id"] == "bad" && !asked.load(Ordering::Relaxed) => Reply::status(500),
        "/books" => Reply::status(200),
        _ => Reply::json(200, &json!([])),
    })
    .await;
    let retries = format!("[{}]", ["200ms"; 100].join(", "));
    let bench = Bench::new(&hub(server.url(), &retries)).secret("shop-token", "token");
    bench.begin().await;
    for state in 1..=3 {
        send(&bench, "bad", state).await;
        send(&bench, "good", state).await;
    }
    for fault in [
        "stop@before:lines.line",
        "stop@before:lines.set_line",
        "stop@after:lines.set_line",
        "stop@after:endpoint.post#2",
        "stop@after:ledger.settle#2",
        "stop@after:lines.set_line#3",
        "stop@before:ledger.settle#3",
    ] {
        bench.launch(Some(fault)).stopped(fault).await;
    }
    let running = bench.start().await;
    let all_of = |requests: &[Request], one: &str| delivered(requests).contains(&one.to_owned()).then_some(());
    server.until("the last of the good ones", |requests| all_of(requests, "good@3")).await;
    assert!(!delivered(&server.seen()).iter().any(|one| one == "bad@2"), "{:?}", delivered(&server.seen()));
    let waiting = standing(&bench, "bad", 2).await;
    assert_eq!(
        (&waiting["state"], &waiting["reason"]),
        (&json!("retrying"), &json!("waits for version 1")),
        "{waiting}"
    );

    healed.store(true, Ordering::Relaxed);
    server.until("the last of the bad ones", |requests| all_of(requests, "bad@3")).await;
    let ended = |events: &[HubEvent]| {
        let of_bad = events.iter().filter(|event| event.object.as_deref() == Some("bad"));
        (of_bad.filter(|event| event.event == EventName::DeliverySucceeded).count() == 3).then_some(())
    };
    running.until("their outcomes", ended).await;
    running.stop().await;
    let mut newest = BTreeMap::new();
    for one in delivered(&server.seen()) {
        let (id, version) = one.split_once('@').unwrap();
        let version: u64 = version.parse().unwrap();
        let before = newest.insert(id.to_owned(), version).unwrap_or(1);
        assert!((before..=before + 1).contains(&version), "{:?}", delivered(&server.seen()));
    }
    for (number, version) in [("bad", 1), ("bad", 2), ("bad", 3), ("good", 1), ("good", 2), ("good", 3)] {
        assert_eq!(standing(&bench, number, version).await["state"], "delivered", "{number} {version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_comes_too_late_says_which_version_was_first() {
    let server = Server::start(|request| match request.path() {
        "/books" if version(request) == "R1@1" => Reply::status(500),
        "/books" => Reply::status(200),
        _ => Reply::json(200, &json!([])),
    })
    .await;
    let bench = Bench::new(&hub(server.url(), "none")).secret("shop-token", "token");
    bench.begin().await;
    send(&bench, "R1", 1).await;
    send(&bench, "R1", 2).await;
    let running = bench.start().await;
    running.event("the second", |event| event.event == EventName::DeliverySucceeded).await;
    assert_eq!(standing(&bench, "R1", 1).await["state"], "dead_lettered");
    bench.run(&["dlq", "redrive", "books"]).await.ok();
    let told = running.event("the first", |event| event.event == EventName::DeliverySuperseded).await;
    assert_eq!(told.reason.as_deref(), Some("superseded by version 2"));
    running.stop().await;
    assert_eq!(delivered(&server.seen()), ["R1@1", "R1@2"]);
    let shown = bench.run(&["show", "R1"]).await.ok().stdout;
    assert!(shown.contains("book → books round 2: superseded by version 2 after 0 attempts"), "{shown}");
    bench.run(&["audit"]).await.ok();
}
