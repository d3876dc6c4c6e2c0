//! From the outbox to the bus: what is stored pending is published, and its mark cleared once the bus has accepted that
//! very message. A crash in between leaves the mark; a later run publishes again under the same id.

use std::time::Duration;

use crate::{
    event::{EventName, HubEvent},
    message::MessageRecord,
    port::{Bus, Home, Outbox, PortError},
};

/// How old a pending message must be before a run that did not store it takes it up.
pub const STALE_AFTER: Duration = Duration::from_secs(5);

/// How many stale messages are read at a time.
const BATCH: usize = 100;

/// How many were accepted, and the last reason why others were not; those stay pending.
#[derive(Debug, Default)]
pub struct Published {
    pub accepted: usize,
    pub refused: Option<PortError>,
}

pub async fn publish<H: Home>(home: &H, records: &[MessageRecord]) -> Result<Published, PortError> {
    if records.is_empty() {
        return Ok(Published::default());
    }
    let messages: Vec<_> = records.iter().map(|record| record.message.clone()).collect();
    let answers = home.bus().publish(&messages).await;
    let mut accepted = Vec::with_capacity(messages.len());
    let mut published = Published::default();
    for (message, answer) in messages.iter().zip(answers) {
        match answer {
            Ok(()) => {
                accepted.push(message.message_id);
                let event = HubEvent::new(home.clock().now(), EventName::MessageEmitted).about(message);
                home.observer().observe(event.counting(message.routes.len() as u64));
            }
            Err(error) => {
                tracing::warn!(message.id = %message.message_id, error = %error, "the bus did not accept a message; it stays pending");
                published.refused = Some(error);
            }
        }
    }
    published.accepted = accepted.len();
    if !accepted.is_empty() {
        home.store().published(&accepted).await?;
    }
    Ok(published)
}

/// Publishes what earlier runs left pending. Stops when nothing is left or the bus refuses.
pub async fn publish_stale<H: Home>(home: &H) -> Result<Published, PortError> {
    let mut all = Published::default();
    loop {
        let before = home.clock().now().checked_sub(STALE_AFTER).unwrap_or(crate::Timestamp::MIN);
        let records = home.store().pending(before, BATCH).await?;
        let published = publish(home, &records).await?;
        all.accepted += published.accepted;
        if records.len() < BATCH || published.refused.is_some() {
            all.refused = published.refused;
            return Ok(all);
        }
    }
}
