//! What the command line tells of deliveries and dead letters, as JSON.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::hub::Bench;

#[derive(Debug, Deserialize)]
pub(crate) struct Attempt {
    /// `None` where no answer came.
    pub(crate) status: Option<u64>,
    /// `None` where it was delivered.
    pub(crate) failure: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) route: String,
    pub(crate) round: u64,
    pub(crate) webhook_id: String,
    pub(crate) endpoint: String,
    pub(crate) state: String,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) reason: Option<String>,
    /// What the hub keeps of the last answer.
    pub(crate) answer: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DeadLetter {
    pub(crate) endpoint: String,
    pub(crate) message_id: String,
    pub(crate) message: String,
    pub(crate) route: String,
    pub(crate) reason: String,
    pub(crate) status: Option<u64>,
    pub(crate) attempts: u64,
}

/// A message's deliveries, the earlier rounds first.
pub(crate) async fn deliveries(bench: &Bench, message: &str) -> Vec<Delivery> {
    let shown = bench.run(&["show", message, "--json"]).await.ok().json();
    assert_eq!(shown["message"]["message_id"], message, "{shown}");
    let mut deliveries: Vec<Delivery> = read(&shown["deliveries"]);
    deliveries.sort_by_key(|delivery| delivery.round);
    deliveries
}

/// The one object of this id: its versions, and its messages with their deliveries.
pub(crate) async fn object(bench: &Bench, id: &str) -> Value {
    let mut shown = bench.run(&["show", id, "--json"]).await.ok().json();
    assert_eq!(shown["objects"].as_array().map(Vec::len), Some(1), "{shown}");
    shown["objects"][0].take()
}

pub(crate) async fn dead_letters(bench: &Bench) -> Vec<DeadLetter> {
    read(&bench.run(&["dlq", "list", "--json"]).await.ok().json())
}

pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {value}"))
}
