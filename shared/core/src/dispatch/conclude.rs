//! What an attempt came to becomes the ledger's record, and the record what is done next.
//!
//! The record, and all that follows from the answer, is one transaction ([`Settlement`]); what is sent afterwards
//! (follow-ups, the next round) can be made out from the record alone. So whoever finds a round ended does the rest of
//! it once more ([`Dispatcher::clear`]), and a crash in between loses nothing.

use super::{
    bounds::{Less, kept},
    dispatcher::{Dispatcher, Disposition, Open},
    outcome::{Outcome, follow_ups},
};
use crate::{
    Timestamp,
    answer::{Answer, Verdict},
    event::{EventName, HubEvent},
    hub::Endpoint,
    id::EndpointName,
    message::{Envelope, MessageRecord},
    port::{
        Attempt, Delivery, DeliveryState, Home, Ledger, Paused, PortError, Received, Settled, Settlement, VersionStore,
    },
    publish::publish,
};

/// What a record asks for beside itself.
struct End {
    disposition: Disposition,
    pause: Option<Paused>,
}

impl<H: Home> Dispatcher<H> {
    /// An attempt was made: record it and all that follows. An outcome that the store will never take would be an
    /// endpoint that is asked for ever: then less of the answer is recorded, and that it is less.
    pub(super) async fn conclude(
        &self,
        endpoint: &Endpoint,
        received: &Received,
        open: &Open,
        outcome: Outcome,
        started: Timestamp,
    ) -> Result<Disposition, PortError> {
        let mut outcome = outcome.to(&open.body);
        let mut less = [Less::FollowUps, Less::Nothing].into_iter();
        loop {
            let error = match self.conclude_with(endpoint, received, open, &outcome, started).await {
                Err(error) if !error.transient => error,
                concluded => return concluded,
            };
            let Some(less) = less.next().filter(|_| outcome.answer.is_some()) else {
                return Err(error);
            };
            let id = open.body.message.envelope.message_id;
            tracing::error!(endpoint = %endpoint.name, message.id = %id, error = %error, "an answer is recorded in part");
            outcome = outcome.lesser(less, &error.what);
        }
    }

    async fn conclude_with(
        &self,
        endpoint: &Endpoint,
        received: &Received,
        open: &Open,
        outcome: &Outcome,
        started: Timestamp,
    ) -> Result<Disposition, PortError> {
        let now = self.home.clock().now();
        let mut delivery = self.delivery(&endpoint.name, received, open, now);
        let End { disposition, pause } = self.record(endpoint, &mut delivery, outcome, started, now);
        let messages = self.follow_ups(&open.body.message.envelope, &delivery, outcome.answer.as_ref(), now).await?;
        let next = self.next(endpoint, &open.body, outcome, now).await?;
        let parameters = outcome.answer.as_ref().map(|answer| answer.parameters.clone()).unwrap_or_default();
        // Without an answer, the last one stays.
        delivery.answer = match &outcome.answer {
            Some(answer) => {
                let mut answer = kept(answer.clone().after(delivery.answer.as_ref()));
                if outcome.verdict.is_success() && !answer.objects.is_empty() {
                    self.look_at(&mut answer).await?;
                    delivery.untracked = true;
                }
                Some(answer)
            }
            None => delivery.answer,
        };

        self.observe_attempt(&delivery, &open.body.message.envelope);
        if delivery.state == DeliveryState::DeadLettered {
            self.send_dead_letter(received, &delivery).await?;
        }
        let settlement = Settlement {
            delivery: delivery.clone(),
            parameters,
            pause: pause.clone(),
            messages: messages.clone(),
            next: next.clone(),
        };
        let fresh: Vec<MessageRecord> = match self.home.store().settle(settlement).await? {
            Settled::AlreadyEnded(known) => return self.clear(&endpoint.name, received, open, &known).await,
            // What an earlier attempt's answer said already was published then.
            Settled::Recorded { new } => {
                messages.into_iter().zip(new).filter_map(|(message, new)| new.then_some(message)).collect()
            }
        };
        self.observe_end(&delivery, &open.body.message.envelope);
        if let Some(paused) = pause {
            let event = HubEvent::new(now, EventName::EndpointPaused).because(paused.reason);
            self.home.observer().observe(HubEvent { endpoint: Some(endpoint.name.to_string()), ..event });
        }
        if let Err(error) = publish(&*self.home, &self.router, &fresh).await {
            tracing::warn!(error = %error, "follow-ups stay pending");
        }
        if let Some(next) = next {
            self.put_off_until_due(&open.body.message.envelope, next, now).await;
        }
        // It is recorded: whatever is left is done when the entry comes again, and never by recording less.
        let cleared = self.clear(&endpoint.name, received, open, &delivery).await;
        cleared.map(|_| disposition).map_err(|error| PortError::transient(error.what))
    }

