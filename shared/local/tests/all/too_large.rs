//! Messages that do not fit through a bus: what came pruned is fetched, what no bus takes is told of.

use std::{collections::BTreeMap, future::pending, time::Duration};

use crossdock_core::{
    claim,
    id::MessageId,
    port::{DeliveryState, Entry, Home, Outbox, QueueBody, QueueName, Queues, whole},
    publish::publish_stale,
};
use serde_json::json;

use crate::{
    delivering::{only, push},
    stage::{Stage, owner},
};

/// Puts claims on these messages, in this order, into the queue in place of what the bus put there.
async fn claim_only(stage: &Stage, ids: &[MessageId], lost: &[MessageId]) {
    let queue = QueueName::Endpoint(stage.endpoint());
    for received in stage.home.queues().receive(&queue, 10, Duration::from_secs(60)).await.unwrap() {
        stage.home.queues().delete(&queue, &received.receipt).await.unwrap();
    }
    for record in stage.home.store().messages(ids).await.and_then(whole).unwrap() {
        let mut message = record.unwrap().message;
        if lost.contains(&message.message_id) {
            message.message_id = MessageId::from_bytes([0x8f; 16]);
        }
        let message = claim::reference(&message).unwrap();
        let body = QueueBody { route: "all".parse().unwrap(), round: 1, message, remote: None };
        let body = serde_json::to_string(&body).unwrap();
        assert!(!body.contains("\"n\":1"), "{body}");
        let entry = Entry { body, attributes: BTreeMap::new(), delay: Duration::ZERO };
        assert_eq!(stage.home.queues().send(&queue, vec![entry.clone(), entry]).await, [Ok(()), Ok(())]);
    }
}

#[tokio::test]
async fn the_dispatcher_fetches_what_came_pruned() {
    let stage = Stage::new().await;
    let id = push(&stage, "order:ping").await;
    claim_only(&stage, &[id], &[]).await;
    stage.settle().await;
    assert_eq!(only(&stage, id).await.state, DeliveryState::Delivered);
    for seen in stage.seen() {
        assert_eq!(seen.body["payload"], json!({"n": 1}));
        assert!(seen.body.get("payload_ref").is_none(), "{}", seen.body);
    }
}

#[tokio::test]
async fn what_the_store_does_not_have_any_more_becomes_a_dead_letter_and_says_so() {
    let stage = Stage::new().await;
    let (lost, kept) = (push(&stage, "order:ping").await, push(&stage, "order:pong").await);
    claim_only(&stage, &[lost, kept], &[lost]).await;
    stage.settle().await;
    let dead = only(&stage, MessageId::from_bytes([0x8f; 16])).await;
    assert_eq!(dead.state, DeliveryState::DeadLettered);
    let reason = "the entry only refers to its message, and the store does not have it any more";
    assert_eq!((dead.reason.as_deref(), dead.attempts.len()), (Some(reason), 0));
    assert_eq!(only(&stage, kept).await.state, DeliveryState::Delivered);
    assert!(stage.arrived().iter().all(|kind| kind == "order:pong"), "{:?}", stage.arrived());
}

#[tokio::test]
async fn a_message_that_no_bus_takes_is_told_of_and_stands_in_nobodys_way() {
    let stage = Stage::new().await;
    let huge = push(&stage, "order:huge").await;
    let other = push(&stage, "order:ping").await;
    let dead = only(&stage, huge).await;
    assert_eq!((dead.state, dead.attempts.len()), (DeliveryState::DeadLettered, 0));
    assert!(dead.reason.as_deref().unwrap().ends_with("it is too large for this bus"), "{dead:?}");

    stage.settle().await;
    assert_eq!(only(&stage, other).await.state, DeliveryState::Delivered);
    let told: Vec<_> = stage.seen().into_iter().filter(|seen| seen.message() == "notification:error").collect();
    let [told] = &told[..] else { panic!("told {} times", told.len()) };
    let notification = &told.body["payload"]["notification"];
    assert_eq!(notification["message_id"], json!(huge));
    assert_eq!(notification["description"], json!(dead.reason));
    assert_eq!(told.body["parent_id"], json!(huge));
    // Nothing is pending, and nothing is told twice.
    let (again, _) = publish_stale(&*stage.home, &stage.router, &owner(), pending()).await.unwrap();
    assert!(again.accepted == 0 && again.refused.is_none(), "{again:?}");
}
