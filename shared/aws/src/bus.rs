//! The bus on EventBridge, a custom bus with a rule per route.
//!
//! An entry is `crossdock.<source>`, the message's type, and the message (contract §2). One that would be too large goes
//! out pruned (`crossdock_core::claim`); one that is too large even so is refused for good, and the core tells of it.
//! Every entry of a call has its own answer, and each of them is looked at: `PutEvents` answers 200 whatever became of
//! its entries.

use std::{fmt, sync::Arc};

use aws_sdk_eventbridge::{Client, types::PutEventsRequestEntry};
use crossdock_core::{
    claim,
    message::Message,
    port::{Bus, PortError, PublishError, Random},
    route::Router,
};

use crate::{
    batch::{Answer, Limits, Weighed, send_all},
    failure::{coded, failure},
    trace::Sampling,
};

/// `PutEvents`.
const MOST_ENTRIES: usize = 10;

/// Codes that find fault with an entry itself.
const PERMANENT: &[&str] = &["InvalidArgument", "MalformedDetail", "ValidationException"];
/// Codes of entries that may be accepted in a moment.
const BUSY: &[&str] = &["InternalException", "InternalFailure", "ServiceUnavailable", "ThrottlingException"];

#[derive(Clone)]
pub struct EventBridgeBus {
    client: Client,
    name: String,
    router: Arc<Router>,
    limits: Limits,
    random: Arc<dyn Random>,
    sampling: Sampling,
}

impl fmt::Debug for EventBridgeBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBridgeBus").field("name", &self.name).finish_non_exhaustive()
    }
}

impl EventBridgeBus {
    /// `limit` is what a call takes, in bytes; the sum of its entries stays below it.
    pub fn new(client: Client, name: &str, router: Arc<Router>, limit: usize, random: Arc<dyn Random>) -> Self {
        let limits = Limits { entries: MOST_ENTRIES, bytes: limit.saturating_sub(1) };
        Self { client, name: name.to_owned(), router, limits, random, sampling: Sampling::default() }
    }

    #[must_use]
    pub fn sampled_as(self, sampling: Sampling) -> Self {
        Self { sampling, ..self }
    }

    /// An entry counts as its source, type and detail in UTF-8 (EventBridge user guide, "Calculating PutEvents event
    /// entry size"); the trace does not.
    fn prepare(&self, message: &Message) -> Result<Weighed<PutEventsRequestEntry>, PortError> {
        let source = message.bus_source();
        let around = source.len() + message.message.as_str().len();
        let detail = claim::detail(message, &self.router, self.limits.bytes.saturating_sub(around))
            .map_err(|error| PortError::permanent(error.to_string()))?;
        let bytes = around + detail.len();
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(source)
            .detail_type(message.message.as_str())
            .detail(detail)
            .set_trace_header(self.sampling.header(&message.trace_id))
            .build();
        Ok(Weighed { item: entry, bytes })
    }

    async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<Vec<Answer>, PortError> {
        let tried = format!("publishing on the bus {}", self.name);
        let call = self.client.put_events().set_entries(Some(entries));
        let answer = call.send().await.map_err(|error| failure(&tried, &error, PERMANENT))?;
        let answers = answer.entries.unwrap_or_default().into_iter().map(|entry| {
            if entry.event_id.is_some() && entry.error_code.is_none() {
                return Answer::Accepted;
            }
            let code = entry.error_code.as_deref();
            let error = coded(&tried, code, entry.error_message.as_deref(), PERMANENT);
            match code {
                Some(code) if BUSY.contains(&code) => Answer::Busy(error),
                _ => Answer::Refused(error),
            }
        });
        Ok(answers.collect())
    }
}

impl Bus for EventBridgeBus {
    async fn publish(&self, messages: &[Message]) -> Vec<Result<(), PublishError>> {
        let entries = messages.iter().map(|message| self.prepare(message)).collect();
        let answers = send_all(entries, self.limits, &*self.random, |batch| self.put(batch)).await;
        let told = |error: PortError| match error.transient {
            true => PublishError::Port(error),
            false => PublishError::Impossible(error.what),
        };
        answers.into_iter().map(|answer| answer.map_err(told)).collect()
    }
}

#[cfg(test)]
mod tests;
