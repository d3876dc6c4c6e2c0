//! A home of scripted parts around a real store.

use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossdock_core::{
    Timestamp,
    dispatch::{Dispatcher, Disposition},
    event::{EventName, HubEvent, Observer},
    fault::{Faults, Guarded},
    hub::{self, Hub},
    id::{CollectionKey, EndpointName, SecretName},
    message::Message,
    poll::{PollError, PollReport, Poller},
    port::{
        Clock, EndpointClient, EndpointRequest, EndpointResponse, Home, HttpError, LeaseOwner, PortError, QueueName,
        Queues, Random, Secrets, SourceClient, SourceRequest, SourceResponse, UrlOrigin,
    },
    publish::publish_stale,
    route::Router,
    timer,
};
use crossdock_local::{Database, LocalBus, LocalQueues, QueueSettings};
use secrecy::SecretString;
use serde_json::{Value, json};

/// Of all leases.
pub(crate) fn owner() -> LeaseOwner {
    LeaseOwner("test".to_owned())
}

/// One source with orders (and their payments), one endpoint, a route for everything.
pub(crate) const HUB: &str = r#"
hub: test
limits: {hops: 3}
sources:
  shop:
    url: http://shop.test/api
    push: {secret: push-token}
    collections:
      orders:
        type: order
        request: {path: /orders}
        items: orders
        id: number
        created: created_at
        since: {param: since, field: updated_at}
        pages: {style: page, param: page, total: pages}
        every: 1s
        volatile: [updated_at]
        keys: {total: {path: total, as: number}, state: state}
        children: {payments: {type: payment, id: id}}
        derive: [{path: state, becomes: canceled, message: "order:canceled", instead: true}]
endpoints:
  books: {url: "http://books.test/in", retries: [10s, 20s], dead_letter_on: [422]}
routes:
  - {name: all, messages: ["*"], to: books, path: /all}
"#;

#[derive(Debug, Clone)]
pub(crate) struct TestClock(Arc<Mutex<Timestamp>>);

impl TestClock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new("2026-03-01T12:00:00Z".parse().unwrap())))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(by).unwrap();
    }

    pub(crate) fn set_back(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_sub(by).unwrap();
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Counts, so that no two draws are equal and every run is the same; the fraction is one half: no jitter.
#[derive(Debug, Default)]
pub(crate) struct TestRandom(Mutex<u64>);

impl Random for TestRandom {
    fn bytes(&self) -> [u8; 16] {
        let mut drawn = self.0.lock().unwrap();
        *drawn += 1;
        u128::from(*drawn).to_be_bytes()
    }

    fn fraction(&self) -> f64 {
        0.5
    }
}

/// A shop that keeps its promises: filters by time, sorts, pages.
#[derive(Debug, Default)]
pub(crate) struct Shop {
    pub(crate) orders: BTreeMap<String, Value>,
    pub(crate) page_size: usize,
    /// Answers given instead of the next pages.
    pub(crate) instead: VecDeque<Result<SourceResponse, HttpError>>,
    pub(crate) asked: Vec<String>,
}

impl Shop {
    fn answer(&mut self, request: &SourceRequest) -> Result<SourceResponse, HttpError> {
        self.asked.push(request.url.to_string());
        if let Some(answer) = self.instead.pop_front() {
            return answer;
        }
        let query: BTreeMap<_, _> = request.url.query_pairs().into_owned().collect();
        let mut rows: Vec<&Value> = self.orders.values().collect();
        rows.sort_by_key(|row| (time(row), row["number"].to_string()));
        if let Some(since) = query.get("since") {
            let since: Timestamp = since.parse().unwrap();
            rows.retain(|row| time(row) >= since);
        }
        let page: usize = query["page"].parse().unwrap();
        let size = self.page_size.max(1);
        let pages = rows.len().div_ceil(size);
        let rows: Vec<&Value> = rows.into_iter().skip((page - 1) * size).take(size).collect();
        Ok(ok_page(&json!({"orders": rows, "pages": pages})))
    }
}

pub(crate) fn ok_page(body: &Value) -> SourceResponse {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    SourceResponse { status: 200, headers, body: body.to_string().into_bytes() }
}

fn time(row: &Value) -> Timestamp {
    row["updated_at"].as_str().unwrap().parse().unwrap()
}

/// What an endpoint says to a request, if it is none of the scripted [`Endpoint::answers`]' business.
pub(crate) type Role = Arc<dyn Fn(&EndpointRequest) -> Result<EndpointResponse, HttpError> + Send + Sync>;

/// What the endpoint was sent, and what it says.
#[derive(Default)]
pub(crate) struct Endpoint {
    /// Answers everything, and nothing is written down here.
    pub(crate) role: Option<Role>,
    pub(crate) answers: VecDeque<Result<EndpointResponse, HttpError>>,
    /// What it says to each type of message once `answers` are used up; nothing said is 200.
    pub(crate) habits: BTreeMap<String, Value>,
    /// What it says where that depends on more than the type.
    pub(crate) says: Option<fn(&Seen) -> Value>,
    pub(crate) seen: Vec<Seen>,
}

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) webhook_id: String,
    pub(crate) url: String,
    /// The address came from an answer, and is none of the hub file's.
    pub(crate) stranger: bool,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap()
    }
}

