//! `ordered` (contract §5): no older version of an object after a newer one, and as few superseded as can be.

mod story;

use std::{sync::Arc, time::Duration};

use crossdock_core::{
    event::EventName,
    fault::{FaultPlan, Faults},
    hub::Retention,
    id::MessageId,
    message::MessageRecord,
    port::{Clock, Delivery, DeliveryState, Home, Ledger, Line, Lines, Paused, VersionStore, whole},
    publish::publish,
    redrive,
    version::ObjectCommit,
};
use crossdock_local::Collector;
use crossdock_testkit::build::{following, message_about, message_id, order, version};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::{
    delivering::push,
    stage::{HUB, Stage, answer, dispatch},
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What one order's version is called where it arrives: `R1@2`.
fn arrived(stage: &Stage) -> Vec<String> {
    let name = |body: &Value| format!("{}@{}", body["object"]["id"].as_str().unwrap(), body["object"]["version"]);
    stage.seen().iter().map(|seen| name(&seen.body)).collect()
}

pub(crate) fn in_order() -> String {
    HUB.replace("retries:", "ordered: true, retries:")
}

async fn stage() -> Stage {
    Stage::with_hub(&in_order()).await
}

/// What is told of a version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Once,
    /// In two messages.
    Twice,
    /// In one that was promised to no route when it was stored.
    Unpromised,
}

/// The next version of an order and its messages, stored and not yet on the bus.
async fn stored(stage: &Stage, id: &str, number: u64, told: Told) -> Vec<MessageRecord> {
    let version = version(&order(id), number, json!({ "n": number }));
    let mut message = message_about(&version);
    message.routes.clear();
    let mut messages = match told {
        Told::Once | Told::Twice => vec![stage.router.record(message.clone()).unwrap()],
        Told::Unpromised => vec![MessageRecord { message: message.clone(), disabled_routes: Vec::new() }],
    };
    if told == Told::Twice {
        message.message_id = message_id(&format!("{id}@{number}"));
        message.message = "order:canceled".parse().unwrap();
        messages.push(stage.router.record(message).unwrap());
    }
    let commit: ObjectCommit = following(version, messages.clone());
    assert_eq!(stage.home.store().commit(vec![commit]).await, [Ok(())]);
    messages
}

async fn arrive(stage: &Stage, messages: &[MessageRecord]) {
    publish(&*stage.home, &stage.router, messages).await.unwrap();
}

/// The next version of an order, on its way.
async fn change(stage: &Stage, id: &str, number: u64) -> MessageId {
    let messages = stored(stage, id, number, Told::Once).await;
    arrive(stage, &messages).await;
    messages[0].message.message_id
}

async fn deliveries(stage: &Stage, id: MessageId) -> Vec<Delivery> {
    let mut all = stage.home.store().deliveries_of(id).await.and_then(whole).unwrap();
    all.sort_by_key(|delivery| delivery.key.round);
    all
}

/// State and reason of the last round.
async fn standing(stage: &Stage, id: MessageId) -> (DeliveryState, Option<String>) {
    let last = deliveries(stage, id).await.pop().unwrap();
    (last.state, last.reason)
}

async fn superseded_by(stage: &Stage, id: MessageId, newer: u64) {
    let expected = (DeliveryState::Superseded, Some(format!("superseded by version {newer}")));
    assert_eq!(standing(stage, id).await, expected);
}

async fn line(stage: &Stage, id: &str) -> Option<Line> {
    stage.home.store().line(&stage.endpoint(), &order(id)).await.unwrap()
}

/// Looks as often as there is something to look at, for so long.
async fn dispatch_for(stage: &Stage, time: Duration) {
    let mut left = time;
    loop {
        stage.dispatch_once().await;
        let Some(rest) = left.checked_sub(SECOND) else { return };
        left = rest;
        stage.clock.advance(SECOND);
    }
}

