//! A home for tests: the local store and queues, an endpoint that does as it is told, and a clock that stands still.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use crossdock_core::{
    Timestamp,
    event::{HubEvent, Observer},
    hub::{self, Hub},
    id::{EndpointName, SecretName},
    message::Message,
    port::{
        Clock, EndpointClient, EndpointRequest, EndpointResponse, Home, HttpError, Outbox, PortError, QueueName,
        Queues, Random, Secrets, SourceClient, SourceRequest, SourceResponse,
    },
    publish::publish,
    route::Router,
};
use crossdock_local::{Database, LocalBus, LocalQueues, QueueSettings};
use crossdock_stack::names::Names;
use crossdock_testkit::build;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Invocation, Work};

/// `mail` has two requests at a time in each of two invocations.
const HUB: &str = r#"
hub: shop
sources:
  my-store:
    url: http://shop.test
    push: {secret: push-token}
    collections:
      orders: {type: order, request: {path: /orders}, id: number, every: 1m, fetch: {path: "/orders/{id}"}}
webhooks:
  queued: {source: my-store, provider: commercetools, from: {queue: "arn:aws:sqs:eu-west-1:123456789012:ct"}}
  words:
    source: my-store
    provider: generic
    from: {queue: "arn:aws:sqs:eu-west-1:123456789012:words"}
    events: {"*": {message: "word:said"}}
  partner: {source: my-store, provider: commercetools, from: {bus: aws.partner/commercetools.com/p/s}}
endpoints:
  mail: {url: "http://mail.test", retries: [1500ms], concurrency: 4, timeout: 15s}
routes:
  - {name: confirm, messages: ["order:*", "word:*"], to: mail}
"#;

type Answer = Result<EndpointResponse, HttpError>;

#[derive(Default)]
struct Told {
    /// 200 once they are used up.
    answers: VecDeque<Answer>,
    source: VecDeque<Result<SourceResponse, HttpError>>,
    seen: Vec<String>,
    at_once: usize,
    most_at_once: usize,
    events: Vec<HubEvent>,
    /// Seconds that have passed whenever the clock is looked at again after its next look.
    reading: Option<i64>,
    looked: bool,
}

/// What of the outside fails, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Weakness {
    #[default]
    None,
    /// Changing a visibility panics in the task of its record.
    PanickingQueue,
    /// Changing a visibility is refused.
    RefusingQueue,
    /// Secrets never come.
    Silent,
}

#[derive(Clone)]
pub(super) struct Fake {
    told: Arc<Mutex<Told>>,
    queues: LocalQueues,
    weakness: Weakness,
}

pub(super) struct TestHome {
    database: Database,
    bus: LocalBus,
    fake: Fake,
}

#[derive(Clone, Copy)]
pub(super) struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        build::at(0)
    }
}

impl Clock for Fake {
    fn now(&self) -> Timestamp {
        let mut told = self.told.lock().unwrap();
        let looked = std::mem::replace(&mut told.looked, true);
        build::at(told.reading.filter(|_| looked).unwrap_or(0))
    }
}

impl Random for Still {
    fn bytes(&self) -> [u8; 16] {
        [7; 16]
    }
    fn fraction(&self) -> f64 {
        0.5
    }
}

impl Queues for Fake {
    async fn send(&self, queue: &QueueName, entries: Vec<crossdock_core::port::Entry>) -> Vec<Result<(), PortError>> {
        self.queues.send(queue, entries).await
    }
    async fn receive(
        &self,
        queue: &QueueName,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<crossdock_core::port::Received>, PortError> {
        self.queues.receive(queue, max, visibility).await
    }
    async fn change_visibility(&self, queue: &QueueName, receipt: &str, after: Duration) -> Result<(), PortError> {
        match self.weakness {
            Weakness::None | Weakness::Silent => {
                assert_eq!(after.subsec_nanos(), 0, "SQS counts in seconds");
                self.queues.change_visibility(queue, receipt, after).await
            }
            Weakness::PanickingQueue => panic!("as told"),
            Weakness::RefusingQueue => Err(PortError::transient("as told")),
        }
    }
    async fn delete(&self, queue: &QueueName, receipt: &str) -> Result<(), PortError> {
        self.queues.delete(queue, receipt).await
    }
}

impl EndpointClient for Fake {
    async fn post(&self, request: EndpointRequest) -> Answer {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let answer = {
            let mut told = self.told.lock().unwrap();
            told.seen.push(body["keys"]["order_number"].as_str().unwrap().to_owned());
            told.at_once += 1;
            told.most_at_once = told.most_at_once.max(told.at_once);
            told.answers.pop_front()
        };
        // It takes its time, so that requests meet.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        self.told.lock().unwrap().at_once -= 1;
        answer.unwrap_or_else(|| answered(200))
    }
}

pub(super) fn answered(status: u16) -> Answer {
    Ok(EndpointResponse { status, headers: Vec::new(), body: Vec::new(), truncated: false })
}

impl SourceClient for Fake {
    async fn fetch(&self, _: SourceRequest) -> Result<SourceResponse, HttpError> {
        let told = self.told.lock().unwrap().source.pop_front();
        match told {
            Some(answer) => answer,
            // Whoever asks has nothing to wait for.
            None => std::future::pending().await,
        }
    }
}

impl Secrets for Fake {
    async fn secret(&self, _: &SecretName) -> Result<SecretString, PortError> {
        if self.weakness == Weakness::Silent {
            return std::future::pending().await;
        }
        Ok(SecretString::from("token"))
    }
}

impl Observer for Fake {
    fn observe(&self, event: HubEvent) {
        self.told.lock().unwrap().events.push(event);
    }
}

impl Home for TestHome {
    type Store = Database;
    type Bus = LocalBus;
    type Queues = Fake;
    type Source = Fake;
    type Endpoint = Fake;
    type Secrets = Fake;

