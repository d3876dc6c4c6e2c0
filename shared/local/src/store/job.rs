//! Work on its way to a thread that owns a connection, and its answer on the way back.

use std::sync::mpsc;

use crossdock_core::port::PortError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{failure::Failure, lanes::Lane};

/// Run first, answered later: between the two lies the commit.
pub(super) trait Job: Send {
    /// Whether the answer waits for the disk.
    fn durable(&self) -> bool;
    fn run(&mut self, connection: &Connection) -> Result<(), PortError>;
    /// `commit` failed: then so did the job, whatever came of running it.
    fn answer(self: Box<Self>, commit: Result<(), PortError>);
}

pub(super) enum Order {
    Do(Lane, Box<dyn Job>),
    Stop,
}

struct Work<F, T> {
    durable: bool,
    work: Option<F>,
    outcome: Option<Result<T, PortError>>,
    reply: oneshot::Sender<Result<T, PortError>>,
}

impl<F, T> Job for Work<F, T>
where
    F: FnOnce(&Connection) -> Result<T, Failure> + Send,
    T: Send,
{
    fn durable(&self) -> bool {
        self.durable
    }

    fn run(&mut self, connection: &Connection) -> Result<(), PortError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let outcome = self.outcome.insert(work(connection).map_err(PortError::from));
        outcome.as_ref().map(|_| ()).map_err(PortError::clone)
    }

    fn answer(self: Box<Self>, commit: Result<(), PortError>) {
        let Self { outcome, reply, .. } = *self;
        // Whoever asked may have gone away; what was written stays written.
        let _ = reply.send(commit.and_then(|()| outcome.unwrap_or_else(|| Err(closed()))));
    }
}

/// Hands the work over at once; what is awaited is its answer. What was handed over is done even if nobody waits any more.
pub(super) fn hand_over<T, W>(
    orders: &mpsc::Sender<Order>,
    lane: Lane,
    durable: bool,
    work: W,
) -> impl Future<Output = Result<T, PortError>> + Send + use<T, W>
where
    T: Send + 'static,
    W: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let work = Box::new(Work { durable, work: Some(work), outcome: None, reply });
    let handed = orders.send(Order::Do(lane, work)).map_err(|_| closed());
    async move {
        handed?;
        answer.await.map_err(|_| closed())?
    }
}

pub(super) fn closed() -> PortError {
    PortError::permanent("the store is closed")
}
