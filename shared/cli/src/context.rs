//! Which hub a command is about: its file, its environment, its secrets, its state.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crossdock_core::{
    event::{Observer, Unobserved},
    fault::Faults,
    hub::{self, Hub},
    id::EndpointName,
    route::Router,
};
use crossdock_local::{LocalHome, LocalSecrets, Setup, private};
use serde::{Deserialize, Serialize};

use crate::{args::Which, failure::Failure, missing, out};

type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The environment variables, and over them those of the sample.
#[derive(Clone)]
pub(crate) struct Environment(Lookup);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

impl Environment {
    pub(crate) fn new(lookup: Lookup) -> Self {
        Self(lookup)
    }

    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    /// Secrets of the hub whose state is in this folder.
    pub(crate) fn secrets(&self, state: &Path) -> LocalSecrets {
        LocalSecrets::new(self.0.clone(), &state.join("secrets"))
    }

    /// With the sample's URLs and secrets: its servers listen nowhere else, whatever else is set.
    pub(crate) fn with(&self, sample: &SampleSettings) -> Self {
        let (outer, sample) = (self.0.clone(), sample.clone());
        Self(Arc::new(move |name| sample.variable(name).or_else(|| outer(name))))
    }
}

/// What the sample's servers made up when they started; kept in the state folder, so that other commands find them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SampleSettings {
    pub(crate) environment: BTreeMap<String, String>,
    /// Worth nothing: they open the sample only.
    pub(crate) secrets: BTreeMap<String, String>,
}

impl SampleSettings {
    const FILE: &str = "environment.json";

    pub(crate) fn save(&self, which: &Which) -> Result<(), Failure> {
        let folder = which.sample();
        private::make_folder(&folder)?;
        Ok(private::write(&folder.join(Self::FILE), serde_json::to_string_pretty(self)?.as_bytes())?)
    }

    fn load(which: &Which) -> Option<Self> {
        serde_json::from_str(&std::fs::read_to_string(which.sample().join(Self::FILE)).ok()?).ok()
    }

    fn variable(&self, name: &str) -> Option<String> {
        let secret = || {
            let secret = name.strip_prefix("CROSSDOCK_SECRET_")?.to_ascii_lowercase();
            self.secrets.iter().find(|(known, _)| known.replace('-', "_") == secret).map(|(_, value)| value)
        };
        self.environment.get(name).or_else(secret).cloned()
    }
}

/// Where the hub comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HubFile {
    Path(PathBuf),
    Sample,
}

/// What the sample's file is called in messages.
const SAMPLE_NAME: &str = "the sample (there is no hub.yaml in this folder)";

impl HubFile {
    pub(crate) fn of(asked: Option<&Path>) -> Self {
        let own = Path::new("hub.yaml");
        match asked {
            Some(path) => Self::Path(path.to_owned()),
            None if own.exists() => Self::Path(own.to_owned()),
            None => Self::Sample,
        }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Sample => SAMPLE_NAME.to_owned(),
        }
    }

    /// Of a hub that was deployed: `crossdock render` reads the first of these.
    #[cfg(feature = "aws")]
    pub(crate) fn deployed(asked: Option<&Path>) -> Result<Self, Failure> {
        let places = ["infra/hub.yaml", "hub.yaml"].map(Path::new);
        let found = asked.or_else(|| places.into_iter().find(|path| path.exists()));
        found.map(|path| Self::Path(path.to_owned())).ok_or_else(|| {
            Failure::new("there is no infra/hub.yaml and no hub.yaml here; name the deployed hub's file with --hub")
        })
    }

    /// For what makes no sense with the sample.
    pub(crate) fn own(asked: Option<&Path>) -> Result<Self, Failure> {
        match Self::of(asked) {
            Self::Sample => {
                Err(Failure::new("there is no hub.yaml in this folder; name your hub file with --hub".to_owned()))
            }
            own => Ok(own),
        }
    }

    pub(crate) fn text(&self) -> Result<String, Failure> {
        match self {
            Self::Sample => Ok(crossdock_sample::HUB_FILE.to_owned()),
            Self::Path(path) => std::fs::read_to_string(path)
                .map_err(|error| Failure::of(format!("the hub file {} cannot be read", path.display()), &error)),
        }
    }

    pub(crate) fn load(&self, environment: &Environment) -> Result<hub::LoadedHub, Failure> {
        let text = self.text()?;
        hub::load(&self.name(), &text, &|name| environment.variable(name))
            .map_err(|faults| Failure::new(format!("{} cannot be used\n{faults}", self.name())))
    }
}

/// A hub that is looked at from outside: its state is opened, but nothing of it runs here.
pub(crate) struct Opened<H> {
    pub(crate) hub: Arc<Hub>,
    pub(crate) router: Arc<Router>,
    pub(crate) home: H,
    /// Those of the hub file, and those that have gone from it and left something behind.
    endpoints: BTreeSet<EndpointName>,
}

impl<H> Opened<H> {
    /// `left` are endpoints that have something in their queues.
    pub(crate) fn new(hub: Arc<Hub>, router: Arc<Router>, home: H, left: BTreeSet<EndpointName>) -> Self {
        let endpoints = left.into_iter().chain(hub.endpoints.keys().cloned()).collect();
        Self { hub, router, home, endpoints }
    }

