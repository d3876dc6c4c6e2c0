//! Sending what has waited for its time (contract §5; `docs/adr/0024-timers.md`).
//!
//! A queue can hold an entry back for a quarter of an hour, so a timer is sent some minutes before it is due, with the rest
//! of its wait as the entry's delay: that makes it punctual to the second however rarely someone looks. What is due
//! before anybody looks again is sent by whoever stored it ([`send_now`]), through the very same function; a crash in
//! between leaves a timer that is held for [`HOLD`] and then taken by the next who looks.
//!
//! Deliberately absent: taking a timer back. The ledger decides what becomes of an entry, and an entry for a delivery
//! that has ended meanwhile changes nothing.

use std::{collections::BTreeMap, time::Duration};

use jiff::SignedDuration;

use crate::{
    Timestamp,
    dispatch::UNKNOWN_ROUTE_PATIENCE,
    event::{EventName, HubEvent},
    hub::Hub,
    id::EndpointName,
    port::{DeliveryState, Entry, Home, Ledger, PortError, QueueName, Queues, Settled, Settlement, Timer, Timers},
};

/// How long before it is due an entry is put into its queue: several times what lies between two looks, so that some of
/// them may fail, and less than the 15 minutes that a queue holds.
pub const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// How long whoever has taken a timer may need to send it.
const HOLD: SignedDuration = SignedDuration::from_secs(60);
/// Timers that are taken at a time.
const BATCH: usize = 100;

/// Sends all that is due soon: how many entries.
///
/// # Errors
/// The timers could not be read, or some not sent; those are taken again when their hold has run out.
pub async fn fire<H: Home>(home: &H, hub: &Hub) -> Result<usize, PortError> {
    let (mut sent, mut refused) = (0, None);
    loop {
        let now = home.clock().now();
        let timers = home.store().take(later(now, AHEAD), now, later(now, HOLD), BATCH).await?;
        let count = timers.len();
        for (endpoint, timers) in by_endpoint(timers) {
            let (done, failed) = send(home, &endpoint, timers).await?;
            sent += done;
            for (timer, error) in failed {
                match is_lost(hub, &timer, now) {
                    true => give_up(home, timer, &error).await?,
                    false => refused = Some(error),
                }
            }
        }
        if count < BATCH {
            return refused.map_or(Ok(sent), Err);
        }
    }
}

/// Until when a timer that is stored now is held by whoever stores it; `None`: it is due so late that the next who looks
/// will find it in time.
pub(crate) fn hold(due: Timestamp, now: Timestamp) -> Option<Timestamp> {
    (due < later(now, AHEAD)).then(|| later(now, HOLD))
}

/// Sends what its holder has just stored.
pub(crate) async fn send_now<H: Home>(home: &H, timer: Timer) -> Result<(), PortError> {
    let endpoint = timer.endpoint.clone();
    let (_, failed) = send(home, &endpoint, vec![timer]).await?;
    failed.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn by_endpoint(timers: Vec<Timer>) -> BTreeMap<EndpointName, Vec<Timer>> {
    let mut sorted: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for timer in timers {
        sorted.entry(timer.endpoint.clone()).or_default().push(timer);
    }
    sorted
}

/// How many entries were sent, and why others were not. What was sent is removed: only its holder may do that, or the
/// entry of somebody who died in between would never come.
async fn send<H: Home>(
    home: &H,
    endpoint: &EndpointName,
    timers: Vec<Timer>,
) -> Result<(usize, Vec<(Timer, PortError)>), PortError> {
    let now = home.clock().now();
    let entries = timers.iter().map(|timer| Entry {
        body: timer.body.clone(),
        attributes: BTreeMap::new(),
        delay: Duration::try_from(timer.due.duration_since(now)).unwrap_or_default(),
    });
    let answers = home.queues().send(&QueueName::Endpoint(endpoint.clone()), entries.collect()).await;
    let (mut sent, mut failed) = (Vec::new(), Vec::new());
    for (timer, answer) in timers.into_iter().zip(answers) {
        match answer {
            Ok(()) => sent.push(timer),
            Err(error) => failed.push((timer, error)),
        }
    }
    home.store().remove(&sent).await?;
    Ok((sent.len(), failed))
}

/// Its endpoint has gone from the hub, its queue with it, and a deploy that brings it back has had its time.
fn is_lost(hub: &Hub, timer: &Timer, now: Timestamp) -> bool {
    let waited = Duration::try_from(now.duration_since(timer.due)).unwrap_or_default();
    !hub.endpoints.contains_key(&timer.endpoint) && waited >= UNKNOWN_ROUTE_PATIENCE
}

/// Nothing is left to hold its dead letter but the ledger.
async fn give_up<H: Home>(home: &H, timer: Timer, error: &PortError) -> Result<(), PortError> {
    let now = home.clock().now();
    let mut delivery = timer.waiting(now);
    delivery.state = DeliveryState::DeadLettered;
    delivery.next_attempt_at = None;
    delivery.reason = Some(format!("unknown_endpoint: {error}"));
    let mut event = HubEvent::new(now, EventName::DeliveryDeadLettered).delivering(&timer.key, &timer.endpoint);
    event.reason.clone_from(&delivery.reason);
    if let Settled::Recorded { .. } = home.store().settle(Settlement::alone(delivery)).await? {
        home.observer().observe(event);
    }
    home.store().remove(&[timer]).await
}
