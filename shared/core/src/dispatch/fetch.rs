//! Messages that were too large for the bus, fetched whole from the store (see [`crate::claim`]).

use std::collections::{BTreeSet, HashMap};

use super::dispatcher::{Dispatcher, Job, Work};
use crate::{
    id::MessageId,
    message::Carried,
    port::{Home, Outbox},
};

impl<H: Home> Dispatcher<H> {
    /// One batch read for all that need it. What the store does not have any more keeps its `payload_ref`, by which its
    /// attempt knows it.
    pub(super) async fn fetch(&self, jobs: &mut [Job]) {
        // Several entries of a batch may be of one message.
        let ids: BTreeSet<MessageId> = jobs.iter().filter_map(|job| wanted(&job.work)).collect();
        if ids.is_empty() {
            return;
        }
        let ids: Vec<MessageId> = ids.into_iter().collect();
        let found = match self.home.store().messages(&ids).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(error = %error, "large messages could not be read; their entries go back to the queue");
                let waiting = jobs.iter_mut().filter(|job| wanted(&job.work).is_some());
                waiting.for_each(|job| job.work = Work::Trouble);
                return;
            }
        };
        let found: HashMap<MessageId, _> = ids.into_iter().zip(found).collect();
        for job in jobs {
            let Some(found) = wanted(&job.work).and_then(|id| found.get(&id)) else { continue };
            let message = match found {
                Ok(Some(record)) => &record.message,
                Ok(None) => continue,
                Err(error) => {
                    tracing::error!(error = %error, "a large message could not be read; its entry goes back to the queue");
                    job.work = Work::Trouble;
                    continue;
                }
            };
            match (Carried::of(message), &mut job.work) {
                (Ok(message), Work::Deliver(open)) => open.body.message = message,
                (Err(error), work) => {
                    tracing::error!(message.id = %message.message_id, error = %error, "a stored message cannot be written");
                    *work = Work::Trouble;
                }
                (Ok(_), _) => {}
            }
        }
    }
}

/// The message that is still to be fetched for it. One whose round has ended goes nowhere.
fn wanted(work: &Work) -> Option<MessageId> {
    let Work::Deliver(open) = work else { return None };
    if open.known.as_ref().is_some_and(|known| known.state.ended()) {
        return None;
    }
    open.body.message.envelope.payload_ref
}
