//! Every port of the local home, behind the fault points.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use crossdock_core::{
    event::Observer,
    fault::{Faults, Guarded},
    hub::Hub,
    port::{Clock, Home, Random},
    route::Router,
};
use crossdock_http::{AddressPolicy, BuildError, HttpClient, OsRandom, SystemClock};

use crate::{
    aside, private,
    refused::{OnRefused, Telling},
    secrets::LocalSecrets,
    store::{Database, LocalBus, LocalQueues, OpenError, QueueSettings, Targets},
};

/// Far above any retry schedule: the queue's own redrive is the last resort.
const MAX_RECEIVE_COUNT: u32 = 1_000;

/// What a local home is made from.
pub struct Setup {
    pub hub: Arc<Hub>,
    /// Folder of the state, made where it does not exist.
    pub state: PathBuf,
    pub secrets: LocalSecrets,
    pub observer: Arc<dyn Observer>,
    /// URLs written in the hub file may reach loopback.
    pub allow_loopback: bool,
    pub faults: Faults,
    /// Whom to tell of requests that found nobody listening.
    pub on_refused: Option<OnRefused>,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("state", &self.state).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Client(#[from] BuildError),
    #[error("{path}: {why}{}", advice(why))]
    State { path: String, why: io::Error },
    #[error(
        "{file} is empty, and there was a store in it before: put a backup in its place, or delete it, with the -wal \
         beside it, to begin with an empty store"
    )]
    Emptied { file: String },
    #[error(
        "the state in {state} belongs to the hub {found}, and this hub file is about {expected}; \
         give each hub a folder of its own with --state"
    )]
    OtherHub { state: String, found: String, expected: String },
    #[error(
        "another crossdock{holder} is running on {state}; stop it, or give this one another folder with --state, or its \
         hub another name in `hub:`"
    )]
    Taken { state: String, holder: String },
}

pub struct LocalHome {
    pub(crate) database: Database,
    store: Guarded<Database>,
    bus: Guarded<LocalBus>,
    queues: Guarded<LocalQueues>,
    source: Guarded<HttpClient>,
    endpoint: Guarded<Telling<HttpClient>>,
    secrets: Guarded<LocalSecrets>,
    clock: SystemClock,
    random: OsRandom,
    observer: Arc<dyn Observer>,
    /// The same home in the slow lane; of that one nothing.
    slow: Option<Box<LocalHome>>,
}

impl fmt::Debug for LocalHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalHome").finish_non_exhaustive()
    }
}

impl LocalHome {
    /// Opens the state and makes the clients. Does not take the state's lock: looking is allowed while a hub runs.
    pub async fn open(setup: Setup) -> Result<(Self, Arc<Router>), SetupError> {
        let Setup { hub, state, .. } = &setup;
        let claimed = is_claimed(state, hub)?;
        let file = database_of(state);
        if claimed && std::fs::metadata(&file).is_ok_and(|file| file.len() == 0) {
            return Err(SetupError::Emptied { file: file.display().to_string() });
        }
        close_files(state);
        let database = Database::open(&file, Arc::new(SystemClock), &OsRandom).await?;
        if !claimed {
            claim(state, hub)?;
        }
        Self::on(database, setup)
    }

    /// On a store that is empty, and gone with it: to look at what a hub would make of its sources before there is a state.
    pub async fn open_in_memory(setup: Setup) -> Result<(Self, Arc<Router>), SetupError> {
        Self::on(Database::in_memory(Arc::new(SystemClock), &OsRandom).await?, setup)
    }

