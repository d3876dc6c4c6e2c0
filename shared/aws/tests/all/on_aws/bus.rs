//! The bus on EventBridge, with rules as the hub's stacks have them.

use std::{sync::Arc, time::Duration};

use aws_sdk_eventbridge::types::{InputTransformer, Target};
use crossdock_aws::{bus::EventBridgeBus, queues::SqsQueues};
use crossdock_core::{
    claim,
    hub::load,
    message::Message,
    port::{Bus, PublishError, QueueBody, QueueName, Queues},
    route::Router,
};
use crossdock_testkit::{
    build::{delicate, endpoint, message, message_type},
    suite::{BusFixture, bus::ROUTES},
};
use serde_json::{Value, json};

use super::queues::make_queues;
use crate::support::{Account, clients, names, queue_urls, random};

const LIMIT: usize = 262_144;

const HUB: &str = r#"
hub: shop
sources:
  my-store:
    url: https://store.example
    collections:
      orders: {type: order, request: {path: /orders}, items: orders, every: 10s, id: number, keys: {order_number: number}}
endpoints: {alpha: {url: "https://alpha.example"}, beta: {url: "https://beta.example"}}
routes:
  - {name: book, messages: ["order:new"], to: alpha, filters: [{path: keys.order_number, operator: present}]}
"#;

struct Fixture {
    bus: EventBridgeBus,
    queues: SqsQueues,
    router: Arc<Router>,
}

impl Fixture {
    async fn new() -> Self {
        let account = Account::new();
        let clients = clients(&account);
        let bus = names();
        clients.eventbridge.create_event_bus().name(bus.bus()).send().await.unwrap();
        let queues = [("alpha", make_queues(&clients, "alpha").await), ("beta", make_queues(&clients, "beta").await)];
        for route in ROUTES {
            let arn = &queues.iter().find(|(name, _)| *name == route.to).unwrap().1;
            let pattern = json!({"detail-type": route.types}).to_string();
            let rule = clients.eventbridge.put_rule().name(route.name).event_bus_name(bus.bus());
            rule.event_pattern(pattern).send().await.unwrap();
            let transformer = InputTransformer::builder()
                .input_paths_map("message", "$.detail")
                .input_template(format!(r#"{{"route": "{}", "message": <message>}}"#, route.name));
            let target = Target::builder().id("queue").arn(arn).input_transformer(transformer.build().unwrap());
            let targets = clients.eventbridge.put_targets().rule(route.name).event_bus_name(bus.bus());
            targets.targets(target.build().unwrap()).send().await.unwrap();
        }
        let hub = load("hub.yaml", HUB, &|_: &str| None).unwrap().hub;
        let router = Arc::new(Router::new(&hub));
        let queues = SqsQueues::new(clients.sqs.clone(), bus.clone(), &queue_urls(&account), random());
        let bus = EventBridgeBus::new(clients.eventbridge.clone(), bus.bus(), router.clone(), LIMIT, random());
        Self { bus, queues, router }
    }

    async fn arrived_at(&self, name: &str) -> Vec<QueueBody> {
        let queue = QueueName::Endpoint(endpoint(name));
        let mut found = Vec::new();
        // The last receive comes back empty.
        loop {
            let received = self.queues.receive(&queue, 10, Duration::from_secs(60)).await.unwrap();
            if received.is_empty() {
                return found;
            }
            found.extend(received.into_iter().map(|entry| serde_json::from_str(&entry.body).unwrap()));
        }
    }
}

impl BusFixture for Fixture {
    type Bus = EventBridgeBus;
    type Queues = SqsQueues;

    fn bus(&self) -> &EventBridgeBus {
        &self.bus
    }

    fn queues(&self) -> &SqsQueues {
        &self.queues
    }

    /// The emulator reads numbers into doubles where it transforms what it hands on.
    fn delicate(&self) -> Value {
        let mut payload = delicate();
        payload["price"] = json!(0.5);
        payload["tiny"] = json!(1);
        payload
    }

    async fn arrived(&self) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

crossdock_testkit::bus_suite!(Fixture::new());

fn new_order(name: &str, bytes: usize) -> Message {
    Message {
        message: message_type("order:new"),
        payload: json!({"order": {"actual": {"note": "n".repeat(bytes)}}}),
        ..message(name)
    }
}

#[tokio::test]
async fn what_is_too_large_travels_as_a_claim() {
    let fixture = Fixture::new().await;
    let (large, small) = (new_order("large", 300_000), new_order("small", 10));
    assert_eq!(fixture.bus.publish(&[large.clone(), small.clone()]).await, [Ok(()), Ok(())]);
    let copies = fixture.arrived_at("alpha").await;
    assert_eq!(copies.len(), 2);
    for copy in copies {
        let envelope = &copy.message.envelope;
        let sent: Value = serde_json::from_str(copy.message.text()).unwrap();
        match envelope.payload_ref {
            Some(id) => {
                assert_eq!((id, envelope.message_id), (large.message_id, large.message_id));
                let expected: Value =
                    serde_json::from_str(&claim::detail(&large, &fixture.router, 10_000).unwrap()).unwrap();
                assert_eq!(sent, expected);
            }
            None => assert_eq!(sent, serde_json::to_value(&small).unwrap()),
        }
    }
}

#[tokio::test]
async fn what_is_too_large_even_so_harms_no_other() {
    let fixture = Fixture::new().await;
    let mut long = new_order("long", 300_000);
    long.keys.insert("order_number".to_owned(), "7".repeat(300_000).into());
    let answers = fixture
        .bus
        .publish(&[new_order("one", 10), long, new_order("two", 200_000), new_order("three", 200_000)])
        .await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, true]);
    let Err(PublishError::Impossible(why)) = &answers[1] else { panic!("{answers:?}") };
    assert!(why.contains("is too large for the bus"), "{why}");
    assert_eq!(fixture.arrived_at("alpha").await.len(), 3);
}
