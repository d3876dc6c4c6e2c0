//! The audit behind the guarantee (contract §5): what was promised to a route has a delivery in the ledger, or is sent
//! again.
//!
//! The writer stores with each message the routes that it will take. Between there and the ledger lie a bus and a queue,
//! which are not ours: a rule may be missing, a queue forgets after 14 days, a message may be deleted by hand. So every
//! promise is looked up in the ledger when it is of a certain age ([`LOOKS`]). What has no record there goes into its
//! endpoint's queue once more, as the same round of the same delivery: where it is in the queue already, because its
//! endpoint is far behind, the ledger knows the second copy.
//!
//! A mark says how far that has come (`walk`). However long the hub stood still, the sweep goes on from there, as far back
//! as messages are kept.
//!
//! Deliberately absent: promises to routes that are gone or disabled, which nobody waits for any more, and what is
//! younger than an hour, which is still on its way.

mod walk;

use std::{collections::BTreeMap, future::Future, time::Duration};

use futures_util::future::join_all;

use self::walk::{Stretch, Walk};

use crate::{
    Timestamp, claim,
    event::{EventName, HubEvent},
    hub::Hub,
    id::{DeliveryKey, EndpointName, RouteName},
    job::{self, Ended, Job},
    message::{Message, MessageRecord},
    port::{Entry, Home, JobName, LeaseOwner, Ledger, Mark, Outbox, PortError, QueueBody, QueueName, Queues},
};

/// How often promises are looked over.
pub const EVERY: Duration = Duration::from_secs(3600);
/// How old a message is when it is looked at: once when it must have arrived, and once more for what was lost from a queue
/// since.
pub const LOOKS: [Duration; 2] = [HOUR, DAYS];
/// How far back the first sweep of a hub begins.
pub const FROM: Duration = DAYS.saturating_add(EVERY.saturating_mul(3));
/// How long a promise that cannot be sent again is tried, before the sweep goes on without it.
pub const HELD: Duration = DAYS;

const HOUR: Duration = Duration::from_secs(3600);
const DAYS: Duration = Duration::from_secs(3 * 24 * 3600);

/// Messages that are read at a time.
const PAGE: usize = 100;
/// Deliveries that are looked up at a time: one batch read of DynamoDB, and some room for what comes with it.
const LOOKED_UP: usize = 90;

/// What a sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Those that are looked at twice count twice.
    pub messages: u64,
    /// Promises that the ledger knew nothing of, and that were sent again.
    pub missing: u64,
    /// Messages and records of deliveries that could not be read. They are set aside.
    pub unreadable: u64,
    /// Why others could not be sent again; the last reason. They are missing still.
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

/// Goes on from where the sweep before came to, until all that is old enough was looked at, or until `cut_off`.
///
/// # Errors
/// The store could not be read. What was sent again until then stays sent.
pub async fn sweep<H: Home>(
    home: &H,
    hub: &Hub,
    owner: &LeaseOwner,
    cut_off: impl Future<Output = ()> + Send,
) -> Result<(Swept, Ended), PortError> {
    let now = home.clock().now();
    let begin = |mark| Sweep { home, hub, now, walks: walk::walks(&mark, now), swept: Swept::default() };
    let (sweep, ended) = job::run(home, JobName::Sweep, owner, cut_off, begin).await?;
    Ok((sweep.map(|sweep| sweep.swept).unwrap_or_default(), ended))
}

struct Sweep<'a, H> {
    home: &'a H,
    hub: &'a Hub,
    now: Timestamp,
    walks: Vec<Walk>,
    swept: Swept,
}

impl<H: Home> Job for Sweep<'_, H> {
    fn mark(&self) -> Mark {
        walk::mark(&self.walks)
    }

    async fn page(&mut self) -> Result<bool, PortError> {
        let Some(walk) = self.walks.iter_mut().find(|walk| !walk.is_over()) else {
            return Ok(false);
        };
        let Stretch { from, until, after } = &walk.at;
        let page = self.home.store().stored_between(*from, *until, after.as_ref(), PAGE).await?;
        for error in &page.unreadable {
            tracing::error!(error = %error, "a message is left out when looking for missing deliveries: it cannot be read");
        }
        let promises = promises(self.hub, &page.messages);
        let checking = promises.iter().map(|(endpoint, of_it)| check(self.home, endpoint, of_it));
        let (mut all, mut is_held) = (Checked::default(), false);
        for checked in join_all(checking).await {
            let checked = checked?;
            all.sent += checked.sent;
            all.unreadable += checked.unreadable;
            for (created_at, error) in checked.refused {
                is_held |= walk.holds(created_at, self.now);
                self.swept.refused = Some(error);
            }
        }
        self.swept.messages += page.messages.len() as u64;
        self.swept.missing += all.sent;
        self.swept.unreadable += all.unreadable + page.unreadable.len() as u64;
        walk.go_on(page.next, is_held, self.now);
        Ok(self.walks.iter().any(|walk| !walk.is_over()))
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

/// What came of an endpoint's promises.
#[derive(Default)]
struct Checked {
    /// Missing, and on their way again.
    sent: u64,
    unreadable: u64,
    /// Missing still: of what time the message is, and why it could not be sent.
    refused: Vec<(Timestamp, PortError)>,
}

async fn check<H: Home>(home: &H, endpoint: &EndpointName, promises: &[Promise<'_>]) -> Result<Checked, PortError> {
    let mut checked = Checked::default();
    for some in promises.chunks(LOOKED_UP) {
        let keys: Vec<DeliveryKey> = some.iter().map(Promise::key).collect();
        let opened = home.store().open(endpoint, &keys, &[]).await?;
        for (promise, delivery) in some.iter().zip(opened.deliveries) {
            match delivery {
                Ok(Some(_)) => {}
                Ok(None) => match send_again(home, endpoint, promise).await {
                    Ok(()) => checked.sent += 1,
                    Err(error) => checked.refused.push((promise.message.created_at, error)),
                },
                // There is one, whatever became of it.
                Err(error) => {
                    tracing::error!(
                        message.id = %promise.message.message_id, route = %promise.route, error = %error,
                        "a delivery is set aside: its record cannot be read"
                    );
                    checked.unreadable += 1;
                }
            }
        }
    }
    Ok(checked)
}

async fn send_again<H: Home>(home: &H, endpoint: &EndpointName, missing: &Promise<'_>) -> Result<(), PortError> {
    let event = HubEvent::new(home.clock().now(), EventName::DeliveryMissing)
        .about(missing.message)
        .delivering(&missing.key(), endpoint);
    home.observer().observe(event);
    home.queues().send_one(&QueueName::Endpoint(endpoint.clone()), missing.entry()?).await
}
