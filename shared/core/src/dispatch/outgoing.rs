//! The request of one attempt.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::destination::Destination;
use crate::{
    Timestamp,
    hub::{Endpoint, Hub, Route},
    id::DeliveryKey,
    message::{Carried, Envelope},
    port::{EndpointRequest, HeaderValue, PortError, Secrets},
};

/// The message plus what the endpoint should know at the moment of this attempt, put into the message's own text.
///
/// # Errors
/// The message is not what it should be.
pub(super) fn body(
    message: &Carried,
    current: Option<&Value>,
    parameters: &BTreeMap<&str, &Value>,
) -> Result<String, serde_json::Error> {
    let text = message.text();
    let list: Vec<Parameter<'_>> = parameters.iter().map(|(&name, &value)| Parameter { name, value }).collect();
    let list = serde_json::to_string(&list)?;
    let mut body = String::with_capacity(text.len() + list.len() + ROOM);
    let mut written = 0;
    if let Some(object) = &message.envelope.object
        && let Some((shown, actual)) = shown(text, object.object_type.as_str())?
    {
        // Behind the brace that opens it; `actual` follows.
        written = shown + 1;
        body.push_str(&text[..written]);
        body.push_str("\"current\":");
        match current {
            Some(current) => body.push_str(&serde_json::to_string(current)?),
            None => body.push_str(actual.get()),
        }
        body.push(',');
    }
    // Before the brace that ends the message.
    body.push_str(&text[written..text.len() - 1]);
    body.push_str(",\"parameters\":");
    body.push_str(&list);
    body.push('}');
    Ok(body)
}

/// Bytes for the names of what is put in.
const ROOM: usize = 32;

#[derive(Serialize)]
struct Parameter<'a> {
    name: &'a str,
    value: &'a Value,
}

/// Where in the message's text the payload shows the object, and how it looked then.
fn shown<'a>(text: &'a str, object_type: &str) -> Result<Option<(usize, &'a RawValue)>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Paid<'a> {
        #[serde(borrow)]
        payload: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Shown<'a> {
        #[serde(borrow)]
        actual: &'a RawValue,
    }
    let Paid { payload } = serde_json::from_str(text)?;
    let objects: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(payload.get())?;
    let Some(shown) = objects.get(object_type) else { return Ok(None) };
    let Shown { actual } = serde_json::from_str(shown.get())?;
    // It was borrowed from the text.
    Ok(Some((shown.get().as_ptr().addr() - text.as_ptr().addr(), actual)))
}

/// The route's parameters, and over them what the endpoint's own answers wrote back.
pub(super) fn parameters<'a>(
    route: &'a Route,
    written_back: &'a BTreeMap<String, Value>,
) -> BTreeMap<&'a str, &'a Value> {
    route.parameters.iter().chain(written_back).map(|(name, value)| (name.as_str(), value)).collect()
}

/// Where an attempt goes.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub hub: &'a Hub,
    pub endpoint: &'a Endpoint,
    pub to: Destination,
}

pub(super) async fn request(
    Target { hub, endpoint, to }: Target<'_>,
    key: &DeliveryKey,
    message: &Envelope,
    body: String,
    now: Timestamp,
    secrets: &impl Secrets,
) -> Result<EndpointRequest, PortError> {
    let plain = |name: &str, value: String| (name.to_owned(), HeaderValue::Plain(value));
    let own = to.is_endpoint();
    let meant_for_it = endpoint.headers.iter().filter(|_| own);
    let mut headers: Vec<(String, HeaderValue)> =
        meant_for_it.map(|(name, value)| plain(&name.to_ascii_lowercase(), value.clone())).collect();
    headers.push(plain("content-type", "application/json".to_owned()));
    headers.push(plain("webhook-id", key.webhook_id()));
    headers.push(plain("webhook-timestamp", now.as_second().to_string()));
    headers.push(plain("traceparent", traceparent(key, message)));
    headers.push(plain("x-hub-store", hub.name.to_string()));
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

/// W3C Trace Context §3.2: the change's trace, and a span for this delivery.
fn traceparent(key: &DeliveryKey, message: &Envelope) -> String {
    let span = crate::id::ContentHash::of(key.to_string().as_bytes());
    format!("00-{}-{}-01", message.trace_id, crate::id::hex(&span.0[..8]))
}

#[cfg(test)]
mod tests;
