//! A hub that is switched off: nothing is begun, nothing is lost, and nothing is counted against anybody.

use std::time::Duration;

use crossdock_core::{
    incoming::{Body, Incoming, Request},
    message::Carried,
    poll::Poller,
    port::{
        Clock, Collections, DeliveryState, Entry, Home, Ledger, QueueBody, QueueName, Queues, Switch, Switches,
        VersionStore,
    },
    webhook::{Told, proof::Headers},
};
use crossdock_testkit::build::{entry, message};
use serde_json::{Value, json};

use crate::{
    delivering::{only, push as emit},
    stage::{HUB, Stage, answer, owner},
};

const HALF_AN_HOUR: Duration = Duration::from_secs(1_801);

async fn switch(stage: &Stage, off: bool) {
    let since = off.then(|| stage.clock.now());
    stage.home.store().switch(&Switch::Hub, since).await.unwrap();
}

async fn queue(stage: &Stage, entry: Entry) {
    stage.home.queues().send_one(&QueueName::Endpoint(stage.endpoint()), entry).await.unwrap();
}

/// Of a message that nobody stored.
fn stray(route: &str, hops: u32) -> Entry {
    let mut message = message(route);
    message.hops = hops;
    let body =
        QueueBody { route: route.parse().unwrap(), round: 1, message: Carried::of(&message).unwrap(), remote: None };
    entry(serde_json::to_string(&body).unwrap())
}

/// Four days, in which whatever is received comes back each half hour at the latest.
async fn days_pass(stage: &Stage) -> usize {
    let mut received = 0;
    for _ in 0..200 {
        stage.clock.advance(HALF_AN_HOUR);
        received += stage.dispatch_once().await;
    }
    received
}

#[tokio::test]
async fn deliveries_wait_and_then_each_arrives_once() {
    let stage = Stage::new().await;
    stage.answers([answer(500, &Value::Null)]);
    let retried = emit(&stage, "order:ping").await;
    stage.dispatch_once().await;
    let waiting = emit(&stage, "order:pong").await;
    // What would end badly, and what nobody understands.
    for bad in [stray("gone", 0), stray("all", 9), entry("?".to_owned())] {
        queue(&stage, bad).await;
    }
    switch(&stage, true).await;
    let received = days_pass(&stage).await;
    assert!(received > 5 * 100, "nothing was ever looked at: {received}");
    assert_eq!(stage.arrived(), ["order:ping"], "the attempt before");
    assert_eq!(stage.dead_letters().await, []);
    let known = only(&stage, retried).await;
    assert_eq!((known.state, known.attempts.len()), (DeliveryState::Retrying, 1));
    let known = only(&stage, waiting).await;
    assert_eq!((known.state, known.attempts), (DeliveryState::Retrying, vec![]));

    switch(&stage, false).await;
    stage.clock.advance(HALF_AN_HOUR);
    stage.settle().await;
    let mut arrived = stage.arrived();
    arrived.sort();
    assert_eq!(arrived, ["order:ping", "order:ping", "order:pong"]);
    for (id, attempts) in [(retried, 2), (waiting, 1)] {
        let delivered = only(&stage, id).await;
        assert_eq!((delivered.state, delivered.attempts.len()), (DeliveryState::Delivered, attempts));
    }
    assert_eq!(stage.dead_letters().await.len(), 3, "what would have ended badly does");
}

/// A deployment says so, and nobody knows since when.
#[tokio::test]
async fn deliveries_of_a_hub_whose_file_says_so_wait_too() {
    let stage = Stage::with_hub(&format!("enabled: false\n{HUB}")).await;
    let id = emit(&stage, "order:ping").await;
    stage.dispatch_once().await;
    let next = only(&stage, id).await.next_attempt_at.unwrap();
    assert_eq!(next.duration_since(stage.clock.now()).as_secs(), 60, "what is young comes back soon");
    // Fourteen days: as long as a queue of AWS keeps it.
    let mut received = 1;
    for _ in 0..14 * 24 * 60 {
        stage.clock.advance(Duration::from_secs(60));
        received += stage.dispatch_once().await;
    }
    assert!((600..900).contains(&received), "{received}: SQS itself gives up after 1,000");
    assert_eq!(stage.arrived(), [""; 0]);
    assert_eq!(only(&stage, id).await.attempts, []);
}

