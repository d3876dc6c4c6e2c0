//! Pushes (contract §6): what is accepted is stored before the answer, what is not is refused with its reason, and what
//! is sent twice happens once.

use crossdock_core::event::{EventName, HubEvent};
use serde_json::{Value, json};

use crate::support::{
    Bench, Hub, Reply, Server,
    client::{Call, Response, call},
    hub::count,
};

const TOKEN: &str = "the-shops-token";

struct Scenery {
    bench: Bench,
    hub: Hub,
    url: String,
    endpoint: Server,
    _source: Server,
}

async fn scenery() -> Scenery {
    let endpoint = Server::start(|_| Reply::status(200)).await;
    let source = Server::start(|_| Reply::json(200, &json!([]))).await;
    let bench = Bench::new(&format!(
        r#"
hub: pushes
sources:
  shop:
    url: {}
    push: {{secret: shop-token}}
    collections:
      orders:
        type: order
        request: {{path: /orders}}
        id: number
        created: created_at
        volatile: [updated_at]
        every: 1h
  silent:
    url: {}
endpoints:
  all: {{url: "{}"}}
routes:
  - {{name: everything, messages: ["order:*", "word:*"], to: all, path: /all}}
"#,
        source.url(),
        source.url(),
        endpoint.url(),
    ))
    .secret("shop-token", TOKEN);
    let hub = bench.start().await;
    let url = hub.url().await;
    // So that nothing but the pushes is going on.
    hub.event("the first poll", |event| event.event == EventName::PollFinished).await;
    Scenery { bench, hub, url, endpoint, _source: source }
}

impl Scenery {
    fn push(&self) -> Call {
        call("POST", format!("{}/push/shop", self.url)).bearer(TOKEN)
    }

    async fn push_json(&self, body: &Value) -> Response {
        self.push().json(body).send().await
    }

    async fn delivered(&self, id: &str) {
        let of = |event: &HubEvent| event.message_id.as_deref() == Some(id);
        self.hub.event("a delivery", |event| of(event) && event.event == EventName::DeliverySucceeded).await;
    }
}

