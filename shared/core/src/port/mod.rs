//! What the core asks of the outside world. Each trait has one implementation per home (SQLite here, DynamoDB, SQS and
//! EventBridge on AWS) and one contract suite in `crossdock-testkit` that every implementation passes.
//!
//! Batch calls answer item by item and in order, as the batch calls of AWS do: one bad item harms no other.

mod bus;
mod claims;
mod http;
mod lines;
mod outside;
mod queue;
mod seen;
mod signing;
mod store;
mod switch;
mod timer;

pub use bus::*;
pub use claims::*;
pub use http::*;
pub use lines::*;
pub use outside::*;
pub use queue::*;
pub use seen::*;
pub use signing::*;
pub use store::*;
pub use switch::*;
pub use timer::*;

use std::future::{Future, ready};

/// A call to the outside failed. What it says is for operators; nothing in it is a payload or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct PortError {
    pub what: String,
    /// Whether the same call may succeed later.
    pub transient: bool,
}

impl PortError {
    pub fn transient(what: impl Into<String>) -> Self {
        Self { what: what.into(), transient: true }
    }

    pub fn permanent(what: impl Into<String>) -> Self {
        Self { what: what.into(), transient: false }
    }
}

/// A record is in the store, and is not what this program writes: the store as a whole is well. Which record and what of
/// it, never what stands there. A store answers so for that record alone, beside what it could read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl Unreadable {
    /// `name` says which one it is.
    #[must_use]
    pub fn named(self, name: impl std::fmt::Display) -> Self {
        Self(format!("{name}: {self}"))
    }
}

impl From<Unreadable> for PortError {
    fn from(Unreadable(what): Unreadable) -> Self {
        Self::permanent(what)
    }
}

/// One of several records that were asked for.
pub type Read<T> = Result<T, Unreadable>;

/// For those who can do nothing with a part.
///
/// # Errors
/// The first that could not be read.
pub fn whole<T>(read: Vec<Read<T>>) -> Result<Vec<T>, PortError> {
    Ok(read.into_iter().collect::<Read<_>>()?)
}

/// Everything a home provides. The use cases are generic over this one trait.
pub trait Home: Send + Sync + 'static {
    type Store: VersionStore
        + Collections
        + Wants
        + Outbox
        + Ledger
        + Signing
        + Claims
        + Lines
        + Timers
        + Jobs
        + SeenEvents
        + Switches;
    type Bus: Bus;
    type Queues: Queues;
    type Source: SourceClient;
    type Endpoint: EndpointClient;
    type Secrets: Secrets;

    fn store(&self) -> &Self::Store;
    fn bus(&self) -> &Self::Bus;
    fn queues(&self) -> &Self::Queues;
    fn source(&self) -> &Self::Source;
    fn endpoint(&self) -> &Self::Endpoint;
    fn secrets(&self) -> &Self::Secrets;
    fn clock(&self) -> &dyn Clock;
    fn random(&self) -> &dyn Random;
    fn observer(&self) -> &dyn crate::event::Observer;

    /// This home for work of which there is much and for which nobody waits (`docs/adr/0031-lanes.md`): the same ports, and
    /// what is asked of them gives way to what others ask. All else that they promise holds, durability and order first of
    /// all. A home in which nobody stands in another's way has nothing to tell apart. Whoever awaits this may go on elsewhere,
    /// where it takes no processor time that others want.
    fn slow(&self) -> impl Future<Output = &Self> + Send {
        ready(self)
    }
}