pub(crate) fn answer(status: u16, body: &Value) -> Result<EndpointResponse, HttpError> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Ok(EndpointResponse { status, headers: Vec::new(), body, truncated: false })
}

#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) shop: Arc<Mutex<Shop>>,
    pub(crate) endpoint: Arc<Mutex<Endpoint>>,
    pub(crate) events: Arc<Mutex<Vec<HubEvent>>>,
}

impl SourceClient for World {
    async fn fetch(&self, request: SourceRequest) -> Result<SourceResponse, HttpError> {
        let answer = self.shop.lock().unwrap().answer(&request);
        // A network is always waited for: whoever reads has to let others look.
        tokio::task::yield_now().await;
        answer
    }
}

impl EndpointClient for World {
    async fn post(&self, request: EndpointRequest) -> Result<EndpointResponse, HttpError> {
        let role = self.endpoint.lock().unwrap().role.clone();
        if let Some(role) = role {
            return role(&request);
        }
        let webhook_id = request.headers.iter().find(|(name, _)| name == "webhook-id").unwrap().1.clone();
        let crossdock_core::port::HeaderValue::Plain(webhook_id) = webhook_id else { panic!("an id is no secret") };
        let body = serde_json::from_str(&request.body).unwrap();
        let mut endpoint = self.endpoint.lock().unwrap();
        let stranger = request.origin == UrlOrigin::Answer;
        let seen = Seen { webhook_id, url: request.url.to_string(), stranger, body };
        let habit = match endpoint.says {
            Some(says) => says(&seen),
            None => endpoint.habits.get(seen.message()).cloned().unwrap_or_default(),
        };
        // Not while the lock is held: a poisoned lock would fail the neighbours too.
        let panics = seen.message() == "order:panic";
        endpoint.seen.push(seen);
        if panics {
            drop(endpoint);
            panic!("as told");
        }
        endpoint.answers.pop_front().unwrap_or_else(|| answer(200, &habit))
    }
}

impl Secrets for World {
    async fn secret(&self, _: &SecretName) -> Result<SecretString, PortError> {
        Ok(SecretString::from("token"))
    }
}

impl Observer for World {
    fn observe(&self, event: HubEvent) {
        self.events.lock().unwrap().push(event);
    }
}

pub(crate) struct TestHome {
    store: Guarded<Database>,
    bus: Guarded<LocalBus>,
    queues: Guarded<LocalQueues>,
    world: Guarded<World>,
    clock: TestClock,
    random: TestRandom,
    /// How often the slow lane was asked for; there is one lane here.
    asked_slow: AtomicUsize,
}

impl TestHome {
    pub(crate) fn asked_slow(&self) -> usize {
        self.asked_slow.load(Ordering::Relaxed)
    }
}

impl Home for TestHome {
    type Store = Guarded<Database>;
    type Bus = Guarded<LocalBus>;
    type Queues = Guarded<LocalQueues>;
    type Source = Guarded<World>;
    type Endpoint = Guarded<World>;
    type Secrets = Guarded<World>;

