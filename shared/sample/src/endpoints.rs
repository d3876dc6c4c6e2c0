//! The sample endpoints. Each is what one would write in an afternoon in any language: a function from a message to an
//! answer. What is not as simple is on purpose: accounting stumbles twice over the scene's order, and loyalty is out of
//! order for good.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    post::{Answer, Post},
    seen::Notebook,
};

pub(crate) const EMAIL: &str = "email";
pub(crate) const ACCOUNTING: &str = "accounting";
pub(crate) const ANALYTICS: &str = "analytics";
pub(crate) const FULFILMENT: &str = "fulfilment";
pub(crate) const LOYALTY: &str = "loyalty";

/// An HTTP server of its own.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: &'static str,
    /// The variable by which hub.yaml learns its URL.
    pub(crate) variable: &'static str,
    path: &'static str,
    answer: fn(&Post, &Script) -> Answer,
}

pub(crate) const ENDPOINTS: [Endpoint; 5] = [
    Endpoint { name: EMAIL, variable: "EMAIL_URL", path: "/confirm", answer: confirm },
    Endpoint { name: ACCOUNTING, variable: "ACCOUNTING_URL", path: "/book", answer: book },
    Endpoint { name: ANALYTICS, variable: "ANALYTICS_URL", path: "/track", answer: track },
    Endpoint { name: FULFILMENT, variable: "FULFILMENT_URL", path: "/ship", answer: ship },
    Endpoint { name: LOYALTY, variable: "LOYALTY_URL", path: "/points", answer: points },
];

fn confirm(post: &Post, _: &Script) -> Answer {
    match post.object().and_then(|order| order["email"].as_str()) {
        Some(address) => Answer::ok(format!("mail sent to {address}")),
        None => Answer::refused(StatusCode::UNPROCESSABLE_ENTITY, "the order has no email address"),
    }
}

fn book(post: &Post, script: &Script) -> Answer {
    if script.stumbles(post) {
        return Answer::refused(StatusCode::INTERNAL_SERVER_ERROR, "the ledger is locked by the nightly run");
    }
    Answer::ok(format!("{} booked", post.object_id().unwrap_or("nothing")))
}

fn track(_: &Post, _: &Script) -> Answer {
    // A number is no object: an answer that says nothing to the hub, and is fine.
    Answer::new(StatusCode::ACCEPTED, json!(1))
}

/// The carrier answers with a message of its own: a tracking number. Asked twice, it gives the same one.
fn ship(post: &Post, _: &Script) -> Answer {
    let (Some(root), Some(shipment)) = (post.root(), post.object()) else {
        return Answer::refused(StatusCode::UNPROCESSABLE_ENTITY, "the message carries no shipment");
    };
    let Some(number) = shipment["number"].as_str() else {
        return Answer::refused(StatusCode::UNPROCESSABLE_ENTITY, "the shipment has no number");
    };
    let carrier = post.parameter("carrier").and_then(Value::as_str).unwrap_or("Nordpost");
    let tracking = tracking_number(number);
    Answer::new(
        StatusCode::OK,
        json!({
            "summary": format!("{number} travels with {carrier} as {tracking}"),
            "messages": [{
                "message": format!("{root}:shipped"),
                "payload": {root: {
                    "number": number,
                    "order_number": shipment["order_number"],
                    "carrier": carrier,
                    "tracking": tracking,
                }},
            }],
        }),
    )
}

pub(crate) fn tracking_number(shipment: &str) -> String {
    format!("NP{}SE", shipment.trim_start_matches('H'))
}

fn points(_: &Post, _: &Script) -> Answer {
    Answer::refused(StatusCode::SERVICE_UNAVAILABLE, "the points database is gone")
}

/// What accounting has been told to do wrong.
#[derive(Debug, Default)]
pub(crate) struct Script(Mutex<Stumble>);

#[derive(Debug, Default)]
struct Stumble {
    order: Option<String>,
    /// The first message about that order.
    message: Option<String>,
    times: u32,
}

