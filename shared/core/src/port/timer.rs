//! Deliveries that wait for a time: the one mechanism for every wait that a queue's visibility cannot hold
//! (`docs/adr/0024-timers.md`).
//!
//! A timer is stored in the transaction that records its delivery as waiting ([`super::Settlement::next`]). Whoever takes it
//! holds it for a while, sends its entry, and removes it; if that one dies in between, the hold runs out and another
//! takes it. So an entry is sent at least once, and a second copy is one that the ledger knows.

use std::future::Future;

use super::{Delivery, DeliveryState, PortError};
use crate::{
    Timestamp,
    id::{DeliveryKey, EndpointName},
    message::MessageRecord,
};

/// One entry, and when it is to be received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    pub key: DeliveryKey,
    pub endpoint: EndpointName,
    pub due: Timestamp,
    /// Of the entry: a [`super::QueueBody`] as JSON.
    pub body: String,
    /// Someone is about to send it, and nobody else takes it before this time.
    pub held_until: Option<Timestamp>,
}

impl Timer {
    /// The ledger's record of its delivery, as it is before the first attempt.
    pub fn waiting(&self, now: Timestamp) -> Delivery {
        Delivery {
            key: self.key.clone(),
            endpoint: self.endpoint.clone(),
            state: DeliveryState::Waiting,
            attempts: Vec::new(),
            receives: 0,
            updated_at: now,
            next_attempt_at: Some(self.due),
            reason: None,
            answer: None,
            next_round: false,
            untracked: false,
        }
    }
}

/// What is to come of an outcome later, stored with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// Its delivery is recorded as waiting. If the ledger knows that delivery already, all of this is left as it is.
    pub timer: Timer,
    /// Stored without a pending mark, because it goes over no bus: to this delivery's route and nowhere else.
    pub message: Option<MessageRecord>,
}

pub trait Timers: Send + Sync {
    /// Up to `limit` timers that are due before `before` and that nobody holds at `now`, in no order; from then on held
    /// until `until`.
    fn take(
        &self,
        before: Timestamp,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Timer>, PortError>> + Send;

    /// Their entries are in their queues. Removing one that is gone is no error.
    fn remove(&self, timers: &[Timer]) -> impl Future<Output = Result<(), PortError>> + Send;
}
