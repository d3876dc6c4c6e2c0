//! `crossdock send`: a push, as the source would make it, or a webhook, as its provider would.

pub(crate) mod webhook;

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    time::Duration,
};

use crossdock_core::{
    hub::{Hub, Source},
    id::SecretName,
    ingest::{Ingest, ItemError, Receipt},
    port::{EndpointClient, EndpointRequest, HeaderValue, Home, Secrets, UrlOrigin},
    publish::publish,
};
use crossdock_local::{LocalHome, Running};
use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;
use serde_json::Value;
use url::{Host, Url};

#[cfg(feature = "aws")]
use crate::remote;
use crate::{
    args::{On, Send},
    context::{Environment, Opened, unknown},
    failure::Failure,
    hub, out,
};

pub(crate) async fn run(args: Send, environment: Environment) -> Result<(), Failure> {
    let body = read(&args.file)?;
    let Some(from) = &args.source else { return Box::pin(webhook::run(args, body, environment)).await };
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(&body) {
        return Err(Failure::of(format!("{} is not JSON", named(&args.file)), &error));
    }
    match &args.place.on {
        On::Local => {
            let opened = Opened::existing(&args.place.which, environment).await?;
            let source = source(&opened.hub, from)?;
            match Running::url(&args.place.which.folder(&opened.hub.name)) {
                Some(url) => over_http(&opened, source, &url, body).await?,
                None => {
                    hub::check_enabled(&opened, "").await?;
                    into_store(&opened, source, &body).await?;
                }
            }
            opened.close().await;
            Ok(())
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) => {
            let opened = remote::open(&args.place.which, stack, &environment).await?;
            let source = source(&opened.hub, from)?;
            let token = opened.home.secrets().secret(push_secret(source)?).await?;
            let path = format!("/push/{}", source.name);
            let (status, answer) = remote::post(stack, &path, &of_push(&token), &String::from_utf8(body)?).await?;
            answered(&format!("the hub in {stack}"), status, &answer)
        }
    }
}

fn source<'a>(hub: &'a Hub, name: &str) -> Result<&'a Source, Failure> {
    let source = hub.sources.values().find(|source| source.name.as_str() == name);
    source.ok_or_else(|| unknown("source", name, hub.sources.keys()))
}

/// What a push to the source has to carry.
fn push_secret(source: &Source) -> Result<&SecretName, Failure> {
    source.push.as_ref().ok_or_else(|| {
        Failure::new(format!("source {} takes no pushes: it has no push secret in the hub file", source.name))
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    if file == Path::new("-") {
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body)?;
        return Ok(body);
    }
    std::fs::read(file).map_err(|error| Failure::of(format!("{} cannot be read", named(file)), &error))
}

fn named(file: &Path) -> String {
    if file == Path::new("-") { "the standard input".to_owned() } else { file.display().to_string() }
}

fn of_push(token: &SecretString) -> Vec<(String, HeaderValue)> {
    vec![
        ("authorization".to_owned(), HeaderValue::Secret(format!("Bearer {}", token.expose_secret()).into())),
        ("content-type".to_owned(), HeaderValue::Plain("application/json".to_owned())),
    ]
}

async fn over_http(opened: &Opened<LocalHome>, source: &Source, url: &str, body: Vec<u8>) -> Result<(), Failure> {
    let token = opened.home.secrets().secret(push_secret(source)?).await?;
    let request = EndpointRequest {
        url: here(format!("{url}/push/{}", source.name).parse()?),
        headers: of_push(&token),
        body: String::from_utf8(body)?,
        timeout: Duration::from_secs(30),
        max_body: 1024 * 1024,
        origin: UrlOrigin::HubFile,
    };
    let response = opened.home.endpoint().post(request).await?;
    answered(&format!("the hub at {url}"), response.status, &response.body)
}

/// What a running hub said to a push.
fn answered(hub: &str, status: u16, body: &[u8]) -> Result<(), Failure> {
    let answer: Value = serde_json::from_slice(body)?;
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        return Err(Failure::new(format!("{hub} answered {status}: {error}")));
    }
    for error in answer.get("errors").and_then(Value::as_array).into_iter().flatten() {
        out::note(&format!("not taken: {error}"));
    }
    let accepted = answer.get("accepted").and_then(Value::as_u64).unwrap_or(0);
    let ids = answer.get("message_ids").and_then(Value::as_array).into_iter().flatten();
    report(accepted, ids.filter_map(Value::as_str));
    if (200..300).contains(&status) { Ok(()) } else { Err(Failure::new(format!("{hub} answered {status}"))) }
}

async fn into_store(opened: &Opened<LocalHome>, source: &Source, body: &[u8]) -> Result<(), Failure> {
    let ingest = Ingest::new(&opened.home, &opened.hub, &opened.router);
    let (receipt, records) = ingest.push(source, body, None).await?;
    let Receipt { accepted, message_ids, errors, statuses: _ } = receipt;
    for ItemError { collection, index, error } in &errors {
        out::note(&format!("not taken: {} item {index}: {error}", collection.clone().unwrap_or_default()));
    }
    publish(&opened.home, &opened.router, &records).await?;
    let ids: Vec<String> = message_ids.iter().map(ToString::to_string).collect();
    report(accepted as u64, ids.iter().map(String::as_str));
    out::note("no hub runs on this state; its endpoints get this when one does");
    if accepted == 0 { Err(Failure::new("nothing was taken")) } else { Ok(()) }
}

/// A hub that was told to listen on every address is reached at the one of this machine itself.
fn here(mut url: Url) -> Url {
    let ip: IpAddr = match url.host() {
        Some(Host::Ipv4(ip)) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        Some(Host::Ipv6(ip)) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        _ => return url,
    };
    // Cannot fail: the URL has a host, so it can have another.
    let _ = url.set_ip_host(ip);
    url
}

fn report<'a>(accepted: u64, ids: impl Iterator<Item = &'a str>) {
    out::line(&format!("accepted: {accepted}"));
    for id in ids {
        out::line(&format!("message {id}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_that_listens_everywhere_is_reached_here() {
        let check = |url: &str, expected: &str| assert_eq!(here(url.parse().unwrap()).as_str(), expected);
        check("http://127.0.0.1:7420/push/shop", "http://127.0.0.1:7420/push/shop");
        check("http://0.0.0.0:7420/push/shop", "http://127.0.0.1:7420/push/shop");
        check("http://[::]:7420/push/shop", "http://[::1]:7420/push/shop");
        check("http://192.0.2.7:7420/push/shop", "http://192.0.2.7:7420/push/shop");
    }
}
