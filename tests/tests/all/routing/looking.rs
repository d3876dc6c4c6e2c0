//! `crossdock audit` and `crossdock unrouted`.

use crossdock_core::event::EventName;
use serde_json::{Value, json};

use crate::support::{Bench, Reply, Server};

#[tokio::test(flavor = "multi_thread")]
async fn promises_and_what_took_no_route_are_counted() {
    let server = Server::start(|request| Reply::status(if request.path() == "/dead" { 422 } else { 200 })).await;
    let url = server.url();
    let text = format!(
        r#"
hub: looked-at
sources: {{shop: {{url: "{url}", push: {{secret: shop-token}}}}}}
endpoints:
  ear: {{url: "{url}/ear"}}
  dead: {{url: "{url}/dead", dead_letter_on: [422]}}
routes:
  - {{name: tell, messages: ["word:said", "word:wrong"], to: ear}}
  - {{name: bury, messages: ["word:wrong"], to: dead}}
  - {{name: off, messages: ["word:quiet"], to: ear, enabled: false}}
"#
    );
    let bench = Bench::new(&text).secret("shop-token", "token");
    let messages: Vec<Value> = ["word:said", "word:wrong", "word:quiet", "word:lost", "word:lost"]
        .into_iter()
        .map(|kind| json!({"message": kind, "payload": {}}))
        .collect();
    std::fs::write(bench.path("push.json"), json!(messages).to_string()).unwrap();
    bench.begin().await;
    bench.run(&["send", "push.json", "--source", "shop"]).await.ok();

    let before = bench.run(&["audit", "--json"]).await.ok().json();
    assert_eq!((&before["messages"], &before["promises"]), (&json!(5), &json!(3)));
    assert_eq!(before["deliveries"]["on_its_way"]["count"], 3, "nothing was sent yet, and need not have been");

    let hub = bench.start().await;
    hub.event("a dead letter", |event| event.event == EventName::DeliveryDeadLettered).await;
    let succeeded = |events: &[_]| {
        let count = events
            .iter()
            .filter(|event: &&crossdock_core::event::HubEvent| event.event == EventName::DeliverySucceeded);
        (count.count() == 2).then_some(())
    };
    hub.until("two deliveries", succeeded).await;
    hub.stop().await;

    let done = bench.run(&["audit", "--json"]).await.ok().json();
    let of = |name: &str| done["deliveries"][name]["count"].clone();
    assert_eq!([of("delivered"), of("dead_lettered"), of("missing")], [json!(2), json!(1), Value::Null]);
    assert_eq!(done["deliveries"]["dead_lettered"]["named"][0]["route"], "bury");
    let text = bench.run(&["audit", "--since", "1h"]).await.ok().stdout;
    for expected in ["5 messages since", "delivered      2", "dead lettered  1", "bury → dead: answered 422"] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }

    let unrouted = bench.run(&["unrouted", "--json"]).await.ok().json();
    assert_eq!((&unrouted["unrouted"], &unrouted["messages"]), (&json!(3), &json!(5)));
    assert_eq!(unrouted["types"]["word:lost"]["count"], 2);
    assert_eq!(unrouted["types"]["word:quiet"]["disabled"], 1);
    let text = bench.run(&["unrouted"]).await.ok().stdout;
    for expected in ["3 of 5 messages since", "word:lost  2", "word:quiet  1; 1 match a route that is disabled"] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
    let none = bench.run(&["unrouted", "--since", "2999-01-01T00:00:00Z"]).await.ok().stdout;
    assert!(none.starts_with("0 of 0 messages"), "{none}");

    // Stored two hours ago, and nothing known of it since: that is an outcome that a script must see.
    let database = rusqlite::Connection::open(bench.path("state").join("state.db")).unwrap();
    let changed = database.execute_batch(
        "UPDATE messages SET stored_at = stored_at - 7200000000; DELETE FROM deliveries WHERE route = 'bury';",
    );
    changed.unwrap();
    drop(database);
    let missing = bench.run(&["audit"]).await;
    assert_eq!(missing.status.code(), Some(1), "{missing}");
    assert!(missing.stdout.contains("missing        1"), "{missing}");
    assert!(missing.stdout.contains("word:wrong  bury → dead"), "{missing}");
    // Out of sight.
    bench.run(&["audit", "--since", "1h"]).await.ok();
}
