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
//! as messages are kept. What waited in queues or for the bus meanwhile is not missing: a hub that has stood still, or was
//! switched off, is given an hour to work it off before anything is looked at. (What waits for an endpoint that is paused is in
//! the ledger, since each receive is recorded.)
//!
//! At the last look what is sent again is recorded as well, so that from then on every promise has a record. One that has not
//! ended and of which nothing is heard for as long as a queue keeps an entry ends as `expired` (`expire`).
//!
//! Deliberately absent: promises to routes that are gone or disabled, which nobody waits for any more, and what is
//! younger than an hour, which is still on its way.

mod expire;
mod walk;

use std::{collections::BTreeMap, future::Future, time::Duration};

use futures_util::future::join_all;

use self::walk::{AtWork, Stretch, Walk};
pub use expire::KEPT;

use crate::{
    Timestamp, anew,
    event::{EventName, HubEvent},
    hub::Hub,
    id::{DeliveryKey, EndpointName, RouteName},
    job::{self, Ended, Job},
    message::{Message, MessageRecord},
    port::{
        Delivery, DeliveryState, Entry, Home, JobName, LeaseOwner, Ledger, Mark, Outbox, PortError, QueueName, Queues,
    },
};

/// How often promises are looked over.
pub const EVERY: Duration = Duration::from_secs(3600);
/// How old a message is when it is looked at: once when it must have arrived, and once more for what was lost from a queue
/// since.
pub const LOOKS: [Duration; 2] = [HOUR, DAYS];
/// How far back the first sweep of a hub begins.
pub const FROM: Duration = DAYS.saturating_add(EVERY.saturating_mul(3));
/// How long a hub must have been at work, so that what is not in the ledger is missing and not just waiting in its queue.
/// An hour, less what one tick may come earlier than the one before: the second run after a break is to see it.
pub const SETTLED: Duration = Duration::from_secs(55 * 60);
/// The same before anything expires: that is an end, and sending again is not.
pub const WELL_SETTLED: Duration = Duration::from_secs(24 * 3600);
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
    /// Deliveries of which nothing was heard for so long that no queue has them any more. They are dead letters now.
    pub expired: u64,
    /// Messages and records of deliveries that could not be read. They are set aside.
    pub unreadable: u64,
    /// Why others could not be sent again, or not be made dead letters; the last reason. The next sweep tries again.
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
        anew::entry(&anew::of_message(self.message, &self.key(), None)?, BTreeMap::new())
    }

    /// As it stands before its first receive.
    fn expected(&self, endpoint: &EndpointName, now: Timestamp) -> Delivery {
        Delivery {
            key: self.key(),
            endpoint: endpoint.clone(),
            state: DeliveryState::Retrying,
            attempts: Vec::new(),
            receives: 0,
            updated_at: now,
            next_attempt_at: Some(now),
            reason: None,
            answer: None,
            next_round: false,
            untracked: false,
        }
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
    let begin = |mark| {
        let (walks, at_work) = walk::begin(&mark, now);
        let expiring = hub.endpoints.keys().collect();
        Sweep { home, hub, now, walks, at_work, expiring, swept: Swept::default() }
    };
    let (sweep, ended) = job::run(home, JobName::Sweep, owner, cut_off, begin).await?;
    Ok((sweep.map(|sweep| sweep.swept).unwrap_or_default(), ended))
}

struct Sweep<'a, H> {
    home: &'a H,
    hub: &'a Hub,
    now: Timestamp,
    walks: Vec<Walk>,
    at_work: AtWork,
    /// Whose deliveries are still to be looked through for what has expired.
    expiring: Vec<&'a EndpointName>,
    swept: Swept,
}

impl<H: Home> Job for Sweep<'_, H> {
    fn mark(&self) -> Mark {
        walk::mark(&self.walks, self.at_work)
    }

    async fn page(&mut self) -> Result<bool, PortError> {
        if !self.at_work.lasts(SETTLED) {
            tracing::info!("the hub has not been at work for an hour; what is missing is looked for later");
            return Ok(false);
        }
        match self.look().await? {
            true => Ok(true),
            false => self.expire().await,
        }
    }
}

