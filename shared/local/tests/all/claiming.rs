//! `once_per` (contract §4): of messages with the same values one goes out, and the others say which.

use std::{sync::Arc, time::Duration};

use crossdock_core::{
    event::EventName,
    fault::{FaultPlan, Faults},
    id::MessageId,
    port::{Delivery, DeliveryState, Home, HttpError, Ledger, Outbox, whole},
    publish::publish,
    redrive,
};
use serde_json::{Value, json};

use crate::stage::{HUB, Stage, answer};

const HOUR: Duration = Duration::from_secs(3600);

/// Two routes lead to the endpoint, and one of them sends each order number once in an hour.
fn hub() -> String {
    HUB.replace("state: state}", "state: state, order_number: number}").replace(
        "to: books, path: /all}",
        "to: books, path: /all, once_per: {keys: [order_number], window: 1h}, parameters: {key: {secret: books-key}, rates: [{from: DE, to: 0.19}]}}
  - {name: every, messages: ['order:every'], to: books, path: /every, parameters: {from: every}}
  - {name: off, messages: ['*'], to: books, enabled: false}",
    )
}

async fn stage() -> Stage {
    Stage::with_hub(&hub()).await
}

/// A message about this order; another name, another message.
async fn emit(stage: &Stage, name: &str, order: Option<&str>) -> MessageId {
    let mut message = crossdock_testkit::build::message(name);
    message.routes.clear();
    message.keys = order.map(|order| ("order_number".to_owned(), json!(order))).into_iter().collect();
    let record = stage.router.record(message).unwrap();
    assert_eq!(stage.home.store().put(vec![record.clone()]).await, [Ok(true)]);
    publish(&*stage.home, &stage.router, std::slice::from_ref(&record)).await.unwrap();
    record.message.message_id
}

async fn delivery(stage: &Stage, id: MessageId) -> Delivery {
    let deliveries = stage.home.store().deliveries_of(id).await.and_then(whole).unwrap();
    deliveries.into_iter().max_by_key(|delivery| delivery.key.round).unwrap()
}

async fn state(stage: &Stage, id: MessageId) -> DeliveryState {
    delivery(stage, id).await.state
}

async fn suppressed_by(stage: &Stage, id: MessageId, first: MessageId) {
    let delivery = delivery(stage, id).await;
    assert_eq!(delivery.state, DeliveryState::Suppressed);
    assert_eq!(delivery.reason, Some(format!("once_per: message {first} came first")));
    assert_eq!(delivery.attempts, []);
}

#[tokio::test]
async fn the_first_goes_out_and_later_ones_name_it() {
    let stage = stage().await;
    let first = emit(&stage, "a", Some("R1")).await;
    stage.dispatch_once().await;
    let second = emit(&stage, "b", Some("R1")).await;
    let other = emit(&stage, "c", Some("R2")).await;
    stage.dispatch_once().await;
    assert_eq!(state(&stage, first).await, DeliveryState::Delivered);
    assert_eq!(state(&stage, other).await, DeliveryState::Delivered);
    suppressed_by(&stage, second, first).await;
    let ids: Vec<String> = stage.seen().iter().map(|seen| seen.webhook_id.clone()).collect();
    assert_eq!(ids, [first.to_string(), other.to_string()]);
    let events = stage.world.events.lock().unwrap().clone();
    let told: Vec<_> = events.iter().filter(|event| event.event == EventName::DeliverySuppressed).collect();
    assert_eq!(told.iter().map(|event| event.message_id.clone()).collect::<Vec<_>>(), [Some(second.to_string())]);
    assert_eq!(stage.dispatch_once().await, 0, "nothing is left in the queue");
}

#[tokio::test]
async fn of_one_batch_one_goes_out() {
    let stage = stage().await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(emit(&stage, &format!("m{number}"), Some("R1")).await);
    }
    stage.dispatch_once().await;
    assert_eq!(stage.seen().len(), 1);
    let mut states = Vec::new();
    for id in ids {
        states.push(state(&stage, id).await);
    }
    assert_eq!(states.iter().filter(|state| **state == DeliveryState::Suppressed).count(), 9, "{states:?}");
}

#[tokio::test]
async fn the_first_is_retried_even_when_its_claim_has_run_out() {
    let stage = stage().await;
    stage.answers([answer(503, &Value::Null)]);
    let first = emit(&stage, "a", Some("R1")).await;
    stage.dispatch_once().await;
    let second = emit(&stage, "b", Some("R1")).await;
    stage.dispatch_once().await;
    suppressed_by(&stage, second, first).await;
    assert_eq!(state(&stage, first).await, DeliveryState::Retrying);

    stage.clock.advance(HOUR);
    let third = emit(&stage, "c", Some("R1")).await;
    stage.dispatch_once().await;
    assert_eq!(state(&stage, third).await, DeliveryState::Delivered, "the window is over");
    assert_eq!(state(&stage, first).await, DeliveryState::Delivered, "it was under way");
    let fourth = emit(&stage, "d", Some("R1")).await;
    stage.dispatch_once().await;
    suppressed_by(&stage, fourth, third).await;
}

