//! What was promised against what became of it (contract §4), looked at and left alone.
//!
//! The writer stores with each message the routes that it will take. The audit reads the messages of a stretch of time
//! and what the ledger knows of each promise. It tells the same things apart as the sweep ([`crate::sweep`]), and never
//! sends anything: what is missing, the sweep sends again.
//!
//! Deliberately absent: promises that were never made. A message that no route matched is found as unrouted.

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    Timestamp,
    hub::Hub,
    id::{EndpointName, MessageId, MessageType, RouteName},
    message::MessageRecord,
    port::{Delivery, DeliveryState, Home, Ledger, Outbox, Place, PortError, Read},
};

/// How long a message may be on its way before the ledger must know of it.
pub const ON_ITS_WAY: Duration = Duration::from_secs(3600);

/// Messages that are read at a time.
const PAGE: usize = 100;
/// Messages whose deliveries are looked up at a time.
const LOOKED_UP: usize = 16;

/// The messages that were stored in a stretch of time.
#[derive(Debug)]
pub struct Stored<'a, H> {
    home: &'a H,
    from: Timestamp,
    until: Timestamp,
    after: Option<Place>,
    is_over: bool,
}

impl<'a, H: Home> Stored<'a, H> {
    /// From `from` until before `until`.
    pub fn between(home: &'a H, from: Timestamp, until: Timestamp) -> Self {
        Self { home, from, until, after: None, is_over: from >= until }
    }

    /// Some of them, maybe none; `None`: that was all. In no order.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn next(&mut self) -> Result<Option<Vec<MessageRecord>>, PortError> {
        if self.is_over {
            return Ok(None);
        }
        let page = self.home.store().stored_between(self.from, self.until, self.after.as_ref(), PAGE).await?;
        for error in &page.unreadable {
            tracing::error!(error = %error, "a message is left out when looking back: it cannot be read");
        }
        self.is_over = page.next.is_none();
        self.after = page.next;
        Ok(Some(page.messages))
    }
}

/// How one promise stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As the newest round of its delivery says.
    Known(DeliveryState),
    /// The ledger knows nothing of it yet, and need not.
    OnItsWay,
    /// The ledger should know of it, and does not.
    Missing,
    /// Of its message there is a delivery that cannot be read, and that may be this one.
    Unreadable,
    /// Nothing is known of it, and nobody waits for it: the route is gone from the hub, or disabled.
    NoRoute,
}

/// One promise and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Promise {
    pub message_id: MessageId,
    pub message: MessageType,
    /// The id of the object that it is about.
    pub object: Option<String>,
    pub route: RouteName,
    /// `None`: the route is gone, and nothing is known of a delivery.
    pub endpoint: Option<EndpointName>,
    pub standing: Standing,
    /// Why the delivery was dead-lettered, superseded or suppressed.
    pub reason: Option<String>,
}

/// The promises of a stretch of time.
#[derive(Debug)]
pub struct Audit<'a, H> {
    home: &'a H,
    hub: &'a Hub,
    /// What is to be read, the stretches in which nothing may be missing first; each with whether that is so.
    stretches: VecDeque<(Stored<'a, H>, bool)>,
}

impl<'a, H: Home> Audit<'a, H> {
    /// From `from` until `now`.
    pub fn new(home: &'a H, hub: &'a Hub, from: Timestamp, now: Timestamp) -> Self {
        let arrived = now.checked_sub(ON_ITS_WAY).unwrap_or(Timestamp::MIN).max(from);
        let old = Stored::between(home, from, arrived);
        let young = Stored::between(home, arrived, now);
        Self { home, hub, stretches: VecDeque::from([(old, true), (young, false)]) }
    }

    /// Some of them, maybe none, and how many messages were looked at for them; `None`: that was all.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn next(&mut self) -> Result<Option<(usize, Vec<Promise>)>, PortError> {
        while let Some((stored, must_be_known)) = self.stretches.front_mut() {
            let must_be_known = *must_be_known;
            let Some(messages) = stored.next().await? else {
                self.stretches.pop_front();
                continue;
            };
            let count = messages.len();
            let (home, hub) = (self.home, self.hub);
            let looked_up = stream::iter(messages.into_iter().filter(|record| !record.message.routes.is_empty()))
                .map(|record| async move {
                    let found = home.store().deliveries_of(record.message.message_id).await?;
                    Ok::<_, PortError>(Looked::up(record, found))
                })
                .buffered(LOOKED_UP)
                .try_collect::<Vec<_>>()
                .await?;
            let promises = looked_up.iter().flat_map(|looked| {
                looked.record.message.routes.iter().map(move |route| promise(hub, looked, route, must_be_known))
            });
            return Ok(Some((count, promises.collect())));
        }
        Ok(None)
    }
}

/// A message, and what the ledger knows of it.
struct Looked {
    record: MessageRecord,
    known: Vec<Delivery>,
    /// Something of it cannot be read.
    in_part: bool,
}

impl Looked {
    fn up(record: MessageRecord, found: Vec<Read<Delivery>>) -> Self {
        let (all, id) = (found.len(), record.message.message_id);
        let tell = |error| tracing::error!(message.id = %id, error = %error, "a delivery cannot be read");
        let known: Vec<Delivery> = found.into_iter().filter_map(|one| one.map_err(tell).ok()).collect();
        Self { record, in_part: known.len() < all, known }
    }
}

fn promise(hub: &Hub, looked: &Looked, route: &RouteName, must_be_known: bool) -> Promise {
    let Looked { record, known, in_part } = looked;
    let of_route = known.iter().filter(|delivery| delivery.key.route == *route);
    let latest = of_route.max_by_key(|delivery| delivery.key.round);
    let in_hub = hub.route(route);
    let standing = match latest {
        Some(latest) => Standing::Known(latest.state),
        None if *in_part => Standing::Unreadable,
        None if in_hub.is_none_or(|route| !route.enabled) => Standing::NoRoute,
        None if must_be_known => Standing::Missing,
        None => Standing::OnItsWay,
    };
    let endpoint = latest.map(|latest| &latest.endpoint).or_else(|| in_hub.map(|route| &route.to));
    Promise {
        message_id: record.message.message_id,
        message: record.message.message.clone(),
        object: record.message.object.as_ref().map(|object| object.id.clone()),
        route: route.clone(),
        endpoint: endpoint.cloned(),
        standing,
        reason: latest.and_then(|latest| latest.reason.clone()),
    }
}