impl<H: Home> Sweep<'_, H> {
    /// `false`: there was nothing to look at.
    async fn look(&mut self) -> Result<bool, PortError> {
        let Some(walk) = self.walks.iter_mut().find(|walk| !walk.is_over()) else {
            return Ok(false);
        };
        let Stretch { from, until, after } = &walk.at;
        let page = self.home.store().stored_between(*from, *until, after.as_ref(), PAGE).await?;
        for error in &page.unreadable {
            tracing::error!(error = %error, "a message is left out when looking for missing deliveries: it cannot be read");
        }
        let promises = promises(self.hub, &page.messages);
        let look = Look { home: self.home, now: self.now, walk };
        let checking = promises.iter().map(|(endpoint, of_it)| look.check(endpoint, of_it));
        let (mut all, mut is_held) = (Checked::default(), false);
        for checked in join_all(checking).await {
            let checked = checked?;
            all.sent += checked.sent;
            all.unreadable += checked.unreadable;
            is_held |= checked.is_held;
            self.swept.refused = checked.refused.or(self.swept.refused.take());
        }
        self.swept.messages += page.messages.len() as u64;
        self.swept.missing += all.sent;
        self.swept.unreadable += all.unreadable + page.unreadable.len() as u64;
        walk.go_on(page.next, is_held, self.now);
        Ok(true)
    }

    /// Of one endpoint, a page; `false`: there is no more.
    async fn expire(&mut self) -> Result<bool, PortError> {
        if !self.at_work.lasts(WELL_SETTLED) {
            return Ok(false);
        }
        let Some(endpoint) = self.expiring.last() else { return Ok(false) };
        let expired = expire::page(self.home, endpoint, self.now).await?;
        self.swept.expired += expired.count;
        self.swept.unreadable += expired.unreadable;
        self.swept.refused = expired.refused.or(self.swept.refused.take());
        if !expired.more {
            self.expiring.pop();
        }
        Ok(!self.expiring.is_empty())
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
    /// Why others are missing still; the last reason.
    refused: Option<PortError>,
    /// One of them is worth another sweep.
    is_held: bool,
}

/// A look at some messages.
struct Look<'a, H> {
    home: &'a H,
    now: Timestamp,
    walk: &'a Walk,
}

impl<H: Home> Look<'_, H> {
    async fn check(&self, endpoint: &EndpointName, promises: &[Promise<'_>]) -> Result<Checked, PortError> {
        let mut checked = Checked::default();
        for some in promises.chunks(LOOKED_UP) {
            let keys: Vec<DeliveryKey> = some.iter().map(Promise::key).collect();
            let opened = self.home.store().open(endpoint, &keys, &[]).await?;
            for (promise, delivery) in some.iter().zip(opened.deliveries) {
                match delivery {
                    Ok(Some(_)) => {}
                    Ok(None) => self.missing(endpoint, promise, &mut checked).await?,
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

    async fn missing(
        &self,
        endpoint: &EndpointName,
        promise: &Promise<'_>,
        checked: &mut Checked,
    ) -> Result<(), PortError> {
        let mut is_held = false;
        match send_again(self.home, endpoint, promise).await {
            Ok(()) => checked.sent += 1,
            Err(error) => {
                is_held = self.walk.holds(promise.message.created_at, self.now);
                checked.refused = Some(error);
            }
        }
        checked.is_held |= is_held;
        if self.walk.is_last() && !is_held {
            self.home.store().expect(promise.expected(endpoint, self.now)).await?;
        }
        Ok(())
    }
}

async fn send_again<H: Home>(home: &H, endpoint: &EndpointName, missing: &Promise<'_>) -> Result<(), PortError> {
    let event = HubEvent::new(home.clock().now(), EventName::DeliveryMissing)
        .about(missing.message)
        .delivering(&missing.key(), endpoint);
    home.observer().observe(event);
    home.queues().send_one(&QueueName::Endpoint(endpoint.clone()), missing.entry()?).await
}