#[tokio::test]
async fn a_redrive_uses_its_claim_again() {
    let stage = stage().await;
    stage.answers([answer(422, &Value::Null)]);
    let first = emit(&stage, "a", Some("R1")).await;
    stage.dispatch_once().await;
    assert_eq!(state(&stage, first).await, DeliveryState::DeadLettered);
    let second = emit(&stage, "b", Some("R1")).await;
    stage.dispatch_once().await;
    suppressed_by(&stage, second, first).await;

    redrive::redrive(&*stage.home, &stage.endpoint(), None).await.unwrap();
    stage.dispatch_once().await;
    assert_eq!(state(&stage, first).await, DeliveryState::Delivered);
    assert_eq!(stage.seen().last().unwrap().webhook_id, format!("{first}.2"));
}

#[tokio::test]
async fn another_round_uses_its_claim_too() {
    let stage = stage().await;
    stage.answers([answer(206, &json!({"parameters": {"page": 2}}))]);
    let first = emit(&stage, "a", Some("R1")).await;
    stage.dispatch_once().await;
    stage.dispatch_once().await;
    assert_eq!(state(&stage, first).await, DeliveryState::Delivered);
    assert_eq!(stage.seen().len(), 2);
}

#[tokio::test]
async fn a_missing_value_claims_nothing() {
    let stage = stage().await;
    let (first, second) = (emit(&stage, "a", None).await, emit(&stage, "b", None).await);
    stage.dispatch_once().await;
    assert_eq!(state(&stage, first).await, DeliveryState::Delivered);
    assert_eq!(state(&stage, second).await, DeliveryState::Delivered);
}

/// An endpoint that cannot be reached has claimed all the same: nobody knows what it has seen.
#[tokio::test]
async fn the_first_claims_whatever_comes_of_it() {
    let stage = stage().await;
    stage.answers([Err(HttpError::Refused("books.test".to_owned()))]);
    let first = emit(&stage, "a", Some("R1")).await;
    stage.dispatch_once().await;
    let second = emit(&stage, "b", Some("R1")).await;
    stage.dispatch_once().await;
    suppressed_by(&stage, second, first).await;
}

/// On whichever side of the claim, and of the request after it, something fails: one of the two goes out.
#[tokio::test]
async fn a_failure_at_any_point_leaves_one() {
    for point in ["before:claims.claim", "after:claims.claim", "before:ledger.settle", "after:ledger.settle"] {
        for at in 1..=2 {
            let mut stage = stage().await;
            let first = emit(&stage, "a", Some("R1")).await;
            let second = emit(&stage, "b", Some("R1")).await;
            let plan: FaultPlan = format!("fail@{point}#{at}").parse().unwrap();
            stage.restart(Faults::planned(plan, Arc::new(|_| Box::pin(std::future::ready(())))));
            for _ in 0..6 {
                stage.dispatch_once().await;
                stage.clock.advance(Duration::from_secs(10));
            }
            let states = [state(&stage, first).await, state(&stage, second).await];
            let delivered = states.iter().filter(|state| **state == DeliveryState::Delivered).count();
            let suppressed = states.iter().filter(|state| **state == DeliveryState::Suppressed).count();
            assert_eq!((delivered, suppressed), (1, 1), "{point} #{at}: {states:?}");
            let seen: std::collections::BTreeSet<_> = stage.seen().iter().map(|seen| seen.webhook_id.clone()).collect();
            assert_eq!(seen.len(), 1, "{point} #{at}: the other one never went out");
        }
    }
}

/// Each route has its own delivery, path and parameters; what is disabled is known and gets nothing.
#[tokio::test]
async fn several_routes_to_one_endpoint() {
    let stage = stage().await;
    let mut message = crossdock_testkit::build::message("a");
    message.message = "order:every".parse().unwrap();
    message.routes.clear();
    let record = stage.router.record(message).unwrap();
    let names = |routes: &[crossdock_core::id::RouteName]| routes.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&record.message.routes), ["all", "every"]);
    assert_eq!(names(&record.disabled_routes), ["off"]);
    stage.home.store().put(vec![record.clone()]).await;
    publish(&*stage.home, &stage.router, std::slice::from_ref(&record)).await.unwrap();
    stage.dispatch_once().await;
    let deliveries = stage.home.store().deliveries_of(record.message.message_id).await.and_then(whole).unwrap();
    let mut ended: Vec<_> = deliveries.iter().map(|one| (one.key.route.to_string(), one.state)).collect();
    ended.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(ended, [("all".to_owned(), DeliveryState::Delivered), ("every".to_owned(), DeliveryState::Delivered)]);
    let mut parameters: Vec<String> = stage.seen().iter().map(|seen| seen.body["parameters"].to_string()).collect();
    parameters.sort();
    assert_eq!(
        parameters,
        [
            r#"[{"name":"from","value":"every"}]"#,
            r#"[{"name":"key","value":"token"},{"name":"rates","value":[{"from":"DE","to":0.19}]}]"#,
        ]
    );
}

/// It is sent, and what is stored of it is its name in the hub file.
#[tokio::test]
async fn a_secret_parameter_is_stored_nowhere() {
    let stage = stage().await;
    let echo = json!({"parameters": {"key": "token", "page": 7}});
    stage.answers([answer(200, &echo)]);
    let id = emit(&stage, "a", Some("R1")).await;
    stage.dispatch_once().await;
    assert!(stage.seen()[0].body["parameters"].to_string().contains(r#""value":"token""#));
    let opened = stage.home.store().open(&stage.endpoint(), &[], &[]).await.unwrap();
    assert_eq!(opened.control.unwrap().parameters.keys().collect::<Vec<_>>(), ["page"]);
    assert!(!format!("{:?}", delivery(&stage, id).await).contains("token"));
}
