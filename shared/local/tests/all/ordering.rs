//! Which version is the newer one, where changes come in two ways, late, twice and at the same moment: one version per
//! change, the newest is the head, and nobody is told of what is older.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use crossdock_core::{
    Timestamp,
    event::EventName,
    fault::{FaultPlan, Faults},
    hub::Collection,
    id::{MessageId, ObjectKey},
    message::Lineage,
    object::{self, Given, News, Record, Tracked, Tracker},
    port::{Clock, Home, Outbox, VersionStore, whole},
    version::{Head, Order, Version},
};
use futures_util::future::{BoxFuture, join_all};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::stage::{HUB, Stage, TestHome};

/// Of numbers; the same hub without it orders by the time of the last change.
fn numbered() -> String {
    let order = "volatile: [updated_at, rev]\n        order: {field: rev, as: number}";
    HUB.replace("volatile: [updated_at]", order)
}

fn collection(stage: &Stage) -> &Collection {
    stage.hub.collection(&stage.orders()).unwrap()
}

fn record(stage: &Stage, item: Value) -> Record {
    object::read(collection(stage), "item", item).unwrap()
}

async fn take_at(stage: &Stage, home: &TestHome, record: Record) -> Tracked {
    let tracker = Tracker::new(home, &stage.hub, &stage.router);
    tracker.track(collection(stage), vec![record], &News::everything()).await.unwrap()
}

/// However it comes in.
async fn take(stage: &Stage, item: Value) -> Tracked {
    take_at(stage, &stage.home, record(stage, item)).await
}

fn order(rev: u64, state: &str) -> Value {
    json!({"number": "R1", "rev": rev, "state": state})
}

/// The same where times tell.
fn order_at(second: u64, state: &str) -> Value {
    json!({"number": "R1", "updated_at": format!("2026-03-01T11:00:{second:02}Z"), "state": state})
}

fn key(stage: &Stage, id: &str) -> ObjectKey {
    ObjectKey { collection: stage.orders(), id: id.to_owned() }
}

async fn history(stage: &Stage) -> Vec<Version> {
    stage.home.store().history(&key(stage, "R1")).await.and_then(whole).unwrap()
}

async fn head(stage: &Stage) -> Head {
    stage.home.store().heads(&[key(stage, "R1")]).await.and_then(whole).unwrap().remove(0).unwrap()
}

async fn emitted(stage: &Stage) -> Vec<String> {
    let messages = stage.home.store().messages_of(&key(stage, "R1")).await.and_then(whole).unwrap();
    messages.iter().map(|record| record.message.message.to_string()).collect()
}

/// `3 open`, and `late` where it is.
fn shown(versions: &[Version]) -> Vec<String> {
    let show = |version: &Version| {
        let late = if version.late { " late" } else { "" };
        let deleted = if version.deleted { " deleted" } else { "" };
        format!("{} {}{deleted}{late}", version.number, version.body["state"].as_str().unwrap_or("-"))
    };
    versions.iter().map(show).collect()
}

#[tokio::test]
async fn what_comes_late_is_recorded_and_told_to_nobody() {
    for (hub, item) in [(numbered(), order as fn(u64, &str) -> Value), (HUB.to_owned(), order_at)] {
        let stage = Stage::with_hub(&hub).await;
        take(&stage, item(1, "open")).await;
        take(&stage, item(5, "paid")).await;
        let late = take(&stage, item(3, "held")).await;
        assert_eq!((late.stored, late.told, late.late, late.messages.len()), (1, 0, 1, 0));
        // Twice, and one that is a version already.
        for again in [item(3, "held"), item(1, "open"), item(5, "paid")] {
            let nothing = take(&stage, again).await;
            assert_eq!((nothing.stored, nothing.only_read), (0, true));
        }
        take(&stage, item(6, "sent")).await;
        let versions = history(&stage).await;
        assert_eq!(shown(&versions), ["1 open", "2 paid", "3 held late", "4 sent"]);
        let parents: Vec<_> = versions.iter().map(|version| version.parent).collect();
        assert_eq!(parents, [None, Some(1), None, Some(2)]);
        assert_eq!(emitted(&stage).await, ["order:new", "order:updated", "order:updated"]);
        let head = head(&stage).await;
        assert_eq!((head.version, head.last), (4, 4));

        let events = stage.world.events.lock().unwrap();
        let told: Vec<_> = events.iter().filter(|event| event.event == EventName::VersionLate).collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].object.as_deref(), Some("R1@3"));
    }
}

