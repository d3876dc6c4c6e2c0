//! The same small story, told again and again, each time with the next port call failing: whatever fails and whenever,
//! in the end every change has arrived, under one id each, and nothing twice in the store.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crossdock_core::{
    fault::{FaultPlan, Faults},
    id::{CollectionKey, ObjectKey},
    port::{Home, Outbox, VersionStore, whole},
};
use serde_json::{Value, json};

use crate::{
    lining_up::in_order,
    stage::{HUB, Stage, answer},
};

/// A baseline, then a new order with a payment, then a change, then a cancellation, with an endpoint that fails at
/// times and once answers with a follow-up. Returns how many fault points were passed.
async fn story(hub: &str, plan: Option<FaultPlan>) -> (Stage, u64) {
    let mut stage = Stage::with_hub(hub).await;
    let faults = plan.map_or_else(Faults::default, |plan| Faults::planned(plan, Arc::new(|_| Box::pin(async {}))));
    stage.restart(faults.clone());
    stage.put("R0", &json!({"state": "open", "payments": [{"id": 1, "state": "paid"}]}));
    stage.clock.advance(Duration::from_secs(60));
    poll(&stage).await;
    stage.clock.advance(Duration::from_secs(60));

    let booked = json!({"messages": [{"message": "order:booked"}]});
    stage.world.endpoint.lock().unwrap().habits.insert("order:new".to_owned(), booked);
    stage.answers([answer(500, &json!({}))]);
    stage.put("R1", &json!({"state": "open", "payments": [{"id": 1, "state": "pending"}]}));
    poll(&stage).await;
    stage.dispatch_once().await;
    stage.clock.advance(Duration::from_secs(30));
    stage.dispatch_once().await;
    stage.put("R1", &json!({"state": "paid"}));
    poll(&stage).await;
    stage.clock.advance(Duration::from_secs(30));
    stage.put("R0", &json!({"state": "canceled"}));
    // Only its time changes: what is older is late from then on.
    stage.put("R1", &json!({}));
    poll(&stage).await;
    stage.dispatch_once().await;
    let passed = faults.passed();
    // A new process, without faults, on what is left.
    stage.restart(Faults::default());
    stage.settle().await;
    (stage, passed)
}

/// At the next tick a failed poll is tried again.
async fn poll(stage: &Stage) {
    for _ in 0..3 {
        if stage.poll().await.is_ok() {
            return;
        }
        stage.clock.advance(Duration::from_secs(1));
    }
}

/// What arrived, each message once however often it came: its type and object. Every copy must be the same message.
fn arrived(stage: &Stage, name: &str) -> Vec<String> {
    let mut first: BTreeMap<String, Value> = BTreeMap::new();
    for seen in stage.seen() {
        let known = first.entry(seen.webhook_id).or_insert_with(|| seen.body.clone());
        for field in ["message_id", "message", "object", "changes", "previous", "trace_id"] {
            assert_eq!(known[field], seen.body[field], "{name}: one id, one message");
        }
    }
    let kind = |body: &Value| {
        let object = body["object"]["id"].as_str().unwrap_or("-");
        format!("{} {object}", body["message"].as_str().unwrap())
    };
    let mut kinds: Vec<String> = first.values().map(kind).collect();
    // A source that fails for long is told of; that is another story.
    kinds.retain(|kind| !kind.starts_with("notification:"));
    kinds.sort();
    kinds
}

/// The store ends with the shop's last state, in one chain of versions, and each message of the chain has arrived.
async fn check(stage: &Stage, name: &str) {
    let arrived = arrived(stage, name);
    let mut stored = vec!["order:booked -".to_owned()];
    for id in ["R0", "R1", "R0/1", "R1/1"] {
        let collection = if id.contains('/') { "orders.payments" } else { "orders" };
        let collection = CollectionKey { collection: collection.parse().unwrap(), ..stage.orders() };
        let key = ObjectKey { collection, id: id.to_owned() };
        let history = stage.home.store().history(&key).await.and_then(whole).unwrap();
        let numbers: Vec<u64> = history.iter().map(|version| version.number).collect();
        assert_eq!(numbers, (1..=history.len() as u64).collect::<Vec<_>>(), "{name}: {id}");
        for pair in history.windows(2) {
            assert_ne!(pair[0].hash, pair[1].hash, "{name}: {id} has two versions of one state");
        }
        let order = stage.world.shop.lock().unwrap().orders.get(id).cloned();
        if let Some(mut order) = order {
            let mut body = history.last().unwrap().body.clone();
            // That it was touched is no change, but what is older is late.
            let (_, touched) = (body["updated_at"].take(), order["updated_at"].take());
            assert_eq!(body, order, "{name}: {id}");
            let heads = stage.home.store().heads(std::slice::from_ref(&key)).await.and_then(whole).unwrap();
            let known = heads[0].as_ref().unwrap().order.unwrap().to_string();
            assert_eq!(touched, known, "{name}: {id}");
        }
        let messages = stage.home.store().messages_of(&key).await.and_then(whole).unwrap();
        stored.extend(messages.iter().map(|record| format!("{} {id}", record.message.message)));
    }
    stored.sort();
    assert_eq!(arrived, stored, "{name}");
    for old in ["order:new R0", "payment:new R0/1"] {
        assert!(!arrived.contains(&old.to_owned()), "{name}: an old customer was mailed");
    }
    assert!(arrived.contains(&"order:new R1".to_owned()), "{name}");
    assert!(arrived.contains(&"order:canceled R0".to_owned()), "{name}");
    assert_eq!(stage.dead_letters().await, [], "{name}");
}

/// Where nothing fails for long, nothing is skipped over either.
fn check_all(stage: &Stage, name: &str) {
    let expected = ["order:booked -", "order:canceled R0", "order:new R1", "order:updated R1", "payment:new R1/1"];
    assert_eq!(arrived(stage, name), expected, "{name}");
}

#[tokio::test]
async fn without_faults() {
    let (stage, _) = story(HUB, None).await;
    check(&stage, "no faults").await;
    check_all(&stage, "no faults");
}

#[tokio::test]
async fn at_every_point() {
    at_every_point_with(HUB).await;
}

#[tokio::test]
async fn at_every_point_in_order() {
    at_every_point_with(&in_order()).await;
}

async fn at_every_point_with(hub: &str) {
    let far: FaultPlan = "fail@1000000".parse().unwrap();
    let (_, points) = story(hub, Some(far)).await;
    assert!(points > 100, "only {points} points: are the ports wrapped?");
    for point in 1..=points {
        let plan = format!("fail@{point}");
        let (stage, passed) = story(hub, Some(plan.parse().unwrap())).await;
        assert!(passed >= point, "{plan} was never reached");
        check(&stage, &plan).await;
        check_all(&stage, &plan);
    }
}

#[tokio::test]
async fn again_and_again() {
    for every in [29_u64, 31, 37, 41, 53, 61] {
        let plan = format!("fail@every:{every}");
        let (stage, _) = story(HUB, Some(plan.parse().unwrap())).await;
        check(&stage, &plan).await;
    }
}
