//! The sample store: orders and their shipments, and what can happen to them.
//!
//! A change is in the file before anybody sees it, so a store that is killed and started again has lost nothing and
//! repeats nothing. Every change gets an `updated_at` of its own, later than every one before it, whatever the
//! machine's clock does. Every change is also kept in a list, so that a test can account for each.

mod admin;
mod fields;
mod file;
mod server;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) use self::server::{VARIABLE, router};
use self::{
    fields::{fields_of, free_number, merge, refuse_own},
    file::StateFile,
};
use crate::{clock, goods};

/// What the old orders are made up from.
const SEED: u64 = 2013;

/// Why the store refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no {what} {id:?}")]
    Unknown { what: &'static str, id: String },
    /// It cannot be done to this object as it is now.
    #[error("{0}")]
    Conflict(String),
    /// It cannot be done to any object.
    #[error("{0}")]
    Invalid(String),
    #[error("the store's state could not be kept")]
    Io(#[from] io::Error),
}

/// One list of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Collection {
    Orders,
    Shipments,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Created,
    Changed,
    /// Saved again with nothing but a new `updated_at`: no news for anybody.
    Touched,
    Canceled,
    Ready,
    Shipped,
}

/// One change of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub collection: Collection,
    /// The order's or shipment's number.
    pub id: String,
    pub kind: ChangeKind,
    /// What the object's `updated_at` became.
    pub updated_at: Timestamp,
}

/// An order or a shipment.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    updated_at: Timestamp,
    /// All but `updated_at`.
    body: Map<String, Value>,
}

impl Record {
    /// As the store's API shows it.
    fn view(&self) -> Value {
        let mut body = self.body.clone();
        body.insert("updated_at".to_owned(), json!(clock::text(self.updated_at)));
        Value::Object(body)
    }

    fn text(&self, field: &str) -> &str {
        self.body.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

type Records = BTreeMap<String, Arc<Record>>;

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// How many order numbers have been given out.
    numbers: u64,
    orders: Records,
    shipments: Records,
    changes: Vec<Arc<Change>>,
}

impl State {
    fn first() -> Self {
        let (orders, shipments) = goods::past(SEED);
        let records = |made: Vec<goods::Made>| {
            made.into_iter()
                .map(|made| (made.id, Arc::new(Record { updated_at: clock::time(made.updated_at), body: made.body })))
                .collect()
        };
        Self { numbers: goods::OLD_ORDERS, orders: records(orders), shipments: records(shipments), changes: Vec::new() }
    }

    fn collection(&self, collection: Collection) -> &Records {
        match collection {
            Collection::Orders => &self.orders,
            Collection::Shipments => &self.shipments,
        }
    }

    fn order(&self, number: &str) -> Result<&Record, StoreError> {
        self.orders
            .get(number)
            .map(AsRef::as_ref)
            .ok_or_else(|| StoreError::Unknown { what: "order", id: number.to_owned() })
    }

    fn shipment(&self, number: &str) -> Result<&Record, StoreError> {
        self.shipments
            .get(number)
            .map(AsRef::as_ref)
            .ok_or_else(|| StoreError::Unknown { what: "shipment", id: number.to_owned() })
    }

    /// When the next change happens: now, or a millisecond after the last one where the clock has not moved on.
    fn next_moment(&self) -> i64 {
        let last = self.changes.last().map_or(i64::MIN, |change| change.updated_at.as_millisecond());
        clock::now().max(last.saturating_add(1))
    }

    fn next_number(&mut self) -> String {
        loop {
            self.numbers += 1;
            let number = goods::order_number(self.numbers);
            if !self.orders.contains_key(&number) {
                return number;
            }
        }
    }

    fn put(&mut self, collection: Collection, id: &str, kind: ChangeKind, body: Map<String, Value>) -> Value {
        let record = Arc::new(Record { updated_at: clock::time(self.next_moment()), body });
        let view = record.view();
        self.changes.push(Arc::new(Change { collection, id: id.to_owned(), kind, updated_at: record.updated_at }));
        match collection {
            Collection::Orders => self.orders.insert(id.to_owned(), record),
            Collection::Shipments => self.shipments.insert(id.to_owned(), record),
        };
        view
    }
}

/// One page of a collection, oldest change first, then by number.
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    /// Objects that the filter lets through, on all pages.
    pub(crate) count: usize,
    /// At least one: the first page of nothing is an empty page.
    pub(crate) pages: usize,
}

/// Every call that changes something waits for the disk.
pub(crate) struct Store {
    file: StateFile,
    state: Mutex<State>,
}