/// The source went from open to held and back; the middle comes last.
#[tokio::test]
async fn a_change_without_news_makes_late_what_is_older() {
    let stage = Stage::with_hub(&numbered()).await;
    take(&stage, order(5, "open")).await;
    let unchanged = take(&stage, order(7, "open")).await;
    assert_eq!((unchanged.stored, unchanged.messages.len()), (0, 0));
    assert_eq!(head(&stage).await.order, Some(Order::Number(7)));
    take(&stage, order(6, "held")).await;
    assert_eq!(shown(&history(&stage).await), ["1 open", "2 held late"]);
    assert_eq!(emitted(&stage).await, ["order:new"]);
    // What is as it was is nothing, and no write.
    assert!(take(&stage, order(7, "open")).await.only_read);
}

/// A webhook shows less of an object than the source's API does.
#[tokio::test]
async fn one_number_is_one_change_however_it_looks() {
    let stage = Stage::with_hub(&numbered()).await;
    take(&stage, order(1, "open")).await;
    take(&stage, order(2, "paid")).await;
    let mut whole = order(2, "paid");
    whole["lines"] = json!([1, 2]);
    assert_eq!(take(&stage, whole).await.stored, 0);
    // Nor does it differ where it is late.
    take(&stage, order(4, "sent")).await;
    take(&stage, order(3, "held")).await;
    let mut whole = order(3, "held");
    whole["lines"] = json!([1, 2]);
    assert_eq!(take(&stage, whole).await.stored, 0);
    assert_eq!(shown(&history(&stage).await), ["1 open", "2 paid", "3 sent", "4 held late"]);
}

/// Two changes of one second are two.
#[tokio::test]
async fn one_time_may_be_two_changes() {
    let stage = Stage::new().await;
    for state in ["open", "paid", "sent"] {
        take(&stage, order_at(1, state)).await;
    }
    assert_eq!(shown(&history(&stage).await), ["1 open", "2 paid", "3 sent"]);
}

#[tokio::test]
async fn a_late_change_brings_nothing_back() {
    let stage = Stage::with_hub(&numbered()).await;
    let gone = |rev: Option<u64>| {
        let body = rev.map_or_else(|| json!({"number": "R1"}), |rev| order(rev, "gone"));
        Record { deleted: true, ..record(&stage, body) }
    };
    take(&stage, order(4, "open")).await;
    // A deletion need not say when it was.
    take_at(&stage, &stage.home, gone(None)).await;
    assert_eq!(take(&stage, order(3, "held")).await.late, 1);
    assert_eq!(take(&stage, order(4, "else")).await.stored, 0, "the change that was there before");
    assert!(head(&stage).await.deleted);
    // What is newer does.
    take(&stage, order(5, "open")).await;
    // And a deletion may be late itself.
    assert_eq!(take_at(&stage, &stage.home, gone(Some(4))).await.late, 1);
    assert!(!head(&stage).await.deleted);
    // The number is that of the version that was deleted.
    take_at(&stage, &stage.home, gone(Some(5))).await;
    assert!(head(&stage).await.deleted);
    let expected = ["1 open", "2 - deleted", "3 held late", "4 open", "5 gone deleted late", "6 gone deleted"];
    assert_eq!(shown(&history(&stage).await), expected);
    let told = ["order:new", "order:deleted", "order:updated", "order:deleted"];
    assert_eq!(emitted(&stage).await, told);
}

/// An old snapshot is old in all its parts.
#[tokio::test]
async fn the_children_of_what_is_late_are_left_alone() {
    let stage = Stage::with_hub(&numbered()).await;
    let with = |rev: u64, payments: Value| json!({"number": "R1", "rev": rev, "payments": payments});
    take(&stage, with(2, json!([{"id": 1, "state": "paid"}]))).await;
    let late = take(&stage, with(1, json!([{"id": 1, "state": "open"}, {"id": 2, "state": "open"}]))).await;
    assert_eq!((late.stored, late.late, late.messages.len()), (1, 1, 0));
    let payments = collection(&stage).children[0].key.clone();
    let of = |id: &str| ObjectKey { collection: payments.clone(), id: id.to_owned() };
    let heads = stage.home.store().heads(&[of("R1/1"), of("R1/2")]).await.and_then(whole).unwrap();
    assert_eq!(heads[0].as_ref().map(|head| head.version), Some(1));
    assert_eq!(heads[1], None);
    // Those of the same change that was cut off on its way are not.
    let again = take(&stage, with(2, json!([{"id": 1, "state": "paid"}, {"id": 2, "state": "open"}]))).await;
    assert_eq!(again.stored, 1);
}

