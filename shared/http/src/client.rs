//! The two ports, on three reqwest clients that share nothing but their settings: one for sources (whose pages may come
//! compressed), one for endpoints of the hub file, one for URLs that came from an answer. Each has its own resolver and
//! its own pool of connections, so that what one origin may reach, another cannot reach through a connection left open.

use std::{sync::Arc, time::Duration};

use crossdock_core::port::{
    EndpointClient, EndpointRequest, EndpointResponse, HttpError, Method, SourceClient, SourceRequest, SourceResponse,
    UrlOrigin,
};
use reqwest::{Client, RequestBuilder};
use rustls::ClientConfig;
use secrecy::ExposeSecret;
use tokio::time::timeout;
use url::Url;

use crate::{
    body::{self, Body},
    error, headers,
    policy::AddressPolicy,
    resolve::{Lookup, SystemLookup, VettingResolver},
    target, tls,
};

/// Look-up, TCP and TLS together; shared out evenly over a host's addresses, so that one that is dead leaves time for
/// the others within the usual deadline of 15 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Below the minute after which load balancers and servers commonly close an idle connection, so that a request seldom
/// meets one that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);

/// Talks to sources and endpoints. Build it once; clones share their connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    policy: AddressPolicy,
    connect_timeout: Duration,
    sources: Client,
    endpoints: Client,
    answers: Client,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("{0:?} cannot be a user-agent header")]
    UserAgent(String),
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
    #[error("the HTTP client could not be set up")]
    Client(#[from] reqwest::Error),
}

/// What a test puts something else in place of.
pub(crate) struct Parts {
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) tls: ClientConfig,
    pub(crate) connect_timeout: Duration,
}

impl HttpClient {
    /// `user_agent` is sent with every request that has no such header of its own.
    ///
    /// # Errors
    /// [`BuildError`], when `user_agent` cannot stand in a header or the TLS stack does not start.
    pub fn new(policy: AddressPolicy, user_agent: &str) -> Result<Self, BuildError> {
        let parts = Parts {
            lookup: Arc::new(SystemLookup),
            tls: tls::config(tls::mozilla_roots())?,
            connect_timeout: CONNECT_TIMEOUT,
        };
        Self::assemble(policy, user_agent, &parts)
    }

    pub(crate) fn assemble(policy: AddressPolicy, user_agent: &str, parts: &Parts) -> Result<Self, BuildError> {
        let user_agent =
            http::HeaderValue::from_str(user_agent).map_err(|_| BuildError::UserAgent(user_agent.to_owned()))?;
        let client = |origin, gzip| {
            let lookup = Arc::clone(&parts.lookup);
            Client::builder()
                .dns_resolver(VettingResolver { policy: policy.clone(), origin, lookup })
                .tls_backend_preconfigured(parts.tls.clone())
                .user_agent(user_agent.clone())
                .http1_only()
                .gzip(gzip)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .no_proxy()
                .tcp_nodelay(true)
                .connect_timeout(parts.connect_timeout)
                // Of any number: no more are ever idle than requests were under way at once, which each endpoint limits,
                // and several endpoints may share a host.
                .pool_idle_timeout(IDLE_TIMEOUT)
                .build()
        };
        Ok(Self {
            sources: client(UrlOrigin::HubFile, true)?,
            endpoints: client(UrlOrigin::HubFile, false)?,
            answers: client(UrlOrigin::Answer, false)?,
            connect_timeout: parts.connect_timeout,
            policy,
        })
    }

    fn client(&self, origin: UrlOrigin) -> &Client {
        match origin {
            UrlOrigin::HubFile => &self.endpoints,
            UrlOrigin::Answer => &self.answers,
        }
    }

    async fn fetch_page(&self, request: SourceRequest) -> Result<SourceResponse, HttpError> {
        let url = &request.url;
        target::vet(&self.policy, url, UrlOrigin::HubFile)?;
        let method = match request.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
        };
        let mut out = self.sources.request(method, url.clone()).headers(headers::outgoing(request.headers)?);
        if let Some(body) = request.body {
            out = out.body(body.expose_secret().to_owned());
        }
        let Answer { status, headers, body } = self.exchange(out, url, request.max_body).await?;
        match body.cut {
            true => Err(HttpError::TooLarge(request.max_body)),
            false => Ok(SourceResponse { status, headers, body: body.bytes }),
        }
    }

    async fn attempt(&self, request: EndpointRequest) -> Result<EndpointResponse, HttpError> {
        let url = &request.url;
        target::vet(&self.policy, url, request.origin)?;
        let headers = headers::outgoing(request.headers)?;
        let out = self.client(request.origin).post(url.clone()).headers(headers).body(request.body);
        let Answer { status, headers, body } = self.exchange(out, url, request.max_body).await?;
        Ok(EndpointResponse { status, headers, body: body.bytes, truncated: body.cut })
    }

    async fn exchange(&self, request: RequestBuilder, url: &Url, max_body: usize) -> Result<Answer, HttpError> {
        let explain = |error| error::explain(&error, url, self.connect_timeout);
        let response = request.send().await.map_err(explain)?;
        let status = response.status().as_u16();
        let headers = headers::incoming(response.headers());
        let body = body::read(response, max_body).await.map_err(explain)?;
        Ok(Answer { status, headers, body })
    }
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

impl SourceClient for HttpClient {
    /// The URL of a source counts as the hub file's.
    async fn fetch(&self, request: SourceRequest) -> Result<SourceResponse, HttpError> {
        let deadline = request.timeout;
        timeout(deadline, self.fetch_page(request)).await.unwrap_or(Err(HttpError::Timeout(deadline)))
    }
}

impl EndpointClient for HttpClient {
    async fn post(&self, request: EndpointRequest) -> Result<EndpointResponse, HttpError> {
        let deadline = request.timeout;
        timeout(deadline, self.attempt(request)).await.unwrap_or(Err(HttpError::Timeout(deadline)))
    }
}
