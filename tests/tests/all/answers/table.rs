//! The classes of answers, one by one.

use serde_json::{Value, json};

use crate::support::{Reply, Request};

pub(super) enum Ends {
    Delivered,
    /// With this in its reason.
    Dead(&'static str),
}

pub(super) struct Case {
    pub(super) name: &'static str,
    /// Keys of the endpoint.
    pub(super) endpoint: &'static str,
    pub(super) answer: fn(&Request) -> Reply,
    /// Nobody listens.
    pub(super) refused: bool,
    pub(super) rounds: usize,
    pub(super) ends: Ends,
    /// Status by attempt of the last round; `None` where there was no whole answer.
    pub(super) attempts: &'static [Option<u64>],
    /// What the hub keeps of the last answer, and where.
    pub(super) kept: Option<(&'static str, &'static str)>,
}

const TWICE: &str = "retries: [50ms]";
const ONCE: &str = "retries: none";

const fn delivered(name: &'static str, answer: fn(&Request) -> Reply, status: &'static [Option<u64>]) -> Case {
    Case {
        name,
        endpoint: TWICE,
        answer,
        refused: false,
        rounds: 1,
        ends: Ends::Delivered,
        attempts: status,
        kept: None,
    }
}

/// Tried twice.
const fn failed(
    name: &'static str,
    answer: fn(&Request) -> Reply,
    attempts: &'static [Option<u64>],
    reason: &'static str,
) -> Case {
    Case { ends: Ends::Dead(reason), ..delivered(name, answer, attempts) }
}

impl Case {
    const fn endpoint(mut self, keys: &'static str) -> Self {
        self.endpoint = keys;
        self
    }

    const fn kept(mut self, pointer: &'static str, expected: &'static str) -> Self {
        self.kept = Some((pointer, expected));
        self
    }

