//! A collection that cannot be polled says so once, after three failures in a row, and once when it recovers.

use serde_json::json;

use super::way::Way;
use crate::{
    Timestamp,
    hub::Hub,
    id::{CollectionKey, Epoch, MessageId, MessageType, NotificationLevel},
    message::Message,
    port::CollectionState,
};

/// Failures in a row before anyone is told.
pub const PATIENCE: u64 = 3;

/// Counts a failure; the message to emit if this one is due.
pub(super) fn failed(
    hub: &Hub,
    epoch: Epoch,
    way: Way,
    key: &CollectionKey,
    state: &mut CollectionState,
    now: Timestamp,
    why: &str,
) -> Option<Message> {
    if state.failures == 0 {
        state.streak += 1;
    }
    state.failures += 1;
    if state.failures < PATIENCE || state.notified {
        return None;
    }
    state.notified = true;
    let subject = format!("{key} cannot be {}", done(way));
    Some(notification(hub, epoch, way, key, state, now, NotificationLevel::Error, &subject, why))
}

/// Ends a streak; the message to emit if one had been emitted about it.
pub(super) fn recovered(
    hub: &Hub,
    epoch: Epoch,
    way: Way,
    key: &CollectionKey,
    state: &mut CollectionState,
    now: Timestamp,
) -> Option<Message> {
    let failures = std::mem::take(&mut state.failures);
    if !std::mem::take(&mut state.notified) {
        return None;
    }
    let subject = format!("{key} can be {} again", done(way));
    let why = format!("after {failures} failed polls");
    Some(notification(hub, epoch, way, key, state, now, NotificationLevel::Info, &subject, &why))
}

fn done(way: Way) -> &'static str {
    match way {
        Way::Poll => "polled",
        Way::Reconcile => "reconciled",
        Way::Fetch => "fetched from",
    }
}

#[expect(clippy::too_many_arguments, reason = "one private constructor, called in two places above")]
fn notification(
    hub: &Hub,
    epoch: Epoch,
    way: Way,
    key: &CollectionKey,
    state: &CollectionState,
    now: Timestamp,
    level: NotificationLevel,
    subject: &str,
    description: &str,
) -> Message {
    let message = MessageType::notification(level);
    let message_id = MessageId::of_source_notification(
        epoch,
        &way.record_of(key),
        state.bookmark.as_deref(),
        state.streak,
        &message,
    );
    about(hub, key, message_id, level, subject, description, now)
}

/// A notification about a collection.
pub(super) fn about(
    hub: &Hub,
    key: &CollectionKey,
    id: MessageId,
    level: NotificationLevel,
    subject: &str,
    description: &str,
    now: Timestamp,
) -> Message {
    let payload = json!({"notification": {
        "level": level, "subject": subject, "description": description,
        "source": key.source, "collection": key.collection,
    }});
    Message::beginning(id, MessageType::notification(level), &hub.name, &key.source, payload, now)
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
