//! How long an order takes from the source to its endpoint while 100,000 products of the same shop are polled, beside how
//! long it takes without that.
//!
//! Orders come in by push, at a steady rate that waits for nobody; returns are found by a small poll of their own. Either
//! is clocked until it is POSTed to its endpoint: an order from the moment at which its push is due, a return from the
//! shop's answer to the poll that finds it. The products are read three times: as a baseline, as they were, and changed,
//! when each is a message to another endpoint. Within each reading, windows in which the shop holds back its next page take
//! turns with windows in which it does not. What the products have set off is delivered before a window without them
//! begins.

use std::{path::Path, sync::Arc, time::Duration};

use reqwest::Client;

use crate::{
    PATIENCE, SECRET,
    arrivals::{Clocked, endpoints},
    figures::{Spread, Times},
    hub::Hub,
    load_average, now,
    shop::{DESCRIPTION, PRODUCTS, Shop},
    wait_until,
};

/// One window without the products, or with them.
const WINDOW: Duration = Duration::from_secs(2);
const PUSHES_PER_SECOND: u32 = 200;
/// How many pairs of windows make a round, of which a ratio is made. A hundredth of a round's pushes is a dozen.
const PAIRS: usize = 3;
/// Of one reading; one that is quicker is repeated, until there are so many or so few are left.
const MOST_ROUNDS: usize = 5;
/// What is not read by then is not waited for.
const LONGEST_READING: Duration = Duration::from_secs(180);

fn hub_file(shop: &str, catalogue: &str, endpoints: &str) -> String {
    format!(
        r#"
hub: lanes
limits: {{timeout: 1m}}
sources:
  shop:
    url: "{shop}"
    push: {{secret: push}}
    collections:
      orders: {{type: order, request: {{path: /orders}}, id: number, every: 1d}}
      returns: {{type: return, request: {{path: /returns}}, id: number, every: 100ms}}
  catalogue:
    url: "{catalogue}"
    collections:
      products:
        type: product
        request: {{path: /products}}
        items: products
        id: sku
        pages: {{style: cursor, param: cursor, next: next}}
        every: 100ms
endpoints:
  books: {{url: "{endpoints}/clocked", concurrency: 32}}
  search: {{url: "{endpoints}/others"}}
routes:
  - {{name: orders, messages: ["order:*", "return:*"], to: books}}
  - {{name: products, messages: ["product:*"], to: search}}
"#
    )
}

/// What is clocked, by how its names begin.
const KINDS: [(&str, &str); 2] = [("pushed", "A"), ("polled", "B")];

/// Of one kind, in one window or several.
#[derive(Default)]
struct Pair {
    without: Times,
    with: Times,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.with.percentile(99) / self.without.percentile(99)
    }
}

struct Bench {
    client: Client,
    hub: Hub,
    shop: Shop,
    clocked: Arc<Clocked>,
    pushed: u64,
}

pub(crate) async fn measure(crossdock: &Path, folder: &Path) {
    let clocked = Arc::new(Clocked::default());
    let shop = Shop::start(clocked.clone()).await;
    let file = hub_file(&shop.url, &shop.catalogue, &endpoints(clocked.clone()).await);
    let hub = Hub::start(crossdock, folder, &file, &["push"]).await;
    let mut bench = Bench { client: Client::new(), hub, shop, clocked, pushed: 0 };
    wait_until(PATIENCE, "the returns have their baseline", || bench.shop.returns_asked() >= 2).await;
    // Until everything has been used once.
    bench.window().await;
    bench.take();

    println!("| {PRODUCTS} products | read/s | orders | p50 without, with | p99 without, with | p99 with : without |");
    println!("|---|---|---|---|---|---|");
    bench.reading("as a baseline", 1).await;
    bench.reading("unchanged", usize::MAX).await;
    bench.shop.change_all();
    bench.reading("all changed", 1).await;
    if let Some(memory) = bench.hub.most_memory() {
        println!("most memory: {memory} MiB; load average {}", load_average());
    }
    bench.hub.stop().await;
}

