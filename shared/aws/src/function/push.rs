//! Ingest: pushes and webhooks through the Function URL, answered as the local hub answers them (contract §6).
//!
//! What is accepted is stored before it is answered, and published before it is answered too, because nothing of a
//! function goes on after its answer. What the bus does not take in time stays pending, and the next scheduled run
//! publishes it.

use std::time::Duration;

use crossdock_core::{
    incoming::{Answer, Incoming},
    message::MessageRecord,
    port::Home,
    publish::publish,
};
use serde_json::Value;

use super::{
    Failure, Invocation, Work,
    event::url::{self, UrlAnswer},
};

/// Time that is kept for the answer.
pub(super) const ANSWERING: Duration = Duration::from_secs(2);

/// # Errors
/// The event is no request.
pub(super) async fn handle<H: Home>(work: Work<H>, invocation: Invocation, event: Value) -> Result<UrlAnswer, Failure> {
    let request = url::read(event)?;
    let left = || invocation.left(work.home.clock()).saturating_sub(ANSWERING);
    let incoming = Incoming { home: &*work.home, hub: &work.hub, router: &work.router, told: &work.told };
    let way = match incoming.way(&request) {
        Ok(way) => way,
        Err(nobody) => return Ok(nobody.into()),
    };
    let answer = incoming.answer(way, &request, request.body());
    let Ok((answer, records)) = tokio::time::timeout(left(), answer).await else {
        tracing::error!("the time was up before what came in was stored");
        return Ok(Answer::unavailable().into());
    };
    publish_within(left(), &work, &records).await;
    Ok(answer.into())
}

/// What the bus does not take by then stays pending.
pub(super) async fn publish_within<H: Home>(time: Duration, work: &Work<H>, records: &[MessageRecord]) {
    match tokio::time::timeout(time, publish(&*work.home, &work.router, records)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(error = %error, "messages that came in stay pending"),
        Err(_) => tracing::warn!("the time was up; messages that came in stay pending"),
    }
}

#[cfg(test)]
#[path = "push_tests.rs"]
mod tests;
