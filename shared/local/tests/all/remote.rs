//! A remote collection: read through an endpoint, and otherwise as any.

use std::{sync::Arc, time::Duration};

use crossdock_core::{
    fault::{FaultPlan, Faults},
    port::{Clock, Collections, Home, HttpError, Ledger, Paused},
};
use serde_json::{Value, json};

use crate::stage::{HUB, Stage, answer};

async fn stage() -> Stage {
    let (before, after) = HUB.split_once("        request: {path: /orders}").unwrap();
    let (_, after) = after.split_once("        created: created_at\n").unwrap();
    let (_, after) = after.split_once("        every: 1s\n").unwrap();
    let remote = "        remote: {endpoint: books, path: /poll, parameters: {since: 'first', key: {secret: books-key}}}\n        \
                  id: number\n        created: created_at\n        every: 1s\n";
    Stage::with_hub(&format!("{before}{remote}{after}")).await
}

fn order(number: &str, state: &str) -> Value {
    json!({"number": number, "state": state, "created_at": "2026-03-01T12:00:30Z"})
}

/// Path and parameters of the polls since the last time.
fn polls(stage: &Stage) -> Vec<(String, Value)> {
    let seen = std::mem::take(&mut stage.world.endpoint.lock().unwrap().seen);
    let asked = seen.into_iter().filter(|seen| seen.message() == "order:poll");
    asked.map(|seen| (seen.url.clone(), seen.body["parameters"].clone())).collect()
}

async fn bookmark(stage: &Stage) -> Option<String> {
    stage.home.store().state(&stage.orders()).await.unwrap().unwrap_or_default().bookmark
}

fn sent(since: &str) -> (String, Value) {
    let key = json!({"name": "key", "value": "token"});
    ("http://books.test/in/poll".to_owned(), json!([key, {"name": "since", "value": since}]))
}

#[tokio::test]
async fn an_endpoint_is_asked_and_its_answers_are_followed() {
    let stage = stage().await;
    stage.answers([
        answer(206, &json!({"orders": [order("R1", "open")], "parameters": {"since": "a"}})),
        answer(200, &json!({"orders": order("R2", "open"), "parameters": {"since": "b"}})),
    ]);
    let report = stage.poll().await.unwrap();
    assert_eq!((report.pages, report.records, report.stored), (2, 2, 2));
    assert_eq!(polls(&stage), [sent("first"), sent("a")]);
    assert_eq!(bookmark(&stage).await.as_deref(), Some(r#"{"since":"b"}"#), "the secret is no part of it");

    // From there on, and nothing is nothing.
    stage.clock.advance(Duration::from_secs(60));
    stage.answers([answer(200, &json!({"orders": [order("R1", "open"), order("R2", "paid")]}))]);
    let report = stage.poll().await.unwrap();
    assert_eq!((report.records, report.stored), (2, 1));
    assert_eq!(polls(&stage), [sent("b")]);
    stage.settle().await;
    assert_eq!(stage.emitted().last().map(String::as_str), Some("order:updated"));
}

#[tokio::test]
async fn a_failure_leaves_the_bookmark_alone_and_is_told_of() {
    let stage = stage().await;
    stage.answers([answer(200, &json!({"orders": [order("R1", "open")], "parameters": {"since": "a"}}))]);
    stage.poll().await.unwrap();
    for failure in [
        answer(500, &Value::Null),
        Err(HttpError::Timeout(Duration::from_secs(15))),
        answer(206, &json!({"orders": [order("R2", "open")], "parameters": {"since": "a"}})),
    ] {
        stage.clock.advance(Duration::from_secs(60));
        stage.answers([failure]);
        stage.poll().await.unwrap_err();
        assert_eq!(bookmark(&stage).await.as_deref(), Some(r#"{"since":"a"}"#));
    }
    assert_eq!(stage.emitted().last().map(String::as_str), Some("notification:error"), "three in a row");
    // An endpoint that has forgotten what its parameters meant is read from the beginning.
    stage.answers([answer(410, &Value::Null)]);
    stage.poll().await.unwrap_err();
    assert_eq!(bookmark(&stage).await, None);
}

#[tokio::test]
async fn a_paused_endpoint_is_not_asked() {
    let stage = stage().await;
    let paused = Paused { since: stage.clock.now(), reason: "by hand".to_owned() };
    stage.home.store().set_paused(&stage.endpoint(), Some(paused)).await.unwrap();
    let error = stage.poll().await.unwrap_err();
    assert_eq!(error.to_string(), "the endpoint books is paused: by hand");
    assert_eq!(polls(&stage), []);
}

/// Whatever call fails, before or after its effect: no object and no message is lost, and none is told of twice.
#[tokio::test]
async fn a_failed_call_loses_nothing() {
    let sleep = || Arc::new(|_| Box::pin(async {}) as _);
    for point in 1.. {
        let plan: FaultPlan = format!("fail@{point}").parse().unwrap();
        let faults = Faults::planned(plan, sleep());
        let mut stage = stage().await;
        stage.answers([answer(200, &json!({"parameters": {"since": "a"}}))]);
        stage.poll().await.unwrap();
        stage.clock.advance(Duration::from_secs(60));
        let pages = || {
            let told = json!([{"message": "stock:low", "payload": {"sku": 1}}]);
            [
                answer(206, &json!({"orders": [order("R1", "open")], "messages": told, "parameters": {"since": "b"}})),
                answer(200, &json!({"orders": [order("R2", "open")], "parameters": {"since": "c"}})),
            ]
        };
        stage.restart(faults.clone());
        stage.answers(pages());
        let first = stage.poll().await;
        let passed = faults.passed();
        stage.restart(Faults::default());
        stage.world.endpoint.lock().unwrap().answers.clear();
        // The endpoint answers by what it is asked for.
        let from = bookmark(&stage).await.unwrap();
        let pages = pages().into_iter().skip(match from.as_str() {
            r#"{"since":"a"}"# => 0,
            r#"{"since":"b"}"# => 1,
            _ => 2,
        });
        stage.answers(pages.chain([answer(200, &json!({"orders": []}))]));
        stage.poll().await.unwrap();
        stage.world.endpoint.lock().unwrap().answers.clear();
        stage.settle().await;
        let mut arrived: Vec<(String, String)> =
            stage.seen().into_iter().map(|seen| (seen.message().to_owned(), seen.webhook_id.clone())).collect();
        arrived.retain(|(message, _)| message != "order:poll" && !message.starts_with("notification"));
        arrived.sort();
        arrived.dedup();
        let types: Vec<&str> = arrived.iter().map(|(message, _)| message.as_str()).collect();
        assert_eq!(types, ["order:new", "order:new", "stock:low"], "point {point}");
        if passed < point {
            assert!(first.is_ok() && point > 10, "every call was failed once: {point}");
            return;
        }
    }
}
