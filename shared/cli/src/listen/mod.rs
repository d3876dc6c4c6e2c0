//! `crossdock listen`: an endpoint to look into. It shows what a hub sends, answers it or has it answered by another
//! service, and keeps both as files where asked to.
//!
//! It takes whatever is posted, whoever sends it: it has no hub, no state and no secrets, and it listens on loopback
//! unless told otherwise. What it prints is what the developer at the terminal asked to see; what it keeps and prints
//! never holds a header or a parameter that carries a credential ([`crate::redact`]).
//!
//! Deliberately absent: retries, queues and checks of signatures, which are the business of those on either side of it.

mod exchange;
pub(crate) mod forward;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use crossdock_core::{hub::Hub, port::Clock, url::join};
use crossdock_local::SystemClock;
use tokio::net::TcpListener;
use url::{Host, Url};

use self::{
    exchange::{Answered, Exchange},
    forward::Forward,
};
use crate::{
    args::{LISTENER, Listen},
    context::{Environment, HubFile, unknown},
    dev::Stop,
    failure::Failure,
    out,
};

/// Bytes of one message: as much as a page of a source may have at most, so that no hub can send more.
const MOST_BYTES: usize = 256 * 1024 * 1024;
/// How long requests under way may still take when it is stopped.
const GRACE: Duration = Duration::from_secs(5);

/// Whom it stands in for.
#[derive(Debug)]
struct Part {
    address: SocketAddr,
    /// The one path of the route; `None`: every path.
    path: Option<String>,
    networks: Vec<ipnet::IpNet>,
}

struct Ear {
    path: Option<String>,
    answer: Reply,
    record: Option<PathBuf>,
    json: bool,
}

enum Reply {
    Status(StatusCode),
    Forward(Forward),
}

pub(crate) async fn run(args: Listen, environment: &Environment) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let part = match &args.route {
        None => Part { address: LISTENER, path: None, networks: Vec::new() },
        Some(route) => {
            let file = HubFile::own(args.hub.as_deref())?;
            let hub = file.load(environment)?.hub;
            part(&hub, route, args.address.is_some())?
        }
    };
    if let Some(folder) = &args.record {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::of(format!("the folder {} cannot be made", folder.display()), &error))?;
    }
    let answer = match args.forward {
        None => Reply::Status(StatusCode::from_u16(args.status)?),
        Some(url) => Reply::Forward(Forward::new(url, part.networks)?),
    };
    let asked = args.address.unwrap_or(part.address);
    let listener = TcpListener::bind(asked)
        .await
        .map_err(|error| Failure::of(format!("cannot listen on {asked} (name another one with --address)"), &error))?;
    let url = format!("http://{}", listener.local_addr()?);
    out::note(&greeting(&url, part.path.as_deref(), &answer));

    let ear = Arc::new(Ear { path: part.path, answer, record: args.record, json: args.json });
    let routes = Router::new().fallback(take).layer(DefaultBodyLimit::max(MOST_BYTES)).with_state(ear);
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let until_stopped = async move {
        stop.asked().await;
        let _ = stopping.send(());
    };
    let served = axum::serve(listener, routes).with_graceful_shutdown(until_stopped);
    tokio::select! {
        ended = served => ended?,
        // Whoever has no answer by now sends again.
        () = async { let _ = stopped.await; tokio::time::sleep(GRACE).await } => {}
    }
    Ok(())
}

/// Where the endpoint of this route is, which must be this machine: nothing can stand in for another.
fn part(hub: &Hub, route: &str, has_address: bool) -> Result<Part, Failure> {
    let Some(route) = hub.routes.iter().find(|known| known.name.as_str() == route) else {
        return Err(unknown("route", route, hub.routes.iter().map(|route| &route.name)));
    };
    let Some(endpoint) = hub.endpoints.get(&route.to) else {
        return Err(unknown("endpoint", route.to.as_str(), hub.endpoints.keys()));
    };
    let address = match here(&endpoint.url) {
        Some(address) => address,
        None if has_address => LISTENER,
        None => {
            return Err(Failure::new(format!(
                "the route {} goes to {}, which is not this machine; let the url of {} be http://{LISTENER} to see its \
                 messages here, or say with --address where to listen",
                route.name, endpoint.url, endpoint.name
            )));
        }
    };
    let path = join(&endpoint.url, &route.path).path().to_owned();
    Ok(Part { address, path: Some(path), networks: hub.networks.clone() })
}

