//! What has no outcome and is in no queue any more ends as a dead letter, `expired` (contract §5).
//!
//! A queue keeps an entry for 14 days at most, and whoever receives it records that, whatever comes of it. So where nothing
//! was recorded for that long, and the delivery was due all the while, nobody will ever hear of it again: its entry was deleted
//! by hand, or forgotten behind an endpoint that was paused or a hub that was switched off. It becomes a dead letter like
//! any other, in its queue and in the ledger, and can be sent again from there. Should its entry come after all (the local
//! hub's queues forget nothing), the ledger knows that it has ended.
//!
//! Deliberately absent: endpoints that are gone from the hub. Nobody waits for them, and nothing could be sent to them.

use std::time::Duration;

use super::walk::ago;
use crate::{
    Timestamp, anew,
    event::{EventName, HubEvent},
    id::EndpointName,
    port::{Delivery, DeliveryState, Home, Ledger, PortError, QueueName, Queues, Settled, Settlement},
};

/// The longest that a queue keeps an entry (`MessageRetentionPeriod` of SQS).
pub const KEPT: Duration = Duration::from_secs(14 * 24 * 3600);
/// Why a delivery was dead-lettered.
const EXPIRED: &str = "expired";

/// Deliveries of one state that are looked at in a page; where all of them are yet to come, so many as this.
const PAGE: usize = 50;
const MOST: usize = 64 * PAGE;

#[derive(Debug, Default)]
pub(super) struct Expired {
    pub count: u64,
    pub unreadable: u64,
    /// Why others could not be ended; the last reason.
    pub refused: Option<PortError>,
    pub more: bool,
}

/// Of one endpoint.
pub(super) async fn page<H: Home>(home: &H, endpoint: &EndpointName, now: Timestamp) -> Result<Expired, PortError> {
    let forgotten = ago(now, KEPT);
    let mut expired = Expired::default();
    for state in DeliveryState::ALL.into_iter().filter(|state| !state.ended()) {
        let Silent { over, unreadable, more } = silent(home, endpoint, state, forgotten).await?;
        expired.unreadable += unreadable;
        let mut ended = 0;
        for delivery in over {
            match end(home, delivery, now).await {
                Ok(()) => ended += 1,
                Err(error) => expired.refused = Some(error),
            }
        }
        expired.count += ended;
        // What has ended leaves room in the list for what stands behind it.
        expired.more |= more && ended > 0;
    }
    Ok(expired)
}

struct Silent {
    /// Nobody will hear of them.
    over: Vec<Delivery>,
    unreadable: u64,
    more: bool,
}

/// The longest silent of which some are over, if there are any: an endpoint may have put off many for longer than a queue
/// keeps an entry.
async fn silent<H: Home>(
    home: &H,
    endpoint: &EndpointName,
    state: DeliveryState,
    forgotten: Timestamp,
) -> Result<Silent, PortError> {
    let mut limit = PAGE;
    loop {
        let (mut over, mut unreadable, mut readable) = (Vec::new(), 0, 0);
        for delivery in home.store().silent(endpoint, state, forgotten, limit).await? {
            match delivery {
                Ok(delivery) => {
                    readable += 1;
                    // It may have come into its queue as late as when it was due.
                    if delivery.next_attempt_at.is_none_or(|due| due < forgotten) {
                        over.push(delivery);
                    }
                }
                Err(error) => {
                    tracing::error!(endpoint = %endpoint, error = %error, "a delivery is set aside: its record cannot be read");
                    unreadable += 1;
                }
            }
        }
        let more = readable == limit;
        if !more || !over.is_empty() || limit >= MOST {
            return Ok(Silent { over, unreadable, more });
        }
        limit *= 4;
    }
}

/// The dead letter first, then the record, as the dispatcher does it: two copies after a crash share one delivery.
async fn end<H: Home>(home: &H, mut delivery: Delivery, now: Timestamp) -> Result<(), PortError> {
    let mut event = HubEvent::new(now, EventName::DeliveryDeadLettered);
    let mut reason = EXPIRED.to_owned();
    match anew::body(home, &delivery.key).await? {
        Ok(body) => {
            let entry = anew::entry(&body, delivery.dead_letter(&reason))?;
            home.queues().send_one(&QueueName::DeadLetters(delivery.endpoint.clone()), entry).await?;
            event = event.carrying(&body.message.envelope);
        }
        // Then the ledger alone tells of it.
        Err(why) => {
            tracing::error!(message.id = %delivery.key.message, route = %delivery.key.route, why, "what expires has no dead letter");
            reason = format!("{EXPIRED}: {why}");
        }
    }
    let event = event.delivering(&delivery.key, &delivery.endpoint).because(&reason);
    delivery.state = DeliveryState::DeadLettered;
    delivery.updated_at = now;
    delivery.next_attempt_at = None;
    delivery.reason = Some(reason);
    if let Settled::Recorded { .. } = home.store().settle(Settlement::alone(delivery)).await? {
        home.observer().observe(event);
    }
    Ok(())
}
