//! A push that is cut off: whoever pushes was told nothing, sends it again under its key, and it happens once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Bench, Reply, Server, client::call, hub::database, rows::each, state::State};

const TOKEN: &str = "the-shops-token";

/// Where the hub dies, and what was pushed.
const ROWS: &[(&str, &str)] = &[
    ("stop@before:outbox.put", MESSAGES),
    ("stop@after:outbox.put", MESSAGES),
    ("stop@before:bus.publish", MESSAGES),
    ("stop@after:bus.publish", MESSAGES),
    ("stop@before:versions.commit", OBJECTS),
    ("stop@after:versions.commit", OBJECTS),
    ("stop@before:bus.publish", OBJECTS),
    ("stop@after:bus.publish", OBJECTS),
];
const MESSAGES: &str =
    r#"[{"message": "word:said", "payload": {"n": 1}}, {"message": "word:said", "payload": {"n": 2}}]"#;
const OBJECTS: &str = r#"{"orders": [{"number": "R1", "payments": [{"id": 1}]}]}"#;

async fn check(fault: &'static str, body: &'static str) {
    let endpoint = Server::start(|_| Reply::status(200)).await;
    let shop = Server::start(|_| Reply::json(200, &json!([]))).await;
    let bench = Bench::new(&format!(
        r#"
hub: pushed
sources:
  shop:
    url: "{}"
    push: {{secret: shop-token}}
    collections:
      orders:
        type: order
        request: {{path: /orders}}
        id: number
        every: 1h
        children: {{payments: {{type: payment, id: id}}}}
endpoints:
  all: {{url: "{}"}}
routes:
  - {{name: everything, messages: ["order:*", "payment:*", "word:*"], to: all, path: /all}}
"#,
        shop.url(),
        endpoint.url(),
    ))
    .secret("shop-token", TOKEN);
    let push = |url: String| {
        let push = call("POST", format!("{url}/push/shop")).bearer(TOKEN).header("idempotency-key", "4711");
        push.header("content-type", "application/json").body(body)
    };

    let hub = bench.launch(Some(fault));
    let cut_off = push(hub.url().await).attempt().await;
    hub.stopped(fault).await;
    // Nobody is told of what may not have been stored; what is published may have been told of.
    assert!(cut_off.is_err() || fault.contains("bus.publish"), "{fault}: {cut_off:?}");

    let hub = bench.start().await;
    let again = push(hub.url().await).send().await;
    assert_eq!(again.status, 202, "{fault}: {again:?}");
    let arrived = endpoint
        .until("both messages", |requests| {
            let ids: BTreeSet<String> = requests.iter().map(|request| request.webhook_id().to_owned()).collect();
            (ids.len() >= 2).then_some(ids)
        })
        .await;
    hub.stop().await;
    let shown = bench.run(&["dlq", "list", "--json"]).await.ok().json();
    assert_eq!(shown, json!([]), "{fault}");
    let stored: BTreeSet<String> = State::read(&database(&bench)).unwrap().messages.into_keys().collect();
    assert_eq!(arrived, stored, "{fault}");
    assert_eq!(stored.len(), 2, "{fault}");
    // Each id is one message, however often it came.
    let bodies: BTreeSet<String> = endpoint.seen().iter().map(|request| lasting(request.json())).collect();
    assert_eq!(bodies.len(), 2, "{fault}: {bodies:#?}");
}

/// Without what the moment of an attempt adds.
fn lasting(mut message: Value) -> String {
    message.as_object_mut().unwrap().remove("parameters");
    message.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_cut_off_can_be_sent_again_and_happens_once() {
    each(ROWS.iter().map(|(fault, body)| (format!("{fault} of {body}"), check(fault, body)))).await;
}
