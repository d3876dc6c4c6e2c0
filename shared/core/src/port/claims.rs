//! Claims: which message was the first of its kind on a route (`once_per`, contract §4).

use std::future::Future;

use super::PortError;
use crate::{
    Timestamp,
    id::{ContentHash, MessageId, RouteName},
};

/// What a message claims right before its first request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub route: RouteName,
    /// Hash of the values that no two messages of the route may share within the window.
    pub tuple: ContentHash,
    pub message: MessageId,
    /// Until when it holds. The end of a claim that is there already stays what it was.
    pub until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// Made now, or by the same message before.
    Ours,
    /// By another message, and it still holds.
    HeldBy(MessageId),
}

pub trait Claims: Send + Sync {
    /// Of several at once, one wins. What has run out by the store's clock is as good as absent. A claim that was answered
    /// with [`Claimed::Ours`] is durable: the request that follows it cannot be taken back.
    fn claim(&self, claim: &Claim) -> impl Future<Output = Result<Claimed, PortError>> + Send;
}
