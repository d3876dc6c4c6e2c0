use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossdock_core::{
    event::EventName,
    fault::Faults,
    id::ObjectKey,
    poll::{PollError, Poller},
    port::{Clock, Collections, Home, HttpError, LeaseOwner, Outbox, SourceResponse, VersionStore, whole},
};
use serde_json::{Value, json};

use crate::stage::{HUB, Stage, ok_page};

fn html(status: u16) -> Result<SourceResponse, HttpError> {
    Ok(SourceResponse {
        status,
        headers: vec![("content-type".to_owned(), "text/html".to_owned())],
        body: b"<h1>Oops</h1>".to_vec(),
    })
}

/// Old orders, then a first poll a minute later.
async fn with_baseline() -> Stage {
    let stage = Stage::new().await;
    for number in 1..=5 {
        stage.put(&format!("R{number}"), &json!({"state": "open", "total": "10.00"}));
        stage.clock.advance(Duration::from_secs(1));
    }
    stage.clock.advance(Duration::from_secs(60));
    let report = stage.poll().await.unwrap();
    assert_eq!(report.baseline, Some(5));
    stage
}

#[tokio::test]
async fn old_objects_are_a_silent_baseline() {
    let stage = with_baseline().await;
    stage.settle().await;
    assert_eq!(stage.arrived(), [""; 0]);
    let events = stage.world.events.lock().unwrap();
    assert!(
        events.iter().any(|event| event.reason.as_deref() == Some("baseline: 5 orders stored, nothing emitted")),
        "{events:?}"
    );
}

#[tokio::test]
async fn new_changed_and_derived() {
    let stage = with_baseline().await;
    stage.put("R6", &json!({"state": "open", "total": "99.90"}));
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:new"]);

    stage.put("R6", &json!({"total": "89.90"}));
    stage.settle().await;
    let seen = stage.seen();
    assert_eq!(seen[1].message(), "order:updated");
    assert_eq!(seen[1].body["changes"], json!([{"path": "/total", "old": "99.90", "new": "89.90"}]));
    assert_eq!(seen[1].body["previous"]["total"], "99.90");
    assert_eq!(seen[1].body["object"]["version"], 2);
    assert_eq!(seen[1].body["object"]["parent"], 1);
    assert_eq!(seen[1].body["keys"]["total"].to_string(), "89.90", "a number, and every digit of it");

    stage.put("R1", &json!({"state": "canceled"}));
    stage.settle().await;
    assert_eq!(stage.arrived()[2..], ["order:canceled"], "in place of order:updated");

    // Nothing but the volatile time changes: nothing happens.
    stage.put("R1", &json!({}));
    stage.settle().await;
    assert_eq!(stage.arrived().len(), 3);
}

#[tokio::test]
async fn children_have_a_life_of_their_own() {
    let stage = with_baseline().await;
    stage.put("R2", &json!({"payments": [{"id": 1, "state": "pending"}]}));
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:updated", "payment:new"]);
    let payment = &stage.seen()[1].body;
    assert_eq!(payment["object"]["id"], "R2/1");
    assert_eq!(payment["payload"]["payment"]["actual"]["state"], "pending");
    assert_eq!(payment["payload"]["order"]["actual"]["number"], "R2");
    assert_eq!(payment["trace_id"], stage.seen()[0].body["trace_id"], "one change, one trace");

    stage.put("R2", &json!({"payments": [{"id": 1, "state": "paid"}]}));
    stage.settle().await;
    assert_eq!(stage.arrived()[2..], ["order:updated", "payment:updated"]);
}

