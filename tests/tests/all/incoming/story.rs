//! What is answered, and what becomes of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{OLD_SECRET, SECRET, Scenery, TOKEN, ids, sale, shopify, till};
use crate::support::{client::call, wait::PATIENCE};

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_tells_what_happens_and_endpoints_hear_of_it() {
    let scenery = Scenery::new().await;
    let (hub, url) = scenery.start().await;
    let told = |id: &str, topic: &str, body: &Value| shopify(&url, SECRET, id, topic, body).send();

    let made = told("1", "orders/create", &json!({"id": 1, "total": "24.90"})).await;
    assert_eq!((made.status, ids(&made).len()), (202, 1), "{made:?}");
    // Every live secret does.
    let paid = shopify(&url, OLD_SECRET, "2", "orders/paid", &json!({"id": 1, "total": "24.90", "paid": true}));
    assert_eq!(ids(&paid.send().await).len(), 1);
    // The same event again, and another that says the same.
    let again = told("1", "orders/create", &json!({"id": 1, "total": "24.90"})).await;
    assert_eq!(again.json(), json!({"accepted": 0, "message_ids": [], "duplicates": 1}));
    let same = told("3", "orders/updated", &json!({"id": 1, "total": "24.90", "paid": true})).await;
    assert_eq!(same.json(), json!({"accepted": 1, "message_ids": []}));
    // Only named: the hub asks the shop.
    let touched = told("4", "orders/touched", &json!({"order_id": 7})).await;
    assert_eq!(touched.json(), json!({"accepted": 1, "message_ids": []}));
    assert_eq!(ids(&told("5", "orders/delete", &json!({"id": 1})).await).len(), 1);
    assert_eq!(ids(&told("6", "carts/create", &json!({"token": "c1"})).await).len(), 1);
    assert_eq!(told("7", "themes/publish", &json!({"id": 9})).await.json()["ignored"], 1);
    assert_eq!(ids(&till(&url, &sale("s1")).send().await).len(), 1);

    let expected = ["cart:seen", "order:deleted", "order:new", "order:new", "order:updated", "sale:made"];
    let arrived = scenery
        .endpoint
        .until("all messages", |seen| {
            let mut types: Vec<String> =
                seen.iter().map(|seen| seen.json()["message"].as_str().unwrap().to_owned()).collect();
            types.sort();
            (types.len() >= expected.len()).then_some(types)
        })
        .await;
    assert_eq!(arrived, expected);
    let fetched = scenery.shop.seen_at("/orders/7");
    assert_eq!(fetched.len(), 1, "{fetched:?}");

    // A hub that was stopped and started again knows what it has seen.
    hub.stop().await;
    let (hub, url) = scenery.start().await;
    let again = shopify(&url, SECRET, "6", "carts/create", &json!({"token": "c1"})).send().await;
    assert_eq!(again.json(), json!({"accepted": 0, "message_ids": [], "duplicates": 1}));
    let said = hub.story();
    assert!(![SECRET, OLD_SECRET, TOKEN].iter().any(|secret| said.contains(secret)), "{said}");
    hub.stop().await;
}

/// What is named and cannot be fetched is seen while it waits.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_to_be_fetched_is_shown() {
    let scenery = Scenery::new().await;
    let (hub, url) = scenery.start().await;
    let show = async |what: &str| scenery.bench.run(&["show", what, "--json"]).await.ok().json();
    assert_eq!(show("shop/orders").await["collection"]["to_be_fetched"], json!([]));
    let touched = shopify(&url, SECRET, "1", "orders/touched", &json!({"order_id": "missing"})).send().await;
    assert_eq!(touched.status, 202);
    let failed = async {
        loop {
            let shown = show("shop/orders").await["collection"]["to_be_fetched"].take();
            if shown[0]["failures"].as_u64() > Some(0) {
                return shown;
            }
        }
    };
    let shown = tokio::time::timeout(PATIENCE, failed).await.expect("it is asked for, in vain");
    hub.stop().await;
    assert_eq!(shown[0]["id"], "missing", "{shown}");
    assert_eq!(shown[0]["reason"], "the source answered 404");
    assert!(shown[0]["since"].is_string() && shown[0]["next_attempt_at"].is_string(), "{shown}");
    let object = show("missing").await["objects"][0].take();
    assert_eq!(
        (&object["to_be_fetched"]["reason"], &object["versions"]),
        (&shown[0]["reason"], &json!([])),
        "{object}"
    );
    let text = scenery.bench.run(&["show", "shop/orders"]).await.ok().stdout;
    assert!(text.contains("missing: to be fetched since ") && text.contains(": the source answered 404"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_of_the_contract() {
    let scenery = Scenery::new().await;
    let (_hub, url) = scenery.start().await;
    let at = |path: &str| format!("{url}/webhooks/{path}");
    let order = json!({"id": 1});
    let good = || shopify(&url, SECRET, "1", "orders/create", &order);
    for (what, request, status, reason) in [
        ("bad signature", shopify(&url, "guessed", "1", "orders/create", &order), 401, "not proven"),
        ("no signature", call("POST", at("shop-orders")).json(&order), 401, "not proven"),
        ("another body", good().body("{}"), 401, "not proven"),
        ("wrong token", call("POST", at("till")).bearer("guessed").json(&sale("1")), 401, "not proven"),
        ("GET", call("GET", at("shop-orders")), 405, "POST"),
        ("too long", till(&url, &json!({"text": "x".repeat(1024 * 1024)})), 413, "1 MiB"),
        ("not JSON", call("POST", at("till")).bearer(TOKEN).body("{"), 400, "not JSON"),
        ("schema", till(&url, &json!({"id": "1"})), 400, "/: required: missing properties 'kind'"),
        ("no item", till(&url, &json!({"id": "1", "kind": "sale.made"})), 400, "nothing at"),
        ("twice", call("POST", at("till")).bearer(TOKEN).body(r#"{"id": 1, "id": 2}"#), 400, "stands twice"),
        ("ignored", till(&url, &json!({"id": "1", "kind": "ping"})), 202, "\"ignored\":1"),
    ] {
        let response = request.send().await;
        assert_eq!(response.status, status, "{what}: {response:?}");
        assert!(response.body.contains(reason), "{what}: {response:?}");
    }
    // Whoever looks for a webhook by its id finds nothing out.
    let mut answers = BTreeSet::new();
    for path in ["none", "", "till/", "tiLL", "t%69ll", "...", "a b", &"x".repeat(3000)] {
        let path = path.replace(' ', "%20");
        for request in [call("POST", at(&path)).bearer(TOKEN).json(&sale("1")), call("GET", at(&path))] {
            let response = request.send().await;
            assert_eq!(response.status, 404, "{path}: {response:?}");
            let trace = response.json()["trace_id"].as_str().unwrap().to_owned();
            answers.insert(response.body.replace(&trace, ""));
        }
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(scenery.endpoint.seen().is_empty());
}