    fn store(&self) -> &Self::Store {
        &self.store
    }
    fn bus(&self) -> &Self::Bus {
        &self.bus
    }
    fn queues(&self) -> &Self::Queues {
        &self.queues
    }
    fn source(&self) -> &Self::Source {
        &self.world
    }
    fn endpoint(&self) -> &Self::Endpoint {
        &self.world
    }
    fn secrets(&self) -> &Self::Secrets {
        &self.world
    }
    fn clock(&self) -> &dyn Clock {
        &self.clock
    }
    fn random(&self) -> &dyn Random {
        &self.random
    }
    fn observer(&self) -> &dyn Observer {
        self.world.inner()
    }
    async fn slow(&self) -> &Self {
        self.asked_slow.fetch_add(1, Ordering::Relaxed);
        self
    }
}

/// The store, the world and the clock outlive a home: a home is what a crash takes away.
pub(crate) struct Stage {
    pub(crate) home: Arc<TestHome>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) router: Arc<Router>,
    pub(crate) world: World,
    pub(crate) clock: TestClock,
    pub(crate) database: Database,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with_hub(HUB).await
    }

    pub(crate) async fn with_hub(text: &str) -> Self {
        let clock = TestClock::new();
        let database = Database::in_memory(Arc::new(clock.clone()), &TestRandom::default()).await.unwrap();
        Self::of(text, clock, database)
    }

    /// On a store that takes no object, no parameter and no message with "huge" in it, as it takes none of a gigabyte.
    pub(crate) async fn without_room(file: &Path) -> Self {
        let clock = TestClock::new();
        let database = Database::open(file, Arc::new(clock.clone()), &TestRandom::default()).await.unwrap();
        let connection = rusqlite::Connection::open(file).unwrap();
        for (table, column) in [("versions", "body"), ("parameters", "value"), ("messages", "body")] {
            let trigger = format!(
                "CREATE TRIGGER no_room_in_{table} BEFORE INSERT ON {table} WHEN instr(NEW.{column}, 'huge')
                 BEGIN SELECT zeroblob(2000000000); END"
            );
            connection.execute_batch(&trigger).unwrap();
        }
        Self::of(HUB, clock, database)
    }

    fn of(text: &str, clock: TestClock, database: Database) -> Self {
        let hub = match hub::load("hub.yaml", text, &|_| None) {
            Ok(loaded) => Arc::new(loaded.hub),
            Err(faults) => panic!("{faults}"),
        };
        let router = Arc::new(Router::new(&hub));
        let world = World::default();
        world.shop.lock().unwrap().page_size = 2;
        let home = Arc::new(home(&database, &world, &clock, &router, Faults::default()));
        Self { home, hub, router, world, clock, database }
    }

    /// The same store and world behind a new process with these faults.
    pub(crate) fn restart(&mut self, faults: Faults) {
        self.home = Arc::new(home(&self.database, &self.world, &self.clock, &self.router, faults));
    }

    /// Another process at the same time.
    pub(crate) fn beside(&self, faults: Faults) -> TestHome {
        home(&self.database, &self.world, &self.clock, &self.router, faults)
    }

    pub(crate) fn orders(&self) -> CollectionKey {
        CollectionKey { source: "shop".parse().unwrap(), collection: "orders".parse().unwrap() }
    }

    pub(crate) fn endpoint(&self) -> EndpointName {
        "books".parse().unwrap()
    }

    /// Creates or changes an order; its time of change is now.
    pub(crate) fn put(&self, number: &str, fields: &Value) {
        let now = self.clock.now().to_string();
        let mut shop = self.world.shop.lock().unwrap();
        let order =
            shop.orders.entry(number.to_owned()).or_insert_with(|| json!({"number": number, "created_at": now}));
        let order = order.as_object_mut().unwrap();
        order.insert("updated_at".to_owned(), json!(now));
        order.extend(fields.as_object().unwrap().clone());
    }

    pub(crate) async fn poll(&self) -> Result<PollReport, PollError> {
        let poller = Poller::new(&*self.home, &self.hub, &self.router, owner());
        poller.poll(&self.orders()).await
    }

    /// One batch through the dispatcher, its entries settled as the loop would.
    pub(crate) async fn dispatch_once(&self) -> usize {
        self.dispatch_for(&self.endpoint()).await
    }

    /// The same for any endpoint of the hub.
    pub(crate) async fn dispatch_for(&self, endpoint: &EndpointName) -> usize {
        dispatch(&self.home, &self.hub, &self.router, endpoint).await
    }

    /// Time passes, polls, sweeps and dispatches happen, until nothing more does.
    pub(crate) async fn settle(&self) {
        let mut idle = 0;
        while idle < 8 {
            self.clock.advance(Duration::from_secs(61));
            let stored = self.poll().await.map_or(0, |report| report.stored);
            let published = publish_stale(&*self.home, &self.router, &owner(), pending()).await;
            let published = published.map_or(0, |(published, _)| published.accepted);
            let fired = timer::fire(&*self.home, &self.hub).await.unwrap_or(0);
            let dispatched = self.dispatch_once().await;
            idle = if stored == 0 && published == 0 && fired == 0 && dispatched == 0 { idle + 1 } else { 0 };
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.world.endpoint.lock().unwrap().seen.clone()
    }

    /// Types of what arrived, in order.
    pub(crate) fn arrived(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.message().to_owned()).collect()
    }

    /// Types of what was put on the bus, in order.
    pub(crate) fn emitted(&self) -> Vec<String> {
        let events = self.world.events.lock().unwrap();
        let emitted = events.iter().filter(|event| event.event == EventName::MessageEmitted);
        emitted.filter_map(|event| event.message.clone()).collect()
    }

    pub(crate) fn answers(&self, answers: impl IntoIterator<Item = Result<EndpointResponse, HttpError>>) {
        self.world.endpoint.lock().unwrap().answers.extend(answers);
    }

    pub(crate) async fn dead_letters(&self) -> Vec<crossdock_core::redrive::DeadLetter> {
        crossdock_core::redrive::list(&*self.home, &self.endpoint()).await.unwrap()
    }
}

