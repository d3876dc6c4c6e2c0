//! [`Bus`] on SQLite: an entry in the queue of every endpoint that a message is for, in one transaction per message.
//! Which those are is decided outside, by the same patterns that EventBridge's rules would have.
//!
//! An entry names its message, which the writer of the message has stored. One that is not stored is copied.

use std::{collections::BTreeSet, fmt, sync::Arc};

use crossdock_core::{
    id::{EndpointName, MessageId, RouteName},
    message::Message,
    port::{Bus, PortError, QueueName},
};
use rusqlite::OptionalExtension;

use super::{
    codec::to_json,
    queues::{Content, EntryRow, LocalQueues, copy_body, store_entry, stored_name},
};

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

/// The entries that one message makes, each with its queue.
type Copies = Vec<(QueueName, EntryRow)>;

impl LocalBus {
    pub fn new(queues: LocalQueues, targets: Arc<Targets>) -> Self {
        Self { queues, targets }
    }

    fn copies(&self, message: &Message, stored: Option<i64>) -> Result<Copies, PortError> {
        let targets = (self.targets)(message).map_err(|why| {
            PortError::permanent(format!("the routes of message {} could not be told: {why}", message.message_id))
        })?;
        let now = self.queues.now();
        let copy = |content, endpoint| (QueueName::Endpoint(endpoint), EntryRow::of_content(content, now));
        if let Some(seq) = stored {
            return Ok(targets.into_iter().map(|(route, to)| copy(Content::Copy(seq, route), to)).collect());
        }
        let message = to_json("message", message)?;
        let body = |route: RouteName| Content::Body(copy_body(route.as_str(), &message));
        Ok(targets.into_iter().map(|(route, to)| copy(body(route), to)).collect())
    }

    /// Where the messages stand in the store.
    async fn stored(&self, ids: Vec<MessageId>) -> Result<Vec<Option<i64>>, PortError> {
        let reading = self.queues.database().read(move |connection| {
            let mut statement = connection.prepare_cached("SELECT seq FROM messages WHERE id = ?1")?;
            ids.iter().map(|id| Ok(statement.query_row([id.as_bytes()], |row| row.get(0)).optional()?)).collect()
        });
        reading.await
    }
}

impl Bus for LocalBus {
    async fn publish(&self, messages: &[Message]) -> Vec<Result<(), PortError>> {
        if messages.is_empty() {
            return Vec::new();
        }
        let stored = match self.stored(messages.iter().map(|message| message.message_id).collect()).await {
            Ok(stored) => stored,
            Err(error) => return messages.iter().map(|_| Err(error.clone())).collect(),
        };
        let copies: Vec<_> =
            messages.iter().zip(stored).map(|(message, stored)| self.copies(message, stored)).collect();
        let woken: BTreeSet<QueueName> = copies.iter().flatten().flatten().map(|(queue, _)| queue.clone()).collect();
        let publishing = self.queues.database().writer().write_each_relaxed(copies, |connection, copies| {
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
