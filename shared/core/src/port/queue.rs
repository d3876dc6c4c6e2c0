//! The queues: one per endpoint, and its dead-letter queue. They behave as SQS standard queues do.

use std::{collections::BTreeMap, future::Future, time::Duration};

use serde::{Deserialize, Serialize};

use super::PortError;
use crate::{
    Timestamp,
    id::{DeliveryKey, EndpointName, MessageId, RouteName},
    message::Carried,
};

/// The body of a queue entry; the rule's input transformer writes the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueueBody {
    pub route: RouteName,
    /// Left out by the bus, which knows of first rounds only.
    #[serde(default = "first_round")]
    pub round: u32,
    pub message: Carried,
    /// Where a `remote:poll` goes. No rule of a bus writes this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Remote>,
}

/// An endpoint's question put off: what it accepted without finishing it, and where to ask for the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// As the answer gave it: absolute, or relative to the endpoint's URL.
    pub update_url: String,
    /// How often it is asked with this one, counted from 1.
    pub poll: u32,
    /// The delivery whose answer began it.
    pub of: MessageId,
    pub of_round: u32,
}

fn first_round() -> u32 {
    1
}

impl QueueBody {
    /// The same message for the same route, once more.
    pub fn next_round(mut self) -> Result<Entry, PortError> {
        self.round += 1;
        let body = serde_json::to_string(&self).map_err(|error| PortError::permanent(error.to_string()))?;
        Ok(Entry { body, attributes: BTreeMap::new(), delay: Duration::ZERO })
    }

    pub fn key(&self) -> DeliveryKey {
        DeliveryKey { message: self.message.envelope.message_id, route: self.route.clone(), round: self.round }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueName {
    Endpoint(EndpointName),
    DeadLetters(EndpointName),
}

impl QueueName {
    pub fn endpoint(&self) -> &EndpointName {
        match self {
            Self::Endpoint(name) | Self::DeadLetters(name) => name,
        }
    }
}

/// What goes into a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub body: String,
    /// Message attributes; on a dead letter `reason`, `status`, `attempts`, `message_id`.
    pub attributes: BTreeMap<String, String>,
    /// Until it can be received for the first time; at most 15 minutes.
    pub delay: Duration,
}

/// What came out of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Good for this receive only.
    pub receipt: String,
    pub body: String,
    pub attributes: BTreeMap<String, String>,
    /// How often it was received, this time included.
    pub receive_count: u32,
    pub sent_at: Timestamp,
}

/// The entries of one queue, for looking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounts {
    pub visible: u64,
    /// Received, and neither deleted nor visible again.
    pub hidden: u64,
    /// Sent with a delay that still runs.
    pub delayed: u64,
}

impl QueueCounts {
    pub fn total(self) -> u64 {
        self.visible + self.hidden + self.delayed
    }
}

pub trait Queues: Send + Sync {
    /// One answer per entry, in order.
    fn send(&self, queue: &QueueName, entries: Vec<Entry>) -> impl Future<Output = Vec<Result<(), PortError>>> + Send;

    /// One entry.
    fn send_one(&self, queue: &QueueName, entry: Entry) -> impl Future<Output = Result<(), PortError>> + Send {
        async move {
            let answer = self.send(queue, vec![entry]).await.pop();
            answer.unwrap_or_else(|| Err(PortError::transient("the queue gave no answer")))
        }
    }

    /// Up to `max` (at most 10) visible entries, each hidden for `visibility` from now. Waits for a second at most. An entry whose
    /// receive count has passed the queue's limit goes to the dead-letter queue instead of being returned.
    fn receive(
        &self,
        queue: &QueueName,
        max: usize,
        visibility: Duration,
    ) -> impl Future<Output = Result<Vec<Received>, PortError>> + Send;

    /// Visible again after `after` from now; at most 12 hours. A receipt that is no longer good is an error.
    fn change_visibility(
        &self,
        queue: &QueueName,
        receipt: &str,
        after: Duration,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Deleting twice, or what another receive has taken over, is no error.
    fn delete(&self, queue: &QueueName, receipt: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}
