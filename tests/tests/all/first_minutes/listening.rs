//! `crossdock listen`: what arrives is shown, answered or passed on, and kept.

use serde_json::{Value, json};

use super::{greeted, listen};
use crate::support::{Bench, Reply, Server, client::call, server::Refusing, until};

fn updated() -> Value {
    json!({
        "message": "order:updated", "object": {"type": "order", "collection": "orders", "id": "R1", "version": 2},
        "payload": {"order": {"actual": {"total": "24.99"}}},
        "changes": [{"path": "/total", "old": "19.99", "new": "24.99"}],
        "parameters": [{"name": "list", "value": "news"}, {"name": "token", "value": "s3cr3t"}],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_is_shown_and_answered() {
    let bench = Bench::empty();
    let (mut listener, url) = listen(&bench, &["--status", "503"]).await;
    let answer = call("POST", format!("{url}/book?x=1")).json(&updated()).send().await;
    assert_eq!((answer.status, answer.body.as_str()), (503, ""));
    for other in ["GET", "PUT"] {
        assert_eq!(call(other, format!("{url}/book")).send().await.status, 405, "{other}");
    }
    let shown = || listener.lines().join("\n");
    until("the message", || shown().contains("payload").then_some(()), shown).await;
    for expected in [
        "order:updated R1  /book?x=1 → 503",
        "object   order of orders, version 2",
        "changed  /total: 19.99 → 24.99",
        "with     list = news",
        "with     token = (redacted)",
        "\"total\": \"24.99\"",
    ] {
        assert!(shown().contains(expected), "{expected:?} is not in\n{}", shown());
    }
    assert!(!shown().contains("s3cr3t"), "{}", shown());
    assert!(listener.interrupt().await.success());
}

/// What goes through is what was sent, and what comes back what was answered, but for what is about one connection.
#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_is_passed_on_and_recorded() {
    let service = Server::start(|request| match request.path() {
        "/api/book" => Reply::json(202, &json!({"parameters": {"token": "s3cr3t"}, "summary": "bøøked"}))
            .with("x-mine", "1")
            .with("set-cookie", "id=s3cr3t")
            .with("connection", "x-once")
            .with("x-once", "1"),
        _ => Reply::status(404),
    })
    .await;
    let bench = Bench::empty();
    let base = format!("{}/api", service.url());
    let (mut listener, url) = listen(&bench, &["--forward", &base, "--record", "kept", "--json"]).await;
    let sent = call("POST", format!("{url}/book?x=1"))
        .header("webhook-id", "5f0c")
        .header("x-hub-token", "s3cr3t")
        .header("connection", "close, x-hop")
        .header("x-hop", "1")
        .json(&updated());
    let answer = sent.send().await;
    assert_eq!((answer.status, &answer.json()["summary"]), (202, &json!("bøøked")));

    let [got] = &service.seen()[..] else { panic!("{:?}", service.seen()) };
    assert_eq!((got.method.as_str(), got.target.as_str()), ("POST", "/api/book?x=1"));
    assert_eq!(got.json(), updated());
    for (name, expected) in [
        ("webhook-id", Some("5f0c")),
        ("x-hub-token", Some("s3cr3t")),
        ("content-type", Some("application/json")),
        ("via", Some("1.1 crossdock-listen")),
        ("x-hop", None),
    ] {
        assert_eq!(got.header(name), expected, "{name}");
    }
    assert_eq!(got.header("host").map(|host| format!("http://{host}")).as_deref(), Some(service.url()));

    call("POST", format!("{url}/else")).body("so what").send().await;
    let two = || (listener.lines().len() == 2).then_some(());
    until("two lines", two, || listener.log()).await;
    let mut kept: Vec<_> = std::fs::read_dir(bench.path("kept")).unwrap().map(|file| file.unwrap().path()).collect();
    kept.sort();
    let texts: Vec<String> = kept.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let [first, second] = &texts[..] else { panic!("{kept:?}") };
    assert!(kept[0].to_str().unwrap().ends_with("-order-updated-5f0c.json"), "{kept:?}");
    assert!(!texts.concat().contains("s3cr3t") && !listener.lines().concat().contains("s3cr3t"), "{first}");
    let (first, second): (Value, Value) = (serde_json::from_str(first).unwrap(), serde_json::from_str(second).unwrap());
    assert_eq!(first["request"]["path"], "/book?x=1");
    assert_eq!(first["request"]["headers"]["x-hub-token"], "(redacted)");
    assert_eq!(first["request"]["body"]["changes"], updated()["changes"]);
    assert_eq!(first["answer"]["status"], 202);
    assert_eq!(first["answer"]["headers"]["x-mine"], "1");
    assert_eq!(first["answer"]["body"], json!({"parameters": {"token": "(redacted)"}, "summary": "bøøked"}));
    assert_eq!((&second["request"]["text"], &second["answer"]["status"]), (&json!("so what"), &json!(404)));
    let lines: Vec<Value> = listener.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [first, second]);
    assert!(listener.interrupt().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_is_a_502() {
    let refusing = Refusing::new();
    let bench = Bench::empty();
    let (listener, url) = listen(&bench, &["--forward", &refusing.url]).await;
    let answer = call("POST", &url).json(&updated()).send().await;
    assert_eq!(answer.status, 502);
    assert!(answer.body.contains("connection refused by 127.0.0.1"), "{answer:?}");
    let shown = || listener.lines().join("\n");
    until(
        "the failure",
        || shown().contains("→ 502, for there was no answer: connection refused").then_some(()),
        shown,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_says_where_and_what_for() {
    let port = Refusing::new().url;
    let bench = Bench::new(&format!(
        "hub: h\nendpoints: {{ear: {{url: \"{port}/in\"}}, far: {{url: \"https://far.example\"}}}}\n\
         routes:\n  - {{name: book, messages: [\"*\"], to: ear, path: /book}}\n  - {{name: far, messages: [\"*\"], to: far}}\n"
    ));
    let mut listener = bench.process(&["listen", "--route", "book"]);
    let url = until("listen to say where it is", || greeted(&listener), || listener.log()).await;
    assert_eq!(url, format!("{port}/in/book"));
    assert_eq!(call("POST", &url).json(&updated()).send().await.status, 200);
    assert_eq!(call("POST", format!("{port}/in/other")).json(&updated()).send().await.status, 404);
    until("the other path", || listener.log().contains("/in/other: answered 404").then_some(()), || listener.log())
        .await;
    assert!(listener.interrupt().await.success());
    assert_eq!(listener.lines().iter().filter(|line| line.contains("order:updated")).count(), 1);

    for (arguments, expected) in [
        (&["listen", "--route", "bok"][..], "the hub has no route \"bok\"; it has book, far"),
        (&["listen", "--route", "far"], "the route far goes to https://far.example/, which is not this machine"),
        (&["listen", "--hub", "hub.yaml"], "--route <ROUTE>"),
        (&["listen", "--status", "99"], "99 is not in 200..600"),
        (&["listen", "--address", "192.0.2.1:80"], "cannot listen on 192.0.2.1:80"),
    ] {
        let refused = bench.run_exactly(arguments).await;
        assert!(!refused.status.success() && refused.stderr.contains(expected), "{expected:?} is not in\n{refused}");
    }
}
