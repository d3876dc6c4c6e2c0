//! The presets, each before a shop of its kind: one that answers in the shapes of the vendor's public documentation, asks
//! for what the vendor asks for, and refuses what the vendor refuses ([`vendors`]).
//!
//! One story for all: five old orders that were imported in one moment, so that pages have to be stepped through the
//! vendor's way, are a silent baseline of three pages. Then one changes, one only in what the preset calls volatile, one is
//! cancelled and one is new; three messages come of it, under the preset's names, and nothing else.

mod vendors;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use crossdock_core::event::EventName;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use self::vendors::{VENDORS, Vendor};
use crate::support::{Bench, Reply, Server, now};

/// What the vendors have in common.
#[derive(Debug, Clone)]
struct Order {
    number: usize,
    total: String,
    created: Timestamp,
    updated: Timestamp,
    canceled: bool,
}

const OLD: usize = 5;
/// Orders on a page.
const SIZE: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn spree() {
    play("spree").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shopify() {
    play("shopify").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn woocommerce() {
    play("woocommerce").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commercetools() {
    play("commercetools").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marketplacer() {
    play("marketplacer").await;
}

async fn play(preset: &str) {
    let vendor: &'static Vendor = VENDORS.iter().find(|vendor| vendor.preset == preset).unwrap();
    let yesterday = now() - SignedDuration::from_hours(24);
    let old = |number| Order {
        number,
        total: format!("{number}0.00"),
        created: yesterday,
        updated: yesterday,
        canceled: false,
    };
    let orders: Arc<Mutex<Vec<Order>>> = Arc::new(Mutex::new((1..=OLD).map(old).collect()));
    let listed = Arc::clone(&orders);
    let shop = Server::start(move |request| {
        let mut orders = listed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        orders.sort_by_key(|order| (order.updated, order.number));
        (vendor.answer)(&orders, request)
    })
    .await;
    let endpoint = Server::start(|_| Reply::status(200)).await;
    let bench = Bench::new(&format!(
        r#"
hub: presets
sources:
  shop: {{preset: {preset}, {}, collections: {{orders: {{every: 200ms, {}}}}}}}
endpoints:
  books: {{url: "{}"}}
routes:
  - {{name: all, messages: ["*"], to: books}}
"#,
        vendor.source.replace("{base}", shop.url()),
        vendor.collection,
        endpoint.url(),
    ))
    .secret(vendor.secret, "s3cret");
    let hub = bench.start().await;
    let baseline = hub.event("the baseline", |event| event.event == EventName::BaselineStored).await;
    assert_eq!(baseline.reason.as_deref(), Some("baseline: 5 orders stored, nothing emitted"));
    let pages: BTreeSet<String> = shop.seen().iter().filter_map(|request| (vendor.page)(request)).collect();
    assert!(pages.len() >= 3, "three pages by {preset}'s paging: {pages:?}");

    {
        let mut orders = orders.lock().unwrap();
        // In a shop whose times are whole seconds, this very second may have begun before the hub did.
        let at = now() + SignedDuration::from_secs(2);
        for order in &mut orders[1..4] {
            order.updated = at;
        }
        orders[1].total = "21.50".to_owned();
        orders[3].canceled = true;
        orders.push(Order { number: 6, created: at, updated: at, ..old(6) });
    }
    endpoint.until("three messages", |seen| (seen.len() >= 3).then_some(())).await;
    // Whatever else there is to say would be said by then.
    let so_far = hub.events().len();
    let finished = |event: &&crossdock_core::event::HubEvent| event.event == EventName::PollFinished;
    hub.until("two polls more", |events| (events[so_far..].iter().filter(finished).count() >= 2).then_some(())).await;
    let events = hub.stop().await;
    assert!(events.iter().all(|event| event.event != EventName::SourceFailed), "{events:#?}");

    let mut told: Vec<(String, String)> = Vec::new();
    for message in endpoint.seen().iter().map(crate::support::Request::json) {
        let text =
            |pointer: &str| message.pointer(pointer).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        told.push((text("/message"), text("/object/id")));
        assert!(message["keys"]["order_number"].is_string(), "{message:#}");
        if text("/object/id") == (vendor.id)(2) {
            let paths: Vec<_> =
                message["changes"].as_array().unwrap().iter().map(|change| change["path"].clone()).collect();
            assert!(paths.contains(&json!(vendor.total)), "{paths:?}");
        }
    }
    told.sort();
    let expected = [("order:updated", 2), (vendor.canceled, 4), ("order:new", 6)];
    let mut expected = expected.map(|(message, number)| (message.to_owned(), (vendor.id)(number)));
    expected.sort();
    assert_eq!(told, expected, "{preset}");
    assert!(shop.seen().iter().any(vendor.since), "{preset} was never asked for changes only");
}
