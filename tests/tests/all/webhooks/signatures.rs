//! Standard Webhooks, as its own libraries verify it.

use std::{path::PathBuf, process::Command};

use crossdock_core::event::EventName;
use serde_json::{Value, json};

use super::{BROKEN, ROUTES, Scenery, asked, at, tool};
use crate::support::{Request, binary::repository};

const NEW: &str = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3IQ==";
const OLD: &str = "whsec_b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkIQ==";
const OTHER: &str = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI=";

/// Programs that verify.
struct Libraries {
    python: PathBuf,
    node_modules: PathBuf,
}

impl Libraries {
    fn find() -> Option<Self> {
        let python = tool("webhooks/bin/python")?;
        let node_modules = tool("npm/node_modules/standardwebhooks")?.parent()?.to_owned();
        Some(Self { python, node_modules })
    }

    fn node(&self) -> Command {
        let mut node = Command::new("node");
        node.arg(script("verify.mjs")).arg(&self.node_modules);
        node
    }

    fn python(&self) -> Command {
        let mut python = Command::new(&self.python);
        python.arg(script("verify.py"));
        python
    }

    /// Each case with what both libraries are to say of it; what is verified with a public key only Node can.
    fn check(&self, cases: &[(String, Case, bool)]) {
        let lines = |of: &dyn Fn(&Case) -> bool| -> (Vec<&(String, Case, bool)>, Vec<Value>) {
            cases.iter().filter(|(_, case, _)| of(case)).map(|one| (one, one.1.line())).unzip()
        };
        let (of_python, given) = lines(&|case| !case.secret.starts_with("whpk_"));
        let python =
            asked(&mut self.python(), &given).into_iter().zip(of_python).map(|(said, one)| ("Python", said, one));
        let (of_node, given) = lines(&|_| true);
        let node = asked(&mut self.node(), &given).into_iter().zip(of_node).map(|(said, one)| ("Node", said, one));
        for (language, said, (what, case, good)) in python.chain(node) {
            assert_eq!(said == "good", *good, "{language}, {what}: {said}, {:?}", case.headers);
        }
    }
}

fn script(name: &str) -> PathBuf {
    repository().join("tests/tests/all/webhooks").join(name)
}

/// A delivery as it reaches a receiver.
#[derive(Debug, Clone)]
struct Case {
    secret: String,
    headers: Vec<(String, String)>,
    body: String,
    /// Seconds.
    ahead: i64,
}

impl Case {
    fn of(request: &Request, secret: &str) -> Self {
        Self {
            secret: secret.to_owned(),
            headers: request.headers.clone(),
            body: String::from_utf8(request.body.clone()).unwrap(),
            ahead: 0,
        }
    }

    fn line(&self) -> Value {
        let headers: serde_json::Map<String, Value> =
            self.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({"secret": self.secret, "headers": headers, "body": self.body, "ahead": self.ahead})
    }

    fn with_header(mut self, name: &str, change: impl Fn(&str) -> String) -> Self {
        let (_, value) = self.headers.iter_mut().find(|(known, _)| known == name).unwrap();
        *value = change(value);
        self
    }

    fn with_body(self, change: impl Fn(&str) -> String) -> Self {
        Self { body: change(&self.body), ..self }
    }

    fn later(self, seconds: i64) -> Self {
        Self { ahead: seconds, ..self }
    }
}

