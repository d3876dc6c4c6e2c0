use std::time::Duration;

use crossdock_core::{
    id::MessageId,
    message::Message,
    port::{Clock, Delivery, DeliveryState, Entry, Home, HttpError, Ledger, QueueName, Queues, Settlement, whole},
    publish::publish,
    redrive,
};
use serde_json::{Value, json};

use crate::stage::{HUB, Stage, answer};

pub(crate) async fn push(stage: &Stage, message: &str) -> MessageId {
    use crossdock_core::ingest::Ingest;
    let source = stage.hub.sources.values().next().unwrap();
    let ingest = Ingest::new(&*stage.home, &stage.hub, &stage.router);
    let body = json!({"message": message, "payload": {"n": 1}}).to_string();
    let (receipt, records) = ingest.push(source, body.as_bytes(), None).await.unwrap();
    publish(&*stage.home, &stage.router, &records).await.unwrap();
    receipt.message_ids[0]
}

async fn deliveries(stage: &Stage, id: MessageId) -> Vec<Delivery> {
    let mut deliveries = stage.home.store().deliveries_of(id).await.and_then(whole).unwrap();
    deliveries.sort_by_key(|delivery| delivery.key.round);
    deliveries
}

pub(crate) async fn only(stage: &Stage, id: MessageId) -> Delivery {
    let mut deliveries = deliveries(stage, id).await;
    assert_eq!(deliveries.len(), 1);
    deliveries.remove(0)
}

#[tokio::test]
async fn a_failure_is_tried_again_and_every_attempt_is_recorded() {
    let stage = Stage::new().await;
    stage.answers([answer(500, &Value::Null), Err(HttpError::Timeout(Duration::from_secs(15)))]);
    let id = push(&stage, "order:ping").await;
    stage.dispatch_once().await;
    let retrying = only(&stage, id).await;
    assert_eq!(retrying.state, DeliveryState::Retrying);
    let due = retrying.next_attempt_at.unwrap().duration_since(stage.clock.now());
    assert_eq!(due.as_secs(), 10);
    assert_eq!(stage.dispatch_once().await, 0, "not before its time");

    stage.settle().await;
    let delivered = only(&stage, id).await;
    assert_eq!(delivered.state, DeliveryState::Delivered);
    let failures: Vec<_> = delivered.attempts.iter().map(|attempt| attempt.failure.as_deref()).collect();
    assert_eq!(failures, [Some("answered 500"), Some("no whole answer within 15s"), None]);
    let ids: Vec<String> = stage.seen().into_iter().map(|seen| seen.webhook_id).collect();
    assert_eq!(ids, [id.to_string(), id.to_string(), id.to_string()]);
}

#[tokio::test]
async fn exhausted_retries_end_in_the_dead_letter_queue_and_a_redrive_is_a_new_round() {
    let stage = Stage::new().await;
    stage.answers((0..3).map(|_| answer(503, &Value::Null)));
    let id = push(&stage, "order:ping").await;
    stage.settle().await;
    assert_eq!(only(&stage, id).await.state, DeliveryState::DeadLettered);
    let letters = stage.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].reason, "retries exhausted: answered 503");
    assert_eq!((letters[0].attempts.as_deref(), letters[0].status.as_deref()), (Some("3"), Some("503")));

    let done = redrive::redrive(&*stage.home, &stage.endpoint(), None).await.unwrap();
    assert_eq!(done.len(), 1);
    stage.settle().await;
    let rounds = deliveries(&stage, id).await;
    assert_eq!(
        rounds.iter().map(|round| round.state).collect::<Vec<_>>(),
        [DeliveryState::DeadLettered, DeliveryState::Delivered]
    );
    assert_eq!(stage.seen().last().unwrap().webhook_id, format!("{id}.2"));
    assert_eq!(stage.dead_letters().await, []);
}

#[tokio::test]
async fn a_hopeless_status_is_dead_lettered_at_once() {
    let stage = Stage::new().await;
    stage.answers([answer(422, &Value::Null)]);
    let id = push(&stage, "order:ping").await;
    stage.settle().await;
    let delivery = only(&stage, id).await;
    assert_eq!((delivery.state, delivery.attempts.len()), (DeliveryState::DeadLettered, 1));
}