/// It differs from the head in nothing but them.
#[tokio::test]
async fn the_children_of_an_old_snapshot_are_left_alone() {
    let hub = numbered().replace("volatile: [updated_at, rev]", "volatile: [updated_at, rev, payments]");
    let stage = Stage::with_hub(&hub).await;
    let with = |rev: u64, state: &str| json!({"number": "R1", "rev": rev, "payments": [{"id": 1, "state": state}]});
    take(&stage, with(2, "open")).await;
    assert_eq!(take(&stage, with(3, "paid")).await.stored, 1);
    assert_eq!(take(&stage, with(2, "open")).await.stored, 0);
    assert_eq!(take(&stage, with(3, "void")).await.stored, 1);
}

/// A zone left out, or a year mistyped: what comes after it is not late.
#[tokio::test]
async fn a_time_ahead_of_the_clock_tells_nothing() {
    let stage = Stage::new().await;
    let at = |time: Timestamp, state: &str| json!({"number": "R1", "updated_at": time.to_string(), "state": state});
    let now = stage.clock.now();
    take(&stage, at("2099-01-01T00:00:00Z".parse().unwrap(), "open")).await;
    assert_eq!(head(&stage).await.order, None);
    take(&stage, at(now, "paid")).await;
    // A source's clock may be a little ahead.
    let soon = now.checked_add(Duration::from_secs(60)).unwrap();
    take(&stage, at(soon, "sent")).await;
    take(&stage, at(now, "held")).await;
    assert_eq!(shown(&history(&stage).await), ["1 open", "2 paid", "3 sent", "4 held late"]);
}

/// Of hubs from before: nothing is known of what they stored, until the source shows it.
#[tokio::test]
async fn what_tells_no_order_is_never_late() {
    let stage = Stage::with_hub(&HUB.replace("volatile", "order: none\n        volatile")).await;
    take(&stage, order_at(5, "open")).await;
    take(&stage, order_at(1, "paid")).await;
    take(&stage, json!({"number": "R1", "state": "sent"})).await;
    assert_eq!(shown(&history(&stage).await), ["1 open", "2 paid", "3 sent"]);
    assert_eq!(head(&stage).await.order, None);

    // The field of `since` was chosen for polling: without a zone its times are no order.
    let at = |second: u64, state: &str| json!({"number": "R1", "updated_at": format!("2026-03-01 11:00:{second:02}"), "state": state});
    let stage = Stage::new().await;
    take(&stage, at(5, "open")).await;
    take(&stage, at(1, "paid")).await;
    assert_eq!(shown(&history(&stage).await), ["1 open", "2 paid"]);
}

/// An endpoint that completes an object leaves its number alone; one that worked on an old one is late.
#[tokio::test]
async fn what_an_answer_gives_is_compared_with_what_it_is() {
    let stage = Stage::with_hub(&numbered()).await;
    take(&stage, order(1, "open")).await;
    let given = async |item: Value| {
        let records = vec![record(&stage, item)];
        let tracker = Tracker::new(&*stage.home, &stage.hub, &stage.router);
        let since = tracker.since(collection(&stage), &records).await.unwrap();
        let lineage = Lineage {
            parent: MessageId::from_bytes([0x80; 16]),
            route: "all".parse().unwrap(),
            trace_id: "0".repeat(32),
            hops: 1,
        };
        let tracker = tracker.given(Given { lineage, since });
        tracker.track(collection(&stage), records, &News::everything()).await.unwrap()
    };
    assert_eq!(given(order(1, "booked")).await.told, 1);
    // The source says the same as ever: nothing flips back.
    assert_eq!(take(&stage, order(1, "open")).await.stored, 0);
    take(&stage, order(3, "paid")).await;
    assert_eq!(given(order(2, "booked twice")).await.late, 1);
    // What an endpoint says of its own does not make late what the source says.
    assert_eq!(given(order(9, "paid")).await.stored, 0);
    take(&stage, order(4, "sent")).await;
    // Not even where it changes something.
    assert_eq!(given(order(20, "packed")).await.told, 1);
    assert_eq!(take(&stage, order(5, "back")).await.told, 1);
    let expected = ["1 open", "2 booked", "3 paid", "4 booked twice late", "5 sent", "6 packed", "7 back"];
    assert_eq!(shown(&history(&stage).await), expected);
}

/// Lets several ways in go on one port call at a time, in a given order.
struct Turns {
    permits: Vec<Semaphore>,
    /// Somebody waits for a turn, or has come to the end.
    stopped: Semaphore,
}

