use crossdock_core::port::{Collections, HttpError, JobName, Jobs, Mark, Outbox, SourceResponse, Switches};
use crossdock_testkit::build;
use serde_json::json;

use super::*;
use crate::function::testing::{Stage, lasting};

async fn polled(stage: &Stage, seconds: i64) -> Result<Done, Failure> {
    let event = json!({"task": "poll", "collection": "my-store/orders"});
    handle(stage.work.clone(), Arc::default(), lasting(seconds), event).await
}

fn page(body: &Value) -> SourceResponse {
    SourceResponse { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
}

#[tokio::test]
async fn a_poll_tells_what_it_came_to() {
    let stage = Stage::new().await;
    stage.source_answers(Ok(page(&json!([{"number": "R1"}, {"nameless": 1}]))));
    let expected = json!({"polled": {
        "collection": "my-store/orders", "busy": false, "cut_off": false, "pages": 1, "records": 2, "set_aside": 1,
        "stored": 1, "emitted": 0,
    }});
    assert_eq!(json!(polled(&stage, 60).await.unwrap()), expected);
}

#[tokio::test]
async fn a_source_that_fails_is_no_error_of_the_function_and_is_counted() {
    let stage = Stage::new().await;
    stage.source_answers(Err(HttpError::Refused("shop.test".to_owned())));
    let Done::Polled(polled) = polled(&stage, 60).await.unwrap() else { panic!("polled") };
    assert_eq!(polled.failed.as_deref(), Some("connection refused by shop.test"));
    let state = stage.work.home.database().state(&build::collection("my-store/orders")).await.unwrap().unwrap();
    assert_eq!(state.failures, 1);
}

/// The source never answers. Real time passes, little of it.
#[tokio::test]
async fn a_poll_ends_before_the_function_does_and_the_next_one_need_not_wait() {
    let stage = Stage::new().await;
    let Done::Polled(cut) = polled(&stage, 10).await.unwrap() else { panic!("polled") };
    assert!(cut.cut_off && cut.failed.is_none(), "{cut:?}");
    stage.source_answers(Ok(page(&json!([]))));
    let event = json!({"task": "poll", "collection": "my-store/orders"});
    let another = Invocation::new("r2", build::at(60));
    let Done::Polled(next) = handle(stage.work.clone(), Arc::default(), another, event).await.unwrap() else {
        panic!("polled")
    };
    assert!(!next.busy && !next.cut_off, "{next:?}");
}

#[tokio::test]
async fn a_collection_that_the_hub_has_not_is_an_error_of_the_function() {
    let stage = Stage::new().await;
    let event = json!({"task": "poll", "collection": "my-store/parcels"});
    let failure = handle(stage.work.clone(), Arc::default(), lasting(60), event).await.unwrap_err();
    assert_eq!(failure, Failure::Trouble("my-store/parcels: the hub has no collection my-store/parcels".to_owned()));
}

#[tokio::test]
async fn a_job_that_is_cut_off_is_gone_on_with() {
    let stage = Stage::new().await;
    let store = stage.work.home.database();
    assert_eq!(store.put(vec![build::record(build::message("m"))]).await, [Ok(true)]);
    let done = async |id: &str, task: &str| {
        let left = Invocation::new(id, build::at(60));
        handle(stage.work.clone(), Arc::default(), left, json!({ "task": task })).await
    };
    // What an earlier invocation that died would have left.
    let (now, later) = (build::at(0), build::at(30));
    let earlier = LeaseOwner("r0".to_owned());
    for job in JobName::ALL {
        assert!(store.begin(job, &earlier, now, later).await.unwrap().is_some());
    }
    assert_eq!(done("r1", "sweep").await, Ok(Done::Swept { messages: 0, missing: 0, expired: 0 }), "busy");
    for job in JobName::ALL {
        store.mark(job, &earlier, now, &Mark(None)).await.unwrap();
    }
    for (task, job) in [("publish", JobName::Publish), ("sweep", JobName::Sweep)] {
        assert!(done("r1", task).await.is_ok());
        let next = LeaseOwner("r2".to_owned());
        assert!(store.begin(job, &next, now, later).await.unwrap().is_some(), "{task} let go of its lease");
    }
}

#[tokio::test]
async fn of_a_hub_that_is_switched_off_nothing_is_done_unless_it_is_meant() {
    let stage = Stage::new().await;
    stage.work.home.database().switch(&Switch::Hub, Some(build::at(0))).await.unwrap();
    let done = async |event: Value| handle(stage.work.clone(), Arc::default(), lasting(60), event).await;
    let poll = json!({"task": "poll", "collection": "my-store/orders"});
    let backfill = json!({"task": "backfill", "collection": "my-store/orders", "from": "2026-01-01T00:00:00Z"});
    for event in [poll.clone(), backfill, json!({"task": "publish"}), json!({"task": "sweep"})] {
        assert_eq!(done(event).await, Ok(Done::Disabled));
    }
    stage.source_answers(Ok(page(&json!([{"number": "R1"}]))));
    let mut meant = poll.clone();
    meant["even_if_disabled"] = json!(true);
    let Ok(Done::Polled(polled)) = done(meant).await else { panic!("polled") };
    assert_eq!(polled.stored, 1);
    stage.work.home.database().switch(&Switch::Hub, None).await.unwrap();
    stage.source_answers(Ok(page(&json!([]))));
    assert!(matches!(done(poll).await, Ok(Done::Polled(_))));
}
