//! The audit behind the guarantee (contract §5): what was promised to a route has a delivery in the ledger, or is sent
//! again.
//!
//! The writer stores with each message the routes that it will take. Between there and the ledger lie a bus and a queue,
//! which are not ours: a rule may be missing, a queue forgets after 14 days, a message may be deleted by hand. So once a
//! day every promise of the day before is looked up in the ledger. What has no record there goes into its endpoint's
//! queue once more, as the same round of the same delivery: where it is in the queue already, because its endpoint is
//! far behind, the ledger knows the second copy.
//!
//! Deliberately absent: promises to routes that are gone or disabled, which nobody waits for any more, and what is
//! younger than [`UNTIL`], which is still on its way.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;

use crate::{
    Timestamp, claim,
    event::{EventName, HubEvent},
    hub::Hub,
    id::{DeliveryKey, EndpointName, RouteName},
    message::{Message, MessageRecord},
    port::{Entry, Home, Ledger, Outbox, PortError, QueueBody, QueueName, Queues},
};

/// How often promises are looked over.
pub const EVERY: Duration = Duration::from_secs(24 * 3600);
/// How old a message is when it is looked at for the last time: three times the time between two sweeps and a little more,
/// so that two in a row may fail or be cut off, and one be late.
pub const FROM: Duration = Duration::from_secs(75 * 3600);
/// How old it is when it is looked at for the first time.
pub const UNTIL: Duration = Duration::from_secs(3600);

/// Messages that are read at a time.
const PAGE: usize = 100;
/// Deliveries that are looked up at a time: one batch read of DynamoDB, and some room for what comes with it.
const LOOKED_UP: usize = 90;

/// What a sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    pub messages: u64,
    /// Promises that the ledger knew nothing of, and that were sent again.
    pub missing: u64,
    /// Why others could not be; the last reason. They are missing still.
    pub refused: Option<PortError>,
}

/// One promise.
struct Promise<'a> {
    message: &'a Message,
    route: &'a RouteName,
}

impl Promise<'_> {
    fn key(&self) -> DeliveryKey {
        DeliveryKey { message: self.message.message_id, route: self.route.clone(), round: 1 }
    }

    fn entry(&self) -> Result<Entry, PortError> {
        let failed = |error: serde_json::Error| PortError::permanent(error.to_string());
        // Whatever its size: the dispatcher fetches it.
        let message = claim::reference(self.message).map_err(failed)?;
        let body = QueueBody { route: self.route.clone(), round: 1, message, remote: None };
        let body = serde_json::to_string(&body).map_err(failed)?;
        Ok(Entry { body, attributes: BTreeMap::new(), delay: Duration::ZERO })
    }
}

/// Looks over what was stored between [`FROM`] and [`UNTIL`] ago.
///
/// # Errors
/// The store could not be read. What was sent again until then stays sent, and the next sweep finds it in the ledger.
pub async fn sweep<H: Home>(home: &H, hub: &Hub) -> Result<Swept, PortError> {
    let now = home.clock().now();
    let ago = |age: Duration| now.checked_sub(age).unwrap_or(Timestamp::MIN);
    let (from, until) = (ago(FROM), ago(UNTIL));
    let mut swept = Swept::default();
    let mut place = None;
    loop {
        let page = home.store().stored_between(from, until, place.as_ref(), PAGE).await?;
        swept.messages += page.messages.len() as u64;
        let promises = promises(hub, &page.messages);
        for checked in join_all(promises.iter().map(|(endpoint, of_it)| check(home, endpoint, of_it))).await {
            let (missing, refused) = checked?;
            swept.missing += missing;
            swept.refused = refused.or(swept.refused);
        }
        place = page.next;
        if place.is_none() {
            return Ok(swept);
        }
    }
}

/// By endpoint, as its queue and the ledger are asked.
fn promises<'a>(hub: &'a Hub, messages: &'a [MessageRecord]) -> BTreeMap<&'a EndpointName, Vec<Promise<'a>>> {
    let mut promises: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for message in messages.iter().map(|record| &record.message) {
        for route in message.routes.iter().filter_map(|name| hub.route(name)).filter(|route| route.enabled) {
            promises.entry(&route.to).or_default().push(Promise { message, route: &route.name });
        }
    }
    promises
}

/// How many of an endpoint's promises were missing and are on their way again, and why others are not.
async fn check<H: Home>(
    home: &H,
    endpoint: &EndpointName,
    promises: &[Promise<'_>],
) -> Result<(u64, Option<PortError>), PortError> {
    let (mut sent, mut refused) = (0, None);
    for some in promises.chunks(LOOKED_UP) {
        let keys: Vec<DeliveryKey> = some.iter().map(Promise::key).collect();
        let opened = home.store().open(endpoint, &keys, &[]).await?;
        let known = some.iter().zip(opened.deliveries);
        for missing in known.filter_map(|(promise, delivery)| delivery.is_none().then_some(promise)) {
            match send_again(home, endpoint, missing).await {
                Ok(()) => sent += 1,
                Err(error) => refused = Some(error),
            }
        }
    }
    Ok((sent, refused))
}

async fn send_again<H: Home>(home: &H, endpoint: &EndpointName, missing: &Promise<'_>) -> Result<(), PortError> {
    let event = HubEvent::new(home.clock().now(), EventName::DeliveryMissing)
        .about(missing.message)
        .delivering(&missing.key(), endpoint);
    home.observer().observe(event);
    home.queues().send_one(&QueueName::Endpoint(endpoint.clone()), missing.entry()?).await
}