/// A delivery as it is, and in every way in which it must be refused.
fn tampered(what: &str, good: &Case) -> Vec<(String, Case, bool)> {
    let seconds = |by: i64| move |text: &str| (text.parse::<i64>().unwrap() + by).to_string();
    let shorter = |text: &str| {
        let mut end = text.len() - 1;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text[..end].to_owned()
    };
    let case = |name: &str, case: Case, good: bool| (format!("{what}: {name}"), case, good);
    vec![
        case("as it was sent", good.clone(), true),
        case("four minutes later", good.clone().later(240), true),
        case("replayed after six minutes", good.clone().later(360), false),
        case("six minutes before it was sent", good.clone().later(-360), false),
        case("another digit in the body", good.clone().with_body(|body| body.replace("199.9900", "199.9901")), false),
        case(
            "the same number in other digits",
            good.clone().with_body(|body| body.replace("199.9900", "199.99")),
            false,
        ),
        case("a blank more in the body", good.clone().with_body(|body| format!("{body} ")), false),
        case("a truncated body", good.clone().with_body(shorter), false),
        case("another id", good.clone().with_header("webhook-id", |id| format!("{id}.2")), false),
        case("another timestamp", good.clone().with_header("webhook-timestamp", seconds(1)), false),
        case(
            "a timestamp made newer for a replay",
            good.clone().with_header("webhook-timestamp", seconds(360)).later(360),
            false,
        ),
        case(
            "a truncated signature",
            good.clone().with_header("webhook-signature", |list| {
                list.split(' ').map(|one| one[..one.len() - 4].to_owned()).collect::<Vec<_>>().join(" ")
            }),
            false,
        ),
        case(
            "no signature that is known",
            good.clone().with_header("webhook-signature", |list| list.replace("v1", "v0")),
            false,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn official_libraries_verify_what_endpoints_get() {
    let Some(libraries) = Libraries::find() else { return };
    let scenery = Scenery::start([NEW, OLD]).await;
    let requests = scenery.push_order("R1").await;
    let mut cases = Vec::new();
    for route in ROUTES.iter().filter(|route| !["named", "broken"].contains(route)) {
        let secrets = scenery.secrets(route).await;
        assert_eq!(secrets.len(), if *route == "cloudevents" { 2 } else { 1 }, "{route}");
        for secret in secrets {
            cases.extend(tampered(route, &Case::of(at(&requests, route), &secret)));
        }
        if *route != "crossdock" {
            let others = scenery.secrets("crossdock").await;
            let case = Case::of(at(&requests, route), &others[0]);
            cases.push((format!("{route}: the secret of another endpoint"), case, false));
        }
    }
    for (what, secret, good) in [("new", NEW, true), ("old", OLD, true), ("other", OTHER, false)] {
        cases.push((format!("named: the {what} secret"), Case::of(at(&requests, "named"), secret), good));
    }
    // In pieces that fit into a pipe.
    for cases in cases.chunks(12) {
        libraries.check(cases);
    }

    // The one that cannot be signed is a dead letter that says why, and shows nothing.
    let dead = |event: &crossdock_core::event::HubEvent| event.event == EventName::DeliveryDeadLettered;
    let event = scenery.hub.event("the dead letter", dead).await;
    let why = "the secret broken-secret cannot sign: found neither whsec_ nor whsk_ at its beginning";
    assert!(event.reason.as_deref().unwrap_or_default().contains(why), "{event:?}");
    assert!(scenery.endpoint.seen_at("/broken").is_empty(), "nothing goes out unsigned");
    let story = scenery.hub.story();
    let signatures = requests.iter().filter_map(|request| request.header("webhook-signature"));
    let secrets = [BROKEN, NEW, OLD].into_iter().chain(signatures.flat_map(|list| list.split([' ', ','])));
    for secret in secrets.filter(|part| !part.starts_with("v1")) {
        assert!(!story.contains(secret), "{story}");
    }
    scenery.hub.stop().await;
}

/// The hub runs all the while, and no delivery is refused by a receiver that has either secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_rotates_without_a_refused_delivery() {
    let Some(libraries) = Libraries::find() else { return };
    let scenery = Scenery::start([NEW, OLD]).await;
    let case = |requests: &[Request], secret: &str| Case::of(at(requests, "crossdock"), secret);
    let (first, first_requests) = (scenery.secrets("crossdock").await.remove(0), scenery.push_order("R1").await);
    scenery.bench.run(&["secret", "rotate", "crossdock"]).await.ok();
    let (second, second_requests) = (scenery.secrets("crossdock").await.remove(0), scenery.push_order("R2").await);
    // The old secret became known to others.
    scenery.bench.run(&["secret", "rotate", "crossdock", "--overlap", "0s"]).await.ok();
    let (third, third_requests) = (scenery.secrets("crossdock").await.remove(0), scenery.push_order("R3").await);
    let mut cases = Vec::new();
    for (name, requests, expected) in [
        ("before", &first_requests, [true, false, false]),
        ("while both sign", &second_requests, [true, true, false]),
        ("after", &third_requests, [false, false, true]),
    ] {
        for ((number, secret), good) in [(1, &first), (2, &second), (3, &third)].into_iter().zip(expected) {
            cases.push((format!("{name}: generation {number}"), case(requests, secret), good));
        }
    }
    libraries.check(&cases);
    // What has either secret refuses what was tampered with while both sign.
    for secret in [&first, &second] {
        libraries.check(&tampered("while both sign", &case(&second_requests, secret)));
    }
    scenery.hub.stop().await;
}
