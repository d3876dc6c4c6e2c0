//! Who may send nothing costs nothing: no memory, no write, no line of the log each, and nobody else's turn.

use std::fs;

use crossdock_core::event::EventName;
use rusqlite::Connection;
use serde_json::json;
use tokio::task::JoinSet;

use super::{Scenery, sale, shopify, till};
use crate::support::{Hub, client::call, hub::database};

/// Of each kind.
const BAD: usize = 10_000;
/// At a time.
const SENDERS: usize = 16;
const MOST_GROWTH: u64 = 5 << 20;

/// Bytes.
fn resident(hub: &Hub) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", hub.process_id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// So many bad signatures and as many unknown ids from each sender, and a good request now and then, all of which are answered as
/// they must be. How many good ones there were.
async fn flood(url: &str, name: &str, of_each: usize) -> usize {
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (url, name) = (url.to_owned(), name.to_owned());
        senders.spawn(async move {
            let mut good = 0;
            for number in 0..of_each / SENDERS {
                let bad = shopify(&url, "guessed", "1", "orders/create", &json!({"id": number})).send().await;
                assert_eq!(bad.status, 401, "{bad:?}");
                let unknown = call("POST", format!("{url}/webhooks/none-{number}")).json(&json!({})).send().await;
                assert_eq!(unknown.status, 404, "{unknown:?}");
                if number % 200 == 0 {
                    let taken = till(&url, &sale(&format!("{name}-{sender}-{number}"))).send().await;
                    assert_eq!((taken.status, &taken.json()["accepted"]), (202, &json!(1)), "{taken:?}");
                    good += 1;
                }
            }
            good
        });
    }
    senders.join_all().await.into_iter().sum()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_bad_requests_leaves_nothing_behind() {
    let scenery = Scenery::new().await;
    let (hub, url) = scenery.start().await;
    // What is needed once is there after this: buffers, caches, threads.
    let mut good = flood(&url, "warm", 2_000).await;
    let before = resident(&hub);
    good += flood(&url, "hot", BAD).await;
    let after = resident(&hub);
    assert!(after.saturating_sub(before) <= MOST_GROWTH, "{before} bytes before, {after} after");

    let refused: Vec<_> = hub.events().into_iter().filter(|event| event.event == EventName::WebhookRefused).collect();
    assert!(!refused.is_empty() && refused.len() < 100, "a line now and then: {}", refused.len());
    assert!(hub.log().lines().count() < 100, "{}", hub.log());
    hub.stop().await;
    let store = Connection::open(database(&scenery.bench)).unwrap();
    let count = |table: &str| -> usize {
        let count: i64 = store.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        usize::try_from(count).unwrap()
    };
    let rows = ["messages", "seen", "versions", "wanted"].map(count);
    assert_eq!(rows, [good, good, 0, 0], "what is stored is the good ones', and nothing else");
}
