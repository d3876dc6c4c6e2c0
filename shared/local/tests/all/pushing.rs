use std::{sync::Arc, time::Duration};

use crossdock_core::{
    fault::Faults,
    ingest::{Ingest, IngestError, Receipt},
    publish::publish,
};
use serde_json::{Value, json};

use crate::stage::Stage;

async fn push(stage: &Stage, body: &Value, key: Option<&str>) -> Result<Receipt, IngestError> {
    let source = stage.hub.sources.values().next().unwrap();
    let ingest = Ingest::new(&*stage.home, &stage.hub, &stage.router);
    let (receipt, records) = ingest.push(source, body.to_string().as_bytes(), key.map(str::as_bytes)).await?;
    publish(&*stage.home, &stage.router, &records).await.unwrap();
    Ok(receipt)
}

#[tokio::test]
async fn objects_are_versioned_like_polled_ones() {
    let stage = Stage::new().await;
    stage.poll().await.unwrap();
    stage.put("R1", &json!({"state": "open"}));
    let order = stage.world.shop.lock().unwrap().orders["R1"].clone();
    let first = push(&stage, &json!({"orders": [order]}), None).await.unwrap();
    assert_eq!((first.accepted, first.message_ids.len()), (1, 1));
    let again = push(&stage, &json!({"orders": [order]}), None).await.unwrap();
    assert_eq!((again.accepted, again.message_ids.len()), (1, 0), "nothing changed");
    // The poll that sees it too finds nothing new.
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:new"]);
}

#[tokio::test]
async fn an_object_that_no_store_takes_is_named_by_its_index() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::without_room(&folder.path().join("hub.db")).await;
    let orders = json!([{"number": "R1"}, {"number": "R2", "note": "huge"}, {"number": "R3"}]);
    let receipt = push(&stage, &json!({ "orders": orders }), None).await.unwrap();
    assert_eq!((receipt.accepted, receipt.message_ids.len()), (2, 2));
    let [error] = &receipt.errors[..] else { panic!("{:?}", receipt.errors) };
    assert_eq!((error.collection.as_deref(), error.index), (Some("orders"), 1));
    assert!(error.error.starts_with("item 1: shop/orders/R2 cannot be stored: "), "{}", error.error);
}

#[tokio::test]
async fn a_message_that_no_store_takes_is_named_by_its_index() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::without_room(&folder.path().join("hub.db")).await;
    let message = |note: &str| json!({"message": "stock:count", "payload": {"note": note}});
    let body = json!([message("a"), {"message": 7}, message("huge"), message("b")]);
    let receipt = push(&stage, &body, None).await.unwrap();
    assert_eq!((receipt.accepted, receipt.message_ids.len()), (2, 2));
    assert_eq!(receipt.errors.iter().map(|error| error.index).collect::<Vec<_>>(), [1, 2]);
    let why = &receipt.errors[1].error;
    assert!(why.starts_with("cannot be stored: more than the store's file takes: "), "{why}");
}

/// Another push may have stored it a moment ago, and still wait for the disk.
#[tokio::test]
async fn what_is_known_is_accepted_when_it_is_durable() {
    let mut stage = Stage::new().await;
    let pushed = |state: &str| json!({"orders": [{"number": "R1", "state": state, "payments": [{"id": 1}]}]});
    push(&stage, &pushed("open"), None).await.unwrap();
    stage.restart(Faults::planned(
        "fail@before:versions.flush#every:1".parse().unwrap(),
        Arc::new(|_| Box::pin(async {})),
    ));
    assert!(matches!(push(&stage, &pushed("open"), None).await, Err(IngestError::Port(_))));
    // What is written is flushed with all that came before it.
    push(&stage, &pushed("paid"), None).await.unwrap();
    stage.restart(Faults::default());
    let again = push(&stage, &pushed("paid"), None).await.unwrap();
    assert_eq!((again.accepted, again.message_ids.len()), (1, 0));
}

#[tokio::test]
async fn a_push_may_be_the_first_contact() {
    let stage = Stage::new().await;
    stage.put("R1", &json!({"created_at": "2020-01-01T00:00:00Z"}));
    stage.clock.advance(Duration::from_secs(5));
    let old = stage.world.shop.lock().unwrap().orders["R1"].clone();
    let receipt = push(&stage, &json!({"orders": [old, {"number": "R2"}]}), None).await.unwrap();
    assert_eq!(receipt.accepted, 2);
    stage.settle().await;
    let seen: Vec<Value> = stage.seen().iter().map(|seen| seen.body["object"]["id"].clone()).collect();
    assert_eq!(seen, [json!("R2")], "what was made long ago is no news");
}

