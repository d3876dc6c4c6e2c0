//! Every port of the AWS home, behind the fault points.

use std::{fmt, sync::Arc};

use crossdock_core::{
    Timestamp,
    event::Observer,
    fault::Guarded,
    hub::Hub,
    port::{Clock, Home, Random},
    route::Router,
};
use crossdock_http::{AddressPolicy, BuildError, HttpClient};

use crate::{
    bus::EventBridgeBus, clients::Clients, queues::SqsQueues, secrets::SsmSecrets, settings::Settings,
    store::DynamoStore,
};

/// The one place where the AWS home reads the clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port's implementation")]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        // As fine as the store keeps it, so that a time read back is the time that was written.
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

/// The one place where it takes randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        if getrandom::fill(&mut bytes).is_err() {
            tracing::error!("the operating system gave no randomness");
        }
        bytes
    }
}

pub struct AwsHome {
    store: Guarded<DynamoStore>,
    bus: Guarded<EventBridgeBus>,
    queues: Guarded<SqsQueues>,
    http: Guarded<HttpClient>,
    secrets: Guarded<SsmSecrets>,
    clock: SystemClock,
    random: OsRandom,
    observer: Arc<dyn Observer>,
}

impl fmt::Debug for AwsHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsHome").finish_non_exhaustive()
    }
}

impl AwsHome {
    /// # Errors
    /// The HTTP client could not be made.
    pub fn new(
        settings: &Settings,
        clients: Clients,
        hub: &Hub,
        router: Arc<Router>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, BuildError> {
        let policy = AddressPolicy::new(hub.networks.clone());
        let policy = if settings.test_loopback.is_some() { policy.allowing_loopback() } else { policy };
        let http = HttpClient::new(policy, concat!("crossdock/", env!("CARGO_PKG_VERSION")))?;
        let faults = settings.faults.clone();
        let (clock, names) = (Arc::new(SystemClock), &settings.names);
        let store = DynamoStore::new(clients.dynamodb, names.table(), clock.clone(), Arc::new(OsRandom), hub.retention);
        let bus = EventBridgeBus::new(clients.eventbridge, names.bus(), router, settings.event_limit);
        let queues = SqsQueues::new(clients.sqs, names.clone(), &settings.queues);
        let secrets = SsmSecrets::new(clients.ssm, &settings.secrets_folder(&hub.name), clock);
        Ok(Self {
            store: Guarded::new(store, faults.clone()),
            bus: Guarded::new(bus, faults.clone()),
            queues: Guarded::new(queues, faults.clone()),
            http: Guarded::new(http, faults.clone()),
            secrets: Guarded::new(secrets, faults),
            clock: SystemClock,
            random: OsRandom,
            observer,
        })
    }
}

impl Home for AwsHome {
    type Store = Guarded<DynamoStore>;
    type Bus = Guarded<EventBridgeBus>;
    type Queues = Guarded<SqsQueues>;
    type Source = Guarded<HttpClient>;
    type Endpoint = Guarded<HttpClient>;
    type Secrets = Guarded<SsmSecrets>;

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
        &self.http
    }
    fn endpoint(&self) -> &Self::Endpoint {
        &self.http
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
}
