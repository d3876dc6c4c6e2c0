use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::*;
use crate::{
    Timestamp,
    dispatch::destination::destination,
    id::{MessageId, SecretName},
    message::Message,
    port::{Generations, Remote, SigningKey, UrlOrigin},
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
  key: {url: http://key.test, signing: {scheme: v1a}}
  both: {url: http://both.test, signing: {scheme: both}}
  named: {url: http://named.test, signing: {secrets: [new, old]}}
  mixed: {url: http://mixed.test, signing: {scheme: both, secrets: [new, private]}}
  wrong: {url: http://wrong.test, signing: {secrets: [new, private]}}
  plain: {url: http://plain.test, signing: {secrets: [password]}}
routes:
  - {name: mail, messages: ['order:*'], to: mail, path: /send, parameters: {from: shop, retries: 3}}
  - {name: vault, messages: ['order:*'], to: mail, parameters: {key: {secret: vault-key}, like: {literal: {secret: x}}}}
  - {name: open, messages: ['order:*'], to: open, path: /}
  - {name: key, messages: ['order:*'], to: key}
  - {name: both, messages: ['order:*'], to: both}
  - {name: named, messages: ['order:*'], to: named}
  - {name: mixed, messages: ['order:*'], to: mixed}
  - {name: wrong, messages: ['order:*'], to: wrong}
  - {name: plain, messages: ['order:*'], to: plain}
";
    hub::load("hub.yaml", text, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub
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
        let bytes = |byte: u8| STANDARD.encode([byte; 32]);
        Ok(match name.as_str() {
            "new" => format!("whsec_{}", bytes(1)),
            "old" => format!("whsec_{}", bytes(2)),
            "private" => format!("whsk_{}", bytes(3)),
            other => format!("hush-{other}"),
        }
        .into())
    }
}

fn now() -> Timestamp {
    "2026-11-21T10:00:00.9Z".parse().unwrap()
}

fn try_sent(route: &str, round: u32, generations: Generations) -> Result<EndpointRequest, PortError> {
    try_sent_to(route, round, generations, None)
}

fn try_sent_to(
    route: &str,
    round: u32,
    generations: Generations,
    remote: Option<&Remote>,
) -> Result<EndpointRequest, PortError> {
    let hub = hub();
    let route = hub.routes.iter().find(|known| known.name.as_str() == route).unwrap();
    let endpoint = &hub.endpoints[&route.to];
    let target = Target { hub: &hub, endpoint, to: destination(endpoint, route, remote).unwrap() };
    let (nothing, no_secrets) = (BTreeMap::new(), BTreeMap::new());
    let sent = Sent {
        key: &DeliveryKey { message: message().message_id, route: route.name.clone(), round },
        message: &carried(&message()),
        current: None,
        parameters: &parameters(&route.parameters, &nothing, &no_secrets),
        signed: Signed { key: &SigningKey::new([9; 32]), generations, at: now() },
    };
    request(target, sent, &Hush).now_or_never().unwrap()
}

fn sent(route: &str, round: u32) -> EndpointRequest {
    try_sent(route, round, Generations::default()).unwrap()
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
        let remote = Remote { update_url: update_url.to_owned(), poll: 1, of, of_round: 1 };
        let request = try_sent_to("mail", 1, Generations::default(), Some(&remote)).unwrap();
        assert_eq!(header(&request, "webhook-signature").is_some(), token.is_some(), "{update_url}");
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
    let none = BTreeMap::new();
    let written = BTreeMap::from([("retries".to_owned(), json!(5)), ("token".to_owned(), json!("t"))]);
    let parameters = parameters(&hub.routes[0].parameters, &written, &none);
    let expected = BTreeMap::from([("from", json!("shop")), ("retries", json!(5)), ("token", json!("t"))]);
    assert_eq!(parameters, expected.iter().map(|(name, value)| (*name, value)).collect());
}

/// The schemes of a request's signatures, and the signatures.
fn signatures_of(request: &EndpointRequest) -> Vec<(String, String)> {
    let value = header(request, "webhook-signature").unwrap();
    let list = value.strip_prefix("secret ").unwrap();
    list.split(' ').map(|one| one.split_once(',').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap()).collect()
}

/// Not even what an answer wrote back under its name, before it was made a secret, takes a secret's place.
#[test]
fn a_secret_parameter_is_looked_up_and_goes_over_all() {
    let hub = hub();
    let route = hub.route(&"vault".parse().unwrap()).unwrap();
    let written = BTreeMap::from([("key".to_owned(), json!("old")), ("token".to_owned(), json!("t"))]);
    let secrets = secret_parameters(&route.parameters, &Hush).now_or_never().unwrap().unwrap();
    let found = json!(parameters(&route.parameters, &written, &secrets));
    assert_eq!(found, json!({"key": "hush-vault-key", "like": {"secret": "x"}, "token": "t"}));
    assert_eq!(format!("{:?}", route.parameters["key"]), "Secret(\"vault-key\")");
}

#[test]
fn every_secret_that_is_to_sign_signs() {
    let rotated = Generations { newest: 2, previous_until: Some("2026-11-21T10:00:01Z".parse().unwrap()) };
    let over = Generations { newest: 2, previous_until: Some("2026-11-21T10:00:00Z".parse().unwrap()) };
    for (route, generations, expected) in [
        ("open", Generations::default(), &["v1"][..]),
        ("key", Generations::default(), &["v1a"]),
        ("both", Generations::default(), &["v1", "v1a"]),
        ("open", rotated, &["v1", "v1"]),
        ("open", over, &["v1"]),
        ("both", rotated, &["v1", "v1a", "v1", "v1a"]),
        ("named", Generations::default(), &["v1", "v1"]),
        // Generations are of derived secrets.
        ("named", rotated, &["v1", "v1"]),
        ("mixed", Generations::default(), &["v1", "v1a"]),
    ] {
        let request = try_sent(route, 1, generations).unwrap();
        let found = signatures_of(&request);
        let schemes: Vec<&str> = found.iter().map(|(scheme, _)| scheme.as_str()).collect();
        assert_eq!(schemes, expected, "{route}");
        let distinct: std::collections::BTreeSet<_> = found.iter().collect();
        assert_eq!(distinct.len(), found.len(), "{route}");
        assert!(found.iter().all(|(_, signature)| !format!("{request:?}").contains(signature)), "{request:?}");
    }
}

/// The generation before signs as it did when it was the newest.
#[test]
fn a_rotation_breaks_no_receiver() {
    let before = signatures_of(&sent("open", 1));
    let until = Some("2026-11-22T10:00:00Z".parse().unwrap());
    let during = signatures_of(&try_sent("open", 1, Generations { newest: 2, previous_until: until }).unwrap());
    let after = signatures_of(&try_sent("open", 1, Generations { newest: 2, previous_until: None }).unwrap());
    assert_eq!(during, [after, before].concat());
}

#[test]
fn endpoints_have_different_secrets() {
    assert_ne!(signatures_of(&sent("open", 1)), signatures_of(&sent("both", 1))[..1]);
}

#[test]
fn a_secret_that_cannot_sign_is_named_and_not_shown() {
    for (route, expected) in [
        ("plain", "the secret password cannot sign: found neither whsec_ nor whsk_ at its beginning"),
        ("wrong", "the secret private cannot sign: found one for v1a (whsk_…), expected one for v1 (whsec_…)"),
    ] {
        let error = try_sent(route, 1, Generations::default()).unwrap_err();
        assert_eq!(error, PortError::permanent(expected));
    }
}
