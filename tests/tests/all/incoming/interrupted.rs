//! A webhook that is cut off: its sender was told nothing, sends it again, and it happens once.

use std::collections::BTreeSet;

use serde_json::json;

use super::{SECRET, Scenery, sale, shopify, till};
use crate::support::{client::Call, hub::database, rows::each, state::State};

#[derive(Debug, Clone, Copy)]
enum What {
    Object,
    Message,
}

/// Where the hub dies, and what came in.
const ROWS: &[(&str, What)] = &[
    ("stop@before:versions.commit", What::Object),
    ("stop@after:versions.commit", What::Object),
    ("stop@before:events.note", What::Object),
    ("stop@after:events.note", What::Object),
    ("stop@before:outbox.put", What::Message),
    ("stop@after:outbox.put", What::Message),
    ("stop@before:events.note", What::Message),
    ("stop@after:events.note", What::Message),
];

fn request(url: &str, what: What) -> Call {
    match what {
        What::Object => shopify(url, SECRET, "1", "orders/create", &json!({"id": 1, "total": 3})),
        What::Message => till(url, &sale("1")),
    }
}

async fn check(fault: &'static str, what: What) {
    let scenery = Scenery::new().await;
    let hub = scenery.bench.launch(Some(fault));
    let cut_off = request(&hub.url().await, what).attempt().await;
    assert!(cut_off.is_err(), "{fault}: {cut_off:?}");
    hub.stopped(fault).await;

    let (hub, url) = scenery.start().await;
    let again = request(&url, what).send().await;
    assert_eq!(again.status, 202, "{fault}: {again:?}");
    let arrived: BTreeSet<String> = scenery
        .endpoint
        .until("the message", |seen| {
            (!seen.is_empty()).then(|| seen.iter().map(|one| one.webhook_id().to_owned()).collect())
        })
        .await;
    hub.stop().await;
    let stored: BTreeSet<String> = State::read(&database(&scenery.bench)).unwrap().messages.into_keys().collect();
    assert_eq!((arrived, stored.len()), (stored.clone(), 1), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_cut_off_can_be_sent_again_and_happens_once() {
    each(ROWS.iter().map(|(fault, what)| (format!("{fault} of {what:?}"), check(fault, *what)))).await;
}
