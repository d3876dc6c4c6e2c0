//! Sending one message's dead letters again, whether their queue still has them or not.
//!
//! The ledger says what is dead: of each route the newest round. A letter that its queue still has is redriven from there, so
//! that no copy of it stays behind; else the entry is made anew from the message in the store, which keeps it for as long as
//! `retention.deliveries` says. Either begins a new round.

use std::collections::{BTreeMap, BTreeSet};

use super::{Redriven, redrive};
use crate::{
    anew,
    hub::Hub,
    id::{DeliveryKey, EndpointName, MessageId, RouteName},
    port::{Delivery, DeliveryState, Home, Ledger, PortError, QueueName, Queues},
};

/// What became of one route's delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Replayed {
    /// What its dead-letter queue still had.
    FromQueue(Redriven),
    /// On its way again under this key; its queue had forgotten it.
    FromStore(DeliveryKey),
    /// It is not dead: how it stands.
    Alive(DeliveryState),
    /// It cannot be sent again.
    Left { why: String },
}

/// By route; empty: the ledger knows of no delivery of the message. `only` at this endpoint.
///
/// # Errors
/// The store or a queue failed. What was sent until then stays sent.
pub async fn replay<H: Home>(
    home: &H,
    hub: &Hub,
    message: MessageId,
    only: Option<&EndpointName>,
) -> Result<BTreeMap<RouteName, (EndpointName, Replayed)>, PortError> {
    let newest = newest(home, message).await?;
    let newest = newest.into_values().filter(|delivery| only.is_none_or(|only| *only == delivery.endpoint));
    let (dead, alive): (Vec<Delivery>, Vec<Delivery>) =
        newest.partition(|delivery| delivery.state == DeliveryState::DeadLettered);
    let mut replayed: BTreeMap<_, _> = alive
        .into_iter()
        .map(|delivery| (delivery.key.route, (delivery.endpoint, Replayed::Alive(delivery.state))))
        .collect();

    let mut from_queue: BTreeMap<DeliveryKey, Redriven> = BTreeMap::new();
    for endpoint in dead.iter().map(|delivery| &delivery.endpoint).collect::<BTreeSet<_>>() {
        for (letter, redriven) in redrive(home, endpoint, Some(message)).await? {
            from_queue.extend(letter.delivery.map(|key| (key, redriven)));
        }
    }
    for delivery in dead {
        let became = match from_queue.remove(&delivery.key) {
            Some(redriven) => Replayed::FromQueue(redriven),
            None => from_store(home, hub, &delivery).await?,
        };
        replayed.insert(delivery.key.route, (delivery.endpoint, became));
    }
    Ok(replayed)
}

/// Of each route the newest round.
async fn newest<H: Home>(home: &H, message: MessageId) -> Result<BTreeMap<RouteName, Delivery>, PortError> {
    let mut newest: BTreeMap<RouteName, Delivery> = BTreeMap::new();
    for delivery in home.store().deliveries_of(message).await? {
        // Other records of its message harm a delivery in nothing.
        let delivery = match delivery {
            Ok(delivery) => delivery,
            Err(error) => {
                tracing::error!(message.id = %message, error = %error, "a delivery cannot be read, and is not sent again");
                continue;
            }
        };
        let known = newest.get(&delivery.key.route);
        if known.is_none_or(|known| known.key.round < delivery.key.round) {
            newest.insert(delivery.key.route.clone(), delivery);
        }
    }
    Ok(newest)
}

async fn from_store<H: Home>(home: &H, hub: &Hub, dead: &Delivery) -> Result<Replayed, PortError> {
    let (route, endpoint) = (&dead.key.route, &dead.endpoint);
    if hub.route(route).is_none_or(|known| known.to != *endpoint) {
        return Ok(Replayed::Left { why: format!("the hub has no route {route} to {endpoint} any more") });
    }
    let body = match anew::body(home, &dead.key).await? {
        Ok(body) => body,
        Err(why) => return Ok(Replayed::Left { why }),
    };
    let key = DeliveryKey { round: body.round + 1, ..body.key() };
    home.queues().send_one(&QueueName::Endpoint(endpoint.clone()), body.next_round()?).await?;
    Ok(Replayed::FromStore(key))
}
