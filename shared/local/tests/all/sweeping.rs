//! What was promised to a route and never came into its queue is found, and sent again.

use std::{
    future::{pending, ready},
    sync::Arc,
    time::Duration,
};

use crossdock_core::{
    event::EventName,
    fault::Faults,
    job::Ended,
    message::MessageRecord,
    port::{Clock, Home, JobName, Jobs, LeaseOwner, Ledger, Mark, Outbox, Paused, whole},
    publish::publish_stale,
    sweep::{FROM, HELD, LOOKS, SETTLED, Swept, sweep},
};
use serde_json::json;

use crate::{
    delivering::push,
    stage::{Stage, owner},
};

const SECOND: Duration = Duration::from_secs(1);
/// Until the first look at what is stored now.
pub(crate) const ENOUGH: Duration = LOOKS[0].saturating_add(SECOND);
/// From there until the second one.
pub(crate) const MUCH_LATER: Duration = LOOKS[1].saturating_sub(LOOKS[0]);

/// The store has it, the bus said that it had it, and no queue ever saw it.
pub(crate) async fn lose(stage: &Stage, name: &str) -> MessageRecord {
    let mut message = crossdock_testkit::build::message(name);
    message.created_at = stage.home.clock().now();
    message.routes.clear();
    let record = stage.router.record(message).unwrap();
    assert_eq!(stage.home.store().put(vec![record.clone()]).await, [Ok(true)]);
    stage.home.store().published(&[record.message.message_id]).await.unwrap();
    record
}

pub(crate) async fn swept(stage: &Stage) -> (u64, u64) {
    let (swept, ended) = sweep(&*stage.home, &stage.hub, &owner(), pending()).await.unwrap();
    assert_eq!((swept.unreadable, swept.refused, ended), (0, None, Ended::Whole));
    (swept.messages, swept.missing)
}

/// So long passes while nobody is at work but for the last hour.
pub(crate) async fn skip(stage: &Stage, time: Duration) {
    stage.clock.advance(time.checked_sub(SETTLED).unwrap());
    assert_eq!(swept(stage).await, (0, 0), "the hub has only just begun to work");
    stage.clock.advance(SETTLED);
}

fn told(stage: &Stage) -> Vec<(Option<String>, Option<String>, Option<String>)> {
    let events = stage.world.events.lock().unwrap();
    let missing = events.iter().filter(|event| event.event == EventName::DeliveryMissing).cloned();
    missing.map(|event| (event.message_id, event.route, event.endpoint)).collect()
}

#[tokio::test]
async fn what_went_missing_is_delivered_after_all() {
    let stage = Stage::new().await;
    let lost = lose(&stage, "R1").await;
    stage.clock.advance(ENOUGH);
    assert_eq!(stage.dispatch_once().await, 0, "nothing is in the queue");

    assert_eq!(swept(&stage).await, (1, 1));
    let id = lost.message.message_id.to_string();
    assert_eq!(told(&stage), [(Some(id.clone()), Some("all".to_owned()), Some("books".to_owned()))]);
    stage.dispatch_once().await;
    assert_eq!(stage.seen().iter().map(|seen| seen.webhook_id.clone()).collect::<Vec<_>>(), [id]);

    // Every message is looked at twice; the ledger knows of this one now.
    assert_eq!(swept(&stage).await, (0, 0));
    skip(&stage, MUCH_LATER).await;
    assert_eq!(swept(&stage).await, (1, 0));
    skip(&stage, MUCH_LATER).await;
    assert_eq!(swept(&stage).await, (0, 0));
    assert_eq!(told(&stage).len(), 1);
}

