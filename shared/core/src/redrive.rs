//! The dead letters of an endpoint: looking at them, and sending them on their way again.
//!
//! A redrive starts a new round of each delivery: its own attempts, its own `webhook-id`. The new entry is sent before
//! the dead letter is deleted; a crash in between leaves a dead letter whose redrive sends the same round again, which
//! the ledger knows. A letter that the ledger has overtaken (a crash between dead letter and ledger, and then a delivery)
//! is only cleared away.
//!
//! A queue itself may give up on an entry whose delivery has ended well, while something of it was still to be done: the
//! objects of its answer are not tracked yet, or the round that it asked for is not in its queue yet. Such a letter goes back
//! as the same round, and the dispatcher does the rest.
//!
//! A queue forgets its letters, too. What the ledger still calls dead is sent again from the store then (`replay`).

mod replay;

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

pub use self::replay::{Replayed, replay};

use crate::{
    id::{DeliveryKey, EndpointName, MessageId, MessageType},
    port::{
        Delivery, DeliveryState, Entry, Home, Ledger, PortError, QueueBody, QueueName, Queues, Read, Received,
        Settlement,
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
    /// The delivery has ended well; what was left of it is done.
    Finishing(DeliveryKey),
    /// Nothing is left to do: the delivery has ended well, or is on its way again already. The letter is deleted.
    Done(DeliveryKey),
    /// Cannot be sent again; stays where it is.
    Left { why: String },
}

/// All dead letters of an endpoint, the oldest first; two copies of one delivery are shown once, and what the ledger has
/// overtaken is not shown.
pub async fn list<H: Home>(home: &H, endpoint: &EndpointName) -> Result<Vec<DeadLetter>, PortError> {
    let mut letters: Vec<DeadLetter> = Vec::new();
    let mut seen = Seen::new(home, endpoint);
    while let Some(received) = seen.next().await? {
        let letter = dead_letter(endpoint, &received);
        let copy = letter.delivery.is_some() && letters.iter().any(|known| known.delivery == letter.delivery);
        let is_over = match &letter.delivery {
            Some(key) => known(home, endpoint, key).await?.is_ok_and(|known| known.is_over()),
            None => false,
        };
        if !copy && !is_over {
            letters.push(letter);
        }
        seen.keep(received);
    }
    seen.give_back().await;
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
    let mut seen = Seen::new(home, endpoint);
    while let Some(received) = seen.next().await? {
        let letter = dead_letter(endpoint, &received);
        let wanted = only.is_none_or(|id| letter.delivery.as_ref().is_some_and(|key| key.message == id));
        if !wanted {
            seen.keep(received);
            continue;
        }
        let outcome = match serde_json::from_str::<QueueBody>(&received.body) {
            Err(error) => {
                seen.keep(received);
                Redriven::Left { why: format!("unreadable: {error}") }
            }
            Ok(body) => {
                let outcome = send_again(home, endpoint, &letter, &received.body, body).await?;
                match outcome {
                    Redriven::Left { .. } => seen.keep(received),
                    _ => home.queues().delete(&queue, &received.receipt).await?,
                }
                outcome
            }
        };
        done.push((letter, outcome));
    }
    seen.give_back().await;
    Ok(done)
}

/// What the ledger knows of a letter's delivery.
struct Known {
    /// The letter's own round.
    own: Option<Delivery>,
    /// A later round for the same route.
    later: bool,
}

/// An error where the letter's own round cannot be read; other records of its message harm it in nothing.
async fn known<H: Home>(home: &H, endpoint: &EndpointName, key: &DeliveryKey) -> Result<Read<Known>, PortError> {
    let found = home.store().deliveries_of(key.message).await?;
    let readable: Vec<&Delivery> = found.iter().flatten().filter(|delivery| delivery.key.route == key.route).collect();
    let later = readable.iter().any(|delivery| delivery.key.round > key.round);
    let own = match readable.into_iter().find(|delivery| delivery.key == *key) {
        Some(own) => Ok(Some(own.clone())),
        None if found.iter().all(Result::is_ok) => Ok(None),
        None => {
            let opened = home.store().open(endpoint, std::slice::from_ref(key), &[]).await?;
            opened.deliveries.into_iter().next().unwrap_or(Ok(None))
        }
    };
    Ok(own.map(|own| Known { own, later }))
}

impl Known {
    /// It ended as something else than a dead letter, and not all that comes of that is done.
    fn is_unfinished(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.untracked || (own.next_round && !self.later))
    }

    /// Nothing is left to do: a later round has begun, or this one ended as something else than a dead letter.
    fn is_over(&self) -> bool {
        let ended = self.own.as_ref().is_some_and(|own| own.state.ended() && own.state != DeliveryState::DeadLettered);
        (self.later || ended) && !self.is_unfinished()
    }
}

