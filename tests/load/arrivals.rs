//! What was sent when, and how long it took to arrive.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use serde::Deserialize;

use crate::{figures::Times, listen, now};

/// Of each name when it was sent, until it arrives; then how long that took.
#[derive(Default)]
pub(crate) struct Clocked {
    under_way: Mutex<HashMap<String, Instant>>,
    arrived: Mutex<HashMap<String, Duration>>,
    /// What arrives and was not clocked.
    others: AtomicU64,
}

impl Clocked {
    pub(crate) fn sent(&self, name: String) {
        self.sent_at(name, now());
    }

    pub(crate) fn sent_at(&self, name: String, at: Instant) {
        self.under_way.lock().unwrap().insert(name, at);
    }

    /// A second arrival of a name is none.
    fn arrived(&self, name: String) {
        let now = now();
        if let Some(sent) = self.under_way.lock().unwrap().remove(&name) {
            self.arrived.lock().unwrap().insert(name, now.saturating_duration_since(sent));
        }
    }

    pub(crate) fn under_way(&self) -> usize {
        self.under_way.lock().unwrap().len()
    }

    /// What has arrived since this was last asked, of names that begin so.
    pub(crate) fn take(&self, prefix: &str) -> Times {
        let mut times = Times::default();
        self.arrived.lock().unwrap().retain(|name, time| {
            let is_one = name.starts_with(prefix);
            if is_one {
                times.push(*time);
            }
            !is_one
        });
        times
    }

    pub(crate) fn others(&self) -> u64 {
        self.others.load(Ordering::Relaxed)
    }
}

/// The endpoints: one for what is clocked, by the object's id, and one for all else. Both answer at once.
pub(crate) async fn endpoints(clocked: Arc<Clocked>) -> String {
    let routes = Router::new().route("/clocked", post(arrive)).route("/others", post(count));
    listen(routes.with_state(clocked)).await
}

#[derive(Deserialize)]
struct Delivered {
    object: Named,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

async fn arrive(State(clocked): State<Arc<Clocked>>, body: Bytes) {
    let delivered: Delivered = serde_json::from_slice(&body).unwrap();
    clocked.arrived(delivered.object.id);
}

async fn count(State(clocked): State<Arc<Clocked>>, _: Bytes) {
    clocked.others.fetch_add(1, Ordering::Relaxed);
}
