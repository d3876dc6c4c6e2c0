//! What a poll costs per object: 1,000 orders of about 2 KB, ten pages, read by the real poller from a source that answers
//! from memory into the local store on disk.
//!
//! *unchanged* is what nearly every poll is: everything is read and compared, and nothing written. *changed* stores a
//! version and a message of each order and puts the message into a queue. The last lines are about medians of rounds that take
//! turns: each per object, *changed* in relation to *unchanged*, and *unchanged* in relation to parsing the same pages
//! with serde_json and doing nothing else, below which no poll can get.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a bench")]

#[path = "../../core/benches/turns/mod.rs"]
mod turns;

use std::{
    cell::Cell,
    hint::black_box,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use criterion::{BatchSize, Criterion, SamplingMode, Throughput};
use crossdock_core::{
    event::{HubEvent, Observer},
    hub::{self, Hub},
    id::{CollectionKey, SecretName},
    poll::{PollReport, Poller},
    port::{
        Clock, EndpointClient, EndpointRequest, EndpointResponse, Home, HttpError, LeaseOwner, PortError, Random,
        Secrets, SourceClient, SourceRequest, SourceResponse,
    },
    route::Router,
};
use crossdock_local::{Database, LocalBus, LocalQueues, OsRandom, QueueSettings, SystemClock};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use self::turns::timed;

const ORDERS: usize = 1_000;
const PAGE: usize = 100;
const ROUNDS: usize = 11;

const HUB: &str = r#"
hub: bench
sources:
  shop:
    url: http://shop.test
    collections:
      orders:
        type: order
        request: {path: /orders}
        id: number
        pages: {style: page, param: page}
        every: 1s
        volatile: [updated_at]
        keys: {total: {path: total, as: number}, state: state}
endpoints:
  books: {url: "http://books.test/in"}
routes:
  - {name: all, messages: ["order:*"], to: books, filters: [{path: keys.total, operator: gt, value: 100}]}
"#;

fn order(place: usize) -> Value {
    let address =
        json!({"name": "Zoë Ångström", "street": "Rue de l’Abbé-de-l’Épée 9", "country": "FR", "state": null});
    let line = |number: usize| {
        json!({
            "id": 9_007_199_254_740_993_u64 + number as u64, "sku": format!("SKU-{number:04}"), "name": "Kaffeemühle",
            "quantity": 1, "price": "129.00", "tax": {"rate": 0.25, "included": true}, "discounts": [],
            "options": [{"name": "colour", "value": "röd"}, {"name": "engraving", "value": null}],
        })
    };
    json!({
        "number": format!("R{place:09}"), "state": "complete", "currency": "SEK", "total": "399.00", "weight_kg": 1.10,
        "contact": "zoë@exämple.com", "note": null, "meta": {}, "updated_at": "2026-11-21T10:00:00Z", "revision": 0,
        "billing_address": address.clone(), "shipping_address": address,
        "line_items": (0..5).map(line).collect::<Vec<_>>(),
    })
}

struct Shop(Mutex<Vec<Vec<u8>>>);

impl Shop {
    fn new() -> Self {
        let shop = Self(Mutex::default());
        shop.change_all(0);
        shop
    }

    fn change_all(&self, revision: u64) {
        let mut orders: Vec<Value> = (0..ORDERS).map(order).collect();
        orders.iter_mut().for_each(|order| order["revision"] = json!(revision));
        *self.0.lock().unwrap() = orders.chunks(PAGE).map(|page| json!(page).to_string().into_bytes()).collect();
    }

    /// What no poll can do without.
    fn parse(&self) {
        for page in &*self.0.lock().unwrap() {
            drop(black_box(serde_json::from_slice::<Value>(black_box(page)).unwrap()));
        }
    }
}

impl SourceClient for Shop {
    async fn fetch(&self, request: SourceRequest) -> Result<SourceResponse, HttpError> {
        let (_, number) = request.url.query_pairs().find(|(name, _)| name == "page").unwrap();
        let number: usize = number.parse().unwrap();
        let page = self.0.lock().unwrap().get(number - 1).cloned();
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(SourceResponse { status: 200, headers, body: page.unwrap_or_else(|| b"[]".to_vec()) })
    }
}

/// Nobody is posted to, nothing is secret, and nobody looks on.
struct Nobody;

impl EndpointClient for Nobody {
    async fn post(&self, _: EndpointRequest) -> Result<EndpointResponse, HttpError> {
        panic!("nothing is dispatched here")
    }
}

impl Secrets for Nobody {
    async fn secret(&self, _: &SecretName) -> Result<SecretString, PortError> {
        panic!("the source asks for no secret")
    }
}

impl Observer for Nobody {
    fn observe(&self, _: HubEvent) {}
}

struct BenchHome {
    store: Database,
    bus: LocalBus,
    queues: LocalQueues,
    shop: Shop,
}

impl Home for BenchHome {
    type Store = Database;
    type Bus = LocalBus;
    type Queues = LocalQueues;
    type Source = Shop;
    type Endpoint = Nobody;
    type Secrets = Nobody;

    fn store(&self) -> &Database {
        &self.store
    }
    fn bus(&self) -> &LocalBus {
        &self.bus
    }
    fn queues(&self) -> &LocalQueues {
        &self.queues
    }
    fn source(&self) -> &Shop {
        &self.shop
    }
    fn endpoint(&self) -> &Nobody {
        &Nobody
    }
    fn secrets(&self) -> &Nobody {
        &Nobody
    }
    fn clock(&self) -> &dyn Clock {
        &SystemClock
    }
    fn random(&self) -> &dyn Random {
        &OsRandom
    }
    fn observer(&self) -> &dyn Observer {
        &Nobody
    }
}

struct Bench {
    runtime: Runtime,
    home: BenchHome,
    hub: Hub,
    router: Arc<Router>,
    revision: Cell<u64>,
}

impl Bench {
    /// With the baseline stored.
    fn new(folder: &Path) -> Self {
        let hub = match hub::load("hub.yaml", HUB, &|_| None) {
            Ok(loaded) => loaded.hub,
            Err(faults) => panic!("{faults}"),
        };
        let router = Arc::new(Router::new(&hub));
        let runtime = Runtime::new().unwrap();
        let file = folder.join("state.db");
        let store = runtime.block_on(Database::open(&file, Arc::new(SystemClock), &OsRandom)).unwrap();
        let queues = LocalQueues::new(store.clone(), QueueSettings { max_receive_count: 1_000 });
        let targets = Arc::clone(&router);
        let targets = Arc::new(move |message: &_| targets.targets(message).map_err(|error| error.to_string()));
        let bus = LocalBus::new(queues.clone(), targets);
        let home = BenchHome { store, bus, queues, shop: Shop::new() };
        let bench = Self { runtime, home, hub, router, revision: Cell::new(0) };
        assert_eq!(bench.poll().baseline, Some(ORDERS as u64));
        bench
    }

    fn poll(&self) -> PollReport {
        let key = CollectionKey { source: "shop".parse().unwrap(), collection: "orders".parse().unwrap() };
        let poller = Poller::new(&self.home, &self.hub, &self.router, LeaseOwner("bench".to_owned()));
        self.runtime.block_on(poller.poll(&key)).unwrap()
    }

    fn poll_unchanged(&self) {
        let report = self.poll();
        assert_eq!((report.records, report.stored), (ORDERS as u64, 0));
    }

    fn change_all(&self) {
        self.revision.set(self.revision.get() + 1);
        self.home.shop.change_all(self.revision.get());
    }

    fn poll_changed(&self) {
        let report = self.poll();
        assert_eq!((report.stored, report.emitted), (ORDERS as u64, ORDERS as u64));
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new(folder.path());
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let mut group = criterion.benchmark_group("a poll of 1,000 orders");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(ORDERS as u64));
    group.bench_function("serde_json: parse", |bencher| bencher.iter(|| bench.home.shop.parse()));
    group.bench_function("unchanged", |bencher| bencher.iter(|| bench.poll_unchanged()));
    group.bench_function("changed", |bencher| {
        bencher.iter_batched(|| bench.change_all(), |()| bench.poll_changed(), BatchSize::PerIteration);
    });
    group.finish();
    criterion.final_summary();

    let [parse, unchanged, changed] = turns::medians(
        ROUNDS,
        [&mut || timed(|| bench.home.shop.parse()), &mut || timed(|| bench.poll_unchanged()), &mut || {
            bench.change_all();
            timed(|| bench.poll_changed())
        }],
    );
    let per_object = |time: Duration| time.as_secs_f64() * 1e6 / ORDERS as f64;
    let (parse, unchanged, changed) = (per_object(parse), per_object(unchanged), per_object(changed));
    println!("microseconds per object: parse {parse:.1}, unchanged {unchanged:.1}, changed {changed:.1}");
    println!("changed : unchanged = {:.1}, unchanged : parse = {:.2}", changed / unchanged, unchanged / parse);
}
