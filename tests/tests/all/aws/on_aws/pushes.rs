//! Pushes through the Function URL: what is accepted is stored, published and delivered, whatever dies.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    aws::{
        cloud::{until, within},
        deployed::Deployed,
    },
    support::{
        Bench, Reply, Server,
        client::{Call, Response, call},
        setting,
    },
};

const TOKEN: &str = "the-shops-token";

struct Scenery {
    hub: Deployed,
    url: String,
    endpoint: Server,
}

async fn scenery(name: &str) -> Scenery {
    let endpoint = Server::start(|_| Reply::status(200)).await;
    let file = format!(
        r#"
hub: pushes
sources:
  shop:
    url: http://127.0.0.1:1
    push: {{secret: shop-token}}
    collections:
      orders: {{type: order, request: {{path: /orders}}, id: number, created: created_at, every: 24h}}
endpoints:
  all: {{url: "{}"}}
routes:
  - {{name: everything, messages: ["order:*", "word:*"], to: all, path: /all}}
"#,
        endpoint.url(),
    );
    let hub = Deployed::new(name, Bench::empty(), &file).await;
    hub.cloud.put_secret(&format!("/{name}/shop-token"), TOKEN).await;
    let url = hub.cloud.function_url(&hub.function("ingest")).await;
    Scenery { hub, url, endpoint }
}

impl Scenery {
    fn push(&self, body: &Value) -> Call {
        call("POST", format!("{}/push/shop", self.url)).bearer(TOKEN).json(body)
    }
}

fn ids(response: &Response) -> Vec<String> {
    assert_eq!(response.status, 202, "{response:?}");
    serde_json::from_value(response.json()["message_ids"].clone()).unwrap()
}

fn said(text: &str) -> Value {
    json!({"message": "word:said", "payload": {"word": {"text": text}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_stored_published_and_delivered_whatever_dies() {
    let scenery = scenery("pushes").await;
    let (hub, endpoint) = (&scenery.hub, &scenery.endpoint);
    let first = ids(&scenery.push(&said("fjäll")).send().await);
    let request = endpoint.until("the message", |seen| seen.first().cloned()).await;
    assert_eq!(request.webhook_id(), first[0]);
    assert_eq!(request.json()["payload"], json!({"word": {"text": "fjäll"}}));

    let objects = json!({"orders": [{"number": "R1", "created_at": "2999-01-01T00:00:00Z"}, {"number": null}]});
    let response = scenery.push(&objects).send().await;
    assert_eq!(ids(&response).len(), 1, "{response:?}");
    let request = endpoint.until("the order", |seen| seen.get(1).cloned()).await;
    assert_eq!(
        (request.json()["message"].as_str(), request.json()["object"]["id"].as_str()),
        (Some("order:new"), Some("R1"))
    );

    for (what, request, status) in [
        ("no token", call("POST", format!("{}/push/shop", scenery.url)).json(&said("no")), 401),
        ("a wrong token", call("POST", format!("{}/push/shop", scenery.url)).bearer("wrong").json(&said("no")), 401),
        (
            "no such source",
            call("POST", format!("{}/push/elsewhere", scenery.url)).bearer(TOKEN).json(&said("no")),
            404,
        ),
        ("no such path", call("POST", format!("{}/elsewhere", scenery.url)).json(&said("no")), 404),
        ("no JSON", scenery.push(&said("no")).body("word"), 400),
    ] {
        let response = request.send().await;
        assert_eq!(response.status, status, "{what}: {response:?}");
    }

    // Stored, and the function dies before it can say so: nobody is told twice when it is sent again.
    let ingest = hub.function("ingest");
    hub.cloud.set_variables(&ingest, &[("CROSSDOCK_FAULT", Some("stop@after:outbox.put"))]).await;
    let again = || scenery.push(&said("twice")).header("idempotency-key", "once").send();
    let response = again().await;
    assert!(response.status >= 500, "{response:?}");
    hub.cloud.set_variables(&ingest, &[("CROSSDOCK_FAULT", None)]).await;
    let (one, other) = (ids(&again().await), ids(&again().await));
    assert_eq!(one, other);

    // Stored, and it dies before the bus has heard of it: the schedule that publishes what is pending brings it.
    hub.cloud.set_variables(&ingest, &[("CROSSDOCK_FAULT", Some("stop@before:bus.publish"))]).await;
    let response = scenery.push(&said("late")).send().await;
    hub.cloud.set_variables(&ingest, &[("CROSSDOCK_FAULT", None)]).await;
    let stored = async || {
        let state = hub.state().await;
        state.messages.values().any(|message| message["payload"]["word"]["text"] == "late").then_some(())
    };
    until("the message in the table", stored).await;
    let arrived = async || {
        hub.publish().await;
        let texts: Vec<Value> =
            endpoint.seen().iter().map(|one| one.json()["payload"]["word"]["text"].clone()).collect();
        let there = |text: &str| texts.iter().filter(|known| **known == text).count();
        (there("late") == 1 && there("twice") == 1).then_some(())
    };
    until(&format!("both messages, after {response:?}"), arrived).await;
    assert_eq!(endpoint.seen().len(), 4);
}

/// Nothing is deployed. An environment that begins reads the new secret; one that runs does within five minutes, which
/// `CROSSDOCK_LONG=1` waits for.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_changed_without_a_deployment() {
    let scenery = scenery("rotating").await;
    let (hub, ingest) = (&scenery.hub, scenery.hub.function("ingest"));
    let answers = async |token: &str| {
        let pushed = call("POST", format!("{}/push/shop", scenery.url)).bearer(token).json(&said("hello"));
        pushed.send().await.status
    };
    assert_eq!(answers(TOKEN).await, 202);
    hub.cloud.put_secret("/rotating/shop-token", "the-next-token").await;
    if setting("CROSSDOCK_LONG").is_some() {
        let taken = async || (answers("the-next-token").await == 202).then_some(());
        within(Duration::from_secs(600), taken).await.expect("the next token is taken by the function that runs");
    } else {
        // As AWS begins new environments, whenever it likes.
        hub.cloud.set_variables(&ingest, &[("CROSSDOCK_LOG", Some("warn"))]).await;
        assert_eq!(answers("the-next-token").await, 202);
    }
    assert_eq!(answers(TOKEN).await, 401);
}
