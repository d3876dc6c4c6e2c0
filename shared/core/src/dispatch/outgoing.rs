//! The request of one attempt.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    Timestamp,
    hub::{Endpoint, Hub, Route},
    id::DeliveryKey,
    message::Message,
    port::{EndpointRequest, HeaderValue, PortError, Secrets, UrlOrigin},
    url::join,
};

/// The message plus what the endpoint should know at the moment of this attempt.
pub(super) fn body(message: &Message, current: Option<&Value>, parameters: &BTreeMap<&str, &Value>) -> String {
    let mut body = json!(message);
    if let Some(object) = &message.object
        && let Some(Value::Object(shown)) = body.pointer_mut(&format!("/payload/{}", object.object_type))
    {
        let current = current.or_else(|| message.payload.get(object.object_type.as_str())?.get("actual"));
        shown.insert("current".to_owned(), current.cloned().unwrap_or(Value::Null));
    }
    let list: Vec<Value> = parameters.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    if let Value::Object(fields) = &mut body {
        fields.insert("parameters".to_owned(), Value::Array(list));
    }
    body.to_string()
}

/// The route's parameters, and over them what the endpoint's own answers wrote back.
pub(super) fn parameters<'a>(
    route: &'a Route,
    written_back: &'a BTreeMap<String, Value>,
) -> BTreeMap<&'a str, &'a Value> {
    route.parameters.iter().chain(written_back).map(|(name, value)| (name.as_str(), value)).collect()
}

/// Where an attempt goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub hub: &'a Hub,
    pub endpoint: &'a Endpoint,
    pub route: &'a Route,
}

pub(super) async fn request(
    Target { hub, endpoint, route }: Target<'_>,
    key: &DeliveryKey,
    message: &Message,
    body: String,
    now: Timestamp,
    secrets: &impl Secrets,
) -> Result<EndpointRequest, PortError> {
    let plain = |name: &str, value: String| (name.to_owned(), HeaderValue::Plain(value));
    let mut headers: Vec<(String, HeaderValue)> =
        endpoint.headers.iter().map(|(name, value)| plain(&name.to_ascii_lowercase(), value.clone())).collect();
    headers.push(plain("content-type", "application/json".to_owned()));
    headers.push(plain("webhook-id", key.webhook_id()));
    headers.push(plain("webhook-timestamp", now.as_second().to_string()));
    headers.push(plain("traceparent", traceparent(key, message)));
    headers.push(plain("x-hub-store", hub.name.to_string()));
    if let Some(token) = &endpoint.token {
        headers.push(("x-hub-token".to_owned(), HeaderValue::Secret(secrets.secret(token).await?)));
    }
    Ok(EndpointRequest {
        url: join(&endpoint.url, &route.path),
        headers,
        body,
        timeout: endpoint.timeout,
        max_body: hub.limits.response,
        origin: UrlOrigin::HubFile,
    })
}

/// W3C Trace Context §3.2: the change's trace, and a span for this delivery.
fn traceparent(key: &DeliveryKey, message: &Message) -> String {
    let span = crate::id::ContentHash::of(key.to_string().as_bytes());
    format!("00-{}-{}-01", message.trace_id, crate::id::hex(&span.0[..8]))
}

#[cfg(test)]
mod tests;
