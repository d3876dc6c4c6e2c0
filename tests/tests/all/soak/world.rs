//! The world around the hub: a shop whose items change all the time, somebody who pushes, and endpoints of every temper.
//! As many objects as there ever will be are there from the beginning, so that a hub that forgets need not grow.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::books::Books;
use crate::support::{Reply, Request, client::call, now, random::Random, table};

pub(super) const TOKEN: &str = "push-me";

const ITEMS: u64 = 100;
const SKUS: u64 = 20;
/// What the hub comes to know.
pub(super) const OBJECTS: u64 = ITEMS + SKUS;

const PAGE_SIZE: usize = 50;
/// Between two things that happen, in milliseconds, at most.
const PAUSE: u64 = 50;
/// How long the endpoint that is down now and then stays as it is, in milliseconds.
const PHASE: i64 = 1_500;

struct Item {
    revision: u64,
    updated_at: jiff::Timestamp,
}

#[derive(Default)]
struct State {
    /// The next message for the endpoint that wants its rest is refused with 410.
    wants_rest: bool,
    items: Vec<Item>,
    /// By SKU.
    stock: BTreeMap<u64, u64>,
    /// Message and path of everything that was taken.
    taken: BTreeSet<(String, String)>,
    /// The message with the newest revision of each item that was taken.
    newest: BTreeMap<String, Value>,
    /// Messages that a push was promised.
    notes: BTreeSet<String>,
    requests: u64,
}

pub(super) struct World(Mutex<State>);

pub(super) fn number(item: u64) -> String {
    format!("I{item:03}")
}

/// The revision that a message about an item tells of.
fn revision(message: &Value) -> u64 {
    message["payload"]["item"]["actual"]["revision"].as_u64().unwrap()
}

impl World {
    pub(super) fn new() -> Self {
        let items = (0..ITEMS).map(|_| Item { revision: 1, updated_at: now() }).collect();
        Self(Mutex::new(State { items, ..State::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// From now on an endpoint wants to be left alone.
    pub(super) fn wants_rest(&self) {
        self.state().wants_rest = true;
    }

    pub(super) fn change(&self, item: u64) {
        let item = &mut self.state().items[item as usize];
        item.revision += 1;
        // No two changes of an item have one time, to the millisecond.
        item.updated_at = now().max(item.updated_at + Duration::from_millis(1));
    }

    pub(super) fn revision(&self, item: u64) -> u64 {
        self.state().items[item as usize].revision
    }

    /// The message about the newest revision of an item.
    pub(super) fn told(&self, item: &str) -> Option<Value> {
        self.state().newest.get(item).cloned()
    }

    /// Whether a message of this id arrived at this path and was taken.
    pub(super) fn took(&self, message: &str, path: &str) -> bool {
        self.state().taken.contains(&(message.to_owned(), path.to_owned()))
    }

    pub(super) fn taken(&self) -> BTreeSet<(String, String)> {
        self.state().taken.clone()
    }

    pub(super) fn notes(&self) -> BTreeSet<String> {
        self.state().notes.clone()
    }

    /// Whether the last state of everything has become a message, and each item's has arrived.
    pub(super) fn is_known(&self, books: &Books) -> bool {
        let state = self.state();
        let items = (0..ITEMS)
            .all(|item| state.newest.get(&number(item)).map(revision) == Some(state.items[item as usize].revision));
        items && state.notes.iter().all(|note| books.knows(note))
    }

    /// Until it is told to stop: changes of items, now and then a push.
    pub(super) async fn live(&self, hub: &str, random: &mut Random, stopped: &watch::Receiver<bool>) {
        let push = |body: Value, key: Option<String>| {
            let request = call("POST", format!("{hub}/push/shop")).bearer(TOKEN).json(&body);
            let request = match key {
                Some(key) => request.header("idempotency-key", &key),
                None => request,
            };
            async move {
                let response = request.send().await;
                assert_eq!(response.status, 202, "{}", response.body);
                response.json()
            }
        };
        // Every object there will be.
        for sku in 0..SKUS {
            self.state().stock.insert(sku, 0);
            push(json!({"stock": [{"sku": sku, "count": 0}]}), None).await;
        }
        for number in 0_u64.. {
            if *stopped.borrow() {
                return;
            }
            self.change(random.below(ITEMS));
            match number % 8 {
                0 => {
                    let sku = random.below(SKUS);
                    let count = self.state().stock.get(&sku).map_or(0, |count| count + 1);
                    self.state().stock.insert(sku, count);
                    push(json!({"stock": [{"sku": sku, "count": count}]}), None).await;
                }
                4 => {
                    let note = json!({"message": "note:taken", "payload": {"note": {"text": "x".repeat(500)}}});
                    let key = Some(format!("note {number}"));
                    let first = push(note.clone(), key.clone()).await;
                    // Sent again at once, it is the same.
                    let second = push(note, key).await;
                    assert_eq!(first["message_ids"], second["message_ids"]);
                    let id = first["message_ids"][0].as_str().unwrap().to_owned();
                    self.state().notes.insert(id);
                }
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(random.below(PAUSE))).await;
        }
    }

    /// What the hub asks, and what it brings.
    pub(super) fn answer(&self, request: &Request) -> Reply {
        let mut state = self.state();
        state.requests += 1;
        match request.path() {
            "/items" => return table::page(&state.rows(), PAGE_SIZE, request),
            "/stock" => return Reply::json(200, &json!([])),
            "/failing" => {
                let notifications = json!([{"level": "error", "subject": "no", "description": "not today"}]);
                return Reply::json(500, &json!({"notifications": notifications}));
            }
            "/hanging" => return Reply::Silence,
            "/flapping" if now().as_millisecond() / PHASE % 2 == 0 => {
                return if state.requests.is_multiple_of(2) { Reply::Reset } else { Reply::status(503) };
            }
            // What comes after it waits until the endpoint is let go on.
            "/resting" if std::mem::take(&mut state.wants_rest) => return Reply::status(410),
            _ => {}
        }
        state.take(request)
    }
}

impl State {
    fn rows(&self) -> Vec<Value> {
        let row = |(rank, item): (u64, &Item)| {
            json!({
                "number": number(rank), "rank": rank, "revision": item.revision, "text": "y".repeat(300),
                table::UPDATED_AT: table::stamp(item.updated_at),
            })
        };
        (0..).zip(&self.items).map(row).collect()
    }

    fn take(&mut self, request: &Request) -> Reply {
        let message = request.json();
        self.taken.insert((message["message_id"].as_str().unwrap().to_owned(), request.path().to_owned()));
        match request.path() {
            "/quick" => {
                let item = message["payload"]["item"]["actual"]["number"].as_str().unwrap().to_owned();
                let receipt = json!({"message": "receipt:made", "payload": {"receipt": {"for": item}}});
                let receipts = if revision(&message).is_multiple_of(5) { vec![receipt] } else { Vec::new() };
                if self.newest.get(&item).is_none_or(|newest| revision(newest) < revision(&message)) {
                    self.newest.insert(item, message);
                }
                Reply::json(200, &json!({"parameters": {"token": self.requests}, "messages": receipts}))
            }
            "/slow" => Reply::Late(Duration::from_millis(300), Box::new(Reply::status(202))),
            "/quick/receipts" | "/flapping" | "/resting" => Reply::status(202),
            _ => Reply::status(404),
        }
    }
}