/// Hubs that died of it have left their marks; that of a hub that only waits is none, and takes none away.
#[tokio::test]
async fn poison_is_still_known_afterwards() {
    let stage = Stage::new().await;
    let id = emit(&stage, "order:ping").await;
    let receive = async || {
        let queue = QueueName::Endpoint(stage.endpoint());
        stage.home.queues().receive(&queue, 1, Duration::ZERO).await.unwrap()
    };
    for _ in 0..5 {
        receive().await;
    }
    let mut begun = only_begun(&stage, id, receive().await.remove(0).receive_count);
    let attempt = begun.attempts[0].clone();
    begun.attempts = vec![attempt; 5];
    stage.home.store().settle(crossdock_core::port::Settlement::alone(begun)).await.unwrap();
    switch(&stage, true).await;
    days_pass(&stage).await;
    assert_eq!(stage.dead_letters().await, []);
    switch(&stage, false).await;
    stage.clock.advance(HALF_AN_HOUR);
    stage.dispatch_once().await;
    let letters = stage.dead_letters().await;
    assert_eq!(letters.iter().map(|letter| letter.reason.as_str()).collect::<Vec<_>>(), ["poison"]);
    assert_eq!(stage.arrived(), [""; 0]);
}

fn only_begun(stage: &Stage, message: crossdock_core::id::MessageId, receives: u32) -> crossdock_core::port::Delivery {
    let key = crossdock_core::id::DeliveryKey { message, route: "all".parse().unwrap(), round: 1 };
    let mut delivery = crossdock_testkit::build::delivery(key, DeliveryState::Retrying);
    delivery.endpoint = stage.endpoint();
    delivery.receives = receives;
    delivery.attempts = vec![crossdock_core::port::Attempt {
        at: stage.clock.now(),
        took_ms: 0,
        status: None,
        failure: Some("begun, and the hub died before its end".to_owned()),
    }];
    delivery
}

#[tokio::test]
async fn a_poll_that_is_cut_off_for_it_is_no_failure() {
    for (off, failures) in [(false, 1), (true, 0)] {
        let stage = Stage::new().await;
        switch(&stage, off).await;
        stage.put("R1", &json!({}));
        let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, owner());
        let report = poller.poll_until(&stage.orders(), async {}).await.unwrap();
        assert!(report.cut_off);
        let state = stage.home.store().state(&stage.orders()).await.unwrap().unwrap();
        assert_eq!(state.failures, failures);
        // It has let its lease go, and the next one reads what there is.
        switch(&stage, false).await;
        assert_eq!(stage.poll().await.unwrap().records, 1);
    }
}

/// What failed before it was switched off has not recovered by that.
#[tokio::test]
async fn nor_is_it_a_success() {
    let stage = Stage::new().await;
    let refused = || Err(crossdock_core::port::HttpError::Refused("shop.test".to_owned()));
    stage.world.shop.lock().unwrap().instead.extend([refused(), refused()]);
    for _ in 0..2 {
        assert!(stage.poll().await.is_err());
    }
    switch(&stage, true).await;
    let poller = Poller::new(&*stage.home, &stage.hub, &stage.router, owner());
    assert!(poller.poll_until(&stage.orders(), async {}).await.unwrap().cut_off);
    let state = stage.home.store().state(&stage.orders()).await.unwrap().unwrap();
    assert_eq!(state.failures, 2);
}

struct Pushed(&'static str);

impl Request for Pushed {
    fn method(&self) -> &str {
        "POST"
    }
    fn path(&self) -> &str {
        "/push/shop"
    }
}

impl Headers for Pushed {
    fn header(&self, name: &str) -> Option<&[u8]> {
        (name == "authorization").then_some(self.0.as_bytes())
    }
}

/// Those who have not proven who they are learn nothing of it.
#[tokio::test]
async fn pushes_are_refused() {
    let order = json!({"orders": [{"number": "R1"}]}).to_string();
    let pushed = async |stage: &Stage, token| {
        let body = Body::of(order.as_bytes());
        let incoming = Incoming { home: &*stage.home, hub: &stage.hub, router: &stage.router, told: &Told::default() };
        incoming.answer(incoming.way(&Pushed(token)).unwrap(), &Pushed(token), body).await
    };
    let (on, by_file) = (Stage::new().await, Stage::with_hub(&format!("enabled: false\n{HUB}")).await);
    switch(&on, true).await;
    for stage in [&on, &by_file] {
        let (answer, records) = pushed(stage, "Bearer token").await;
        assert_eq!((answer.status, records.len()), (403, 0), "{}", answer.body);
        assert_eq!(pushed(stage, "Bearer wrong").await.0.status, 401);
        assert!(stage.home.store().objects_with_id("R1").await.unwrap().is_empty());
    }
    switch(&on, false).await;
    assert_eq!(pushed(&on, "Bearer token").await.0.status, 202);
}
