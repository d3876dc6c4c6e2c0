//! What no queue has any more ends as a dead letter, and is sent again from there or from the store.

use std::{future::pending, sync::Arc, time::Duration};

use crossdock_core::{
    event::EventName,
    fault::Faults,
    id::{EndpointName, MessageId},
    port::{Clock, Delivery, DeliveryState, Home, Ledger, Paused, QueueName, Queues, Settlement, whole},
    redrive::{self, Redriven, Replayed, replay},
    sweep::{EVERY, KEPT, SETTLED, Swept, WELL_SETTLED, sweep},
};
use crossdock_testkit::build;
use serde_json::json;

use crate::{
    delivering::push,
    stage::{HUB, Stage, answer, owner},
    sweeping::{ENOUGH, MUCH_LATER, lose, skip, swept},
};

const MINUTE: Duration = Duration::from_secs(60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a queue forgets, or somebody deletes by hand.
async fn forget(stage: &Stage, queue: QueueName) -> usize {
    let received = stage.home.queues().receive(&queue, 10, MINUTE).await.unwrap();
    for entry in &received {
        stage.home.queues().delete(&queue, &entry.receipt).await.unwrap();
    }
    received.len()
}

fn queue(stage: &Stage) -> QueueName {
    QueueName::Endpoint(stage.endpoint())
}

fn dead_letters(stage: &Stage) -> QueueName {
    QueueName::DeadLetters(stage.endpoint())
}

/// Sweeps, hour by hour, for so long; how many deliveries have expired in the end.
async fn work(stage: &Stage, time: Duration) -> u64 {
    let (mut expired, mut left) = (0, time);
    while left > Duration::ZERO {
        stage.clock.advance(EVERY.min(left));
        left = left.saturating_sub(EVERY);
        expired += once(stage).await.expired;
    }
    expired
}

async fn once(stage: &Stage) -> Swept {
    sweep(&*stage.home, &stage.hub, &owner(), pending()).await.unwrap().0
}

async fn rounds(stage: &Stage, id: MessageId) -> Vec<Delivery> {
    let mut deliveries = stage.home.store().deliveries_of(id).await.and_then(whole).unwrap();
    deliveries.sort_by_key(|delivery| delivery.key.round);
    deliveries
}

fn told(stage: &Stage) -> Vec<(Option<String>, Option<String>)> {
    let events = stage.world.events.lock().unwrap();
    let dead = events.iter().filter(|event| event.event == EventName::DeliveryDeadLettered);
    dead.map(|event| (event.message_id.clone(), event.reason.clone())).collect()
}

/// Pushed, tried in vain, and then gone from its queue.
async fn tried(stage: &Stage) -> MessageId {
    stage.answers([answer(500, &json!({}))]);
    let id = push(stage, "order:ping").await;
    assert_eq!(stage.dispatch_once().await, 1);
    stage.clock.advance(MINUTE);
    assert_eq!(forget(stage, queue(stage)).await, 1);
    id
}

#[tokio::test]
async fn what_was_tried_and_never_comes_back_expires() {
    let stage = Stage::new().await;
    let id = tried(&stage).await;
    assert_eq!(work(&stage, KEPT - ENOUGH).await, 0, "its queue may have it still");
    assert_eq!(work(&stage, 2 * ENOUGH).await, 1);
    assert_eq!(work(&stage, WELL_SETTLED).await, 0, "once");

    let [delivery] = rounds(&stage, id).await.try_into().unwrap();
    assert_eq!((delivery.state, delivery.reason.as_deref()), (DeliveryState::DeadLettered, Some("expired")));
    assert_eq!((delivery.attempts.len(), delivery.next_attempt_at), (1, None));
    assert_eq!(told(&stage), [(Some(id.to_string()), Some("expired".to_owned()))]);
    let [letter] = redrive::list(&*stage.home, &stage.endpoint()).await.unwrap().try_into().unwrap();
    assert_eq!(
        (letter.reason.as_str(), letter.status.as_deref(), letter.attempts.as_deref()),
        ("expired", Some("500"), Some("1"))
    );

    let sent = redrive::redrive(&*stage.home, &stage.endpoint(), Some(id)).await.unwrap();
    assert!(matches!(&sent[..], [(_, Redriven::Sent(key))] if key.round == 2), "{sent:?}");
    stage.dispatch_once().await;
    assert_eq!(stage.seen().last().unwrap().webhook_id, format!("{id}.2"));
}

/// As many as a page of the sweep holds, and one.
#[tokio::test]
async fn what_is_put_off_for_long_hides_nothing_that_is_over() {
    let stage = Stage::new().await;
    for number in 0..=50 {
        let due = stage.clock.now().checked_add(10 * WEEK).unwrap();
        let known = build::delivery(build::delivery_key(&format!("far{number}")), DeliveryState::Retrying);
        let known =
            Delivery { endpoint: stage.endpoint(), updated_at: stage.clock.now(), next_attempt_at: Some(due), ..known };
        stage.home.store().settle(Settlement::alone(known)).await.unwrap();
    }
    stage.clock.advance(MINUTE);
    let id = tried(&stage).await;
    assert_eq!(work(&stage, KEPT + ENOUGH).await, 1);
    assert_eq!(rounds(&stage, id).await[0].reason.as_deref(), Some("expired"));
}

/// The sweep has sent it again twice, and it was lost each time.
#[tokio::test]
async fn what_never_came_to_be_tried_expires_too() {
    let stage = Stage::new().await;
    let id = lose(&stage, "R1").await.message.message_id;
    stage.clock.advance(ENOUGH);
    assert_eq!(swept(&stage).await, (1, 1));
    assert_eq!(forget(&stage, queue(&stage)).await, 1);
    assert_eq!(rounds(&stage, id).await.len(), 0);
    skip(&stage, MUCH_LATER).await;
    assert_eq!(swept(&stage).await, (1, 1));
    assert_eq!(forget(&stage, queue(&stage)).await, 1);
    assert_eq!(work(&stage, KEPT).await, 0);
    assert_eq!(work(&stage, EVERY).await, 1);
    let [delivery] = rounds(&stage, id).await.try_into().unwrap();
    assert_eq!((delivery.reason.as_deref(), delivery.attempts.len()), (Some("expired"), 0));
    assert_eq!(stage.seen().len(), 0);
}

/// A queue that is there for nobody any more: its promises do not vanish either.
#[tokio::test]
async fn what_could_not_be_sent_again_for_days_expires() {
    let mut stage = Stage::new().await;
    let id = lose(&stage, "R1").await.message.message_id;
    stage.clock.advance(ENOUGH);
    let faults = |plan: &str| Faults::planned(plan.parse().unwrap(), Arc::new(|_| Box::pin(async {})));
    stage.restart(faults("fail@before:queues.send#every:1"));
    work(&stage, WEEK).await;
    stage.restart(Faults::default());
    assert_eq!(forget(&stage, queue(&stage)).await, 0);
    assert_eq!(work(&stage, KEPT).await, 1);
    assert_eq!(rounds(&stage, id).await[0].reason.as_deref(), Some("expired"));
}

/// Locally a queue forgets nothing: what stood in it while the hub was off has a day to be worked off.
#[tokio::test]
async fn nothing_expires_before_the_hub_was_at_work_for_a_day() {
    let stage = Stage::new().await;
    stage.answers([answer(500, &json!({}))]);
    let id = push(&stage, "order:ping").await;
    stage.dispatch_once().await;
    assert_eq!(once(&stage).await.expired, 0);
    skip(&stage, 2 * KEPT).await;
    assert_eq!(work(&stage, WELL_SETTLED - SETTLED - EVERY).await, 0);
    stage.dispatch_once().await;
    assert_eq!(work(&stage, WELL_SETTLED).await, 0);
    assert_eq!(rounds(&stage, id).await[0].state, DeliveryState::Delivered);
}

#[tokio::test]
async fn what_waits_for_a_paused_endpoint_expires_once_its_queue_has_forgotten_it() {
    let stage = Stage::new().await;
    let paused = Paused { since: stage.clock.now(), reason: "gone".to_owned() };
    stage.home.store().set_paused(&stage.endpoint(), Some(paused)).await.unwrap();
    push(&stage, "order:ping").await;
    for _ in 0..20 {
        assert_eq!(stage.dispatch_once().await, 1, "it comes back, and that is recorded");
        assert_eq!(work(&stage, WELL_SETTLED).await, 0);
    }
    assert_eq!(forget(&stage, queue(&stage)).await, 1);
    assert_eq!(work(&stage, KEPT).await, 1);
}

/// As long as it is not due, no queue has it.
#[tokio::test]
async fn what_waits_for_its_time_does_not_expire_before() {
    let stage = Stage::new().await;
    stage.answers([answer(200, &json!({"delay": "7d"}))]);
    let id = push(&stage, "order:ping").await;
    stage.dispatch_once().await;
    assert_eq!(work(&stage, KEPT + WEEK).await, 0);
    assert_eq!(work(&stage, 2 * EVERY).await, 1);
    let states: Vec<_> = rounds(&stage, id).await.iter().map(|one| one.state).collect();
    assert_eq!(states, [DeliveryState::Delivered, DeliveryState::DeadLettered]);
}

/// Where it goes stands in its entry alone, and is found again.
#[tokio::test]
async fn a_question_that_expired_is_asked_again_where_it_was() {
    let stage = Stage::new().await;
    stage.answers([answer(200, &json!({"delay": "1h", "update_url": "/jobs/7"}))]);
    push(&stage, "order:ping").await;
    stage.dispatch_once().await;
    assert_eq!(work(&stage, KEPT + 2 * ENOUGH).await, 1);
    let [letter] = redrive::list(&*stage.home, &stage.endpoint()).await.unwrap().try_into().unwrap();
    let question = letter.delivery.unwrap();
    assert_eq!(forget(&stage, dead_letters(&stage)).await, 1);
    let replayed = replay(&*stage.home, &stage.hub, question.message, None).await.unwrap();
    assert!(matches!(replayed[&question.route].1, Replayed::FromStore(_)), "{replayed:?}");
    // It asks for more time, so the next question follows from it.
    stage.answers([answer(200, &json!({"delay": "1s"}))]);
    stage.dispatch_once().await;
    let seen = stage.seen().pop().unwrap();
    assert_eq!((seen.message(), seen.url.as_str()), ("remote:poll", "http://books.test/jobs/7"));
    stage.settle().await;
    let last = stage.seen().pop().unwrap();
    assert_eq!((&last.body["payload"]["remote"]["poll"], last.url.as_str()), (&json!(2), "http://books.test/jobs/7"));
}

#[tokio::test]
async fn a_store_that_fails_in_between_loses_no_dead_letter() {
    for plan in [
        "fail@before:ledger.silent",
        "fail@before:outbox.messages",
        "fail@before:queues.send",
        "fail@after:queues.send",
        "fail@before:ledger.settle",
        "fail@after:ledger.settle",
    ] {
        let mut stage = Stage::new().await;
        let id = tried(&stage).await;
        assert_eq!(work(&stage, KEPT - ENOUGH).await, 0);
        let done = Arc::new(|_| -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> { Box::pin(async {}) });
        stage.restart(Faults::planned(plan.parse().unwrap(), done));
        stage.clock.advance(EVERY);
        let _ = sweep(&*stage.home, &stage.hub, &owner(), pending()).await;
        stage.clock.advance(EVERY);
        let _ = sweep(&*stage.home, &stage.hub, &owner(), pending()).await;
        stage.restart(Faults::default());
        work(&stage, 2 * EVERY).await;
        assert_eq!(rounds(&stage, id).await[0].reason.as_deref(), Some("expired"), "{plan}");
        assert_eq!(redrive::list(&*stage.home, &stage.endpoint()).await.unwrap().len(), 1, "{plan}");
    }
}

/// More than a page, of which some wait for their time.
#[tokio::test]
async fn all_that_is_over_expires_in_one_sweep() {
    let stage = Stage::new().await;
    for _ in 0..120 {
        tried(&stage).await;
    }
    assert_eq!(work(&stage, KEPT - 3 * ENOUGH).await, 0);
    stage.clock.advance(4 * ENOUGH);
    once(&stage).await;
    assert_eq!(work(&stage, WELL_SETTLED).await, 120);
    assert_eq!(told(&stage).len(), 120);
}

#[tokio::test]
async fn without_its_message_only_the_ledger_tells_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.db");
    let stage = Stage::without_room(&file).await;
    let id = tried(&stage).await;
    work(&stage, KEPT - ENOUGH).await;
    let removed = rusqlite::Connection::open(&file).unwrap().execute("DELETE FROM messages", []);
    assert_eq!(removed, Ok(1));
    assert_eq!(work(&stage, 2 * ENOUGH).await, 1);
    let [delivery] = rounds(&stage, id).await.try_into().unwrap();
    let reason = delivery.reason.unwrap();
    assert!(reason.starts_with("expired: the store has forgotten message"), "{reason}");
    assert_eq!(told(&stage), [(Some(id.to_string()), Some(reason))]);
    assert_eq!(redrive::list(&*stage.home, &stage.endpoint()).await.unwrap(), []);

    let replayed = replay(&*stage.home, &stage.hub, id, None).await.unwrap();
    let Some((_, Replayed::Left { why })) = replayed.into_values().next() else { panic!("nothing is left to send") };
    assert!(why.starts_with("the store has forgotten message"), "{why}");
}

