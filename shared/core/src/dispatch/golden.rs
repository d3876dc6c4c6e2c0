//! What a delivery sends and what its answer becomes, as golden files.

use std::{
    collections::BTreeMap,
    pin::pin,
    task::{Context, Poll, Waker},
};

use secrecy::SecretString;
use serde_json::{Value, json};

use super::{destination::destination, outcome, outgoing, signing::Signed};
use crate::{
    Timestamp, answer,
    golden::{check, check_message, context, hub, now},
    hub::{Format, Hub},
    id::{DeliveryKey, MessageId, SecretName},
    message::{Carried, Message, ObjectRef},
    port::{
        Delivery, DeliveryState, EndpointRequest, EndpointResponse, Generations, HeaderValue, PortError, Secrets,
        SigningKey,
    },
    route::Router,
};

/// An order's message; the newest version is another by now.
fn message(hub: &Hub) -> Message {
    let id = MessageId::from_bytes([0x80; 16]);
    let message = Message {
        message_id: id,
        message: "order:updated".parse().unwrap(),
        hub: hub.name.clone(),
        source: "my-store".parse().unwrap(),
        created_at: now(),
        trace_id: id.trace_id(),
        parent_id: None,
        parent_route: None,
        hops: 0,
        object: Some(ObjectRef {
            object_type: "order".parse().unwrap(),
            collection: "orders".parse().unwrap(),
            id: "R1".to_owned(),
            version: 2,
            parent: Some(1),
            group: "6dfd03a54c8aff19542641d1f9366168".to_owned(),
        }),
        keys: BTreeMap::from([("total".to_owned(), json!(24.99))]),
        payload: json!({"order": {"actual": {"number": "R1", "total": "24.99"}}}),
        previous: Some(json!({"number": "R1", "total": "19.99"})),
        changes: Some(vec![crate::message::Change {
            path: "/total".to_owned(),
            old: Some(json!("19.99")),
            new: Some(json!("24.99")),
        }]),
        routes: Vec::new(),
    };
    Router::new(hub).record(message).unwrap().message
}

fn key(message: &Message, round: u32) -> DeliveryKey {
    DeliveryKey { message: message.message_id, route: "book".parse().unwrap(), round }
}

struct OneSecret;

impl Secrets for OneSecret {
    async fn secret(&self, name: &SecretName) -> Result<SecretString, PortError> {
        assert_eq!(name.as_str(), "books-token");
        Ok("hush-hush".into())
    }
}

/// Of a delivery in its second round, to an endpoint that gave itself a token.
fn request(format: Format, current: Option<&Value>) -> EndpointRequest {
    let hub = hub();
    let message = message(&hub);
    let written_back = BTreeMap::from([("session".to_owned(), json!("s-1")), ("account".to_owned(), json!("0815"))]);
    let route = hub.route(&"book".parse().unwrap()).unwrap();
    let carried = Carried::of(&message).unwrap();
    let mut endpoint = hub.endpoints[&route.to].clone();
    endpoint.format = format;
    let to = destination(&endpoint, route, None).unwrap();
    let target = outgoing::Target { hub: &hub, endpoint: &endpoint, to };
    let secrets = BTreeMap::new();
    let sent = outgoing::Sent {
        key: &key(&message, 2),
        message: &carried,
        current,
        parameters: &outgoing::parameters(&route.parameters, &written_back, &secrets),
        signed: Signed { key: &SigningKey::new([7; 32]), generations: Generations::default(), at: now() },
    };
    let request = pin!(outgoing::request(target, sent, &OneSecret));
    match request.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(request) => request.unwrap(),
        Poll::Pending => panic!("a secret that is there makes nothing wait"),
    }
}

const FORMATS: [(&str, Format); 3] =
    [("crossdock", Format::Crossdock), ("wombat", Format::Wombat), ("cloudevents", Format::CloudEvents)];

#[test]
fn the_body_of_a_delivery() {
    for (name, format) in FORMATS {
        let request = request(format, Some(&json!({"number": "R1", "total": "29.99"})));
        assert_eq!(request.url.as_str(), "https://books.example/hub/book?tenant=7");
        check(&format!("delivery/{name}.json"), &serde_json::from_str::<Value>(&request.body).unwrap());
    }
}

#[test]
fn the_headers_of_a_delivery() {
    for (name, format) in FORMATS {
        let shown: Vec<(String, String)> = request(format, None)
            .headers
            .into_iter()
            .map(|(name, value)| match value {
                HeaderValue::Plain(value) => (name, value),
                HeaderValue::Secret(_) => (name, "(secret)".to_owned()),
            })
            .collect();
        let mut names: Vec<&String> = shown.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), shown.len(), "a header is sent once");
        check(&format!("delivery/{name}.headers.json"), &shown.into_iter().collect::<BTreeMap<_, _>>());
    }
}

/// What an answer of this body makes of the first round.
fn follow_ups(hub: &Hub, body: &Value, now: Timestamp) -> Vec<Message> {
    let response =
        EndpointResponse { status: 200, headers: Vec::new(), body: body.to_string().into_bytes(), truncated: false };
    let (answer, _) = answer::read(&response, answer::Scope { hub, source: &hub.sources["my-store"].name });
    assert_eq!(answer.faults, Vec::<String>::new());
    let message = message(hub);
    let delivery = Delivery {
        key: key(&message, 1),
        endpoint: "accounting".parse().unwrap(),
        state: DeliveryState::Delivered,
        attempts: Vec::new(),
        receives: 0,
        updated_at: now,
        next_attempt_at: None,
        reason: None,
        answer: None,
        next_round: false,
        untracked: false,
    };
    outcome::follow_ups(context(hub).epoch, &Carried::of(&message).unwrap().envelope, &delivery, &answer, now)
}

#[test]
fn what_an_answer_asks_for() {
    let hub = hub();
    let answer = json!({
        "messages": [
            {"message": "shipment:ready", "payload": {"shipment": {"number": "H1", "cost": 4.90}}},
            {"message": "shipment:ready"},
        ],
        "notifications": [
            {"level": "error", "subject": "Unknown account", "description": "4711 is closed"},
            {"level": "error", "subject": "Unknown account", "description": "4711 is closed"},
        ],
    });
    let mut made = follow_ups(&hub, &answer, now());
    let ids: std::collections::BTreeSet<MessageId> = made.iter().map(|message| message.message_id).collect();
    assert_eq!((made.len(), ids.len()), (4, 4), "each place has its own id");
    assert_eq!(made, follow_ups(&hub, &answer, now()), "the same answer again is the same messages");
    check_message(&hub, "endpoint-notification", made.remove(2));
    check_message(&hub, "follow-up", made.remove(0));
}
