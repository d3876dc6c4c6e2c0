//! The hub at work, from start to stop.

use std::{fmt, io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use crossdock_core::{
    dispatch::Dispatcher,
    event::{EventName, HubEvent},
    hub::Hub,
    poll::{Tokens, Way},
    port::{Home, PortError},
    route::Router,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{
    aside::Aside,
    home::{LocalHome, Setup, SetupError, StateLock, database_of, running_at},
    intake,
    workers::{self, Polled, Served},
};

/// How long attempts in flight may take to finish when the hub is stopped; what is not finished is given back.
const GRACE: Duration = Duration::from_secs(5);

/// What a running hub needs besides its home.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where pushes come in.
    pub listen: SocketAddr,
    /// Take another port where that one is taken.
    pub any_port: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("cannot listen on {address} (name another address with --listen): {why}")]
    Listen { address: SocketAddr, why: io::Error },
    #[error("threads could not be started: {0}")]
    Threads(io::Error),
    #[error("the queues could not be made ready: {0}")]
    Queues(#[from] PortError),
}

pub struct Running {
    home: Arc<LocalHome>,
    hub: Arc<Hub>,
    router: Arc<Router>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    loops: JoinSet<()>,
    server: JoinHandle<()>,
    _aside: Aside,
    _lock: StateLock,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Running {
    pub async fn start(setup: Setup, options: Options) -> Result<Self, StartError> {
        let mut lock = StateLock::take(&setup.state)?;
        let hub = setup.hub.clone();
        let file = database_of(&setup.state);
        let (home, router) = LocalHome::open(setup).await?;
        home.database().check(&file).await.map_err(SetupError::from)?;
        let home = Arc::new(home);
        // Whoever had these in flight is gone: the lock is ours.
        home.local_queues().release_in_flight().await?;
        home.database().release_timers().await?;

        let listener = listen(&options).await?;
        let address = listener.local_addr().map_err(|why| StartError::Listen { address: options.listen, why })?;
        lock.announce(&format!("http://{address}"))?;

        let waiting = home.database().clone();
        let aside = Aside::start(move || waiting.is_waited_for()).map_err(StartError::Threads)?;
        let (stop, stopped) = watch::channel(false);
        let mut loops = JoinSet::new();
        let tokens = Arc::new(Tokens::default());
        for collection in hub.sources.values().flat_map(|source| &source.collections) {
            let reconcile = collection.reconcile.iter().map(|rule| (Way::Reconcile, rule.every));
            let fetch = collection.fetch.iter().map(|_| (Way::Fetch, workers::LOOK));
            for (way, every) in std::iter::once((Way::Poll, collection.every)).chain(reconcile).chain(fetch) {
                loops.spawn(workers::poll(
                    home.clone(),
                    hub.clone(),
                    router.clone(),
                    tokens.clone(),
                    Polled { key: collection.key.clone(), way, every },
                    aside.place(),
                    stopped.clone(),
                ));
            }
        }
        let gone = home.local_queues().endpoints().await?.into_iter().filter(|name| !hub.endpoints.contains_key(name));
        let gone = gone.inspect(|name| {
            tracing::warn!(endpoint = %name, "no longer in the hub file, and its queue is not empty: what waits is dead-lettered in an hour");
        });
        for served in hub.endpoints.values().map(Served::of).chain(gone.map(Served::gone)) {
            let dispatcher = Dispatcher::new(home.clone(), hub.clone(), router.clone());
            loops.spawn(workers::dispatch(home.clone(), hub.clone(), dispatcher, served, GRACE, stopped.clone()));
        }
        let place = aside.place();
        let housekeeping = place.handle();
        loops.spawn_on(workers::sweep(home.clone(), hub.clone(), router.clone(), stopped.clone()), housekeeping);
        loops.spawn(workers::send_due(home.clone(), hub.clone(), stopped.clone()));
        loops.spawn_on(workers::audit(home.clone(), hub.clone(), router.clone(), stopped.clone()), housekeeping);
        loops.spawn(workers::tell_of_switches(home.clone(), hub.clone(), stopped.clone()));
        loops.spawn_on(workers::expire(home.clone(), hub.retention, stopped.clone()), housekeeping);
        let (pushed, to_publish) = mpsc::channel(workers::MOST_UNPUBLISHED);
        loops.spawn(workers::publish_pushed(home.clone(), router.clone(), to_publish, stopped.clone()));
        let server = intake::serve(listener, home.clone(), hub.clone(), router.clone(), pushed, stopped);

        let started = HubEvent::new(home.clock().now(), EventName::HubStarted);
        home.observer().observe(started.because(format!("{} listens on http://{address}", hub.name)));
        Ok(Self { home, hub, router, address, stop, loops, server, _aside: aside, _lock: lock })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn home(&self) -> &Arc<LocalHome> {
        &self.home
    }

    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub fn router(&self) -> &Arc<Router> {
        &self.router
    }

    /// Where the hub that runs on this state folder listens; `None` where none runs.
    pub fn url(state: &Path) -> Option<String> {
        running_at(state)
    }

    /// Waits for what the hub cannot go on after: damage to its store, or a disk that does not keep what is written.
    pub async fn failed(&self) -> PortError {
        self.home.database().damaged().await
    }

    /// Finishes attempts in flight or gives them back, and closes the store.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.loops.join_next().await.is_some() {}
        // A pusher that takes its time is cut off; it was not answered, so it will send again.
        if tokio::time::timeout(GRACE, &mut self.server).await.is_err() {
            self.server.abort();
        }
        self.home.observer().observe(HubEvent::new(self.home.clock().now(), EventName::HubStopped));
        self.home.database().clone().close().await;
    }
}

async fn listen(options: &Options) -> Result<TcpListener, StartError> {
    let failed = |why| StartError::Listen { address: options.listen, why };
    match TcpListener::bind(options.listen).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && options.any_port => {
            TcpListener::bind(SocketAddr::new(options.listen.ip(), 0)).await.map_err(failed)
        }
        result => result.map_err(failed),
    }
}
