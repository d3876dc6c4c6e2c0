//! What is over is forgotten, what waits is not, and whoever asks is told which (contract §5, retention).

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::support::{Bench, Reply, Server, hub::database, show::object, until, wait::PATIENCE};

fn bench(server: &Server) -> Bench {
    Bench::new(&format!(
        r#"
hub: forgetful
retention: {{deliveries: 1s, dead_letters: 1s, versions: 1s}}
sources:
  shop:
    url: {url}
    push: {{secret: shop-token}}
    collections:
      stock: {{type: stock, request: {{path: /stock}}, id: sku, every: 1h, start: all}}
endpoints:
  all: {{url: {url}}}
routes:
  - {{name: everything, messages: ["stock:*"], to: all, path: /all}}
"#,
        url = server.url(),
    ))
    .secret("shop-token", "token")
}

/// What `crossdock gc` says of the versions, once that is what is expected.
async fn expired_versions(bench: &Bench, expected: u64) -> Value {
    let looking = async {
        loop {
            let said = bench.run(&["gc", "--json"]).await.ok().json();
            if said["expired"]["versions"]["count"] == expected {
                return said;
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("no version has expired")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_forgotten_and_what_waits_is_not() {
    let server = Server::start(|request| match request.path() {
        "/stock" => Reply::json(200, &json!([])),
        _ => Reply::status(200),
    })
    .await;
    let bench = bench(&server);
    bench.begin().await;
    // No hub runs: the versions are stored, their messages wait for one.
    for count in 1..=3 {
        let push = json!({"stock": [{"sku": "A1", "count": count}]}).to_string();
        std::fs::write(bench.path("push.json"), push).unwrap();
        bench.run(&["send", "push.json", "--source", "shop"]).await.ok();
    }
    let shown = expired_versions(&bench, 2).await;
    assert_eq!(shown["removed"], false);
    assert_eq!(object(&bench, "A1").await["versions"].as_array().map(Vec::len), Some(3), "looking removes nothing");
    let removed = bench.run(&["gc", "--apply", "--json"]).await.ok().json();
    assert_eq!(removed["expired"]["versions"], shown["expired"]["versions"]);
    assert_eq!(removed["expired"]["messages"]["count"], 0, "{removed}");

    let known = object(&bench, "A1").await;
    assert_eq!((&known["expired_versions"], &known["versions"][0]["body"]["count"]), (&json!(2), &json!(3)), "{known}");
    let text = bench.run(&["show", "A1"]).await.ok().stdout;
    assert!(text.contains("  versions 1 to 2 have expired\n  version 3 stored "), "{text}");
    let ids: Vec<&str> =
        known["messages"].as_array().unwrap().iter().map(|message| message["message_id"].as_str().unwrap()).collect();
    let [first, _, last] = ids.as_slice() else { panic!("{known}") };
    for (id, expected) in [(first, "version 1, which has expired\n"), (last, "version 3\n")] {
        let text = bench.run(&["show", id]).await.ok().stdout;
        assert!(text.contains(expected), "{text}");
    }

    // A hub delivers what has waited, and forgets it then.
    let hub = bench.start().await;
    server.until("three deliveries", |_| (server.seen_at("/all").len() >= 3).then_some(())).await;
    let connection = Connection::open_with_flags(database(&bench), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let messages = || connection.query_row("SELECT COUNT(*) FROM messages", [], |row| row.get::<_, i64>(0)).unwrap();
    until("two messages to be forgotten", || (messages() == 1).then_some(()), || hub.story()).await;
    let (code, said) = {
        let gone = bench.run(&["show", first]).await;
        (gone.status.code(), gone.stderr)
    };
    assert_eq!(code, Some(1));
    assert!(said.contains("over for longer than `retention` in the hub file says"), "{said}");
    assert_eq!(object(&bench, "A1").await["versions"][0]["body"]["count"], 3, "the newest is never forgotten");
    hub.stop().await;
}
