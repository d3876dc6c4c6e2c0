//! What runs inside of Lambda: events in, use cases of the core, answers out.
//!
//! Three functions share this: the dispatcher takes batches from endpoints' queues ([`batch`]), the poller does what a
//! schedule tells it ([`task`]), ingest answers pushes and webhooks ([`push`]). Each is handed a [`Work`], which names the home, so
//! that its tests need no AWS, and an [`Invocation`], which knows when the time is up. Nothing here may count on being let
//! finish: whatever is begun can be cut off anywhere, and is done again from what is stored.
//!
//! [`start`] is the way from a process to its first event: all that can be wrong with a package or its environment is
//! found there and reported as an error of the function's start. The SDK clients are made at the first event.
//!
//! Deliberately absent: rules. What a message means, when an attempt is made again, what is poison, is the core's
//! business, and the same in the local hub.

pub mod batch;
pub mod event;
mod failure;
pub mod ingest;
mod invocation;
mod push;
mod queued;
pub mod start;
pub mod task;
pub mod telemetry;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use crossdock_core::{hub::Hub, route::Router, webhook::Told};
use crossdock_stack::names::Names;

pub use self::{failure::Failure, invocation::Invocation};

/// What every event is handled with.
#[derive(Debug)]
pub struct Work<H> {
    pub home: Arc<H>,
    pub hub: Arc<Hub>,
    pub router: Arc<Router>,
    pub names: Names,
    pub told: Arc<Told>,
}

impl<H> Clone for Work<H> {
    fn clone(&self) -> Self {
        Self {
            home: self.home.clone(),
            hub: self.hub.clone(),
            router: self.router.clone(),
            names: self.names.clone(),
            told: self.told.clone(),
        }
    }
}

impl<H> Work<H> {
    pub fn new(home: Arc<H>, hub: Arc<Hub>, router: Arc<Router>, names: Names) -> Self {
        Self { home, hub, router, names, told: Arc::default() }
    }
}