    fn on(database: Database, setup: Setup) -> Result<(Self, Arc<Router>), SetupError> {
        let Setup { hub, state: _, secrets, observer, allow_loopback, faults, on_refused } = setup;
        let router = Arc::new(Router::new(&hub));
        let queues = LocalQueues::new(database.clone(), QueueSettings { max_receive_count: MAX_RECEIVE_COUNT });
        let bus = LocalBus::new(queues.clone(), targets(router.clone()));
        let policy = AddressPolicy::new(hub.networks.clone());
        let policy = if allow_loopback { policy.allowing_loopback() } else { policy };
        // A connection is driven by the thread that has opened it: what is fast must not wait for one that steps aside.
        let client = || HttpClient::new(policy.clone(), concat!("crossdock/", env!("CARGO_PKG_VERSION")));
        let (http, slow_http) = (client()?, client()?);
        let home = Self {
            store: Guarded::new(database.clone(), faults.clone()),
            bus: Guarded::new(bus, faults.clone()),
            queues: Guarded::new(queues, faults.clone()),
            endpoint: Guarded::new(Telling::new(http.clone(), on_refused.clone()), faults.clone()),
            source: Guarded::new(http, faults.clone()),
            secrets: Guarded::new(secrets, faults.clone()),
            database,
            clock: SystemClock,
            random: OsRandom,
            observer,
            slow: None,
        };
        Ok((home.with_slow_lane(slow_http, on_refused, faults), router))
    }

    fn with_slow_lane(self, http: HttpClient, on_refused: Option<OnRefused>, faults: Faults) -> Self {
        let slow = Self {
            database: self.database.slow(),
            store: Guarded::new(self.database.slow(), faults.clone()),
            bus: Guarded::new(self.bus.inner().slow(), faults.clone()),
            queues: Guarded::new(self.queues.inner().slow(), faults.clone()),
            endpoint: Guarded::new(Telling::new(http.clone(), on_refused), faults.clone()),
            source: Guarded::new(http, faults),
            secrets: self.secrets.clone(),
            clock: self.clock,
            random: self.random,
            observer: self.observer.clone(),
            slow: None,
        };
        Self { slow: Some(Box::new(slow)), ..self }
    }

    /// Whether there is a store in this folder, whatever its condition.
    pub fn is_at(state: &Path) -> bool {
        database_of(state).exists()
    }

    /// The queues with what only the local home can tell of them.
    pub fn local_queues(&self) -> &LocalQueues {
        self.queues.inner()
    }

    pub fn database(&self) -> &Database {
        &self.database
    }
}

impl Home for LocalHome {
    type Store = Guarded<Database>;
    type Bus = Guarded<LocalBus>;
    type Queues = Guarded<LocalQueues>;
    type Source = Guarded<HttpClient>;
    type Endpoint = Guarded<Telling<HttpClient>>;
    type Secrets = Guarded<LocalSecrets>;

    fn store(&self) -> &Self::Store {
        &self.store
    }
    fn bus(&self) -> &Self::Bus {
        &self.bus
    }
    fn queues(&self) -> &Self::Queues {
        &self.queues
    }
    fn source(&self) -> &Self::Source {
        &self.source
    }
    fn endpoint(&self) -> &Self::Endpoint {
        &self.endpoint
    }
    fn secrets(&self) -> &Self::Secrets {
        &self.secrets
    }
    fn clock(&self) -> &dyn Clock {
        &self.clock
    }
    fn random(&self) -> &dyn Random {
        &self.random
    }
    fn observer(&self) -> &dyn Observer {
        &*self.observer
    }
    async fn slow(&self) -> &Self {
        aside::step().await;
        self.slow.as_deref().unwrap_or(self)
    }
}

pub(crate) fn database_of(state: &Path) -> PathBuf {
    state.join("state.db")
}

/// What to do about an error of the file system, where that can be said.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room on the disk and start again",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; the state folder and the files in it must be writable for whoever runs this"
        }
        _ => "",
    }
}

/// Names the hub that a state belongs to: two hubs on one store would deliver each other's messages. It is written once
/// the store has been made.
const CLAIM: &str = "hub";

