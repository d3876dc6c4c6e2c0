use crossdock_core::{
    event::EventName,
    port::{Switch, Switches, VersionStore},
};
use crossdock_testkit::{build, suite};
use serde_json::json;

use super::*;
use crate::function::testing::{Stage, lasting};

const QUEUED: &str = "arn:aws:sqs:eu-west-1:123456789012:ct";
const WORDS: &str = "arn:aws:sqs:eu-west-1:123456789012:words";
const PARTNER: &str = "arn:aws:sqs:eu-west-1:123456789012:shop-from-partner";

fn batch(records: &[(&str, &str, Value)]) -> Value {
    let record = |(id, arn, body): &(&str, &str, Value)| {
        json!({
            "messageId": id, "receiptHandle": "r", "body": body.as_str().map_or_else(|| body.to_string(), str::to_owned),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795255200000"},
            "eventSourceARN": arn,
        })
    };
    json!({"Records": records.iter().map(record).collect::<Vec<_>>()})
}

fn created(id: &str) -> Value {
    let order = json!({"id": id, "version": 1, "number": id});
    json!({
        "notificationType": "Message", "projectKey": "p", "id": format!("message-{id}"), "type": "OrderCreated",
        "resource": {"typeId": "order", "id": id}, "resourceVersion": 1, "order": order,
    })
}

fn updated(id: &str) -> Value {
    json!({
        "notificationType": "ResourceUpdated", "projectKey": "p", "resource": {"typeId": "order", "id": id}, "version": 2,
    })
}

async fn left(stage: &Stage, records: &[(&str, &str, Value)]) -> Vec<String> {
    let answer = handle(stage.work.clone(), lasting(60), batch(records)).await.unwrap();
    answer.batch_item_failures.into_iter().map(|left| left.item_identifier).collect()
}

async fn delivered(stage: &Stage) -> Vec<String> {
    let batch = stage.batch().await;
    let bodies = batch["Records"].as_array().unwrap().iter().map(|record| record["body"].as_str().unwrap().to_owned());
    bodies.collect()
}

#[tokio::test]
async fn what_is_taken_in_is_stored_and_on_its_way_when_it_is_answered() {
    let stage = Stage::new().await;
    let through_bus = json!({
        "id": "e1", "detail-type": "OrderCreated", "source": "aws.partner/commercetools.com/p/s", "detail": created("R2"),
    });
    let words = json!({"text": "fjäll"});
    let records = [
        ("m1", QUEUED, created("R1")),
        ("m2", PARTNER, through_bus),
        ("m3", WORDS, words.clone()),
        ("m4", QUEUED, updated("R3")),
        ("m5", WORDS, json!("eyJ0ZXh0IjogIkJhc2U2NCJ9")),
    ];
    assert_eq!(left(&stage, &records).await, [""; 0]);
    let store = stage.work.home.database();
    assert_eq!(suite::pending(store, build::at(60)).await.unwrap(), [], "nothing is left to publish");
    let bodies = delivered(&stage).await;
    // The orders are a baseline or news by their collection's rules; words are messages.
    assert_eq!(bodies.iter().filter(|body| body.contains("word:said")).count(), 2, "{bodies:?}");
    let key = |id: &str| crossdock_core::id::ObjectKey {
        collection: stage.work.hub.sources["my-store"].collections[0].key.clone(),
        id: id.to_owned(),
    };
    let heads = store.heads(&[key("R1"), key("R2")]).await.unwrap();
    assert!(heads.iter().all(|head| matches!(head, Ok(Some(_)))), "{heads:?}");
    // SQS hands over at least once: all of it is known, what has no id of its own by that of its message.
    assert_eq!(left(&stage, &records).await, [""; 0]);
    assert_eq!(delivered(&stage).await, [""; 0]);
    assert_eq!(left(&stage, &[("m6", WORDS, words)]).await, [""; 0]);
    assert_eq!(delivered(&stage).await.len(), 1, "the same words in another message are said again");
}