async fn send_again<H: Home>(
    home: &H,
    endpoint: &EndpointName,
    letter: &DeadLetter,
    text: &str,
    body: QueueBody,
) -> Result<Redriven, PortError> {
    let known = match known(home, endpoint, &body.key()).await? {
        Ok(known) => known,
        Err(error) => return Ok(Redriven::Left { why: error.to_string() }),
    };
    let queue = QueueName::Endpoint(endpoint.clone());
    if known.is_unfinished() {
        let entry = Entry { body: text.to_owned(), attributes: BTreeMap::new(), delay: Duration::ZERO };
        home.queues().send_one(&queue, entry).await?;
        return Ok(Redriven::Finishing(body.key()));
    }
    if known.is_over() {
        return Ok(Redriven::Done(body.key()));
    }
    if known.own.as_ref().is_none_or(|own| !own.state.ended()) {
        // The queue itself gave up on it: the ledger has not heard of the end yet.
        end(home, endpoint, &body, letter, known.own).await?;
    }
    let key = DeliveryKey { round: body.round + 1, ..body.key() };
    home.queues().send_one(&queue, body.next_round()?).await?;
    Ok(Redriven::Sent(key))
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
        untracked: false,
    };
    home.store().settle(Settlement::alone(delivery)).await.map(|_| ())
}

/// Dead letters one by one, each once: a queue may be longer than letters stay hidden.
struct Seen<'a, H: Home> {
    home: &'a H,
    queue: QueueName,
    batch: Vec<Received>,
    kept: Vec<Received>,
    known: HashSet<(crate::Timestamp, String)>,
}

impl<'a, H: Home> Seen<'a, H> {
    fn new(home: &'a H, endpoint: &EndpointName) -> Self {
        let queue = QueueName::DeadLetters(endpoint.clone());
        Self { home, queue, batch: Vec::new(), kept: Vec::new(), known: HashSet::new() }
    }

    async fn next(&mut self) -> Result<Option<Received>, PortError> {
        if self.batch.is_empty() {
            self.batch = self.home.queues().receive(&self.queue, 10, LOOKING).await?;
            self.batch.reverse();
        }
        // One that was kept and has come back: so have all that come after it.
        let next = self.batch.pop();
        let name = next.as_ref().map(|one| (one.sent_at, one.body.clone()));
        match name {
            Some(name) if self.known.contains(&name) => {
                self.kept.extend(next);
                self.kept.append(&mut self.batch);
                Ok(None)
            }
            name => {
                self.known.extend(name);
                Ok(next)
            }
        }
    }

    fn keep(&mut self, received: Received) {
        self.kept.push(received);
    }

    /// Looking must not keep a redrive waiting. Whatever cannot be given back comes back by itself.
    async fn give_back(self) {
        for one in &self.kept {
            let _ = self.home.queues().change_visibility(&self.queue, &one.receipt, Duration::ZERO).await;
        }
    }
}

fn dead_letter(endpoint: &EndpointName, received: &Received) -> DeadLetter {
    let body: Option<QueueBody> = serde_json::from_str(&received.body).ok();
    let attribute = |name: &str| received.attributes.get(name).cloned();
    DeadLetter {
        endpoint: endpoint.clone(),
        delivery: body.as_ref().map(QueueBody::key),
        message: body.as_ref().map(|body| body.message.envelope.message.clone()),
        object: body.and_then(|body| body.message.envelope.object).map(|object| object.id),
        reason: attribute("reason").unwrap_or_else(|| "received too often without an outcome".to_owned()),
        status: attribute("status"),
        attempts: attribute("attempts"),
        sent_at: received.sent_at,
    }
}
