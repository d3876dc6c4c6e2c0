//! The queue entry of a delivery, made anew from what the store has: for deliveries whose own entry a queue has lost or
//! forgotten.
//!
//! It only refers to its message, whatever its size: the dispatcher fetches it. A `remote:poll` says where it goes in its
//! entry alone; all of that but the round of the accepted message stands in its own message too, and that round is found by
//! the id, which was made of it.

use std::collections::BTreeMap;

use crate::{
    claim,
    dispatch::MOST_ROUNDS,
    id::{DeliveryKey, MessageId},
    message::Message,
    port::{Entry, Home, Outbox, PortError, QueueBody, Remote, VersionStore},
};

/// What goes into a queue for the delivery; in words, why nothing can be made.
///
/// # Errors
/// The store could not be read.
pub(crate) async fn body<H: Home>(home: &H, key: &DeliveryKey) -> Result<Result<QueueBody, String>, PortError> {
    let record = match home.store().messages(&[key.message]).await?.pop() {
        Some(Ok(Some(record))) => record,
        Some(Ok(None)) | None => {
            return Ok(Err(format!("the store has forgotten message {} (retention.deliveries)", key.message)));
        }
        Some(Err(error)) => return Ok(Err(format!("message {}: {error}", key.message))),
    };
    let message = record.message;
    let remote = match message.message.is_remote_poll() {
        false => None,
        true => match remote(home, &message, key).await? {
            None => return Ok(Err(format!("message {} does not say where to ask", key.message))),
            remote => remote,
        },
    };
    of_message(&message, key, remote).map(Ok)
}

/// The same of a message that is at hand.
pub(crate) fn of_message(message: &Message, key: &DeliveryKey, remote: Option<Remote>) -> Result<QueueBody, PortError> {
    let message = claim::reference(message).map_err(|error| PortError::permanent(error.to_string()))?;
    Ok(QueueBody { route: key.route.clone(), round: key.round, message, remote })
}

/// As an entry that can be received at once.
pub(crate) fn entry(body: &QueueBody, attributes: BTreeMap<String, String>) -> Result<Entry, PortError> {
    let body = serde_json::to_string(body).map_err(|error| PortError::permanent(error.to_string()))?;
    Ok(Entry { body, attributes, delay: std::time::Duration::ZERO })
}

async fn remote<H: Home>(home: &H, message: &Message, key: &DeliveryKey) -> Result<Option<Remote>, PortError> {
    let asked = message.payload.get("remote");
    let update_url = asked.and_then(|asked| asked.get("update_url")?.as_str());
    let poll = asked.and_then(|asked| u32::try_from(asked.get("poll")?.as_u64()?).ok());
    let (Some(update_url), Some(poll), Some(of)) = (update_url, poll, message.parent_id) else { return Ok(None) };
    let epoch = home.store().epoch().await?;
    let is_of = |round: &u32| MessageId::of_remote_poll(epoch, of, &key.route, *round, poll) == message.message_id;
    // A redrive goes beyond what answers can ask for, never by much.
    let of_round = (1..=2 * MOST_ROUNDS).find(is_of);
    Ok(of_round.map(|of_round| Remote { update_url: update_url.to_owned(), poll, of, of_round }))
}