#[tokio::test]
async fn one_bad_item_harms_no_other() {
    let stage = Stage::new().await;
    let body = json!([{"message": "order:ping"}, {"message": "ping"}, 7, {"message": "order:pong", "payload": 1}]);
    let receipt = push(&stage, &body, None).await.unwrap();
    assert_eq!(receipt.accepted, 2);
    let errors: Vec<(usize, &str)> = receipt.errors.iter().map(|error| (error.index, error.error.as_str())).collect();
    assert_eq!(
        errors,
        [
            (
                1,
                "\"ping\" is not a message type: expected at least two lower-case words joined by ':', such as order:new"
            ),
            (2, "found a number, expected {\"message\", \"payload\"}"),
        ]
    );
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:ping", "order:pong"]);
}

/// JSON's grammar allows half a surrogate pair, and a name that stands twice; nobody else's item is the worse for it.
#[tokio::test]
async fn an_item_that_cannot_be_read_harms_no_other() {
    let stage = Stage::new().await;
    let source = stage.hub.sources.values().next().unwrap();
    let ingest = Ingest::new(&*stage.home, &stage.hub, &stage.router);
    let orders =
        r#"{"orders": [{"number": "R1"}, {"number": "R2", "note": "\ud800"}, {"number": "R3", "number": "R4"}]}"#;
    let (receipt, _) = ingest.push(source, orders.as_bytes(), Some(b"k")).await.unwrap();
    assert_eq!((receipt.accepted, &receipt.statuses["orders"][..]), (1, &[202, 400, 400][..]));
    let errors: Vec<(usize, &str)> = receipt.errors.iter().map(|error| (error.index, error.error.as_str())).collect();
    assert_eq!(
        errors,
        [
            (1, "item 1: not JSON: unexpected end of hex escape at line 1 column 33"),
            (2, "item 2: the name \"number\" stands twice in one object at line 1 column 32"),
        ]
    );
    let messages = r#"[{"message": "order:ping", "payload": "\ud800"}, {"message": "order:pong"}]"#;
    let (receipt, _) = ingest.push(source, messages.as_bytes(), None).await.unwrap();
    assert_eq!((receipt.accepted, &receipt.statuses["messages"][..]), (1, &[400, 202][..]));
    for whole in [r#"{"message": "order:ping", "payload": "\ud800"}"#, r#"{"orders": [], "orders": []}"#, "[{}, "] {
        let refused = ingest.push(source, whole.as_bytes(), None).await;
        assert!(matches!(refused, Err(IngestError::Bad(_))), "{whole}: {refused:?}");
    }
}

#[tokio::test]
async fn an_idempotency_key_makes_a_push_one_push() {
    let stage = Stage::new().await;
    let body = json!({"message": "order:ping"});
    let first = push(&stage, &body, Some("k1")).await.unwrap();
    let again = push(&stage, &body, Some("k1")).await.unwrap();
    assert_eq!(first, again);
    let other = push(&stage, &body, Some("k2")).await.unwrap();
    let without = push(&stage, &body, None).await.unwrap();
    assert_ne!(first.message_ids, other.message_ids);
    assert_ne!(without.message_ids, push(&stage, &body, None).await.unwrap().message_ids);
    stage.settle().await;
    assert_eq!(stage.arrived().len(), 4);
}

#[tokio::test]
async fn what_cannot_be_taken_says_what_could() {
    let stage = Stage::new().await;
    for (body, expected) in [
        (json!(7), "found a number, expected {\"message\", \"payload\"}, a list of them, {\"orders\": […]}"),
        (json!({}), "found nothing, expected {\"message\", \"payload\"}, a list of them, {\"orders\": […]}"),
        (
            json!({"order": []}),
            "found \"order\", expected {\"message\", \"payload\"}, a list of them, {\"orders\": […]}",
        ),
        (json!({"orders": {}}), "orders: found an object, expected a list"),
    ] {
        assert_eq!(push(&stage, &body, None).await.unwrap_err().to_string(), expected);
    }
}

#[tokio::test]
async fn a_push_with_a_bad_item_is_mended_under_its_key() {
    let stage = Stage::new().await;
    let bad = json!({"orders": [{"number": "R1"}, {"no": "R2"}]});
    assert_eq!(push(&stage, &bad, Some("k")).await.unwrap().statuses["orders"], [202, 400]);
    let mended = json!({"orders": [{"number": "R1"}, {"number": "R2"}]});
    assert_eq!(push(&stage, &mended, Some("k")).await.unwrap().message_ids.len(), 1);
    let again = push(&stage, &mended, Some("k")).await.unwrap();
    assert_eq!((again.accepted, again.message_ids.len(), &again.statuses["orders"][..]), (2, 0, &[202, 202][..]));
}