/// Nothing is sent to an endpoint whose control record cannot be read; what was promised to it is looked up all the same, as
/// that of the others is.
#[tokio::test]
async fn an_endpoint_whose_record_cannot_be_read_holds_up_no_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.db");
    let stage = Stage::without_room(&file).await;
    stage
        .home
        .store()
        .set_paused(&stage.endpoint(), Some(Paused { since: stage.clock.now(), reason: "gone".to_owned() }))
        .await
        .unwrap();
    let broken = rusqlite::Connection::open(&file).unwrap();
    assert_eq!(broken.execute("UPDATE paused SET since = 9223372036854775807", []), Ok(1));
    let lost = lose(&stage, "R1").await;
    stage.clock.advance(ENOUGH);
    assert_eq!(swept(&stage).await, (1, 1));
    for _ in 0..20 {
        stage.dispatch_once().await;
        stage.clock.advance(10 * SECOND);
    }
    assert_eq!(stage.seen().len(), 0, "whether it is paused is not known");
    assert_eq!(broken.execute("DELETE FROM paused", []), Ok(1));
    stage.dispatch_once().await;
    let ids: Vec<String> = stage.seen().into_iter().map(|seen| seen.webhook_id).collect();
    assert_eq!(ids, [lost.message.message_id.to_string()], "waiting was no poison");
}

/// Its endpoint is far behind: the copies are the same delivery.
#[tokio::test]
async fn what_is_in_the_queue_already_is_sent_again_as_the_same_delivery() {
    let stage = Stage::new().await;
    let lost = lose(&stage, "R1").await;
    stage.clock.advance(ENOUGH);
    assert_eq!(swept(&stage).await, (1, 1));
    skip(&stage, MUCH_LATER).await;
    assert_eq!(swept(&stage).await, (1, 1), "both find no record of it");
    stage.dispatch_once().await;
    let id = lost.message.message_id;
    assert!(stage.seen().iter().all(|seen| seen.webhook_id == id.to_string()), "{:?}", stage.seen());
    let deliveries = stage.home.store().deliveries_of(id).await.and_then(whole).unwrap();
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    assert_eq!(stage.dispatch_once().await, 0, "nothing is left in the queue");
}

#[tokio::test]
async fn what_is_too_young_or_too_old_is_left_alone() {
    let stage = Stage::new().await;
    lose(&stage, "R1").await;
    stage.clock.advance(FROM + SECOND);
    lose(&stage, "R2").await;
    stage.clock.advance(LOOKS[0] / 2);
    assert_eq!(swept(&stage).await, (0, 0), "a first sweep does not go back for ever");
}

#[tokio::test]
async fn a_sweep_goes_on_where_the_one_before_ended_however_long_ago() {
    let stage = Stage::new().await;
    assert_eq!(swept(&stage).await, (0, 0));
    for number in 0..250 {
        lose(&stage, &format!("R{number}")).await;
        stage.clock.advance(SECOND);
    }
    skip(&stage, 10 * FROM).await;
    // Three pages, of which the store fails at the second and, later, at the third; and one run that has no time at all.
    let run = async |plan: Option<&str>, stage: &mut Stage| {
        if let Some(plan) = plan {
            stage.restart(Faults::planned(plan.parse().unwrap(), Arc::new(|_| Box::pin(async {}))));
        }
        sweep(&*stage.home, &stage.hub, &owner(), pending()).await
    };
    let mut stage = stage;
    run(Some("fail@before:outbox.stored_between#2"), &mut stage).await.unwrap_err();
    let (none, ended) = sweep(&*stage.home, &stage.hub, &owner(), ready(())).await.unwrap();
    assert_eq!((none, ended), (Swept::default(), Ended::CutOff));
    run(Some("fail@after:outbox.stored_between#2"), &mut stage).await.unwrap_err();
    stage.restart(Faults::default());
    let (rest, ended) = sweep(&*stage.home, &stage.hub, &owner(), pending()).await.unwrap();
    assert_eq!(ended, Ended::Whole);
    // The first look's third page, and all of the second look.
    assert_eq!((rest.messages, rest.missing), (50 + 250, 50 + 250));
    assert_eq!(told(&stage).len(), 500, "each was found at both looks, and at no page twice");
}

