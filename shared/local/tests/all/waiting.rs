//! Endpoints that accept something and need more time for it, with the clock in hand: nothing comes early, nothing is
//! forgotten whatever fails, and nothing goes on for ever.

use std::{future::pending, sync::Arc, time::Duration};

use crossdock_core::{
    Timestamp,
    dispatch::MOST_POLLS,
    fault::{FaultPlan, Faults},
    hub::Hub,
    id::{MessageId, RouteName},
    port::{Clock, Delivery, DeliveryState, Home, Ledger, Outbox, Timers, VersionStore, whole},
    redrive,
    route::Router,
    sweep::sweep,
    timer,
};
use crossdock_testkit::suite;
use serde_json::{Value, json};

use crate::{
    delivering::push,
    stage::{HUB, Seen, Stage, answer, owner},
};

const MINUTE: Duration = Duration::from_secs(60);

fn route() -> RouteName {
    "all".parse().unwrap()
}

async fn poll_id(stage: &Stage, of: MessageId, round: u32, poll: u32) -> MessageId {
    let epoch = stage.home.store().epoch().await.unwrap();
    MessageId::of_remote_poll(epoch, of, &route(), round, poll)
}

async fn rounds(stage: &Stage, id: MessageId) -> Vec<Delivery> {
    let mut deliveries = stage.home.store().deliveries_of(id).await.and_then(whole).unwrap();
    deliveries.sort_by_key(|delivery| delivery.key.round);
    deliveries
}

async fn states(stage: &Stage, id: MessageId) -> Vec<DeliveryState> {
    rounds(stage, id).await.iter().map(|one| one.state).collect()
}

/// What a job does each second, and then the dispatcher.
async fn tick(stage: &Stage) -> usize {
    timer::fire(&*stage.home, &stage.hub).await.unwrap();
    stage.dispatch_once().await
}

/// Nothing waits any more.
async fn no_timers(stage: &Stage) {
    let left = stage.home.store().take(Timestamp::MAX, stage.clock.now(), stage.clock.now(), 10).await;
    assert_eq!(left, Ok(Vec::new()));
}

#[tokio::test]
async fn a_delay_alone_is_another_round_at_its_time() {
    for (delay, seconds) in [(json!(1), 1), (json!("15m"), 900), (json!("7d"), 7 * 24 * 3600)] {
        let stage = Stage::new().await;
        stage.answers([answer(200, &json!({"delay": delay}))]);
        let id = push(&stage, "order:ping").await;
        stage.dispatch_once().await;
        let known = rounds(&stage, id).await;
        assert_eq!(states(&stage, id).await, [DeliveryState::Delivered, DeliveryState::Waiting]);
        let due = known[1].next_attempt_at.unwrap();
        assert_eq!(due, stage.clock.now().checked_add(Duration::from_secs(seconds)).unwrap());

        for before in [seconds * 1000, 1000, 1].map(Duration::from_millis) {
            let target = due.checked_sub(before).unwrap();
            let pass = Duration::try_from(target.duration_since(stage.clock.now())).unwrap_or_default();
            stage.clock.advance(pass);
            // The hourly look at what was promised must not hasten it either.
            sweep(&*stage.home, &stage.hub, &owner(), pending()).await.unwrap();
            assert_eq!(tick(&stage).await, 0, "{delay}: {before:?} early");
        }
        stage.clock.advance(Duration::from_millis(1));
        assert_eq!(tick(&stage).await, 1, "{delay}");
        assert_eq!(states(&stage, id).await, [DeliveryState::Delivered; 2]);
        let ids: Vec<String> = stage.seen().into_iter().map(|seen| seen.webhook_id).collect();
        assert_eq!(ids, [id.to_string(), format!("{id}.2")]);
        let bodies: Vec<Value> = stage.seen().into_iter().map(|seen| seen.body).collect();
        assert_eq!(bodies[0], bodies[1], "the same message");
        no_timers(&stage).await;
    }
}

