//! What `crossdock dev` shows when it is given no hub: a sample store, sample endpoints and the scene that happens in
//! the store, together with the hub file that connects them ([`HUB_FILE`], `infra/hub.yaml`).
//!
//! The store and the endpoints are HTTP servers, each on a free port, and know nothing of the hub but what its requests
//! say; they run in the hub's process or in one of their own just the same. The hub, in turn, knows nothing of them but
//! their URLs ([`Sample::environment`]) and secrets ([`Sample::secrets`]): whatever is special about the sample is in
//! this crate and in the hub file, and names in a copy of the file can be changed at will.
//!
//! The store keeps its state in a folder, so that stopping everything and starting it again finds all orders as they
//! were. The endpoints remember what they received until they stop, and no longer.
//!
//! Deliberately absent: any use of the hub's own crates. The sample plays the outside world.

mod clock;
mod endpoints;
mod goods;
mod post;
mod scene;
mod seen;
mod serve;
mod store;

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::Arc,
};

use serde_json::Value;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    endpoints::{ENDPOINTS, Script},
    seen::Notebook,
    serve::Server,
    store::{Store, blocking},
};
pub use crate::{
    seen::{OnRequest, Seen},
    store::{Change, ChangeKind, Collection, StoreError},
};

/// The hub that connects the sample store with the sample endpoints.
pub const HUB_FILE: &str = include_str!("../../../infra/hub.yaml");

const STORE_TOKEN: &str = "sample-store-token";
const PUSH_TOKEN: &str = "sample-push-token";

/// How the sample is started.
#[derive(Clone)]
pub struct Options {
    /// Where the store keeps its state; made where there is none. One sample at a time.
    pub state_dir: PathBuf,
    /// Told of every request that an endpoint receives.
    pub on_request: Option<OnRequest>,
    /// The address the servers listen on, each on a free port of it; one that the hub can connect to.
    pub bind: IpAddr,
    /// Whether the scene happens. Without it the store changes only when it is told to.
    pub play: bool,
}

impl Options {
    /// On 127.0.0.1, with the scene.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self { state_dir: state_dir.into(), on_request: None, bind: IpAddr::V4(Ipv4Addr::LOCALHOST), play: true }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("state_dir", &self.state_dir)
            .field("on_request", &self.on_request.is_some())
            .field("bind", &self.bind)
            .field("play", &self.play)
            .finish()
    }
}

/// The running sample.
pub struct Sample {
    store: Arc<Store>,
    notebook: Arc<Notebook>,
    environment: BTreeMap<String, String>,
    servers: Vec<Server>,
    stop: watch::Sender<bool>,
    scene: Option<JoinHandle<()>>,
    played: watch::Receiver<bool>,
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sample").field("environment", &self.environment).finish_non_exhaustive()
    }
}

impl Sample {
    /// Every server listens when this returns.
    ///
    /// # Errors
    /// The store's state cannot be read or written, another sample uses its folder, or no port is to be had.
    pub async fn start(options: Options) -> io::Result<Self> {
        let Options { state_dir, on_request, bind, play } = options;
        let opened = tokio::task::spawn_blocking(move || Store::open(&state_dir)).await;
        let store = Arc::new(opened.map_err(io::Error::other)??);
        let notebook = Arc::new(Notebook::new(on_request));
        let script = Arc::new(Script::default());

        let (stop, stopped) = watch::channel(false);
        let mut routers = vec![(store::VARIABLE, store::router(Arc::clone(&store), Arc::clone(&notebook)))];
        for endpoint in &ENDPOINTS {
            let router = endpoints::router(endpoint, Arc::clone(&script), Arc::clone(&notebook));
            routers.push((endpoint.variable, router));
        }
        // A demonstration should be quick.
        let mut environment = BTreeMap::from([("POLL_EVERY".to_owned(), "1s".to_owned())]);
        let mut servers = Vec::new();
        for (variable, router) in routers {
            let server = Server::start(bind, router, stopped.clone()).await?;
            environment.insert(variable.to_owned(), server.url.clone());
            servers.push(server);
        }

        let (ended, played) = watch::channel(!play);
        let scene = play.then(|| {
            let (store, notebook) = (Arc::clone(&store), Arc::clone(&notebook));
            tokio::spawn(async move {
                if let Err(error) = scene::play(&store, &notebook, &script).await {
                    tracing::error!(error = &error as &dyn std::error::Error, "the scene broke off");
                }
                ended.send_replace(true);
            })
        });
        Ok(Self { store, notebook, environment, servers, stop, scene, played })
    }

    /// The variables of [`HUB_FILE`]: `STORE_URL` and so on, and how often it is polled.
    pub fn environment(&self) -> BTreeMap<String, String> {
        self.environment.clone()
    }

    /// The secrets that [`HUB_FILE`] names, with values that open nothing but the sample. The same at every start.
    pub fn secrets(&self) -> BTreeMap<String, String> {
        let secrets = [("store-token", STORE_TOKEN), ("push-token", PUSH_TOKEN)];
        secrets.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// Every request that an endpoint received, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.notebook.seen()
    }

    /// Waits until the last request that the scene leads to was seen, or was given up on. The scene begins when a hub
    /// has read the store for the first time, so without a hub this waits forever; without a scene, not at all.
    pub async fn played(&self) {
        // An error means that the scene's task is gone: nothing more will happen.
        let _ = self.played.clone().wait_for(|played| *played).await;
    }

    /// Answers the requests under way and stops. The folder can be used again.
    pub async fn stop(self) {
        if let Some(scene) = self.scene {
            scene.abort();
        }
        self.stop.send_replace(true);
        for server in self.servers {
            server.stopped().await;
        }
        if let Err(error) = self.store.close() {
            tracing::warn!(%error, "the sample store's folder stays locked until this process ends");
        }
    }

    /// A new order and its shipment, also `POST /admin/orders`. What `fields` does not say is made up; `number` may be
    /// given. Returns the order.
    ///
    /// # Errors
    /// The number is taken or is none, `fields` is no object or names what the store itself sets.
    pub async fn create_order(&self, fields: Value) -> Result<Value, StoreError> {
        blocking(&self.store, move |store| store.create_order(&fields)).await
    }

    /// Merges `fields` into an order (RFC 7396), also `PATCH /admin/orders/{number}`. Fields that change nothing still
    /// give it a new `updated_at`. Returns the order.
    ///
    /// # Errors
    /// There is no such order, `fields` is no object or names what the store itself sets.
    pub async fn change_order(&self, number: &str, fields: Value) -> Result<Value, StoreError> {
        let number = number.to_owned();
        blocking(&self.store, move |store| store.change_order(&number, &fields)).await
    }

    /// Also `POST /admin/orders/{number}/cancel`. Returns the order.
    ///
    /// # Errors
    /// There is no such order, or it is canceled.
    pub async fn cancel_order(&self, number: &str) -> Result<Value, StoreError> {
        let number = number.to_owned();
        blocking(&self.store, move |store| store.cancel_order(&number)).await
    }

    /// From pending to ready, also `POST /admin/shipments/{number}/ready`. Returns the shipment.
    ///
    /// # Errors
    /// There is no such shipment, or it is not pending.
    pub async fn ready_shipment(&self, number: &str) -> Result<Value, StoreError> {
        let number = number.to_owned();
        blocking(&self.store, move |store| store.ready_shipment(&number)).await
    }

    /// Every change of an order or a shipment since the folder was new, in order; also `GET /admin/changes`.
    pub fn changes(&self) -> Vec<Change> {
        self.store.changes()
    }
}
