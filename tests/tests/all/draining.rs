//! An endpoint that drains: what waits for it is still sent, and nothing new goes to it.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use serde_json::json;

use crate::support::{Bench, Reply, Server};

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_still_sent_and_nothing_new_is() {
    let status = Arc::new(AtomicU16::new(503));
    let answer = Arc::clone(&status);
    let server = Server::start(move |request| match request.path() {
        "/leaving" => Reply::status(answer.load(Ordering::Relaxed)),
        _ => Reply::status(200),
    })
    .await;
    let text = |drain: bool| {
        format!(
            r#"
hub: moving
sources: {{shop: {{url: "{url}", push: {{secret: shop-token}}}}}}
endpoints:
  leaving: {{url: "{url}/leaving", retries: [1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s], drain: {drain}}}
  staying: {{url: "{url}/staying"}}
routes:
  - {{name: old, messages: ["*"], to: leaving}}
  - {{name: new, messages: ["*"], to: staying}}
"#,
            url = server.url()
        )
    };
    let bench = Bench::new(&text(false)).secret("shop-token", "token");
    bench.begin().await;
    let send = async |kind: &str| {
        std::fs::write(bench.path("push.json"), json!({"message": kind, "payload": {}}).to_string()).unwrap();
        bench.run(&["send", "push.json", "--source", "shop"]).await.ok();
    };
    let types = |path: &str| {
        let seen = server.seen_at(path);
        seen.iter().map(|request| request.json()["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    let hub = bench.start().await;
    send("first:sent").await;
    server.until("a first attempt", |_| (!server.seen_at("/leaving").is_empty()).then_some(())).await;
    hub.stop().await;
    let drained = async || bench.run(&["endpoint", "drained", "leaving"]).await;
    let refused = drained().await;
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    assert!(
        refused.stderr.contains("leaving should not go yet: new messages go to it: write drain: true"),
        "{refused}"
    );

    std::fs::write(bench.path("hub.yaml"), text(true)).unwrap();
    let refused = drained().await;
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains("leaving should not go yet: its queue is not empty"), "{refused}");
    assert!(refused.stdout.contains("1 tried without an outcome yet  0 in the DLQ"), "{refused}");
    let refused = types("/leaving").len();
    status.store(200, Ordering::Relaxed);
    let hub = bench.start().await;
    send("second:sent").await;
    let arrived = || types("/leaving").len() > refused && types("/staying").len() >= 2;
    server.until("what waited, and what is new", |_| arrived().then_some(())).await;
    let second = server.seen_at("/staying").into_iter().find(|request| request.json()["message"] == "second:sent");
    let shown = bench.run(&["show", second.unwrap().webhook_id()]).await.ok();
    assert!(shown.stdout.contains("matches, but its endpoint drains"), "{shown}");
    hub.stop().await;
    let empty = drained().await.ok();
    assert!(empty.stdout.contains("leaving is empty: it can be taken out of the hub file"), "{empty}");
    assert!(types("/leaving").iter().all(|kind| kind == "first:sent"), "{:?}", types("/leaving"));
}
