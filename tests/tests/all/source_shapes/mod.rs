//! Sources of every shape (contract §3): a table of those that behave and one of those that do not for a while. Each row
//! is a source of its own with a shop of its own; all rows of a table are polled by one hub.
//!
//! A row that behaves proves that its old things are a silent baseline, that what changes and what is new arrives once,
//! and that nothing else does. One that misbehaves proves what the hub says of it, that the bookmark passes nothing
//! unseen, and that everything arrives once when the shop behaves again.

mod bad;
mod good;
mod shop;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use crossdock_core::event::{EventName, HubEvent};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use self::{
    bad::Mark,
    shop::{OLD, Shared, Shop},
};
use crate::support::{Bench, Hub, Reply, Request, Server, hub::database};

type Script = dyn Fn(&mut Shop, &Request) -> Reply + Send + Sync;

/// A row of either table, as the hub and the server see it.
struct Source {
    name: &'static str,
    keys: &'static str,
    collection: &'static str,
    script: Box<Script>,
}

struct Scenery {
    shops: Arc<BTreeMap<&'static str, (Source, Shared)>>,
    hub: Hub,
    bench: Bench,
    endpoint: Server,
    server: Server,
    elsewhere: Server,
}

/// Which source a request is for, or a message of: the first word of the path.
fn row_of(request: &Request) -> &str {
    request.path().split('/').nth(1).unwrap_or_default()
}

async fn scenery(limits: &str, sources: impl IntoIterator<Item = Source>) -> Scenery {
    let elsewhere = Server::start(|_| Reply::status(200)).await;
    let endpoint = Server::start(|_| Reply::status(200)).await;
    let shops: BTreeMap<_, _> =
        sources.into_iter().map(|source| (source.name, (source, Mutex::new(Shop::new(elsewhere.url()))))).collect();
    let shops = Arc::new(shops);
    let served = Arc::clone(&shops);
    let server = Server::start(move |request| match served.get(row_of(request)) {
        Some((source, shop)) => (source.script)(&mut shop.lock().unwrap_or_else(PoisonError::into_inner), request),
        None => Reply::status(404),
    })
    .await;

    let mut text = format!("hub: shapes\n{limits}\nsources:\n");
    for (name, (Source { keys, collection, .. }, _)) in &*shops {
        let base = format!("{}/{name}", server.url());
        let keys = if keys.is_empty() { String::new() } else { format!(", {}", keys.replace("{base}", &base)) };
        let every = if collection.contains("every:") { "" } else { "every: 1s, " };
        text.push_str(&format!(
            "  {name}: {{url: '{base}'{keys}, collections: {{things: {{type: thing, id: id, {every}{collection}}}}}}}\n"
        ));
    }
    text.push_str(&format!("endpoints:\n  all: {{url: '{}', concurrency: 16}}\n", endpoint.url()));
    // A source that is read through an endpoint has its shop behind that.
    text.push_str(&format!("  bridge: {{url: '{}'}}\n", server.url()));
    text.push_str("routes:\n  - {name: all, messages: [\"*\"], to: all}\n");
    let bench = Bench::new(&text).secret("key", "s3cret");
    let hub = bench.start().await;
    let scenery = Scenery { shops, hub, bench, endpoint, server, elsewhere };
    scenery.each("baseline", 0, |event| event.event == EventName::BaselineStored).await;
    scenery
}

