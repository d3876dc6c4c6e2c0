//! [`Bus`] on SQLite: an entry in the queue of every endpoint that a message is for, in one transaction per message.
//! Which those are is decided outside, by the same patterns that EventBridge's rules would have.
//!
//! An entry names its message, which the writer of the message has stored. One that is not stored is copied.

use std::{collections::BTreeSet, fmt, sync::Arc};

use crossdock_core::{
    Timestamp,
    id::{EndpointName, MessageId, RouteName},
    message::Message,
    port::{Bus, PortError, PublishError, QueueName},
};
use rusqlite::{Connection, OptionalExtension};

use super::{
    codec::to_json,
    failure::Failure,
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

/// Where one message goes.
struct Routed {
    id: MessageId,
    targets: Vec<(RouteName, EndpointName)>,
    now: Timestamp,
}

impl Routed {
    fn store(self, connection: &Connection, content: impl Fn(RouteName) -> Content) -> Result<(), Failure> {
        for (route, endpoint) in self.targets {
            let row = EntryRow::of_content(content(route), self.now);
            store_entry(connection, &stored_name(&QueueName::Endpoint(endpoint)), &row)?;
        }
        Ok(())
    }
}

impl LocalBus {
    pub fn new(queues: LocalQueues, targets: Arc<Targets>) -> Self {
        Self { queues, targets }
    }

    /// The same bus for much that nobody waits for, as [`Database::slow`](super::Database::slow).
    #[must_use]
    pub fn slow(&self) -> Self {
        Self { queues: self.queues.slow(), targets: self.targets.clone() }
    }

    fn route(&self, message: &Message) -> Result<Routed, PortError> {
        let targets = (self.targets)(message).map_err(|why| {
            PortError::permanent(format!("the routes of message {} could not be told: {why}", message.message_id))
        })?;
        Ok(Routed { id: message.message_id, targets, now: self.queues.now() })
    }

    fn route_with_text(&self, message: &Message) -> Result<(Routed, String), PortError> {
        Ok((self.route(message)?, to_json("message", message)?))
    }
}

impl Bus for LocalBus {
    async fn publish(&self, messages: &[Message]) -> Vec<Result<(), PublishError>> {
        let writer = self.queues.database().writer();
        let routed: Vec<_> = messages.iter().map(|message| self.route(message)).collect();
        let unroutable: Vec<bool> = routed.iter().map(Result::is_err).collect();
        let woken: BTreeSet<EndpointName> =
            routed.iter().flatten().flat_map(|routed| &routed.targets).map(|(_, endpoint)| endpoint.clone()).collect();
        // A power cut that loses the entries leaves the message's pending mark, whose clearing comes after them.
        let published = writer.write_each_relaxed(routed, |connection, routed| {
            let stored = connection
                .prepare_cached("SELECT seq FROM messages WHERE id = ?1")?
                .query_row([routed.id.as_bytes()], |row| row.get(0))
                .optional()?;
            match stored {
                Some(seq) => routed.store(connection, |route| Content::Copy(seq, route)).map(|()| true),
                None => Ok(false),
            }
        });
        let published = published.await;

        let unknown = messages.iter().zip(&published).filter(|(_, outcome)| **outcome == Ok(false));
        let unknown: Vec<_> = unknown.map(|(message, _)| self.route_with_text(message)).collect();
        let copying = writer.write_each_relaxed(unknown, |connection, (routed, text)| {
            routed.store(connection, |route| Content::Body(copy_body(route.as_str(), &text)))
        });
        let mut copied = copying.await.into_iter();
        for endpoint in woken {
            self.queues.wake(&QueueName::Endpoint(endpoint));
        }
        let outcome = |(published, unroutable): (Result<bool, PortError>, bool)| match published {
            Ok(true) => Ok(()),
            Ok(false) => Ok(copied.next().unwrap_or_else(|| Err(PortError::transient("the bus gave no answer")))?),
            Err(error) if unroutable => Err(PublishError::Impossible(error.what)),
            Err(error) => Err(error.into()),
        };
        published.into_iter().zip(unroutable).map(outcome).collect()
    }
}
