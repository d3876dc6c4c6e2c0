use std::future::Future;

use super::PortError;
use crate::message::Message;

/// Copies each message to the queue of every endpoint whose route matches it. At least once, in no order.
pub trait Bus: Send + Sync {
    /// One answer per message, in order. `Ok` means that this very message was accepted.
    fn publish(&self, messages: &[Message]) -> impl Future<Output = Vec<Result<(), PublishError>>> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The fault is this message's: no bus of this hub will ever take it.
    #[error("{0}")]
    Impossible(String),
    /// It stays pending until it is accepted.
    #[error(transparent)]
    Port(#[from] PortError),
}
