//! Polling (contract §3): what sources ask for, what they do wrong, and what must not be lost by it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use base64::Engine;
use crossdock_core::event::{EventName, HubEvent};
use serde_json::{Value, json};

use crate::support::{
    Bench, Hub, Reply, Request, Server, now,
    table::{self, stamp},
};

/// An endpoint that takes everything, and a hub with one collection of `things` that is polled ten times a second.
struct Scenery {
    hub: Hub,
    endpoint: Server,
    _source: Server,
    bench: Bench,
}

async fn scenery(
    source_keys: &str,
    collection_keys: &str,
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Scenery {
    scenery_of("", source_keys, collection_keys, script).await
}

async fn scenery_of(
    hub_keys: &str,
    source_keys: &str,
    collection_keys: &str,
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Scenery {
    let endpoint = Server::start(|_| Reply::status(200)).await;
    let source = Server::start(script).await;
    let bench = Bench::new(&format!(
        r#"
hub: things
{hub_keys}
sources:
  shop:
    url: "{}"
{source_keys}
    collections:
      things:
        type: thing
        request: {{path: /things}}
        id: id
        every: 100ms
        start: all
{collection_keys}
endpoints:
  all: {{url: "{}", retries: [100ms, 100ms]}}
routes:
  - {{name: everything, messages: ["thing:*"], to: all, path: /things}}
  - {{name: trouble, messages: ["notification:*"], to: all, path: /trouble}}
"#,
        source.url(),
        endpoint.url(),
    ))
    .secret("key", "s3cret:ö");
    let hub = bench.start().await;
    Scenery { hub, endpoint, _source: source, bench }
}

fn polls(events: &[HubEvent], name: EventName) -> usize {
    events.iter().filter(|event| event.event == name).count()
}

impl Scenery {
    /// Waits for `more` polls that end well, from now on.
    async fn polled(&self, more: usize) {
        let before = polls(&self.hub.events(), EventName::PollFinished);
        self.hub.until("polls", |events| (polls(events, EventName::PollFinished) >= before + more).then_some(())).await;
    }

    /// Type, id and version of everything that arrived, in order of arrival.
    fn arrived(&self) -> Vec<(String, String, u64)> {
        self.endpoint.seen_at("/things").iter().map(|request| about(&request.json())).collect()
    }

    async fn arrive(&self, number: usize) -> Vec<(String, String, u64)> {
        self.endpoint
            .until("things at the endpoint", |seen| {
                let things: Vec<_> = seen.iter().filter(|request| request.path() == "/things").collect();
                (things.len() >= number).then_some(())
            })
            .await;
        self.arrived()
    }
}

fn about(message: &Value) -> (String, String, u64) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&message["message"]), text(&message["object"]["id"]), message["object"]["version"].as_u64().unwrap())
}

fn new(id: &str) -> (String, String, u64) {
    ("thing:new".to_owned(), id.to_owned(), 1)
}

