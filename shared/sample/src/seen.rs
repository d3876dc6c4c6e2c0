//! What the sample's servers noticed: the requests the endpoints received and the lists the hub has read to their end.
//! The scene goes by this and by nothing else; it knows nothing of the inside of a hub.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use crate::{clock, post::Post, store::Collection};

/// One request that an endpoint received. As JSON it is a line of what `crossdock sample` prints; the body stays behind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    /// The sample's own name for the endpoint, whatever the hub calls it: `email`, `accounting`, `store`.
    pub endpoint: String,
    pub path: String,
    /// The header of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_id: Option<String>,
    /// The message's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The object's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The object's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The HTTP status that was answered.
    pub status: u16,
    pub at: Timestamp,
    /// Null where it could not be read.
    #[serde(skip)]
    pub body: Arc<Value>,
}

/// Told of every request, before it is answered. Must not block.
pub type OnRequest = Arc<dyn Fn(&Seen) + Send + Sync>;

#[derive(Default)]
struct Notes {
    seen: Vec<Seen>,
    orders_read: bool,
    shipments_read: bool,
}

pub(crate) struct Notebook {
    notes: Mutex<Notes>,
    on_request: Option<OnRequest>,
    /// Marks that something was added.
    added: watch::Sender<()>,
}

impl fmt::Debug for Notebook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notebook").field("requests", &self.notes().seen.len()).finish_non_exhaustive()
    }
}

impl Notebook {
    pub(crate) fn new(on_request: Option<OnRequest>) -> Self {
        Self { notes: Mutex::default(), on_request, added: watch::Sender::new(()) }
    }

    pub(crate) fn request(&self, endpoint: &str, path: &str, post: &Post, status: StatusCode) {
        let seen = Seen {
            endpoint: endpoint.to_owned(),
            path: path.to_owned(),
            webhook_id: post.webhook_id.clone(),
            message: post.message().map(str::to_owned),
            object: post.object_id().map(str::to_owned),
            version: post.version(),
            status: status.as_u16(),
            at: clock::time(clock::now()),
            body: Arc::clone(&post.body),
        };
        if let Some(on_request) = &self.on_request {
            on_request(&seen);
        }
        self.notes().seen.push(seen);
        self.added.send_replace(());
    }

    /// The last page of a collection was handed out.
    pub(crate) fn read_to_the_end(&self, collection: Collection) {
        {
            let mut notes = self.notes();
            match collection {
                Collection::Orders => notes.orders_read = true,
                Collection::Shipments => notes.shipments_read = true,
            }
        }
        self.added.send_replace(());
    }

    pub(crate) fn was_read(&self, collection: Collection) -> bool {
        match collection {
            Collection::Orders => self.notes().orders_read,
            Collection::Shipments => self.notes().shipments_read,
        }
    }

    /// How many requests to `endpoint` about the object were answered with a status and carried an object that both
    /// please the caller.
    pub(crate) fn count(
        &self,
        endpoint: &str,
        object: &str,
        status: fn(u16) -> bool,
        carried: impl Fn(&Value) -> bool,
    ) -> usize {
        let fits = |seen: &&Seen| {
            seen.endpoint == endpoint
                && seen.object.as_deref() == Some(object)
                && status(seen.status)
                && Post { webhook_id: None, body: Arc::clone(&seen.body), fault: None }.object().is_some_and(&carried)
        };
        self.notes().seen.iter().filter(fits).count()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.notes().seen.clone()
    }

    /// Waits until it is so; `false` if it is not within `limit`.
    pub(crate) async fn until(&self, limit: Duration, so: impl Fn(&Self) -> bool) -> bool {
        tokio::time::timeout(limit, self.ever(so)).await.is_ok()
    }

    /// Waits until it is so, for as long as it takes.
    pub(crate) async fn ever(&self, so: impl Fn(&Self) -> bool) {
        let mut added = self.added.subscribe();
        // The sender lives in `self`, so there is always another change to wait for.
        while !so(self) && added.changed().await.is_ok() {}
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