/// The address on this machine that a URL leads to; `None` for any other, and for https, which is not spoken here.
pub(crate) fn here(url: &Url) -> Option<SocketAddr> {
    let ip: IpAddr = match url.host()? {
        Host::Ipv4(ip) => ip.into(),
        Host::Ipv6(ip) => ip.into(),
        Host::Domain(name) if name == "localhost" || name.ends_with(".localhost") => LISTENER.ip(),
        Host::Domain(_) => return None,
    };
    let is_here = ip.is_loopback() && url.scheme() == "http";
    is_here.then(|| Some(SocketAddr::new(ip, url.port_or_known_default()?))).flatten()
}

fn greeting(url: &str, path: Option<&str>, answer: &Reply) -> String {
    let answers = match answer {
        Reply::Status(status) => format!("answers {}", status.as_u16()),
        Reply::Forward(forward) => format!("passes on to {forward}"),
    };
    format!("listens on {url}{} and {answers}; Ctrl-C stops it", path.unwrap_or_default())
}

async fn take(
    State(ear): State<Arc<Ear>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let refused = |status: StatusCode, why: String| (status, why).into_response();
    if ear.path.as_ref().is_some_and(|path| path != uri.path()) {
        let expected = ear.path.as_deref().unwrap_or_default();
        out::note(&format!("{method} {}: answered 404, this is {expected} only", uri.path()));
        return refused(StatusCode::NOT_FOUND, format!("crossdock listen is at {expected} only\n"));
    }
    if method != Method::POST {
        let mut response = refused(StatusCode::METHOD_NOT_ALLOWED, "crossdock listen takes what is posted\n".into());
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
        return response;
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return rejection.into_response(),
    };
    let at = SystemClock.now();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let (answered, response) = match &ear.answer {
        Reply::Status(status) => (Answered::Own(*status), status.into_response()),
        Reply::Forward(forward) => forward.pass(target, &headers, &body).await,
    };
    let exchange = Exchange::new(at, target, &headers, &body, answered);
    if let Some(folder) = &ear.record
        && let Err(error) = exchange.record(folder)
    {
        out::note(&format!("error: a delivery could not be recorded in {}: {error}", folder.display()));
    }
    match ear.json {
        true => out::json_line(&exchange.to_json()),
        false => out::line(&exchange.to_string()),
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_here() {
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(here(&url.parse().unwrap()), expected.map(|address| address.parse().unwrap()), "{url}");
        };
        check("http://127.0.0.1:7421/x", Some("127.0.0.1:7421"));
        check("http://localhost", Some("127.0.0.1:80"));
        check("http://books.localhost:8080", Some("127.0.0.1:8080"));
        check("http://[::1]:3000", Some("[::1]:3000"));
        check("https://localhost:8443", None);
        check("http://192.168.1.5:3000", None);
        check("http://shop.example", None);
    }

    #[test]
    fn a_route_says_where_to_listen() {
        let hub = "hub: h\nendpoints: {ear: {url: \"http://127.0.0.1:9100/in\"}, far: {url: \"https://far.example\"}}\n\
                   routes:\n  - {name: near, messages: [\"*\"], to: ear, path: /book}\n  - {name: off, messages: [\"*\"], to: far}\n";
        let hub = crossdock_core::hub::load("hub.yaml", hub, &|_| None).unwrap().hub;
        let found = part(&hub, "near", false).unwrap();
        assert_eq!((found.address.to_string(), found.path.as_deref()), ("127.0.0.1:9100".to_owned(), Some("/in/book")));
        let refused = |route: &str| part(&hub, route, false).unwrap_err().to_string();
        assert_eq!(refused("nigh"), "the hub has no route \"nigh\"; it has near, off");
        assert!(refused("off").starts_with("the route off goes to https://far.example/, which is not this machine;"));
        assert_eq!(part(&hub, "off", true).unwrap().path.as_deref(), Some("/"));
    }
}