    /// Writes the attempt, and what it makes of the delivery, into the ledger's record.
    fn record(
        &self,
        endpoint: &Endpoint,
        delivery: &mut Delivery,
        outcome: &Outcome,
        started: Timestamp,
        now: Timestamp,
    ) -> End {
        let failure = match &outcome.verdict {
            Verdict::Delivered | Verdict::AskAgain | Verdict::NotFinished => None,
            Verdict::Failed { why, .. } | Verdict::DeadLetter { why } | Verdict::Gone { why } => Some(why.clone()),
        };
        delivery.attempts.push(Attempt {
            at: started,
            took_ms: u64::try_from(now.duration_since(started).as_millis()).unwrap_or(0),
            status: outcome.status,
            failure,
        });
        let attempts = u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX);
        let mut pause = None;
        let disposition = match &outcome.verdict {
            Verdict::Delivered | Verdict::NotFinished => {
                delivery.state = DeliveryState::Delivered;
                Disposition::Delete
            }
            Verdict::AskAgain => {
                delivery.state = DeliveryState::Delivered;
                delivery.next_round = true;
                Disposition::Delete
            }
            Verdict::Failed { retry_after, why } => {
                match endpoint.retries.wait_after(attempts, self.home.random().fraction(), *retry_after) {
                    Some(wait) => {
                        delivery.next_attempt_at = now.checked_add(wait).ok();
                        Disposition::RetryIn(wait)
                    }
                    None => {
                        delivery.state = DeliveryState::DeadLettered;
                        delivery.reason = Some(format!("retries exhausted: {why}"));
                        Disposition::Delete
                    }
                }
            }
            Verdict::DeadLetter { why } => {
                delivery.state = DeliveryState::DeadLettered;
                delivery.reason = Some(why.clone());
                Disposition::Delete
            }
            Verdict::Gone { why } => {
                delivery.state = DeliveryState::DeadLettered;
                delivery.reason = Some(why.clone());
                pause = Some(Paused { since: now, reason: why.clone() });
                Disposition::Delete
            }
        };
        End { disposition, pause }
    }

    /// What the record asks for beside itself is done, once more where it may have been done before; then what is left
    /// is the queue.
    pub(super) async fn clear(
        &self,
        endpoint: &EndpointName,
        received: &Received,
        open: &Open,
        known: &Delivery,
    ) -> Result<Disposition, PortError> {
        if let Some(wait) = self.waits_for_collection(known) {
            return Ok(Disposition::RetryIn(wait));
        }
        if known.untracked {
            self.track(&open.body.message.envelope, known).await?;
        }
        if known.next_round {
            self.send_next_round(endpoint, &received.body).await?;
        }
        Ok(Disposition::Delete)
    }

    async fn follow_ups(
        &self,
        parent: &Envelope,
        delivery: &Delivery,
        answer: Option<&Answer>,
        now: Timestamp,
    ) -> Result<Vec<MessageRecord>, PortError> {
        let Some(answer) = answer.filter(|answer| !answer.messages.is_empty() || !answer.notifications.is_empty())
        else {
            return Ok(Vec::new());
        };
        let epoch = self.home.store().epoch().await?;
        follow_ups(epoch, parent, delivery, answer, now)
            .into_iter()
            .map(|message| self.router.record(message).map_err(|error| PortError::permanent(error.to_string())))
            .collect()
    }
}