#[tokio::test]
async fn a_dead_letter_is_replayed_whether_its_queue_has_it_or_not() {
    let check = async |forgotten: bool, hub: &str, expected: &str| {
        let stage = Stage::new().await;
        stage.answers([answer(422, &json!({}))]);
        let id = push(&stage, "order:ping").await;
        stage.dispatch_once().await;
        if forgotten {
            assert_eq!(forget(&stage, dead_letters(&stage)).await, 1);
        }
        let hub = crossdock_core::hub::load("hub.yaml", hub, &|_| None).unwrap().hub;
        let other: EndpointName = "other".parse().unwrap();
        assert!(replay(&*stage.home, &hub, id, Some(&other)).await.unwrap().is_empty());
        let replayed = replay(&*stage.home, &hub, id, Some(&stage.endpoint())).await.unwrap();
        let [(endpoint, became)] = replayed.into_values().collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(endpoint, stage.endpoint());
        let (said, sent) = match became {
            Replayed::FromQueue(Redriven::Sent(key)) => ("queue", key.round),
            Replayed::FromStore(key) => ("store", key.round),
            Replayed::Left { .. } => ("left", 0),
            Replayed::Alive(_) | Replayed::FromQueue(_) => ("else", 0),
        };
        assert_eq!(said, expected, "{forgotten}");
        if sent == 0 {
            return;
        }
        assert_eq!(sent, 2);
        stage.dispatch_once().await;
        let seen = stage.seen().pop().unwrap();
        assert_eq!((&seen.webhook_id, seen.message()), (&format!("{id}.2"), "order:ping"), "the whole message");
        assert_eq!(redrive::list(&*stage.home, &stage.endpoint()).await.unwrap(), []);
        let again = replay(&*stage.home, &hub, id, None).await.unwrap().into_values().next().unwrap().1;
        assert_eq!(again, Replayed::Alive(DeliveryState::Delivered));
    };
    check(false, HUB, "queue").await;
    check(true, HUB, "store").await;
    check(true, &HUB.replace("{name: all,", "{name: other,"), "left").await;
    let moved = HUB
        .replace("to: books", "to: other")
        .replace("endpoints:", "endpoints:\n  other: {url: \"http://other.test\"}");
    check(true, &moved, "left").await;
}
