//! A wide poll beside a collection's own.

use std::time::Duration;

use crossdock_core::{
    event::EventName,
    poll::{PollError, PollReport, Poller, Way},
    port::{Clock, Collections, Home, LeaseOwner},
};
use serde_json::json;

use crate::stage::{HUB, Stage};

const HOUR: Duration = Duration::from_secs(3600);

async fn stage() -> Stage {
    Stage::with_hub(&HUB.replace("every: 1s", "every: 1s\n        reconcile: {every: 1d, window: 2d}")).await
}

async fn reconcile(stage: &Stage) -> Result<PollReport, PollError> {
    let owner = LeaseOwner("another".to_owned());
    Poller::new(&*stage.home, &stage.hub, &stage.router, owner).by(Way::Reconcile).poll(&stage.orders()).await
}

/// What runs said that they had found missing.
fn found(stage: &Stage) -> Vec<(Option<u64>, Option<String>)> {
    let events = stage.world.events.lock().unwrap();
    let ends = events.iter().filter(|event| event.event == EventName::Reconciled);
    ends.map(|event| (event.count, event.reason.clone())).collect()
}

/// An order with the time of a change that the shop let nobody see in time.
fn put_unseen(stage: &Stage, number: &str, ago: Duration) {
    let then = stage.clock.now().checked_sub(ago).unwrap().to_string();
    stage.put(number, &json!({}));
    let mut shop = stage.world.shop.lock().unwrap();
    shop.orders.get_mut(number).unwrap()["updated_at"] = json!(then);
}

#[tokio::test]
async fn what_was_missed_is_found_and_nothing_else_is_told() {
    let stage = stage().await;
    stage.put("R1", &json!({"total": "1"}));
    assert!(reconcile(&stage).await.unwrap().too_early, "there is no baseline yet");
    stage.clock.advance(HOUR);
    stage.poll().await.unwrap();
    stage.clock.advance(HOUR);
    stage.put("R2", &json!({"total": "2"}));
    stage.clock.advance(HOUR);
    stage.put("R3", &json!({"total": "3"}));
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:new"; 2]);
    let bookmark = stage.home.store().state(&stage.orders()).await.unwrap().unwrap().bookmark;

    let report = reconcile(&stage).await.unwrap();
    assert_eq!(report.stored, 0, "nothing was missed");

    put_unseen(&stage, "R4", 2 * HOUR);
    let changed = json!({"total": "20"});
    stage.put("R2", &changed);
    // After its last change, and before the bookmark.
    put_unseen(&stage, "R2", HOUR / 2 + HOUR / 4);
    assert_eq!(stage.poll().await.unwrap().stored, 0, "both are behind its bookmark");
    let report = reconcile(&stage).await.unwrap();
    assert_eq!(report.stored, 2);
    // It is the poll's to find.
    stage.put("R5", &json!({}));
    reconcile(&stage).await.unwrap();
    stage.settle().await;

    assert_eq!(stage.arrived()[2..], ["order:new", "order:updated", "order:new"]);
    let said = found(&stage);
    assert_eq!(said.iter().map(|(count, _)| *count).collect::<Vec<_>>(), [Some(0), Some(2), Some(0)]);
    assert_eq!(said[1].1.as_deref(), Some("reconciled orders: 2 had been missed"));
    let state = stage.home.store().state(&stage.orders()).await.unwrap().unwrap();
    assert!(state.bookmark >= bookmark, "the poll's own bookmark is not moved back");
}

#[tokio::test]
async fn it_reads_its_window_and_no_more() {
    let stage = stage().await;
    stage.put("R1", &json!({}));
    stage.poll().await.unwrap();
    stage.clock.advance(72 * HOUR);
    stage.put("R2", &json!({}));
    stage.poll().await.unwrap();
    stage.world.shop.lock().unwrap().asked.clear();
    assert_eq!(reconcile(&stage).await.unwrap().records, 1);
    let asked = stage.world.shop.lock().unwrap().asked.clone();
    assert_eq!(asked, ["http://shop.test/api/orders?since=2026-03-02T11%3A59%3A55Z&page=1"]);
}

/// Neither waits for the other's lease, and an unfinished run is gone on with where it was.
#[tokio::test]
async fn a_run_that_was_cut_off_is_gone_on_with() {
    let stage = stage().await;
    for number in 1..=6 {
        stage.put(&format!("R{number}"), &json!({}));
        stage.clock.advance(HOUR);
    }
    stage.poll().await.unwrap();
    stage.clock.advance(HOUR);
    let begun = stage.clock.now();
    let failing = |stage: &Stage| {
        let mut shop = stage.world.shop.lock().unwrap();
        shop.asked.clear();
        shop.page_size = 2;
    };
    failing(&stage);
    {
        let owner = LeaseOwner("another".to_owned());
        let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, owner).by(Way::Reconcile);
        let two_pages = async {
            while stage.world.shop.lock().unwrap().asked.len() < 3 {
                tokio::task::yield_now().await;
            }
        };
        let report = poller.poll_until(&stage.orders(), two_pages).await.unwrap();
        assert!(report.cut_off);
        assert!(!stage.poll().await.unwrap().busy);
    }
    failing(&stage);
    assert!(!reconcile(&stage).await.unwrap().cut_off);
    let first = stage.world.shop.lock().unwrap().asked[0].clone();
    let window = begun.checked_sub(48 * HOUR).unwrap().to_string();
    assert!(!first.contains(&window[..13]), "it goes on, and does not begin anew: {first}");
    failing(&stage);
    reconcile(&stage).await.unwrap();
    let first = stage.world.shop.lock().unwrap().asked[0].clone();
    assert!(first.contains("since=2026-02-27T18"), "the next begins with its window: {first}");
}

#[tokio::test]
async fn a_collection_without_it_says_so() {
    let stage = Stage::new().await;
    let error = reconcile(&stage).await.unwrap_err();
    assert_eq!(error.to_string(), "shop/orders is not reconciled: the hub file has no `reconcile` for it");
}
