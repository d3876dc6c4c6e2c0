//! The contract of [`Bus`]: a copy of each message in the queue of every endpoint that a route takes it to.

use std::{collections::BTreeSet, time::Duration};

use crossdock_core::{
    id::{EndpointName, RouteName},
    message::Message,
    port::{Bus, QueueBody, QueueName},
};

use super::{BusFixture, alpha, beta, receive_all};
use crate::build::{endpoint, large, message, message_type};

/// Which types of message a route takes to which endpoint.
#[derive(Debug, Clone, Copy)]
pub struct BusRoute {
    pub name: &'static str,
    pub types: &'static [&'static str],
    pub to: &'static str,
}

/// The routes that a [`BusFixture`] has. Anything else is unrouted.
pub const ROUTES: &[BusRoute] = &[
    BusRoute { name: "book", types: &["order:new", "order:updated"], to: "alpha" },
    BusRoute { name: "mail", types: &["order:new"], to: "beta" },
    BusRoute { name: "refund", types: &["order:canceled"], to: "alpha" },
    BusRoute { name: "restock", types: &["order:canceled"], to: "alpha" },
];

/// What [`ROUTES`] say about a message.
pub fn targets(message: &Message) -> Vec<(RouteName, EndpointName)> {
    ROUTES
        .iter()
        .filter(|route| route.types.contains(&message.message.as_str()))
        .map(|route| (route.name.parse().expect("a route name"), endpoint(route.to)))
        .collect()
}

fn of_type(name: &str, text: &str) -> Message {
    Message { message: message_type(text), ..message(name) }
}

fn whole(copy: &QueueBody) -> Message {
    serde_json::from_str(copy.message.text()).expect("a message")
}

/// Exactly so many copies, each of them readable.
async fn copies(fixture: &impl BusFixture, queue: &QueueName, count: usize) -> Vec<QueueBody> {
    fixture.arrived().await;
    let received = receive_all(fixture.queues(), queue, count, Duration::from_secs(60)).await;
    received
        .into_iter()
        .map(|entry| {
            assert_eq!(entry.receive_count, 1);
            serde_json::from_str(&entry.body).expect("a queue body")
        })
        .collect()
}

pub async fn every_route_gets_a_copy<F: BusFixture>(fixture: &F) {
    let mut message = of_type("m", "order:new");
    message.payload = fixture.delicate();
    assert_eq!(fixture.bus().publish(std::slice::from_ref(&message)).await, [Ok(())]);
    for (queue, route) in [(alpha(), "book"), (beta(), "mail")] {
        let copies = copies(fixture, &queue, 1).await;
        let [copy] = &copies[..] else { panic!("one copy, found {}", copies.len()) };
        assert_eq!((copy.route.as_str(), copy.round), (route, 1));
        assert_eq!(whole(copy), message);
        assert_eq!(whole(copy).payload.to_string(), message.payload.to_string(), "every digit as it came");
    }
}

pub async fn two_routes_to_one_endpoint_make_two_copies<F: BusFixture>(fixture: &F) {
    assert_eq!(fixture.bus().publish(&[of_type("m", "order:canceled")]).await, [Ok(())]);
    let copies = copies(fixture, &alpha(), 2).await;
    let routes: BTreeSet<_> = copies.iter().map(|copy| copy.route.as_str()).collect();
    assert_eq!(routes, BTreeSet::from(["refund", "restock"]));
    assert_nothing_in(fixture, &beta()).await;
}

pub async fn a_message_without_a_route_is_accepted<F: BusFixture>(fixture: &F) {
    assert_eq!(fixture.bus().publish(&[of_type("m", "shipment:ready")]).await, [Ok(())]);
    assert_nothing_in(fixture, &alpha()).await;
    assert_nothing_in(fixture, &beta()).await;
}

pub async fn each_message_goes_its_own_way<F: BusFixture>(fixture: &F) {
    // More than EventBridge takes in one call.
    let types = ["order:new", "order:updated", "shipment:ready"];
    let messages: Vec<_> = (0..24).map(|n| of_type(&format!("m{n}"), types[n % 3])).collect();
    assert_eq!(fixture.bus().publish(&messages).await, vec![Ok(()); 24]);
    let sent = |types: &[&str]| -> BTreeSet<_> {
        let matching = messages.iter().filter(|message| types.contains(&message.message.as_str()));
        matching.map(|message| message.message_id).collect()
    };
    let booked = copies(fixture, &alpha(), 16).await.iter().map(|copy| copy.message.envelope.message_id).collect();
    assert_eq!(sent(&["order:new", "order:updated"]), booked);
    let mailed = copies(fixture, &beta(), 8).await.iter().map(|copy| copy.message.envelope.message_id).collect();
    assert_eq!(sent(&["order:new"]), mailed);
}

/// Below the 256 KB that EventBridge took until 2026.
pub async fn large_messages_arrive_whole<F: BusFixture>(fixture: &F) {
    let mut message = of_type("m", "order:updated");
    let mut body = large();
    body["lines"].as_array_mut().expect("lines").truncate(2000);
    message.payload = body;
    assert_eq!(fixture.bus().publish(std::slice::from_ref(&message)).await, [Ok(())]);
    assert_eq!(whole(&copies(fixture, &alpha(), 1).await[0]), message);
}

pub async fn no_messages_no_answers<F: BusFixture>(fixture: &F) {
    assert_eq!(fixture.bus().publish(&[]).await, []);
}

async fn assert_nothing_in(fixture: &impl BusFixture, queue: &QueueName) {
    copies(fixture, queue, 0).await;
}

/// Makes a test of every case. Takes an expression that is a future of a fresh [`BusFixture`].
#[macro_export]
macro_rules! bus_suite {
    ($fixture:expr) => {
        $crate::cases!(
            bus,
            $fixture,
            [
                every_route_gets_a_copy,
                two_routes_to_one_endpoint_make_two_copies,
                a_message_without_a_route_is_accepted,
                each_message_goes_its_own_way,
                large_messages_arrive_whole,
                no_messages_no_answers,
            ]
        );
    };
}
