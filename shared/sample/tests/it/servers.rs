//! The sample's servers as a hub meets them: over HTTP.

use std::sync::{Arc, Mutex};

use crate::support::{Web, quiet, token, url};
use crossdock_sample::{Options, Sample, Seen};
use serde_json::{Value, json};

async fn page(web: &Web, sample: &Sample, query: &str) -> Value {
    let (status, body) = web.get(&url(sample, "STORE_URL", &format!("/api/orders{query}"))).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test]
async fn orders_come_in_pages_oldest_change_first() {
    let folder = tempfile::tempdir().unwrap();
    let sample = quiet(&folder).await;
    let web = Web::new(Some(&token(&sample)));
    let mut orders = Vec::new();
    for number in 1..=5 {
        let body = page(&web, &sample, &format!("?page={number}")).await;
        assert_eq!((&body["count"], &body["pages"]), (&json!(500), &json!(5)));
        orders.extend(body["orders"].as_array().unwrap().clone());
    }
    assert_eq!(orders.len(), 500);
    let key = |order: &Value| (order["updated_at"].to_string(), order["number"].to_string());
    assert!(orders.is_sorted_by(|a, b| key(a) < key(b)));
    assert_eq!(page(&web, &sample, "?page=6").await["orders"], json!([]));
    assert_eq!(page(&web, &sample, "").await, page(&web, &sample, "?page=1").await);
    sample.stop().await;
}

#[tokio::test]
async fn since_lets_through_what_changed_at_or_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let sample = quiet(&folder).await;
    let web = Web::new(Some(&token(&sample)));
    let order = sample.create_order(json!({})).await.unwrap();
    let at = order["updated_at"].as_str().unwrap();
    let body = page(&web, &sample, &format!("?updated_at_gte={at}")).await;
    assert_eq!(body, json!({"orders": [order], "count": 1, "pages": 1}));

    let (_, shipments) = web.get(&url(&sample, "STORE_URL", &format!("/api/shipments?updated_at_gte={at}"))).await;
    assert_eq!(shipments["shipments"][0]["order_number"], order["number"]);
    let body = page(&web, &sample, "?updated_at_gte=2999-01-01T00:00:00%2B02:00").await;
    assert_eq!(body, json!({"orders": [], "count": 0, "pages": 1}));
    sample.stop().await;
}

#[tokio::test]
async fn what_the_store_cannot_answer_it_refuses_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let sample = quiet(&folder).await;
    let check = async |token: Option<&str>, path: &str, status: u16, expected: &str| {
        let (found, body) = Web::new(token).get(&url(&sample, "STORE_URL", path)).await;
        assert_eq!(found, status, "{path}: {body}");
        assert!(body["error"].as_str().unwrap_or_default().contains(expected), "{path}: {body}");
    };
    let token = token(&sample);
    check(None, "/api/orders", 401, "bearer token").await;
    check(Some("wrong"), "/api/shipments", 401, "bearer token").await;
    check(Some(&token), "/api/orders?page=0", 400, "page: found \"0\"").await;
    check(Some(&token), "/api/orders?page=one", 400, "page: found \"one\"").await;
    check(Some(&token), "/api/orders?updated_at_gte=yesterday", 400, "\"yesterday\" is no time").await;
    check(Some(&token), "/api/customers", 404, "").await;
    sample.stop().await;
}

