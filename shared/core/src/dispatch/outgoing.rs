//! The request of one attempt.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use serde_json::Value;

use super::{
    destination::Destination,
    format::{self, Told},
    signing::Signed,
};
use crate::{
    hub::{self, Endpoint, Hub},
    id::DeliveryKey,
    message::{Carried, Envelope},
    port::{EndpointRequest, HeaderValue, PortError, Secrets},
    signature::signatures,
};

/// The parameters that are secrets, looked up for this attempt. They are sent, and go nowhere else.
///
/// # Errors
/// One of them is not there.
pub(super) async fn secret_parameters<'a>(
    parameters: &'a BTreeMap<String, hub::Parameter>,
    secrets: &impl Secrets,
) -> Result<BTreeMap<&'a str, Value>, PortError> {
    let mut found = BTreeMap::new();
    for (name, parameter) in parameters {
        if let hub::Parameter::Secret(secret) = parameter {
            let value = secrets.secret(secret).await?;
            found.insert(name.as_str(), Value::String(value.expose_secret().to_owned()));
        }
    }
    Ok(found)
}

/// The hub file's parameters, over them what answers wrote back, and over all the hub file's secrets.
pub(super) fn parameters<'a>(
    parameters: &'a BTreeMap<String, hub::Parameter>,
    written_back: &'a BTreeMap<String, Value>,
    secrets: &'a BTreeMap<&'a str, Value>,
) -> BTreeMap<&'a str, &'a Value> {
    let plain = parameters.iter().filter_map(|(name, parameter)| match parameter {
        hub::Parameter::Value(value) => Some((name.as_str(), value)),
        hub::Parameter::Secret(_) => None,
    });
    let written_back = written_back.iter().map(|(name, value)| (name.as_str(), value));
    plain.chain(written_back).chain(secrets.iter().map(|(&name, value)| (name, value))).collect()
}

/// Where an attempt goes.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub hub: &'a Hub,
    pub endpoint: &'a Endpoint,
    pub to: Destination,
}

/// What it brings there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'a> {
    pub key: &'a DeliveryKey,
    pub message: &'a Carried,
    /// The newest version of the object, where it is newer than the message's.
    pub current: Option<&'a Value>,
    pub parameters: &'a BTreeMap<&'a str, &'a Value>,
    pub signed: Signed<'a>,
}

/// # Errors
/// A secret is not there or of no use, or the message is not what it should be.
pub(super) async fn request(
    Target { hub, endpoint, to }: Target<'_>,
    sent: Sent<'_>,
    secrets: &impl Secrets,
) -> Result<EndpointRequest, PortError> {
    let Sent { key, message, current, parameters, signed } = sent;
    let traceparent = traceparent(key, &message.envelope);
    let told = Told { key, message, current, parameters, traceparent: &traceparent };
    let body = told.body(endpoint.format).map_err(|error| PortError::permanent(unshowable(&error)))?;
    let webhook_id = key.webhook_id();
    let plain = |name: &str, value: String| (name.to_owned(), HeaderValue::Plain(value));
    let own = to.is_endpoint();
    let meant_for_it = endpoint.headers.iter().filter(|_| own);
    let mut headers: Vec<(String, HeaderValue)> =
        meant_for_it.map(|(name, value)| plain(&name.to_ascii_lowercase(), value.clone())).collect();
    headers.push(plain("content-type", format::content_type(endpoint.format).to_owned()));
    headers.push(plain("webhook-id", webhook_id.clone()));
    headers.push(plain("webhook-timestamp", signed.at.as_second().to_string()));
    headers.push(plain("traceparent", traceparent));
    headers.push(plain("x-hub-store", hub.name.to_string()));
    if own {
        let signature = signatures(&signed.secrets(endpoint, secrets).await?, &webhook_id, signed.at, body.as_bytes());
        // Not printed: whoever has it can send the same once more for five minutes.
        headers.push(("webhook-signature".to_owned(), HeaderValue::Secret(signature)));
    }
    if let Some(token) = endpoint.token.as_ref().filter(|_| own) {
        headers.push(("x-hub-token".to_owned(), HeaderValue::Secret(secrets.secret(token).await?)));
    }
    Ok(EndpointRequest {
        url: to.url,
        headers,
        body,
        timeout: endpoint.timeout,
        max_body: hub.limits.response,
        origin: to.origin,
    })
}

/// Where and how, without what stands there.
fn unshowable(error: &serde_json::Error) -> String {
    format!(
        "the message cannot be shown: {:?} error, line {} column {}",
        error.classify(),
        error.line(),
        error.column()
    )
}

/// W3C Trace Context §3.2: the change's trace, and a span for this delivery.
fn traceparent(key: &DeliveryKey, message: &Envelope) -> String {
    let span = crate::id::ContentHash::of(key.to_string().as_bytes());
    format!("00-{}-{}-01", message.trace_id, crate::id::hex(&span.0[..8]))
}

#[cfg(test)]
mod tests;
