//! Thin events: what a push names by its id alone is fetched from its source.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crossdock_core::{
    event::EventName,
    fault::{FaultPlan, Faults},
    hub,
    ingest::{Ingest, Receipt},
    poll::{PollError, PollReport, Poller, Way, set_aside_unfetched},
    port::{Home, LeaseOwner, SourceResponse, Wants},
};
use serde_json::{Value, json};

use crate::stage::{HUB, Stage, ok_page};

const FETCH: &str = "every: 1s\n        fetch: {path: '/orders/{id}', item: order, rate: 1000}";

async fn stage() -> Stage {
    Stage::with_hub(&HUB.replace("every: 1s", FETCH)).await
}

async fn push(stage: &Stage, body: &Value) -> Receipt {
    let source = &stage.hub.sources["shop"];
    let ingest = Ingest::new(&*stage.home, &stage.hub, &stage.router);
    ingest.push(source, body.to_string().as_bytes(), None).await.unwrap().0
}

async fn fetch(stage: &Stage) -> Result<PollReport, PollError> {
    let owner = LeaseOwner("another".to_owned());
    Poller::new(&*stage.home, &stage.hub, &stage.router, owner).by(Way::Fetch).poll(&stage.orders()).await
}

fn answers(stage: &Stage, answers: impl IntoIterator<Item = SourceResponse>) {
    stage.world.shop.lock().unwrap().instead.extend(answers.into_iter().map(Ok));
}

fn order(number: &str, total: &str) -> SourceResponse {
    ok_page(&json!({"order": {
        "number": number, "total": total, "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z",
    }}))
}

fn status(status: u16) -> SourceResponse {
    SourceResponse { status, headers: Vec::new(), body: Vec::new() }
}

fn asked(stage: &Stage) -> Vec<String> {
    std::mem::take(&mut stage.world.shop.lock().unwrap().asked)
}

async fn wanted(stage: &Stage) -> usize {
    let far = "2026-12-31T00:00:00Z".parse().unwrap();
    stage.home.store().wanted(&stage.orders(), far, 100).await.unwrap().len()
}

#[tokio::test]
async fn a_named_object_is_fetched_and_compared() {
    let stage = stage().await;
    let receipt = push(&stage, &json!({"orders": [{"number": "R1"}, "R2/x", {"number": "R1"}]})).await;
    assert_eq!((receipt.accepted, receipt.message_ids.len(), receipt.errors.len()), (3, 0, 0));
    assert_eq!(asked(&stage), [""; 0], "nothing is asked while the pusher waits");

    answers(&stage, [order("R1", "1"), order("R2/x", "2")]);
    let report = fetch(&stage).await.unwrap();
    assert_eq!((report.records, report.stored, report.emitted), (2, 2, 2));
    assert_eq!(asked(&stage), ["http://shop.test/api/orders/R1", "http://shop.test/api/orders/R2%2Fx"]);
    assert_eq!(wanted(&stage).await, 0);
    assert_eq!(fetch(&stage).await.unwrap(), PollReport::default(), "nothing is left to do");

    // Unchanged is nothing, whatever names it.
    push(&stage, &json!({"orders": ["R1"]})).await;
    answers(&stage, [order("R1", "1")]);
    assert_eq!(fetch(&stage).await.unwrap().stored, 0);
    assert_eq!(stage.emitted(), ["order:new", "order:new"]);
}