impl Scenery {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.shops.keys().copied()
    }

    fn shop<T>(&self, name: &str, change: impl FnOnce(&mut Shop) -> T) -> T {
        change(&mut self.shops[name].1.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many events there have been.
    fn so_far(&self) -> usize {
        self.hub.events().len()
    }

    /// Waits until each source has had an event that pleases, after the first `after` ones.
    async fn each(&self, what: &str, after: usize, pleases: impl Fn(&HubEvent) -> bool) {
        for name in self.names() {
            let of_it = |event: &&HubEvent| event.source.as_deref() == Some(name) && pleases(event);
            let found = |events: &[HubEvent]| events[after..].iter().find(of_it).map(|_| ());
            self.hub.until(&format!("{what} of {name}"), found).await;
        }
    }

    /// Waits for polls of each source that begin after now and end well.
    async fn polled(&self) {
        // The first may have begun before.
        for _ in 0..2 {
            self.each("poll", self.so_far(), |event| event.event == EventName::PollFinished).await;
        }
    }

    /// Of each source's things: type, id, version and `n` of what has arrived.
    fn arrived(&self) -> BTreeMap<String, Vec<(String, String, u64, u64)>> {
        let mut arrived: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for message in self.endpoint.seen().iter().map(Request::json) {
            let text = |pointer: &str| message.pointer(pointer).unwrap().as_str().unwrap().to_owned();
            if message["object"].is_null() {
                continue;
            }
            let version = message["object"]["version"].as_u64().unwrap();
            let n = message["payload"]["thing"]["actual"]["n"].as_u64().unwrap();
            let about = (text("/message"), text("/object/id"), version, n);
            arrived.entry(text("/source")).or_default().push(about);
        }
        arrived.values_mut().for_each(|messages| messages.sort());
        arrived
    }

    /// Waits until so many have arrived from each source, and some polls longer; then they must be these.
    async fn arrive(&self, expected: &[(&str, &str, u64, u64)]) {
        for name in self.names() {
            let enough = |_: &[Request]| {
                let arrived = self.arrived();
                (arrived.get(name).map_or(0, Vec::len) >= expected.len()).then_some(())
            };
            self.endpoint.until(&format!("{} messages of {name}", expected.len()), enough).await;
        }
        self.polled().await;
        let arrived = self.arrived();
        let mut expected: Vec<_> = expected
            .iter()
            .map(|(message, id, version, n)| ((*message).to_owned(), (*id).to_owned(), *version, *n))
            .collect();
        expected.sort();
        for name in self.names() {
            assert_eq!(arrived.get(name), Some(&expected), "{name}\n{}", self.hub.story());
        }
    }

    fn reason(&self, row: &bad::Row) -> String {
        let origin = self.server.url();
        let base = format!("{origin}/{}", row.name);
        row.reason.replace("{base}", &base).replace("{origin}", origin).replace("{elsewhere}", self.elsewhere.url())
    }

    fn bookmarks(&self) -> BTreeMap<String, Option<String>> {
        let file = Connection::open_with_flags(database(&self.bench), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        file.busy_timeout(crate::support::wait::PATIENCE).unwrap();
        let mut rows = file.prepare("SELECT source, bookmark FROM collections").unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_behave() {
    let sources = good::ROWS.iter().map(|row| Source {
        name: row.name,
        keys: row.source,
        collection: row.collection,
        script: Box::new(row.shop),
    });
    let scenery = scenery("", sources).await;
    let baselines = scenery.hub.events().into_iter().filter(|event| event.event == EventName::BaselineStored);
    for baseline in baselines {
        let text = format!("baseline: {OLD} things stored, nothing emitted");
        assert_eq!(baseline.reason, Some(text), "{baseline:?}");
    }
    scenery.polled().await;
    assert!(scenery.arrived().is_empty(), "{:?}", scenery.arrived());

    // One of those that share a time, and a new one; then one that had been quiet, and one of these again.
    for name in scenery.names() {
        scenery.shop(name, |shop| shop.touch(&["T3", "T9"]));
    }
    let first = [("thing:updated", "T3", 2, 1), ("thing:new", "T9", 1, 0)];
    scenery.arrive(&first).await;
    for name in scenery.names() {
        scenery.shop(name, |shop| shop.touch(&["T0", "T3", "T5"]));
    }
    let second = [("thing:updated", "T0", 2, 1), ("thing:updated", "T3", 3, 2), ("thing:updated", "T5", 2, 1)];
    scenery.arrive(&[&first[..], &second].concat()).await;

    for row in good::ROWS {
        let requests: Vec<Request> =
            scenery.server.seen().into_iter().filter(|request| row_of(request) == row.name).collect();
        (row.asked)(&requests);
    }
    assert!(!scenery.hub.story().contains("s3cret"), "a secret is told");
    scenery.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_misbehave() {
    let sources = bad::ROWS.iter().map(|row| Source {
        name: row.name,
        keys: row.source,
        collection: row.collection,
        script: Box::new(
            |shop, request| if shop.broken { (row.bad)(shop, request) } else { (row.good)(shop, request) },
        ),
    });
    let scenery = scenery("limits: {timeout: 3s}", sources).await;
    scenery.polled().await;
    let before = scenery.bookmarks();

    let so_far = scenery.so_far();
    for name in scenery.names() {
        scenery.shop(name, |shop| {
            shop.broken = true;
            shop.touch(&["T3", "T4", "T5"]);
        });
    }
    let mut waits = 0;
    for row in bad::ROWS {
        let reason = scenery.reason(row);
        let failed = |events: &[HubEvent]| {
            let failures = events[so_far..].iter().filter(|event| {
                let of_it = event.event == EventName::SourceFailed && event.source.as_deref() == Some(row.name);
                of_it && says(&reason, event.reason.as_deref().unwrap_or_default())
            });
            let failures: Vec<HubEvent> = failures.cloned().collect();
            let enough = if row.bookmark == Mark::Goes { 1 } else { 3 };
            (failures.len() >= enough).then_some(failures)
        };
        let failures = scenery.hub.until(&format!("{} to fail: {reason}", row.name), failed).await;
        // What asks to be left alone is.
        for pair in failures.windows(2) {
            let Some(next) = pair[0].next_attempt_at else { continue };
            assert!(pair[1].time >= next - jiff::SignedDuration::from_millis(100), "{pair:?}");
            waits += 1;
        }
    }
    assert!(waits >= 8, "four rows ask for it: {waits}");

    // Whoever listens for notifications hears the same, once.
    for row in bad::ROWS.iter().filter(|row| row.bookmark != Mark::Goes) {
        let reason = scenery.reason(row);
        let about = |request: &&Request| request.json()["source"] == row.name && request.json()["object"].is_null();
        let told = |seen: &[Request]| seen.iter().find(about).map(Request::json);
        let told = scenery.endpoint.until(&format!("a notification about {}", row.name), told).await;
        assert_eq!(told["message"], "notification:error");
        let description = told["payload"]["notification"]["description"].as_str().unwrap();
        assert!(says(&reason, description), "{}: {description}", row.name);
    }
    let (meanwhile, arrived) = (scenery.bookmarks(), scenery.arrived());
    for row in bad::ROWS {
        match row.bookmark {
            Mark::Stays => {
                assert_eq!(meanwhile[row.name], before[row.name], "{}", row.name);
                assert_eq!(arrived.get(row.name), None, "{}", row.name);
            }
            Mark::Follows => assert!(meanwhile[row.name] >= before[row.name], "{}: {meanwhile:?}", row.name),
            Mark::Goes => assert_eq!(meanwhile[row.name], None, "{}", row.name),
        }
    }
    assert!(scenery.elsewhere.seen().is_empty(), "{:#?}", scenery.elsewhere.seen());

    let so_far = scenery.so_far();
    for name in scenery.names() {
        scenery.shop(name, |shop| shop.broken = false);
    }
    scenery.each("recovery", so_far, |event| event.event == EventName::SourceRecovered).await;
    let updated = |id| ("thing:updated", id, 2, 1);
    scenery.arrive(&[updated("T3"), updated("T4"), updated("T5")]).await;
    let story = scenery.hub.story();
    assert!(!story.contains("s3cret") && !story.contains("hush"), "a secret is told\n{story}");
    scenery.hub.stop().await;
}

/// `…` stands for any rest.
fn says(reason: &str, text: &str) -> bool {
    reason.strip_suffix('…').map_or(reason == text, |beginning| text.starts_with(beginning))
}

/// Several collections of one source, asked for the first time at once.
#[tokio::test(flavor = "multi_thread")]
async fn collections_of_one_source_share_its_token() {
    let tokens = Arc::new(AtomicU32::new(0));
    let given = Arc::clone(&tokens);
    let server = Server::start(move |request| match (request.path(), request.header("authorization")) {
        ("/token", _) => {
            given.fetch_add(1, Ordering::SeqCst);
            Reply::json(200, &json!({"access_token": "open-sesame"})).slowly(Duration::from_millis(10))
        }
        (_, Some("Bearer open-sesame")) => Reply::json(200, &json!([])),
        _ => Reply::status(401),
    })
    .await;
    let collections: Vec<String> = (0..5)
        .map(|number| format!("c{number}: {{type: t, request: {{path: /c{number}}}, id: id, every: 1s}}"))
        .collect();
    let bench = Bench::new(&format!(
        "hub: tokens\nsources:\n  shop:\n    url: {url}\n    auth: {{oauth2: {{token_url: '{url}/token', client_id: hub, secret: key}}}}\n    \
         collections: {{{}}}\nendpoints: {{e: {{url: {url}}}}}\n",
        collections.join(", "),
        url = server.url(),
    ))
    .secret("key", "s3cret");
    let hub = bench.start().await;
    for number in 0..5 {
        let name = format!("c{number}");
        hub.event(&name, |event| event.event == EventName::PollFinished && event.collection.as_deref() == Some(&*name))
            .await;
    }
    assert_eq!(tokens.load(Ordering::SeqCst), 1, "{:#?}", server.seen());
    hub.stop().await;
}

/// A token server is an address like any other.
#[tokio::test]
async fn no_token_is_asked_of_an_address_that_is_closed() {
    let bench = Bench::new(
        "hub: tokens\nsources:\n  shop:\n    url: http://127.0.0.1:9\n    \
         auth: {oauth2: {token_url: 'http://169.254.169.254/token', client_id: hub, secret: key}}\n    \
         collections: {things: {type: thing, request: {path: /}, id: id, every: 1s}}\n\
         endpoints: {e: {url: http://127.0.0.1:9}}\n",
    )
    .secret("key", "s3cret");
    let done = bench.run(&["poll", "shop/things", "--dry-run"]).await;
    assert!(!done.status.success(), "{done}");
    let expected = "shop/things cannot be polled: no token from 169.254.169.254: 169.254.169.254 is ";
    assert!(done.stderr.contains(expected), "{done}");
}

/// A feed that grows faster than it is read: each poll ends all the same, and the next goes on from its cursor.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_never_rests_is_read_in_polls() {
    const QUIET: u32 = 3;
    let busy = Arc::new(AtomicBool::new(false));
    let is_busy = Arc::clone(&busy);
    let server = Server::start(move |request| {
        let from: u32 = request.query("from").map_or(0, |text| text.parse().unwrap());
        match from < QUIET || is_busy.load(Ordering::SeqCst) {
            true => {
                Reply::json(200, &json!({"items": [{"id": format!("T{}", from % QUIET), "n": from}], "next": from + 1}))
            }
            false => Reply::json(200, &json!({"items": [], "next": from})),
        }
    })
    .await;
    let bench = Bench::new(&format!(
        "hub: feeds\nsources:\n  shop:\n    url: {url}\n    collections:\n      things: {{type: thing, request: {{path: /}}, \
         items: items, id: id, pages: {{style: cursor, param: from, next: next, resume: true}}, every: 300ms}}\n\
         endpoints: {{e: {{url: {url}}}}}\n",
        url = server.url(),
    ));
    let hub = bench.start().await;
    hub.event("baseline", |event| event.event == EventName::BaselineStored).await;
    busy.store(true, Ordering::SeqCst);
    let with_news =
        |event: &&HubEvent| event.event == EventName::PollFinished && event.count.is_some_and(|count| count > 1);
    hub.until("polls with news", |events| events.iter().filter(with_news).nth(3).map(|_| ())).await;
    // One entry after another, each asked for once; the quiet end was asked for at every poll.
    let mut asked: Vec<u32> = server.seen().iter().filter_map(|request| request.query("from")?.parse().ok()).collect();
    asked.dedup();
    assert!(asked.windows(2).all(|pair| pair[1] == pair[0] + 1), "{asked:?}");
    hub.stop().await;
}