impl Bench {
    /// Until all products have been read so often, or often enough measured.
    async fn reading(&mut self, how: &str, lists: usize) {
        let (begun, lists_before) = (now(), self.shop.lists());
        let mut rounds: Vec<[Pair; KINDS.len()]> = Vec::new();
        let (mut read, mut reading) = (0, Duration::ZERO);
        let is_read = |shop: &Shop| shop.lists() - lists_before >= lists as u64;
        while rounds.len() < MOST_ROUNDS && !is_read(&self.shop) && begun.elapsed() < LONGEST_READING {
            let mut round: [Pair; KINDS.len()] = Default::default();
            for _ in 0..PAIRS {
                self.window().await;
                for (pair, times) in round.iter_mut().zip(self.take()) {
                    pair.without.extend(&times);
                }
                let (opened, given) = (now(), self.shop.given());
                self.shop.open(true);
                self.window().await;
                self.shop.open(false);
                reading += opened.elapsed();
                read += self.shop.given() - given;
                for (pair, times) in round.iter_mut().zip(self.take()) {
                    pair.with.extend(&times);
                }
                self.settle().await;
                if is_read(&self.shop) {
                    break;
                }
            }
            rounds.push(round);
        }
        let rate = read as f64 / reading.as_secs_f64();
        for (kind, (name, _)) in KINDS.iter().enumerate() {
            let mut all = Pair::default();
            for round in &rounds {
                all.without.extend(&round[kind].without);
                all.with.extend(&round[kind].with);
            }
            let ratios: Spread = rounds.iter().map(|round| round[kind].ratio()).collect();
            println!(
                "| {how} | {rate:.0} | {} {name} | {:.1}, {:.1} ms | {:.1}, {:.1} ms | {:.2}; by rounds {ratios} |",
                all.without.len() + all.with.len(),
                all.without.percentile(50),
                all.with.percentile(50),
                all.without.percentile(99),
                all.with.percentile(99),
                all.ratio(),
            );
        }
        // The rest of the list, for the next reading to begin at its beginning.
        let lists = self.shop.lists();
        if read % PRODUCTS != 0 {
            self.shop.open(true);
            wait_until(PATIENCE * 2, "all products are read", || self.shop.lists() > lists).await;
            self.shop.open(false);
            self.settle().await;
        }
    }

    /// Orders and returns for as long as a window, and until they have arrived.
    async fn window(&mut self) {
        self.shop.take_returns(true);
        let begun = now();
        let mut pushing = tokio::task::JoinSet::new();
        for number in 0..PUSHES_PER_SECOND * u32::try_from(WINDOW.as_secs()).unwrap() {
            let due = begun + Duration::from_secs(1) * number / PUSHES_PER_SECOND;
            tokio::time::sleep_until(due.into()).await;
            let name = format!("A{}", self.pushed);
            self.pushed += 1;
            // From when it is due, so that a hub that keeps a pusher waiting cannot hide it.
            self.clocked.sent_at(name.clone(), due);
            let push = self.client.post(format!("{}/push/shop", self.hub.url)).bearer_auth(SECRET);
            let push = push.body(format!(r#"{{"orders":[{{"number":"{name}","state":"complete",{DESCRIPTION}}}]}}"#));
            pushing.spawn(async move { push.send().await.unwrap().status().as_u16() });
        }
        self.shop.take_returns(false);
        for status in pushing.join_all().await {
            assert_eq!(status, 202, "{}", self.hub.log());
        }
        wait_until(PATIENCE, "all orders and returns have arrived", || self.clocked.under_way() == 0).await;
    }

    fn take(&self) -> [Times; KINDS.len()] {
        KINDS.map(|(_, prefix)| self.clocked.take(prefix))
    }

    /// Until nothing more comes of the products.
    async fn settle(&self) {
        let mut seen = None;
        while seen != Some(self.clocked.others()) {
            seen = Some(self.clocked.others());
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}
