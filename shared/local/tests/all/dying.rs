//! What a hub makes of an entry that it never got to the end of: was it the entry, or something else?

use std::{sync::Arc, time::Duration};

use crossdock_core::{
    dispatch::{Dispatcher, Disposition},
    fault::Faults,
    id::MessageId,
    port::{Attempt, DeliveryState, Home, Ledger, QueueName, Queues, whole},
};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    delivering::{only, push},
    stage::{Stage, answer},
};

/// Longer than an entry stays hidden.
const WHILE: Duration = Duration::from_secs(61);

/// Received, and never heard of again.
async fn vanish(stage: &Stage) {
    let queue = QueueName::Endpoint(stage.endpoint());
    assert_eq!(stage.home.queues().receive(&queue, 10, Duration::from_secs(60)).await.unwrap().len(), 1);
    stage.clock.advance(WHILE);
}

/// Dies at this point of a dispatch; `false` where the dispatch ends without passing it. Starts again after a while.
pub(crate) async fn die(stage: &mut Stage, at: &str) -> bool {
    let died = die_for_a_moment(stage, at).await;
    stage.clock.advance(WHILE);
    died
}

/// The same, and starts again at once.
pub(crate) async fn die_for_a_moment(stage: &mut Stage, at: &str) -> bool {
    let reached = Arc::new(Notify::new());
    let telling = reached.clone();
    let sleep = move |_| {
        telling.notify_one();
        Box::pin(std::future::pending()) as futures_util::future::BoxFuture<'static, ()>
    };
    stage.restart(Faults::planned(format!("delay:0@{at}").parse().unwrap(), Arc::new(sleep)));
    let died = tokio::select! {
        _ = stage.dispatch_once() => false,
        () = reached.notified() => true,
    };
    stage.restart(Faults::default());
    died
}

async fn attempts(stage: &Stage, id: MessageId) -> Vec<Attempt> {
    let deliveries = stage.home.store().deliveries_of(id).await.and_then(whole).unwrap();
    deliveries.into_iter().flat_map(|delivery| delivery.attempts).collect()
}

#[tokio::test]
async fn a_message_that_kills_the_dispatcher_is_poison_in_the_end() {
    let mut stage = Stage::new().await;
    let id = push(&stage, "order:ping").await;
    for _ in 0..6 {
        // The first ones leave no trace but the queue's own count.
        assert!(die(&mut stage, "before:endpoint.post").await);
    }
    for begun in 1..=5 {
        assert_eq!(attempts(&stage, id).await.len(), begun);
        if begun < 5 {
            assert!(die(&mut stage, "before:endpoint.post").await);
        }
    }
    assert!(!die(&mut stage, "before:endpoint.post").await, "it is not tried once more");
    assert_eq!(only(&stage, id).await.reason.as_deref(), Some("poison"));
    assert_eq!(stage.dead_letters().await[0].reason, "poison");
}

#[tokio::test]
async fn a_suspect_that_comes_to_an_end_is_none_any_more() {
    let mut stage = Stage::new().await;
    let id = push(&stage, "order:ping").await;
    for _ in 0..9 {
        assert!(die(&mut stage, "before:endpoint.post").await);
    }
    assert_eq!(attempts(&stage, id).await.len(), 4);
    stage.answers([answer(500, &Value::Null)]);
    stage.dispatch_once().await;
    let failed: Vec<_> = attempts(&stage, id).await.into_iter().map(|attempt| attempt.status).collect();
    assert_eq!(failed, [Some(500)], "what was only begun is no attempt");
    stage.clock.advance(WHILE);
    for _ in 0..5 {
        // One more would have been too many.
        assert!(die(&mut stage, "before:endpoint.post").await);
    }
    stage.dispatch_once().await;
    assert_eq!(only(&stage, id).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn receives_that_end_in_nothing_alone_are_no_poison() {
    let stage = Stage::new().await;
    let id = push(&stage, "order:ping").await;
    for _ in 0..30 {
        vanish(&stage).await;
    }
    stage.dispatch_once().await;
    assert_eq!(only(&stage, id).await.state, DeliveryState::Delivered);
    assert_eq!(attempts(&stage, id).await.len(), 1);
}

/// Whichever call of the store fails, and be it for as long as it may.
#[tokio::test]
async fn trouble_with_the_store_is_no_poison() {
    for plan in [
        "fail@before:ledger.open#every:1",
        "fail@before:ledger.settle#every:1",
        "fail@after:ledger.settle#every:1",
        // That it was begun is stored, its outcome not.
        "fail@before:ledger.settle#every:2",
        "fail@before:queues.change_visibility#every:1",
        "fail@before:queues.delete#every:1",
    ] {
        let mut stage = Stage::new().await;
        let id = push(&stage, "order:ping").await;
        stage.answers([answer(500, &Value::Null), answer(500, &Value::Null)]);
        for _ in 0..5 {
            vanish(&stage).await;
        }
        for _ in 0..40 {
            let faults = Faults::planned(plan.parse().unwrap(), Arc::new(|_| Box::pin(async {})));
            stage.restart(faults);
            stage.dispatch_once().await;
            stage.clock.advance(WHILE);
        }
        stage.restart(Faults::default());
        stage.settle().await;
        assert_eq!(stage.dead_letters().await, [], "{plan}");
        assert_eq!(only(&stage, id).await.state, DeliveryState::Delivered, "{plan}");
    }
}

/// Receives everything that is visible, and gives it back without having begun; whether any of it was suspect.
async fn give_back(stage: &Stage) -> bool {
    let queue = QueueName::Endpoint(stage.endpoint());
    let received = stage.home.queues().receive(&queue, 10, Duration::from_secs(60)).await.unwrap();
    let dispatcher = Dispatcher::new(stage.home.clone(), stage.hub.clone(), stage.router.clone());
    let jobs = dispatcher.prepare(&stage.endpoint(), received).await;
    assert_eq!(jobs.len(), 1);
    let mut suspect = false;
    for job in jobs {
        suspect |= job.suspect;
        let receipt = job.received.receipt.clone();
        assert_eq!(dispatcher.give_back(&stage.endpoint(), job).await, Disposition::RetryIn(Duration::ZERO));
        stage.home.queues().change_visibility(&queue, &receipt, Duration::ZERO).await.unwrap();
    }
    suspect
}

#[tokio::test]
async fn to_be_given_back_is_no_sign_of_poison() {
    let stage = Stage::new().await;
    let id = push(&stage, "order:ping").await;
    for _ in 0..20 {
        assert!(!give_back(&stage).await);
    }
    assert_eq!(attempts(&stage, id).await, [], "none was made");
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:ping"]);
    assert_eq!(attempts(&stage, id).await.len(), 1);
}

#[tokio::test]
async fn what_is_suspect_stays_suspect_when_it_is_given_back() {
    let mut stage = Stage::new().await;
    let id = push(&stage, "order:ping").await;
    for _ in 0..6 {
        assert!(die(&mut stage, "before:endpoint.post").await);
    }
    let begun = attempts(&stage, id).await.len();
    assert_eq!(begun, 1, "the sixth was begun alone");
    assert!(give_back(&stage).await && give_back(&stage).await);
    assert_eq!(attempts(&stage, id).await.len(), begun, "the mark is still there");
}
