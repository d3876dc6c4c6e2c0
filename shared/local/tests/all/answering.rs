//! An answer with everything in it, and a hub that dies at every point between asking for it and having done what it asks
//! for. Asked again, the endpoint says something else: what follows is what the stored answer says, all of it and nothing
//! of the other one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crossdock_core::{
    fault::{FaultPlan, Faults},
    id::{CollectionKey, MessageId, ObjectKey},
    ingest::Ingest,
    port::{DeliveryState, Entry, Home, Ledger, Outbox, QueueName, Queues, VersionStore, whole},
    publish::publish,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    delivering::push,
    stage::{HUB, Stage, answer},
};

/// Only its own message goes to the endpoint, so that what follows is seen where it is stored.
fn hub() -> String {
    HUB.replace("[\"*\"]", "[\"order:ping\"]")
}

/// Longer than an entry stays hidden.
const WHILE: Duration = Duration::from_secs(61);

/// Says its number wherever it says anything.
fn says(number: u32) -> Value {
    json!({
        "summary": number.to_string(),
        "messages": [{"message": "order:booked", "payload": {"said": number}}],
        "notifications": [{"level": "info", "subject": number.to_string()}],
        "parameters": {"said": number},
        "orders": [
            {"number": "R1", "said": number, "payments": [{"id": 1, "said": number}]},
            {"number": "R2", "said": number},
        ],
    })
}

/// Dies where the plan says so; `false`: it was not reached.
async fn dies(stage: &mut Stage, plan: &str) -> bool {
    let reached = Arc::new(Notify::new());
    let telling = reached.clone();
    let sleep = move |_| {
        telling.notify_one();
        Box::pin(std::future::pending()) as futures_util::future::BoxFuture<'static, ()>
    };
    stage.restart(Faults::planned(plan.parse().unwrap(), Arc::new(sleep)));
    let died = tokio::select! {
        _ = stage.dispatch_once() => false,
        () = reached.notified() => true,
    };
    stage.restart(Faults::default());
    stage.clock.advance(WHILE);
    died
}

async fn bodies(stage: &Stage, collection: &str, id: &str) -> Vec<Value> {
    let collection = CollectionKey { collection: collection.parse().unwrap(), ..stage.orders() };
    let key = ObjectKey { collection, id: id.to_owned() };
    stage.home.store().history(&key).await.unwrap().into_iter().map(|version| version.unwrap().body).collect()
}

/// What followed, by type, with what it says.
async fn followed(stage: &Stage, parent: MessageId) -> BTreeMap<String, Vec<Value>> {
    let (from, until) = ("2026-01-01T00:00:00Z".parse().unwrap(), "2027-01-01T00:00:00Z".parse().unwrap());
    let page = stage.home.store().stored_between(from, until, None, 1000).await;
    let mut followed: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in page.unwrap().messages {
        let message = record.message;
        if message.parent_id != Some(parent) {
            continue;
        }
        assert_eq!((message.hops, message.trace_id.as_str()), (1, &*parent.trace_id()));
        assert_eq!(message.parent_route.as_ref().map(|route| route.as_str()), Some("all"));
        let payload = &message.payload;
        let said = ["/said", "/notification/subject", "/order/actual/said", "/payment/actual/said"];
        let kind = message.message.to_string();
        let found = match kind.as_str() {
            "payment:new" => payload.pointer(said[3]),
            _ => said.iter().find_map(|place| payload.pointer(place)),
        };
        followed.entry(kind).or_default().push(found.unwrap().clone());
    }
    followed
}

/// All of it is of one answer; which one.
async fn check(stage: &Stage, id: MessageId, plan: &str) -> u32 {
    let deliveries = stage.home.store().deliveries_of(id).await.and_then(whole).unwrap();
    let [delivery] = &deliveries[..] else { panic!("{plan}: {deliveries:?}") };
    assert_eq!((delivery.state, delivery.untracked), (DeliveryState::Delivered, false), "{plan}");
    let answer = delivery.answer.as_ref().unwrap();
    assert_eq!(answer.faults, Vec::<String>::new(), "{plan}");
    assert!(answer.since.is_empty() && answer.objects.iter().all(|objects| objects.items.is_empty()), "{plan}");
    let said: u32 = answer.summary.as_ref().unwrap().parse().unwrap();
    let expected = BTreeMap::from([
        ("notification:info".to_owned(), vec![json!(said.to_string())]),
        ("order:booked".to_owned(), vec![json!(said)]),
        ("order:new".to_owned(), vec![json!(said), json!(said)]),
        ("payment:new".to_owned(), vec![json!(said)]),
    ]);
    assert_eq!(followed(stage, id).await, expected, "{plan}");
    for (collection, object) in [("orders", "R1"), ("orders", "R2"), ("orders.payments", "R1/1")] {
        let bodies = bodies(stage, collection, object).await;
        assert_eq!(bodies.iter().map(|body| &body["said"]).collect::<Vec<_>>(), [&json!(said)], "{plan}: {object}");
    }
    let control = stage.home.store().open(&stage.endpoint(), &[], &[]).await.unwrap().control.unwrap();
    assert_eq!(control.parameters, BTreeMap::from([("said".to_owned(), json!(said))]), "{plan}");
    said
}

/// The first time the endpoint says 1, ever after 2.
async fn story() -> (Stage, MessageId) {
    let stage = Stage::with_hub(&hub()).await;
    stage.answers([answer(200, &says(1))]);
    stage.world.endpoint.lock().unwrap().habits.insert("order:ping".to_owned(), says(2));
    let id = push(&stage, "order:ping").await;
    (stage, id)
}