    fn store(&self) -> &Database {
        &self.database
    }
    fn bus(&self) -> &LocalBus {
        &self.bus
    }
    fn queues(&self) -> &Fake {
        &self.fake
    }
    fn source(&self) -> &Fake {
        &self.fake
    }
    fn endpoint(&self) -> &Fake {
        &self.fake
    }
    fn secrets(&self) -> &Fake {
        &self.fake
    }
    fn clock(&self) -> &dyn Clock {
        &self.fake
    }
    fn random(&self) -> &dyn Random {
        &Still
    }
    fn observer(&self) -> &dyn Observer {
        &self.fake
    }
}

impl TestHome {
    pub(super) fn database(&self) -> &Database {
        &self.database
    }
}

/// One stack at work.
pub(super) struct Stage {
    pub(super) work: Work<TestHome>,
}

impl Stage {
    pub(super) async fn new() -> Self {
        Self::with(Weakness::None).await
    }

    pub(super) async fn with(weakness: Weakness) -> Self {
        let hub: Arc<Hub> = Arc::new(hub::load("hub.yaml", HUB, &|_| None).unwrap().hub);
        let router = Arc::new(Router::new(&hub));
        let database = Database::in_memory(Arc::new(Still), &Still).await.unwrap();
        let queues = LocalQueues::new(database.clone(), QueueSettings { max_receive_count: 1_000 });
        let to = router.clone();
        let targets = Arc::new(move |message: &Message| to.targets(message).map_err(|error| error.to_string()));
        let bus = LocalBus::new(queues.clone(), targets);
        let fake = Fake { told: Arc::default(), queues, weakness };
        let home = Arc::new(TestHome { database, bus, fake });
        Self { work: Work::new(home, hub, router, Names::new("shop").unwrap()) }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.work.home.fake.told.lock().unwrap()
    }

    pub(super) fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.told().answers.extend(answers);
    }

    pub(super) fn source_answers(&self, answer: Result<SourceResponse, HttpError>) {
        self.told().source.push_back(answer);
    }

    /// What the hub has reported.
    pub(super) fn events(&self) -> Vec<HubEvent> {
        self.told().events.clone()
    }

    /// From now on time passes once the next invocation has begun.
    pub(super) fn reads_its_batch_in(&self, seconds: i64) {
        let mut told = self.told();
        (told.reading, told.looked) = (Some(seconds), false);
    }

    /// Order numbers, as the endpoint was asked.
    pub(super) fn seen(&self) -> Vec<String> {
        self.told().seen.clone()
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.told().most_at_once
    }

    /// Into the endpoint's queue, by way of store and bus.
    pub(super) async fn emit(&self, names: impl IntoIterator<Item = String>) {
        let records: Vec<_> = names
            .into_iter()
            .map(|name| {
                let mut message = build::message(&name);
                message.routes.clear();
                self.work.router.record(message).unwrap()
            })
            .collect();
        self.work.home.store().put(records.clone()).await;
        publish(&*self.work.home, &self.work.router, &records).await.unwrap();
    }

    /// What Lambda would receive from the queue and hand over: at most ten.
    pub(super) async fn batch(&self) -> Value {
        let received = self.work.home.fake.queues.receive(&self.queue(), 10, Duration::from_secs(600)).await.unwrap();
        let records = received.into_iter().enumerate().map(|(place, one)| {
            json!({
                "messageId": format!("m{place}"), "receiptHandle": one.receipt, "body": one.body,
                "attributes": {
                    "ApproximateReceiveCount": one.receive_count.to_string(),
                    "SentTimestamp": one.sent_at.as_millisecond().to_string(),
                },
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:shop-to-mail",
            })
        });
        json!({ "Records": records.collect::<Vec<_>>() })
    }

    pub(super) fn queue(&self) -> QueueName {
        let endpoint: EndpointName = "mail".parse().unwrap();
        QueueName::Endpoint(endpoint)
    }
}

/// An invocation with so many seconds left.
pub(super) fn lasting(seconds: i64) -> Invocation {
    Invocation::new("r1", build::at(seconds))
}
