//! A shop that leaves its reader no peace: 2,000 orders, changed, added and removed while pages are read, hundreds of them
//! dated alike, and a server that breaks down and talks nonsense in between.
//!
//! Every order carries its `revision` and everything it ever was is remembered, so each message can be held to the past:
//! it tells of something that was so, nothing is told twice, nothing goes backwards, and what an order is in the end has
//! been told. What came and went between two polls may go untold; so may the last words of an order that was removed. There
//! is no overlap: what is found in time is found by the way pages are stepped through, and not by a second look.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use crossdock_core::event::{EventName, HubEvent};
use serde_json::{Value, json};

use super::{
    Reading, WAYS,
    account::{account, actual, lasting, told},
    baselines, both_since, hub_file, json_server,
    shop::{Shop, id, order},
};
use crate::support::{Bench, Hub, Reply, Request, Server, now, random::Random, until};

const ORDERS: u64 = 2_000;
/// As many orders share one time: more than two pages of them.
const ALIKE: usize = 300;
const READING: Reading = Reading { every: "500ms", overlap: "0s", sizes: [100, 250] };
const CLERKS: u64 = 3;
/// Each clerk takes so many steps at least, and at most, while each way finishes a poll.
const STEPS: [usize; 2] = [12, 30];
/// Clerks have their favourites.
const FAVOURITES: u64 = 8;

struct Order {
    /// By revision. What an order was before any hub came is not told, and not kept.
    history: Vec<Value>,
    is_new: bool,
    is_gone: bool,
}

impl Order {
    fn is_touched(&self) -> bool {
        self.is_new || self.history.len() > 1
    }

    fn revision(&self) -> usize {
        self.history.len() - 1
    }
}

/// Changes orders that nobody else changes.
struct Clerk {
    random: Random,
    orders: BTreeMap<String, Order>,
    there: Vec<String>,
    next: u64,
}

impl Clerk {
    fn new(place: u64, random: Random) -> Self {
        let there: Vec<String> = (0..ORDERS).filter(|number| number % CLERKS == place).map(id).collect();
        let old = || Order { history: vec![Value::Null], is_new: false, is_gone: false };
        let orders = there.iter().map(|id| (id.clone(), old())).collect();
        Self { random, orders, there, next: ORDERS * (place + 1) }
    }

    async fn work(&mut self, shop: &Shop, enough: &AtomicBool) {
        let [least, most] = STEPS;
        for step in 0..most {
            if step >= least && enough.load(Ordering::Relaxed) {
                return;
            }
            self.step(shop).await;
        }
    }

    async fn step(&mut self, shop: &Shop) {
        let first = if self.random.one_in(2) { FAVOURITES } else { self.there.len() as u64 };
        let place = self.random.below(first) as usize;
        let id = self.there[place].clone();
        match self.random.below(12) {
            0 => {
                let mut order = order(self.next, &mut self.random);
                order["revision"] = json!(0);
                let order = shop.post(&order).await;
                let id = order["id"].as_str().unwrap().to_owned();
                self.next += 1;
                self.there.push(id.clone());
                self.orders.insert(id, Order { history: vec![lasting(&order)], is_new: true, is_gone: false });
            }
            1 => {
                shop.delete(&id).await;
                self.there.swap_remove(place);
                self.order(&id).is_gone = true;
            }
            // A save that changes nothing but the time.
            2 => drop(shop.patch(&id, &json!({})).await),
            3 => {
                let mut order = shop.get(&id).await;
                let lines = order["line_items"].as_array_mut().unwrap();
                lines.rotate_left(1);
                lines.truncate(3);
                order.as_object_mut().unwrap().remove("meta");
                order["revision"] = json!(self.order(&id).history.len());
                let order = shop.put(&id, &order).await;
                self.order(&id).history.push(lasting(&order));
            }
            _ => {
                let note = *self.random.pick(&["geändert 🌲", "", "x\u{2028}y"]);
                let total = format!("{}.00", self.random.below(3));
                let fields = json!({"revision": self.order(&id).history.len(), "note": note, "total": total});
                let order = shop.patch(&id, &fields).await;
                self.order(&id).history.push(lasting(&order));
            }
        }
    }

    fn order(&mut self, id: &str) -> &mut Order {
        self.orders.get_mut(id).unwrap()
    }
}

