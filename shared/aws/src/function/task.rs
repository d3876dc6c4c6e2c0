//! The poller: what a schedule tells it to do.
//!
//! A poll ends before the function does: what it has stored stays, its lease is let go, and the next one goes on from
//! there. A source that cannot be read is that source's failure: it is counted (contract §3), seen in the metric
//! `SourceFailing`, and no error of the function. An error of the function is what the hub itself could not do; Lambda
//! tries it again, and then it lies in the queue for failed invocations.

use std::sync::Arc;

use crossdock_core::{
    id::CollectionKey,
    poll::{Backfilled, Pause, PollError, PollReport, Poller, Tokens},
    port::{Home, LeaseError, LeaseOwner, PortError},
    publish::{Published, publish_stale},
    sweep::{Swept, sweep},
};
use crossdock_stack::limits::RESERVE;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Failure, Invocation, Work,
    event::task::{self, Task},
};

/// What an invocation came to. No schedule waits for it; `crossdock poll` does, and those who try it out.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    Polled(Polled),
    Backfilled(Backfilled),
    /// So many messages.
    Published(usize),
    Swept {
        messages: u64,
        missing: u64,
    },
}

/// What another version of the command does not know or miss of it is no fault.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Polled {
    pub collection: String,
    /// Someone else is polling it; nothing was done.
    pub busy: bool,
    /// There is no baseline to reconcile with yet; nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub too_early: bool,
    /// The time was up; the next poll goes on.
    pub cut_off: bool,
    pub pages: u64,
    pub records: u64,
    pub set_aside: usize,
    pub stored: u64,
    pub emitted: u64,
    /// Why the source could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// # Errors
/// The event is no task, or the hub's own store, bus or queues failed.
pub async fn handle<H: Home>(
    work: Work<H>,
    tokens: Arc<Tokens>,
    invocation: Invocation,
    event: Value,
) -> Result<Done, Failure> {
    let time_is_up = invocation.only_left(RESERVE, work.home.clock());
    match task::read(event)? {
        Task::Poll(key, way) => {
            let owner = LeaseOwner(invocation.request_id.clone());
            let poller = Poller::new(&*work.home, &work.hub, &work.router, owner).sharing(tokens).by(way);
            let poller = poller.pausing(pause());
            polled(&key, poller.poll_until(&key, time_is_up).await).map(Done::Polled)
        }
        Task::Backfill(key, wanted) => {
            let owner = LeaseOwner(invocation.request_id.clone());
            let poller = Poller::new(&*work.home, &work.hub, &work.router, owner).sharing(tokens).pausing(pause());
            let done = poller.backfill(&key, &wanted, &mut |_| {}, time_is_up).await;
            done.map(Done::Backfilled).map_err(|error| Failure::Trouble(format!("{key}: {error}")))
        }
        Task::Publish => {
            let Some(published) = until(time_is_up, publish_stale(&*work.home, &work.router)).await? else {
                return Err(Failure::Trouble("the time was up before all that is pending was published".to_owned()));
            };
            let Published { accepted, refused } = published;
            refused.map_or(Ok(Done::Published(accepted)), |error| Err(error.into()))
        }
        Task::Sweep => {
            let Some(swept) = until(time_is_up, sweep(&*work.home, &work.hub)).await? else {
                return Err(Failure::Trouble("the time was up before the day's messages were looked over".to_owned()));
            };
            let Swept { messages, missing, refused } = swept;
            tracing::info!(messages, missing, "looked for missing deliveries");
            refused.map_or(Ok(Done::Swept { messages, missing }), |error| Err(error.into()))
        }
    }
}

/// `None`: the time was up. Both jobs may be cut off anywhere: nothing is lost, but the next run of a sweep begins anew.
async fn until<T>(
    time_is_up: impl Future<Output = ()>,
    job: impl Future<Output = Result<T, PortError>>,
) -> Result<Option<T>, PortError> {
    tokio::select! {
        done = job => done.map(Some),
        () = time_is_up => Ok(None),
    }
}

fn pause() -> Pause {
    Arc::new(|wait| tokio::time::sleep(wait).boxed())
}

fn polled(key: &CollectionKey, outcome: Result<PollReport, PollError>) -> Result<Polled, Failure> {
    let collection = key.to_string();
    match outcome {
        Ok(report) => {
            if report.cut_off {
                tracing::warn!(collection, pages = report.pages, "the time was up; the next poll goes on");
            }
            Ok(Polled {
                collection,
                busy: report.busy,
                too_early: report.too_early,
                cut_off: report.cut_off,
                pages: report.pages,
                records: report.records,
                set_aside: report.set_aside.len(),
                stored: report.stored,
                emitted: report.emitted,
                failed: None,
            })
        }
        // Whoever has it goes on.
        Err(PollError::Lease(LeaseError::Lost)) => Ok(Polled { collection, busy: true, ..Polled::default() }),
        Err(error) if error.is_our_own() => Err(Failure::Trouble(format!("{collection}: {error}"))),
        Err(error) => Ok(Polled { collection, failed: Some(error.to_string()), ..Polled::default() }),
    }
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