#[tokio::test]
async fn many_rows_of_one_time_and_many_pages() {
    let stage = with_baseline().await;
    for number in 100..130 {
        stage.put(&format!("R{number}"), &json!({"state": "open"}));
    }
    stage.settle().await;
    let mut arrived: Vec<String> =
        stage.seen().iter().map(|seen| seen.body["object"]["id"].as_str().unwrap().to_owned()).collect();
    arrived.sort();
    assert_eq!(arrived, (100..130).map(|number| format!("R{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_failing_source_is_told_of_once_and_so_is_its_recovery() {
    let stage = with_baseline().await;
    stage.world.shop.lock().unwrap().instead = (0..5).map(|_| html(500)).collect();
    for _ in 0..5 {
        stage.poll().await.unwrap_err();
    }
    // The sixth poll is good again.
    stage.settle().await;
    assert_eq!(stage.arrived(), ["notification:error", "notification:info"]);
    let error = &stage.seen()[0].body["payload"]["notification"];
    assert_eq!(error["description"], "the source answered 500");
    assert_eq!(error["collection"], "orders");

    // A second streak is another fact.
    stage.world.shop.lock().unwrap().instead = (0..3).map(|_| html(200)).collect();
    for _ in 0..3 {
        stage.poll().await.unwrap_err();
    }
    stage.settle().await;
    assert_eq!(stage.arrived()[2..], ["notification:error", "notification:info"]);
    let ids: BTreeSet<String> = stage.seen().into_iter().map(|seen| seen.webhook_id).collect();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_failing_poll_leaves_what_it_did_not_read_for_the_next() {
    let stage = with_baseline().await;
    for number in 6..12 {
        stage.put(&format!("R{number}"), &json!({}));
        stage.clock.advance(Duration::from_secs(1));
    }
    // One good page, then trouble.
    let page = json!({"orders": [stage.world.shop.lock().unwrap().orders["R6"].clone()], "pages": 6});
    stage.world.shop.lock().unwrap().instead = [Ok(ok_page(&page)), Err(HttpError::Broken("reset".to_owned()))].into();
    stage.poll().await.unwrap_err();
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:new"; 6]);
}

#[tokio::test]
async fn a_bad_record_is_set_aside_and_the_page_goes_on() {
    let stage = with_baseline().await;
    let now = stage.clock.now().to_string();
    let good = json!({"number": "R7", "created_at": now, "updated_at": now});
    let page = json!({"orders": [{"total": 1}, 7, good, {"number": "R8", "created_at": "soon"}], "pages": 1});
    stage.world.shop.lock().unwrap().instead = [Ok(ok_page(&page))].into();
    let report = stage.poll().await.unwrap();
    let reasons: Vec<String> = report.set_aside.iter().map(ToString::to_string).collect();
    assert_eq!(
        reasons,
        [
            "page 1 item 0: no id: nothing at \"number\"",
            "page 1 item 1: found a number, expected an object",
            "page 1 item 3: found \"soon\" at \"created_at\", expected an RFC 3339 time",
        ]
    );
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:new"]);
}

/// It would stop its collection for ever: the bookmark cannot pass what is not stored.
#[tokio::test]
async fn an_object_that_no_store_takes_is_set_aside_and_the_page_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::without_room(&folder.path().join("hub.db")).await;
    stage.poll().await.unwrap();
    stage.clock.advance(Duration::from_secs(60));
    stage.put("R1", &json!({"note": "huge", "payments": [{"id": 1}]}));
    stage.put("R2", &json!({"payments": [{"id": 1}, {"id": 2, "note": "huge"}]}));
    stage.put("R3", &json!({}));
    let report = stage.poll().await.unwrap();
    // Pages are read more than once. R2 holds its payment, so that it is too large itself.
    let reasons: BTreeSet<&str> = report.set_aside.iter().map(|aside| aside.reason.as_str()).collect();
    let why = "cannot be stored: more than the store's file takes: string or blob too big";
    let expected = [format!("shop/orders/R1 {why}"), format!("shop/orders/R2 {why}")];
    assert_eq!(reasons, expected.iter().map(String::as_str).collect());
    assert_eq!(report.set_aside[0].at, "page 1 item 0");
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:new"]);
    let told =
        stage.world.events.lock().unwrap().iter().filter(|event| event.event == EventName::RecordSetAside).count();
    assert!(told >= 2, "{told}");

    // Once it is small enough, it is an order like any other.
    stage.clock.advance(Duration::from_secs(60));
    stage.put("R1", &json!({"note": "small"}));
    assert!(stage.poll().await.unwrap().set_aside.iter().all(|aside| !aside.reason.contains("R1")));
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:new", "order:new", "payment:new"]);
}

/// A wrong `id` in the hub file, most likely. An empty baseline would make news of the whole list once it is mended.
#[tokio::test]
async fn a_poll_that_can_read_no_record_has_failed() {
    let stage = Stage::new().await;
    let created = (stage.clock.now() - Duration::from_secs(3600)).to_string();
    let page = |id: &str| {
        let orders: Vec<Value> = (1..4).map(|n| json!({id: format!("R{n}"), "created_at": created})).collect();
        Ok(ok_page(&json!({"orders": orders, "pages": 1})))
    };
    stage.world.shop.lock().unwrap().instead = (0..3).map(|_| page("nr")).collect();
    for _ in 0..3 {
        assert_eq!(
            stage.poll().await.unwrap_err().to_string(),
            "no record could be read: all 3 were set aside, the first: page 1 item 0: no id: nothing at \"number\""
        );
    }
    stage.world.shop.lock().unwrap().instead = [page("number")].into();
    let report = stage.poll().await.unwrap();
    assert_eq!((report.baseline, report.stored), (Some(3), 3), "{report:?}");
    stage.settle().await;
    assert_eq!(stage.arrived(), ["notification:error", "notification:info"]);
}

/// A quiet night in which one order is broken.
#[tokio::test]
async fn one_bad_record_alone_is_no_failing_source() {
    let stage = with_baseline().await;
    let page = |orders: Value| Ok(ok_page(&json!({"orders": orders, "pages": 1})));
    stage.world.shop.lock().unwrap().instead = [page(json!([{"nr": "R7"}])), page(json!([{"nr": "R7"}, {}]))].into();
    let report = stage.poll().await.unwrap();
    assert_eq!((report.set_aside.len(), report.stored), (1, 0), "{report:?}");
    let two = stage.poll().await.unwrap_err().to_string();
    assert!(two.starts_with("no record could be read: all 2 were set aside"), "{two}");
}

#[tokio::test]
async fn polls_of_one_collection_never_overlap() {
    use crossdock_core::port::{Clock, Collections, Home, LeaseOwner};
    let stage = with_baseline().await;
    let now = stage.clock.now();
    let until = now.checked_add(Duration::from_secs(60)).unwrap();
    let other = LeaseOwner("other".to_owned());
    stage.home.store().lease(&stage.orders(), &other, now, until).await.unwrap().unwrap();
    assert!(stage.poll().await.unwrap().busy);
    stage.clock.advance(Duration::from_secs(61));
    assert!(!stage.poll().await.unwrap().busy, "a lease runs out");
}

#[tokio::test]
async fn an_unchanged_page_writes_nothing() {
    let stage = with_baseline().await;
    let report = stage.poll().await.unwrap();
    assert_eq!((report.stored, report.emitted), (0, 0));
    assert!(report.records > 0, "the overlap was read again");
}

#[tokio::test]
async fn a_preview_stores_nothing() {
    use crossdock_core::{
        poll::Poller,
        port::{Home, LeaseOwner},
    };
    let stage = with_baseline().await;
    stage.put("R9", &json!({"state": "open"}));
    let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, LeaseOwner("looking".to_owned()));
    let preview = poller.preview(&stage.orders()).await.unwrap();
    let planned: Vec<String> = preview
        .items
        .iter()
        .flat_map(|item| &item.commit.messages)
        .map(|record| record.message.message.to_string())
        .collect();
    assert_eq!(planned, ["order:new"]);
    let key = ObjectKey { collection: stage.orders(), id: "R9".to_owned() };
    assert_eq!(stage.home.store().heads(std::slice::from_ref(&key)).await.and_then(whole).unwrap(), [None]);
    assert_eq!(stage.home.store().messages_of(&key).await.and_then(whole).unwrap(), []);
}

#[tokio::test]
async fn a_source_without_creation_times_has_its_first_run_as_baseline() {
    let stage = Stage::with_hub(&HUB.replace("        created: created_at\n", "")).await;
    stage.put("R1", &json!({}));
    stage.settle().await;
    stage.put("R2", &json!({}));
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:new"]);
    assert_eq!(stage.seen()[0].body["object"]["id"], "R2");
}

#[tokio::test]
async fn everything_is_news_where_the_hub_says_so() {
    let stage = Stage::with_hub(&HUB.replace("every: 1s", "every: 1s\n        start: all")).await;
    stage.put("R1", &json!({"created_at": "2020-01-01T00:00:00Z"}));
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:new"]);
}

#[tokio::test]
async fn half_a_character_spoils_one_record_only() {
    let stage = with_baseline().await;
    let now = stage.clock.now().to_string();
    let body = format!(
        r#"{{"pages": 1, "orders": [
            {{"number": "R7", "note": "cut \ud83d", "updated_at": "{now}", "created_at": "{now}"}},
            {{"number": "R8", "updated_at": "{now}", "created_at": "{now}"}}
        ]}}"#
    );
    let page = SourceResponse { status: 200, headers: Vec::new(), body: body.into_bytes() };
    stage.world.shop.lock().unwrap().instead = [Ok(page)].into();
    let report = stage.poll().await.unwrap();
    assert_eq!(report.set_aside.len(), 1);
    assert!(report.set_aside[0].to_string().starts_with("page 1 item 0: not readable: "), "{:?}", report.set_aside);
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:new"]);
}

