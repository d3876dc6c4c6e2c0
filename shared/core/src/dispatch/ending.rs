//! How a delivery ends: what is told of it, what goes into the dead-letter queue, and the next round it asks for.

use std::{collections::BTreeMap, time::Duration};

use super::dispatcher::{Dispatcher, Disposition, Open};
use crate::{
    Timestamp,
    event::{EventName, HubEvent},
    id::EndpointName,
    message::Envelope,
    port::{
        Delivery, DeliveryState, Entry, Home, Ledger, PortError, QueueBody, QueueName, Queues, Received, Settled,
        Settlement,
    },
};

impl<H: Home> Dispatcher<H> {
    /// Without an attempt: sends it to the dead-letter queue, records it, and lets go of the entry.
    pub(super) async fn dead_letter(
        &self,
        endpoint: &EndpointName,
        received: &Received,
        open: &Open,
        why: &str,
        now: Timestamp,
    ) -> Result<Disposition, PortError> {
        let mut delivery = self.delivery(endpoint, received, open, now);
        delivery.state = DeliveryState::DeadLettered;
        delivery.reason = Some(why.to_owned());
        self.send_dead_letter(received, &delivery).await?;
        self.settle(delivery.clone()).await?;
        self.observe_end(&delivery, &open.body.message.envelope);
        Ok(Disposition::Delete)
    }

    pub(super) async fn dead_letter_unreadable(
        &self,
        endpoint: &EndpointName,
        received: &Received,
        why: &str,
    ) -> Result<Disposition, PortError> {
        let attributes = BTreeMap::from([("reason".to_owned(), why.to_owned())]);
        self.send_dead(endpoint, received, attributes).await?;
        let mut event = HubEvent::new(self.home.clock().now(), EventName::DeliveryDeadLettered).because(why);
        event.endpoint = Some(endpoint.to_string());
        self.home.observer().observe(event);
        Ok(Disposition::Delete)
    }

    pub(super) async fn settle(&self, delivery: Delivery) -> Result<Settled, PortError> {
        self.home.store().settle(Settlement::alone(delivery)).await
    }

    pub(super) async fn send_dead_letter(&self, received: &Received, delivery: &Delivery) -> Result<(), PortError> {
        let attributes = delivery.dead_letter(delivery.reason.as_deref().unwrap_or_default());
        self.send_dead(&delivery.endpoint, received, attributes).await
    }

    pub(super) async fn send_next_round(&self, endpoint: &EndpointName, body: &str) -> Result<(), PortError> {
        let body: QueueBody = serde_json::from_str(body).map_err(|error| PortError::permanent(error.to_string()))?;
        self.home.queues().send_one(&QueueName::Endpoint(endpoint.clone()), body.next_round()?).await
    }

    async fn send_dead(
        &self,
        endpoint: &EndpointName,
        received: &Received,
        attributes: BTreeMap<String, String>,
    ) -> Result<(), PortError> {
        let entry = Entry { body: received.body.clone(), attributes, delay: Duration::ZERO };
        self.home.queues().send_one(&QueueName::DeadLetters(endpoint.clone()), entry).await
    }

    pub(super) fn observe_attempt(&self, delivery: &Delivery, message: &Envelope) {
        let mut event = self.event(EventName::DeliveryAttempted, delivery, message);
        event.next_attempt_at = delivery.next_attempt_at;
        event.reason = delivery.attempts.last().and_then(|attempt| attempt.failure.clone());
        self.home.observer().observe(event);
    }

    pub(super) fn observe_end(&self, delivery: &Delivery, message: &Envelope) {
        let name = match delivery.state {
            DeliveryState::Delivered => EventName::DeliverySucceeded,
            DeliveryState::DeadLettered => EventName::DeliveryDeadLettered,
            DeliveryState::Suppressed => EventName::DeliverySuppressed,
            DeliveryState::Superseded => EventName::DeliverySuperseded,
            _ => return,
        };
        let mut event = self.event(name, delivery, message);
        event.reason.clone_from(&delivery.reason);
        self.home.observer().observe(event);
    }

    fn event(&self, name: EventName, delivery: &Delivery, message: &Envelope) -> HubEvent {
        let mut event =
            HubEvent::new(delivery.updated_at, name).carrying(message).delivering(&delivery.key, &delivery.endpoint);
        event.attempt = u32::try_from(delivery.attempts.len()).ok().filter(|attempts| *attempts > 0);
        event.status = delivery.attempts.last().and_then(|attempt| attempt.status);
        event
    }
}
