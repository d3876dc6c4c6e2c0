//! An endpoint that has accepted something and is not finished: what comes next, and when (contract §5).
//!
//! With `delay` alone the same message is delivered again, in a round of its own. With `update_url` the hub asks there, with
//! messages `remote:poll` that are nobody else's business: they go over no bus, and their lineage is that of the
//! message they ask about, however often it takes. Either is stored with the outcome and sent when its time has come
//! ([`crate::timer`]).

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use super::{
    dispatcher::Dispatcher,
    outcome::{MOST_ROUNDS, Outcome},
};
use crate::{
    Timestamp,
    answer::{Answer, Verdict},
    claim,
    event::{EventName, HubEvent},
    hub::Endpoint,
    id::{DeliveryKey, Epoch, MessageId, MessageType},
    message::{Envelope, Message, MessageRecord},
    port::{Home, Next, PortError, QueueBody, Remote, Timer, VersionStore},
    timer,
};

/// How often an endpoint is asked whether it has finished.
pub const MOST_POLLS: u32 = 100;

impl Answer {
    /// Takes back a wait for an answer at what is no URL.
    pub(super) fn check_update_url(&mut self, endpoint: &Endpoint) {
        if let Some(found) = self.update_url.take_if(|found| crate::url::resolve(&endpoint.url, found).is_none()) {
            self.delay = None;
            let found: String = found.chars().take(80).collect();
            self.faults.push(format!(
                "update_url: found {found:?}, expected an http or https URL, or one relative to the endpoint's"
            ));
        }
    }
}

impl Outcome {
    /// What an answer means depends on what was asked: nothing is put off for ever, and an address that an endpoint gave
    /// may go without the endpoint being gone.
    #[must_use]
    pub(super) fn to(mut self, asked: &QueueBody) -> Self {
        self.verdict = match (self.verdict, &asked.remote) {
            (Verdict::NotFinished, Some(remote)) if remote.poll >= MOST_POLLS => {
                Verdict::DeadLetter { why: format!("not finished after {MOST_POLLS} remote:poll") }
            }
            (Verdict::NotFinished, None) if asked.round >= MOST_ROUNDS => {
                Verdict::DeadLetter { why: format!("answered with a delay in {MOST_ROUNDS} rounds") }
            }
            (Verdict::Gone { why }, Some(_)) => Verdict::DeadLetter { why },
            (verdict, _) => verdict,
        };
        self
    }
}

impl<H: Home> Dispatcher<H> {
    /// What is to come of the outcome later; `None`: nothing.
    pub(super) async fn next(
        &self,
        endpoint: &Endpoint,
        asked: &QueueBody,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Option<Next>, PortError> {
        let (Verdict::NotFinished, Some(answer)) = (&outcome.verdict, &outcome.answer) else {
            return Ok(None);
        };
        let Some(delay) = answer.delay else { return Ok(None) };
        let due = now.checked_add(Duration::from_secs(delay.into())).unwrap_or(Timestamp::MAX);
        let unwritable = |error: serde_json::Error| PortError::permanent(error.to_string());
        let (body, message) = match remote(asked, answer) {
            None => {
                let message = claim::reference_to(&asked.message).map_err(unwritable)?;
                (QueueBody { round: asked.round + 1, message, ..asked.clone() }, None)
            }
            Some(remote) => {
                let epoch = self.home.store().epoch().await?;
                let message = question(epoch, &asked.message.envelope, &asked.key(), &remote, now);
                let body = QueueBody {
                    route: asked.route.clone(),
                    round: 1,
                    message: claim::reference(&message).map_err(unwritable)?,
                    remote: Some(remote),
                };
                (body, Some(MessageRecord { message, disabled_routes: Vec::new() }))
            }
        };
        let timer = Timer {
            key: body.key(),
            endpoint: endpoint.name.clone(),
            due,
            body: serde_json::to_string(&body).map_err(unwritable)?,
            held_until: timer::hold(due, now),
        };
        Ok(Some(Next { timer, message }))
    }

    /// It is stored. What is due before anybody looks for it goes into its queue now; what fails of that is made up for by
    /// whoever looks next.
    pub(super) async fn put_off_until_due(&self, message: &Envelope, next: Next, now: Timestamp) {
        let timer = next.timer;
        let event = HubEvent::new(now, EventName::DeliveryWaiting);
        let event = match &next.message {
            Some(record) => event.about(&record.message),
            None => event.carrying(message),
        };
        let mut event = event.delivering(&timer.key, &timer.endpoint);
        event.next_attempt_at = Some(timer.due);
        self.home.observer().observe(event);
        if timer.held_until.is_none() {
            return;
        }
        if let Err(error) = timer::send_now(&*self.home, timer).await {
            tracing::warn!(error = %error, "what waits is sent later than it is due");
        }
    }
}

/// The next question; `None`: the same message once more.
fn remote(asked: &QueueBody, answer: &Answer) -> Option<Remote> {
    match (&answer.update_url, &asked.remote) {
        (None, None) => None,
        (Some(update_url), None) => Some(Remote {
            update_url: update_url.clone(),
            poll: 1,
            of: asked.message.envelope.message_id,
            of_round: asked.round,
        }),
        (url, Some(before)) => Some(Remote {
            update_url: url.as_ref().unwrap_or(&before.update_url).clone(),
            poll: before.poll + 1,
            ..before.clone()
        }),
    }
}

fn question(epoch: Epoch, asked: &Envelope, key: &DeliveryKey, remote: &Remote, now: Timestamp) -> Message {
    Message {
        message_id: MessageId::of_remote_poll(epoch, remote.of, &key.route, remote.of_round, remote.poll),
        message: MessageType::remote_poll(),
        hub: asked.hub.clone(),
        source: asked.source.clone(),
        created_at: now,
        trace_id: asked.trace_id.clone(),
        parent_id: Some(remote.of),
        parent_route: Some(key.route.clone()),
        // It goes nowhere that its parent has not been.
        hops: asked.hops,
        object: None,
        keys: BTreeMap::new(),
        payload: json!({"remote": {"update_url": remote.update_url, "poll": remote.poll}}),
        previous: None,
        changes: None,
        routes: vec![key.route.clone()],
    }
}

#[cfg(test)]
mod tests;
