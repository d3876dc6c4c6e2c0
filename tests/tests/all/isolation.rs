//! One endpoint's trouble never slows another's (contract §5).

use crossdock_core::event::EventName;
use serde_json::json;

use crate::support::{Bench, Reply, Server, client::call};

const NEIGHBOURS: usize = 9;
const MESSAGES: usize = 30;

/// The one that hangs takes connections and never answers: its deadline is the longest there is, so that whatever the
/// others get done, they get done while it hangs.
#[tokio::test(flavor = "multi_thread")]
async fn nine_endpoints_go_on_while_the_tenth_hangs() {
    let server = Server::start(|request| match request.path() {
        "/hanging" => Reply::Silence,
        _ => Reply::status(200),
    })
    .await;
    let url = server.url();
    let names: Vec<String> = (0..NEIGHBOURS).map(|n| format!("neighbour-{n}")).collect();
    let mut hub = format!(
        "hub: ten\nsources: {{shop: {{url: \"{url}\", push: {{secret: t}}}}}}\nendpoints:\n  hanging: {{url: \"{url}\", timeout: 15m}}\n"
    );
    for name in &names {
        hub.push_str(&format!("  {name}: {{url: \"{url}\"}}\n"));
    }
    hub.push_str("routes:\n");
    for name in names.iter().map(String::as_str).chain(["hanging"]) {
        hub.push_str(&format!("  - {{name: {name}, messages: [\"word:*\"], to: {name}, path: /{name}}}\n"));
    }
    let bench = Bench::new(&hub).secret("t", "t");
    let hub = bench.start().await;
    let words: Vec<_> = (0..MESSAGES).map(|n| json!({"message": "word:said", "payload": {"n": n}})).collect();
    let push = call("POST", format!("{}/push/shop", hub.url().await)).bearer("t").json(&json!(words));
    assert_eq!(push.send().await.status, 202);

    hub.until("all deliveries of the nine", |events| {
        let done = events.iter().filter(|event| event.event == EventName::DeliverySucceeded).count();
        (done == NEIGHBOURS * MESSAGES).then_some(())
    })
    .await;
    // It does hang, with as many requests as it is sent at a time, and in their first attempts.
    let hanging = server.until("requests to the one that hangs", |seen| {
        let count = seen.iter().filter(|request| request.path() == "/hanging").count();
        (count == 4).then_some(count)
    });
    assert_eq!(hanging.await, 4);
    let events = hub.events();
    assert!(!events.iter().any(|event| event.endpoint.as_deref() == Some("hanging")), "{}", hub.story());
    for name in names {
        assert_eq!(server.seen_at(&format!("/{name}")).len(), MESSAGES, "{name}");
    }
    // Nor does it hold up the end.
    hub.stop().await;
}
