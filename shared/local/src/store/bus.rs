//! [`Bus`] on SQLite: an entry in the queue of every endpoint that a message is for, in one transaction per message.
//! Which those are is decided outside, by the same patterns that EventBridge's rules would have.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use crossdock_core::{
    Timestamp,
    id::{EndpointName, RouteName},
    message::Message,
    port::{Bus, Entry, PortError, QueueName},
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::queues::{EntryRow, LocalQueues, store_entry, stored_name};

/// The enabled routes that match a message, each with the endpoint it goes to; or why that cannot be told.
pub type Targets = dyn Fn(&Message) -> Result<Vec<(RouteName, EndpointName)>, String> + Send + Sync;

#[derive(Clone)]
pub struct LocalBus {
    queues: LocalQueues,
    targets: Arc<Targets>,
}

impl fmt::Debug for LocalBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBus").finish_non_exhaustive()
    }
}

impl LocalBus {
    pub fn new(queues: LocalQueues, targets: Arc<Targets>) -> Self {
        Self { queues, targets }
    }

    fn copies(&self, message: &Message, now: Timestamp) -> Result<Vec<(QueueName, EntryRow)>, PortError> {
        let targets = (self.targets)(message).map_err(|why| {
            PortError::permanent(format!("the routes of message {} could not be told: {why}", message.message_id))
        })?;
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let unwritable = |_| PortError::permanent(format!("message {} cannot be written", message.message_id));
        let message = to_raw_value(message).map_err(unwritable)?;
        targets
            .into_iter()
            .map(|(route, endpoint)| {
                let body = serde_json::to_string(&Copy { route: &route, round: 1, message: &message });
                let entry =
                    Entry { body: body.map_err(unwritable)?, attributes: BTreeMap::new(), delay: Duration::ZERO };
                Ok((QueueName::Endpoint(endpoint), EntryRow::of(entry, now)?))
            })
            .collect()
    }
}

/// A [`QueueBody`](crossdock_core::port::QueueBody) around a message that is written once for all its routes.
#[derive(Serialize)]
struct Copy<'a> {
    route: &'a RouteName,
    round: u32,
    message: &'a RawValue,
}

impl Bus for LocalBus {
    async fn publish(&self, messages: &[Message]) -> Vec<Result<(), PortError>> {
        let now = self.queues.now();
        let copies: Vec<_> = messages.iter().map(|message| self.copies(message, now)).collect();
        let woken: BTreeSet<QueueName> = copies.iter().flatten().flatten().map(|(queue, _)| queue.clone()).collect();
        let publishing = self.queues.database().writer().write_each(copies, |connection, copies| {
            for (queue, row) in copies {
                store_entry(connection, &stored_name(&queue), &row)?;
            }
            Ok(())
        });
        let outcomes = publishing.await;
        for queue in woken {
            self.queues.wake(&queue);
        }
        outcomes
    }
}
