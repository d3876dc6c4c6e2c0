//! One of several messages goes out, whatever the hub dies of in between.

use crossdock_core::event::EventName;
use serde_json::json;

use crate::support::{Bench, Reply, Server, show::deliveries};

const SECRET: &str = "a-key-that-nobody-prints";

fn hub(url: &str) -> String {
    format!(
        r#"
hub: once
sources: {{shop: {{url: "{url}", push: {{secret: shop-token}}}}}}
endpoints: {{ear: {{url: "{url}/ear", retries: [1s, 1s, 1s]}}}}
routes:
  - name: tell
    messages: ["word:cancelled"]
    to: ear
    parameters: {{pin: {{secret: ear-pin}}, carriers: [{{from: DHL, to: dhl_de}}]}}
    once_per: {{keys: [payload.word.id], window: 1h}}
aliases: {{"word:cancelled": "word:canceled"}}
"#
    )
}

/// The ids of what was pushed.
async fn send(bench: &Bench, kind: &str, word: &str) -> String {
    let push = json!({"message": kind, "payload": {"word": {"id": word}}});
    std::fs::write(bench.path("push.json"), push.to_string()).unwrap();
    let said = bench.run(&["send", "push.json", "--source", "shop"]).await.ok();
    said.stdout.lines().find_map(|line| line.strip_prefix("message ")).unwrap_or_else(|| panic!("{said}")).to_owned()
}

async fn bench() -> (Bench, Server) {
    let server = Server::start(|_| Reply::status(200)).await;
    let bench = Bench::new(&hub(server.url())).secret("shop-token", "token").secret("ear-pin", SECRET);
    bench.begin().await;
    (bench, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_dies_around_its_claim_sends_the_first_and_no_other() {
    for fault in ["stop@before:claims.claim", "stop@after:claims.claim", "stop@before:endpoint.post"] {
        let (bench, server) = bench().await;
        // Stored by a command, published by the hub that dies.
        let first = send(&bench, "word:canceled", "w1").await;
        bench.launch(Some(fault)).stopped(fault).await;
        assert!(server.seen().is_empty(), "{fault}: nothing had gone out");

        let hub = bench.start().await;
        hub.event("the first", |event| event.event == EventName::DeliverySucceeded).await;
        let second = send(&bench, "word:cancelled", "w1").await;
        let told = hub.event("the second", |event| event.event == EventName::DeliverySuppressed).await;
        assert_eq!(told.message_id, Some(second.clone()), "{fault}");
        hub.stop().await;

        let ids: Vec<String> = server.seen().iter().map(|request| request.webhook_id().to_owned()).collect();
        assert_eq!(ids, std::slice::from_ref(&first), "{fault}");
        let suppressed = &deliveries(&bench, &second).await[0];
        assert_eq!(suppressed.state, "suppressed");
        assert_eq!(suppressed.reason, Some(format!("once_per: message {first} came first")), "{fault}");
        // It came as an alias, and is known by the type that it stands for.
        let shown = bench.run(&["show", &second]).await.ok();
        assert!(shown.stdout.starts_with(&format!("word:canceled {second}")), "{shown}");
        bench.run(&["audit"]).await.ok();
    }
}

/// What an endpoint is sent of a secret stands nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_parameter_is_sent_and_never_shown() {
    let (bench, server) = bench().await;
    let id = send(&bench, "word:canceled", "w1").await;
    let hub = bench.start().await;
    hub.event("its delivery", |event| event.event == EventName::DeliverySucceeded).await;
    let sent = server.seen().remove(0).json();
    assert_eq!(
        sent["parameters"],
        json!([
            {"name": "carriers", "value": [{"from": "DHL", "to": "dhl_de"}]}, {"name": "pin", "value": SECRET},
        ])
    );
    let said = format!("{:?} {}", hub.lines(), hub.log());
    hub.stop().await;
    let shown = bench.run(&["show", &id, "--json"]).await.ok();
    for place in [said, shown.stdout] {
        assert!(!place.contains(SECRET), "{place}");
    }
    for file in std::fs::read_dir(bench.path("state")).unwrap().map(|file| file.unwrap().path()) {
        if file.is_file() {
            let bytes = std::fs::read(&file).unwrap();
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "{} holds a secret", file.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_parameter_that_is_missing_is_a_failed_attempt() {
    let server = Server::start(|_| Reply::status(200)).await;
    let bench = Bench::new(&hub(server.url())).secret("shop-token", "token");
    bench.begin().await;
    let id = send(&bench, "word:canceled", "w1").await;
    let hub = bench.start().await;
    let failed = hub.event("an attempt", |event| event.event == EventName::DeliveryAttempted).await;
    assert!(failed.reason.as_deref().is_some_and(|why| why.contains("ear-pin")), "{failed:?}");
    hub.stop().await;
    assert!(server.seen().is_empty());
    assert_eq!(deliveries(&bench, &id).await[0].state, "retrying");
}
