//! A shop that never rests, and remembers everything that ever happened in it, so that the hub can be held to each
//! change: orders with payments inside, and their shipments, to which tracking numbers are written back.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use serde_json::{Value, json};

use crate::support::{Reply, Request, now, random::Random, table};

pub(crate) const ORDERS: &str = "orders";
pub(crate) const SHIPMENTS: &str = "shipments";

const OLD_ORDERS: u64 = 60;
const PAGE_SIZE: usize = 10;

/// What may happen in the shop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Happening {
    Purchase,
    ChangeOfMind,
    Payment,
    Cancellation,
    /// A parcel is packed.
    Parcel,
}

/// A record and what it was, oldest first; `updated_at` is left out of its history, since it says nothing.
#[derive(Debug, Clone)]
pub(crate) struct Thing {
    pub(crate) history: Vec<Value>,
    /// It was there before any hub.
    pub(crate) old: bool,
    pub(crate) updated_at: String,
}

impl Thing {
    pub(crate) fn newest(&self) -> &Value {
        &self.history[self.history.len() - 1]
    }

    fn row(&self) -> Value {
        let mut row = self.newest().clone();
        row[table::UPDATED_AT] = json!(self.updated_at);
        row
    }
}

pub(crate) type Things = BTreeMap<String, Thing>;

struct State {
    random: Random,
    things: BTreeMap<&'static str, Things>,
    orders: u64,
    /// Milliseconds since 1970: no two changes share one.
    last: i64,
}

pub(crate) struct Shop(Mutex<State>);

impl Shop {
    /// With orders from years ago.
    pub(crate) fn new(random: Random) -> Self {
        let mut state = State { random, things: BTreeMap::new(), orders: 0, last: 1_600_000_000_000 };
        for _ in 0..OLD_ORDERS {
            let at = state.last + 60_000;
            state.order(at, true);
        }
        Self(Mutex::new(state))
    }

    /// What a hub asks.
    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let state = self.state();
        let rows = |collection: &str| state.things[collection].values().map(Thing::row).collect::<Vec<_>>();
        match request.path() {
            "/api/orders" => table::page(&rows(ORDERS), PAGE_SIZE, request),
            "/api/shipments" => table::page(&rows(SHIPMENTS), PAGE_SIZE, request),
            _ => Reply::status(404),
        }
    }

    /// The tracking number of a shipment; `false` where there is no such shipment. The same again changes nothing.
    pub(crate) fn ship(&self, number: &str, tracking: &str) -> bool {
        let mut state = self.state();
        let Some(shipment) = state.things[SHIPMENTS].get(number) else { return false };
        if shipment.newest()["tracking"] != tracking {
            state.change(SHIPMENTS, number, |shipment| {
                shipment["state"] = json!("shipped");
                shipment["tracking"] = json!(tracking);
            });
        }
        true
    }

    /// Something happens.
    pub(crate) fn stir(&self) {
        let happening = match self.state().random.below(10) {
            0..3 => Happening::Purchase,
            3..6 => Happening::ChangeOfMind,
            6 | 7 => Happening::Payment,
            8 => Happening::Cancellation,
            _ => Happening::Parcel,
        };
        self.happen(happening);
    }

    /// To any of its records.
    pub(crate) fn happen(&self, happening: Happening) {
        let mut state = self.state();
        match happening {
            Happening::Purchase => {
                let at = state.tick();
                state.order(at, false);
            }
            Happening::ChangeOfMind => {
                let (number, total) = (state.any(ORDERS), state.total());
                state.change(ORDERS, &number, |order| {
                    order["total"] = json!(total);
                    order["items"] = json!([{"sku": "A", "quantity": order["revision"]}, {"sku": "B"}]);
                });
            }
            Happening::Payment => {
                let number = state.any(ORDERS);
                state.change(ORDERS, &number, |order| {
                    let payments = order["payments"][0]["captures"].as_u64().unwrap();
                    order["payments"][0]["captures"] = json!(payments + 1);
                });
            }
            Happening::Cancellation => {
                let number = state.any(ORDERS);
                // Once is for ever; a second time is a change as any other.
                state.change(ORDERS, &number, |order| order["state"] = json!("canceled"));
            }
            Happening::Parcel => {
                let number = state.any(SHIPMENTS);
                state.change(SHIPMENTS, &number, |shipment| {
                    if shipment["state"] == "pending" {
                        shipment["state"] = json!("ready");
                    }
                });
            }
        }
    }

    pub(crate) fn things(&self, collection: &str) -> Things {
        self.state().things[collection].clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn tick(&mut self) -> i64 {
        self.last = now().as_millisecond().max(self.last + 1);
        self.last
    }

    fn total(&mut self) -> String {
        format!("{}.{:02}", 50 + self.random.below(100), self.random.below(100))
    }

    /// An order and its shipment.
    fn order(&mut self, at: i64, old: bool) {
        self.orders += 1;
        self.last = at;
        let number = format!("R{:06}", self.orders);
        let shipment = format!("H{:06}", self.orders);
        let created_at = text(at);
        let total = self.total();
        let order = json!({
            "number": number, "created_at": created_at, "revision": 1, "state": "complete", "total": total,
            "email": "zoë@example.com", "items": [{"sku": "A", "quantity": 1}],
            "payments": [{"id": "P1", "captures": 0, "amount": total}],
        });
        let parcel = json!({
            "number": shipment, "order_number": number, "created_at": created_at, "revision": 1, "state": "pending",
        });
        for (collection, id, body) in [(ORDERS, number, order), (SHIPMENTS, shipment, parcel)] {
            let thing = Thing { history: vec![body], old, updated_at: created_at.clone() };
            self.things.entry(collection).or_default().insert(id, thing);
        }
    }

    fn any(&mut self, collection: &str) -> String {
        let ids: Vec<String> = self.things[collection].keys().cloned().collect();
        self.random.pick(&ids).clone()
    }

    fn change(&mut self, collection: &str, id: &str, change: impl FnOnce(&mut Value)) {
        let at = self.tick();
        let thing = self.things.get_mut(collection).and_then(|things| things.get_mut(id)).unwrap();
        let mut body = thing.newest().clone();
        body["revision"] = json!(body["revision"].as_u64().unwrap() + 1);
        change(&mut body);
        thing.history.push(body);
        thing.updated_at = text(at);
    }
}

fn text(milliseconds: i64) -> String {
    table::stamp(jiff::Timestamp::from_millisecond(milliseconds).unwrap())
}