#[tokio::test]
async fn a_page_of_bad_records_is_not_the_end_of_the_list() {
    let stage = with_baseline().await;
    let now = stage.clock.now().to_string();
    let page = |orders: &str| {
        let body = format!(r#"{{"pages": 2, "orders": [{orders}]}}"#);
        Ok(SourceResponse { status: 200, headers: Vec::new(), body: body.into_bytes() })
    };
    for bad in [r#"{"number": "R7", "note": "cut \ud83d"}"#, r#"{"note": "no number"}"#, "7"] {
        let good = format!(r#"{{"number": "R8", "updated_at": "{now}", "created_at": "{now}", "bad": {}}}"#, bad.len());
        stage.world.shop.lock().unwrap().instead = [page(bad), page(&good)].into();
        let report = stage.poll().await.unwrap();
        assert_eq!((report.set_aside.len(), report.stored), (1, 1), "{bad}: {report:?}");
        stage.world.shop.lock().unwrap().instead.clear();
    }
}

#[tokio::test]
async fn a_row_from_the_future_does_not_hide_what_changes_until_then() {
    for hours in [1, 10, 70 * 365 * 24] {
        let ahead = Duration::from_secs(hours * 3600);
        let stage = with_baseline().await;
        stage.put("R9", &json!({"state": "open"}));
        let dated = stage.clock.now().checked_add(ahead).unwrap().to_string();
        stage.world.shop.lock().unwrap().orders.get_mut("R9").unwrap()["updated_at"] = json!(dated);
        stage.settle().await;
        assert_eq!(stage.arrived(), ["order:new"], "{dated}");
        stage.put("R1", &json!({"state": "paid"}));
        stage.settle().await;
        assert_eq!(stage.arrived(), ["order:new", "order:updated"], "{dated}");
    }
}

/// Its answers' `Date` says that the source's clock is ahead, and that is no reason to read what is old again.
#[tokio::test]
async fn a_source_whose_clock_is_ahead_is_read_by_its_own() {
    let stage = with_baseline().await;
    let ahead = stage.clock.now().checked_add(Duration::from_secs(7200)).unwrap();
    let page = json!({"orders": [{"number": "R7", "created_at": ahead, "updated_at": ahead}], "pages": 1});
    let date = format!("{}", ahead.strftime("%a, %d %b %Y %H:%M:%S GMT"));
    let mut answer = ok_page(&page);
    answer.headers.push(("date".to_owned(), date));
    stage.world.shop.lock().unwrap().instead = [Ok(answer)].into();
    stage.poll().await.unwrap();
    let state = stage.home.store().state(&stage.orders()).await.unwrap().unwrap();
    assert_eq!(state.bookmark, Some(ahead.to_string()));
}

/// Every answer brings a row that was not there when the poll began.
#[tokio::test]
async fn a_poll_of_a_source_that_never_rests_comes_to_an_end() {
    let stage = with_baseline().await;
    let now = stage.clock.now();
    let at = |second: u64| now.checked_add(Duration::from_secs(second)).unwrap();
    let row =
        |second: u64| json!({"number": format!("R{}", 7 + second), "created_at": at(second), "updated_at": at(second)});
    let page = |second: u64| {
        let mut answer = ok_page(&json!({"orders": [row(second), row(second + 1)], "pages": 2}));
        answer.headers.push(("date".to_owned(), at(second + 1).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
        Ok(answer)
    };
    stage.world.shop.lock().unwrap().instead = (0..50).map(page).collect();
    let report = stage.poll().await.unwrap();
    assert_eq!((report.pages, report.emitted), (2, 3));
    let state = stage.home.store().state(&stage.orders()).await.unwrap().unwrap();
    assert_eq!(state.bookmark, Some(at(2).to_string()), "the next poll goes on from there");
}

#[tokio::test]
async fn the_lease_lasts_through_all_that_one_page_may_take() {
    let mut stage = Stage::with_hub(&HUB.replace("push:", "follow_redirects: true\n    push:")).await;
    stage.put("R1", &json!({}));
    for hop in 1..=5 {
        let headers = vec![("location".to_owned(), format!("/api/orders?page=1&hop={hop}"))];
        let redirect = SourceResponse { status: 302, headers, body: Vec::new() };
        stage.world.shop.lock().unwrap().instead.push_back(Ok(redirect));
    }
    // Each answer takes as long as it may, and then somebody else would like to poll.
    let (key, clock, home) = (stage.orders(), stage.clock.clone(), stage.home.clone());
    let (timeout, refused) = (stage.hub.limits.timeout, Arc::new(AtomicUsize::new(0)));
    let counting = refused.clone();
    let slowly = move |_| {
        let (key, clock, home, refused) = (key.clone(), clock.clone(), home.clone(), counting.clone());
        Box::pin(async move {
            clock.advance(timeout);
            let now = clock.now();
            let taken = home.store().lease(&key, &LeaseOwner("other".to_owned()), now, now).await.unwrap();
            refused.fetch_add(usize::from(taken.is_none()), Ordering::Relaxed);
        }) as futures_util::future::BoxFuture<'static, ()>
    };
    stage.restart(Faults::planned("delay:0@after:source.fetch#every:1".parse().unwrap(), Arc::new(slowly)));
    assert_eq!(stage.poll().await.unwrap().records, 1);
    assert_eq!(refused.load(Ordering::Relaxed), 6);
}

#[tokio::test]
async fn a_404_behind_the_first_page_ends_a_list_and_a_500_is_told_with_its_page() {
    let hub = HUB.replace(", total: pages", "").replace("        since: {param: since, field: updated_at}\n", "");
    let stage = Stage::with_hub(&hub).await;
    let order = |number: &str| json!({"number": number, "created_at": "2020-01-01T00:00:00Z"});
    let page = |number: &str| Ok(ok_page(&json!({"orders": [order(number)]})));
    let absent = SourceResponse { status: 404, headers: Vec::new(), body: b"{\"detail\":\"Invalid page.\"}".to_vec() };

    stage.world.shop.lock().unwrap().instead = [page("R1"), page("R2"), html(404)].into();
    let error = stage.poll().await.unwrap_err();
    assert_eq!(error.to_string(), "page 3: the source answered 404; pages 1 to 2 were read");
    stage.world.shop.lock().unwrap().instead = [page("R1"), html(500)].into();
    let error = stage.poll().await.unwrap_err();
    assert_eq!(error.to_string(), "page 2: the source answered 500; page 1 was read");
    stage.world.shop.lock().unwrap().instead = [page("R1"), page("R2"), Ok(absent)].into();
    assert_eq!(stage.poll().await.unwrap().baseline, Some(2));
}

/// Until the shop has been asked so often from now on. A poll may come far before it waits for anything: what it was
/// asked before that counts too.
fn asked(stage: &Stage, times: usize) -> impl Future<Output = ()> + Send {
    let before = stage.world.shop.lock().unwrap().asked.len();
    std::future::poll_fn(move |context| {
        context.waker().wake_by_ref();
        let asked = stage.world.shop.lock().unwrap().asked.len();
        if asked >= before + times { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
}

/// A function has to end before its time is up, whatever page it is at.
#[tokio::test]
async fn a_poll_that_is_cut_off_loses_nothing_and_the_next_one_goes_on() {
    for pages in 1..=8 {
        let stage = with_baseline().await;
        for number in 10..20 {
            stage.put(&format!("R{number}"), &json!({"state": "open"}));
            stage.clock.advance(Duration::from_secs(1));
        }
        let before = stage.home.store().state(&stage.orders()).await.unwrap().unwrap();
        let owner = |name: &str| LeaseOwner(name.to_owned());
        let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, owner("one"));
        let report = poller.poll_until(&stage.orders(), asked(&stage, pages)).await.unwrap();
        if pages < 5 {
            assert!(report.cut_off, "at page {pages}: {report:?}");
            assert!(report.stored < 10, "{report:?}");
        }
        let after = stage.home.store().state(&stage.orders()).await.unwrap().unwrap();
        assert!(after.bookmark >= before.bookmark, "{after:?}");
        let unmoved = u64::from(report.cut_off && after.bookmark == before.bookmark);
        assert_eq!((after.failures, after.streak), (unmoved, unmoved), "at page {pages}");

        // Another owner need not wait for the lease to run out.
        let next = Poller::new(&*stage.home, &stage.hub, &stage.router, owner("two"));
        let report = next.poll(&stage.orders()).await.unwrap();
        assert!(!report.busy && !report.cut_off, "{report:?}");
        stage.settle().await;
        let mut arrived: Vec<String> =
            stage.seen().iter().map(|seen| seen.body["object"]["id"].as_str().unwrap().to_owned()).collect();
        arrived.sort();
        assert_eq!(arrived, (10..20).map(|number| format!("R{number}")).collect::<Vec<_>>(), "cut at page {pages}");
    }
}

/// Cut off before the baseline is whole: what is old stays old.
#[tokio::test]
async fn a_baseline_that_is_cut_off_goes_on_in_silence() {
    let stage = Stage::new().await;
    for number in 1..=9 {
        stage.put(&format!("R{number}"), &json!({}));
        stage.clock.advance(Duration::from_secs(1));
    }
    stage.clock.advance(Duration::from_secs(60));
    let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, LeaseOwner("one".to_owned()));
    let cut = poller.poll_until(&stage.orders(), asked(&stage, 3)).await.unwrap();
    assert!(cut.cut_off && cut.baseline.is_none(), "{cut:?}");
    let whole = stage.poll().await.unwrap();
    assert_eq!(whole.baseline, Some(9), "each object once");
    stage.settle().await;
    assert_eq!(stage.arrived(), [""; 0]);
}

/// Where each poll is cut off before the bookmark moves, nobody would ever hear of the collection again.
#[tokio::test]
async fn a_collection_that_is_never_read_through_is_told_of_once() {
    let stage = with_baseline().await;
    stage.settle().await;
    stage.clock.advance(Duration::from_secs(60));
    for number in 6..=9 {
        stage.put(&format!("R{number}"), &json!({}));
        stage.clock.advance(Duration::from_secs(1));
    }
    let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, LeaseOwner("one".to_owned()));
    for _ in 0..4 {
        // Before the first page has come.
        let cut = poller.poll_until(&stage.orders(), std::future::ready(())).await.unwrap();
        assert!(cut.cut_off && cut.stored == 0, "{cut:?}");
    }
    let failures = |stage: &Stage| -> Vec<Option<u64>> {
        let events = stage.world.events.lock().unwrap();
        events.iter().filter(|event| event.event == EventName::SourceFailed).map(|event| event.count).collect()
    };
    assert_eq!(failures(&stage), [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(stage.emitted(), ["notification:error"]);

    // One that gets on is one that reads, though it is cut off too.
    let cut = poller.poll_until(&stage.orders(), asked(&stage, 7)).await.unwrap();
    assert!(cut.cut_off && cut.stored > 0, "{cut:?}");
    assert_eq!(stage.home.store().state(&stage.orders()).await.unwrap().unwrap().failures, 0);
    stage.settle().await;
    let arrived = stage.seen();
    let told: Vec<&Value> = arrived.iter().filter_map(|seen| seen.body["payload"].get("notification")).collect();
    assert_eq!(told.len(), 2);
    assert_eq!((&told[0]["level"], &told[1]["level"]), (&json!("error"), &json!("info")));
    let description = told[0]["description"].as_str().unwrap();
    assert!(description.starts_with("its time was up before the bookmark could move"), "{description}");
}

/// Nobody is told that a source fails while it does not; and the next poll waits for no lease.
#[tokio::test]
async fn trouble_with_the_store_is_no_failure_of_the_source() {
    let mut stage = Stage::new().await;
    stage.poll().await.unwrap();
    stage.clock.advance(Duration::from_secs(60));
    stage.put("R1", &json!({}));
    let plan = || "fail@before:versions.heads#every:1".parse().unwrap();
    stage.restart(Faults::planned(plan(), Arc::new(|_| Box::pin(async {}))));
    for _ in 0..4 {
        let error = stage.poll().await.unwrap_err();
        assert!(error.is_our_own(), "{error}");
    }
    assert_eq!(stage.home.store().state(&stage.orders()).await.unwrap().unwrap().failures, 0);
    stage.restart(Faults::default());
    let other = LeaseOwner("another".to_owned());
    let report = Poller::new(&*stage.home, &stage.hub, &stage.router, other).poll(&stage.orders()).await.unwrap();
    assert_eq!((report.busy, report.stored), (false, 1));
    assert_eq!(stage.emitted(), ["order:new"]);
}

/// What is wrong with all records is wrong with the hub file, whether there was time for the rest of them or not.
#[tokio::test]
async fn a_poll_that_is_cut_off_and_read_nothing_has_failed() {
    let stage = Stage::new().await;
    let bad = |page: i32| Ok(ok_page(&json!({"orders": [{"nameless": page}, {"nameless": -page}], "pages": 9})));
    stage.world.shop.lock().unwrap().instead.extend((1..10).map(bad));
    let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, LeaseOwner("one".to_owned()));
    let error = poller.poll_until(&stage.orders(), asked(&stage, 2)).await.unwrap_err();
    assert!(matches!(error, PollError::AllSetAside { .. }), "{error}");
    assert!(!error.is_our_own());
}
