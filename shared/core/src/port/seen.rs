//! Events of webhooks that have been taken in (contract §6): a provider that sends one again is answered, and nothing
//! else happens.

use std::future::Future;

use super::PortError;
use crate::{Timestamp, id::EventKey};

pub trait SeenEvents: Send + Sync {
    /// Whether each of them is known, in order. What was noted before this began is.
    fn seen(&self, events: &[EventKey]) -> impl Future<Output = Result<Vec<bool>, PortError>> + Send;

    /// Notes them, as taken in at `now`, for as long as a message is kept that is stored now. To be called once all that
    /// they carried is stored: a crash in between means that it is done again, and never that it is lost. So the note
    /// itself need not be durable.
    fn note(&self, events: &[EventKey], now: Timestamp) -> impl Future<Output = Result<(), PortError>> + Send;
}