impl Store {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let file = StateFile::open(folder)?;
        let state = match file.read()? {
            Some(state) => state,
            None => {
                let state = State::first();
                file.write(&state)?;
                state
            }
        };
        Ok(Self { file, state: Mutex::new(state) })
    }

    /// Lets another process have the state, once a change under way is done.
    pub(crate) fn close(&self) -> io::Result<()> {
        let _state = self.state();
        self.file.unlock()
    }

    /// A number no order has had. It is used up, even if no order is made with it.
    pub(crate) fn reserve_number(&self) -> Result<String, StoreError> {
        self.edit(|state| Ok(state.next_number()))
    }

    /// Makes an order and its shipment; what `fields` does not say is made up. `number` may be given.
    pub(crate) fn create_order(&self, fields: &Value) -> Result<Value, StoreError> {
        let mut fields = fields_of(fields)?;
        let number = fields.remove("number");
        refuse_own(&fields)?;
        self.edit(|state| {
            let number = match &number {
                None => state.next_number(),
                Some(given) => free_number(state, given)?,
            };
            let created_at = state.next_moment();
            let mut body = goods::fresh_order(SEED, state.numbers, &number, created_at);
            merge(&mut body, &fields);
            let shipment = goods::shipment(&body, created_at);
            let order = state.put(Collection::Orders, &number, ChangeKind::Created, body);
            let id = goods::shipment_number(&number);
            state.put(Collection::Shipments, &id, ChangeKind::Created, shipment);
            Ok(order)
        })
    }

    /// Merges `fields` into the order (RFC 7396). What changes nothing still gives a new `updated_at`.
    pub(crate) fn change_order(&self, number: &str, fields: &Value) -> Result<Value, StoreError> {
        let fields = fields_of(fields)?;
        refuse_own(&fields)?;
        self.edit(|state| {
            let order = state.order(number)?;
            let mut body = order.body.clone();
            merge(&mut body, &fields);
            let kind = if body == order.body { ChangeKind::Touched } else { ChangeKind::Changed };
            Ok(state.put(Collection::Orders, number, kind, body))
        })
    }

    /// Cancels the order and gives the money back.
    pub(crate) fn cancel_order(&self, number: &str) -> Result<Value, StoreError> {
        self.edit(|state| {
            let order = state.order(number)?;
            if order.text("state") == "canceled" {
                return Err(StoreError::Conflict(format!("order {number} is canceled already")));
            }
            let mut body = order.body.clone();
            body.insert("state".to_owned(), json!("canceled"));
            body.insert("payment_state".to_owned(), json!("refunded"));
            goods::settle(&mut body, "refunded");
            Ok(state.put(Collection::Orders, number, ChangeKind::Canceled, body))
        })
    }

    /// The goods lie packed: the shipment can be picked up.
    pub(crate) fn ready_shipment(&self, number: &str) -> Result<Value, StoreError> {
        self.edit(|state| {
            let shipment = state.shipment(number)?;
            let now = shipment.text("state");
            if now != "pending" {
                return Err(StoreError::Conflict(format!("shipment {number} is {now}, expected pending")));
            }
            let mut body = shipment.body.clone();
            body.insert("state".to_owned(), json!("ready"));
            Ok(state.put(Collection::Shipments, number, ChangeKind::Ready, body))
        })
    }

    /// The shipment is on its way. Saying the same twice changes nothing: messages may come twice.
    pub(crate) fn ship(&self, number: &str, carrier: &str, tracking: &str) -> Result<Value, StoreError> {
        {
            let state = self.state();
            let shipment = state.shipment(number)?;
            if shipment.text("state") == "shipped" && shipment.text("tracking") == tracking {
                return Ok(shipment.view());
            }
        }
        self.edit(|state| {
            let mut body = state.shipment(number)?.body.clone();
            body.insert("state".to_owned(), json!("shipped"));
            body.insert("carrier".to_owned(), json!(carrier));
            body.insert("tracking".to_owned(), json!(tracking));
            Ok(state.put(Collection::Shipments, number, ChangeKind::Shipped, body))
        })
    }

    /// Every change since the store was first opened, in order.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.state().changes.iter().map(|change| Change::clone(change)).collect()
    }

    /// Page `page` (from 1) of `size` objects, of those changed at or after `since`.
    pub(crate) fn page(&self, collection: Collection, since: Option<Timestamp>, page: usize, size: usize) -> Page {
        let state = self.state();
        let mut records: Vec<&Record> = state
            .collection(collection)
            .values()
            .map(AsRef::as_ref)
            .filter(|record| since.is_none_or(|since| record.updated_at >= since))
            .collect();
        // Stable, and the map is in the order of the numbers.
        records.sort_by_key(|record| record.updated_at);
        let skipped = page.saturating_sub(1).saturating_mul(size);
        Page {
            items: records.iter().skip(skipped).take(size).map(|record| record.view()).collect(),
            count: records.len(),
            pages: records.len().div_ceil(size).max(1),
        }
    }

    /// All of it or nothing, and nothing is seen that is not in the file.
    fn edit<T>(&self, edit: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut state = self.state();
        let mut next = state.clone();
        let answer = edit(&mut next)?;
        self.file.write(&next)?;
        *state = next;
        Ok(answer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere cannot leave the state half changed: it is replaced as a whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a call that waits for the disk where waiting harms nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    store: &Arc<Store>,
    call: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = Arc::clone(store);
    match tokio::task::spawn_blocking(move || call(&store)).await {
        Ok(answer) => answer,
        Err(error) => Err(StoreError::Io(io::Error::other(error))),
    }
}

#[cfg(test)]
mod tests;
