//! What an endpoint gets, looked at by others' programs: signatures by the official libraries of Standard Webhooks (PyPI and
//! npm), bodies by a JSON Schema validator that is not ours.
//!
//! The hub delivers to a server of the test, which writes down every byte; those bytes are what is verified, as they are and
//! tampered with. A replay is the same delivery, verified with a clock that is ahead. And the other way round: what the
//! libraries of GitHub, Shopify, Stripe and Standard Webhooks sign is verified as a webhook that comes in.
//!
//! `./test` installs the libraries into `target/tools`. Where they are not the tests are skipped, except with `CI=true`.

mod bodies;
mod providers;
mod signatures;

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use crossdock_core::event::EventName;
use serde_json::{Value, json};

use crate::support::{Bench, Hub, Reply, Request, Server, binary::repository, client::call, say, setting};

/// `None`, and said so: the test is to be skipped.
fn tool(path: &str) -> Option<PathBuf> {
    let found = Some(repository().join("target/tools").join(path)).filter(|path| path.exists());
    if found.is_none() {
        let ours = setting("CI").as_deref() == Some("true");
        assert!(!ours, "there is no target/tools/{path}: run ./test");
        say(&format!("skipped: there is no target/tools/{path}; ./test installs it"));
    }
    found
}

/// A hub that hands what is pushed to one endpoint after the other.
struct Scenery {
    bench: Bench,
    hub: Hub,
    url: String,
    endpoint: Server,
}

const ROUTES: [&str; 6] = ["crossdock", "wombat", "cloudevents", "key", "named", "broken"];

/// Never to be seen in anything that the hub says.
const BROKEN: &str = "hunter2-hunter2-hunter2-hunter2";

impl Scenery {
    /// With the secrets that the endpoint `named` signs with.
    async fn start(named: [&str; 2]) -> Self {
        let endpoint = Server::start(|request| match request.method.as_str() {
            // The source's list.
            "GET" => Reply::json(200, &json!([])),
            _ => Reply::status(200),
        })
        .await;
        let url = endpoint.url();
        let routes: String = ROUTES
            .iter()
            .map(|name| {
                format!(
                    "  - {{name: {name}, messages: [\"*\"], to: {name}, path: /{name}, parameters: {{rate: 0.190}}}}\n"
                )
            })
            .collect();
        let bench = Bench::new(&format!(
            r#"
hub: signed
sources:
  shop:
    url: {url}
    push: {{secret: shop-token}}
    collections:
      orders: {{type: order, request: {{path: /orders}}, id: number, created: created_at, every: 1h}}
endpoints:
  crossdock: {{url: "{url}"}}
  wombat: {{url: "{url}", format: wombat}}
  cloudevents: {{url: "{url}", format: cloudevents, signing: {{scheme: both}}}}
  key: {{url: "{url}", signing: {{scheme: v1a}}}}
  named: {{url: "{url}", signing: {{secrets: [new-secret, old-secret]}}}}
  broken: {{url: "{url}", retries: none, signing: {{secrets: [broken-secret]}}}}
routes:
{routes}"#,
        ))
        .secret("shop-token", "push")
        .secret("new-secret", named[0])
        .secret("old-secret", named[1])
        .secret("broken-secret", BROKEN);
        let hub = bench.start().await;
        let url = hub.url().await;
        hub.event("the first poll", |event| event.event == EventName::PollFinished).await;
        Self { bench, hub, url, endpoint }
    }

    /// What the routes brought of it, by the message's id.
    async fn push(&self, body: &Value) -> Vec<Request> {
        let response = call("POST", format!("{}/push/shop", self.url)).bearer("push").json(body).send().await;
        assert_eq!(response.status, 202, "{response:?}");
        let id = response.json()["message_ids"][0].as_str().unwrap().to_owned();
        let of = |requests: &[Request]| -> Vec<Request> {
            requests.iter().filter(|request| request.webhook_id() == id).cloned().collect()
        };
        // All but the one that cannot be signed.
        self.endpoint.until("a delivery for each route", |seen| Some(of(seen)).filter(|of| of.len() == 5)).await
    }

    async fn push_order(&self, number: &str) -> Vec<Request> {
        // Digits that a double does not hold.
        let total: Value = serde_json::from_str("199.9900").unwrap();
        self.push(&json!({"orders": [{"number": number, "created_at": "2999-01-01T00:00:00Z", "total": total, "note": "Grüße, 東京 🚲"}]}))
            .await
    }

    /// What `crossdock secret show` prints.
    async fn secrets(&self, endpoint: &str) -> Vec<String> {
        let shown = self.bench.run(&["secret", "show", endpoint]).await.ok();
        shown.stdout.lines().map(str::to_owned).collect()
    }
}

fn at<'a>(requests: &'a [Request], route: &str) -> &'a Request {
    let path = format!("/{route}");
    requests.iter().find(|request| request.path() == path).unwrap_or_else(|| panic!("nothing at {path}"))
}

/// A program's answers, a line for each line that it was given.
fn asked(program: &mut Command, lines: &[Value]) -> Vec<String> {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    // Less than a pipe holds, so that nobody waits for anybody.
    assert!(text.len() < 60_000, "{} bytes", text.len());
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program:?}: {}", output.status);
    let answers: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), lines.len(), "{program:?}: {answers:?}");
    answers
}
