//! What was promised is held against what became of it.

use std::time::Duration;

use crossdock_core::{
    Timestamp,
    audit::{Audit, ON_ITS_WAY, Promise, Standing, Stored},
    hub::Hub,
    id::MessageId,
    message::MessageRecord,
    port::{DeliveryState, Home, Outbox},
    publish::publish,
    redrive,
};
use serde_json::Value;

use crate::stage::{HUB, Stage, answer};

/// Stored; only what is published comes into a queue.
async fn store(stage: &Stage, name: &str) -> MessageRecord {
    let mut message = crossdock_testkit::build::message(name);
    message.routes.clear();
    let record = stage.router.record(message).unwrap();
    assert_eq!(stage.home.store().put(vec![record.clone()]).await, [Ok(true)]);
    record
}

async fn emit(stage: &Stage, name: &str) -> MessageId {
    let record = store(stage, name).await;
    publish(&*stage.home, &stage.router, std::slice::from_ref(&record)).await.unwrap();
    record.message.message_id
}

async fn audit(stage: &Stage, hub: &Hub, from: Timestamp) -> (usize, Vec<Promise>) {
    let mut audit = Audit::new(&*stage.home, hub, from, stage.home.clock().now());
    let (mut messages, mut promises) = (0, Vec::new());
    while let Some((looked_at, found)) = audit.next().await.unwrap() {
        messages += looked_at;
        promises.extend(found);
    }
    (messages, promises)
}

async fn standings(stage: &Stage, hub: &Hub) -> Vec<(MessageId, Standing)> {
    let (_, promises) = audit(stage, hub, Timestamp::MIN).await;
    promises.into_iter().map(|promise| (promise.message_id, promise.standing)).collect()
}

fn without_route(stage: &str) -> Hub {
    crossdock_core::hub::load("hub.yaml", stage, &|_| None).unwrap().hub
}

#[tokio::test]
async fn what_became_of_each_promise() {
    let stage = Stage::new().await;
    let lost = store(&stage, "lost").await.message.message_id;
    stage.answers([answer(200, &Value::Null)]);
    let delivered = emit(&stage, "delivered").await;
    stage.dispatch_once().await;
    stage.answers([answer(422, &Value::Null)]);
    let dead = emit(&stage, "dead").await;
    stage.dispatch_once().await;
    stage.answers([answer(503, &Value::Null)]);
    let waiting = emit(&stage, "waiting").await;
    stage.dispatch_once().await;
    stage.clock.advance(ON_ITS_WAY + Duration::from_secs(1));
    let young = store(&stage, "young").await.message.message_id;
    stage.clock.advance(Duration::from_secs(1));

    let mut found = standings(&stage, &stage.hub).await;
    found.sort_by_key(|(id, _)| *id);
    let mut expected = [
        (lost, Standing::Missing),
        (delivered, Standing::Known(DeliveryState::Delivered)),
        (dead, Standing::Known(DeliveryState::DeadLettered)),
        (waiting, Standing::Known(DeliveryState::Retrying)),
        (young, Standing::OnItsWay),
    ];
    expected.sort_by_key(|(id, _)| *id);
    assert_eq!(found, expected);

    // Nobody waits for what a route was promised that is not there any more; what is known of it stays known.
    let gone = without_route(&HUB.replace("name: all", "name: other"));
    let disabled = without_route(&HUB.replace("path: /all", "enabled: false"));
    for hub in [gone, disabled] {
        let found = standings(&stage, &hub).await;
        for (id, standing) in found {
            let expected = if [lost, young].contains(&id) { Some(Standing::NoRoute) } else { None };
            assert_eq!(expected.unwrap_or(standing), standing);
            assert_ne!(standing, Standing::Missing);
        }
    }

    // The newest round is what counts.
    redrive::redrive(&*stage.home, &stage.endpoint(), None).await.unwrap();
    stage.dispatch_once().await;
    let found = standings(&stage, &stage.hub).await;
    assert!(found.contains(&(dead, Standing::Known(DeliveryState::Delivered))), "{found:?}");
}

#[tokio::test]
async fn only_the_time_asked_for_is_looked_at() {
    let stage = Stage::new().await;
    store(&stage, "old").await;
    stage.clock.advance(Duration::from_secs(7200));
    let from = stage.home.clock().now();
    let new = store(&stage, "new").await;
    stage.clock.advance(Duration::from_secs(1));
    let (messages, promises) = audit(&stage, &stage.hub, from).await;
    assert_eq!(messages, 1);
    assert_eq!(promises.iter().map(|promise| promise.message_id).collect::<Vec<_>>(), [new.message.message_id]);
    assert_eq!((promises[0].route.as_str(), promises[0].endpoint.as_ref().unwrap().as_str()), ("all", "books"));

    let mut stored = Stored::between(&*stage.home, Timestamp::MIN, from);
    let mut names = Vec::new();
    while let Some(records) = stored.next().await.unwrap() {
        names.extend(records.into_iter().map(|record| record.message.keys["order_number"].clone()));
    }
    assert_eq!(names, ["old"]);
}