    /// The endpoint of that name, or all of them.
    pub(crate) fn endpoints(&self, name: Option<&str>) -> Result<Vec<EndpointName>, Failure> {
        match name {
            None => Ok(self.endpoints.iter().cloned().collect()),
            Some(name) => match self.endpoints.iter().find(|known| known.as_str() == name) {
                Some(known) => Ok(vec![known.clone()]),
                None => Err(unknown("endpoint", name, &self.endpoints)),
            },
        }
    }
}

impl Opened<LocalHome> {
    /// For what makes sense only where a hub has run: a folder without a store is a mistake, and nothing is made there.
    pub(crate) async fn existing(which: &Which, environment: Environment) -> Result<Self, Failure> {
        let described = Described::of(which, environment)?;
        if !described.has_state() {
            return Err(Failure::new(format!(
                "no hub has run on {} yet; name the folder of one that has with --state, or run crossdock dev first",
                described.state.display()
            )));
        }
        Self::of(described, true).await
    }

    /// For what only looks, and what makes sense before a hub has ever run, too. Where none has, that is told (the folder may be
    /// the wrong one), and what is looked at is empty and made nowhere.
    pub(crate) async fn or_empty(which: &Which, environment: Environment) -> Result<Self, Failure> {
        let described = Described::of(which, environment)?;
        let exists = described.has_state();
        if !exists {
            out::note(&format!(
                "no hub has run on {} yet: nothing is known there; name another folder with --state",
                described.state.display()
            ));
        }
        Self::of(described, exists).await
    }

    async fn of(described: Described, exists: bool) -> Result<Self, Failure> {
        let Described { hub, environment, state } = described;
        let setup = setup(state, hub.clone(), &environment, Arc::new(Unobserved))?;
        let (home, router) = match exists {
            true => LocalHome::open(setup).await?,
            false => LocalHome::open_in_memory(setup).await?,
        };
        let left = home.local_queues().endpoints().await?;
        Ok(Self::new(hub, router, home, left))
    }

    pub(crate) async fn close(self) {
        self.home.database().clone().close().await;
    }
}

/// A hub of which no state is needed: what its file says, and where it would be.
pub(crate) struct Described {
    pub(crate) hub: Arc<Hub>,
    /// That goes with it.
    environment: Environment,
    /// Its folder, which need not exist.
    pub(crate) state: PathBuf,
}

impl Described {
    pub(crate) fn of(which: &Which, environment: Environment) -> Result<Self, Failure> {
        let file = HubFile::of(which.hub.as_deref());
        let environment = match &file {
            HubFile::Path(_) => environment,
            HubFile::Sample => match SampleSettings::load(which) {
                Some(sample) => environment.with(&sample),
                None => {
                    return Err(Failure::new(format!(
                        "there is no hub.yaml in this folder, and the sample has not run here yet (nothing in {}); \
                         name your hub file with --hub, or run crossdock dev first",
                        which.sample().display()
                    )));
                }
            },
        };
        let hub = Arc::new(file.load(&environment)?.hub);
        let state = which.folder(&hub.name);
        Ok(Self { hub, environment, state })
    }

    fn has_state(&self) -> bool {
        LocalHome::is_at(&self.state)
    }

    pub(crate) fn secrets(&self) -> LocalSecrets {
        self.environment.secrets(&self.state)
    }
}

pub(crate) fn unknown(what: &str, name: &str, known: impl IntoIterator<Item = impl fmt::Display>) -> Failure {
    let known: Vec<String> = known.into_iter().map(|name| name.to_string()).collect();
    let meant = hub::did_you_mean(name, known.iter().map(String::as_str));
    let meant = meant.map(|meant| format!("; {meant}")).unwrap_or_default();
    Failure::new(format!("the hub has no {what} {name:?}; it has {}{meant}", known.join(", ")))
}

pub(crate) fn setup(
    state: PathBuf,
    hub: Arc<Hub>,
    environment: &Environment,
    observer: Arc<dyn Observer>,
) -> Result<Setup, Failure> {
    Ok(Setup {
        secrets: environment.secrets(&state),
        hub,
        state,
        observer,
        allow_loopback: true,
        faults: faults(environment)?,
        on_refused: None,
    })
}

/// `CROSSDOCK_FAULT` plans a fault, for crash tests.
#[cfg(feature = "faults")]
fn faults(environment: &Environment) -> Result<Faults, Failure> {
    match environment.variable("CROSSDOCK_FAULT") {
        None => Ok(Faults::default()),
        Some(plan) => {
            let plan = plan.parse().map_err(|why: String| Failure::new(format!("CROSSDOCK_FAULT: {why}")))?;
            Ok(Faults::planned(plan, Arc::new(|wait| Box::pin(tokio::time::sleep(wait)))))
        }
    }
}

#[cfg(not(feature = "faults"))]
#[expect(clippy::unnecessary_wraps, reason = "with fault points the plan may be unreadable")]
fn faults(_: &Environment) -> Result<Faults, Failure> {
    Ok(Faults::default())
}

/// What the hub would miss once it runs, or does now.
pub(crate) async fn say_missing(loaded: &hub::LoadedHub, secrets: &LocalSecrets) {
    for note in missing::secrets(loaded, secrets).await {
        out::note(&format!("note: {note}"));
    }
}

/// What is doubtful about a hub file, for whoever runs the command.
pub(crate) fn say_notes(loaded: &hub::LoadedHub) {
    for note in &loaded.notes {
        out::note(&format!("note: {note}"));
    }
}
