//! Real input: a source nobody on this side wrote. `json-server` (npm, MIT) serves a folder of orders over REST, with the
//! two paginations of its stable line, 0.17: page numbers (`_page`, `_limit`) without a total, and `Link` headers. The
//! 1.0 line is a beta with another API and no `Link` headers.
//!
//! It compares times as they stand in its file, so they are numbers here (epoch milliseconds): as text, `…12Z` and
//! `…120Z` would be two times.
//!
//! [`followed`] changes a few orders and holds the hub to each single change. [`busy`] leaves it no peace: thousands of
//! orders, changed, added and removed while pages are read, and a shop that breaks down and talks nonsense.
//!
//! `./test` installs it (`tests/tools/package.json`) into `target/tools/npm`; `CROSSDOCK_JSON_SERVER` names another.
//! Where there is none the tests are skipped, except with `CI=true`.

mod account;
mod busy;
mod followed;
mod shop;

use std::path::PathBuf;

use crossdock_core::event::{EventName, HubEvent};

use crate::support::{Hub, binary::repository, say, setting};

/// What the two collections are called in the hub.
const WAYS: [&str; 2] = ["paged", "linked"];

/// `None`, and said so: the test is to be skipped.
fn json_server() -> Option<PathBuf> {
    let given = setting("CROSSDOCK_JSON_SERVER").map(PathBuf::from);
    let installed = repository().join("target/tools/npm/node_modules/.bin/json-server");
    let found = given.into_iter().chain([installed]).find(|path| path.is_file());
    if found.is_none() {
        let ours = setting("CI").as_deref() == Some("true");
        assert!(!ours, "there is no json-server: run ./test, or npm ci in tests/tools");
        say("skipped: there is no json-server; ./test installs it");
    }
    found
}

/// How the two ways read.
struct Reading {
    every: &'static str,
    overlap: &'static str,
    /// Rows of a page, by number and by link.
    sizes: [u32; 2],
}

fn hub_file(source: &str, endpoint: &str, reading: &Reading) -> String {
    let Reading { every, overlap, sizes: [paged_size, linked_size] } = reading;
    let collection = |way: &str, keys: &str| {
        format!(
            r#"
  {way}:
    url: "{source}"
    collections:
      orders:
        type: {way}-order
        id: id
        every: {every}
        volatile: [updated_at]
        {keys}"#
        )
    };
    let paged = collection(
        "paged",
        &format!(
            "request: {{path: /orders, query: {{_sort: updated_at, _order: asc}}}}
        created: {{field: created_at, format: epoch_ms}}
        since: {{param: updated_at_gte, field: updated_at, format: epoch_ms, overlap: {overlap}}}
        pages: {{style: page, param: _page, size: {{param: _limit, value: {paged_size}}}}}"
        ),
    );
    // Neither filter nor creation time: every poll is a full pass, and the first one is the baseline.
    let linked = collection(
        "linked",
        &format!(
            "request: {{path: /orders, query: {{_page: 1, _limit: {linked_size}}}}}
        pages: {{style: link}}"
        ),
    );
    format!(
        r#"
hub: real-input
sources:{paged}{linked}
endpoints:
  books: {{url: "{endpoint}"}}
routes:
  - {{name: paged, messages: ["paged-order:*"], to: books, path: /paged}}
  - {{name: linked, messages: ["linked-order:*"], to: books, path: /linked}}
"#
    )
}

async fn baselines(hub: &Hub, orders: &str) {
    for way in WAYS {
        let stored = |event: &HubEvent| event.event == EventName::BaselineStored && is_of(event, way);
        let baseline = hub.event("the baseline", stored).await;
        assert_eq!(baseline.reason.unwrap_or_default(), format!("baseline: {orders} orders stored, nothing emitted"));
    }
}

/// Waits until both ways have said this so often since there were `so_far` events.
async fn both_since(hub: &Hub, so_far: usize, name: EventName, times: usize) {
    for way in WAYS {
        let of = |event: &&HubEvent| event.event == name && is_of(event, way);
        let what = format!("{name:?} of {way}, {times} times");
        hub.until(&what, |events| (events[so_far..].iter().filter(of).count() >= times).then_some(())).await;
    }
}

fn is_of(event: &HubEvent, way: &str) -> bool {
    event.source.as_deref() == Some(way)
}
