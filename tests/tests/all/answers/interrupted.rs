//! The binary dies between asking an endpoint and having done all that its answer asks for. Asked again, the endpoint says
//! something else; what is found in the end is what the stored answer says, all of it and nothing of the other one. Every
//! point in one process is walked in `shared/local/tests/all/answering.rs`.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::TOKEN;
use crate::support::{
    Bench, Reply, Server,
    client::call,
    hub::database,
    rows::each,
    show::{deliveries, object},
    state::State,
    until,
};

/// Where it dies, and which answer is the stored one.
const DEATHS: &[(&str, u32)] = &[
    ("stop@before:endpoint.post", 1),
    ("stop@after:endpoint.post", 2),
    ("stop@before:ledger.settle", 2),
    ("stop@after:ledger.settle", 1),
    ("stop@before:versions.commit", 1),
    ("stop@after:versions.commit", 1),
    ("stop@before:ledger.tracked", 1),
    ("stop@after:ledger.tracked", 1),
];

fn says(number: u32) -> Value {
    json!({
        "summary": number.to_string(),
        "messages": [{"message": "order:booked", "payload": {"said": number}}],
        "notifications": [{"subject": number.to_string()}],
        "parameters": {"said": number},
        "orders": [{"number": "R1", "said": number}],
    })
}

async fn dies(fault: &str, stored: u32) {
    let asked = AtomicU32::new(0);
    let server = Server::start(move |_| Reply::json(200, &says(asked.fetch_add(1, Ordering::Relaxed) + 1))).await;
    let file = format!(
        r#"
hub: interrupted
sources:
  shop:
    url: "http://127.0.0.1:9"
    push: {{secret: t}}
    collections:
      orders: {{type: order, request: {{path: /none}}, id: number, start: all, every: 24h}}
endpoints:
  books: {{url: "{}", retries: [1s]}}
routes:
  - {{name: book, messages: ["word:said"], to: books}}
"#,
        server.url()
    );
    let bench = Bench::new(&file).secret(TOKEN, TOKEN);
    let doomed = bench.launch(Some(fault));
    let url = format!("{}/push/shop", doomed.url().await);
    let pushed = call("POST", url).bearer(TOKEN).json(&json!({"message": "word:said"})).send().await;
    let id = pushed.json()["message_ids"][0].as_str().unwrap().to_owned();
    doomed.stopped(fault).await;

    let hub = bench.start().await;
    let settled = || State::read(&database(&bench)).ok().filter(|state| state.idle && state.messages.len() == 4);
    let state = until(fault, settled, || hub.story()).await;
    let delivered = deliveries(&bench, &id).await.remove(0);
    assert_eq!(
        (delivered.state.as_str(), delivered.answer["summary"].as_str()),
        ("delivered", Some(&*stored.to_string()))
    );
    let of =
        |kind: &str| state.messages.values().find(|message| message["message"] == kind).unwrap()["payload"].clone();
    assert_eq!(of("order:booked"), json!({"said": stored}), "{fault}");
    assert_eq!(of("notification:info")["notification"]["subject"], stored.to_string(), "{fault}");
    assert_eq!(of("order:new")["order"]["actual"]["said"], stored, "{fault}");
    let versions = object(&bench, "R1").await["versions"].clone();
    assert_eq!(versions.as_array().map(Vec::len), Some(1), "{fault}: {versions}");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_is_what_the_stored_answer_says() {
    each(DEATHS.iter().map(|(fault, stored)| ((*fault).to_owned(), dies(fault, *stored)))).await;
}