#[tokio::test]
async fn the_shop_can_be_driven_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let sample = quiet(&folder).await;
    let web = Web::new(None);
    let admin = |path: &str| url(&sample, "STORE_URL", &format!("/admin{path}"));

    let (status, order) = web.post(&admin("/orders"), &[], r#"{"number": "R1", "total": "7.00"}"#).await;
    assert_eq!((status, &order["total"]), (201, &json!("7.00")));
    let (status, order) = web.post(&admin("/orders"), &[], "").await;
    assert_eq!((status, &order["number"]), (201, &json!("R100000501")));
    let (status, order) = web.patch(&admin("/orders/R1"), &json!({"note": "Grüße"})).await;
    assert_eq!((status, &order["note"]), (200, &json!("Grüße")));
    let (status, shipment) = web.post(&admin("/shipments/H1/ready"), &[], "").await;
    assert_eq!((status, &shipment["state"]), (200, &json!("ready")));
    let (status, order) = web.post(&admin("/orders/R1/cancel"), &[], "").await;
    assert_eq!((status, &order["state"]), (200, &json!("canceled")));
    assert_eq!(order["payments"][0]["state"], "refunded");

    assert_eq!(web.post(&admin("/orders/R1/cancel"), &[], "").await.0, 409);
    assert_eq!(web.patch(&admin("/orders/R2"), &json!({})).await.0, 404);
    assert_eq!(web.patch(&admin("/orders/R1"), &json!({"number": "R2"})).await.0, 422);
    assert_eq!(web.post(&admin("/orders"), &[], "{").await.0, 400);

    let (_, body) = web.get(&admin("/changes")).await;
    let changes: Vec<_> = body["changes"].as_array().unwrap().iter().collect();
    let short: Vec<_> = changes.iter().map(|change| (&change["id"], &change["kind"])).collect();
    let expected = [
        ("R1", "created"),
        ("H1", "created"),
        ("R100000501", "created"),
        ("H100000501", "created"),
        ("R1", "changed"),
        ("H1", "ready"),
        ("R1", "canceled"),
    ];
    assert_eq!(
        short,
        expected.map(|(id, kind)| (json!(id), json!(kind))).iter().map(|(a, b)| (a, b)).collect::<Vec<_>>()
    );
    // As text, 12:00:00.1 would come after 12:00:00.11.
    let time = |change: &&Value| change["updated_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(changes.is_sorted_by_key(time));
    assert_eq!(body["changes"], serde_json::to_value(sample.changes()).unwrap());
    sample.stop().await;
}

fn tracking(root: &str, number: &str) -> String {
    json!({
        "message": format!("{root}:shipped"),
        "object": null,
        "payload": {root: {"number": number, "carrier": "Nordpost", "tracking": "NP1"}},
    })
    .to_string()
}

#[tokio::test]
async fn tracking_numbers_are_written_back() {
    let folder = tempfile::tempdir().unwrap();
    let sample = quiet(&folder).await;
    sample.create_order(json!({"number": "R1"})).await.unwrap();
    let (web, service) = (Web::new(None), url(&sample, "STORE_URL", "/shipments/tracking"));
    let token = token(&sample);
    let check = async |token: &str, body: &str, expected: u16| {
        let (status, body) = web.post(&service, &[("x-hub-token", token), ("webhook-id", "m1")], body).await;
        assert_eq!(status, expected, "{body}");
    };
    check("wrong", &tracking("parcel", "H1"), 401).await;
    check(&token, "tracking", 400).await;
    check(&token, r#"{"payload": {"parcel": {"number": "H1"}}}"#, 422).await;
    check(&token, &tracking("parcel", "H2"), 404).await;
    assert_eq!(sample.changes().len(), 2);
    check(&token, &tracking("parcel", "H1"), 200).await;
    check(&token, &tracking("parcel", "H1"), 200).await;

    let changes = sample.changes();
    assert_eq!(changes.len(), 3, "twice the same is one change");
    let reader = Web::new(Some(&token));
    let since = url(&sample, "STORE_URL", &format!("/api/shipments?updated_at_gte={:.3}", changes[2].updated_at));
    let (_, body) = reader.get(&since).await;
    let shipment = &body["shipments"][0];
    assert_eq!((&shipment["tracking"], &shipment["state"]), (&json!("NP1"), &json!("shipped")));
    let statuses: Vec<_> = sample.seen().iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [401, 400, 422, 404, 200, 200]);
    sample.stop().await;
}

#[tokio::test]
async fn every_request_to_an_endpoint_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let sample = Sample::start(Options {
        play: false,
        on_request: Some(Arc::new(move |seen: &Seen| {
            listener.lock().unwrap().push(serde_json::to_value(seen).unwrap());
        })),
        ..Options::new(folder.path())
    })
    .await
    .unwrap();
    let web = Web::new(None);
    let message = json!({
        "message": "order:new",
        "object": {"type": "order", "id": "R1", "version": 2},
        "payload": {"order": {"actual": {"number": "R1"}}},
    });
    let check = async |variable: &str, path: &str, body: &str, expected: u16| {
        let (status, body) = web.post(&url(&sample, variable, path), &[("webhook-id", "m1")], body).await;
        assert_eq!(status, expected, "{variable}{path}: {body}");
    };
    check("ANALYTICS_URL", "/track", &message.to_string(), 202).await;
    check("ACCOUNTING_URL", "/book", &message.to_string(), 200).await;
    check("LOYALTY_URL", "/points", &message.to_string(), 503).await;
    check("EMAIL_URL", "/elsewhere", &message.to_string(), 404).await;
    check("EMAIL_URL", "/confirm", "no json", 400).await;
    assert_eq!(web.get(&url(&sample, "EMAIL_URL", "/confirm")).await.0, 405);

    let seen = sample.seen();
    let short: Vec<_> = seen.iter().map(|seen| (seen.endpoint.as_str(), seen.path.as_str(), seen.status)).collect();
    let expected = [
        ("analytics", "/track", 202),
        ("accounting", "/book", 200),
        ("loyalty", "/points", 503),
        ("email", "/elsewhere", 404),
        ("email", "/confirm", 400),
        ("email", "/confirm", 405),
    ];
    assert_eq!(short, expected);
    assert_eq!(*seen[0].body, message);

    let told = told.lock().unwrap().clone();
    assert_eq!(told.len(), seen.len());
    let expected = json!({
        "endpoint": "analytics", "path": "/track", "webhook_id": "m1", "message": "order:new", "object": "R1",
        "version": 2, "status": 202, "at": seen[0].at,
    });
    assert_eq!(told[0], expected);
    let read: Seen = serde_json::from_value(told[0].clone()).unwrap();
    assert_eq!(read.webhook_id, seen[0].webhook_id);
    sample.stop().await;
}

#[tokio::test]
async fn a_restart_keeps_the_store_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let sample = quiet(&folder).await;
    let web = Web::new(Some(&token(&sample)));
    sample.create_order(json!({})).await.unwrap();
    sample.ready_shipment("H100000501").await.unwrap();
    let before = page(&web, &sample, "?page=6").await;
    let refused = Sample::start(Options::new(folder.path())).await.unwrap_err();
    assert!(refused.to_string().contains("another sample store"), "{refused}");
    let old = url(&sample, "STORE_URL", "");
    let changes = sample.changes();
    sample.stop().await;
    assert!(std::net::TcpStream::connect(old.trim_start_matches("http://")).is_err(), "it still listens");

    let sample = quiet(&folder).await;
    assert_eq!(page(&web, &sample, "?page=6").await, before);
    assert_eq!(sample.changes(), changes);
    sample.played().await;
    sample.stop().await;
}