#[tokio::test]
async fn an_update_url_is_asked_until_it_is_finished() {
    let stage = Stage::new().await;
    stage.answers([
        answer(202, &json!({"delay": 10, "update_url": "/jobs/7"})),
        answer(200, &json!({"delay": 20})),
        answer(503, &Value::Null),
        answer(200, &json!({"delay": 5, "update_url": "jobs/8?x=1"})),
        answer(200, &json!({"messages": [{"message": "order:booked"}], "parameters": {"account": 1}})),
    ]);
    let id = push(&stage, "order:ping").await;
    stage.dispatch_once().await;
    assert_eq!(states(&stage, id).await, [DeliveryState::Delivered]);
    let first = poll_id(&stage, id, 1, 1).await;
    assert_eq!(states(&stage, first).await, [DeliveryState::Waiting]);
    stage.settle().await;

    let ids = [poll_id(&stage, id, 1, 1).await, poll_id(&stage, id, 1, 2).await, poll_id(&stage, id, 1, 3).await];
    let seen = stage.seen();
    let asked: Vec<String> = seen.iter().map(|seen| seen.webhook_id.clone()).collect();
    let expected = [id, ids[0], ids[1], ids[1], ids[2]].map(|id| id.to_string());
    assert_eq!(asked[..5], expected);
    let urls: Vec<&str> = seen.iter().map(|seen| seen.url.as_str()).collect();
    assert_eq!(
        urls[..5],
        [
            "http://books.test/in/all",
            "http://books.test/jobs/7",
            "http://books.test/jobs/7",
            "http://books.test/jobs/7",
            "http://books.test/jobs/8?x=1"
        ]
    );
    let remotes: Vec<Value> = seen[1..5].iter().map(|seen| seen.body["payload"]["remote"].clone()).collect();
    let remote = |url: &str, poll: u32| json!({"update_url": url, "poll": poll});
    assert_eq!(remotes, [remote("/jobs/7", 1), remote("/jobs/7", 2), remote("/jobs/7", 2), remote("jobs/8?x=1", 3)]);
    for poll in &seen[1..5] {
        assert_eq!((poll.message(), &poll.body["parent_id"]), ("remote:poll", &json!(id)));
        assert_eq!((&poll.body["trace_id"], &poll.body["hops"]), (&seen[0].body["trace_id"], &json!(0)));
    }
    // What it says in the end counts like a first answer, and a poll goes over no bus: the route takes every type.
    assert_eq!(seen[5].message(), "order:booked");
    assert_eq!(seen[5].body["parameters"], json!([{"name": "account", "value": 1}]));
    assert_eq!(seen.len(), 6);
    assert!(!stage.emitted().contains(&"remote:poll".to_owned()));
    assert_eq!(suite::pending(stage.home.store(), Timestamp::MAX).await, Ok(Vec::new()));
    no_timers(&stage).await;
}

#[tokio::test]
async fn elsewhere_it_is_asked_as_a_stranger() {
    let stage = Stage::new().await;
    let written = json!({"delay": 1, "update_url": "http://127.0.0.1:8080/jobs", "parameters": {"token": "hush"}});
    stage.answers([answer(200, &written)]);
    push(&stage, "order:ping").await;
    stage.settle().await;
    let seen = stage.seen();
    assert_eq!(seen[1].url, "http://127.0.0.1:8080/jobs");
    assert_eq!((seen[1].stranger, &seen[1].body["parameters"]), (true, &json!([])));
    assert!(!seen[0].stranger);
}

#[tokio::test]
async fn a_hundred_polls_are_the_last() {
    let stage = Stage::new().await;
    stage.answers((0..=MOST_POLLS).map(|_| answer(200, &json!({"delay": 1, "update_url": "/jobs/7"}))));
    let id = push(&stage, "order:ping").await;
    for _ in 0..=MOST_POLLS {
        stage.clock.advance(Duration::from_secs(1));
        tick(&stage).await;
    }
    assert_eq!(stage.seen().len(), 1 + MOST_POLLS as usize);
    let letters = stage.dead_letters().await;
    assert_eq!(letters.len(), 1);
    let last = poll_id(&stage, id, 1, MOST_POLLS).await;
    assert_eq!(letters[0].delivery.as_ref().map(|key| key.message), Some(last));
    assert_eq!(letters[0].reason, "not finished after 100 remote:poll");
    no_timers(&stage).await;

    // Sent again, it is the hundredth once more, and this time it has finished.
    redrive::redrive(&*stage.home, &stage.endpoint(), None).await.unwrap();
    stage.settle().await;
    let last_seen = stage.seen().pop().unwrap();
    assert_eq!((last_seen.webhook_id, last_seen.url.as_str()), (format!("{last}.2"), "http://books.test/jobs/7"));
    assert_eq!(states(&stage, last).await, [DeliveryState::DeadLettered, DeliveryState::Delivered]);
}