fn is_claimed(state: &Path, hub: &Hub) -> Result<bool, SetupError> {
    private::make_folder(state).map_err(|why| SetupError::State { path: state.display().to_string(), why })?;
    let path = state.join(CLAIM);
    match std::fs::read_to_string(&path) {
        Ok(found) if found == hub.name.as_str() => Ok(true),
        // Cut off while it was first written.
        Ok(found) if found.is_empty() => Ok(false),
        Ok(found) => {
            Err(SetupError::OtherHub { state: state.display().to_string(), found, expected: hub.name.to_string() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(why) => Err(SetupError::State { path: path.display().to_string(), why }),
    }
}

fn claim(state: &Path, hub: &Hub) -> Result<(), SetupError> {
    let path = state.join(CLAIM);
    private::write(&path, hub.name.as_str().as_bytes())
        .map_err(|why| SetupError::State { path: path.display().to_string(), why })
}

/// Those of ours that an older release left open to everybody on the machine.
fn close_files(state: &Path) {
    let ours = ["state.db", "state.db-wal", "state.db-shm", CLAIM, StateLock::NAME];
    let closed: Vec<&str> = ours.into_iter().filter(|name| private::close(&state.join(name))).collect();
    if !closed.is_empty() {
        tracing::warn!(
            state = %state.display(),
            "other users of this machine could read {}; from now on only its owner can",
            closed.join(", ")
        );
    }
}

/// The bus copies by the same patterns that the writer foresaw the routes by.
fn targets(router: Arc<Router>) -> Arc<Targets> {
    Arc::new(move |message| router.targets(message).map_err(|error| error.to_string()))
}

/// Held while a hub runs on a state folder, so that two never poll and deliver from one. The file says where the hub
/// listens; the lock goes with the process, however it ends.
#[derive(Debug)]
pub struct StateLock {
    path: PathBuf,
    file: File,
}

impl StateLock {
    const NAME: &str = "hub.lock";

    /// For a hub, or for a command that works on the state without being one.
    pub fn take(state: &Path) -> Result<Self, SetupError> {
        let path = state.join(Self::NAME);
        let failed = |why: io::Error| SetupError::State { path: path.display().to_string(), why };
        private::make_folder(state).map_err(failed)?;
        let mut file =
            private::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match patiently(&file) {
            Ok(()) => Ok(Self { path, file }),
            Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut at = String::new();
                let _ = file.read_to_string(&mut at);
                let holder = if at.is_empty() { String::new() } else { format!(" at {}", at.trim()) };
                Err(SetupError::Taken { state: state.display().to_string(), holder })
            }
        }
    }

    pub(crate) fn announce(&mut self, url: &str) -> Result<(), SetupError> {
        let mut write = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(url.as_bytes())
        };
        write().map_err(|why| SetupError::State { path: self.path.display().to_string(), why })
    }
}

/// Whoever only looks whether a hub runs holds the lock for a moment.
fn patiently(file: &File) -> Result<(), std::fs::TryLockError> {
    for _ in 0..20 {
        match file.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(std::time::Duration::from_millis(10)),
            taken => return taken,
        }
    }
    file.try_lock()
}

