//! The loops: what the scheduler and the event source mappings do on AWS.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use crossdock_core::{
    Timestamp,
    disabled::{disabled, until_disabled},
    dispatch::{Dispatcher, Disposition, Job},
    event::{EventName, HubEvent},
    hub::{Endpoint, Hub, Retention},
    id::{CollectionKey, EndpointName},
    message::{Message, MessageRecord},
    poll::{Pause, PollError, Poller, Tokens, Way},
    port::{Home, LeaseOwner, QueueName, Queues, Received, Switch},
    publish::{STALE_AFTER, publish, publish_stale},
    route::Router,
    sweep::{self, Swept},
    timer,
};
use futures_util::FutureExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
    time::MissedTickBehavior,
};

use crate::{home::LocalHome, store::Collector};

/// Of all leases. One process per state folder: that of a run that a crash cut short is the next run's own.
const OWNER: &str = "local";
/// How often what a crash left pending is looked for, and what has waited for its time.
const SWEEP: Duration = Duration::from_secs(1);
/// How often objects that thin events name are looked for.
pub(crate) const LOOK: Duration = Duration::from_secs(1);
/// How long a source is left alone that could not be asked for one.
const BETWEEN_FAILURES: Duration = Duration::from_secs(10);
/// How long a queue is left alone when nothing has announced itself: another process may have sent something.
const IDLE: Duration = Duration::from_millis(500);
/// How long nothing must have arrived before a queue is asked when its next entry is due.
const LULL: Duration = Duration::from_millis(20);
/// The longest an entry stays hidden beyond its attempt's own deadline: reading, recording, and some.
const MARGIN: Duration = Duration::from_secs(10);
/// How long what was cut off may take to be recorded and given back.
const GIVING_BACK: Duration = Duration::from_secs(1);
/// Messages published in one go.
const LARGEST_PUBLISHED: usize = 100;
/// Pushed messages that may wait in memory to be published; what does not fit waits in the store.
pub(crate) const MOST_UNPUBLISHED: usize = 1_000;
/// Entries of one receive, as on SQS.
const BATCH: usize = 10;

/// Until the hub is to stop.
pub(crate) async fn stopping(stopped: &mut watch::Receiver<bool>) {
    // An error means that the hub itself is gone.
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Whether a loop is to do nothing this time. So it does where nobody can tell, too.
async fn is_resting(home: &LocalHome, hub: &Hub) -> bool {
    match disabled(home, hub, &[Switch::Hub]).await {
        Ok(found) => found.is_some(),
        Err(error) => {
            tracing::warn!(error = %error, "whether the hub is switched off could not be read; nothing is begun");
            true
        }
    }
}

/// Polls one collection in one way, at its interval, or later where the source asks for it. A poll is cut off when the hub stops:
/// whatever it has stored stays, and the bookmark is not past it.
pub(crate) async fn poll(
    home: Arc<LocalHome>,
    hub: Arc<Hub>,
    router: Arc<Router>,
    tokens: Arc<Tokens>,
    (key, way, every): (CollectionKey, Way, Duration),
    mut stopped: watch::Receiver<bool>,
) {
    let poller = Poller::new(&*home, &hub, &router, LeaseOwner(OWNER.to_owned())).sharing(tokens).by(way);
    let pause = pause();
    let poller = poller.pausing(pause.clone());
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping(&mut stopped) => return,
            _ = ticks.tick() => {}
        }
        if is_resting(&home, &hub).await {
            continue;
        }
        let polling = poller.poll_until(&key, until_disabled(&*home, &hub, &pause));
        tokio::select! {
            () = stopping(&mut stopped) => return,
            result = AssertUnwindSafe(polling).catch_unwind() => match result {
                Ok(result) => {
                    let asked = result.as_ref().err().and_then(|error| left_alone(way, error));
                    report(&key, result);
                    if let Some(wait) = asked.filter(|wait| *wait > every) {
                        ticks.reset_after(wait);
                    }
                }
                // The lease runs out or is taken again; the bookmark is where it was.
                Err(_) => tracing::error!(collection = %key, "a poll panicked; it is tried again"),
            },
        }
    }
}

/// How long a source is left alone after a failure, where that is longer than the interval.
fn left_alone(way: Way, error: &PollError) -> Option<Duration> {
    let asked = error.retry_after();
    if way == Way::Fetch { Some(asked.unwrap_or_default().max(BETWEEN_FAILURES)) } else { asked }
}

fn pause() -> Pause {
    Arc::new(|wait| tokio::time::sleep(wait).boxed())
}

fn report(key: &CollectionKey, result: Result<crossdock_core::poll::PollReport, PollError>) {
    match result {
        Ok(report) => {
            tracing::debug!(
                collection = %key, records = report.records, set_aside = report.set_aside.len(), stored = report.stored, emitted = report.emitted,
                pages = report.pages, "polled"
            );
        }
        Err(error) => tracing::warn!(collection = %key, error = %error, "the poll failed"),
    }
}

