//! Everything here goes through the ports, as the core would; what stands behind them is a listener on loopback that
//! speaks raw bytes, and a name service that answers what the test says.

mod addresses;
mod bodies;
mod exchange;
mod names;
mod server;
mod tls;

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossdock_core::port::{
    EndpointClient, EndpointRequest, EndpointResponse, HttpError, Method, SourceClient, SourceRequest, SourceResponse,
    UrlOrigin,
};
use url::Url;

use crate::{
    AddressPolicy, HttpClient,
    client::Parts,
    resolve::{LookingUp, Lookup},
    tls::{config, mozilla_roots},
};

/// Long enough to never strike by accident on a busy machine.
const PATIENT: Duration = Duration::from_secs(60);

/// For exchanges that would never end.
const SHORT: Duration = Duration::from_millis(200);

fn closed() -> AddressPolicy {
    AddressPolicy::new(Vec::new())
}

fn dev() -> AddressPolicy {
    closed().allowing_loopback()
}

/// Answers the n-th question for a name with the n-th list, and with the last one from then on.
#[derive(Default)]
struct FakeNames {
    answers: HashMap<&'static str, Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl FakeNames {
    fn with(mut self, name: &'static str, answers: &[&[&str]]) -> Self {
        let parse = |list: &&[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect();
        self.answers.insert(name, answers.iter().map(parse).collect());
        self
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Lookup for FakeNames {
    fn lookup(&self, name: String) -> LookingUp {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.get(name.as_str()).map(|answers| answers[turn.min(answers.len() - 1)].clone());
        Box::pin(async move { answer.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name")) })
    }
}

fn client(policy: AddressPolicy) -> HttpClient {
    client_asking(policy, Arc::new(FakeNames::default()))
}

fn client_asking(policy: AddressPolicy, lookup: Arc<FakeNames>) -> HttpClient {
    let parts = Parts { lookup, tls: config(mozilla_roots()).unwrap(), connect_timeout: PATIENT };
    HttpClient::assemble(policy, "crossdock-test/1", &parts).unwrap()
}

fn delivery(url: &Url) -> EndpointRequest {
    EndpointRequest {
        url: url.clone(),
        headers: Vec::new(),
        body: r#"{"message":"order:new"}"#.into(),
        timeout: PATIENT,
        max_body: 1024,
        origin: UrlOrigin::HubFile,
    }
}

fn page(url: &Url) -> SourceRequest {
    SourceRequest {
        method: Method::Get,
        url: url.clone(),
        headers: Vec::new(),
        body: None,
        timeout: PATIENT,
        max_body: 64 * 1024,
    }
}

async fn post(url: &Url) -> Result<EndpointResponse, HttpError> {
    client(dev()).post(delivery(url)).await
}

async fn fetch(url: &Url) -> Result<SourceResponse, HttpError> {
    client(dev()).fetch(page(url)).await
}
