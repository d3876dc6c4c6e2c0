//! Every port of the AWS home, behind the fault points.
//!
//! Requests to sources and endpoints never reach loopback from a function: that is where Lambda's Runtime API listens. Only the
//! end-to-end test opens it, for everything but that one port, because its functions run beside its servers.

use std::{fmt, sync::Arc};

use crossdock_core::{
    event::Observer,
    fault::{Faults, Guarded},
    hub::Hub,
    port::{Clock, Home, Random},
    route::Router,
};
use crossdock_http::{AddressPolicy, BuildError, HttpClient};
pub use crossdock_http::{OsRandom, SystemClock};
use crossdock_stack::names::Names;

use crate::{
    bus::EventBridgeBus, clients::Clients, queues::SqsQueues, secrets::SsmSecrets, settings::Settings,
    store::DynamoStore, trace::Sampling,
};

/// What a home needs to know of its stack.
#[derive(Debug, Clone)]
pub struct Stack {
    pub names: Names,
    /// A queue's URL is this and its name.
    pub queues: String,
    /// The folder of the secrets in the parameter store.
    pub secrets: String,
    /// What one `PutEvents` call takes, bytes.
    pub event_limit: usize,
    /// Which addresses sources and endpoints may have.
    pub addresses: AddressPolicy,
    pub faults: Faults,
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
    sampling: Sampling,
}

impl fmt::Debug for AwsHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsHome").finish_non_exhaustive()
    }
}

impl AwsHome {
    /// Of a function.
    ///
    /// # Errors
    /// The HTTP client cannot be made. Nothing is asked of AWS yet.
    pub fn new(
        settings: &Settings,
        clients: Clients,
        hub: &Hub,
        router: Arc<Router>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, BuildError> {
        let stack = Stack {
            names: settings.names.clone(),
            queues: settings.queues.clone(),
            secrets: settings.secrets_folder(&hub.name),
            event_limit: settings.event_limit,
            addresses: addresses(hub, settings.test_loopback),
            faults: settings.faults.clone(),
        };
        Self::of_stack(stack, clients, hub, router, observer)
    }

    /// Of a stack that is looked at from outside.
    ///
    /// # Errors
    /// As of [`AwsHome::new`].
    pub fn of_stack(
        stack: Stack,
        clients: Clients,
        hub: &Hub,
        router: Arc<Router>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, BuildError> {
        let Stack { names, queues, secrets, event_limit, addresses, faults } = stack;
        let (clock, random, sampling) = (SystemClock, OsRandom, Sampling::default());
        let store = DynamoStore::new(clients.dynamodb, names.table(), Arc::new(clock), Arc::new(random), hub.retention);
        let bus = EventBridgeBus::new(clients.eventbridge, names.bus(), router, event_limit, Arc::new(random))
            .sampled_as(sampling.clone());
        let queues = SqsQueues::new(clients.sqs, names, &queues, Arc::new(random)).sampled_as(sampling.clone());
        let secrets = SsmSecrets::new(clients.ssm, &secrets, Arc::new(clock));
        let http = HttpClient::new(addresses, concat!("crossdock/", env!("CARGO_PKG_VERSION")))?;
        Ok(Self {
            store: Guarded::new(store, faults.clone()),
            bus: Guarded::new(bus, faults.clone()),
            queues: Guarded::new(queues, faults.clone()),
            http: Guarded::new(http, faults.clone()),
            secrets: Guarded::new(secrets, faults),
            clock,
            random,
            observer,
            sampling,
        })
    }

    /// Whether what is sent belongs to a trace that is sampled.
    pub fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// The queues with what only SQS can tell of them.
    pub fn sqs(&self) -> &SqsQueues {
        self.queues.inner()
    }
}

/// See [`Settings::test_loopback`].
fn addresses(hub: &Hub, test_loopback: Option<u16>) -> AddressPolicy {
    let policy = AddressPolicy::new(hub.networks.clone());
    match test_loopback {
        None => policy,
        Some(runtime_api) => policy.allowing_loopback().closing_port(runtime_api),
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