impl Script {
    /// How often accounting fails before it recovers.
    pub(crate) const STUMBLES: u32 = 2;

    /// From now on accounting stumbles over the first message about this order, and over nothing else.
    pub(crate) fn stumble_over(&self, order: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Stumble { order: Some(order.to_owned()), ..Stumble::default() };
    }

    fn stumbles(&self, post: &Post) -> bool {
        let mut stumble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stumble.order.is_none() || stumble.order.as_deref() != post.object_id() {
            return false;
        }
        let id = post.webhook_id.clone().unwrap_or_default();
        if *stumble.message.get_or_insert_with(|| id.clone()) != id || stumble.times == Self::STUMBLES {
            return false;
        }
        stumble.times += 1;
        true
    }
}

struct Serving {
    endpoint: &'static Endpoint,
    script: Arc<Script>,
    notebook: Arc<Notebook>,
}

pub(crate) fn router(endpoint: &'static Endpoint, script: Arc<Script>, notebook: Arc<Notebook>) -> Router {
    Router::new().fallback(receive).with_state(Arc::new(Serving { endpoint, script, notebook }))
}

/// Whatever is asked, wherever: so that a request to a wrong path is seen too.
async fn receive(
    State(serving): State<Arc<Serving>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Endpoint { name, path, answer, .. } = serving.endpoint;
    let post = Post::read(&headers, &body);
    let answer = if uri.path() != *path {
        Answer::refused(StatusCode::NOT_FOUND, format!("there is no service at {}, only {path}", uri.path()))
    } else if method != Method::POST {
        Answer::refused(StatusCode::METHOD_NOT_ALLOWED, format!("found {method}, expected POST"))
    } else if let Some(fault) = &post.fault {
        Answer::refused(StatusCode::BAD_REQUEST, fault.as_str())
    } else {
        answer(&post, &serving.script)
    };
    serving.notebook.request(name, uri.path(), &post, answer.status);
    answer.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(id: &str, body: Value) -> Post {
        Post { webhook_id: Some(id.to_owned()), body: Arc::new(body), fault: None }
    }

    fn about(id: &str, order: &str) -> Post {
        post(id, json!({"object": {"type": "order", "id": order}, "payload": {"order": {"actual": {"number": order}}}}))
    }

    #[test]
    fn accounting_stumbles_twice_over_the_first_message_about_the_scenes_order() {
        let script = Script::default();
        let check = |id: &str, order: &str, expected: u16| {
            assert_eq!(book(&about(id, order), &script).status.as_u16(), expected, "{id} about {order}");
        };
        check("m1", "R1", 200);
        script.stumble_over("R1");
        check("m2", "R1", 500);
        check("m3", "R1", 200);
        check("m4", "R2", 200);
        check("m2", "R1", 500);
        check("m2", "R1", 200);
        check("m2", "R1", 200);
        script.stumble_over("R2");
        check("m5", "R1", 200);
        check("m5", "R2", 500);
    }

    #[test]
    fn fulfilment_speaks_of_the_object_in_the_hubs_own_words() {
        let check = |root: &str| {
            let actual = json!({"number": "H7", "order_number": "R7"});
            let message = json!({
                "object": {"type": root, "id": "H7"},
                "payload": {root: {"actual": actual}},
                "parameters": [{"name": "carrier", "value": "Sälskapet"}],
            });
            let answer = ship(&post("m", message), &Script::default());
            let follow_up = &answer.body["messages"][0];
            assert_eq!(follow_up["message"], format!("{root}:shipped"));
            let expected = json!({"number": "H7", "order_number": "R7", "carrier": "Sälskapet", "tracking": "NP7SE"});
            assert_eq!(follow_up["payload"], json!({root: expected}));
        };
        check("shipment");
        check("parcel");
    }

    #[test]
    fn messages_without_what_is_needed_are_refused() {
        let empty = post("m", json!({"payload": {"shipment": {}}}));
        assert_eq!(ship(&empty, &Script::default()).status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(ship(&post("m", json!({})), &Script::default()).status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(confirm(&empty, &Script::default()).status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}