/// Where the hub that runs on this state folder listens; `None` where none runs.
pub(crate) fn running_at(state: &Path) -> Option<String> {
    let mut file = File::open(state.join(StateLock::NAME)).ok()?;
    match file.try_lock_shared() {
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut url = String::new();
            file.read_to_string(&mut url).ok()?;
            (!url.is_empty()).then_some(url)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crossdock_core::{
        event::Unobserved,
        hub,
        port::{Bus, Outbox},
    };
    use crossdock_testkit::build::{message, record};

    use super::*;

    #[tokio::test]
    async fn the_slow_lane_leads_to_the_same_store_in_small_pieces() {
        let state = tempfile::tempdir().unwrap();
        let hub = hub::load("hub.yaml", "{hub: test, endpoints: {e: {url: http://e.test}}}", &|_| None);
        let setup = Setup {
            hub: Arc::new(hub.unwrap_or_else(|faults| panic!("{faults}")).hub),
            state: state.path().to_owned(),
            secrets: LocalSecrets::new(Arc::new(|_| None), state.path()),
            observer: Arc::new(Unobserved),
            allow_loopback: false,
            faults: Faults::default(),
            on_refused: None,
        };
        let (home, _) = LocalHome::open(setup).await.unwrap();
        let store = async |home: &LocalHome, prefix: &str| {
            let pieces = home.database().write_counts().operations;
            let messages: Vec<_> = (0..20).map(|number| message(&format!("{prefix}{number}"))).collect();
            let ids: Vec<_> = messages.iter().map(|message| message.message_id).collect();
            let stored = home.store().put(messages.iter().cloned().map(record).collect()).await;
            assert!(stored.into_iter().all(|outcome| outcome == Ok(true)));
            assert!(home.bus().publish(&messages).await.iter().all(Result::is_ok));
            home.store().published(&ids).await.unwrap();
            (home.database().write_counts().operations - pieces, ids)
        };
        let (pieces, _) = store(&home, "fast").await;
        assert_eq!(pieces, 3);
        let (pieces, ids) = store(home.slow().await, "slow").await;
        assert_eq!(pieces, 10 + 10 + 2, "two messages at a time, and two lots of two times eight marks");
        assert!(home.store().messages(&ids).await.unwrap().into_iter().all(|found| found.unwrap().is_some()));
        assert!(std::ptr::eq(home.slow().await, home.slow().await.slow().await));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_state_is_for_its_user_alone() {
        use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

        let outer = tempfile::tempdir().unwrap();
        let state = outer.path().join("state");
        let hub = hub::load("hub.yaml", "{hub: test, endpoints: {e: {url: http://e.test}}}", &|_| None);
        let hub = Arc::new(hub.unwrap_or_else(|faults| panic!("{faults}")).hub);
        let open = || {
            LocalHome::open(Setup {
                hub: hub.clone(),
                state: state.clone(),
                secrets: LocalSecrets::new(Arc::new(|_| None), &state),
                observer: Arc::new(Unobserved),
                allow_loopback: false,
                faults: Faults::default(),
                on_refused: None,
            })
        };
        let modes = || -> BTreeMap<String, u32> {
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            let files = fs::read_dir(&state).unwrap().map(|file| file.unwrap().path());
            files.map(|file| (file.file_name().unwrap().display().to_string(), mode(&file))).collect()
        };
        let _lock = StateLock::take(&state).unwrap();
        let (home, _) = open().await.unwrap();
        let names = ["hub", "hub.lock", "state.db", "state.db-shm", "state.db-wal"];
        assert_eq!(modes(), BTreeMap::from(names.map(|name| (name.to_owned(), 0o600))));
        assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);

        // As older releases left it.
        for name in names {
            fs::set_permissions(state.join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
        fs::write(state.join("notes"), "not ours").unwrap();
        fs::set_permissions(state.join("notes"), fs::Permissions::from_mode(0o644)).unwrap();
        let (again, _) = open().await.unwrap();
        let mut expected = BTreeMap::from(names.map(|name| (name.to_owned(), 0o600)));
        expected.insert("notes".to_owned(), 0o644);
        assert_eq!(modes(), expected);
        again.database().clone().close().await;
        home.database().clone().close().await;
    }

    #[test]
    fn whoever_finds_a_state_taken_hears_of_every_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let mut holder = StateLock::take(folder.path()).unwrap();
        holder.announce("http://127.0.0.1:7420").unwrap();
        let error = StateLock::take(folder.path()).unwrap_err().to_string();
        let state = folder.path().display();
        let begins = format!("another crossdock at http://127.0.0.1:7420 is running on {state}; stop it, or");
        assert!(error.starts_with(&begins), "{error}");
        assert!(error.ends_with("another folder with --state, or its hub another name in `hub:`"), "{error}");
    }
}
