//! The commands that look into a stack and act on it, run as its operator runs them: `--on aws:STACK`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::operated::{Operated, operator, refused, stranger};
use crate::{
    aws::cloud::{Cloud, until},
    support::{binary::repository_file, server::Refusing},
};

const ORDERS: &str = "my-store/orders";
/// Which no hub here has.
const OTHER_MESSAGE: &str = "00000000-0000-7000-8000-000000000000";

#[track_caller]
fn contains(text: &str, expected: &[&str]) {
    for expected in expected {
        assert!(text.contains(expected), "{expected:?} is missing in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_is_polled_shown_and_redriven() {
    let operated = Operated::new("looked-into").await;
    let Operated { hub, shop, endpoints, .. } = &operated;

    // Looking without storing asks the shop from here, so what the hub file leaves open has to be said.
    let dry = ["poll", ORDERS, "--dry-run", "--on", "aws:looked-into"];
    contains(&refused(&operated.operator, &dry).await, &["infra/hub.yaml cannot be used", "STORE_URL"]);
    let here = operator(hub.cloud.url(), hub.cloud.account());
    let here = here.variable("STORE_URL", shop.url()).variable("ENDPOINTS_URL", endpoints.url());
    let said = here.run_exactly(&dry).await.ok().stdout;
    contains(&said, &["1 for the silent baseline", "nothing was stored"]);
    assert!(hub.state().await.versions.is_empty());

    contains(&operated.says(&["poll", ORDERS]).await, &["1 records, 1 versions stored, 0 messages emitted"]);
    operated.accounting_answers(503);
    operated.sell("R2");
    contains(&operated.says(&["poll", ORDERS]).await, &["1 versions stored, 1 messages emitted"]);

    let letter = &operated.dead_letters(1).await[0];
    let word = |name: &str| letter[name].as_str().unwrap();
    assert_eq!((word("endpoint"), word("route"), word("object")), ("accounting", "book", "R2"), "{letter}");
    assert_eq!((&letter["status"], &letter["attempts"]), (&json!(503), &json!(2)), "{letter}");
    let message = word("message_id");

    let object = operated.json(&["show", "R2"]).await["objects"][0].clone();
    assert_eq!(object["versions"].as_array().map(Vec::len), Some(1), "{object}");
    assert_eq!(object["messages"][0]["message_id"], message, "{object}");
    contains(&operated.says(&["show", "my-store/orders/R2"]).await, &["my-store/orders/R2", "order:new", message]);
    contains(
        &operated.says(&["show", message]).await,
        &["order:new", "book → accounting: dead_lettered", "confirm → email: delivered"],
    );
    let only = operated.json(&["show", &format!("{message}/book")]).await;
    assert_eq!(only["deliveries"].as_array().map(Vec::len), Some(1), "{only}");
    assert_eq!(only["deliveries"][0]["attempts"].as_array().map(Vec::len), Some(2), "{only}");

    contains(&operated.says(&["dlq", "list"]).await, &[message, "order:new", "R2", "book → accounting", "503"]);
    contains(&operated.says(&["dlq", "redrive", "--dry-run"]).await, &["would send", message]);
    contains(&operated.says(&["dlq", "redrive", "accounting", OTHER_MESSAGE]).await, &["nothing to send"]);
    assert_eq!(operated.dead_letters(1).await.len(), 1, "looked at only");

    operated.accounting_answers(200);
    let attempts = endpoints.seen_at("/book").len();
    contains(&operated.says(&["dlq", "redrive", "accounting", message]).await, &["sent", message, "as round 2"]);
    endpoints.until("the second round", |_| (endpoints.seen_at("/book").len() > attempts).then_some(())).await;
    let delivered = async || {
        let deliveries = operated.deliveries(message).await;
        deliveries.contains(&("book".to_owned(), 2, "delivered".to_owned())).then_some(())
    };
    until("the second round in the ledger", delivered).await;
    contains(&operated.says(&["dlq", "list"]).await, &["no dead letters"]);
    let ids: Vec<String> = endpoints.seen_at("/book").iter().map(|one| one.webhook_id().to_owned()).collect();
    assert_ne!(ids.first(), ids.last(), "a round of its own");

    // One that its queue has forgotten comes from the table.
    operated.accounting_answers(503);
    operated.sell("R5");
    operated.says(&["poll", ORDERS]).await;
    let letter = operated.dead_letters(1).await.remove(0);
    let forgotten = letter["message_id"].as_str().unwrap();
    operated.hub.cloud.purge(&operated.hub.dead_letters("accounting")).await;
    contains(&operated.says(&["dlq", "redrive", "accounting", forgotten]).await, &["nothing to send"]);
    operated.accounting_answers(200);
    contains(
        &operated.says(&["dlq", "replay", forgotten]).await,
        &[
            "book → accounting  sent as round 2, from the store",
            "confirm → email  left alone: no dead letter, but delivered",
        ],
    );
    let again = format!("{forgotten}.2");
    let arrived = |_: &[_]| endpoints.seen_at("/book").iter().any(|one| one.webhook_id() == again).then_some(());
    endpoints.until("what came from the table", arrived).await;
    contains(&operated.refuses(&["dlq", "replay", OTHER_MESSAGE]).await, &["knows of no delivery", OTHER_MESSAGE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_paused_and_a_push_is_sent() {
    let operated = Operated::new("acted-on").await;
    let Operated { hub, endpoints, operator, .. } = &operated;
    operated.says(&["poll", ORDERS]).await;
    contains(&operated.says(&["endpoint", "list"]).await, &["accounting  0 waiting  0 in the DLQ", "email  0 waiting"]);
    contains(&operated.says(&["endpoint", "pause", "accounting"]).await, &["accounting is paused"]);
    contains(&operated.says(&["endpoint", "list"]).await, &["paused since", "paused by hand"]);

    operated.sell("R2");
    operated.says(&["poll", ORDERS]).await;
    endpoints.until("the confirmation", |_| endpoints.seen_at("/confirm").first().cloned()).await;
    let waits = async || operated.says(&["endpoint", "list"]).await.contains("accounting  1 waiting").then_some(());
    until("what has to wait", waits).await;
    contains(
        &operated.refuses(&["endpoint", "drained", "accounting"]).await,
        &["should not go yet: new messages go to it"],
    );
    contains(&operated.says(&["endpoint", "drained", "leaving"]).await, &["leaving is empty"]);
    assert!(endpoints.seen_at("/book").is_empty());
    contains(&operated.says(&["endpoint", "resume", "accounting"]).await, &["accounting goes on"]);
    assert!(!operated.says(&["endpoint", "list"]).await.contains("paused"));
    endpoints.until("what had to wait", |_| endpoints.seen_at("/book").first().cloned()).await;

    std::fs::write(operator.path("message.json"), json!({"orders": [order("R3")]}).to_string()).unwrap();
    let send = ["send", "message.json", "--source", "my-store"];
    contains(&operated.refuses(&send).await, &["/acted-on/push-token"]);
    hub.cloud.put_secret("/acted-on/push-token", "a-token-that-nobody-prints").await;
    let said = operated.says(&send).await;
    contains(&said, &["accepted: 1", "message "]);
    let message = said.lines().find_map(|line| line.strip_prefix("message ")).unwrap();
    let arrived = |_: &[_]| endpoints.seen_at("/confirm").iter().any(|one| one.webhook_id() == message).then_some(());
    endpoints.until("what was pushed", arrived).await;

    // Refused, each with why.
    std::fs::write(operator.path("message.json"), json!({"orders": [{"number": null}]}).to_string()).unwrap();
    contains(&operated.refuses(&send).await, &["the hub in acted-on answered 4"]);
    std::fs::write(operator.path("message.json"), json!({"parcels": []}).to_string()).unwrap();
    contains(&operated.refuses(&send).await, &["the hub in acted-on answered 4", "parcels"]);
    let quiet = ["send", "message.json", "--source", "quiet-store"];
    contains(&operated.refuses(&quiet).await, &["quiet-store takes no pushes"]);
    hub.cloud.put_secret("/acted-on/push-token", "another").await;
    std::fs::write(operator.path("message.json"), json!({"orders": [order("R4")]}).to_string()).unwrap();
    // The function still knows the one before.
    contains(&operated.refuses(&send).await, &["the hub in acted-on answered 401"]);
    for (function, line) in hub.lines().await {
        assert!(!line.to_string().contains("a-token-that-nobody-prints"), "{function} tells a secret: {line}");
    }

    // The hub here is not the hub there, or its source is away.
    contains(&operated.refuses(&["poll", "quiet-store/orders"]).await, &["quiet-store/orders cannot be polled", "404"]);
    contains(&operated.refuses(&["poll", "my-store/parcels"]).await, &["no collection", ORDERS]);
    contains(&operated.refuses(&["endpoint", "pause", "nobody"]).await, &["nobody", "accounting, email"]);
    contains(&operated.refuses(&["show", "R999"]).await, &["no object", "R999"]);
    let file = std::fs::read_to_string(operator.path("infra/hub.yaml")).unwrap();
    let newer =
        file.replace("  quiet-store:", "  new-store:").replace("  email:", "  mail:").replace("to: email", "to: mail");
    std::fs::write(operator.path("infra/hub.yaml"), newer).unwrap();
    contains(&operated.refuses(&["poll", "new-store/orders"]).await, &["acted-on-poller failed", "new-store/orders"]);
    contains(&operated.refuses(&["endpoint", "list"]).await, &["acted-on-to-mail"]);
}

/// What `infra/iam.md` lists for each command is what it needs.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_needs_what_is_written_of_each_command() {
    let operated = Operated::new("allowed").await;
    operated.hub.cloud.put_secret("/allowed/push-token", "a-token").await;
    operated.says(&["poll", ORDERS]).await;
    let document = repository_file("infra/iam.md");
    let (_, section) = document.split_once("## What somebody who operates needs").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("- `")?.split_once("`: "));
    let mut told: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (command, actions) in rows {
        let actions = actions.split('`').skip(1).step_by(2).map(str::to_owned);
        told.insert(command, actions.collect());
    }
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut called = async |command: &'static str, arguments: &[&str]| {
        // Two operations that IAM calls otherwise.
        let action = |call: String| match call.as_str() {
            "lambda:Invoke" => "lambda:InvokeFunction".to_owned(),
            "sqs:SendMessageBatch" => "sqs:SendMessage".to_owned(),
            _ => call,
        };
        let calls = operated.calls(arguments).await.into_iter().map(action);
        found.entry(command).or_default().extend(calls);
    };
    operated.accounting_answers(503);
    operated.sell("R2");
    operated.sell("R3");
    operated.says(&["poll", ORDERS]).await;
    let message = operated.dead_letters(2).await[0]["message_id"].as_str().unwrap().to_owned();
    called("show", &["show", "R2"]).await;
    called("show", &["show", "my-store/orders/R2"]).await;
    called("show", &["show", &message]).await;
    called("audit", &["audit"]).await;
    called("unrouted", &["unrouted"]).await;
    called("dlq list", &["dlq", "list"]).await;
    // What is not meant is given back.
    called("dlq redrive", &["dlq", "redrive", "accounting", OTHER_MESSAGE]).await;
    called("dlq replay", &["dlq", "replay", &message]).await;
    called("dlq redrive", &["dlq", "redrive"]).await;
    called("poll", &["poll", ORDERS]).await;
    called("poll --dry-run", &["poll", ORDERS, "--dry-run"]).await;
    called("send", &["send", "message.json", "--source", "my-store"]).await;
    called("endpoint list", &["endpoint", "list"]).await;
    called("endpoint drained", &["endpoint", "drained", "leaving"]).await;
    called("endpoint pause", &["endpoint", "pause", "email"]).await;
    called("endpoint resume", &["endpoint", "resume", "email"]).await;
    called("hub disable", &["hub", "disable"]).await;
    called("hub status", &["hub", "status"]).await;
    called("hub enable", &["hub", "enable"]).await;
    called("webhook list", &["webhook", "list"]).await;
    called("secret list", &["secret", "list"]).await;
    called("secret show", &["secret", "show", "email"]).await;
    called("secret rotate", &["secret", "rotate", "email"]).await;
    assert_eq!(told, found, "infra/iam.md (left), and what the commands called");
}

fn order(number: &str) -> Value {
    json!({"number": number, "created_at": "2999-01-01T00:00:00Z", "updated_at": "2999-01-01T00:00:00Z"})
}

/// Each fault as its operator meets it: a sentence that says what to do, before anything was asked where possible.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_between_an_operator_and_a_stack_is_said() {
    let cloud = Cloud::new();
    let list = ["endpoint", "list", "--on", "aws:nowhere"];
    let poll = ["poll", ORDERS, "--on", "aws:nowhere"];
    let here = operator(cloud.url(), cloud.account());
    for command in [&list[..], &poll[..]] {
        let said = refused(&here, command).await;
        contains(&said, &["no Crossdock stack nowhere in eu-west-1", "nowhere-poller", "AWS_REGION"]);
    }
    for name in ["my_shop", "-shop", &"s".repeat(35)] {
        let place = format!("aws:{name}");
        contains(&refused(&here, &["dlq", "list", "--on", &place]).await, &["cannot name a stack", "at most 34"]);
    }
    let file = here.path("infra/hub.yaml");
    let with_hub = ["--hub", file.to_str().unwrap()];
    let command: Vec<&str> = list.iter().chain(&with_hub).copied().collect();
    let nobody = stranger(cloud.url());
    contains(&refused(&nobody, &list).await, &["no infra/hub.yaml and no hub.yaml", "--hub"]);
    contains(&refused(&nobody, &command).await, &["no AWS region", "AWS_REGION", "AWS_PROFILE"]);
    let without_credentials = nobody.variable("AWS_REGION", "eu-west-1");
    contains(&refused(&without_credentials, &command).await, &["no AWS credentials", "aws sso login", "AWS_PROFILE"]);
    let unreachable = Refusing::new();
    let elsewhere = operator(&unreachable.url, cloud.account());
    contains(&refused(&elsewhere, &list).await, &["AWS Lambda in eu-west-1 cannot be asked", "onnect"]);
    let no_place = here.run_exactly(&["dlq", "list", "--on", "gcp:shop"]).await;
    assert_eq!(no_place.status.code(), Some(2), "{no_place}");
    contains(&no_place.stderr, &["expected local, or aws: and the name of a stack"]);
}