impl Turns {
    fn faults(self: &Arc<Self>, way: usize) -> Faults {
        let turns = self.clone();
        let wait = move |_| -> BoxFuture<'static, ()> {
            let turns = turns.clone();
            Box::pin(async move {
                turns.stopped.add_permits(1);
                turns.permits[way].acquire().await.unwrap().forget();
            })
        };
        let each: FaultPlan = "delay:0@every:1".parse().unwrap();
        Faults::planned(each, Arc::new(wait))
    }
}

/// Each way takes its records one after another. `schedule` says whose call is next; when it is used up, they take turns.
async fn race(stage: &Stage, ways: &[Vec<Record>], schedule: &[usize]) {
    let turns =
        Arc::new(Turns { permits: ways.iter().map(|_| Semaphore::new(0)).collect(), stopped: Semaphore::new(0) });
    let done = Mutex::new(BTreeSet::new());
    let going = ways.iter().enumerate().map(|(way, records)| {
        let (home, turns, done) = (stage.beside(turns.faults(way)), turns.clone(), &done);
        async move {
            for record in records {
                take_at(stage, &home, record.clone()).await;
            }
            done.lock().unwrap().insert(way);
            turns.stopped.add_permits(1);
        }
    });
    let driving = async {
        // Everybody comes to the first call.
        for _ in ways {
            turns.stopped.acquire().await.unwrap().forget();
        }
        for next in schedule.iter().map(|next| next % ways.len()).chain((0..ways.len()).cycle()) {
            if done.lock().unwrap().len() == ways.len() {
                return;
            }
            if done.lock().unwrap().contains(&next) {
                continue;
            }
            turns.permits[next].add_permits(1);
            turns.stopped.acquire().await.unwrap().forget();
        }
    };
    tokio::join!(join_all(going), driving);
}

const STATES: [&str; 3] = ["open", "held", "paid"];

/// The states of an object's changes, in the source's order; which of them each way sees, in what order; whose turn it is.
fn stories() -> impl Strategy<Value = (Vec<usize>, Vec<Vec<usize>>, Vec<usize>)> {
    let changes = prop::collection::vec(0..STATES.len(), 1..6);
    changes.prop_flat_map(|changes| {
        let count = changes.len();
        let way = prop::collection::vec(0..count, 1..5);
        (Just(changes), prop::collection::vec(way, 2..4), prop::collection::vec(0..3_usize, 0..60))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever comes in which way, in whatever order and however the calls fall.
    #[test]
    fn versions_are_one_chain_in_the_sources_order(
        (changes, ways, schedule) in stories(),
        by_number in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stage = Stage::with_hub(&if by_number { numbered() } else { HUB.to_owned() }).await;
            let item = if by_number { order } else { order_at };
            let change = |change: usize| record(&stage, item(change as u64, STATES[changes[change]]));
            let records: Vec<Vec<Record>> =
                ways.iter().map(|way| way.iter().map(|one| change(*one)).collect()).collect();
            race(&stage, &records, &schedule).await;

            let versions = history(&stage).await;
            let numbers: Vec<u64> = versions.iter().map(|version| version.number).collect();
            assert_eq!(numbers, (1..=versions.len() as u64).collect::<Vec<_>>(), "{:?}", shown(&versions));
            let (late, chain): (Vec<&Version>, Vec<&Version>) = versions.iter().partition(|version| version.late);
            for pair in chain.windows(2) {
                assert_eq!(pair[1].parent, Some(pair[0].number));
                assert!(pair[0].order < pair[1].order, "{versions:#?}");
                assert!(pair[0].hash != pair[1].hash, "{versions:#?}");
            }
            assert!(late.iter().all(|version| version.parent.is_none()));
            let orders: BTreeSet<String> = versions.iter().map(|version| version.order.unwrap().to_string()).collect();
            assert_eq!(orders.len(), versions.len(), "one version per change: {versions:#?}");

            let newest = *ways.iter().flatten().max().unwrap();
            let head = head(&stage).await;
            assert_eq!((head.version, head.last), (chain.last().unwrap().number, versions.len() as u64));
            assert_eq!(head.order, change(newest).order);
            assert_eq!(chain.last().unwrap().body["state"], STATES[changes[newest]], "{versions:#?}");
            // Nothing that was seen is lost: as a version of its own, or because it is like another.
            for seen in ways.iter().flatten() {
                let known = |version: &Version| version.body["state"] == STATES[changes[*seen]];
                assert!(versions.iter().any(known), "{seen}: {versions:#?}");
            }

            let told = emitted(&stage).await;
            assert_eq!(told.len(), chain.len());
            assert_eq!(told[0], "order:new");
        });
    }
}
