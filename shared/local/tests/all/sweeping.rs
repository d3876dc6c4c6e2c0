//! What was promised to a route and never came into its queue is found, and sent again.

use std::{sync::Arc, time::Duration};

use crossdock_core::{
    event::EventName,
    fault::Faults,
    message::MessageRecord,
    port::{Home, Ledger, Outbox},
    sweep::{FROM, Swept, UNTIL, sweep},
};
use serde_json::json;

use crate::stage::Stage;

const ENOUGH: Duration = Duration::from_secs(UNTIL.as_secs() + 1);

/// The store has it, the bus said that it had it, and no queue ever saw it.
async fn lose(stage: &Stage, name: &str) -> MessageRecord {
    let mut message = crossdock_testkit::build::message(name);
    message.routes.clear();
    let record = stage.router.record(message).unwrap();
    assert_eq!(stage.home.store().put(vec![record.clone()]).await, [Ok(true)]);
    stage.home.store().published(&[record.message.message_id]).await.unwrap();
    record
}

async fn swept(stage: &Stage) -> (u64, u64) {
    let Swept { messages, missing, refused } = sweep(&*stage.home, &stage.hub).await.unwrap();
    assert_eq!(refused, None);
    (messages, missing)
}

fn told(stage: &Stage) -> Vec<(Option<String>, Option<String>, Option<String>)> {
    let events = stage.world.events.lock().unwrap();
    let missing = events.iter().filter(|event| event.event == EventName::DeliveryMissing).cloned();
    missing.map(|event| (event.message_id, event.route, event.endpoint)).collect()
}

#[tokio::test]
async fn what_went_missing_is_delivered_after_all() {
    let stage = Stage::new().await;
    let lost = lose(&stage, "R1").await;
    stage.clock.advance(ENOUGH);
    assert_eq!(stage.dispatch_once().await, 0, "nothing is in the queue");

    assert_eq!(swept(&stage).await, (1, 1));
    let id = lost.message.message_id.to_string();
    assert_eq!(told(&stage), [(Some(id.clone()), Some("all".to_owned()), Some("books".to_owned()))]);
    stage.dispatch_once().await;
    assert_eq!(stage.seen().iter().map(|seen| seen.webhook_id.clone()).collect::<Vec<_>>(), [id]);

    // The ledger knows of it now.
    assert_eq!(swept(&stage).await, (1, 0));
    assert_eq!(told(&stage).len(), 1);
}

/// Its endpoint is far behind: the copies are the same delivery.
#[tokio::test]
async fn what_is_in_the_queue_already_is_sent_again_as_the_same_delivery() {
    let stage = Stage::new().await;
    let lost = lose(&stage, "R1").await;
    stage.clock.advance(ENOUGH);
    assert_eq!((swept(&stage).await, swept(&stage).await), ((1, 1), (1, 1)), "both find no record of it");
    stage.dispatch_once().await;
    let id = lost.message.message_id;
    assert!(stage.seen().iter().all(|seen| seen.webhook_id == id.to_string()), "{:?}", stage.seen());
    let deliveries = stage.home.store().deliveries_of(id).await.unwrap();
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    assert_eq!(stage.dispatch_once().await, 0, "nothing is left in the queue");
}

#[tokio::test]
async fn what_is_too_young_or_too_old_is_left_alone() {
    let stage = Stage::new().await;
    lose(&stage, "R1").await;
    stage.clock.advance(UNTIL / 2);
    assert_eq!(swept(&stage).await, (0, 0));
    stage.clock.advance(FROM);
    assert_eq!(swept(&stage).await, (0, 0));
}

#[tokio::test]
async fn a_failing_delivery_is_not_missing() {
    let stage = Stage::new().await;
    stage.poll().await.unwrap();
    stage.clock.advance(Duration::from_secs(1));
    stage.put("R1", &json!({}));
    stage.answers([crate::stage::answer(500, &json!({}))]);
    stage.poll().await.unwrap();
    assert_eq!(stage.dispatch_once().await, 1);
    stage.clock.advance(ENOUGH);
    assert_eq!(swept(&stage).await, (1, 0));
}

#[tokio::test]
async fn nobody_waits_at_a_route_that_is_gone_or_disabled() {
    for change in [("- {name: all,", "- {name: other,"), ("path: /all}", "path: /all, enabled: false}")] {
        let stage = Stage::new().await;
        lose(&stage, "R1").await;
        stage.clock.advance(ENOUGH);
        let text = crate::stage::HUB.replace(change.0, change.1);
        let hub = crossdock_core::hub::load("hub.yaml", &text, &|_| None).unwrap().hub;
        assert_eq!(sweep(&*stage.home, &hub).await.unwrap(), Swept { messages: 1, ..Swept::default() }, "{change:?}");
    }
}

/// Many pages, of which one message each is missing, and a queue that refuses one of them: the others go.
#[tokio::test]
async fn one_that_cannot_be_sent_harms_no_other() {
    let mut stage = Stage::new().await;
    for number in 0..250 {
        lose(&stage, &format!("R{number}")).await;
    }
    stage.clock.advance(ENOUGH);
    let plan = "fail@before:queues.send#3".parse().unwrap();
    stage.restart(Faults::planned(plan, Arc::new(|_| Box::pin(async {}))));
    let swept = sweep(&*stage.home, &stage.hub).await.unwrap();
    assert_eq!((swept.messages, swept.missing), (250, 249));
    assert!(swept.refused.is_some(), "and this is told");
}
