//! A webhook's events that come through a queue or a bus of the account's own, in place of HTTP.
//!
//! Nobody waits for an answer there, so what cannot be taken in is said here, and stays in its queue: what fails for the
//! store's sake is tried again; what can never be read ends in the queue's dead-letter queue. A queue hands over at least
//! once, so an event that has no id of its own is known by the queue's id of it.

use crate::{
    disabled::{Disabled, disabled},
    event::EventName,
    hub::Webhook,
    incoming::Incoming,
    ingest::IngestError,
    message::MessageRecord,
    port::{Home, Switch},
    webhook::{envelope, fit_to_print, proof::Headers, reported, take},
};

/// One message of a queue.
#[derive(Debug)]
pub struct Queued<'a, A> {
    /// The same however often it is received.
    pub id: &'a str,
    /// What came beside the body.
    pub attributes: &'a A,
    /// JSON, or Base64 of it.
    pub body: &'a str,
}

/// Why a message stays in its queue.
#[derive(Debug)]
pub enum NotTaken {
    /// It can never be taken in, or only a part of it could. What was stored all the same is to be published.
    Unread(Vec<MessageRecord>),
    /// The hub or the webhook is switched off: it waits.
    Off(Disabled),
    /// It can be taken in later.
    Trouble(IngestError),
}

impl<H: Home> Incoming<'_, H> {
    /// Everything is durable when this returns; the records are still to be published.
    ///
    /// # Errors
    /// Why the message is to stay in its queue. What can never be read has been reported.
    pub async fn take_queued(
        &self,
        webhook: &Webhook,
        queued: Queued<'_, impl Headers>,
    ) -> Result<Vec<MessageRecord>, NotTaken> {
        let switches = [Switch::Hub, Switch::Webhook(webhook.id.clone())];
        let off = disabled(self.home, self.hub, &switches).await;
        if let Some(off) = off.map_err(|error| NotTaken::Trouble(error.into()))? {
            return Err(NotTaken::Off(off));
        }
        let unread = |why: String, records| {
            let event = reported(self, webhook, EventName::WebhookUnread).counting(1);
            self.home.observer().observe(event.because(fit_to_print(&why)));
            NotTaken::Unread(records)
        };
        let body = envelope::plain(queued.body).map_err(|why| unread(why, Vec::new()))?;
        match take(self, webhook, queued.attributes, Some(queued.id), &body).await {
            Ok((receipt, records)) => match receipt.told() {
                None => Ok(records),
                Some(why) => Err(unread(why, records)),
            },
            Err(IngestError::Bad(why)) => Err(unread(why, Vec::new())),
            Err(error) => Err(NotTaken::Trouble(error)),
        }
    }
}
