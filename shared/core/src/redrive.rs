//! The dead letters of an endpoint: looking at them, and sending them on their way again.
//!
//! A redrive starts a new round of each delivery: its own attempts, its own `webhook-id`. The new entry is sent before
//! the dead letter is deleted; a crash in between leaves a dead letter whose redrive sends the same round again, which
//! the ledger knows.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    id::{DeliveryKey, EndpointName, MessageId, MessageType},
    port::{
        Delivery, DeliveryState, Entry, Home, Ledger, PortError, QueueBody, QueueName, Queues, Received, Settlement,
    },
};

/// How long dead letters are hidden while they are looked at.
const LOOKING: Duration = Duration::from_secs(30);

/// One dead letter.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    pub endpoint: EndpointName,
    /// `None`: the body could not be read.
    pub delivery: Option<DeliveryKey>,
    pub message: Option<MessageType>,
    pub object: Option<String>,
    pub reason: String,
    pub status: Option<String>,
    pub attempts: Option<String>,
    pub sent_at: crate::Timestamp,
}

/// What happened to one dead letter.
#[derive(Debug, Clone, PartialEq)]
pub enum Redriven {
    /// On its way again under this key.
    Sent(DeliveryKey),
    /// Cannot be sent again; stays where it is.
    Left { why: String },
}

/// All dead letters of an endpoint, the oldest first; two copies of one delivery are shown once.
pub async fn list<H: Home>(home: &H, endpoint: &EndpointName) -> Result<Vec<DeadLetter>, PortError> {
    let queue = QueueName::DeadLetters(endpoint.clone());
    let received = receive_all(home, &queue).await?;
    for one in &received {
        // Looking must not keep a redrive waiting.
        home.queues().change_visibility(&queue, &one.receipt, Duration::ZERO).await?;
    }
    let mut letters: Vec<DeadLetter> = Vec::with_capacity(received.len());
    for letter in received.iter().map(|received| dead_letter(endpoint, received)) {
        let copy = letter.delivery.is_some() && letters.iter().any(|known| known.delivery == letter.delivery);
        if !copy {
            letters.push(letter);
        }
    }
    letters.sort_by_key(|letter| letter.sent_at);
    Ok(letters)
}

/// Sends dead letters on their way again: those of one message, or all.
pub async fn redrive<H: Home>(
    home: &H,
    endpoint: &EndpointName,
    only: Option<MessageId>,
) -> Result<Vec<(DeadLetter, Redriven)>, PortError> {
    let queue = QueueName::DeadLetters(endpoint.clone());
    let mut done = Vec::new();
    for received in receive_all(home, &queue).await? {
        let letter = dead_letter(endpoint, &received);
        let wanted = only.is_none_or(|id| letter.delivery.as_ref().is_some_and(|key| key.message == id));
        if !wanted {
            home.queues().change_visibility(&queue, &received.receipt, Duration::ZERO).await?;
            continue;
        }
        let outcome = match serde_json::from_str::<QueueBody>(&received.body) {
            Err(error) => {
                home.queues().change_visibility(&queue, &received.receipt, Duration::ZERO).await?;
                Redriven::Left { why: format!("unreadable: {error}") }
            }
            Ok(body) => {
                let key = send_again(home, endpoint, &letter, body).await?;
                home.queues().delete(&queue, &received.receipt).await?;
                Redriven::Sent(key)
            }
        };
        done.push((letter, outcome));
    }
    Ok(done)
}

async fn send_again<H: Home>(
    home: &H,
    endpoint: &EndpointName,
    letter: &DeadLetter,
    mut body: QueueBody,
) -> Result<DeliveryKey, PortError> {
    let known = home.store().deliveries_of(body.message.message_id).await?;
    let latest = known.into_iter().filter(|delivery| delivery.key.route == body.route).max_by_key(|one| one.key.round);
    body.round = match latest {
        Some(delivery) if delivery.key.round > body.round => match delivery.state.ended() {
            true => delivery.key.round + 1,
            // An earlier redrive is still on its way.
            false => delivery.key.round,
        },
        Some(delivery) if delivery.state.ended() => body.round + 1,
        open => {
            // The queue itself gave up on it: the ledger has not heard of the end yet.
            end(home, endpoint, &body, letter, open).await?;
            body.round + 1
        }
    };
    let text = serde_json::to_string(&body).map_err(|error| PortError::permanent(error.to_string()))?;
    let entry = Entry { body: text, attributes: BTreeMap::new(), delay: Duration::ZERO };
    let queue = QueueName::Endpoint(endpoint.clone());
    let mut answers = home.queues().send(&queue, vec![entry]).await;
    answers.pop().unwrap_or_else(|| Err(PortError::transient("the queue gave no answer")))?;
    Ok(body.key())
}

async fn end<H: Home>(
    home: &H,
    endpoint: &EndpointName,
    body: &QueueBody,
    letter: &DeadLetter,
    open: Option<Delivery>,
) -> Result<(), PortError> {
    let now = home.clock().now();
    let delivery = Delivery {
        key: body.key(),
        endpoint: endpoint.clone(),
        state: DeliveryState::DeadLettered,
        attempts: open.as_ref().map(|open| open.attempts.clone()).unwrap_or_default(),
        receives: open.map_or(0, |open| open.receives),
        updated_at: now,
        next_attempt_at: None,
        reason: Some(letter.reason.clone()),
        answer: None,
        next_round: false,
    };
    let settlement = Settlement { delivery, parameters: Vec::new(), pause: None, messages: Vec::new() };
    home.store().settle(settlement).await.map(|_| ())
}

async fn receive_all<H: Home>(home: &H, queue: &QueueName) -> Result<Vec<Received>, PortError> {
    let mut all = Vec::new();
    loop {
        let batch = home.queues().receive(queue, 10, LOOKING).await?;
        if batch.is_empty() {
            return Ok(all);
        }
        all.extend(batch);
    }
}

fn dead_letter(endpoint: &EndpointName, received: &Received) -> DeadLetter {
    let body: Option<QueueBody> = serde_json::from_str(&received.body).ok();
    let attribute = |name: &str| received.attributes.get(name).cloned();
    DeadLetter {
        endpoint: endpoint.clone(),
        delivery: body.as_ref().map(QueueBody::key),
        message: body.as_ref().map(|body| body.message.message.clone()),
        object: body.and_then(|body| body.message.object).map(|object| object.id),
        reason: attribute("reason").unwrap_or_else(|| "received too often without an outcome".to_owned()),
        status: attribute("status"),
        attempts: attribute("attempts"),
        sent_at: received.sent_at,
    }
}
