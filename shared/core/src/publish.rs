//! From the outbox to the bus: what is stored pending is published, and its mark cleared once the bus has accepted that
//! very message. A crash in between leaves the mark; a later run publishes again under the same id.
//!
//! A message that the bus will never take must neither vanish nor stand in the way of others: each delivery that it was
//! promised to is recorded as dead-lettered, a `notification:error` says so, and only then is its mark cleared. A crash in
//! between begins that again, with the same ids.

use std::{collections::BTreeMap, future::Future, time::Duration};

use serde_json::json;

use crate::{
    Timestamp,
    event::{EventName, HubEvent},
    id::{DeliveryKey, Epoch, MessageId, MessageType, NotificationLevel},
    job::{self, Ended, Job},
    message::{Message, MessageRecord},
    port::{
        Bus, Delivery, DeliveryState, Home, JobName, LeaseOwner, Ledger, Mark, Outbox, PendingPage, Place, PortError,
        PublishError, PutError, Settled, Settlement, VersionStore,
    },
    route::Router,
};

/// How old a pending message must be before a run that did not store it takes it up.
pub const STALE_AFTER: Duration = Duration::from_secs(5);

/// How many stale messages are read at a time.
const PAGE: usize = 100;

/// What became of pending messages.
#[derive(Debug, Default)]
pub struct Published {
    pub accepted: usize,
    /// The bus will never take them; it is recorded.
    pub given_up: usize,
    /// The last reason why others were not accepted; those stay pending.
    pub refused: Option<PortError>,
}

/// # Errors
/// The store failed; what was accepted and not marked so is published again.
pub async fn publish<H: Home>(home: &H, router: &Router, records: &[MessageRecord]) -> Result<Published, PortError> {
    if records.is_empty() {
        return Ok(Published::default());
    }
    let mut handed = hand_over(home, records).await;
    let (mut told, mut given_up) = (Vec::new(), 0);
    for (record, why) in std::mem::take(&mut handed.impossible) {
        // Apart, because it is seldom: every caller's future would carry its size.
        match Box::pin(give_up(home, router, record, &why)).await {
            Ok(notification) => {
                handed.settled.push(record.message.message_id);
                given_up += 1;
                told.extend(notification);
            }
            Err(error) => handed.refused = Some(error),
        }
    }
    // A notification that is not accepted either stays pending like any other message.
    let told = hand_over(home, &told).await;
    handed.settled.extend(told.settled);
    if !handed.settled.is_empty() {
        home.store().published(&handed.settled).await?;
    }
    Ok(Published { accepted: handed.accepted, given_up, refused: handed.refused })
}

/// Publishes what was left pending, page by page, until nothing is left or `cut_off`. What is refused stays pending and
/// holds up nobody behind it. Where nothing of a page was accepted, it is the bus that refuses: the run ends, and the next
/// one begins behind that page.
///
/// # Errors
/// The store failed.
pub async fn publish_stale<H: Home>(
    home: &H,
    router: &Router,
    owner: &LeaseOwner,
    cut_off: impl Future<Output = ()> + Send,
) -> Result<(Published, Ended), PortError> {
    let before = home.clock().now().checked_sub(STALE_AFTER).unwrap_or(Timestamp::MIN);
    // Mostly there is nothing, and that costs no lease.
    if is_empty(&home.store().pending(before, None, 1).await?) {
        return Ok((Published::default(), Ended::Whole));
    }
    let (stale, ended) = job::run(home, JobName::Publish, owner, cut_off, |Mark(place)| {
        let place = place.map(Place);
        Stale { home, router, before, goes_round: place.is_some(), place, all: Published::default() }
    })
    .await?;
    Ok((stale.map(|stale| stale.all).unwrap_or_default(), ended))
}

fn is_empty(page: &PendingPage) -> bool {
    page.messages.is_empty() && page.orphans.is_empty() && page.unreadable.is_empty() && page.next.is_none()
}

/// A walk over what is pending.
struct Stale<'a, H> {
    home: &'a H,
    router: &'a Router,
    before: Timestamp,
    /// Up to where it has come.
    place: Option<Place>,
    /// It did not begin at the beginning, and has yet to go there.
    goes_round: bool,
    all: Published,
}

