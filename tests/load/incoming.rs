//! How many orders a second a hub takes in, by push and by webhook, beside a bare server that reads each body and answers.
//!
//! So many connections send one order each, and the next as soon as it is answered: signed, verified over the raw bytes
//! where it is a webhook, stored as a version with its message, and durable before the answer. The message is routed, to
//! nobody: what deliveries cost is another measurement. The bare server is a process of its own too, with the same HTTP
//! server; it is sent the very same requests.

use std::{
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use crossdock_core::{
    Timestamp,
    webhook::proof::{Event, Key, Proof, sign},
};
use reqwest::Client;
use secrecy::SecretString;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    task::JoinSet,
};

use crate::{
    SECRET,
    figures::{Spread, Times},
    hub::Hub,
    listen, load_average, now,
    shop::DESCRIPTION,
};

const CONNECTIONS: usize = 32;
const WINDOW: Duration = Duration::from_secs(3);
const ROUNDS: usize = 7;

const HUB: &str = r#"
hub: incoming
sources:
  shop:
    url: http://127.0.0.1
    push: {secret: push}
    collections:
      orders: {type: order, request: {path: /orders}, id: number, every: 1d}
webhooks:
  orders: {source: shop, provider: shopify, secrets: [shopify], events: {"orders/*": {collection: orders}}}
endpoints:
  nobody: {url: "http://127.0.0.1"}
routes:
  - {name: nothing, messages: ["nothing:*"], to: nobody}
"#;

/// Answers every body that it has read; until the process ends.
pub(crate) async fn serve_bare() {
    let taken = |_: Bytes| async { StatusCode::ACCEPTED };
    println!("{}", listen(Router::new().route("/bare", post(taken))).await);
    std::future::pending::<()>().await;
}

/// The bare server in a process of its own.
struct Bare {
    url: String,
    _process: Child,
}

impl Bare {
    async fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut process = command.arg("bare").stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines.next_line().await.unwrap().expect("the bare server says where it listens");
        Self { url: format!("{url}/bare"), _process: process }
    }
}

/// What is sent to, in the order of a round.
const TAKERS: [&str; 3] = ["bare server", "push", "webhook"];

/// What one window came to.
struct Window {
    times: Times,
    per_second: f64,
    /// Of the hub's CPU, for each that was accepted.
    cpu: Option<Duration>,
}

pub(crate) async fn measure(crossdock: &Path, folder: &Path) {
    let bare = Bare::start().await;
    let hub = Hub::start(crossdock, folder, HUB, &["push", "shopify"]).await;
    let urls = [bare.url.clone(), format!("{}/push/shop", hub.url), format!("{}/webhooks/orders", hub.url)];
    // Each connection is opened, and everything used once.
    let client = Client::new();
    for url in &urls {
        window(&client, url, Duration::from_secs(1), &hub).await;
    }
    let mut rounds: Vec<[Window; TAKERS.len()]> = Vec::new();
    for _ in 0..ROUNDS {
        let [bare, push, webhook] = &urls;
        rounds.push([
            window(&client, bare, WINDOW, &hub).await,
            window(&client, push, WINDOW, &hub).await,
            window(&client, webhook, WINDOW, &hub).await,
        ]);
    }

    println!("| one order each | accepted/s | beside bare | p50 | p99 | hub's CPU each |");
    println!("|---|---|---|---|---|---|");
    for (place, name) in TAKERS.iter().enumerate() {
        let each = |read: &dyn Fn(&Window) -> f64| rounds.iter().map(|round| read(&round[place])).collect::<Spread>();
        let per_second = each(&|window| window.per_second).median();
        let beside: Spread = rounds.iter().map(|round| round[place].per_second / round[0].per_second).collect();
        let (p50, p99) = (each(&|window| window.times.percentile(50)), each(&|window| window.times.percentile(99)));
        let cpu = match (place, each(&|window| window.cpu.map_or(f64::NAN, |cpu| cpu.as_secs_f64() * 1e6)).median()) {
            (0, _) => String::new(),
            (_, cpu) => format!("{cpu:.0} µs"),
        };
        println!("| {name} | {per_second:.0} | {beside} | {p50} ms | {p99} ms | {cpu} |");
    }
    if let Some(memory) = hub.most_memory() {
        println!("most memory: {memory} MiB; load average {}", load_average());
    }
    hub.stop().await;
}

async fn window(client: &Client, url: &str, longest: Duration, hub: &Hub) -> Window {
    let (begun, cpu) = (now(), hub.cpu_time());
    let mut senders = JoinSet::new();
    for _ in 0..CONNECTIONS {
        senders.spawn(send_until(client.clone(), url.to_owned(), begun + longest));
    }
    let mut times = Times::default();
    while let Some(sent) = senders.join_next().await {
        let sent = sent.unwrap_or_else(|error| panic!("{error}\n{}", hub.log()));
        times.extend(&sent);
    }
    let accepted = u32::try_from(times.len()).unwrap();
    let per_second = f64::from(accepted) / begun.elapsed().as_secs_f64();
    let cpu = hub.cpu_time().zip(cpu).map(|(after, before)| (after - before) / accepted);
    Window { times, per_second, cpu }
}

async fn send_until(client: Client, url: String, end: Instant) -> Times {
    static ORDERS: AtomicU64 = AtomicU64::new(0);

    let key = Key::Secret(SecretString::from(SECRET));
    let mut times = Times::default();
    while now() < end {
        let number = ORDERS.fetch_add(1, Ordering::Relaxed);
        let order = format!(r#"{{"number":"R{number}","state":"complete",{DESCRIPTION}}}"#);
        let id = number.to_string();
        // All get all headers, and the hub looks at those it needs.
        let event = Event { id: &id, at: Timestamp::UNIX_EPOCH };
        let signature = sign(&Proof::Shopify, &key, event, order.as_bytes()).unwrap();
        let mut request = client.post(&url).bearer_auth(SECRET).header("x-shopify-webhook-id", &id);
        request = request.header("x-shopify-topic", "orders/create").header("content-type", "application/json");
        for (name, value) in signature {
            request = request.header(name, value);
        }
        let body = if url.ends_with("/push/shop") { format!(r#"{{"orders":[{order}]}}"#) } else { order };
        let begun = now();
        let answer = request.body(body).send().await.unwrap();
        let status = answer.status();
        let said = answer.bytes().await.unwrap();
        times.push(begun.elapsed());
        assert_eq!(status, 202, "{url}: {}", String::from_utf8_lossy(&said));
    }
    times
}