    const fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    const fn refused(mut self) -> Self {
        self.refused = true;
        self
    }
}

/// What a parameter was when the message was sent.
fn parameter(request: &Request, name: &str) -> Value {
    let message = request.json();
    let list = message["parameters"].as_array().unwrap();
    list.iter().find(|one| one["name"] == name).map_or(Value::Null, |one| one["value"].clone())
}

fn page_after_page(request: &Request) -> Reply {
    let page = parameter(request, "page").as_u64().unwrap_or(0) + 1;
    Reply::json(if page < 4 { 206 } else { 200 }, &json!({"parameters": {"page": page}}))
}

fn echo(request: &Request, field: &str) -> Reply {
    Reply::json(200, &json!({field: request.json()["message_id"]}))
}

/// 300 KiB; the limit is 256.
fn long(request: &Request) -> Reply {
    let _ = request;
    Reply::text(200, "text/plain", &"long".repeat(75 * 1024))
}

const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 400\r\n\r\n{\"summary\": ";
const NO_HTTP: &[u8] = b"\x16\x03\x01\x02\x00 this is no HTTP at all\r\n\r\n";
const HALF_A_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-ty";
const BODY: &str = "<html><body>It works!</body></html>";

pub(super) const CASES: &[Case] = &[
    // 2xx, whatever the body says.
    delivered("ok-200", |_| Reply::json(200, &json!({"summary": "booked"})), &[Some(200)]).kept("/summary", "booked"),
    delivered("created-201", |_| Reply::status(201), &[Some(201)]),
    delivered("accepted-202", |_| Reply::json(202, &json!(1)), &[Some(202)]).kept("/text", "1"),
    delivered("no-content-204", |_| Reply::status(204), &[Some(204)]),
    delivered("odd-299", |_| Reply::status(299), &[Some(299)]),
    delivered("text", |_| Reply::text(200, "text/plain", "thanks, got it"), &[Some(200)]).kept("/text", "thanks"),
    delivered("html", |_| Reply::text(200, "text/html", BODY), &[Some(200)]).kept("/text", "It works!"),
    delivered("bad-json", |_| Reply::text(200, "application/json", "{\"summary\": "), &[Some(200)]).kept("/text", "{"),
    delivered("bytes", |_| Reply::text(200, "image/png", "\u{0}\u{1}PNG\u{fffd}"), &[Some(200)]),
    delivered("events", |_| Reply::json(200, &json!({"events": [{"code": 200}, {"code": 7}]})), &[Some(200)])
        .kept("/events/1/code", "7"),
    delivered(
        "business-error",
        |_| Reply::json(200, &json!({"notifications": [{"level": "error", "subject": "no"}]})),
        &[Some(200)],
    )
    .kept("/notifications/0/subject", "no"),
    delivered("long-body", long, &[Some(200)]).kept("/truncated", "true"),
    delivered("endless-body", |_| Reply::Endless, &[Some(200)]).kept("/truncated", "true"),
    // 206: again and again, while a parameter changes.
    delivered("pages", page_after_page, &[Some(200)]).rounds(4),
    failed("no-progress", |_| Reply::json(206, &json!({})), &[Some(206), Some(206)], "206"),
    failed("same-parameter", |_| Reply::json(206, &json!({"parameters": {"page": 1}})), &[Some(206), Some(206)], "206")
        .rounds(2),
    // An echo that is asked for.
    delivered("echo", |request| echo(request, "message_id"), &[Some(200)]).endpoint("require_ack: true"),
    delivered("echo-wombat", |request| echo(request, "request_id"), &[Some(200)]).endpoint("require_ack: true"),
    failed("echo-missing", |_| Reply::json(200, &json!({"ok": true})), &[Some(200)], "message_id")
        .endpoint("require_ack: true, retries: none"),
    failed("echo-wrong", |_| Reply::json(200, &json!({"message_id": "me"})), &[Some(200)], "me")
        .endpoint("require_ack: true, retries: none"),
    // Failures, tried again.
    failed("moved-301", |_| Reply::status(301).with("location", "/elsewhere"), &[Some(301), Some(301)], "301"),
    failed("moved-302", |_| Reply::status(302).with("location", "/elsewhere"), &[Some(302), Some(302)], "302"),
    failed("moved-307", |_| Reply::status(307).with("location", "/elsewhere"), &[Some(307), Some(307)], "307"),
    failed("bad-400", |_| Reply::text(400, "text/html", BODY), &[Some(400), Some(400)], "400")
        .kept("/text", "It works!"),
    failed("unauthorized-401", |_| Reply::status(401), &[Some(401), Some(401)], "401"),
    failed("missing-404", |_| Reply::status(404), &[Some(404), Some(404)], "404"),
    failed("slow-408", |_| Reply::status(408), &[Some(408), Some(408)], "408"),
    failed("busy-429", |_| Reply::status(429), &[Some(429), Some(429)], "429"),
    failed("broken-500", |_| Reply::json(500, &json!({"summary": "no disk"})), &[Some(500), Some(500)], "500")
        .kept("/summary", "no disk"),
    failed("gateway-502", |_| Reply::status(502), &[Some(502), Some(502)], "502"),
    failed("away-503", |_| Reply::status(503).with("retry-after", "0"), &[Some(503), Some(503)], "503"),
    failed("gateway-504", |_| Reply::status(504), &[Some(504), Some(504)], "504"),
    failed("once", |_| Reply::status(500), &[Some(500)], "500").endpoint(ONCE),
    // Failures that no retry will mend.
    failed("hopeless-422", |_| Reply::status(422), &[Some(422)], "422")
        .endpoint("retries: [50ms], dead_letter_on: [422]"),
    failed("gone-410", |_| Reply::status(410), &[Some(410)], "410"),
    // No answer.
    failed("silence", |_| Reply::Silence, &[None], "within 1s").endpoint("retries: none, timeout: 1s"),
    failed("refused", |_| Reply::status(500), &[None, None], "refused").refused(),
    failed("hang-up", |_| Reply::Bytes(Vec::new()), &[None, None], "connection"),
    failed("reset", |_| Reply::Reset, &[None, None], "connection"),
    failed("half-a-head", |_| Reply::Bytes(HALF_A_HEAD.to_vec()), &[None, None], "connection"),
    failed("half-a-body", |_| Reply::Bytes(HALF.to_vec()), &[None, None], "connection"),
    failed("no-http", |_| Reply::Bytes(NO_HTTP.to_vec()), &[None, None], "connection"),
];
