//! The poller: what a schedule tells it to do.
//!
//! Each task ends before the function does: what it has stored stays, its lease is let go, and the next run goes on from
//! there. A source that cannot be read is that source's failure: it is counted (contract §3), seen in the metric
//! `SourceFailing`, and no error of the function. An error of the function is what the hub itself could not do; Lambda
//! tries it again, and then it lies in the queue for failed invocations.
//!
//! Of a hub that is switched off nothing is done, whatever the task, unless it says that it is meant all the same.

use std::{future::Future, pin::pin, sync::Arc};

use crossdock_core::{
    disabled::{disabled, until_disabled},
    id::CollectionKey,
    job::Ended,
    poll::{Backfilled, Pause, PollError, PollReport, Poller, Tokens, set_aside_unfetched},
    port::{Home, LeaseError, LeaseOwner, Switch},
    publish::{Published, publish_stale},
    sweep::{Swept, sweep},
    timer,
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
    /// What was left pending, and what had waited for its time.
    Published {
        messages: usize,
        due: usize,
    },
    Swept {
        messages: u64,
        missing: u64,
        /// Left out by older functions.
        #[serde(default)]
        expired: u64,
    },
    /// The hub is switched off; nothing was done.
    Disabled,
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
    let (task, even_if_disabled) = task::read(event)?;
    let time_is_up = invocation.only_left(RESERVE, work.home.clock());
    if !even_if_disabled && let Some(off) = disabled(&*work.home, &work.hub, &[Switch::Hub]).await? {
        tracing::info!(task = ?task, "nothing is done: {off}");
        return Ok(Done::Disabled);
    }
    let pause = pause();
    // Lambda may run an asynchronous event twice, and both have its id.
    let drawn = u128::from_be_bytes(work.home.random().bytes());
    let owner = LeaseOwner(format!("{} {drawn:032x}", invocation.request_id));
    match task {
        Task::Poll(key, way) => {
            let poller = Poller::new(&*work.home, &work.hub, &work.router, owner).sharing(tokens).by(way);
            let poller = poller.pausing(pause.clone());
            let cut_off = cut_off(time_is_up, &work, &pause, even_if_disabled);
            polled(&key, poller.poll_until(&key, cut_off).await).map(Done::Polled)
        }
        Task::Backfill(key, wanted) => {
            let poller =
                Poller::new(&*work.home, &work.hub, &work.router, owner).sharing(tokens).pausing(pause.clone());
            let cut_off = cut_off(time_is_up, &work, &pause, even_if_disabled);
            let done = poller.backfill(&key, &wanted, &mut |_| {}, cut_off).await;
            done.map(Done::Backfilled).map_err(|error| Failure::Trouble(format!("{key}: {error}")))
        }
        Task::Publish => {
            let mut time_is_up = pin!(time_is_up);
            // An error of the one is none of the other's; they share the time.
            let due = tokio::select! {
                due = timer::fire(&*work.home, &work.hub) => due,
                () = &mut time_is_up => {
                    return Err(Failure::Trouble("the time was up before all that is due was sent".to_owned()));
                }
            };
            let (published, ended) = publish_stale(&*work.home, &work.router, &owner, time_is_up).await?;
            let Published { accepted: messages, given_up, refused } = published;
            let due = due?;
            tracing::info!(accepted = messages, given_up, due, ended = ?ended, "published what was pending, sent what was due");
            refused.map_or(Ok(Done::Published { messages, due }), |error| Err(error.into()))
        }
        Task::Sweep => {
            let mut time_is_up = pin!(time_is_up);
            let (swept, ended) = sweep(&*work.home, &work.hub, &owner, &mut time_is_up).await?;
            let Swept { messages, missing, expired, unreadable, refused } = swept;
            tracing::info!(messages, missing, expired, unreadable, ended = ?ended, "looked for missing deliveries");
            let set_aside = match ended {
                // What it does not get to is left to the next run.
                Ended::Whole => tokio::select! {
                    set_aside = set_aside_unfetched(&*work.home, &work.hub, &work.router) => set_aside.map(|_| ()),
                    () = time_is_up => Ok(()),
                },
                Ended::CutOff | Ended::Busy => Ok(()),
            };
            if let Some(error) = refused {
                return Err(error.into());
            }
            set_aside?;
            Ok(Done::Swept { messages, missing, expired })
        }
    }
}

/// A poll that goes on for long ends when the hub is switched off.
async fn cut_off<H: Home>(
    time_is_up: impl Future<Output = ()> + Send,
    work: &Work<H>,
    pause: &Pause,
    even_if_disabled: bool,
) {
    if even_if_disabled {
        return time_is_up.await;
    }
    tokio::select! {
        () = time_is_up => {}
        () = until_disabled(&*work.home, &work.hub, pause) => {}
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
