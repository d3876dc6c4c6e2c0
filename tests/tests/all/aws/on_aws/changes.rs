//! A hub that is changed while messages are on their way: a route comes, an endpoint moves, an endpoint is drained and
//! goes. What was promised before is kept, and what is promised after is what the new file says.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use crate::{
    aws::{cloud::until, deployed::Deployed},
    support::{Bench, Reply, Request, Server, now, table},
};

/// Before and after the change.
const ORDERS: usize = 20;

struct Shop {
    rows: Arc<Mutex<Vec<Value>>>,
    server: Server,
}

impl Shop {
    async fn new() -> Self {
        let rows: Arc<Mutex<Vec<Value>>> = Arc::default();
        let asked = Arc::clone(&rows);
        let server = Server::start(move |request| table::page(&asked.lock().unwrap(), 10, request)).await;
        Self { rows, server }
    }

    /// New orders, each with this word in its number.
    fn sell(&self, word: &str) {
        let at = table::stamp(now());
        let row = |place| json!({"number": format!("{word}-{place}"), "created_at": at, "updated_at": at});
        self.rows.lock().unwrap().extend((0..ORDERS).map(row));
    }
}

fn file(shop: &str, endpoints: &str, routes: &str) -> String {
    format!(
        r#"
hub: changing
sources:
  shop:
    url: "{shop}"
    collections:
      orders:
        type: order
        request: {{path: /orders}}
        items: items
        id: number
        created: created_at
        since: {{param: updated_at_gte, field: updated_at}}
        pages: {{style: page, param: page, total: pages}}
        every: 1m
endpoints:
{endpoints}
routes:
{routes}
"#
    )
}

fn endpoint(name: &str, url: &str, more: &str) -> String {
    format!("  {name}: {{url: \"{url}\", retries: [1s, 1s, 1s, 1s, 1s, 1s, 2s, 2s, 4s, 4s, 8s, 8s, 8s, 8s]{more}}}\n")
}

fn route(name: &str, to: &str) -> String {
    format!("  - {{name: {name}, messages: [\"order:new\"], to: {to}, path: /{name}}}\n")
}

/// The numbers of the orders that came in at a path, each once.
fn numbers(server: &Server, path: &str) -> BTreeSet<String> {
    let number = |request: &Request| request.json()["object"]["id"].as_str().unwrap().to_owned();
    server.seen_at(path).iter().map(number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_hub_with_messages_on_their_way_keeps_every_promise() {
    let shop = Shop::new().await;
    // Nobody takes anything before the change has been made.
    let takes = Arc::new(AtomicBool::new(false));
    let script = |takes: &Arc<AtomicBool>| {
        let takes = Arc::clone(takes);
        move |_: &_| Reply::status(if takes.load(Ordering::Relaxed) { 200 } else { 503 })
    };
    let old = Server::start(script(&takes)).await;
    let new = Server::start(|_| Reply::status(200)).await;

    let steady = endpoint("steady", old.url(), "");
    let outgoing = endpoint("outgoing", old.url(), "");
    let before = file(
        shop.server.url(),
        &(steady.clone() + &endpoint("moving", old.url(), "") + &outgoing),
        &(route("first", "steady") + &route("second", "moving") + &route("third", "outgoing")),
    );
    let hub = Deployed::new("changing", Bench::empty(), &before).await;
    // The emulator ends what runs of a function that is updated.
    hub.set_visibility(5).await;
    hub.poll("shop/orders").await;
    shop.sell("before");
    hub.poll("shop/orders").await;
    // All of them have been tried, so all of them wait.
    for path in ["/first", "/second", "/third"] {
        old.until(&format!("attempts at {path}"), |_| (numbers(&old, path).len() == ORDERS).then_some(())).await;
    }
    assert_eq!(hub.waiting().await, 3 * ORDERS as u64);

    let draining = file(
        shop.server.url(),
        &(steady.clone() + &endpoint("moving", new.url(), "") + &endpoint("outgoing", old.url(), ", drain: true")),
        &(route("first", "steady")
            + &route("second", "moving")
            + &route("third", "outgoing")
            + &route("fourth", "steady")),
    );
    hub.update(&draining).await;
    takes.store(true, Ordering::Relaxed);
    shop.sell("after");
    hub.poll("shop/orders").await;
    until("everything to be delivered", async || (hub.waiting().await == 0).then_some(())).await;

    let count = |server: &Server, path: &str, word: &str| {
        let numbers = numbers(server, path);
        numbers.iter().filter(|number| number.starts_with(word)).count()
    };
    assert!(old.seen_at("/third").len() > ORDERS, "what waited was tried again");
    assert_eq!(count(&old, "/first", "after"), ORDERS);
    assert_eq!(count(&old, "/fourth", "after"), ORDERS, "the route that came");
    assert_eq!(count(&old, "/fourth", "before"), 0);
    assert_eq!((count(&new, "/second", "before"), count(&new, "/second", "after")), (ORDERS, ORDERS), "it has moved");
    assert_eq!(count(&old, "/second", "after"), 0);
    assert_eq!(count(&old, "/third", "after"), 0, "nothing new for what is being drained");

    // What was promised is what was delivered.
    let state = hub.state().await;
    assert_eq!(state.messages.len(), 2 * ORDERS);
    let promised: usize = state.messages.values().map(|message| message["routes"].as_array().unwrap().len()).sum();
    assert_eq!(promised, 3 * ORDERS + 3 * ORDERS);
    assert_eq!(state.deliveries.len(), promised);
    for (key, delivery) in &state.deliveries {
        assert_eq!(delivery.state, "delivered", "{key:?}: {delivery:?}");
    }

    // Drained, it may go. (It shares a nested stack with `moving`: where a whole nested stack goes, the emulator, unlike AWS,
    // takes along what is to be retained.) Its queues stay: somebody may still want to look into them.
    let without = file(
        shop.server.url(),
        &(steady + &endpoint("moving", new.url(), "")),
        &(route("first", "steady") + &route("second", "moving") + &route("fourth", "steady")),
    );
    hub.update(&without).await;
    let queues = hub.cloud.queues().await;
    assert!(queues.contains(&hub.queue("outgoing")) && queues.contains(&hub.dead_letters("outgoing")), "{queues:?}");
}