/// The newest revision told of each order, by way.
#[derive(Clone, Default)]
struct Newest(Arc<Mutex<BTreeMap<String, BTreeMap<String, usize>>>>);

impl Newest {
    fn note(&self, request: &Request) {
        let message = request.json();
        let (id, revision) = (&message["object"]["id"], &actual(&message)["revision"]);
        let id = id.as_str().unwrap_or_default().to_owned();
        let revision = revision.as_u64().unwrap_or_default() as usize;
        let mut ways = self.ways();
        let of_order = ways.entry(request.path().to_owned()).or_default().entry(id).or_default();
        *of_order = revision.max(*of_order);
    }

    fn ways(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, usize>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The orders whose last change has not been told yet.
    fn missing(&self, way: &str, clerks: &[Clerk]) -> Vec<String> {
        let ways = self.ways();
        let told = ways.get(&format!("/{way}"));
        let told = |id: &String| told.and_then(|orders| orders.get(id)).copied();
        let lasting = clerks.iter().flat_map(|clerk| &clerk.orders).filter(|(_, order)| !order.is_gone);
        let missing = lasting.filter(|(id, order)| order.is_touched() && told(id) != Some(order.revision()));
        missing.map(|(id, order)| format!("{id}@{}", order.revision())).collect()
    }

    async fn all(&self, clerks: &[Clerk], hub: &Hub) {
        for way in WAYS {
            let none_missing = || self.missing(way, clerks).is_empty().then_some(());
            let context = || format!("{:?}\n{}", self.missing(way, clerks), hub.story());
            until(&format!("the last of each order, {way}"), none_missing, context).await;
        }
    }
}

/// Everybody works at once, while both ways are polled.
async fn rush(shop: &Shop, hub: &Hub, clerks: &mut [Clerk; CLERKS as usize]) {
    let enough = AtomicBool::new(false);
    let so_far = hub.events().len();
    let [first, second, third] = clerks;
    let polled = async {
        both_since(hub, so_far, EventName::PollFinished, 1).await;
        enough.store(true, Ordering::Relaxed);
    };
    tokio::join!(polled, first.work(shop, &enough), second.work(shop, &enough), third.work(shop, &enough));
}

/// Somebody's program goes over the file: many orders change, and all at one time.
fn change_many_alike(shop: &Shop, clerks: &mut [Clerk; CLERKS as usize]) {
    let at = now().as_millisecond();
    let mut changed = 0;
    shop.edit(|orders| {
        // Here and there in the list, and some that have changed before.
        for row in orders.iter_mut().step_by(6).take(ALIKE) {
            let id = row["id"].as_str().unwrap().to_owned();
            let order = clerks.iter_mut().find_map(|clerk| clerk.orders.get_mut(&id)).unwrap();
            row["state"] = json!("archived");
            row["revision"] = json!(order.history.len());
            row["updated_at"] = json!(at);
            order.history.push(lasting(row));
            changed += 1;
        }
    });
    assert_eq!(changed, ALIKE);
}

/// What a server says that is not well. Whatever of it looks like an order was never one.
fn nonsense() -> Vec<Reply> {
    let part = r#"[{"id": "o-0001", "total": "666.00", "updated_at": 1}, {"id": "o-0002", "tot"#;
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 70000\r\n\r\n{part}");
    let json = |text: &str| Reply::text(200, "application/json", text);
    vec![
        Reply::text(200, "text/html", "<!doctype html><title>Down for maintenance</title>"),
        json("[]"),
        Reply::text(500, "text/plain", "TypeError: undefined is not a function"),
        Reply::Bytes(cut.into_bytes()),
        json("[]"),
        json(part),
        json("{}"),
        json(r#"{"error": "too many connections", "orders": []}"#),
        json(r#"[null, 7, "o-0001", {"id": null, "total": "666.00"}]"#),
        json("null"),
        json(""),
        Reply::status(204),
        Reply::status(302).with("location", "/login"),
        Reply::Reset,
        json("[]"),
    ]
}

/// Serves it where the shop was, until each way has had all of it.
async fn talk_nonsense(shop: &Shop, hub: &Hub) {
    let all = nonsense();
    let end = all.len();
    let turns: Arc<[AtomicUsize; WAYS.len()]> = Arc::default();
    let counted = Arc::clone(&turns);
    let server = Server::start_at(shop.port(), move |request| {
        // Only the one way asks for an order.
        let way = usize::from(request.query("_sort").is_none());
        let turn = counted[way].fetch_add(1, Ordering::Relaxed);
        all[turn % all.len()].clone()
    });
    let server = server.await;
    let told = || turns.iter().all(|turn| turn.load(Ordering::Relaxed) >= end).then_some(());
    until("each way to hear all the nonsense", told, || hub.story()).await;
    server.close().await;
}

/// Every message tells of something that was so, in the order in which it was.
fn check(way: &str, clerks: &[Clerk], endpoint: &Server) {
    let orders: BTreeMap<&String, &Order> = clerks.iter().flat_map(|clerk| &clerk.orders).collect();
    let told = told(endpoint, way);
    for (id, messages) in &told {
        let order = orders[id];
        account(way, id, order.is_new, messages);
        let revisions: Vec<usize> =
            messages.iter().map(|message| actual(message)["revision"].as_u64().unwrap() as usize).collect();
        assert!(revisions.is_sorted_by(|one, next| one < next), "{way}: {id}: {revisions:?}");
        for (revision, message) in revisions.iter().zip(messages) {
            assert_eq!(lasting(actual(message)), order.history[*revision], "{way}: {id}");
        }
    }
    let names = |pick: &dyn Fn(&Order) -> bool| -> BTreeSet<&String> {
        orders.iter().filter(|(_, order)| order.is_touched() && pick(order)).map(|(id, _)| *id).collect()
    };
    let told: BTreeSet<&String> = told.keys().collect();
    let (touched, to_be_told) = (names(&|_| true), names(&|order| !order.is_gone));
    assert!(told.is_subset(&touched), "{way}: nothing happened to {:?}", told.difference(&touched));
    assert!(told.is_superset(&to_be_told), "{way}: not told: {:?}", to_be_told.difference(&told));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_shop_loses_nothing_and_says_nothing_twice() {
    let Some(binary) = json_server() else { return };
    let mut random = Random::seeded("a busy shop");
    let mut orders: Vec<Value> = (0..ORDERS).map(|number| order(number, &mut random)).collect();
    for (place, order) in orders.iter_mut().enumerate() {
        order["revision"] = json!(0);
        // The first to be read are many alike, too.
        if place < ALIKE {
            order["updated_at"] = json!(1_600_000_000_000_i64);
        }
    }
    let mut clerks: [Clerk; CLERKS as usize] = std::array::from_fn(|place| Clerk::new(place as u64, random.split()));

    // Compressing and unpacking so much, unoptimised, would take longer than all the rest; the other test reads gzip.
    let mut shop = Shop::open(binary, &["--no-gzip"], &orders).await;
    let newest = Newest::default();
    let noted = newest.clone();
    let endpoint = Server::start(move |request| {
        noted.note(request);
        Reply::status(200)
    });
    let endpoint = endpoint.await;
    let bench = Bench::new(&hub_file(&shop.url(), endpoint.url(), &READING));
    let hub = bench.start().await;
    baselines(&hub, "2,000").await;

    rush(&shop, &hub, &mut clerks).await;

    // The shop breaks down, and what stands in for it means no harm.
    let so_far = hub.events().len();
    shop.close().await;
    both_since(&hub, so_far, EventName::SourceFailed, 1).await;
    talk_nonsense(&shop, &hub).await;
    change_many_alike(&shop, &mut clerks);
    let broken = hub.events().len();
    shop.open_again().await;
    // While the many that are dated alike are read.
    rush(&shop, &hub, &mut clerks).await;
    newest.all(&clerks, &hub).await;

    // And once more, in peace: nothing is left to be told.
    let so_many = endpoint.seen().len();
    let so_far = hub.events().len();
    both_since(&hub, so_far, EventName::PollFinished, 2).await;
    assert_eq!(endpoint.seen().len(), so_many);

    let events = hub.stop().await;
    let aside = |event: &HubEvent| event.event == EventName::RecordSetAside;
    assert!(events[..broken].iter().any(aside), "the nonsense with rows in it was heard");
    assert!(!events[broken..].iter().any(aside), "a good record was set aside");
    for way in WAYS {
        check(way, &clerks, &endpoint);
    }
}
