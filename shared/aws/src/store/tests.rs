//! What the emulator does not do: batches that are answered in part, transactions that are cancelled for passing reasons,
//! answers that get lost.

use crossdock_core::{
    port::{CommitError, DeliveryState, Ledger, Outbox, PortError, Settled, VersionStore, whole},
    version::{Head, ObjectCommit, Order, Raise},
};
use crossdock_testkit::build::{
    commit, delivery, delivery_key, message, message_about, message_id, order, record, settlement, version,
};
use serde_json::{Value, json};

use super::fake::{
    Fake,
    Scripted::{Answer, Error, Lost},
    cancelled,
};

fn asked_keys(body: &Value) -> Vec<String> {
    let keys = body["RequestItems"]["my-shop"]["Keys"].as_array().unwrap();
    keys.iter().map(|key| key["pk"]["S"].as_str().unwrap().to_owned()).collect()
}

fn head(id: &str, number: u64) -> Value {
    json!({
        "pk": {"S": format!("o#my-store/orders/{id}")}, "sk": {"S": "head"},
        "version": {"N": number.to_string()}, "hash": {"B": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
    })
}

fn unprocessed(ids: &[&str]) -> Value {
    let key = |id: &&str| json!({"pk": {"S": format!("o#my-store/orders/{id}")}, "sk": {"S": "head"}});
    json!({"my-shop": {"Keys": ids.iter().map(key).collect::<Vec<_>>(), "ConsistentRead": true}})
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_left_are_asked_for_again() {
    let (store, fake) = Fake::store([
        Answer(json!({"Responses": {"my-shop": [head("R2", 2)]}, "UnprocessedKeys": unprocessed(&["R1", "R3"])})),
        Answer(json!({"Responses": {"my-shop": []}, "UnprocessedKeys": unprocessed(&["R1", "R3"])})),
        Answer(json!({"Responses": {"my-shop": [head("R1", 1)]}, "UnprocessedKeys": {}})),
    ]);
    let heads = store.heads(&[order("R1"), order("R2"), order("R3"), order("R2")]).await.and_then(whole).unwrap();
    let numbers: Vec<_> = heads.iter().map(|head| head.as_ref().map(|head| head.version)).collect();
    assert_eq!(numbers, [Some(1), Some(2), None, Some(2)]);
    let asked = fake.asked();
    assert_eq!(asked_keys(&asked[0].1).len(), 3, "each key once");
    assert_eq!(asked_keys(&asked[1].1), ["o#my-store/orders/R1", "o#my-store/orders/R3"]);
    assert!(asked.iter().all(|(_, body)| body["RequestItems"]["my-shop"]["ConsistentRead"] == true));
}

/// Nothing is taken for absent that was only not read.
#[tokio::test(start_paused = true)]
async fn keys_that_are_left_for_ever_are_an_error() {
    let left = || Answer(json!({"Responses": {}, "UnprocessedKeys": unprocessed(&["R1"])}));
    let (store, fake) = Fake::store((0..13).map(|_| left()));
    let error = store.heads(&[order("R1")]).await.and_then(whole).unwrap_err();
    assert_eq!(error, PortError::transient("dynamodb:BatchGetItem left 1 keys unprocessed"));
    fake.asked();
}

#[tokio::test(start_paused = true)]
async fn marks_that_were_left_are_deleted_again() {
    let ids: Vec<_> = (0..30).map(|n| message_id(&n.to_string())).collect();
    let left: Vec<Value> = ids[..2]
        .iter()
        .map(|id| json!({"DeleteRequest": {"Key": {"pk": {"S": "p#0"}, "sk": {"S": id.to_string()}}}}))
        .collect();
    let (store, fake) = Fake::store([
        Answer(json!({"UnprocessedItems": {"my-shop": left}})),
        Error("ProvisionedThroughputExceededException", json!({})),
        Answer(json!({"UnprocessedItems": {}})),
        Answer(json!({"UnprocessedItems": {}})),
    ]);
    store.published(&ids).await.unwrap();
    let mut counts: Vec<_> =
        fake.asked().iter().map(|(_, body)| body["RequestItems"]["my-shop"].as_array().unwrap().len()).collect();
    counts.sort_unstable();
    assert!(counts == [2, 5, 5, 25] || counts == [2, 2, 5, 25], "{counts:?}");
}

async fn commit_one(store: &super::DynamoStore, commit: ObjectCommit) -> Result<(), CommitError> {
    store.commit(vec![commit]).await.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_collides_is_tried_again_with_its_token() {
    let (store, fake) = Fake::store([
        cancelled(&["TransactionConflict", "None"]),
        cancelled(&["None", "ThrottlingError"]),
        Error("TransactionInProgressException", json!({})),
        Answer(json!({})),
    ]);
    assert_eq!(commit_one(&store, commit(&order("R1"), 1)).await, Ok(()));
    let asked = fake.asked();
    assert!(asked.iter().all(|(_, body)| body["ClientRequestToken"] == asked[0].1["ClientRequestToken"]));
    assert!(asked[0].1["ClientRequestToken"].as_str().unwrap().len() <= 36);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_commit_is_no_conflict() {
    let (store, fake) = Fake::store([Lost, Answer(json!({}))]);
    assert_eq!(commit_one(&store, commit(&order("R1"), 1)).await, Ok(()));
    let asked = fake.asked();
    assert_eq!(asked[0].1, asked[1].1, "the same transaction with the same token");
}

/// One small write, and whoever was faster is asked first.
#[tokio::test(start_paused = true)]
async fn a_head_is_raised_if_it_is_still_the_one() {
    let head = commit(&order("R1"), 2).version.head();
    let late = Head { last: 5, order: Some(Order::Number(7)), ..head.clone() };
    let raise = |expected: &Head| Raise { key: order("R1"), expected: expected.clone(), order: Order::Number(9) };
    let check = async |expected: &Head, answer, outcome: Result<(), CommitError>, values: Value, condition: &str| {
        let (store, fake) = Fake::store([answer]);
        assert_eq!(store.raise(vec![raise(expected)]).await, [outcome]);
        let asked = fake.asked();
        let (operation, body) = &asked[0];
        assert_eq!((operation.as_str(), &body["ExpressionAttributeValues"]), ("UpdateItem", &values));
        assert_eq!(body["ConditionExpression"], condition);
        assert_eq!(body["UpdateExpression"], "SET #order = :changed");
    };
    let old = json!({":version": {"N": "2"}, ":changed": {"S": "9"}});
    let known = json!({":version": {"N": "2"}, ":last": {"N": "5"}, ":order": {"S": "7"}, ":changed": {"S": "9"}});
    let unknown = "#version = :version AND attribute_not_exists(#last) AND attribute_not_exists(#order)";
    let whole = "#version = :version AND #last = :last AND #order = :order";
    check(&head, Answer(json!({})), Ok(()), old.clone(), unknown).await;
    check(&late, Answer(json!({})), Ok(()), known, whole).await;
    for faster in ["ConditionalCheckFailedException", "TransactionConflictException"] {
        check(&head, Error(faster, json!({})), Err(CommitError::Conflict), old.clone(), unknown).await;
    }
}

/// How a cancelled transaction is told.
#[tokio::test(start_paused = true)]
async fn why_a_commit_was_cancelled() {
    let permanent =
        |codes: &str| Err(CommitError::Impossible(format!("dynamodb:TransactWriteItems was cancelled: {codes}")));
    for (codes, expected) in [
        (vec!["ConditionalCheckFailed", "None"], Err(CommitError::Conflict)),
        (vec!["ConditionalCheckFailed", "TransactionConflict"], Err(CommitError::Conflict)),
        (vec!["None", "ValidationError"], permanent("ValidationError")),
        (vec!["TransactionConflict", "ValidationError"], permanent("TransactionConflict, ValidationError")),
        (
            vec!["AccessDenied", "None"],
            Err(CommitError::Port(PortError::transient("dynamodb:TransactWriteItems was cancelled: AccessDenied"))),
        ),
    ] {
        let (store, fake) = Fake::store([cancelled(&codes)]);
        assert_eq!(commit_one(&store, commit(&order("R1"), 1)).await, expected, "{codes:?}");
        fake.asked();
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_collides_for_ever_is_given_up() {
    let (store, fake) = Fake::store((0..13).map(|_| cancelled(&["TransactionConflict", "None"])));
    let answer = commit_one(&store, commit(&order("R1"), 1)).await;
    assert!(matches!(answer, Err(CommitError::Port(PortError { transient: true, .. }))), "{answer:?}");
    fake.asked();
}

/// A message that is there already is left out, in a transaction of its own token.
#[tokio::test(start_paused = true)]
async fn a_message_that_is_known_does_not_refuse_the_others() {
    let version = version(&order("R1"), 1, json!({"n": 1}));
    let messages = vec![record(message_about(&version)), record(message("other"))];
    let (store, fake) = Fake::store([
        cancelled(&["None", "None", "ConditionalCheckFailed", "None", "None", "None"]),
        Answer(json!({})),
    ]);
    assert_eq!(commit_one(&store, ObjectCommit { expected: None, version, messages }).await, Ok(()));
    let asked = fake.asked();
    let items = |place: usize| asked[place].1["TransactItems"].as_array().unwrap().clone();
    assert_eq!((items(0).len(), items(1).len()), (6, 4));
    assert_eq!(items(1)[2]["Put"]["Item"]["pk"]["S"], format!("m#{}", message_id("other")));
    assert_ne!(asked[0].1["ClientRequestToken"], asked[1].1["ClientRequestToken"]);
}

/// What is told of an error names the operation and the code; AWS's own words may quote an item.
#[tokio::test(start_paused = true)]
async fn errors_name_operation_and_code_only() {
    for (code, transient) in [
        ("ValidationException", false),
        ("SerializationException", false),
        ("ResourceNotFoundException", true),
        ("AccessDeniedException", true),
        ("SomethingNew", true),
    ] {
        let (store, fake) = Fake::store([Error(code, json!({"message": "the secret value 4711"}))]);
        let expected = PortError { what: format!("dynamodb:BatchGetItem: {code}"), transient };
        assert_eq!(store.heads(&[order("R1")]).await.and_then(whole), Err(expected));
        fake.asked();
    }
    let (store, fake) = Fake::store([Lost, Lost, Lost]);
    let error = store.heads(&[order("R1")]).await.and_then(whole).unwrap_err();
    assert!(error.transient && error.what.starts_with("dynamodb:BatchGetItem: "), "{error}");
    fake.asked();
}

/// The first try was recorded and its answer lost: the second one meets what the first has written.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_an_outcome_is_no_other_outcome() {
    let settled = delivery(delivery_key("m"), DeliveryState::Delivered);
    for (is_ours, expected) in
        [(true, Settled::Recorded { new: Vec::new() }), (false, Settled::AlreadyEnded(Box::new(settled.clone())))]
    {
        let (writing, noted) = Fake::store([Answer(json!({}))]);
        writing.settle(settlement(settled.clone())).await.unwrap();
        // The same store makes the same random writer.
        let mut written = noted.asked()[0].1["Item"].clone();
        if !is_ours {
            written["writer"] = json!({"B": "AAAAAAAAAAAAAAAAAAAAAA=="});
        }
        let (store, fake) = Fake::store([Lost, Error("ConditionalCheckFailedException", json!({ "Item": written }))]);
        assert_eq!(store.settle(settlement(settled.clone())).await, Ok(expected));
        assert!(fake.asked().iter().all(|(operation, _)| operation == "PutItem"));
    }
}
