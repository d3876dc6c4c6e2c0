//! The dispatcher: a batch of one endpoint's queue in, and out comes which of it is to come back.
//!
//! Each record is handled in a task of its own, as many at a time as the endpoint's share of this invocation, and those
//! that may be what kills the dispatcher last and alone. What is done with is deleted by Lambda; what is to come back has
//! its own visibility set first and is then reported, because a reported record comes back when its visibility ends. What
//! has no outcome when the time is nearly up, be it that its task panicked or a call hung, is reported too. So is what
//! nobody understands: nothing leaves a queue without an outcome.
//!
//! A record that cannot be begun early enough to be ended goes back at once, for the next invocation, with nothing held
//! against it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use crossdock_core::{
    dispatch::{Dispatcher, Disposition, Job},
    id::EndpointName,
    port::{Home, QueueName, Queues, Received},
};
use crossdock_stack::limits::{Concurrency, least_runtime};
use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinSet};
use tracing::{Instrument, Span};

use super::{
    Failure, Invocation, Work,
    event::sqs::{self, Answer, Content, Left},
};

/// When waiting for endpoints ends, so that what they did not answer is still written down.
const LAST_CALL: Duration = Duration::from_secs(4);
/// What of a function's time must be left beside the request, for one to be begun. Less than what a
/// deployment leaves for it (`crossdock_stack::limits::RESERVE`), so that a
/// function that runs as long as it must at least begins with its first one, though it has read its batch by then.
const ENDING: Duration = Duration::from_secs(LAST_CALL.as_secs() + 1);
/// When everything ends, and the answer is given.
const CLOSING: Duration = Duration::from_secs(1);

/// # Errors
/// The event is no batch, or the function never runs long enough for its endpoint.
pub async fn handle<H: Home>(work: Work<H>, invocation: Invocation, event: Value) -> Result<Answer, Failure> {
    let records = sqs::read(event)?;
    let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
    let mut queues: BTreeMap<EndpointName, Vec<Entry>> = BTreeMap::new();
    for record in records {
        match record.content.and_then(|content| addressed(&work, content)) {
            Ok((endpoint, trace, received)) => {
                queues.entry(endpoint).or_default().push(Entry { id: record.id, trace, received });
            }
            Err(why) => tracing::error!(sqs.message_id = record.id, why, "a record goes back to its queue"),
        }
    }
    for endpoint in queues.keys() {
        check_time(&work, &invocation, endpoint)?;
    }
    let mut settled = HashSet::new();
    let all = async {
        for (endpoint, entries) in queues {
            Batch::new(&work, &invocation, endpoint).run(entries, &mut settled).await;
        }
    };
    if tokio::time::timeout(invocation.left(work.home.clock()).saturating_sub(CLOSING), all).await.is_err() {
        tracing::error!("the time is up, and some records have no outcome yet");
    }
    let left = ids.into_iter().filter(|id| !settled.contains(id));
    Ok(Answer { batch_item_failures: left.map(|item_identifier| Left { item_identifier }).collect() })
}

/// Where even a whole invocation is too short, every batch would go back at once, and come at once, and nothing would
/// ever be tried. A function that fails has an alarm, and what it received stays hidden for long. A deployment is refused
/// before (`DispatcherTimeout` of the hub's stack); this is for what was changed by hand.
fn check_time<H: Home>(work: &Work<H>, invocation: &Invocation, endpoint: &EndpointName) -> Result<(), Failure> {
    let Some(timeout) = work.hub.endpoints.get(endpoint).map(|known| known.timeout) else {
        return Ok(());
    };
    let whole = invocation.left(work.home.clock());
    if whole >= timeout + ENDING {
        return Ok(());
    }
    Err(Failure::Trouble(format!(
        "nothing is sent to {endpoint}: the dispatcher runs for {} s, and a timeout of {timeout:?} needs {} s; raise \
         DispatcherTimeout, with QueueVisibility, or shorten the endpoint's timeout",
        whole_seconds(whole).as_secs(),
        least_runtime(timeout).as_secs(),
    )))
}

struct Entry {
    id: String,
    trace: Option<String>,
    received: Received,
}