fn ids(response: &Response) -> Vec<String> {
    let body = response.json();
    let ids = body["message_ids"].as_array().unwrap_or_else(|| panic!("no message_ids: {response:?}"));
    ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_is_stored_when_the_answer_comes_and_survives_a_kill() {
    let mut scenery = scenery().await;
    let response = scenery.push_json(&json!({"message": "word:said", "payload": {"word": {"text": "fjäll"}}})).await;
    assert_eq!(response.status, 202, "{response:?}");
    assert_eq!(response.json()["accepted"], 1);
    let ids = ids(&response);

    // At once: whatever of it was not stored by now is gone.
    scenery.hub.kill().await;
    let shown = scenery.bench.run(&["show", &ids[0], "--json"]).await.ok().json();
    assert_eq!(shown["message"]["payload"]["word"]["text"], "fjäll", "{shown}");

    scenery.hub = scenery.bench.start().await;
    let request = scenery.endpoint.until("the message", |seen| seen.first().cloned()).await;
    assert_eq!(request.webhook_id(), ids[0]);
    let message = request.json();
    assert_eq!(message["message_id"], ids[0]);
    assert_eq!(message["message"], "word:said");
    assert_eq!(message["source"], "shop");
    assert_eq!(message["hops"], 0);
    assert_eq!(message["payload"], json!({"word": {"text": "fjäll"}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_says_why_and_stores_nothing() {
    let scenery = scenery().await;
    let shop = format!("{}/push/shop", scenery.url);
    let good = json!({"message": "word:said", "payload": {}});
    let bearer = |token: &str| call("POST", &shop).bearer(token);
    let wombat = |store: &str, token: &str| {
        call("POST", &shop).header("x-hub-store", store).header("x-hub-access-token", token).json(&good)
    };
    let too_long = format!(r#"{{"message": "word:said", "payload": {{"text": "{}"}}}}"#, "x".repeat(1024 * 1024));
    for (what, request, status, reason) in [
        ("no token", call("POST", &shop).json(&good), 401, "token"),
        ("wrong token", bearer("another").json(&good), 401, "token"),
        ("the token's beginning", bearer(&TOKEN[..5]).json(&good), 401, "token"),
        ("another hub's store", wombat("another", TOKEN), 401, "token"),
        ("wrong access token", wombat("pushes", "another"), 401, "token"),
        ("unknown source", call("POST", format!("{}/push/none", scenery.url)).bearer(TOKEN).json(&good), 404, "source"),
        ("not pushing", call("POST", format!("{}/push/silent", scenery.url)).bearer(TOKEN).json(&good), 404, "source"),
        ("GET", call("GET", &shop).bearer(TOKEN), 405, ""),
        ("PUT", call("PUT", &shop).bearer(TOKEN).json(&good), 405, ""),
        ("no body", bearer(TOKEN), 400, "not JSON"),
        ("half a body", bearer(TOKEN).body(r#"{"message": "#), 400, "not JSON"),
        ("a word", bearer(TOKEN).json(&json!("word")), 400, "found text"),
        ("nothing", bearer(TOKEN).json(&json!({})), 400, "found nothing"),
        ("unknown collection", bearer(TOKEN).json(&json!({"parcels": []})), 400, "parcels"),
        ("no list", bearer(TOKEN).json(&json!({"orders": {"number": 1}})), 400, "expected a list"),
        ("no type", bearer(TOKEN).json(&json!({"message": 7})), 400, "found a number"),
        ("bad type", bearer(TOKEN).json(&json!({"message": "Said"})), 400, "Said"),
        ("too long", bearer(TOKEN).body(too_long), 413, ""),
    ] {
        let response = request.send().await;
        assert_eq!(response.status, status, "{what}: {response:?}");
        assert!(response.body.contains(reason), "{what}: {response:?}");
        assert!(!response.body.contains(TOKEN), "{what}: {response:?}");
    }
    let after = scenery.push_json(&good).await;
    scenery.delivered(&ids(&after)[0]).await;
    assert_eq!(scenery.endpoint.seen().len(), 1, "{:?}", scenery.endpoint.seen());
    assert!(!scenery.hub.story().contains(TOKEN), "{}", scenery.hub.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn wombats_pair_of_headers_is_a_token_too() {
    let scenery = scenery().await;
    let response = call("POST", format!("{}/push/shop", scenery.url))
        .header("x-hub-store", "pushes")
        .header("x-hub-access-token", TOKEN)
        .json(&json!({"message": "word:said", "payload": {}}))
        .send()
        .await;
    assert_eq!(response.status, 202, "{response:?}");
    scenery.delivered(&ids(&response)[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_stores_its_good_items_and_names_the_bad_ones() {
    let scenery = scenery().await;
    let said = |n: u64| json!({"message": "word:said", "payload": {"word": {"n": n}}});
    let response = scenery.push_json(&json!([said(0), 1, said(2), {"payload": {}}, {"message": "x"}, said(5)])).await;
    assert_eq!(response.status, 202, "{response:?}");
    let receipt = response.json();
    assert_eq!(receipt["accepted"], 3);
    let bad: Vec<u64> = receipt["errors"].as_array().unwrap().iter().map(|e| e["index"].as_u64().unwrap()).collect();
    assert_eq!(bad, [1, 3, 4], "{receipt}");
    for id in ids(&response) {
        scenery.delivered(&id).await;
    }
    let mut seen: Vec<Value> =
        scenery.endpoint.seen().iter().map(|request| request.json()["payload"]["word"]["n"].clone()).collect();
    seen.sort_by_key(Value::as_u64);
    assert_eq!(seen, [0, 2, 5]);

    let orders = json!({"orders": [{"number": "R1"}, {"total": 1}, 7, {"number": "R2", "created_at": "yesterday"}]});
    let receipt = scenery.push_json(&orders).await.json();
    assert_eq!(receipt["accepted"], 1, "{receipt}");
    let bad: Vec<_> = receipt["errors"].as_array().unwrap().iter().map(|e| (&e["collection"], &e["index"])).collect();
    assert_eq!(bad, [(&json!("orders"), &json!(1)), (&json!("orders"), &json!(2)), (&json!("orders"), &json!(3))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_idempotency_key_is_the_same_push() {
    let scenery = scenery().await;
    let body = json!([{"message": "word:said", "payload": {"n": 1}}, {"message": "word:said", "payload": {"n": 2}}]);
    let push = |key: &str| scenery.push().header("idempotency-key", key).json(&body).send();
    let (first, again, other) = (push("k1").await, push("k1").await, push("k2").await);
    assert_eq!(ids(&first).len(), 2);
    assert_eq!(ids(&first), ids(&again));
    assert!(ids(&other).iter().all(|id| !ids(&first).contains(id)), "{first:?} {other:?}");
    // Without a key, what is sent again is said again.
    let unkeyed = [scenery.push_json(&body).await, scenery.push_json(&body).await];
    assert_ne!(ids(&unkeyed[0]), ids(&unkeyed[1]));
    for response in [&first, &other, &unkeyed[0], &unkeyed[1]] {
        for id in ids(response) {
            scenery.delivered(&id).await;
        }
    }
    // The copy, had there been one, was before the last of them in the queue.
    for id in ids(&first) {
        assert_eq!(count(&scenery.hub.events(), EventName::DeliverySucceeded, &id), 1);
        assert_eq!(scenery.endpoint.seen().iter().filter(|request| request.webhook_id() == id).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pushed_objects_are_versioned_like_polled_ones() {
    let scenery = scenery().await;
    let order = |total: &str, updated: &str| json!({"orders": [{"number": "R1", "total": total, "updated_at": updated, "items": [{"sku": "A"}]}]});
    let new = scenery.push_json(&order("19.99", "2026-01-01T00:00:00Z")).await;
    scenery.delivered(&ids(&new)[0]).await;

    let same = scenery.push_json(&order("19.99", "2026-01-02T00:00:00Z")).await;
    assert_eq!((same.status, same.json()["accepted"].clone()), (202, json!(1)), "{same:?}");
    assert_eq!(ids(&same), [""; 0], "only a volatile field has changed");

    let changed = scenery.push_json(&order("24.99", "2026-01-03T00:00:00Z")).await;
    scenery.delivered(&ids(&changed)[0]).await;

    let messages: Vec<Value> = scenery.endpoint.seen().iter().map(|request| request.json()).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    let object = |message: &Value| {
        let object = &message["object"];
        (message["message"].clone(), object["id"].clone(), object["version"].clone(), object["parent"].clone())
    };
    assert_eq!(object(&messages[0]), (json!("order:new"), json!("R1"), json!(1), Value::Null));
    assert_eq!(object(&messages[1]), (json!("order:updated"), json!("R1"), json!(2), json!(1)));
    assert_eq!(messages[1]["changes"], json!([{"path": "/total", "old": "19.99", "new": "24.99"}]));
    assert_eq!(messages[1]["previous"]["total"], "19.99");
    assert_eq!(messages[1]["payload"]["order"]["actual"]["total"], "24.99");
}

#[tokio::test(flavor = "multi_thread")]
async fn send_pushes_from_the_command_line() {
    let scenery = scenery().await;
    let file = scenery.bench.path("message.json");
    std::fs::write(&file, json!({"message": "word:said", "payload": {"word": {"n": 1}}}).to_string()).unwrap();
    let sent = scenery.bench.run(&["send", "message.json", "--source", "shop"]).await.ok();
    let request = scenery.endpoint.until("the message", |seen| seen.first().cloned()).await;
    assert!(sent.stdout.contains(request.webhook_id()), "{sent}");
    assert_eq!(request.json()["payload"], json!({"word": {"n": 1}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_while_no_hub_runs_waits_for_one() {
    let mut scenery = scenery().await;
    scenery.hub.stop().await;
    let file = scenery.bench.path("orders.json");
    std::fs::write(&file, json!({"orders": [{"number": "R7"}, {"number": ""}]}).to_string()).unwrap();
    let sent = scenery.bench.run(&["send", "orders.json", "--source", "shop"]).await.ok();
    assert!(sent.stdout.starts_with("accepted: 1\nmessage "), "{sent}");
    assert!(sent.stderr.contains("item 1"), "{sent}");
    scenery.hub = scenery.bench.start().await;
    let request = scenery.endpoint.until("the message", |seen| seen.first().cloned()).await;
    assert!(sent.stdout.contains(request.webhook_id()), "{sent}");
    assert_eq!(request.json()["message"], "order:new");
}