fn updated(id: &str, version: u64) -> (String, String, u64) {
    ("thing:updated".to_owned(), id.to_owned(), version)
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_are_authenticated_to_in_their_own_way() {
    let basic = base64::engine::general_purpose::STANDARD.encode("harbour:s3cret:ö");
    for (keys, header, value) in [
        ("    auth: {bearer: {secret: key}}", "authorization", "Bearer s3cret:ö".to_owned()),
        ("    auth: {basic: {user: harbour, secret: key}}", "authorization", format!("Basic {basic}")),
        ("    auth: {header: {name: X-Api-Key, secret: key}}", "x-api-key", "s3cret:ö".to_owned()),
    ] {
        let expected = value.clone();
        let scenery = scenery(keys, "", move |request| match request.header(header) == Some(&*expected) {
            true => Reply::json(200, &json!([{"id": "T1"}])),
            false => Reply::text(401, "text/html", "<h1>who are you?</h1>"),
        })
        .await;
        assert_eq!(scenery.arrive(1).await, [new("T1")], "{keys}");
        let story = scenery.hub.story();
        assert!(!story.contains("s3cret") && !story.contains(&basic), "{story}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_refuses_is_a_failed_poll() {
    let scenery = scenery("    auth: {bearer: {secret: key}}", "", |_| Reply::status(401)).await;
    let failed = scenery.hub.event("source.failed", |event| event.event == EventName::SourceFailed).await;
    assert_eq!((failed.source.as_deref(), failed.collection.as_deref()), (Some("shop"), Some("things")));
    assert_eq!(
        failed.reason.as_deref(),
        Some("the source answered 401: the secret key was sent as a bearer token, and refused")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_told_after_three_failures_and_its_end_once() {
    let polls_seen = Arc::new(AtomicUsize::new(0));
    let works = Arc::new(AtomicBool::new(true));
    let (counted, working) = (Arc::clone(&polls_seen), Arc::clone(&works));
    let scenery = scenery("", "", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        match working.load(Ordering::SeqCst) {
            true => Reply::json(200, &json!([{"id": "T1"}])),
            false => Reply::status(500),
        }
    })
    .await;
    let failures = |events: &[HubEvent]| {
        let counts = events.iter().filter(|event| event.event == EventName::SourceFailed);
        counts.map(|event| event.count.unwrap()).collect::<Vec<_>>()
    };
    scenery.arrive(1).await;

    works.store(false, Ordering::SeqCst);
    scenery.hub.until("seven failures", |events| (failures(events).len() >= 7).then_some(())).await;
    let trouble = scenery
        .endpoint
        .until("the notification", |seen| seen.iter().find(|request| request.path() == "/trouble").cloned())
        .await;
    let notice = trouble.json();
    assert_eq!(notice["message"], "notification:error");
    assert_eq!(notice["payload"]["notification"]["source"], "shop");
    assert_eq!(notice["payload"]["notification"]["collection"], "things");
    assert_eq!(notice["payload"]["notification"]["description"], "the source answered 500");

    works.store(true, Ordering::SeqCst);
    let recovered = scenery.hub.event("recovery", |event| event.event == EventName::SourceRecovered).await;
    let end = scenery
        .endpoint
        .until("the end of it", |seen| seen.iter().filter(|request| request.path() == "/trouble").nth(1).cloned());
    let end = end.await.json();
    assert_eq!(end["message"], "notification:info");
    assert!(recovered.count.unwrap() >= 7, "{recovered:?}");

    // Counted from one, and told with the third.
    let events = scenery.hub.events();
    let counts = failures(&events);
    assert_eq!(counts, (1..=counts.len() as u64).collect::<Vec<_>>());
    let place = |pleases: &dyn Fn(&HubEvent) -> bool| events.iter().position(pleases).unwrap();
    let told = place(&|event| event.message.as_deref() == Some("notification:error"));
    let second = place(&|event| event.event == EventName::SourceFailed && event.count == Some(2));
    let fourth = place(&|event| event.event == EventName::SourceFailed && event.count == Some(4));
    assert!(second < told && told < fourth, "{}", scenery.hub.story());

    // Two failures are not worth a word.
    works.store(false, Ordering::SeqCst);
    let before = failures(&events).len();
    let passed = polls_seen.load(Ordering::SeqCst);
    scenery.hub.until("another failure", |events| (failures(events).len() > before).then_some(())).await;
    works.store(true, Ordering::SeqCst);
    scenery.polled(2).await;
    assert!(polls_seen.load(Ordering::SeqCst) > passed);
    let streak = failures(&scenery.hub.events()).len() - before;
    // The machine may have been too slow to let the source recover in time; then it is told again, and rightly.
    let expected = if streak < 3 { 2 } else { 4 };
    let trouble = |seen: &[Request]| seen.iter().filter(|request| request.path() == "/trouble").count();
    scenery.endpoint.until("all notifications", |seen| (trouble(seen) >= expected).then_some(())).await;
    assert_eq!(trouble(&scenery.endpoint.seen()), expected, "{streak} failures\n{}", scenery.hub.story());
    assert_eq!(scenery.arrived(), [new("T1")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_are_set_aside_and_their_neighbours_go_on() {
    let rows = json!([
        {"id": "T1"}, {"name": "nobody"}, 17, null, {"id": ""}, {"id": {"a": 1}}, ["T2"], {"id": null},
        {"id": "T3", "created_at": "the other day"}, {"id": 4}, {"id": "T5", "created_at": "2026-01-01T00:00:00Z"},
    ]);
    let scenery = scenery("", "        created: created_at", move |_| Reply::json(200, &rows)).await;
    let mut arrived = scenery.arrive(3).await;
    arrived.sort();
    assert_eq!(arrived, [new("4"), new("T1"), new("T5")]);
    scenery.polled(1).await;
    let events = scenery.hub.events();
    let aside: Vec<_> = events.iter().filter(|event| event.event == EventName::RecordSetAside).collect();
    for place in [1, 2, 3, 4, 5, 6, 7, 8] {
        let named = |event: &&&HubEvent| event.reason.as_deref().unwrap().contains(&format!("item {place}"));
        assert!(aside.iter().find(named).is_some(), "item {place}: {aside:#?}");
    }
    assert_eq!(polls(&events, EventName::SourceFailed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_followed_to_the_last_page() {
    let scenery = scenery("", "        pages: {style: link}", |request| {
        let cursor: usize = request.query("cursor").map_or(0, |text| text.parse().unwrap());
        let rows: Vec<_> = (cursor..cursor + 10).map(|n| json!({"id": format!("T{n:03}")})).collect();
        let page = Reply::json(200, &json!(rows));
        match cursor {
            // Relative, with a comma inside and others beside it, as RFC 8288 allows.
            0..90 => page.with(
                "link",
                format!(
                    r#"</things?cursor=0>; rel="first", <things?cursor={}&a=1,2>; title="a, b"; rel=next"#,
                    cursor + 10
                ),
            ),
            _ => page.with("link", "</things?cursor=0>; rel=\"first\""),
        }
    })
    .await;
    let mut arrived = scenery.arrive(100).await;
    arrived.sort();
    assert_eq!(arrived, (0..100).map(|n| new(&format!("T{n:03}"))).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn links_in_a_circle_or_to_elsewhere_are_failed_polls() {
    for (next, reason) in [
        (r#"</things?page=2>; rel="next""#, "circular"),
        (r#"<http://elsewhere.example/things?token=t>; rel="next""#, "http://elsewhere.example"),
    ] {
        let scenery = scenery("", "        pages: {style: link}", move |request| {
            let page = request.query("page").unwrap_or_else(|| "1".to_owned());
            let row = json!([{"id": format!("T{page}")}]);
            let next = if page == "2" { next.replace("page=2", "page=1") } else { next.to_owned() };
            Reply::json(200, &row).with("link", next)
        })
        .await;
        let failed = scenery.hub.event("source.failed", |event| event.event == EventName::SourceFailed).await;
        assert!(failed.reason.as_deref().unwrap().contains(reason), "{failed:?}");
        assert!(!failed.reason.unwrap().contains("token=t"), "a query may hold a secret");
    }
}

const BY_TIME: &str = r#"
        items: items
        since: {param: updated_at_gte, field: updated_at, overlap: 1s}
        pages: {style: page, param: page, total: pages}
        volatile: [updated_at]"#;

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_rows_of_one_time_are_all_read() {
    let at = stamp(now());
    let rows: Vec<Value> = (0..300).map(|n| json!({"id": format!("T{n:03}"), "updated_at": at})).collect();
    let scenery = scenery("", BY_TIME, move |request| table::page(&rows, 10, request)).await;
    let mut arrived = scenery.arrive(300).await;
    arrived.sort();
    assert_eq!(arrived, (0..300).map(|n| new(&format!("T{n:03}"))).collect::<Vec<_>>());
    scenery.polled(2).await;
    assert_eq!(scenery.arrived().len(), 300, "read again, and not news again");
}

/// Whenever a page has been read, the oldest rows change and move to the end, so that all others move up by as many, and
/// over the edge of the page just read.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_change_while_pages_are_read_are_not_lost() {
    const ROWS: usize = 60;
    const CHANGES: usize = 40;
    let rows: Vec<Value> = (0..ROWS)
        .map(|n| {
            let at = now() - jiff::SignedDuration::from_mins(60) + jiff::SignedDuration::from_secs(n as i64);
            json!({"id": format!("T{n:02}"), "n": 0, "updated_at": stamp(at)})
        })
        .collect();
    let rows = Arc::new(Mutex::new((rows, 0)));
    let table = Arc::clone(&rows);
    let scenery = scenery("", BY_TIME, move |request| {
        let mut table = table.lock().unwrap();
        let (rows, changes) = &mut *table;
        let reply = table::page(rows, 7, request);
        for _ in 0..3 {
            if *changes < CHANGES {
                rows.sort_by_key(|row| row["updated_at"].as_str().unwrap().to_owned());
                rows[0]["n"] = json!(rows[0]["n"].as_u64().unwrap() + 1);
                rows[0]["updated_at"] = json!(stamp(now()));
                *changes += 1;
            }
        }
        reply
    })
    .await;

    let newest = |seen: &[Request]| {
        let mut newest = std::collections::BTreeMap::<String, u64>::new();
        for message in seen.iter().map(Request::json) {
            let thing = &message["payload"]["thing"]["actual"];
            let n = newest.entry(thing["id"].as_str().unwrap().to_owned()).or_default();
            *n = (*n).max(thing["n"].as_u64().unwrap());
        }
        newest
    };
    scenery
        .endpoint
        .until("the last state of every row", |seen| {
            let rows = rows.lock().unwrap();
            let wanted = rows.0.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), row["n"].as_u64().unwrap()));
            (rows.1 == CHANGES && newest(seen) == wanted.collect()).then_some(())
        })
        .await;
    // Versions one by one, each with news.
    let mut seen: Vec<(String, u64, u64)> = scenery
        .endpoint
        .seen()
        .iter()
        .map(|request| {
            let message = request.json();
            let (_, id, version) = about(&message);
            (id, version, message["payload"]["thing"]["actual"]["n"].as_u64().unwrap())
        })
        .collect();
    seen.sort();
    for pair in seen.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        assert_eq!(pair[1].1, pair[0].1 + 1, "{pair:?}");
        assert!(pair[1].2 > pair[0].2, "{pair:?}");
    }
}

/// The source talks nonsense now and then, each time another kind; what it says before and after counts.
#[tokio::test(flavor = "multi_thread")]
async fn nonsense_from_a_source_fails_the_poll_and_nothing_else() {
    let whole = json!([{"id": "T1"}]).to_string();
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n[{\"id\":".to_vec();
    let nonsense = [
        ("HTML with 200", Reply::text(200, "text/html", "<h1>Down for maintenance</h1>"), "is HTML"),
        ("HTML with 500", Reply::text(500, "text/html", "<h1>Oops</h1>"), "answered 500"),
        ("a redirect", Reply::status(302).with("location", "/things"), "answered 302"),
        ("an object", Reply::json(200, &json!({"things": []})), "expected a list"),
        ("nothing", Reply::status(200), "not JSON"),
        ("half of it", Reply::text(200, "application/json", &whole[..whole.len() - 3]), "not JSON"),
        ("a reset", Reply::Reset, "connection"),
        ("a hang-up", Reply::Bytes(Vec::new()), "connection"),
        ("garbage", Reply::Bytes(b"\x16\x03\x01\x02\x00 I am no HTTP\r\n\r\n".to_vec()), "connection"),
        ("half an answer", Reply::Bytes(half), "connection"),
        ("silence", Reply::Silence, "within 2s"),
        ("an endless answer", Reply::Endless, "longer than 65536 bytes"),
    ];
    // Even: the row as it was last; odd: the nonsense of the turn.
    let phase = Arc::new(AtomicUsize::new(0));
    let (turn, script) = (Arc::clone(&phase), nonsense.clone());
    let scenery = scenery_of("limits: {timeout: 2s, page: 64KiB}", "", "", move |_| {
        let phase = turn.load(Ordering::SeqCst);
        match phase % 2 {
            0 => Reply::json(200, &json!([{"id": "T1", "n": phase / 2}])),
            _ => script[phase / 2].1.clone(),
        }
    })
    .await;
    scenery.arrive(1).await;
    for (place, (what, _, reason)) in nonsense.iter().enumerate() {
        let so_far = scenery.hub.events().len();
        phase.fetch_add(1, Ordering::SeqCst);
        let later = |name: EventName| {
            move |events: &[HubEvent]| events[so_far..].iter().find(|event| event.event == name).cloned()
        };
        let failed = scenery.hub.until(what, later(EventName::SourceFailed)).await;
        assert!(failed.reason.as_deref().unwrap().contains(reason), "{what}: {failed:?}");
        phase.fetch_add(1, Ordering::SeqCst);
        scenery.hub.until(what, later(EventName::SourceRecovered)).await;
        let arrived = scenery.arrive(place + 2).await;
        assert_eq!(arrived[place + 1..], [updated("T1", place as u64 + 2)], "{what}");
    }
}

/// A look at what a poll would do, while the hub runs and when it does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_stores_nothing() {
    let rows = Arc::new(Mutex::new(json!([{"id": "T1", "n": 1}, {"id": "T2"}, {"name": "nobody"}])));
    let table = Arc::clone(&rows);
    let scenery = scenery("", "", move |_| Reply::json(200, &table.lock().unwrap())).await;
    scenery.arrive(2).await;
    let dry_run = || scenery.bench.run(&["poll", "shop/things", "--dry-run"]);
    let unchanged = dry_run().await.ok();
    assert!(unchanged.stdout.contains("2 unchanged"), "{unchanged}");
    assert!(unchanged.stdout.contains("would be set aside: page 1 item 2: no id"), "{unchanged}");

    let Scenery { hub, bench, endpoint, _source } = scenery;
    hub.stop().await;
    *rows.lock().unwrap() = json!([{"id": "T1", "n": 2}, {"id": "T2"}, {"id": "T3"}]);
    for _ in 0..2 {
        let changed = bench.run(&["poll", "shop/things", "--dry-run"]).await.ok();
        assert!(changed.stdout.contains("would emit thing:updated → everything"), "{changed}");
        assert!(changed.stdout.contains("would emit thing:new → everything"), "{changed}");
        assert!(changed.stdout.contains("nothing was stored"), "{changed}");
    }
    let _hub = bench.start().await;
    let seen = endpoint.until("what a poll finds", |seen| (seen.len() >= 4).then(|| seen.to_vec())).await;
    let mut arrived: Vec<_> = seen[2..].iter().map(|request| about(&request.json())).collect();
    arrived.sort();
    assert_eq!(arrived, [new("T3"), updated("T1", 2)]);
}

/// A misspelt name is no fault of any record, so that nothing else would ever tell of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_of_names_that_nothing_answers_to() {
    let source = Server::start(|_| {
        let things: Vec<Value> = (0..48).map(|n| json!({"number": n, "created_at": "2026-01-01T00:00:00Z"})).collect();
        Reply::json(200, &json!({"things": things, "meta": {"next": "b"}}))
    });
    let source = source.await;
    let dry_run = async |names: &str| {
        let collection = format!(
            "hub: h\nsources: {{shop: {{url: \"{}\", collections: {{things: {{type: thing, request: {{path: /}}, items: things, \
             {names}, every: 1s}}}}}}}}\n",
            source.url()
        );
        Bench::new(&collection).run(&["poll", "shop/things", "--dry-run"]).await
    };

    let misspelt =
        dry_run("id: number, created: creatd_at, keys: {sum: total}, pages: {style: cursor, param: c, next: meta.nxt}");
    let misspelt = misspelt.await.ok();
    assert_eq!(
        misspelt.stdout,
        "no record has anything at \"creatd_at\" (created)\n\
         no record has anything at \"total\" (keys.sum)\n\
         no answer has anything at \"meta.nxt\" (pages.next), so that no other page was asked for\n\
         the first record has created_at, number\n\
         1 page read, 48 records: 0 unchanged, 48 for the silent baseline, 0 changes, 0 messages; nothing was stored\n"
    );
    let fine = dry_run("id: number, created: created_at").await.ok();
    assert!(fine.stdout.starts_with("1 page read, 48 records: "), "{fine}");

    let nameless = dry_run("id: nmber").await;
    assert_eq!(nameless.status.code(), Some(1), "{nameless}");
    assert_eq!(
        nameless.stderr,
        "no hub has run on state yet: nothing is known there; name another folder with --state\n\
         error: no record of shop/things could be read\n"
    );
    assert!(
        nameless.stdout.starts_with(
            "would be set aside: 48 records: no id: nothing at \"nmber\" (page 1 item 0, page 1 item 1, page 1 item 2, …)\n\
             the first record has created_at, number\n"
        ),
        "{nameless}"
    );
}
