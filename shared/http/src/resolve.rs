//! From a host's name to the addresses that may be connected to. The HTTP client connects to what this returns and looks
//! nothing up itself, so the address that was vetted is the one that is reached.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use crossdock_core::port::UrlOrigin;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::{
    policy::{AddressPolicy, Refusal},
    target::is_localhost,
};

pub(crate) type LookingUp = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Asks for a name's addresses; a test answers in the system's place.
pub(crate) trait Lookup: Send + Sync {
    fn lookup(&self, name: String) -> LookingUp;
}

/// The operating system's resolver.
pub(crate) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> LookingUp {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Resolves, then lets through only what the policy allows to URLs of one origin.
pub(crate) struct VettingResolver {
    pub(crate) policy: AddressPolicy,
    pub(crate) origin: UrlOrigin,
    pub(crate) lookup: Arc<dyn Lookup>,
}

impl VettingResolver {
    async fn addresses(
        policy: AddressPolicy,
        origin: UrlOrigin,
        lookup: Arc<dyn Lookup>,
        host: String,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let found = if is_localhost(&host) {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        } else {
            lookup
                .lookup(host.clone())
                .await
                .map_err(|error| ResolveError::Failed { host: host.clone(), why: error.to_string() })?
        };
        let mut allowed = Vec::with_capacity(found.len());
        let mut refused = None;
        for ip in found {
            match policy.vet(ip, origin) {
                Ok(()) => allowed.push(ip),
                Err(refusal) => {
                    tracing::debug!(host, %refusal, "left out an address that the host's name resolves to");
                    refused.get_or_insert(refusal);
                }
            }
        }
        match refused {
            _ if !allowed.is_empty() => Ok(allowed),
            Some(refusal) => Err(ResolveError::Refused { host, refusal }),
            None => Err(ResolveError::Failed { host, why: "the name has no address".into() }),
        }
    }
}

impl Resolve for VettingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses =
            Self::addresses(self.policy.clone(), self.origin, Arc::clone(&self.lookup), name.as_str().to_owned());
        Box::pin(async move {
            // Port 0: the client puts in the URL's.
            let addresses: Addrs = Box::new(addresses.await?.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

/// Travels through the HTTP client's own errors and is found again at their root.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("{host} could not be resolved: {why}")]
    Failed { host: String, why: String },
    /// Not one of its addresses is allowed; the first is named.
    #[error("{host} resolves to a refused address: {refusal}")]
    Refused { host: String, refusal: Refusal },
}
