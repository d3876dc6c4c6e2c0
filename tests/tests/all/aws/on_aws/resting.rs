//! A hub on AWS that is switched off and on again by whoever operates it.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use serde_json::json;

use super::operated::operator;
use crate::{
    aws::{cloud::until, deployed::Deployed},
    support::{Bench, Reply, Server, client::call},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_arrives_once_it_is_on_again() {
    let status = Arc::new(AtomicU16::new(503));
    let answer = Arc::clone(&status);
    let server = Server::start(move |_| Reply::status(answer.load(Ordering::Relaxed))).await;
    let file = format!(
        r#"
hub: resting
sources:
  shop:
    url: "{url}"
    push: {{secret: shop-token}}
    collections: {{orders: {{type: order, request: {{path: /orders}}, id: number, every: 24h}}}}
endpoints:
  all: {{url: "{url}", retries: [20s, 20s, 20s, 20s, 20s]}}
routes:
  - {{name: everything, messages: ["*"], to: all}}
"#,
        url = server.url(),
    );
    let hub = Deployed::new("resting", Bench::empty(), &file).await;
    hub.cloud.put_secret("/resting/shop-token", "token").await;
    let url = format!("{}/push/shop", hub.cloud.function_url(&hub.function("ingest")).await);
    let push = async |word: &str| {
        let body = json!({"message": format!("word:{word}"), "payload": {}});
        call("POST", &url).bearer("token").json(&body).send().await
    };
    let operator = operator(hub.cloud.url(), hub.cloud.account());
    std::fs::write(operator.path("infra/hub.yaml"), &file).unwrap();
    let says = async |arguments: &[&str]| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--on", "aws:resting"]).collect();
        operator.run_exactly(&arguments).await
    };

    let first = push("first").await;
    assert_eq!(first.status, 202, "{first:?}");
    until("a first attempt", async || (!server.seen().is_empty()).then_some(())).await;
    let disabled = says(&["hub", "disable"]).await.ok();
    assert!(disabled.stdout.contains("resting is switched off"), "{disabled}");
    assert!(disabled.stderr.contains("14 days"), "{disabled}");
    let tried = server.seen().len();
    status.store(200, Ordering::Relaxed);

    assert_eq!(push("second").await.status, 403);
    assert_eq!(call("POST", &url).bearer("wrong").json(&json!({})).send().await.status, 401);
    assert_eq!(hub.poll("shop/orders").await, json!("disabled"));
    assert_eq!(hub.publish().await, json!("disabled"));
    assert_eq!(hub.sweep().await, json!("disabled"));
    let refused = says(&["poll", "shop/orders"]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains("is switched off") && refused.stderr.contains("--even-if-disabled"), "{refused}");
    let status = says(&["hub", "status", "--json"]).await.ok().json();
    assert_eq!(status["enabled"], json!(false), "{status}");

    // Its wait is over, and it is given another one.
    let hidden = async || {
        let calls = hub.calls().await;
        calls.iter().filter(|call| call.operation == "sqs:ChangeMessageVisibility").count() > tried
    };
    until("a delivery that came back and was put off", async || hidden().await.then_some(())).await;
    assert_eq!(server.seen().len(), tried, "nobody is asked");

    says(&["hub", "enable"]).await.ok();
    until("what waited", async || (server.seen().len() > tried).then_some(())).await;
    until("an empty queue", async || (hub.waiting().await == 0).then_some(())).await;
    assert_eq!(server.seen().len(), tried + 1, "once");
    let id = first.json()["message_ids"][0].as_str().unwrap().to_owned();
    assert!(server.seen().iter().all(|request| request.webhook_id() == id), "{:?}", server.seen());
    assert!(hub.cloud.peek(&hub.dead_letters("all")).await.is_empty());
}
