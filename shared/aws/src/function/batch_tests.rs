use crossdock_core::port::{Clock, Switch, Switches};
use serde_json::json;

use super::*;
use crate::function::testing::{Stage, Still, Weakness, answered, lasting};

/// The ids that are to come back.
async fn left(stage: &Stage, invocation: Invocation, event: Value) -> Vec<String> {
    let known: HashSet<String> = event["Records"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|record| Some(record["messageId"].as_str()?.to_owned()))
        .collect();
    let answer = handle(stage.work.clone(), invocation, event).await.unwrap();
    let left: Vec<String> = answer.batch_item_failures.into_iter().map(|left| left.item_identifier).collect();
    assert!(left.iter().all(|id| known.contains(id)), "{left:?} of {known:?}");
    left
}

fn names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("R{number}"))
}

#[tokio::test]
async fn what_is_delivered_is_not_reported_and_the_share_is_kept_to() {
    let stage = Stage::new().await;
    stage.emit(names(10)).await;
    assert_eq!(left(&stage, lasting(60), stage.batch().await).await, [""; 0]);
    assert_eq!(stage.seen().len(), 10);
    assert_eq!(stage.most_at_once(), 2, "half of the endpoint's four, and all of that");
}

#[tokio::test]
async fn a_failure_is_hidden_for_its_wait_and_reported_and_its_neighbours_are_not() {
    let stage = Stage::new().await;
    stage.emit(names(3)).await;
    stage.answers([answered(500)]);
    let event = stage.batch().await;
    assert_eq!(left(&stage, lasting(60), event).await.len(), 1);
    assert_eq!(stage.batch().await["Records"], json!([]), "not yet visible");
}

#[tokio::test]
async fn a_record_whose_task_panics_or_whose_visibility_cannot_be_set_is_reported() {
    for weakness in [Weakness::PanickingQueue, Weakness::RefusingQueue] {
        let stage = Stage::with(weakness).await;
        stage.emit(names(4)).await;
        stage.answers([answered(200), answered(500)]);
        let left = left(&stage, lasting(60), stage.batch().await).await;
        assert_eq!(left.len(), 1, "{weakness:?}: {left:?}");
        assert_eq!(stage.seen().len(), 4, "{weakness:?}: its neighbours were delivered");
    }
}

#[tokio::test]
async fn what_could_not_end_in_time_goes_back_at_once_unharmed() {
    let stage = Stage::new().await;
    stage.emit(names(3)).await;
    for _ in 0..12 {
        // 15 s of the endpoint, and 5 s to end in.
        stage.reads_its_batch_in(7);
        assert_eq!(left(&stage, lasting(26), stage.batch().await).await.len(), 3);
        assert_eq!(stage.seen(), [""; 0]);
    }
    stage.reads_its_batch_in(5);
    let event = stage.batch().await;
    assert_eq!(event["Records"].as_array().unwrap().len(), 3, "visible at once");
    assert_eq!(left(&stage, lasting(26), event).await, [""; 0]);
    assert_eq!(stage.seen().len(), 3);
}

#[tokio::test]
async fn a_suspect_comes_after_all_others_and_alone() {
    let stage = Stage::new().await;
    stage.emit(names(5)).await;
    let mut event = stage.batch().await;
    // The queue says that it was received often, and the ledger knows nothing of it.
    for place in [0, 2] {
        event["Records"][place]["attributes"]["ApproximateReceiveCount"] = "7".into();
    }
    let suspects: Vec<String> = [0, 2].map(|place| order(&event["Records"][place])).into();
    assert_eq!(left(&stage, lasting(60), event).await, [""; 0]);
    let seen = stage.seen();
    assert_eq!(seen.len(), 5);
    assert_eq!(seen[3..], suspects);
}

fn order(record: &Value) -> String {
    let body: Value = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
    body["message"]["keys"]["order_number"].as_str().unwrap().to_owned()
}

/// As long as SQS hides it: a minute at first.
#[tokio::test]
async fn of_a_hub_that_is_switched_off_everything_comes_back() {
    let stage = Stage::new().await;
    stage.emit(names(3)).await;
    let store = stage.work.home.database();
    store.switch(&Switch::Hub, Some(Still.now())).await.unwrap();
    let event = stage.batch().await;
    assert_eq!(left(&stage, lasting(60), event).await.len(), 3);
    assert_eq!(stage.seen(), [""; 0]);
    assert_eq!(stage.batch().await["Records"], json!([]), "hidden");
}

#[tokio::test]
async fn what_nobody_understands_is_never_deleted() {
    let stage = Stage::new().await;
    stage.emit(names(4)).await;
    let mut event = stage.batch().await;
    event["Records"][0]["eventSourceARN"] = "arn:aws:sqs:eu-west-1:123456789012:other-to-mail".into();
    event["Records"][1]["eventSourceARN"] = "arn:aws:sqs:eu-west-1:123456789012:shop-dead-mail".into();
    event["Records"][2]["attributes"] = json!({});
    assert_eq!(left(&stage, lasting(60), event).await, ["m0", "m1", "m2"]);
    assert_eq!(stage.seen().len(), 1);
}

/// The time is up before anything could be done: every record is reported, and the function answers all the same.
#[tokio::test]
async fn without_time_everything_comes_back() {
    let stage = Stage::new().await;
    stage.emit(names(2)).await;
    stage.reads_its_batch_in(60);
    assert_eq!(left(&stage, lasting(60), stage.batch().await).await.len(), 2);
    assert_eq!(stage.seen(), [""; 0]);
}

/// Else each batch would go back at once, and come at once, for ever.
#[tokio::test]
async fn a_function_that_never_has_the_time_says_so() {
    let stage = Stage::new().await;
    stage.emit(names(2)).await;
    let failure = handle(stage.work.clone(), lasting(18), stage.batch().await).await.unwrap_err();
    let expected = "nothing is sent to mail: the dispatcher runs for 18 s, and a timeout of 15s needs 25 s; raise \
                    DispatcherTimeout, with QueueVisibility, or shorten the endpoint's timeout";
    assert_eq!(failure, Failure::Trouble(expected.to_owned()));
    assert_eq!(stage.seen(), [""; 0]);
    assert_eq!(stage.batch().await["Records"], json!([]), "hidden for as long as the queue says");
}

#[test]
fn waits_are_whole_seconds_and_never_shorter() {
    let check =
        |millis, seconds| assert_eq!(whole_seconds(Duration::from_millis(millis)), Duration::from_secs(seconds));
    check(0, 0);
    check(1, 1);
    check(1_000, 1);
    check(1_001, 2);
}
