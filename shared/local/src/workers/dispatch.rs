//! Emptying one endpoint's queue.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use crossdock_core::{
    dispatch::{Dispatcher, Disposition, Job},
    hub::{Endpoint, Hub},
    id::EndpointName,
    port::{Home, QueueName, Queues, Received},
};
use futures_util::FutureExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

use super::{is_resting, stopping};
use crate::home::LocalHome;

/// How long a queue is left alone when nothing has announced itself: another process may have sent something.
const IDLE: Duration = Duration::from_millis(500);
/// How long nothing must have arrived before a queue is asked when its next entry is due.
const LULL: Duration = Duration::from_millis(20);
/// The longest an entry stays hidden beyond its attempt's own deadline: reading, recording, and some.
const MARGIN: Duration = Duration::from_secs(10);
/// How long what was cut off may take to be recorded and given back.
const GIVING_BACK: Duration = Duration::from_secs(1);
/// Entries of one receive, as on SQS.
const BATCH: usize = 10;

/// How one endpoint's queue is served.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    name: EndpointName,
    concurrency: usize,
    timeout: Duration,
}

impl Served {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        Self { name: endpoint.name.clone(), concurrency: endpoint.concurrency, timeout: endpoint.timeout }
    }

    /// An endpoint that has gone from the hub file, and left something in its queue: the dispatcher waits for it to come
    /// back, and then makes dead letters of it.
    pub(crate) fn gone(name: EndpointName) -> Self {
        Self { name, concurrency: 1, timeout: Duration::from_secs(15) }
    }
}

/// Empties one endpoint's queue, as many at a time as the endpoint allows. Of a hub that is switched off the queue is left
/// alone; what was received before that comes back from the dispatcher. What one endpoint does never holds up
/// another: each has its own loop and its own permits.
pub(crate) async fn dispatch(
    home: Arc<LocalHome>,
    hub: Arc<Hub>,
    dispatcher: Dispatcher<LocalHome>,
    served: Served,
    grace: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let worker = Arc::new(Worker {
        queue: QueueName::Endpoint(served.name.clone()),
        permits: Arc::new(Semaphore::new(served.concurrency)),
        home,
        dispatcher,
        served,
        grace,
        stopped: stopped.clone(),
    });
    let mut attempts = JoinSet::new();
    loop {
        while attempts.try_join_next().is_some() {}
        let permits = tokio::select! {
            () = stopping(&mut stopped) => break,
            permits = worker.free_permits() => permits,
        };
        if is_resting(&worker.home, &hub).await {
            tokio::select! {
                () = stopping(&mut stopped) => break,
                () = tokio::time::sleep(IDLE) => continue,
            }
        }
        let asked = permits.len();
        let received = worker.receive(asked).await;
        let drained = received.len() < asked;
        // The entries come back by themselves.
        if AssertUnwindSafe(worker.start(received, permits, &mut attempts)).catch_unwind().await.is_err() {
            tracing::error!(endpoint = %worker.served.name, "a batch panicked; its entries are tried again");
        }
        if drained {
            tokio::select! {
                () = stopping(&mut stopped) => break,
                () = worker.idle() => {}
            }
        }
    }
    let finished = async { while attempts.join_next().await.is_some() {} };
    if tokio::time::timeout(grace + GIVING_BACK, finished).await.is_err() {
        attempts.shutdown().await;
        if let Err(error) = worker.home.local_queues().release_in_flight_of(&worker.queue).await {
            tracing::warn!(endpoint = %worker.served.name, error = %error, "entries in flight come back by themselves");
        }
    }
}

struct Worker {
    home: Arc<LocalHome>,
    dispatcher: Dispatcher<LocalHome>,
    served: Served,
    queue: QueueName,
    permits: Arc<Semaphore>,
    grace: Duration,
    stopped: watch::Receiver<bool>,
}

impl Worker {
    /// At least one, and as many more as are free now, up to a batch.
    async fn free_permits(&self) -> Vec<OwnedSemaphorePermit> {
        let Ok(first) = self.permits.clone().acquire_owned().await else { return Vec::new() };
        let more = std::iter::from_fn(|| self.permits.clone().try_acquire_owned().ok());
        std::iter::once(first).chain(more.take(BATCH - 1)).collect()
    }

    async fn receive(&self, max: usize) -> Vec<Received> {
        let visibility = self.served.timeout + MARGIN;
        match self.home.queues().receive(&self.queue, max, visibility).await {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(endpoint = %self.served.name, error = %error, "the queue could not be read");
                // What is due would otherwise be asked for again at once.
                tokio::time::sleep(IDLE).await;
                Vec::new()
            }
        }
    }

    /// Until there may be something to receive. A busy queue does not get as far as looking when that will be.
    async fn idle(&self) {
        let queues = self.home.local_queues();
        if tokio::time::timeout(LULL, queues.arrival(&self.queue)).await.is_ok() {
            return;
        }
        let next = queues.next_visible_at(&self.queue).await.ok().flatten();
        let wait = next.map_or(IDLE, |at| {
            Duration::try_from(at.duration_since(self.home.clock().now())).unwrap_or_default().min(IDLE)
        });
        let _ = tokio::time::timeout(wait, queues.arrival(&self.queue)).await;
    }

    async fn start(
        self: &Arc<Self>,
        received: Vec<Received>,
        mut permits: Vec<OwnedSemaphorePermit>,
        attempts: &mut JoinSet<()>,
    ) {
        if received.is_empty() {
            return;
        }
        let jobs = self.dispatcher.prepare(&self.served.name, received).await;
        let (suspects, others): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.suspect);
        for job in others {
            let (worker, permit) = (self.clone(), permits.pop());
            attempts.spawn(async move {
                worker.run(job).await;
                drop(permit);
            });
        }
        if suspects.is_empty() {
            return;
        }
        drop(permits);
        attempts.spawn(self.clone().run_alone(suspects));
    }

    /// What may be killing the hub is handled alone: nothing else of this endpoint is in flight then.
    async fn run_alone(self: Arc<Self>, suspects: Vec<Job>) {
        let mut stopped = self.stopped.clone();
        let all = u32::try_from(self.served.concurrency).unwrap_or(u32::MAX);
        let _alone = tokio::select! {
            () = stopping(&mut stopped) => return,
            permits = self.permits.acquire_many(all) => permits,
        };
        for job in suspects {
            if *stopped.borrow() {
                return;
            }
            self.run(job).await;
        }
    }

    /// Until some time after the hub is to stop.
    async fn cut_off(&self) {
        stopping(&mut self.stopped.clone()).await;
        tokio::time::sleep(self.grace).await;
    }

    async fn run(&self, job: Job) {
        let receipt = job.received.receipt.clone();
        let disposition = self.dispatcher.attempt_until(&self.served.name, job, self.cut_off()).await;
        let settled = match disposition {
            Disposition::Delete => self.home.queues().delete(&self.queue, &receipt).await,
            Disposition::RetryIn(wait) => self.home.queues().change_visibility(&self.queue, &receipt, wait).await,
        };
        if let Err(error) = settled {
            // It comes back by itself, and the ledger knows what was done.
            tracing::warn!(endpoint = %self.served.name, error = %error, "an entry could not be settled in its queue");
        }
    }
}

#[cfg(test)]
#[path = "dispatch_tests.rs"]
mod tests;