#[tokio::test]
async fn what_fails_is_dead_lettered_like_any_other_and_a_redrive_may_be_put_off() {
    let stage = Stage::new().await;
    stage.answers([answer(200, &json!({"delay": 1})), answer(422, &Value::Null)]);
    let id = push(&stage, "order:ping").await;
    stage.settle().await;
    assert_eq!(states(&stage, id).await, [DeliveryState::Delivered, DeliveryState::DeadLettered]);

    stage.answers([answer(200, &json!({"delay": "1h"}))]);
    redrive::redrive(&*stage.home, &stage.endpoint(), None).await.unwrap();
    stage.dispatch_once().await;
    assert_eq!(
        states(&stage, id).await,
        [DeliveryState::Delivered, DeliveryState::DeadLettered, DeliveryState::Delivered, DeliveryState::Waiting]
    );
    stage.clock.advance(Duration::from_secs(3600));
    tick(&stage).await;
    assert_eq!(
        states(&stage, id).await,
        [DeliveryState::Delivered, DeliveryState::DeadLettered, DeliveryState::Delivered, DeliveryState::Delivered]
    );
    assert_eq!(stage.seen().pop().unwrap().webhook_id, format!("{id}.4"));
    assert_eq!(stage.dead_letters().await, []);
}

#[tokio::test]
async fn what_no_delay_can_be_is_a_plain_delivery() {
    for delay in [json!(0), json!(-1), json!("8d"), json!("soon")] {
        let stage = Stage::new().await;
        stage.answers([answer(200, &json!({"delay": delay, "update_url": "/jobs/7"}))]);
        let id = push(&stage, "order:ping").await;
        stage.settle().await;
        assert_eq!(states(&stage, id).await, [DeliveryState::Delivered]);
        let faults = rounds(&stage, id).await.remove(0).answer.unwrap().faults;
        assert!(faults[0].starts_with(&format!("delay: found {delay}, expected seconds from 1")), "{faults:?}");
        no_timers(&stage).await;
    }
}

/// Two copies of an entry, both of which the endpoint was asked: one of the answers counts.
#[tokio::test]
async fn two_copies_wait_once() {
    let stage = Stage::new().await;
    stage.answers((0..2).map(|_| answer(200, &json!({"delay": 60}))));
    let id = push(&stage, "order:ping").await;
    let record = stage.home.store().messages(&[id]).await.unwrap().remove(0).unwrap().unwrap();
    // The bus may give one twice.
    use crossdock_core::port::Bus;
    assert_eq!(stage.home.bus().publish(&[record.message]).await, [Ok(())]);
    assert_eq!(stage.dispatch_once().await, 2);
    assert_eq!(states(&stage, id).await, [DeliveryState::Delivered, DeliveryState::Waiting]);
    stage.settle().await;
    assert_eq!(states(&stage, id).await, [DeliveryState::Delivered; 2]);
    let rounds: Vec<String> = stage.seen().into_iter().map(|seen| seen.webhook_id).skip(2).collect();
    assert_eq!(rounds, [format!("{id}.2")]);
}

