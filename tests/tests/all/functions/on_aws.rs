//! The cases that need the emulator; they are skipped where it is not installed, by the name of this module.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crossdock_core::hub;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::runtime::{Outcome, REQUEST_ID, invoke};
use crate::{
    aws::cloud::{Cloud, REGION},
    support::{
        Reply, Request, Server,
        binary::{repository, repository_file},
        setting,
    },
};

/// As the events name it.
const STACK: &str = "my-shop";
const TOKEN: &str = "push-token-of-the-example";
const ENDPOINTS: [&str; 6] = ["email", "accounting", "analytics", "fulfilment", "loyalty", "my-store"];
/// Not of the hub any more, and its queues are still there.
const GONE: &str = "nobody";
const ANY: &str = "<any>";

/// Every event, by its name.
pub(super) fn events() -> Vec<(String, PathBuf)> {
    let files = fs::read_dir(repository().join("events")).unwrap().map(|file| file.unwrap().path());
    let named = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
        (!name.ends_with(".expected")).then_some((name, path))
    };
    let mut events: Vec<_> = files.filter_map(named).collect();
    events.sort();
    assert!(events.len() > 20, "{events:?}");
    events
}

/// An account with what the template would put there, the sample hub, and the world around it.
struct Scenery {
    cloud: Cloud,
    world: Server,
    package: TempDir,
}

impl Scenery {
    async fn new() -> Self {
        let world = Server::start(answer).await;
        let cloud = Cloud::new();
        cloud.make_table(STACK).await;
        cloud.make_bus(STACK).await;
        for endpoint in ENDPOINTS {
            cloud.make_queue(&format!("{STACK}-to-{endpoint}")).await;
            cloud.make_queue(&format!("{STACK}-dead-{endpoint}")).await;
        }
        cloud.make_queue(&format!("{STACK}-dead-{GONE}")).await;
        cloud.put_secret("/my-shop/push-token", TOKEN).await;
        cloud.put_secret("/my-shop/store-token", "store-token").await;
        // As `render --package` makes it, which refuses what only a test allows: addresses of this machine.
        let lookup = |name: &str| {
            let name = name.strip_suffix("_URL")?.to_lowercase();
            Some(if name == "store" { world.url().to_owned() } else { format!("{}/{name}", world.url()) })
        };
        let compiled = hub::compile("hub.yaml", &repository_file("infra/hub.yaml"), &lookup).unwrap();
        let package = TempDir::new().unwrap();
        fs::write(package.path().join("hub.json"), compiled.text).unwrap();
        Self { cloud, world, package }
    }