#[tokio::test]
async fn gone_pauses_the_endpoint_and_waiting_is_not_taken_for_dying() {
    let stage = Stage::new().await;
    stage.answers([answer(410, &Value::Null)]);
    let gone = push(&stage, "order:ping").await;
    stage.dispatch_once().await;
    assert_eq!(only(&stage, gone).await.state, DeliveryState::DeadLettered);

    let waiting = push(&stage, "order:ping").await;
    for _ in 0..30 {
        stage.clock.advance(Duration::from_secs(1900));
        stage.dispatch_once().await;
    }
    let parked = only(&stage, waiting).await;
    assert_eq!((parked.state, parked.attempts.len()), (DeliveryState::Retrying, 0));

    stage.home.store().set_paused(&stage.endpoint(), None).await.unwrap();
    stage.clock.advance(Duration::from_secs(1900));
    stage.dispatch_once().await;
    assert_eq!(only(&stage, waiting).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn asking_again_goes_on_while_parameters_change() {
    let stage = Stage::new().await;
    let page = |n: u32| json!({"parameters": {"page": n}});
    stage.answers([answer(206, &page(1)), answer(206, &page(2)), answer(200, &page(3))]);
    let id = push(&stage, "order:ping").await;
    stage.settle().await;
    let seen = stage.seen();
    let ids: Vec<&str> = seen.iter().map(|seen| seen.webhook_id.as_str()).collect();
    assert_eq!(ids, [id.to_string(), format!("{id}.2"), format!("{id}.3")]);
    let sent: Vec<&Value> = seen.iter().map(|seen| &seen.body["parameters"]).collect();
    assert_eq!(sent, [&json!([]), &json!([{"name": "page", "value": 1}]), &json!([{"name": "page", "value": 2}])]);
    assert!(deliveries(&stage, id).await.iter().all(|round| round.state == DeliveryState::Delivered));
}

#[tokio::test]
async fn asking_again_without_progress_is_a_failure() {
    let stage = Stage::new().await;
    stage.answers([answer(206, &json!({})), answer(206, &json!({"parameters": {"page": 1}}))]);
    stage.answers([answer(206, &json!({"parameters": {"page": 1}}))]);
    let id = push(&stage, "order:ping").await;
    stage.settle().await;
    let rounds = deliveries(&stage, id).await;
    let failures: Vec<Vec<Option<&str>>> =
        rounds.iter().map(|round| round.attempts.iter().map(|attempt| attempt.failure.as_deref()).collect()).collect();
    assert_eq!(
        failures,
        [
            vec![Some("answered 206 without a parameter to go on with"), None],
            vec![Some("answered 206 without changing a parameter"), None]
        ]
    );
}

#[tokio::test]
async fn an_answer_starts_the_next_step_until_it_goes_in_circles() {
    let stage = Stage::new().await;
    // Everything goes to the endpoint, and everything it gets makes it say the same again.
    stage.answers((0..10).map(|_| answer(200, &json!({"messages": {"message": "order:echo", "payload": {}}}))));
    push(&stage, "order:ping").await;
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:ping", "order:echo", "order:echo", "order:echo"]);
    let seen = stage.seen();
    for (place, pair) in seen.windows(2).enumerate() {
        assert_eq!(pair[1].body["parent_id"], pair[0].body["message_id"]);
        assert_eq!(pair[1].body["trace_id"], pair[0].body["trace_id"]);
        assert_eq!(pair[1].body["hops"], json!(place + 1));
    }
    let letters = stage.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert!(letters[0].reason.starts_with("loop: "), "{}", letters[0].reason);
}

/// The reason names all that led to it; of a long way the end.
#[tokio::test]
async fn a_loop_names_its_chain() {
    for (hops, named) in [(3, 5), (18, 20), (19, 20), (25, 20)] {
        let stage = Stage::with_hub(&HUB.replace("{hops: 3}", &format!("{{hops: {hops}}}"))).await;
        let echo = json!({"messages": {"message": "order:echo"}});
        let habits = ["order:ping", "order:echo"].map(|kind| (kind.to_owned(), echo.clone()));
        stage.world.endpoint.lock().unwrap().habits.extend(habits);
        let id = push(&stage, "order:ping").await;
        stage.settle().await;
        let reason = stage.dead_letters().await.remove(0).reason;
        let whole = hops + 2 == named;
        let begins = match whole {
            true => {
                format!("loop: {} answers led here, the limit is {hops}: order:ping {id} → all → order:echo ", hops + 1)
            }
            false => format!("loop: {} answers led here, the limit is {hops}: … → order:echo ", hops + 1),
        };
        assert!(reason.starts_with(&begins) && reason.ends_with(" → all"), "{reason}");
        assert_eq!(reason.matches(" → all").count(), named, "{reason}");
        let last = stage.seen().last().unwrap().body["message_id"].clone();
        assert!(reason.contains(last.as_str().unwrap()), "{reason}");
    }
}

#[tokio::test]
async fn a_business_error_is_delivered_and_routed() {
    let stage = Stage::new().await;
    let body = json!({"notifications": [{"level": "error", "subject": "no such account", "description": "4711"}]});
    stage.answers([answer(200, &body)]);
    let id = push(&stage, "order:ping").await;
    stage.settle().await;
    assert_eq!(only(&stage, id).await.state, DeliveryState::Delivered);
    assert_eq!(stage.arrived(), ["order:ping", "notification:error"]);
    let notification = &stage.seen()[1].body["payload"]["notification"];
    assert_eq!(notification["subject"], "no such account");
    assert_eq!(notification["message_id"], json!(id));
}

#[tokio::test]
async fn notifications_of_a_failing_endpoint_are_emitted_once() {
    let stage = Stage::with_hub(&HUB.replace("[\"*\"]", "[\"order:*\"]")).await;
    let body = json!({"notifications": [{"level": "warn", "subject": "busy"}]});
    stage.answers([answer(500, &body), answer(500, &body)]);
    push(&stage, "order:ping").await;
    stage.settle().await;
    assert_eq!(stage.arrived(), ["order:ping"; 3]);
    let emitted = stage.emitted();
    assert_eq!(emitted, ["order:ping", "notification:warn"]);
}

#[tokio::test]
async fn an_unreadable_entry_harms_no_neighbour() {
    let stage = Stage::new().await;
    let queue = QueueName::Endpoint(stage.endpoint());
    let entry = Entry {
        body: "{\"route\": 7}".to_owned(),
        attributes: std::collections::BTreeMap::new(),
        delay: Duration::ZERO,
    };
    stage.home.queues().send(&queue, vec![entry]).await.pop().unwrap().unwrap();
    push(&stage, "order:ping").await;
    assert_eq!(stage.dispatch_once().await, 2);
    assert_eq!(stage.arrived(), ["order:ping"]);
    let letters = stage.dead_letters().await;
    assert!(letters[0].reason.starts_with("unreadable: "), "{}", letters[0].reason);
    let left = redrive::redrive(&*stage.home, &stage.endpoint(), None).await.unwrap();
    assert!(matches!(left[0].1, redrive::Redriven::Left { .. }));
    assert_eq!(stage.dead_letters().await.len(), 1, "it stays where it is");
}

#[tokio::test]
async fn a_route_that_is_not_there_is_waited_for() {
    let stage = Stage::new().await;
    let id = push(&stage, "order:ping").await;
    let queue = QueueName::Endpoint(stage.endpoint());
    let received = stage.home.queues().receive(&queue, 1, Duration::from_secs(5)).await.unwrap();
    stage.home.queues().delete(&queue, &received[0].receipt).await.unwrap();
    let mut body: Value = serde_json::from_str(&received[0].body).unwrap();
    body["route"] = json!("tomorrow");
    let entry = Entry { body: body.to_string(), attributes: std::collections::BTreeMap::new(), delay: Duration::ZERO };
    stage.home.queues().send(&queue, vec![entry]).await;
    for _ in 0..58 {
        stage.dispatch_once().await;
        stage.clock.advance(Duration::from_secs(61));
    }
    assert_eq!(stage.dead_letters().await, []);
    stage.clock.advance(Duration::from_secs(120));
    stage.dispatch_once().await;
    assert_eq!(stage.dead_letters().await[0].reason, "unknown_route");
    assert_eq!(only(&stage, id).await.reason.as_deref(), Some("unknown_route"));
}

#[tokio::test]
async fn the_endpoint_sees_the_newest_version_beside_its_own() {
    let stage = Stage::new().await;
    stage.poll().await.unwrap();
    stage.put("R1", &json!({"state": "open"}));
    stage.poll().await.unwrap();
    stage.clock.advance(Duration::from_secs(60));
    stage.put("R1", &json!({"state": "paid"}));
    stage.poll().await.unwrap();
    stage.settle().await;
    let first = stage.seen().into_iter().find(|seen| seen.message() == "order:new").unwrap().body;
    assert_eq!(first["payload"]["order"]["actual"]["state"], "open");
    assert_eq!(first["payload"]["order"]["current"]["state"], "paid");
    let message: Message = serde_json::from_value(first).unwrap();
    assert_eq!(message.object.unwrap().version, 1);
}

#[tokio::test]
async fn a_second_copy_of_an_entry_is_cleared_away() {
    let stage = Stage::new().await;
    let id = push(&stage, "order:ping").await;
    let found = crossdock_core::port::Outbox::messages(stage.home.store(), &[id]).await.unwrap().remove(0);
    publish(&*stage.home, &stage.router, &[found.unwrap().unwrap()]).await.unwrap();
    stage.dispatch_once().await;
    stage.settle().await;
    // Both copies may be in one batch; the second outcome finds the round ended.
    assert_eq!(deliveries(&stage, id).await.len(), 1);
    assert!(!stage.seen().is_empty());
    assert!(stage.seen().iter().all(|seen| seen.webhook_id == id.to_string()));
    let counts = stage.home.queues().inner().counts(&QueueName::Endpoint(stage.endpoint())).await.unwrap();
    assert_eq!((counts.visible, counts.hidden, counts.delayed), (0, 0, 0));
}

#[tokio::test]
async fn a_panic_is_the_failure_of_its_own_entry() {
    let stage = Stage::new().await;
    let bad = push(&stage, "order:panic").await;
    let good = push(&stage, "order:ping").await;
    assert_eq!(stage.dispatch_once().await, 2);
    assert_eq!(only(&stage, good).await.state, DeliveryState::Delivered);
    let failed = only(&stage, bad).await;
    assert_eq!(failed.attempts[0].failure.as_deref(), Some("the hub failed while delivering this (panic)"));
    stage.settle().await;
    assert_eq!(stage.dead_letters().await[0].delivery.as_ref().unwrap().message, bad);
}

#[tokio::test]
async fn a_route_that_comes_back_gets_what_has_waited() {
    let mut stage = Stage::new().await;
    let id = push(&stage, "order:ping").await;
    // A deploy that has not caught up: the dispatcher knows no route of that name.
    let (hub, router) = (stage.hub.clone(), stage.router.clone());
    let without = crossdock_core::hub::load("hub.yaml", &HUB.replace("name: all", "name: other"), &|_| None).unwrap();
    stage.hub = std::sync::Arc::new(without.hub);
    for _ in 0..15 {
        stage.dispatch_once().await;
        stage.clock.advance(Duration::from_secs(61));
    }
    (stage.hub, stage.router) = (hub, router);
    stage.dispatch_once().await;
    assert_eq!(only(&stage, id).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn a_dead_letter_that_was_overtaken_is_cleared_and_not_sent_again() {
    let stage = Stage::new().await;
    stage.answers([answer(422, &Value::Null)]);
    let id = push(&stage, "order:ping").await;
    stage.dispatch_once().await;
    // A crash of the redrive between sending and deleting: the letter is still there when round 2 has been delivered.
    let dead = QueueName::DeadLetters(stage.endpoint());
    let letter = stage.home.queues().receive(&dead, 1, Duration::from_secs(1)).await.unwrap().remove(0);
    let copy = Entry { body: letter.body, attributes: letter.attributes, delay: Duration::ZERO };
    stage.clock.advance(Duration::from_secs(2));
    redrive::redrive(&*stage.home, &stage.endpoint(), None).await.unwrap();
    stage.home.queues().send(&dead, vec![copy]).await;
    stage.settle().await;
    assert_eq!(stage.dead_letters().await, [], "what was overtaken is not shown");
    let done = redrive::redrive(&*stage.home, &stage.endpoint(), None).await.unwrap();
    assert!(matches!(done[0].1, redrive::Redriven::Done(_)), "{done:?}");
    stage.settle().await;
    assert_eq!(deliveries(&stage, id).await.len(), 2, "no third round");
}

/// The queue gave an entry up whose delivery had ended well, before all was done that comes of it.
#[tokio::test]
async fn what_a_queue_gave_up_too_early_is_finished_by_a_redrive() {
    for (next_round, untracked) in [(true, false), (false, true)] {
        let stage = Stage::new().await;
        let id = push(&stage, "order:ping").await;
        let queue = QueueName::Endpoint(stage.endpoint());
        let received = stage.home.queues().receive(&queue, 1, Duration::from_secs(5)).await.unwrap().remove(0);
        let body: crossdock_core::port::QueueBody = serde_json::from_str(&received.body).unwrap();
        let ended = Delivery {
            state: DeliveryState::Delivered,
            next_round,
            untracked,
            ..crossdock_testkit::build::delivery(body.key(), DeliveryState::Delivered)
        };
        let ended = Delivery { endpoint: stage.endpoint(), ..ended };
        stage.home.store().settle(Settlement::alone(ended)).await.unwrap();
        let given_up = Entry { body: received.body, attributes: received.attributes, delay: Duration::ZERO };
        stage.home.queues().send(&QueueName::DeadLetters(stage.endpoint()), vec![given_up]).await;
        stage.home.queues().delete(&queue, &received.receipt).await.unwrap();

        assert_eq!(stage.dead_letters().await.len(), 1, "it is shown as long as something is left to do");
        let done = redrive::redrive(&*stage.home, &stage.endpoint(), None).await.unwrap();
        assert!(matches!(done[0].1, redrive::Redriven::Finishing(_)), "{done:?}");
        stage.settle().await;
        let rounds: Vec<_> =
            deliveries(&stage, id).await.iter().map(|one| (one.key.round, one.state, one.untracked)).collect();
        let mut expected = vec![(1, DeliveryState::Delivered, false)];
        expected.extend(next_round.then_some((2, DeliveryState::Delivered, false)));
        assert_eq!(rounds, expected);
        assert_eq!(stage.dead_letters().await, []);
    }
}

#[tokio::test]
async fn only_what_a_delivery_ends_with_follows_from_it() {
    let hub = HUB.replace("dead_letter_on: [422]", "require_ack: true").replace("[\"*\"]", "[\"order:ping\"]");
    let stage = Stage::with_hub(&hub).await;
    let says = |note: &str| {
        json!({"messages": {"message": "order:echo", "payload": {"note": note}},
        "notifications": {"level": "error", "subject": note}})
    };
    stage.answers([answer(200, &says("first"))]);
    let id = push(&stage, "order:ping").await;
    let mut second = says("second");
    second["message_id"] = json!(id);
    stage.answers([answer(200, &second)]);
    stage.dispatch_once().await;
    stage.clock.advance(Duration::from_secs(11));
    stage.dispatch_once().await;
    let emitted = stage.emitted();
    // Two different notifications, and the one follow-up of the answer that counted.
    assert_eq!(emitted.iter().filter(|message| *message == "notification:error").count(), 2, "{emitted:?}");
    assert_eq!(emitted.iter().filter(|message| *message == "order:echo").count(), 1, "{emitted:?}");
}

/// It would be an outcome that is never recorded, and an endpoint that is asked for ever.
#[tokio::test]
async fn an_answer_that_no_store_takes_is_recorded_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::without_room(&folder.path().join("hub.db")).await;
    let check = async |said: Value, state: DeliveryState, fault: &str, follow_ups: usize| {
        stage.world.endpoint.lock().unwrap().seen.clear();
        let (status, attempts) = if state == DeliveryState::Delivered { (200, 1) } else { (206, 3) };
        stage.answers((0..attempts).map(|_| answer(status, &said)));
        let id = push(&stage, "order:ping").await;
        stage.settle().await;
        let delivery = only(&stage, id).await;
        assert_eq!(delivery.state, state);
        assert_eq!(delivery.attempts.len(), attempts);
        let arrived = stage.arrived();
        let of = |kind: &str| arrived.iter().filter(|arrived| *arrived == kind).count();
        assert_eq!((of("order:ping"), of("order:paid")), (attempts, follow_ups), "{arrived:?}");
        let faults = delivery.answer.unwrap().faults;
        assert!(matches!(&faults[..], [only] if only.starts_with(fault)), "{faults:?}");
    };
    let paid = |note: &str| json!([{"message": "order:paid", "payload": {"note": note}}]);
    let in_part =
        "the store does not take this answer; its objects, parameters and events are left out: more than the store's";
    check(json!({"parameters": {"a": "huge"}, "messages": paid("")}), DeliveryState::Delivered, in_part, 1).await;
    let nothing = "the store does not take this answer; its messages and notifications, objects, parameters and events are left out";
    check(json!({"messages": paid("huge")}), DeliveryState::Delivered, nothing, 0).await;
    // To be asked again without what was to be changed is a failure, which comes to its end like any other.
    check(json!({"parameters": {"a": "huge"}}), DeliveryState::DeadLettered, in_part, 0).await;
    assert_eq!(stage.dead_letters().await.len(), 1);
}

#[tokio::test]
async fn parameters_beyond_their_bound_are_left_as_they_were() {
    let stage = Stage::new().await;
    let large = "x".repeat(40_000);
    for said in [json!({"token": "t", "page": large}), json!({"other": large, "token": "u"})] {
        stage.answers([answer(200, &json!({ "parameters": said }))]);
        push(&stage, "order:ping").await;
        stage.settle().await;
    }
    let id = push(&stage, "order:ping").await;
    stage.settle().await;
    let sent = stage.seen().pop().unwrap().body["parameters"].clone();
    assert_eq!(sent, json!([{"name": "page", "value": large}, {"name": "token", "value": "u"}]));
    assert_eq!(only(&stage, id).await.state, DeliveryState::Delivered);
}
