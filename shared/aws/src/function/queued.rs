//! A batch from the queue of a webhook: each record by itself, in the order they came, and which of them go back.
//!
//! A record is done with when everything of it is stored. What came of all of them is published in one go, before the answer,
//! because nothing of a function goes on after it. What nobody understands goes back too: after enough receives its queue
//! puts it aside, and the alarm on what is unread tells at the first.

use std::collections::BTreeMap;

use crossdock_core::{
    hub::{Channel, Webhook},
    incoming::Incoming,
    message::MessageRecord,
    port::Home,
    webhook::{NotTaken, Queued, proof::Headers},
};
use serde_json::Value;
use tracing::Instrument;

use super::{
    Failure, Invocation, Work,
    event::sqs::{self, Answer, Content, Left, Record},
    push::{ANSWERING, publish_within},
};

/// # Errors
/// The event is no batch.
pub(super) async fn handle<H: Home>(work: Work<H>, invocation: Invocation, event: Value) -> Result<Answer, Failure> {
    let records = sqs::read(event)?;
    let left = || invocation.left(work.home.clock()).saturating_sub(ANSWERING);
    let mut answer = Answer::default();
    let mut stored = Vec::new();
    for record in records {
        let id = record.id.clone();
        if left().is_zero() {
            // It has not had its turn.
            answer.batch_item_failures.push(Left { item_identifier: id });
            continue;
        }
        let taken = tokio::time::timeout(left(), take(&work, record)).await.unwrap_or_else(|_| {
            tracing::error!(sqs.message_id = id, "the time was up before an event was stored");
            Err(Vec::new())
        });
        stored.extend(taken.unwrap_or_else(|part| {
            answer.batch_item_failures.push(Left { item_identifier: id });
            part
        }));
    }
    publish_within(left(), &work, &stored).await;
    Ok(answer)
}

/// What is to be published of it; in the error, of one that goes back.
async fn take<H: Home>(work: &Work<H>, record: Record) -> Result<Vec<MessageRecord>, Vec<MessageRecord>> {
    let addressed = record.content.and_then(|content| Ok((webhook(work, &content)?, content)));
    let (webhook, content) = match addressed {
        Ok(addressed) => addressed,
        Err(why) => {
            tracing::error!(sqs.message_id = record.id, why, "a record goes back to its queue");
            return Err(Vec::new());
        }
    };
    let span = tracing::error_span!("record", sqs.message_id = record.id, webhook = %webhook.id, xray = content.trace);
    let incoming = Incoming { home: &*work.home, hub: &work.hub, router: &work.router, told: &work.told };
    let attributes = Attributes::of(content.received.attributes);
    let queued = Queued { id: &record.id, attributes: &attributes, body: &content.received.body };
    async {
        incoming.take_queued(webhook, queued).await.map_err(|why| match why {
            NotTaken::Unread(part) => part,
            NotTaken::Off(off) => {
                tracing::warn!(why = %off, "an event waits in its queue");
                Vec::new()
            }
            NotTaken::Trouble(error) => {
                tracing::error!(error = %error, "an event could not be stored, and goes back to its queue");
                Vec::new()
            }
        })
    }
    .instrument(span)
    .await
}

/// Whose queue it is.
fn webhook<'a, H>(work: &'a Work<H>, content: &Content) -> Result<&'a Webhook, String> {
    let reads = |webhook: &&Webhook| match &webhook.from {
        Channel::Http => false,
        Channel::Queue(arn) => *arn == content.arn,
        Channel::Bus(_) => work.names.webhook_queue(&webhook.id) == content.queue,
    };
    let found = work.hub.webhooks.values().find(reads);
    found.ok_or_else(|| {
        format!("found the queue {:?}, expected one that a webhook of the hub comes through", content.arn)
    })
}

/// Attributes of a message as the headers that they stand for, by names in lower case.
struct Attributes(BTreeMap<String, String>);

impl Attributes {
    fn of(attributes: BTreeMap<String, String>) -> Self {
        Self(attributes.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
    }
}

impl Headers for Attributes {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(String::as_bytes)
    }
}

#[cfg(test)]
#[path = "queued_tests.rs"]
mod tests;