/// One batch through a dispatcher of this home.
pub(crate) async fn dispatch(
    home: &Arc<TestHome>,
    hub: &Arc<Hub>,
    router: &Arc<Router>,
    endpoint: &EndpointName,
) -> usize {
    let queue = QueueName::Endpoint(endpoint.clone());
    let Ok(received) = home.queues().receive(&queue, 10, Duration::from_secs(60)).await else { return 0 };
    let receipts: Vec<String> = received.iter().map(|one| one.receipt.clone()).collect();
    let dispatcher = Dispatcher::new(home.clone(), hub.clone(), router.clone());
    let dispositions = dispatcher.dispatch(endpoint, received).await;
    for (receipt, disposition) in receipts.iter().zip(dispositions) {
        // A call that fails leaves the entry to its visibility.
        let _ = match disposition {
            Disposition::Delete => home.queues().delete(&queue, receipt).await,
            Disposition::RetryIn(wait) => home.queues().change_visibility(&queue, receipt, wait).await,
        };
    }
    receipts.len()
}

fn home(database: &Database, world: &World, clock: &TestClock, router: &Arc<Router>, faults: Faults) -> TestHome {
    let queues = LocalQueues::new(database.clone(), QueueSettings { max_receive_count: 1_000 });
    let router = router.clone();
    let targets = Arc::new(move |message: &Message| match message.message.as_str() {
        "order:huge" => Err("it is too large for this bus".to_owned()),
        _ => router.targets(message).map_err(|error| error.to_string()),
    });
    TestHome {
        bus: Guarded::new(LocalBus::new(queues.clone(), targets), faults.clone()),
        queues: Guarded::new(queues, faults.clone()),
        store: Guarded::new(database.clone(), faults.clone()),
        world: Guarded::new(world.clone(), faults),
        clock: clock.clone(),
        random: TestRandom::default(),
        asked_slow: AtomicUsize::new(0),
    }
}
