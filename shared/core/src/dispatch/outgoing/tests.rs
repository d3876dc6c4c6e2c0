use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::*;
use crate::{
    dispatch::destination::destination,
    id::{MessageId, SecretName},
    message::Message,
    port::{Remote, UrlOrigin},
};

fn hub() -> Hub {
    let text = "hub: my-shop
sources:
  my-store:
    url: http://shop.test
    collections:
      orders: {type: order, request: {path: /orders}, items: orders, id: id, every: 10s}
endpoints:
  mail: {url: 'http://mail.test/api?key=a', token: {secret: mail-token}, headers: {X-Tenant: eu}, timeout: 7s}
  open: {url: http://open.test}
routes:
  - {name: mail, messages: ['order:*'], to: mail, path: /send, parameters: {from: shop, retries: 3}}
  - {name: open, messages: ['order:*'], to: open, path: /}
";
    crate::hub::load("hub.yaml", text, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub
}

fn carried(message: &Message) -> Carried {
    Carried::of(message).unwrap()
}

fn message() -> Message {
    serde_json::from_value(json!({
        "message_id": MessageId::from_bytes([0x5f; 16]), "message": "order:updated", "hub": "my-shop",
        "source": "my-store", "created_at": "2026-11-21T10:00:00Z", "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "parent_id": null, "hops": 0,
        "object": {"type": "order", "collection": "orders", "id": "R1", "version": 2, "parent": 1, "group": "9f"},
        "keys": {}, "payload": {"order": {"actual": {"total": 1}}}, "routes": ["mail"],
    }))
    .unwrap()
}

struct Hush;

impl Secrets for Hush {
    async fn secret(&self, name: &SecretName) -> Result<SecretString, PortError> {
        Ok(format!("hush-{}", name.as_str()).into())
    }
}

fn sent(route: &str, round: u32) -> EndpointRequest {
    sent_to(route, round, None)
}

fn sent_to(route: &str, round: u32, remote: Option<&Remote>) -> EndpointRequest {
    let hub = hub();
    let route = hub.routes.iter().find(|known| known.name.as_str() == route).unwrap();
    let endpoint = &hub.endpoints[&route.to];
    let key = DeliveryKey { message: message().message_id, route: route.name.clone(), round };
    let now = "2026-11-21T10:00:00.9Z".parse().unwrap();
    let target = Target { hub: &hub, endpoint, to: destination(endpoint, route, remote).unwrap() };
    request(target, &key, &carried(&message()).envelope, "{}".to_owned(), now, &Hush).now_or_never().unwrap().unwrap()
}

fn header(request: &EndpointRequest, name: &str) -> Option<String> {
    let mut values = request.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| match value {
        HeaderValue::Plain(value) => value.clone(),
        HeaderValue::Secret(value) => format!("secret {}", value.expose_secret()),
    });
    let value = values.next();
    assert!(values.next().is_none(), "{name} twice");
    value
}

#[test]
fn a_request_carries_the_headers_of_the_contract() {
    let request = sent("mail", 1);
    let id = message().message_id.to_string();
    for (name, expected) in [
        ("content-type", "application/json"),
        ("webhook-id", id.as_str()),
        ("webhook-timestamp", "1795255200"),
        ("x-hub-store", "my-shop"),
        ("x-hub-token", "secret hush-mail-token"),
        ("x-tenant", "eu"),
    ] {
        assert_eq!(header(&request, name).as_deref(), Some(expected), "{name}");
    }
    assert!(!format!("{request:?}").contains("hush"), "{request:?}");
    assert_eq!(request.url.as_str(), "http://mail.test/api/send?key=a");
    assert_eq!((request.timeout.as_secs(), request.max_body), (7, 256 * 1024));
    assert_eq!(request.origin, UrlOrigin::HubFile);
    assert_eq!(header(&sent("open", 1), "x-hub-token"), None);
}

/// What is meant for the endpoint goes to no address that an answer names elsewhere.
#[test]
fn a_stranger_gets_no_token_and_no_headers() {
    let check = |update_url: &str, url: &str, token: Option<&str>, tenant: Option<&str>| {
        let of = message().message_id;
        let request = sent_to("mail", 1, Some(&Remote { update_url: update_url.to_owned(), poll: 1, of, of_round: 1 }));
        assert_eq!(request.url.as_str(), url);
        assert_eq!(header(&request, "x-hub-token").as_deref(), token, "{update_url}");
        assert_eq!(header(&request, "x-tenant").as_deref(), tenant, "{update_url}");
        assert_eq!(header(&request, "webhook-id"), Some(of.to_string()));
        let expected = if token.is_some() { UrlOrigin::HubFile } else { UrlOrigin::Answer };
        assert_eq!(request.origin, expected, "{update_url}");
    };
    check("jobs/7", "http://mail.test/jobs/7", Some("secret hush-mail-token"), Some("eu"));
    check("http://jobs.test/7", "http://jobs.test/7", None, None);
    check("https://mail.test/7", "https://mail.test/7", None, None);
}

#[test]
fn each_round_has_its_own_webhook_id() {
    let id = message().message_id;
    assert_eq!(header(&sent("mail", 1), "webhook-id"), Some(id.to_string()));
    assert_eq!(header(&sent("mail", 2), "webhook-id"), Some(format!("{id}.2")));
    assert_eq!(header(&sent("mail", 1000), "webhook-id"), Some(format!("{id}.1000")));
}

/// W3C Trace Context §3.2.2: version, trace id, parent id, flags, in lower-case hex.
#[test]
fn traceparent_names_the_trace_and_a_span_for_the_delivery() {
    let traceparent = |route, round| header(&sent(route, round), "traceparent").unwrap();
    let form = regex_lite::Regex::new("^00-0af7651916cd43dd8448eb211c80319c-([0-9a-f]{16})-01$").unwrap();
    let spans = [traceparent("mail", 1), traceparent("mail", 2), traceparent("open", 1)];
    let distinct: std::collections::HashSet<&str> =
        spans.iter().map(|text| form.captures(text).unwrap().get(1).unwrap().as_str()).collect();
    assert_eq!(distinct.len(), 3);
    assert!(!distinct.contains("0000000000000000"));
    assert_eq!(traceparent("mail", 1), spans[0], "the same on every attempt");
}

#[test]
fn what_was_written_back_goes_over_the_route() {
    let hub = hub();
    let written = BTreeMap::from([("retries".to_owned(), json!(5)), ("token".to_owned(), json!("t"))]);
    let parameters = parameters(&hub.routes[0], &written);
    let body: Value = serde_json::from_str(&body(&carried(&message()), None, &parameters).unwrap()).unwrap();
    let expected = json!([
        {"name": "from", "value": "shop"}, {"name": "retries", "value": 5}, {"name": "token", "value": "t"}
    ]);
    assert_eq!(body["parameters"], expected);
}

#[test]
fn a_body_is_the_message_with_current_and_parameters() {
    let read = |message: &Message, current: Option<&Value>| -> Value {
        serde_json::from_str(&body(&carried(message), current, &BTreeMap::new()).unwrap()).unwrap()
    };
    let newer = json!({"total": 2});
    let mut expected = json!(message());
    expected["parameters"] = json!([]);
    expected["payload"]["order"]["current"] = newer.clone();
    assert_eq!(read(&message(), Some(&newer)), expected);
    expected["payload"]["order"]["current"] = json!({"total": 1});
    assert_eq!(read(&message(), None), expected, "the object as it was, where no newer version is known");

    let bare = Message { object: None, payload: json!({"notification": {}}), ..message() };
    let mut expected = json!(bare);
    expected["parameters"] = json!([]);
    assert_eq!(read(&bare, Some(&newer)), expected);
}