impl<H: Home> Job for Stale<'_, H> {
    fn mark(&self) -> Mark {
        Mark(self.place.as_ref().map(|Place(place)| place.clone()))
    }

    async fn page(&mut self) -> Result<bool, PortError> {
        let PendingPage { messages, orphans, unreadable, next } =
            self.home.store().pending(self.before, self.place.as_ref(), PAGE).await?;
        for error in unreadable {
            tracing::error!(error = %error, "a pending message is set aside: it cannot be read");
        }
        if !orphans.is_empty() {
            for id in &orphans {
                tracing::error!(message.id = %id, "a message was pending for longer than it was kept, and was never published");
            }
            self.home.store().published(&orphans).await?;
        }
        let Published { accepted, given_up, refused } = publish(self.home, self.router, &messages).await?;
        self.all.accepted += accepted;
        self.all.given_up += given_up;
        let is_refusing = refused.is_some() && accepted + given_up == 0;
        self.all.refused = refused.or(self.all.refused.take());
        self.place = next;
        if is_refusing {
            return Ok(false);
        }
        Ok(self.place.is_some() || std::mem::take(&mut self.goes_round))
    }
}

/// What the bus said to some messages.
#[derive(Default)]
struct Handed<'a> {
    accepted: usize,
    /// Whose mark can be cleared.
    settled: Vec<MessageId>,
    /// The bus will never take them.
    impossible: Vec<(&'a MessageRecord, String)>,
    refused: Option<PortError>,
}

async fn hand_over<'a, H: Home>(home: &H, records: &'a [MessageRecord]) -> Handed<'a> {
    let mut handed = Handed::default();
    if records.is_empty() {
        return handed;
    }
    let messages: Vec<_> = records.iter().map(|record| record.message.clone()).collect();
    let answers = home.bus().publish(&messages).await;
    for (record, answer) in records.iter().zip(answers) {
        let message = &record.message;
        match answer {
            Ok(()) => {
                handed.accepted += 1;
                handed.settled.push(message.message_id);
                let event = HubEvent::new(home.clock().now(), EventName::MessageEmitted).about(message);
                home.observer().observe(event.counting(message.routes.len() as u64));
            }
            Err(PublishError::Port(error)) => {
                tracing::warn!(message.id = %message.message_id, error = %error, "the bus did not accept a message; it stays pending");
                handed.refused = Some(error);
            }
            Err(PublishError::Impossible(why)) => {
                tracing::error!(message.id = %message.message_id, why, "the bus will never accept a message; it is given up");
                handed.impossible.push((record, why));
            }
        }
    }
    handed
}

/// Records that no delivery of the message will be, and answers with what tells of it, stored pending.
async fn give_up<H: Home>(
    home: &H,
    router: &Router,
    record: &MessageRecord,
    why: &str,
) -> Result<Option<MessageRecord>, PortError> {
    let (message, now) = (&record.message, home.clock().now());
    home.observer().observe(HubEvent::new(now, EventName::MessageRefused).about(message).because(why));
    // What cannot even be matched was promised to nobody that could be found now.
    for (route, endpoint) in router.targets(message).unwrap_or_default() {
        let delivery = Delivery {
            key: DeliveryKey { message: message.message_id, route, round: 1 },
            endpoint,
            state: DeliveryState::DeadLettered,
            attempts: Vec::new(),
            receives: 0,
            updated_at: now,
            next_attempt_at: None,
            reason: Some(why.to_owned()),
            answer: None,
            next_round: false,
            untracked: false,
        };
        let event = HubEvent::new(now, EventName::DeliveryDeadLettered)
            .about(message)
            .delivering(&delivery.key, &delivery.endpoint)
            .because(why);
        if let Settled::Recorded { .. } = home.store().settle(Settlement::alone(delivery)).await? {
            home.observer().observe(event);
        }
    }
    // Telling of what tells could go on for ever.
    if message.message.is_notification() {
        return Ok(None);
    }
    let told = router
        .record(told(home.store().epoch().await?, message, why, now))
        .map_err(|error| PortError::permanent(error.to_string()))?;
    match home.store().put(vec![told.clone()]).await.pop() {
        Some(Ok(true)) => Ok(Some(told)),
        // An earlier run has stored it, and it was published then or is pending.
        Some(Ok(false)) => Ok(None),
        Some(Err(PutError::Port(error))) => Err(error),
        Some(Err(PutError::Impossible(why))) => Err(PortError::permanent(why)),
        None => Err(PortError::transient("the store gave no answer")),
    }
}

/// The routes are still to be worked out.
fn told(epoch: Epoch, about: &Message, why: &str, now: Timestamp) -> Message {
    let level = NotificationLevel::Error;
    let message = MessageType::notification(level);
    Message {
        message_id: MessageId::of_refusal(epoch, about.message_id),
        message,
        hub: about.hub.clone(),
        source: about.source.clone(),
        created_at: now,
        trace_id: about.trace_id.clone(),
        parent_id: Some(about.message_id),
        parent_route: None,
        hops: about.hops,
        object: None,
        keys: BTreeMap::new(),
        payload: json!({"notification": {
            "level": level,
            "subject": "a message could not be published",
            "description": why,
            "message_id": about.message_id,
            "message": about.message,
        }}),
        previous: None,
        changes: None,
        routes: Vec::new(),
    }
}