#[tokio::test]
async fn what_cannot_be_read_goes_back_and_is_told() {
    let stage = Stage::new().await;
    let records = [
        ("bad-json", QUEUED, json!("{")),
        ("no-base64", QUEUED, json!("what?")),
        ("good", QUEUED, created("R1")),
        ("no-resource", QUEUED, json!({"notificationType": "ResourceUpdated", "projectKey": "p"})),
        ("nobody's", "arn:aws:sqs:eu-west-1:123456789012:other", created("R2")),
        ("over-http", "arn:aws:sqs:eu-west-1:123456789012:shop-from-queued", created("R2")),
    ];
    assert_eq!(left(&stage, &records).await, ["bad-json", "no-base64", "no-resource", "nobody's", "over-http"]);
    let unread = stage.events().into_iter().filter(|event| event.event == EventName::WebhookUnread);
    let reasons: Vec<String> = unread.map(|event| event.reason.unwrap()).collect();
    assert_eq!(
        reasons,
        [
            "not JSON: EOF while parsing an object at line 1 column 1",
            "found text that is neither JSON nor Base64, expected one of them",
            "resource.typeId: found nothing, expected text",
        ]
    );
}

/// The good ones are stored at once, and known when the record comes back with the bad one.
#[tokio::test]
async fn what_is_bad_in_a_list_goes_back_without_its_neighbours() {
    let stage = Stage::new().await;
    let list = r#"[{"text": "one"}, {"text": "\ud800"}, {"text": "three"}]"#;
    for times in [2, 0] {
        assert_eq!(
            left(&stage, &[("list", WORDS, json!(list)), ("good", WORDS, json!({"text": "four"}))]).await,
            ["list"]
        );
        let bodies = delivered(&stage).await;
        assert_eq!(bodies.iter().filter(|body| !body.contains("four")).count(), times, "{bodies:?}");
    }
    let unread = stage.events().into_iter().filter(|event| event.event == EventName::WebhookUnread);
    let reasons: Vec<String> = unread.map(|event| event.reason.unwrap()).collect();
    assert_eq!(reasons, ["event 1: not JSON: unexpected end of hex escape at line 1 column 17"; 2]);
}

/// The test notification of a new subscription.
#[tokio::test]
async fn a_test_is_taken_and_nothing_is_stored() {
    let stage = Stage::new().await;
    let test = json!({
        "notificationType": "ResourceCreated", "projectKey": "p", "resource": {"typeId": "subscription", "id": "s"},
        "version": 1,
    });
    assert_eq!(left(&stage, &[("m1", QUEUED, test)]).await, [""; 0]);
    assert_eq!(delivered(&stage).await, [""; 0]);
}

#[tokio::test]
async fn what_is_switched_off_leaves_its_events_in_the_queue() {
    let stage = Stage::new().await;
    let store = stage.work.home.database();
    let records = [("m1", WORDS, json!({"text": "later"})), ("m2", QUEUED, created("R1"))];
    store.switch(&Switch::Webhook("words".parse().unwrap()), Some(build::at(0))).await.unwrap();
    assert_eq!(left(&stage, &records).await, ["m1"]);
    store.switch(&Switch::Hub, Some(build::at(0))).await.unwrap();
    assert_eq!(left(&stage, &records).await, ["m1", "m2"]);
    store.switch(&Switch::Webhook("words".parse().unwrap()), None).await.unwrap();
    store.switch(&Switch::Hub, None).await.unwrap();
    assert_eq!(left(&stage, &records).await, [""; 0]);
    let unread = stage.events().into_iter().filter(|event| event.event == EventName::WebhookUnread);
    assert_eq!(unread.count(), 0, "waiting is no fault");
}

/// Nothing is deleted that may not be stored.
#[tokio::test]
async fn without_time_everything_goes_back() {
    let stage = Stage::new().await;
    let answer = handle(stage.work.clone(), lasting(0), batch(&[("m1", QUEUED, created("R1"))])).await.unwrap();
    assert_eq!(json!(answer), json!({"batchItemFailures": [{"itemIdentifier": "m1"}]}));
}
