//! `crossdock send --to`: a webhook's request, signed with the first of the webhook's secrets as its provider would sign
//! it. The body goes out byte for byte as it is in the file, so that what is wrong with it is the hub's to say.

use std::time::Duration;

use crossdock_core::{
    hub::{Channel, Hub, Webhook},
    id::WebhookId,
    port::{Clock, EndpointClient, EndpointRequest, HeaderValue, Secrets, UrlOrigin},
    url::{join, shown},
    webhook::{
        imitate::{self, Said},
        proof::Key,
    },
};
use crossdock_http::{AddressPolicy, HttpClient};
use crossdock_local::{Running, SystemClock};
use serde_json::Value;
use url::Url;

use super::{here, named};
use crate::{
    args::{On, Send},
    context::{Described, Environment, unknown},
    failure::Failure,
    out,
};
#[cfg(feature = "aws")]
use {crate::remote, crossdock_core::port::Home};

pub(super) async fn run(args: Send, body: Vec<u8>, environment: Environment) -> Result<(), Failure> {
    let body = String::from_utf8(body)
        .map_err(|error| Failure::of(format!("{} is not UTF-8, which JSON must be", named(&args.file)), &error))?;
    let Some(id) = &args.to else { return Err(Failure::new("expected --source or --to")) };
    match &args.place.on {
        On::Local => {
            let described = Described::of(&args.place.which, environment)?;
            let webhook = webhook(&described.hub, id)?;
            let headers = headers(webhook, &described.secrets(), &args, &body).await?;
            let hub = running(&described, args.url.as_ref())?;
            let request = EndpointRequest {
                url: join(&hub, &path(id)),
                headers,
                body,
                timeout: Duration::from_secs(30),
                max_body: 1024 * 1024,
                origin: UrlOrigin::HubFile,
            };
            let policy = AddressPolicy::new(described.hub.networks.clone()).allowing_loopback();
            let answer =
                HttpClient::new(policy, concat!("crossdock/", env!("CARGO_PKG_VERSION")))?.post(request).await?;
            answered(&format!("the hub at {}", shown(&hub).trim_end_matches('/')), answer.status, &answer.body)
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) => {
            if args.url.is_some() {
                return Err(Failure::new("--url is for a hub that is reached over HTTP: leave --on out"));
            }
            let opened = remote::open(&args.place.which, stack, &environment).await?;
            let webhook = webhook(&opened.hub, id)?;
            let headers = headers(webhook, opened.home.secrets(), &args, &body).await?;
            let (status, answer) = remote::post(stack, &path(id), &headers, &body).await?;
            answered(&format!("the hub in {stack}"), status, &answer)
        }
    }
}

pub(crate) fn path(id: &WebhookId) -> String {
    format!("/webhooks/{id}")
}

/// Where the hub is reached: as it is said, or where it says that it runs.
pub(crate) fn running(described: &Described, asked: Option<&Url>) -> Result<Url, Failure> {
    if let Some(url) = asked {
        return Ok(url.clone());
    }
    let url = Running::url(&described.state).ok_or_else(|| {
        let folder = described.state.display();
        Failure::new(format!("no hub runs on {folder}; run crossdock dev, or say where one is reached"))
    })?;
    Ok(here(url.parse()?))
}

/// The webhook of that id, which is reached over HTTP.
pub(crate) fn webhook<'a>(hub: &'a Hub, id: &WebhookId) -> Result<&'a Webhook, Failure> {
    let webhook = hub.webhooks.get(id).ok_or_else(|| unknown("webhook", id.as_str(), hub.webhooks.keys()))?;
    match &webhook.from {
        Channel::Http => Ok(webhook),
        Channel::Queue(arn) => {
            let name = arn.rsplit(':').next().unwrap_or_default();
            Err(Failure::new(format!(
                "webhook {id} comes through the queue {arn} and is not reached over HTTP; put the file there:\n  \
                 aws sqs send-message --message-body file://FILE --queue-url \
                 \"$(aws sqs get-queue-url --queue-name {name} --query QueueUrl --output text)\""
            )))
        }
        Channel::Bus(bus) => Err(Failure::new(format!(
            "webhook {id} comes over the bus {bus} and is not reached over HTTP; only the partner can put events on it: \
             have it send a test notification, or try the file out on a webhook without `from`"
        ))),
    }
}

/// What the webhook's provider would sign with: the first of its secrets.
pub(crate) async fn key(webhook: &Webhook, secrets: &impl Secrets) -> Result<Key, Failure> {
    match webhook.secrets.first() {
        Some(secret) => Ok(Key::Secret(secrets.secret(secret).await?)),
        None => Err(Failure::new(format!(
            "the hub file has only the hash of the token of webhook {}; name the token's secret under its `secrets`",
            webhook.id
        ))),
    }
}

async fn headers(
    webhook: &Webhook,
    secrets: &impl Secrets,
    args: &Send,
    body: &str,
) -> Result<Vec<(String, HeaderValue)>, Failure> {
    let said = Said { id: args.id.as_deref(), event: args.event.as_deref(), at: SystemClock.now() };
    let headers = imitate::headers(webhook, &key(webhook, secrets).await?, said, body.as_bytes())
        .map_err(|error| Failure::of(format!("webhook {} cannot be sent", webhook.id), &error))?;
    Ok(headers.into_iter().map(|(name, value)| (name, HeaderValue::Secret(value.into()))).collect())
}

fn answered(hub: &str, status: u16, body: &[u8]) -> Result<(), Failure> {
    let answer: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    if !(200..300).contains(&status) {
        let why = match answer.get("error").and_then(Value::as_str) {
            Some(error) => error.to_owned(),
            None => String::from_utf8_lossy(body).into_owned(),
        };
        return Err(Failure::new(format!("{hub} answered {status}: {why}")));
    }
    out::line(&format!("{hub} answered {status}"));
    for (name, what) in [("duplicates", "known already"), ("ignored", "that no rule wants")] {
        if let Some(count) = answer.get(name).and_then(Value::as_u64) {
            out::line(&format!("events {what}: {count}"));
        }
    }
    for error in answer.get("errors").and_then(Value::as_array).into_iter().flatten() {
        out::note(&format!("not taken: {error}"));
    }
    for id in answer.get("message_ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        out::line(&format!("message {id}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crossdock_core::hub;

    use super::*;

    #[test]
    fn a_webhook_that_is_not_reached_over_http_says_what_to_do() {
        let file = "hub: h\nsources: {shop: {url: \"https://shop.example\", collections: {orders: {type: order, request: \
                    {path: /o}, fetch: {path: '/o/{id}'}, id: id, created: c, every: 1h}}}}\nendpoints: {all: {url: \"https://all.example\"}}\n\
                    routes: []\nwebhooks:\n  http: {source: shop, provider: stripe, secrets: [s]}\n  \
                    queue: {source: shop, provider: commercetools, from: {queue: \"arn:aws:sqs:eu-west-1:123456789012:ct\"}}\n  \
                    bus: {source: shop, provider: commercetools, from: {bus: aws.partner/ct}}\n";
        let loaded = hub::load("hub.yaml", file, &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
        let check = |id: &str, expected: &str| {
            let found = webhook(&loaded.hub, &WebhookId::new(id).unwrap());
            let said = found.map_or_else(|failure| failure.to_string(), |webhook| webhook.id.to_string());
            assert!(said.contains(expected), "{said}");
        };
        check("http", "http");
        check("queue", "--queue-name ct --query QueueUrl");
        check("bus", "only the partner can put events on it");
        check("htpp", "the hub has no webhook \"htpp\"; it has bus, http, queue; ");
    }
}