/// The hub file is another one when the time comes.
#[tokio::test]
async fn the_hub_changes_while_something_waits() {
    let changed = |from: &str, to: &str| -> Arc<Hub> {
        let text = HUB.replace(from, to);
        assert_ne!(text, HUB);
        Arc::new(
            crossdock_core::hub::load("hub.yaml", &text, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub,
        )
    };
    for (what, hub) in [
        ("moved", changed("http://books.test/in", "http://moved.test/new")),
        ("draining", changed("retries: [10s, 20s]", "retries: [10s, 20s], drain: true")),
        ("route gone", changed("{name: all,", "{name: other,")),
    ] {
        let mut stage = Stage::new().await;
        stage.answers([answer(200, &json!({"delay": "1d", "update_url": "jobs/7"}))]);
        let id = push(&stage, "order:ping").await;
        stage.dispatch_once().await;
        let poll = poll_id(&stage, id, 1, 1).await;
        stage.router = Arc::new(Router::new(&hub));
        stage.hub = hub;
        stage.restart(Faults::default());
        stage.clock.advance(Duration::from_secs(24 * 3600));
        tick(&stage).await;
        match what {
            "route gone" => {
                stage.clock.advance(2 * 60 * MINUTE);
                stage.settle().await;
                assert_eq!(states(&stage, poll).await, [DeliveryState::DeadLettered]);
                assert_eq!(stage.dead_letters().await[0].reason, "unknown_route");
            }
            _ => {
                assert_eq!(states(&stage, poll).await, [DeliveryState::Delivered], "{what}");
                let host = if what == "moved" { "moved" } else { "books" };
                assert_eq!(stage.seen()[1].url, format!("http://{host}.test/jobs/7"));
            }
        }
    }
}

#[tokio::test]
async fn a_paused_endpoint_gets_it_when_it_goes_on() {
    let stage = Stage::new().await;
    stage.answers([answer(200, &json!({"delay": 60}))]);
    let id = push(&stage, "order:ping").await;
    stage.dispatch_once().await;
    let paused = crossdock_core::port::Paused { since: stage.clock.now(), reason: "by hand".to_owned() };
    stage.home.store().set_paused(&stage.endpoint(), Some(paused)).await.unwrap();
    stage.clock.advance(MINUTE);
    tick(&stage).await;
    assert_eq!(states(&stage, id).await, [DeliveryState::Delivered, DeliveryState::Retrying]);
    stage.home.store().set_paused(&stage.endpoint(), None).await.unwrap();
    stage.settle().await;
    assert_eq!(states(&stage, id).await, [DeliveryState::Delivered; 2]);
}

/// A clock that was set back keeps it waiting until it is that late; one that was set forward brings it at once.
#[tokio::test]
async fn the_clock_decides() {
    let stage = Stage::new().await;
    stage.answers([answer(200, &json!({"delay": "1h"}))]);
    let id = push(&stage, "order:ping").await;
    stage.dispatch_once().await;
    stage.clock.set_back(Duration::from_secs(1800));
    stage.clock.advance(Duration::from_secs(3600));
    assert_eq!(tick(&stage).await, 0);
    stage.clock.advance(Duration::from_secs(30 * 24 * 3600));
    assert_eq!(tick(&stage).await, 1);
    assert_eq!(states(&stage, id).await, [DeliveryState::Delivered; 2]);
}

fn says(seen: &Seen) -> Value {
    match (seen.message(), seen.body["payload"]["remote"]["poll"].as_u64()) {
        ("order:again", _) if !seen.webhook_id.contains('.') => json!({"delay": 400}),
        ("order:job", _) => json!({"delay": 10, "update_url": "/jobs/7"}),
        (_, Some(1)) => json!({"delay": 10}),
        _ => json!({}),
    }
}

/// An order that is delivered again after a while, and one that is asked about twice; all around them fails, or dies,
/// at one port call after the other.
async fn story(plan: Option<FaultPlan>) -> (Stage, [MessageId; 2], u64) {
    let mut stage = Stage::new().await;
    let ids = [push(&stage, "order:again").await, push(&stage, "order:job").await];
    let faults = plan.map_or_else(Faults::default, |plan| Faults::planned(plan, Arc::new(|_| Box::pin(async {}))));
    stage.restart(faults.clone());
    stage.world.endpoint.lock().unwrap().says = Some(says);
    for wait in [0, 10, 10, 400, 30, 30] {
        stage.clock.advance(Duration::from_secs(wait));
        let _ = timer::fire(&*stage.home, &stage.hub).await;
        stage.dispatch_once().await;
    }
    let passed = faults.passed();
    stage.restart(Faults::default());
    stage.settle().await;
    (stage, ids, passed)
}

async fn check(stage: &Stage, [again, job]: [MessageId; 2], what: &str) {
    assert_eq!(states(stage, again).await, [DeliveryState::Delivered; 2], "{what}");
    assert_eq!(states(stage, job).await, [DeliveryState::Delivered], "{what}");
    let polls = [poll_id(stage, job, 1, 1).await, poll_id(stage, job, 1, 2).await];
    for poll in polls {
        assert_eq!(states(stage, poll).await, [DeliveryState::Delivered], "{what}");
    }
    assert!(
        stage.home.store().messages(&[poll_id(stage, job, 1, 3).await]).await.unwrap()[0].as_ref().unwrap().is_none(),
        "{what}"
    );
    // Nothing before its time: not before the attempt that asked for it plus the wait.
    let ended = |delivery: &Delivery| delivery.attempts.last().unwrap().at;
    let again = rounds(stage, again).await;
    assert!(ended(&again[1]).duration_since(ended(&again[0])).as_secs() >= 400, "{what}");
    let mut last = ended(&rounds(stage, job).await[0]);
    for poll in polls {
        let at = ended(&rounds(stage, poll).await[0]);
        assert!(at.duration_since(last).as_secs() >= 10, "{what}");
        last = at;
    }
    assert_eq!(stage.dead_letters().await, [], "{what}");
    no_timers(stage).await;
}

#[tokio::test]
async fn whatever_fails_nothing_is_forgotten_and_nothing_is_early() {
    let (stage, ids, _) = story(None).await;
    check(&stage, ids, "no faults").await;
    assert_eq!(stage.seen().len(), 5, "and nothing twice");
    let (_, _, points) = story(Some("fail@1000000".parse().unwrap())).await;
    assert!(points > 40, "{points}");
    for point in 1..=points {
        let plan = format!("fail@{point}");
        let (stage, ids, passed) = story(Some(plan.parse().unwrap())).await;
        assert!(passed >= point, "{plan} was never reached");
        check(&stage, ids, &plan).await;
    }
}
