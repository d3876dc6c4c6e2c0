//! A collection that cannot be polled says so once, after three failures in a row, and once when it recovers.

use serde_json::json;

use crate::{
    Timestamp,
    hub::Hub,
    id::{CollectionKey, Epoch, MessageId, MessageType, NotificationLevel},
    message::Message,
    port::CollectionState,
};

/// Failures in a row before anyone is told.
const PATIENCE: u64 = 3;

/// Counts a failure; the message to emit if this one is due.
pub(super) fn failed(
    hub: &Hub,
    epoch: Epoch,
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
    let subject = format!("{key} cannot be polled");
    Some(notification(hub, epoch, key, state, now, NotificationLevel::Error, &subject, why))
}

/// Ends a streak; the message to emit if one had been emitted about it.
pub(super) fn recovered(
    hub: &Hub,
    epoch: Epoch,
    key: &CollectionKey,
    state: &mut CollectionState,
    now: Timestamp,
) -> Option<Message> {
    let failures = std::mem::take(&mut state.failures);
    if !std::mem::take(&mut state.notified) {
        return None;
    }
    let subject = format!("{key} can be polled again");
    let why = format!("after {failures} failed polls");
    Some(notification(hub, epoch, key, state, now, NotificationLevel::Info, &subject, &why))
}

#[expect(clippy::too_many_arguments, reason = "one private constructor, called in two places above")]
fn notification(
    hub: &Hub,
    epoch: Epoch,
    key: &CollectionKey,
    state: &CollectionState,
    now: Timestamp,
    level: NotificationLevel,
    subject: &str,
    description: &str,
) -> Message {
    let message = MessageType::notification(level);
    let message_id = MessageId::of_source_notification(epoch, key, state.bookmark.as_deref(), state.streak, &message);
    Message {
        message_id,
        message,
        hub: hub.name.clone(),
        source: key.source.clone(),
        created_at: now,
        trace_id: message_id.trace_id(),
        parent_id: None,
        hops: 0,
        object: None,
        keys: std::collections::BTreeMap::new(),
        payload: json!({"notification": {
            "level": level, "subject": subject, "description": description,
            "source": key.source, "collection": key.collection,
        }}),
        previous: None,
        changes: None,
        routes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{check_message, context, hub, now, orders};

    /// What each poll emits, `!` for a failed one.
    #[test]
    fn a_streak_is_told_once_and_its_end_once() {
        let hub = hub();
        let key = &orders(&hub).key;
        let epoch = context(&hub).epoch;
        let mut state =
            CollectionState { bookmark: Some("2026-11-21T09:00:00Z".to_owned()), ..CollectionState::default() };
        let mut emitted = Vec::new();
        for (place, poll) in "!!. !!!!. . !!!".chars().filter(|poll| *poll != ' ').enumerate() {
            let message = match poll {
                '!' => failed(&hub, epoch, key, &mut state, now(), "503 Service Unavailable"),
                _ => recovered(&hub, epoch, key, &mut state, now()),
            };
            emitted.extend(message.map(|message| (place, message)));
        }
        let told: Vec<(usize, &str)> =
            emitted.iter().map(|(place, message)| (*place, message.message.as_str())).collect();
        assert_eq!(told, [(5, "notification:error"), (7, "notification:info"), (11, "notification:error")]);
        assert_ne!(emitted[0].1.message_id, emitted[2].1.message_id, "each streak is another fact");
        assert_eq!(state.bookmark.as_deref(), Some("2026-11-21T09:00:00Z"), "a failure leaves it alone");
        let mut emitted = emitted.into_iter().map(|(_, message)| message);
        check_message(&hub, "source-failing", emitted.next().unwrap());
        check_message(&hub, "source-recovered", emitted.next().unwrap());
    }
}
