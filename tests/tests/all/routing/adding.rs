//! `crossdock add endpoint`: a server says what it does, and the hub file grows by it.

use serde_json::{Value, json};

use crate::support::{Bench, Reply, Server, binary::repository_file, hub::Done};

const HUB: &str = "\
# The shop's hub.
hub: shop
sources:
  store: {url: \"${STORE_URL}\", push: {secret: token}} # ours
endpoints:
  # Books are kept.
  books: {url: \"http://127.0.0.1:1/books\"}

# Who gets what.
routes:
  - name: order-shipped # taken
    messages: ['*']
    to: books
  # More to come.
";

/// A server that describes itself so, and a hub file.
async fn described(description: Reply) -> (Bench, Server) {
    let server = Server::start(move |request| match request.path() {
        "/v1/endpoint.json" => description.clone(),
        _ => Reply::status(404),
    })
    .await;
    (Bench::empty().variable("STORE_URL", "http://127.0.0.1:1").variable("HOME", "a-folder-of-the-developer"), server)
}

async fn add(bench: &Bench, server: &Server, options: &[&str]) -> Done {
    let url = format!("{}/v1", server.url());
    let arguments: Vec<&str> = ["add", "endpoint", &url].into_iter().chain(options.iter().copied()).collect();
    bench.run_exactly(&arguments).await
}

fn example() -> Value {
    serde_json::from_str(&repository_file("infra/examples/endpoint.json")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_describes_itself_is_added() {
    let (bench, server) = described(Reply::json(200, &example())).await;
    let file = bench.path("hub.yaml");
    std::fs::write(&file, HUB.replace('\n', "\r\n")).unwrap();

    let shown = add(&bench, &server, &[]).await.ok();
    assert!(shown.stdout.contains("+  mailer: {url: "), "{shown}");
    assert!(shown.stderr.contains("Write this to hub.yaml? [y/N]"), "{shown}");
    assert!(shown.stderr.contains("nothing was written"), "nobody said yes: {shown}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), HUB.replace('\n', "\r\n"));

    let done = add(&bench, &server, &["--yes"]).await.ok();
    assert!(done.stderr.contains("CROSSDOCK_SECRET_MAILER_API_KEY"), "{done}");
    assert!(done.stdout.starts_with("--- hub.yaml\n+++ hub.yaml\n@@ "), "{done}");
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written.matches("\r\n").count(), written.matches('\n').count(), "ends of lines");
    let old: Vec<&str> = HUB.lines().collect();
    let kept: Vec<&str> = written.lines().filter(|line| old.contains(line)).collect();
    assert_eq!(kept, old, "every line is there, in its order");
    for line in ["  - name: order-confirmation", "  - name: mailer-order-shipped", "    path: /order_shipped"] {
        assert!(written.lines().any(|found| found == line), "{line} is not in\n{written}");
    }
    bench.run_exactly(&["check", "hub.yaml"]).await.ok();

    // A second time its name is taken.
    let taken = add(&bench, &server, &["--yes"]).await;
    assert!(!taken.status.success() && taken.stderr.contains("has an endpoint mailer already"), "{taken}");
    add(&bench, &server, &["--yes", "--name", "other"]).await.ok();
    bench.run_exactly(&["check", "hub.yaml"]).await.ok();
    let left: Vec<String> = std::fs::read_dir(bench.path("."))
        .unwrap()
        .map(|one| one.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, ["hub.yaml"], "nothing is left beside it");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_that_is_not_sound() {
    let service = |service: Value| json!({"name": "new", "services": [service]});
    let unknown_key = service(json!({
        "name": "s", "messages": ["*"], "filters": [{"path": "keys.nowhere", "operator": "present"}],
    }));
    let wrong = json!({"name": "New", "services": [{"name": "s", "messages": ["order:new"], "retries": 3}]});
    for (reply, expected) in [
        (Reply::status(404), &["answered 404", "does not describe itself"][..]),
        (Reply::status(500), &["answered 500"]),
        (
            Reply::status(302).with("location", "http://169.254.169.254/"),
            &["answered 302", "redirects are not followed"],
        ),
        (Reply::text(200, "text/html", "<html>"), &["is not JSON, from line 1 column 1 on"]),
        (Reply::json(200, &wrong), &["2 faults", "name: expected", "services[0].retries: unknown key"]),
        (Reply::json(200, &unknown_key), &["would have faults", "no collection has the key", "+  new: {url: "]),
    ] {
        let (bench, server) = described(reply).await;
        std::fs::write(bench.path("hub.yaml"), HUB).unwrap();
        let refused = add(&bench, &server, &["--yes"]).await;
        assert_eq!(refused.status.code(), Some(1), "{refused}");
        for expected in expected {
            assert!(refused.stderr.contains(expected), "{expected:?} is not in {refused}");
        }
        assert_eq!(std::fs::read_to_string(bench.path("hub.yaml")).unwrap(), HUB);
    }
}

/// A description must not read the environment of whoever adds it, nor move the cursor of their terminal.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_description_says_is_data() {
    let trap = "${HOME} \u{1b}[2J\n  evil: {url: http://evil.test}";
    let description = json!({"name": "new", "description": trap, "services": [{
        "name": "s", "messages": ["*"], "description": trap, "parameters": [{"name": "home", "default": trap}],
    }]});
    let (bench, server) = described(Reply::json(200, &description)).await;
    std::fs::write(bench.path("hub.yaml"), HUB).unwrap();
    let done = add(&bench, &server, &["--yes"]).await.ok();
    for text in [&done.stdout, &done.stderr] {
        assert!(!text.contains("a-folder-of-the-developer") && !text.contains('\u{1b}'), "{done}");
    }
    let written = std::fs::read_to_string(bench.path("hub.yaml")).unwrap();
    assert!(written.contains(r#"home: "$${HOME} \u001b[2J\n  evil: {url: http://evil.test}""#), "{written}");
    assert_eq!(written.lines().filter(|line| line.trim_start().starts_with("evil")).count(), 0, "{written}");
    assert!(!std::fs::read_to_string(bench.path("hub.yaml")).unwrap().contains('\u{1b}'));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_in_the_address_is_refused_before_it_is_asked() {
    let (bench, server) = described(Reply::json(200, &example())).await;
    std::fs::write(bench.path("hub.yaml"), HUB).unwrap();
    let url = format!("{}/v1?api_key=s3cr3t", server.url());
    let refused = bench.run_exactly(&["add", "endpoint", &url, "--yes"]).await;
    assert!(
        !refused.status.success() && refused.stderr.contains("api_key in the address is a credential"),
        "{refused}"
    );
    assert!(!refused.stderr.contains("s3cr3t"), "{refused}");
    assert!(server.seen().is_empty());
}