    async fn invoke(&self, function: &str, event: &Value) -> Outcome {
        let (url, account) = (self.cloud.url(), self.cloud.account());
        let variables = [
            ("CROSSDOCK_STACK", STACK.to_owned()),
            ("CROSSDOCK_QUEUES", format!("{url}/{account}/")),
            ("CROSSDOCK_TEST_LOOPBACK", "1".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", account.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "any".to_owned()),
            ("AWS_ENDPOINT_URL", url.to_owned()),
            ("LAMBDA_TASK_ROOT", self.package.path().display().to_string()),
        ];
        let variables: BTreeMap<String, String> = variables.map(|(name, value)| (name.to_owned(), value)).into();
        let outcome = invoke(function, &variables, event).await;
        let said = format!("{:?}", outcome.lines);
        assert!(!said.contains(TOKEN) && !said.contains("R123123123@"), "{said}");
        outcome
    }

    /// What can be seen of an invocation from outside.
    async fn effects(&self, outcome: &Outcome) -> Value {
        let mut posted: Vec<String> =
            self.world.seen().iter().filter(|request| request.method == "POST").map(shown).collect();
        posted.sort();
        let mut dead_letters = BTreeMap::new();
        for endpoint in ENDPOINTS.into_iter().chain([GONE]) {
            let letters = self.cloud.peek(&format!("{STACK}-dead-{endpoint}")).await;
            let reason = |letter: &Value| letter["MessageAttributes"]["reason"]["StringValue"].clone();
            let reasons: Vec<Value> = letters.iter().map(reason).collect();
            if !reasons.is_empty() {
                dead_letters.insert(endpoint, reasons);
            }
        }
        let mut answer = outcome.body.clone();
        // The body of an answer to a push is JSON in a text, some of which nobody can know beforehand.
        if let Some(body) = answer.get_mut("body") {
            *body = serde_json::from_str(body.as_str().unwrap()).unwrap();
        }
        json!({ outcome.kind.as_str(): answer, "posted": posted, "dead_letters": dead_letters })
    }
}

fn shown(request: &Request) -> String {
    format!("{} {}", request.path(), request.webhook_id())
}

/// A store of two orders whose shipments are out of order, and endpoints of which one fails.
fn answer(request: &Request) -> Reply {
    match request.path() {
        "/api/orders" => {
            let order = |number: &str| json!({"number": number, "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"});
            Reply::json(200, &json!({"orders": [order("R1"), order("R2")], "pages": 1}))
        }
        "/api/shipments" => Reply::status(500),
        "/loyalty/points" => Reply::status(503),
        _ => Reply::status(200),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_answered_as_expected() {
    for (name, path) in events() {
        let function = name.split('-').next().unwrap();
        let scenery = Scenery::new().await;
        let outcome = scenery.invoke(function, &read(&path)).await;
        check(&name, &scenery.effects(&outcome).await, &outcome);
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(name: &str, found: &Value, outcome: &Outcome) {
    let path = repository().join(format!("events/{name}.expected.json"));
    let expected = if path.is_file() { read(&path) } else { Value::Null };
    let known = masked(&expected, found);
    if setting("UPDATE_EXPECT").is_some() {
        fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&known).unwrap())).unwrap();
        return;
    }
    assert_eq!(expected, known, "{name} (UPDATE_EXPECT=1 writes it anew): {:#?}", outcome.lines);
}

/// What was found, with the places that nobody can know beforehand as they are expected.
fn masked(expected: &Value, found: &Value) -> Value {
    match (expected, found) {
        (Value::String(any), _) if any == ANY => expected.clone(),
        (Value::Object(expected), Value::Object(found)) => {
            let each = |(name, value): (&String, &Value)| {
                (name.clone(), masked(expected.get(name).unwrap_or(&Value::Null), value))
            };
            found.iter().map(each).collect::<serde_json::Map<_, _>>().into()
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            expected.iter().zip(found).map(|(expected, found)| masked(expected, found)).collect::<Vec<_>>().into()
        }
        _ => found.clone(),
    }
}

/// As large as no event in the repository should be.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_too_large_is_413() {
    let mut event = read(&repository().join("events/ingest-single.json"));
    event["body"] = format!("\"{}\"", "x".repeat(1024 * 1024)).into();
    let outcome = Scenery::new().await.invoke("ingest", &event).await;
    assert_eq!((outcome.kind.as_str(), &outcome.body["statusCode"]), ("response", &json!(413)), "{outcome:?}");
}

/// An identifier that is empty or of no record fails the whole batch on AWS.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_reported_is_of_the_batch() {
    let mut reported = 0;
    for (name, path) in events().into_iter().filter(|(name, _)| name.starts_with("dispatcher-")) {
        let Some(records) = read(&path)["Records"].as_array().cloned() else { continue };
        let ids: Vec<&Value> = records.iter().map(|record| &record["messageId"]).collect();
        let expected = read(&repository().join(format!("events/{name}.expected.json")));
        for left in expected["response"]["batchItemFailures"].as_array().unwrap() {
            assert!(ids.contains(&&left["itemIdentifier"]), "{name}");
            reported += 1;
        }
    }
    assert!(reported > 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_tell_whose_they_are_and_metrics_are_written_once() {
    let scenery = Scenery::new().await;
    let outcome = scenery.invoke("dispatcher", &read(&repository().join("events/dispatcher-batch.json"))).await;
    let delivered: Vec<_> = outcome.lines.iter().filter(|line| line["event"] == "delivery.succeeded").collect();
    assert_eq!(delivered.len(), 2, "{:#?}", outcome.lines);
    for line in delivered {
        for (field, expected) in
            [("request_id", REQUEST_ID), ("hub", "my-shop"), ("endpoint", "email"), ("level", "INFO")]
        {
            assert_eq!(line[field], expected, "{line}");
        }
        assert_eq!(line["trace_id"].as_str().unwrap().len(), 32, "{line}");
        assert!(line["xray"].as_str().unwrap().starts_with("Root=1-949b73ac-"), "the record's own: {line}");
        assert!(line["message_id"].is_string() && line["hub_hash"].is_string(), "{line}");
    }
    let metrics: Vec<_> = outcome.lines.iter().filter(|line| line.get("_aws").is_some()).collect();
    assert_eq!(metrics.len(), 1, "{:#?}", outcome.lines);
    assert_eq!((&metrics[0]["Deliveries"], &metrics[0]["endpoint"]), (&json!(2), &json!("email")));
}