/// Publishes what pushes have stored, all that waits in one go. What it does not get to stays pending.
pub(crate) async fn publish_pushed(
    home: Arc<LocalHome>,
    router: Arc<Router>,
    mut pushed: mpsc::Receiver<MessageRecord>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut records = Vec::new();
    loop {
        tokio::select! {
            () = stopping(&mut stopped) => return,
            count = pushed.recv_many(&mut records, LARGEST_PUBLISHED) => if count == 0 { return },
        }
        let now = home.clock().now();
        records.retain(|record| is_ours(&record.message, now));
        match AssertUnwindSafe(publish(&*home, &router, &records)).catch_unwind().await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(error = %error, "pushed messages stay pending"),
            Err(_) => tracing::error!("publishing panicked; pushed messages stay pending"),
        }
        records.clear();
    }
}

/// What has waited for too long has been published by the sweep, or will be.
fn is_ours(message: &Message, now: Timestamp) -> bool {
    // A clock that was set back makes it younger than nothing.
    Duration::try_from(now.duration_since(message.created_at)).map_or(true, |age| age < STALE_AFTER)
}

/// Publishes what was stored and not published.
pub(crate) async fn sweep(
    home: Arc<LocalHome>,
    hub: Arc<Hub>,
    router: Arc<Router>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping(&mut stopped) => return,
            _ = ticks.tick() => {}
        }
        if is_resting(&home, &hub).await {
            continue;
        }
        let owner = LeaseOwner(OWNER.to_owned());
        let published = publish_stale(home.slow(), &router, &owner, stopping(&mut stopped.clone())).await;
        if let Err(error) = published {
            tracing::warn!(error = %error, "pending messages could not be published");
        }
    }
}

/// Puts what has waited into its queue when its time comes.
pub(crate) async fn send_due(home: Arc<LocalHome>, hub: Arc<Hub>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping(&mut stopped) => return,
            _ = ticks.tick() => {}
        }
        if is_resting(&home, &hub).await {
            continue;
        }
        if let Err(error) = timer::fire(&*home, &hub).await {
            tracing::warn!(error = %error, "what has waited for its time could not be sent; it is tried again");
        }
    }
}

/// Looks over what was promised to routes, at the start and then each hour.
pub(crate) async fn audit(home: Arc<LocalHome>, hub: Arc<Hub>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(sweep::EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping(&mut stopped) => return,
            _ = ticks.tick() => {}
        }
        if is_resting(&home, &hub).await {
            continue;
        }
        let owner = LeaseOwner(OWNER.to_owned());
        match sweep::sweep(&*home, &hub, &owner, stopping(&mut stopped.clone())).await {
            Ok((Swept { messages, missing, expired, unreadable, refused: None }, _)) => {
                tracing::debug!(messages, missing, expired, unreadable, "looked for missing deliveries");
            }
            Ok((Swept { refused: Some(error), .. }, _)) | Err(error) => {
                tracing::warn!(error = %error, "not all deliveries without an outcome could be sent again or ended");
            }
        }
    }
}

/// Tells when the hub is switched off or on, at the start too where it is off.
pub(crate) async fn tell_of_switches(home: Arc<LocalHome>, hub: Arc<Hub>, mut stopped: watch::Receiver<bool>) {
    let mut was_off = false;
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping(&mut stopped) => return,
            _ = ticks.tick() => {}
        }
        // One that cannot be asked is asked again.
        let Ok(found) = disabled(&*home, &hub, &[Switch::Hub]).await else { continue };
        let now = home.clock().now();
        match &found {
            Some(off) if !was_off => {
                let event = HubEvent::new(now, EventName::HubDisabled);
                home.observer().observe(event.because(format!("{off}; crossdock hub enable switches it on")));
            }
            None if was_off => home.observer().observe(HubEvent::new(now, EventName::HubEnabled)),
            Some(_) | None => {}
        }
        was_off = found.is_some();
    }
}

/// Removes what has expired. A run that is cut off goes on with the next one.
pub(crate) async fn expire(home: Arc<LocalHome>, retention: Retention, mut stopped: watch::Receiver<bool>) {
    let mut collector = Collector::new(home.database().slow(), retention);
    let mut ticks = tokio::time::interval(between_runs(&retention));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping(&mut stopped) => return,
            _ = ticks.tick() => {}
        }
        let removed = tokio::select! {
            () = stopping(&mut stopped) => return,
            removed = collector.run() => removed,
        };
        match removed {
            Ok(removed) => tracing::debug!(
                messages = removed.messages.count,
                deliveries = removed.deliveries.count,
                dead_letters = removed.dead_letters.count,
                versions = removed.versions.count,
                "removed what had expired"
            ),
            Err(error) => tracing::warn!(error = %error, "what has expired could not be removed"),
        }
    }
}

/// A tenth of the shortest term, so that nothing is kept for much longer than it must be; an hour at most.
fn between_runs(retention: &Retention) -> Duration {
    let terms = [retention.deliveries, Some(retention.dead_letters), retention.versions];
    let shortest = terms.into_iter().flatten().min().unwrap_or_default();
    (shortest / 10).clamp(Duration::from_secs(1), Duration::from_secs(3600))
}

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
#[path = "workers_tests.rs"]
mod tests;