fn addressed<H>(work: &Work<H>, content: Content) -> Result<(EndpointName, Option<String>, Received), String> {
    match work.names.queue_called(&content.queue) {
        Some(QueueName::Endpoint(endpoint)) => Ok((endpoint, content.trace, content.received)),
        Some(QueueName::DeadLetters(_)) | None => {
            let expected = work.names.prefix();
            Err(format!("found the queue {:?}, expected one called {expected}-to-<endpoint>", content.queue))
        }
    }
}

/// What the entries of one queue have in common.
struct Batch<H: Home> {
    home: Arc<H>,
    dispatcher: Dispatcher<H>,
    invocation: Invocation,
    endpoint: EndpointName,
    /// Attempts at a time.
    requests: usize,
    /// Of one attempt.
    timeout: Duration,
}

impl<H: Home> Batch<H> {
    fn new(work: &Work<H>, invocation: &Invocation, endpoint: EndpointName) -> Arc<Self> {
        let known = work.hub.endpoints.get(&endpoint);
        Arc::new(Self {
            home: work.home.clone(),
            dispatcher: Dispatcher::new(work.home.clone(), work.hub.clone(), work.router.clone()),
            invocation: invocation.clone(),
            requests: known.and_then(|known| Concurrency::of(known.concurrency)).map_or(1, |split| split.requests),
            // Of one that the hub does not know nothing is asked.
            timeout: known.map_or(Duration::ZERO, |known| known.timeout),
            endpoint,
        })
    }

    /// Adds the ids of those that are done with.
    async fn run(self: Arc<Self>, entries: Vec<Entry>, settled: &mut HashSet<String>) {
        let (about, received): (Vec<_>, Vec<_>) =
            entries.into_iter().map(|entry| ((entry.id, entry.trace), entry.received)).unzip();
        let jobs = self.dispatcher.prepare(&self.endpoint, received).await;
        let (suspects, others): (Vec<_>, Vec<_>) = about.into_iter().zip(jobs).partition(|(_, job)| job.suspect);

        let permits = Arc::new(Semaphore::new(self.requests));
        let mut tasks = JoinSet::new();
        for (about, job) in others {
            let (batch, permits) = (self.clone(), permits.clone());
            let handled = async move {
                let _permit = permits.acquire_owned().await;
                batch.handle(about, job).await
            };
            tasks.spawn(handled.instrument(Span::current()));
        }
        Self::join(&mut tasks, settled).await;
        for (about, job) in suspects {
            let batch = self.clone();
            tasks.spawn(async move { batch.handle(about, job).await }.instrument(Span::current()));
            Self::join(&mut tasks, settled).await;
        }
    }

    /// A task that panicked has settled nothing. The panic itself has been logged.
    async fn join(tasks: &mut JoinSet<Option<String>>, settled: &mut HashSet<String>) {
        while let Some(done) = tasks.join_next().await {
            settled.extend(done.ok().flatten());
        }
    }

    /// The record's id, if it is done with.
    async fn handle(&self, (id, trace): (String, Option<String>), job: Job) -> Option<String> {
        let span = tracing::error_span!("record", sqs.message_id = id, endpoint = %self.endpoint, xray = trace);
        async {
            let receipt = job.received.receipt.clone();
            match self.attempt(job).await {
                Disposition::Delete => Some(id),
                Disposition::RetryIn(wait) => {
                    self.hide(&receipt, wait).await;
                    None
                }
            }
        }
        .instrument(span)
        .await
    }

    async fn attempt(&self, job: Job) -> Disposition {
        let clock = self.home.clock();
        if self.invocation.left(clock) < self.timeout + ENDING {
            tracing::debug!("given back: there is no time left for an attempt");
            return self.dispatcher.give_back(&self.endpoint, job).await;
        }
        let last_call = self.invocation.only_left(LAST_CALL, clock);
        self.dispatcher.attempt_until(&self.endpoint, job, last_call).await
    }

    /// Reported records come back when their visibility ends, so it is set before. Where it cannot be, they come back
    /// when the queue's own does: later than they should, and with everything that is known of them stored.
    async fn hide(&self, receipt: &str, wait: Duration) {
        let queue = QueueName::Endpoint(self.endpoint.clone());
        if let Err(error) = self.home.queues().change_visibility(&queue, receipt, whole_seconds(wait)).await {
            tracing::warn!(error = %error, "a record comes back with its queue's own visibility timeout");
        }
    }
}

/// SQS counts in them; never sooner than it was said.
fn whole_seconds(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