#[tokio::test]
async fn a_hub_that_dies_anywhere_does_what_the_stored_answer_says_and_no_more() {
    let far: FaultPlan = "fail@1000000".parse().unwrap();
    let (mut stage, id) = story().await;
    let faults = Faults::planned(far, Arc::new(|_| Box::pin(async {})));
    stage.restart(faults.clone());
    stage.dispatch_once().await;
    let points = faults.passed();
    stage.settle().await;
    assert_eq!(check(&stage, id, "no faults").await, 1);

    let mut said = Vec::new();
    for point in 1..=points {
        for plan in [format!("delay:0@{point}"), format!("fail@{point}")] {
            let (mut stage, id) = story().await;
            match plan.starts_with("delay") {
                true => assert!(dies(&mut stage, &plan).await, "{plan} was never reached"),
                false => {
                    stage.restart(Faults::planned(plan.parse().unwrap(), Arc::new(|_| Box::pin(async {}))));
                    stage.dispatch_once().await;
                    stage.restart(Faults::default());
                }
            }
            stage.settle().await;
            said.push(check(&stage, id, &plan).await);
        }
    }
    assert!(said.contains(&1) && said.contains(&2), "{said:?}");
}

/// What an earlier run has tracked is not tracked again, whatever has become of it since.
#[tokio::test]
async fn no_old_object_comes_back() {
    // Messages and notifications are published first.
    for at in ["before:outbox.published#2", "before:ledger.tracked", "after:ledger.tracked", "before:queues.delete"] {
        let (mut stage, id) = story().await;
        assert!(dies(&mut stage, &format!("delay:0@{at}")).await, "{at}");
        let newer = json!({"orders": [{"number": "R1", "said": "newer"}]}).to_string();
        let source = stage.hub.sources.values().next().unwrap();
        let ingest = Ingest::new(&*stage.home, &stage.hub, &stage.router);
        let (_, records) = ingest.push(source, newer.as_bytes(), None).await.unwrap();
        publish(&*stage.home, &stage.router, &records).await.unwrap();
        stage.settle().await;
        let said: Vec<Value> = bodies(&stage, "orders", "R1").await.iter().map(|body| body["said"].clone()).collect();
        assert_eq!(said, [json!(1), json!("newer")], "{at}");
        assert_eq!(stage.seen().len(), 1, "{at}: nobody is asked again");
        let deliveries = stage.home.store().deliveries_of(id).await.and_then(whole).unwrap();
        assert!(!deliveries[0].untracked, "{at}");
    }
}

/// Nor with a copy of the entry that comes when all is over, and versions of that time may have expired.
#[tokio::test]
async fn a_late_copy_of_an_entry_tracks_nothing() {
    let stage = Stage::with_hub(&hub()).await;
    stage.answers([answer(200, &says(1))]);
    let id = push(&stage, "order:ping").await;
    let queue = QueueName::Endpoint(stage.endpoint());
    let copy = stage.home.queues().receive(&queue, 1, Duration::from_secs(1)).await.unwrap().remove(0);
    let copy = Entry { body: copy.body, attributes: BTreeMap::new(), delay: Duration::ZERO };
    stage.clock.advance(Duration::from_secs(2));
    stage.settle().await;
    assert_eq!(check(&stage, id, "before").await, 1);
    stage.home.queues().send(&queue, vec![copy]).await.remove(0).unwrap();
    stage.settle().await;
    assert_eq!(check(&stage, id, "after").await, 1);
    assert_eq!(stage.seen().len(), 1);
}

#[tokio::test]
async fn a_collection_that_is_gone_when_its_objects_are_tracked_is_a_fault() {
    let (mut stage, id) = story().await;
    assert!(dies(&mut stage, "delay:0@after:ledger.settle").await);
    let text = hub().replace("      orders:\n", "      sales:\n").replace("type: order\n", "type: sale\n");
    let without = crossdock_core::hub::load("hub.yaml", &text, &|_| None);
    stage.hub = Arc::new(without.unwrap_or_else(|faults| panic!("{faults}")).hub);
    for _ in 0..4 {
        assert_eq!(stage.dispatch_once().await, 1, "it is waited for");
        assert!(stage.home.store().deliveries_of(id).await.and_then(whole).unwrap()[0].untracked);
        stage.clock.advance(Duration::from_secs(900));
    }
    stage.dispatch_once().await;
    let deliveries = stage.home.store().deliveries_of(id).await.and_then(whole).unwrap();
    let answer = deliveries[0].answer.as_ref().unwrap();
    assert!(!deliveries[0].untracked);
    assert_eq!(
        answer.faults,
        [
            "shop/orders: the hub has no such collection any more; its objects (2) are not stored, and stay in this record"
        ]
    );
    assert_eq!(answer.objects[0].items.len(), 2);
    assert!(followed(&stage, id).await.contains_key("order:booked"));
    assert_eq!(stage.dispatch_once().await, 0, "it has left its queue");
}

#[tokio::test]
async fn a_collection_that_comes_back_gets_the_objects_that_waited_for_it() {
    let (mut stage, id) = story().await;
    assert!(dies(&mut stage, "delay:0@after:ledger.settle").await);
    let with = stage.hub.clone();
    let text = hub().replace("      orders:\n", "      sales:\n").replace("type: order\n", "type: sale\n");
    stage.hub = Arc::new(crossdock_core::hub::load("hub.yaml", &text, &|_| None).unwrap().hub);
    stage.dispatch_once().await;
    stage.clock.advance(Duration::from_secs(900));
    stage.hub = with;
    stage.settle().await;
    assert_eq!(check(&stage, id, "another hub in between").await, 1);
}