#[tokio::test]
async fn two_sweeps_do_not_run_at_once() {
    let stage = Stage::new().await;
    lose(&stage, "R1").await;
    stage.clock.advance(ENOUGH);
    let store = stage.home.store();
    let (other, now) = (LeaseOwner("other".to_owned()), stage.home.clock().now());
    store.begin(JobName::Sweep, &other, now, now + SECOND).await.unwrap();
    let busy = sweep(&*stage.home, &stage.hub, &owner(), pending()).await.unwrap();
    assert_eq!(busy, (Swept::default(), Ended::Busy));
    stage.clock.advance(SECOND);
    assert_eq!(swept(&stage).await, (1, 1), "its time has run out");
}

/// Neither one that nobody can read, nor one of a clock that was wrong, keeps the sweep from its work.
#[tokio::test]
async fn a_mark_that_makes_no_sense_is_none() {
    for mark in
        ["", "{}", "[1]", r#"[{"from": "2999-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z", "after": null}]"#]
    {
        let stage = Stage::new().await;
        lose(&stage, "R1").await;
        stage.clock.advance(ENOUGH);
        let (store, now) = (stage.home.store(), stage.home.clock().now());
        store.begin(JobName::Sweep, &owner(), now, now).await.unwrap();
        store.mark(JobName::Sweep, &owner(), now, &Mark(Some(mark.to_owned()))).await.unwrap();
        assert_eq!(swept(&stage).await, (1, 1), "{mark}");
    }
}

#[tokio::test]
async fn a_failing_delivery_is_not_missing() {
    let stage = Stage::new().await;
    stage.poll().await.unwrap();
    stage.clock.advance(Duration::from_secs(1));
    stage.put("R1", &json!({}));
    stage.answers([crate::stage::answer(500, &json!({}))]);
    stage.poll().await.unwrap();
    assert_eq!(stage.dispatch_once().await, 1);
    stage.clock.advance(ENOUGH);
    assert_eq!(swept(&stage).await, (1, 0));
}

#[tokio::test]
async fn nobody_waits_at_a_route_that_is_gone_or_disabled() {
    for change in [("- {name: all,", "- {name: other,"), ("path: /all}", "path: /all, enabled: false}")] {
        let stage = Stage::new().await;
        lose(&stage, "R1").await;
        stage.clock.advance(ENOUGH);
        let text = crate::stage::HUB.replace(change.0, change.1);
        let hub = crossdock_core::hub::load("hub.yaml", &text, &|_| None).unwrap().hub;
        let (swept, _) = sweep(&*stage.home, &hub, &owner(), pending()).await.unwrap();
        assert_eq!(swept, Swept { messages: 1, ..Swept::default() }, "{change:?}");
    }
}

/// Many pages, of which one message each is missing, and a queue that refuses one of them: the others go.
#[tokio::test]
async fn one_that_cannot_be_sent_harms_no_other() {
    let mut stage = Stage::new().await;
    for number in 0..250 {
        lose(&stage, &format!("R{number}")).await;
    }
    stage.clock.advance(ENOUGH);
    let plan = "fail@before:queues.send#3".parse().unwrap();
    stage.restart(Faults::planned(plan, Arc::new(|_| Box::pin(async {}))));
    let (first, _) = sweep(&*stage.home, &stage.hub, &owner(), pending()).await.unwrap();
    assert_eq!((first.messages, first.missing), (250, 249));
    assert!(first.refused.is_some(), "and this is told");
    // The next one comes by again: all that was sent is in the queue still, and sent once more.
    stage.restart(Faults::default());
    assert_eq!(swept(&stage).await, (250, 250));
    assert_eq!(swept(&stage).await, (0, 0));
}

#[tokio::test]
async fn what_cannot_be_sent_does_not_hold_the_mark_for_ever() {
    let mut stage = Stage::new().await;
    lose(&stage, "R1").await;
    stage.clock.advance(ENOUGH);
    let plan = "fail@before:queues.send#every:1".parse().unwrap();
    stage.restart(Faults::planned(plan, Arc::new(|_| Box::pin(async {}))));
    let refused = async || {
        let (swept, _) = sweep(&*stage.home, &stage.hub, &owner(), pending()).await.unwrap();
        (swept.messages, swept.missing, swept.refused.is_some())
    };
    assert_eq!(refused().await, (1, 0, true));
    assert_eq!(refused().await, (1, 0, true));
    skip(&stage, HELD).await;
    assert_eq!(
        refused().await,
        (2, 0, true),
        "for the last time at the first look, and for the first time at the second"
    );
    assert_eq!(refused().await, (1, 0, true));
    skip(&stage, HELD).await;
    assert_eq!(refused().await, (1, 0, true));
    assert_eq!(refused().await, (0, 0, false));
}

/// What a hub had in its queues, and for the bus, when it was switched off or ended is not missing: it is delivered once it is
/// at work again.
#[tokio::test]
async fn what_waited_while_the_hub_stood_still_is_not_sent_again() {
    let mut stage = Stage::new().await;
    assert_eq!(swept(&stage).await, (0, 0));
    stage.restart(Faults::planned("fail@before:bus.publish#2".parse().unwrap(), Arc::new(|_| Box::pin(async {}))));
    let in_queue = push(&stage, "order:ping").await;
    let pending = push(&stage, "order:pong").await;
    stage.restart(Faults::default());
    stage.clock.advance(30 * ENOUGH);

    assert_eq!(swept(&stage).await, (0, 0), "it waits");
    publish_stale(&*stage.home, &stage.router, &owner(), std::future::pending()).await.unwrap();
    assert_eq!(stage.dispatch_once().await, 2);
    stage.clock.advance(SETTLED);
    assert_eq!(swept(&stage).await, (2, 0));
    let mut ids: Vec<String> = stage.seen().into_iter().map(|seen| seen.webhook_id).collect();
    ids.sort();
    let mut expected = [in_queue, pending].map(|id| id.to_string());
    expected.sort();
    assert_eq!(ids, expected);
    assert!(told(&stage).is_empty());
}

/// Each receive of what waits for it is in the ledger.
#[tokio::test]
async fn what_waits_for_an_endpoint_that_is_paused_is_not_missing() {
    let stage = Stage::new().await;
    let paused = Paused { since: stage.clock.now(), reason: "gone".to_owned() };
    stage.home.store().set_paused(&stage.endpoint(), Some(paused)).await.unwrap();
    push(&stage, "order:ping").await;
    stage.dispatch_once().await;
    stage.clock.advance(ENOUGH);
    assert_eq!(swept(&stage).await, (1, 0));
    skip(&stage, MUCH_LATER).await;
    assert_eq!(swept(&stage).await, (1, 0));
    assert_eq!(stage.seen().len(), 0);
}

/// As a version before this one left it: the looks alone.
#[tokio::test]
async fn a_mark_of_an_older_version_is_gone_on_with() {
    let stage = Stage::new().await;
    lose(&stage, "R1").await;
    stage.clock.advance(ENOUGH);
    let (store, now) = (stage.home.store(), stage.clock.now());
    let looked = now.checked_sub(SECOND).unwrap();
    let mark = json!([
        {"from": looked, "until": looked, "after": null}, {"from": looked, "until": looked, "after": null},
    ]);
    store.begin(JobName::Sweep, &owner(), now, now).await.unwrap();
    store.mark(JobName::Sweep, &owner(), now, &Mark(Some(mark.to_string()))).await.unwrap();
    assert_eq!(swept(&stage).await, (0, 0), "both looks have gone by it");
    lose(&stage, "R2").await;
    stage.clock.advance(ENOUGH);
    assert_eq!(swept(&stage).await, (1, 1));
}