/// It was taken out of the hub file: nobody would ever fetch them, and nobody would know.
#[tokio::test]
async fn what_nobody_fetches_any_more_is_set_aside_and_told() {
    let mut stage = stage().await;
    push(&stage, &json!({"orders": ["R1", "R2"]})).await;
    assert_eq!(set_aside_unfetched(&*stage.home, &stage.hub, &stage.router).await, Ok(0), "they are to be fetched");
    assert_eq!(wanted(&stage).await, 2);
    stage.hub = Arc::new(hub::load("hub.yaml", HUB, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub);
    // It is told, and the store fails before they are gone: the next time says nothing new.
    stage.restart(Faults::planned("fail@before:wants.fetched".parse().unwrap(), Arc::new(|_| Box::pin(async {}))));
    set_aside_unfetched(&*stage.home, &stage.hub, &stage.router).await.unwrap_err();
    assert_eq!(wanted(&stage).await, 2);
    stage.restart(Faults::default());
    assert_eq!(set_aside_unfetched(&*stage.home, &stage.hub, &stage.router).await, Ok(2));
    assert_eq!(wanted(&stage).await, 0);
    assert_eq!(set_aside_unfetched(&*stage.home, &stage.hub, &stage.router).await, Ok(0));
    assert_eq!(stage.emitted(), ["notification:error"]);
    let events = stage.world.events.lock().unwrap();
    let told = events.iter().rfind(|event| event.event == EventName::RecordSetAside).unwrap();
    assert_eq!((told.collection.as_deref(), told.count), (Some("orders"), Some(2)));
    assert_eq!(
        told.reason.as_deref(),
        Some(
            "shop/orders: 2 objects that were to be fetched: the hub file has no `fetch` for this collection any more: R1, R2"
        )
    );
}

/// For whoever looks: since when, and why not yet.
#[tokio::test]
async fn what_waits_says_why() {
    let stage = stage().await;
    let named_at = stage.home.clock().now();
    push(&stage, &json!({"orders": ["R1"]})).await;
    answers(&stage, [status(404)]);
    fetch(&stage).await.unwrap();
    let waiting = stage.home.store().waiting(&stage.orders(), 10).await.unwrap();
    let [waiting] = &waiting[..] else { panic!("{waiting:?}") };
    assert_eq!((waiting.since, waiting.wanted.refusals), (Some(named_at), 1));
    assert_eq!(waiting.reason.as_deref(), Some("the source answered 404"));
    assert!(waiting.due > named_at);
}

#[tokio::test]
async fn whole_objects_beside_named_ones_are_taken_as_they_are() {
    let stage = stage().await;
    let whole = json!({"number": "R1", "total": "1", "created_at": "2026-03-02T12:00:00Z"});
    let receipt = push(&stage, &json!({"orders": [whole, {"number": "R2"}, {"number": ""}]})).await;
    assert_eq!((receipt.accepted, receipt.message_ids.len(), receipt.errors.len()), (2, 1, 1));
    assert_eq!(wanted(&stage).await, 1);
}

/// An event may come before the source's own commit.
#[tokio::test]
async fn what_the_source_does_not_have_is_asked_for_again_and_then_set_aside() {
    for refused in [404, 410, 422] {
        let stage = stage().await;
        push(&stage, &json!({"orders": ["R1", "R2"]})).await;
        answers(&stage, [status(refused), order("R2", "2")]);
        let report = fetch(&stage).await.unwrap();
        assert_eq!((report.stored, report.set_aside.len()), (1, 0), "its neighbour goes on");
        for _ in 0..2 {
            assert_eq!(fetch(&stage).await.unwrap(), PollReport::default(), "it has to wait");
            stage.clock.advance(Duration::from_secs(150));
            answers(&stage, [status(refused)]);
            assert_eq!(fetch(&stage).await.unwrap().set_aside, []);
        }
        stage.clock.advance(Duration::from_secs(150));
        answers(&stage, [status(refused)]);
        let report = fetch(&stage).await.unwrap();
        assert_eq!(report.set_aside[0].to_string(), format!("R1: the source answered {refused}"));
        assert_eq!(wanted(&stage).await, 0);
    }
}

#[tokio::test]
async fn a_source_in_trouble_is_waited_for() {
    let stage = stage().await;
    push(&stage, &json!({"orders": ["R1"]})).await;
    for failure in [503, 401, 429] {
        answers(&stage, [status(failure)]);
        fetch(&stage).await.unwrap_err();
        stage.clock.advance(Duration::from_secs(10 * 3600));
    }
    assert_eq!(stage.emitted(), ["notification:error"], "three in a row");
    let text = stage.world.events.lock().unwrap().iter().filter_map(|event| event.reason.clone()).next().unwrap();
    assert_eq!(text, "the source answered 503");
    answers(&stage, [order("R1", "1")]);
    assert_eq!(fetch(&stage).await.unwrap().stored, 1);
    assert_eq!(stage.emitted(), ["notification:error", "order:new", "notification:info"]);
}

/// However long the source was in trouble: an object that it does not have yet is asked for again as often.
#[tokio::test]
async fn what_the_source_was_in_trouble_for_is_not_held_against_the_object() {
    let stage = stage().await;
    push(&stage, &json!({"orders": ["R1"]})).await;
    for _ in 0..5 {
        answers(&stage, [status(503)]);
        fetch(&stage).await.unwrap_err();
        stage.clock.advance(Duration::from_secs(10 * 3600));
    }
    for _ in 0..3 {
        answers(&stage, [status(404)]);
        assert_eq!(fetch(&stage).await.unwrap().set_aside, []);
        // Soon, however long the source was waited for.
        stage.clock.advance(Duration::from_secs(150));
    }
    answers(&stage, [order("R1", "1")]);
    assert_eq!(fetch(&stage).await.unwrap().stored, 1);
}

#[tokio::test]
async fn an_answer_with_another_object_is_set_aside() {
    for (answer, reason) in [
        (order("R2", "2"), "R1: the source answered with \"R2\""),
        (ok_page(&json!({"order": 7})), "R1: found a number, expected an object"),
    ] {
        let stage = stage().await;
        push(&stage, &json!({"orders": ["R1"]})).await;
        answers(&stage, [answer]);
        assert_eq!(fetch(&stage).await.unwrap().set_aside[0].to_string(), reason);
        assert_eq!(wanted(&stage).await, 0);
    }
}

#[tokio::test]
async fn without_fetch_an_id_alone_is_an_object() {
    let stage = Stage::new().await;
    let receipt = push(&stage, &json!({"orders": [{"number": "R1"}, "R2"]})).await;
    assert_eq!((receipt.accepted, receipt.errors.len()), (1, 1));
    let error = fetch(&stage).await.unwrap_err();
    assert_eq!(error.to_string(), "shop/orders has no thin events: the hub file has no `fetch` for it");
}

/// Whatever call fails, before or after its effect: the object is fetched in the end, and told of once.
#[tokio::test]
async fn a_failed_call_loses_no_named_object() {
    let sleep = || Arc::new(|_| Box::pin(async {}) as _);
    for point in 1.. {
        let plan: FaultPlan = format!("fail@{point}").parse().unwrap();
        let faults = Faults::planned(plan, sleep());
        let mut stage = stage().await;
        push(&stage, &json!({"orders": ["R1"]})).await;
        stage.restart(faults.clone());
        answers(&stage, [order("R1", "1")]);
        let first = fetch(&stage).await;
        let passed = faults.passed();
        stage.restart(Faults::default());
        stage.world.shop.lock().unwrap().instead.clear();
        stage.clock.advance(Duration::from_secs(10 * 3600));
        answers(&stage, [order("R1", "1")]);
        fetch(&stage).await.unwrap();
        stage.world.shop.lock().unwrap().instead.clear();
        stage.settle().await;
        assert_eq!(wanted(&stage).await, 0);
        let told: BTreeSet<String> =
            stage.seen().into_iter().filter(|seen| seen.message() == "order:new").map(|seen| seen.webhook_id).collect();
        assert_eq!(told.len(), 1, "point {point}");
        if passed < point {
            assert!(first.is_ok() && point > 20, "every call was failed once: {point}");
            return;
        }
    }
}