#[tokio::test]
async fn versions_arrive_in_order_whatever_their_messages_do() {
    let stage = stage().await;
    let mut all = Vec::new();
    for number in 1..=5 {
        all.push(stored(&stage, "R1", number, Told::Once).await);
    }
    for messages in all.iter().rev() {
        arrive(&stage, messages).await;
    }
    dispatch_for(&stage, 20 * SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@2", "R1@3", "R1@4", "R1@5"]);
    for messages in all {
        let id = messages[0].message.message_id;
        assert_eq!(standing(&stage, id).await, (DeliveryState::Delivered, None));
    }
}

#[tokio::test]
async fn a_failing_object_holds_back_only_itself() {
    let stage = stage().await;
    stage.answers([answer(500, &Value::Null)]);
    let first = change(&stage, "R1", 1).await;
    stage.dispatch_once().await;
    let second = change(&stage, "R1", 2).await;
    change(&stage, "R2", 1).await;
    change(&stage, "R2", 2).await;
    dispatch_for(&stage, 3 * SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1", "R2@1", "R2@2"]);
    let waiting = standing(&stage, second).await;
    assert_eq!(waiting, (DeliveryState::Retrying, Some("waits for version 1".to_owned())));
    let due = |deliveries: Vec<Delivery>| deliveries[0].next_attempt_at.unwrap();
    let (of_first, of_second) = (due(deliveries(&stage, first).await), due(deliveries(&stage, second).await));
    assert!(of_second > of_first && of_second.duration_since(of_first) <= SECOND.try_into().unwrap());

    dispatch_for(&stage, 12 * SECOND).await;
    assert_eq!(arrived(&stage)[3..], ["R1@1", "R1@2"]);
    assert_eq!(standing(&stage, second).await, (DeliveryState::Delivered, None), "what it waited for is forgotten");
    assert_eq!(deliveries(&stage, second).await[0].attempts.len(), 1, "to wait is no attempt");
}

#[tokio::test]
async fn what_is_dead_holds_back_nothing_and_is_superseded_when_it_is_sent_again() {
    let stage = stage().await;
    stage.answers([answer(422, &Value::Null)]);
    let first = change(&stage, "R1", 1).await;
    let second = change(&stage, "R1", 2).await;
    dispatch_for(&stage, 3 * SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@2"]);
    assert_eq!(standing(&stage, first).await.0, DeliveryState::DeadLettered);
    assert_eq!(standing(&stage, second).await.0, DeliveryState::Delivered);

    assert_eq!(redrive::redrive(&*stage.home, &stage.endpoint(), None).await.unwrap().len(), 1);
    dispatch_for(&stage, 3 * SECOND).await;
    superseded_by(&stage, first, 2).await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@2"]);
    assert_eq!(stage.dead_letters().await, []);
    let events = stage.world.events.lock().unwrap().clone();
    let told: Vec<_> = events.iter().filter(|event| event.event == EventName::DeliverySuperseded).collect();
    assert_eq!(told.iter().map(|event| event.message_id.clone()).collect::<Vec<_>>(), [Some(first.to_string())]);
    assert_eq!(told[0].reason.as_deref(), Some("superseded by version 2"));
}

#[tokio::test]
async fn the_newest_may_be_sent_again() {
    let stage = stage().await;
    stage.answers([answer(422, &Value::Null)]);
    let first = change(&stage, "R1", 1).await;
    dispatch_for(&stage, SECOND).await;
    redrive::redrive(&*stage.home, &stage.endpoint(), None).await.unwrap();
    stage.answers([answer(500, &Value::Null)]);
    dispatch_for(&stage, SECOND).await;
    let second = change(&stage, "R1", 2).await;
    dispatch_for(&stage, SECOND).await;
    assert_eq!(standing(&stage, second).await.0, DeliveryState::Retrying, "the older one is on its way again");
    dispatch_for(&stage, 12 * SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@1", "R1@1", "R1@2"]);
    assert_eq!(standing(&stage, first).await.0, DeliveryState::Delivered);
}

#[tokio::test]
async fn messages_of_one_version_do_not_wait_for_each_other_and_the_next_waits_for_all() {
    let stage = stage().await;
    let both = stored(&stage, "R1", 1, Told::Twice).await;
    stage.answers([answer(500, &Value::Null)]);
    arrive(&stage, &both[..1]).await;
    stage.dispatch_once().await;
    change(&stage, "R1", 2).await;
    dispatch_for(&stage, 2 * SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1"]);
    arrive(&stage, &both[1..]).await;
    dispatch_for(&stage, SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@1"], "the other one has not waited");
    dispatch_for(&stage, 12 * SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@1", "R1@1", "R1@2"]);
}

#[tokio::test]
async fn what_is_never_heard_of_is_waited_for_no_longer_than_patience_lasts() {
    let stage = stage().await;
    let lost = stored(&stage, "R1", 1, Told::Once).await;
    let second = change(&stage, "R1", 2).await;
    let looking = async |hours: u64| {
        for _ in 0..hours * 12 {
            stage.dispatch_once().await;
            stage.clock.advance(HOUR / 12);
        }
    };
    looking(2).await;
    assert_eq!(standing(&stage, second).await.0, DeliveryState::Retrying);
    // The hub does not run for a night: nobody could have come.
    stage.clock.advance(12 * HOUR);
    looking(2).await;
    assert_eq!(standing(&stage, second).await.0, DeliveryState::Retrying, "patience begins anew");
    looking(2).await;
    assert_eq!(arrived(&stage), ["R1@2"]);
    arrive(&stage, &lost).await;
    dispatch_for(&stage, SECOND).await;
    superseded_by(&stage, lost[0].message.message_id, 2).await;
    assert_eq!(arrived(&stage), ["R1@2"]);
}

#[tokio::test]
async fn what_its_endpoint_puts_off_is_overtaken() {
    let stage = stage().await;
    stage.answers([answer(200, &json!({"delay": 60}))]);
    let first = change(&stage, "R1", 1).await;
    change(&stage, "R1", 2).await;
    dispatch_for(&stage, 3 * SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@2"]);
    assert_eq!(standing(&stage, first).await.0, DeliveryState::Waiting);
    stage.settle().await;
    superseded_by(&stage, first, 2).await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@2"]);
    assert_eq!(deliveries(&stage, first).await[0].state, DeliveryState::Delivered, "the round before stays as it was");
}

#[tokio::test]
async fn the_rounds_of_one_conversation_are_not_interrupted() {
    let stage = stage().await;
    stage.answers((1..=3).map(|page| answer(206, &json!({"parameters": {"page": page}}))));
    let both = [stored(&stage, "R1", 1, Told::Once).await, stored(&stage, "R1", 2, Told::Once).await].concat();
    arrive(&stage, &both).await;
    dispatch_for(&stage, 10 * SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@1", "R1@1", "R1@1", "R1@2"]);
}

#[tokio::test]
async fn a_paused_endpoint_goes_on_in_order() {
    let stage = stage().await;
    stage.answers([answer(500, &Value::Null)]);
    change(&stage, "R1", 1).await;
    stage.dispatch_once().await;
    let paused = Paused { since: stage.clock.now(), reason: "by hand".to_owned() };
    stage.home.store().set_paused(&stage.endpoint(), Some(paused)).await.unwrap();
    change(&stage, "R1", 2).await;
    for _ in 0..30 {
        stage.clock.advance(HOUR);
        stage.dispatch_once().await;
    }
    stage.home.store().set_paused(&stage.endpoint(), None).await.unwrap();
    stage.clock.advance(HOUR);
    dispatch_for(&stage, 3 * SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@1", "R1@2"]);
}

/// Another hub, which dispatches these messages while a call of this one is held up.
fn meanwhile(stage: &mut Stage, at: &str, messages: &[MessageRecord]) {
    let other = Arc::new(stage.beside(Faults::default()));
    let (hub, router, endpoint) = (stage.hub.clone(), stage.router.clone(), stage.endpoint());
    let messages = messages.to_vec();
    let sleep = move |_| {
        let (other, hub, router) = (other.clone(), hub.clone(), router.clone());
        let (endpoint, messages) = (endpoint.clone(), messages.clone());
        Box::pin(async move {
            publish(&*other, &router, &messages).await.unwrap();
            assert_eq!(dispatch(&other, &hub, &router, &endpoint).await, messages.len());
        }) as BoxFuture<'static, ()>
    };
    let plan: FaultPlan = format!("delay:0@{at}").parse().unwrap();
    stage.restart(Faults::planned(plan, Arc::new(sleep)));
}

/// A newer one came between the look and the write of an older one that nobody had promised.
#[tokio::test]
async fn who_was_overtaken_at_the_last_moment_is_superseded() {
    let mut stage = stage().await;
    let first = stored(&stage, "R1", 1, Told::Unpromised).await;
    arrive(&stage, &first).await;
    let second = stored(&stage, "R1", 2, Told::Once).await;
    meanwhile(&mut stage, "before:lines.set_line", &second);
    stage.dispatch_once().await;
    assert_eq!(arrived(&stage), ["R1@2"]);
    superseded_by(&stage, first[0].message.message_id, 2).await;
}

#[tokio::test]
async fn a_second_copy_waits_for_the_outcome_of_the_first() {
    let mut stage = stage().await;
    let first = stored(&stage, "R1", 1, Told::Once).await;
    arrive(&stage, &first).await;
    meanwhile(&mut stage, "before:endpoint.post", &first);
    stage.dispatch_once().await;
    assert_eq!(arrived(&stage), ["R1@1"]);
    stage.restart(Faults::default());
    change(&stage, "R1", 2).await;
    stage.settle().await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@2"]);
}

/// A request of which nobody saw the end may be under way for as long as its timeout.
#[tokio::test]
async fn what_a_dead_hub_had_begun_is_tried_again_after_its_timeout() {
    let mut stage = stage().await;
    let id = change(&stage, "R1", 1).await;
    assert!(crate::dying::die(&mut stage, "after:lines.set_line").await);
    assert_eq!(arrived(&stage), [""; 0]);
    // Longer than that.
    stage.dispatch_once().await;
    assert_eq!(arrived(&stage), ["R1@1"]);
    assert_eq!(standing(&stage, id).await, (DeliveryState::Delivered, None));
}

/// However soon it starts again, and though it waits then for the request that may be under way.
#[tokio::test]
async fn a_request_that_kills_the_hub_is_poison_in_the_end() {
    let mut stage = stage().await;
    let id = change(&stage, "R1", 1).await;
    let mut kills = 0;
    while standing_if_any(&stage, id).await != Some(DeliveryState::DeadLettered) {
        if crate::dying::die_for_a_moment(&mut stage, "before:endpoint.post").await {
            kills += 1;
            stage.home.queues().inner().release_in_flight().await.unwrap();
        } else {
            stage.clock.advance(SECOND);
        }
        assert!(kills <= 20, "it is tried for ever");
    }
    assert_eq!(standing(&stage, id).await.1.as_deref(), Some("poison"));
    assert!(kills >= 5, "{kills}");
}

async fn standing_if_any(stage: &Stage, id: MessageId) -> Option<DeliveryState> {
    deliveries(stage, id).await.pop().map(|last| last.state)
}

#[tokio::test]
async fn what_is_forgotten_of_an_older_version_holds_up_nothing() {
    const DAYS: Duration = Duration::from_secs(40 * 24 * 3600);
    let stage = stage().await;
    change(&stage, "R1", 1).await;
    // The newest message of all stays.
    change(&stage, "R2", 1).await;
    stage.settle().await;
    stage.clock.advance(DAYS);
    let retention = Retention { deliveries: Some(DAYS / 2), ..stage.hub.retention };
    let removed = Collector::new(stage.database.clone(), retention).run().await.unwrap();
    assert_eq!((removed.messages.count, removed.deliveries.count), (1, 1));
    let second = change(&stage, "R1", 2).await;
    stage.dispatch_once().await;
    assert_eq!(standing(&stage, second).await, (DeliveryState::Delivered, None));
    assert_eq!(arrived(&stage).last().unwrap(), "R1@2");
}

#[tokio::test]
async fn what_is_about_no_object_waits_for_nothing() {
    let stage = stage().await;
    stage.answers([answer(500, &Value::Null)]);
    change(&stage, "R1", 1).await;
    stage.dispatch_once().await;
    change(&stage, "R1", 2).await;
    push(&stage, "order:ping").await;
    stage.dispatch_once().await;
    assert_eq!(stage.arrived(), ["order:new", "order:ping"]);
}

#[tokio::test]
async fn an_endpoint_that_is_not_ordered_has_no_lines() {
    let mut stage = Stage::new().await;
    let plan: FaultPlan = "fail@before:lines.line#every:1".parse().unwrap();
    stage.restart(Faults::planned(plan, Arc::new(|_| Box::pin(async {}))));
    stage.answers([answer(500, &Value::Null)]);
    let both = [stored(&stage, "R1", 1, Told::Once).await, stored(&stage, "R1", 2, Told::Once).await].concat();
    arrive(&stage, &both).await;
    dispatch_for(&stage, 12 * SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@2", "R1@1"]);
    stage.restart(Faults::default());
    assert_eq!(line(&stage, "R1").await, None);
}

/// What was begun is known by its line even where its message promised nothing.
#[tokio::test]
async fn what_was_begun_is_waited_for_promised_or_not() {
    let stage = stage().await;
    let first = stored(&stage, "R1", 1, Told::Unpromised).await;
    stage.answers([answer(500, &Value::Null)]);
    arrive(&stage, &first).await;
    stage.dispatch_once().await;
    change(&stage, "R1", 2).await;
    dispatch_for(&stage, 3 * SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1"]);
    dispatch_for(&stage, 12 * SECOND).await;
    assert_eq!(arrived(&stage), ["R1@1", "R1@1", "R1@2"]);
    let line = line(&stage, "R1").await.unwrap();
    assert_eq!((line.passed, line.begun.len(), line.watch), (2, 1, None));
}
