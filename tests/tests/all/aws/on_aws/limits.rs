//! What AWS has no room or no time for is said, and holds up nobody.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::{
    aws::deployed::Deployed,
    support::{Bench, Reply, Server, now, table},
};

/// A commit of more messages than a transaction takes can never be made.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_no_transaction_takes_is_set_aside_and_its_neighbours_go_on() {
    let rows: Arc<Mutex<Vec<Value>>> = Arc::default();
    let asked = Arc::clone(&rows);
    let shop = Server::start(move |request| table::page(&asked.lock().unwrap(), 10, request)).await;
    let endpoint = Server::start(|_| Reply::status(200)).await;
    let derived: Vec<Value> = (0..60)
        .map(|rule| json!({"path": "state", "becomes": "canceled", "message": format!("order:canceled_{rule}")}))
        .collect();
    let file = format!(
        r#"
hub: crowded
sources:
  shop:
    url: "{shop}"
    collections:
      orders:
        type: order
        request: {{path: /orders}}
        items: items
        id: number
        created: created_at
        since: {{param: updated_at_gte, field: updated_at}}
        pages: {{style: page, param: page, total: pages}}
        every: 24h
        derive: {derived}
endpoints:
  all: {{url: "{endpoint}"}}
routes:
  - {{name: everything, messages: ["order:*"], to: all, path: /all}}
"#,
        shop = shop.url(),
        endpoint = endpoint.url(),
        derived = json!(derived),
    );
    let hub = Deployed::new("crowded", Bench::empty(), &file).await;
    hub.poll("shop/orders").await;
    let at = table::stamp(now());
    let order =
        |number: &str, state: &str| json!({"number": number, "state": state, "created_at": at, "updated_at": at});
    rows.lock().unwrap().extend([order("R1", "open"), order("R2", "canceled"), order("R3", "open")]);
    let polled = hub.poll("shop/orders").await["polled"].clone();
    assert_eq!(polled["stored"], 2, "{polled}");
    assert!(polled["set_aside"].as_u64().unwrap() >= 1, "{polled}");
    endpoint.until("its neighbours", |seen| (seen.len() == 2).then_some(())).await;
    let told = hub.lines().await.into_iter().any(|(_, line)| {
        let reason = line["reason"].as_str().unwrap_or_default();
        line["event"] == "record.set_aside"
            && reason.contains("shop/orders/R2 cannot be stored: more than one transaction")
    });
    assert!(told, "{:?}", hub.lines().await);
}

/// Nothing would ever be sent: what could not end in time is not begun.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_would_have_no_time_is_not_deployed() {
    let file = r#"
hub: hasty
limits: {timeout: 40s}
sources:
  shop:
    url: "https://shop.example.com"
    collections: {orders: {type: order, request: {path: /orders}, id: id, every: 1h}}
endpoints:
  slow: {url: "https://slow.example.com", timeout: 25s}
routes:
  - {name: everything, messages: ["*"], to: slow}
"#;
    for (parameter, value, least) in [("DispatcherTimeout", "34", "35"), ("PollerTimeout", "49", "50")] {
        let why = Deployed::refused("hasty", file, &[(parameter, value)]).await;
        assert!(why.contains(&format!("Parameter '{parameter}' must be a number not less than {least}")), "{why}");
    }
    Deployed::with("hasty", Bench::empty(), file, &[("DispatcherTimeout", "35"), ("PollerTimeout", "50")]).await;
}
