//! Ingest: what comes in of its own accord, over HTTP ([`super::push`]) or in batches from a queue ([`super::queued`]). Which
//! of the two an event is shows at its first field, and each is answered in its own way.

use crossdock_core::port::Home;
use serde::Serialize;
use serde_json::Value;

use super::{
    Failure, Invocation, Work,
    event::{sqs, url::UrlAnswer},
    push, queued,
};

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Url(UrlAnswer),
    Batch(sqs::Answer),
}

/// # Errors
/// The event is neither a request nor a batch.
pub async fn handle<H: Home>(work: Work<H>, invocation: Invocation, event: Value) -> Result<Answer, Failure> {
    if event.get("Records").is_some() {
        queued::handle(work, invocation, event).await.map(Answer::Batch)
    } else {
        push::handle(work, invocation, event).await.map(Answer::Url)
    }
}
