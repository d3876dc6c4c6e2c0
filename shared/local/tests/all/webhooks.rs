//! Webhooks on the local store: what each request is answered, what is stored of it, and what is asked of the store.

use std::sync::Arc;

use crossdock_core::{
    event::EventName,
    fault::Faults,
    incoming::{Answer, Body, Incoming, Request},
    message::MessageRecord,
    port::{Home, Switch, Switches, VersionStore, Wants},
    publish::publish,
    webhook::{MOST_EVENTS, Told, proof::Headers},
};
use serde_json::{Value, json};

use crate::stage::Stage;

/// Every secret of the stage is `token`.
const HUB: &str = r#"
hub: webhooks
sources:
  shop:
    url: "http://shop.test"
    push: {secret: push-token}
    collections:
      orders:
        type: order
        request: {path: /orders}
        id: number
        volatile: [updated_at]
        every: 1h
        fetch: {path: "/orders/{id}", item: order}
      refunds: {type: refund, request: {path: /refunds}, id: id, every: 1h}
webhooks:
  shop-events:
    source: shop
    provider: generic
    secrets: [one]
    verify: {bearer: {}}
    id: {header: x-event-id}
    event: {path: type}
    schema: {required: [type], properties: {order: {type: object}}}
    events:
      "orders/*": {collection: orders, item: order}
      "orders/gone": {collection: orders, item: order, deleted: true}
      "orders/touched": {collection: orders, id: order.number}
      "orders/erased": {collection: orders, item: id, deleted: true}
      "refunds/*": {collection: refunds, item: data.refunds}
      "stock/*": {message: "stock:moved", item: stock}
      "ping": ignore
  batches:
    source: shop
    provider: generic
    secrets: [one]
    verify: {bearer: {}}
    id: {path: id}
    events: {"*": {message: "word:said"}}
  enveloped: {source: shop, provider: generic, secrets: [one], verify: {bearer: {}}, envelope: auto, events: {"*": {message: "word:said"}}}
  queued: {source: shop, provider: commercetools, from: {queue: "arn:aws:sqs:eu-west-1:123456789012:in"}, events: {"*": ignore}}
endpoints:
  books: {url: "http://books.test"}
routes:
  - {name: book, messages: ["order:*", "refund:*", "stock:*", "word:*"], to: books}
"#;

struct Asked {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
}

impl Headers for Asked {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes())
    }
}

impl Request for Asked {
    fn method(&self) -> &str {
        self.method
    }
    fn path(&self) -> &str {
        &self.path
    }
}

fn asked(path: &str, token: &str) -> Asked {
    Asked { method: "POST", path: path.to_owned(), headers: vec![("authorization", format!("Bearer {token}"))] }
}

/// Proven, with this event id where it is not empty.
fn event(webhook: &str, id: &str) -> Asked {
    let mut asked = asked(&format!("/webhooks/{webhook}"), "token");
    asked.headers.extend((!id.is_empty()).then(|| ("x-event-id", id.to_owned())));
    asked
}

async fn answer(stage: &Stage, told: &Told, request: &Asked, body: Body<'_>) -> (Answer, Vec<MessageRecord>) {
    let incoming = Incoming { home: &*stage.home, hub: &stage.hub, router: &stage.router, told };
    match incoming.way(request) {
        Ok(way) => incoming.answer(way, request, body).await,
        Err(answer) => (answer, Vec::new()),
    }
}

async fn send(stage: &Stage, request: &Asked, body: &Value) -> (u16, Value) {
    let (answer, records) = answer(stage, &Told::default(), request, Body::of(body.to_string().as_bytes())).await;
    publish(&*stage.home, &stage.router, &records).await.unwrap();
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

async fn stage() -> Stage {
    Stage::with_hub(HUB).await
}

fn order(number: &str, total: u32) -> Value {
    json!({"type": "orders/paid", "order": {"number": number, "total": total}})
}

#[tokio::test]
async fn each_rule_does_what_it_says() {
    let stage = stage().await;
    let (status, receipt) = send(&stage, &event("shop-events", "1"), &order("R1", 7)).await;
    assert_eq!((status, &receipt["accepted"], receipt["message_ids"].as_array().unwrap().len()), (202, &json!(1), 1));
    assert_eq!(stage.emitted(), ["order:new"]);
    // The more specific rule, wherever it stands.
    let gone = json!({"type": "orders/gone", "order": {"number": "R1"}});
    assert_eq!(send(&stage, &event("shop-events", "2"), &gone).await.0, 202);
    let erased = json!({"type": "orders/erased", "id": "R2"});
    assert_eq!(send(&stage, &event("shop-events", "3"), &erased).await.0, 202);
    let refunds = json!({"type": "refunds/made", "data": {"refunds": [{"id": 1}, {"id": 2}, {"amount": 7}]}});
    let (status, receipt) = send(&stage, &event("shop-events", "4"), &refunds).await;
    assert_eq!((status, &receipt["accepted"]), (202, &json!(2)));
    assert_eq!(
        receipt["errors"],
        json!([{"collection": "refunds", "index": 0, "error": "item 0: no id: nothing at \"id\""}])
    );
    let stock = json!({"type": "stock/moved", "stock": {"sku": "A", "left": 3}});
    assert_eq!(send(&stage, &event("shop-events", "5"), &stock).await.1["accepted"], 1);
    assert_eq!(stage.emitted(), ["order:new", "order:deleted", "refund:new", "refund:new", "stock:moved"]);
    for (id, kind) in [("6", "ping"), ("7", "carts/made")] {
        let (status, receipt) = send(&stage, &event("shop-events", id), &json!({ "type": kind })).await;
        assert_eq!((status, receipt), (202, json!({"accepted": 0, "message_ids": [], "ignored": 1})), "{kind}");
    }
    let erased = crossdock_core::id::ObjectKey { collection: stage.orders(), id: "R2".into() };
    let heads = stage.home.store().heads(&[erased]).await.unwrap();
    assert!(heads[0].as_ref().unwrap().as_ref().unwrap().deleted);
}

#[tokio::test]
async fn what_is_only_named_is_wanted() {
    let stage = stage().await;
    let touched = json!({"type": "orders/touched", "order": {"number": "R7"}});
    let (status, receipt) = send(&stage, &event("shop-events", "1"), &touched).await;
    assert_eq!((status, receipt), (202, json!({"accepted": 1, "message_ids": []})));
    // An object that has nothing but its id, where a whole one is expected.
    let thin = json!({"type": "orders/paid", "order": {"number": "R8"}});
    assert_eq!(send(&stage, &event("shop-events", "2"), &thin).await.0, 202);
    let far = "2026-12-31T00:00:00Z".parse().unwrap();
    let wanted = stage.home.store().wanted(&stage.orders(), far, 10).await.unwrap();
    let mut ids: Vec<&str> = wanted.iter().map(|wanted| wanted.object.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["R7", "R8"]);
}

#[tokio::test]
async fn an_event_that_was_seen_is_answered_and_nothing_else() {
    let stage = stage().await;
    let seen = json!({"accepted": 0, "message_ids": [], "duplicates": 1});
    for body in [order("R1", 7), json!({"type": "stock/moved", "stock": {"left": 3}})] {
        let id = body["type"].as_str().unwrap();
        let (_, first) = send(&stage, &event("shop-events", id), &body).await;
        assert_eq!(first["message_ids"].as_array().unwrap().len(), 1, "{id}");
        // By its id alone, whatever it says now.
        assert_eq!(send(&stage, &event("shop-events", id), &order("R9", 1)).await, (202, seen.clone()), "{id}");
    }
    assert_eq!(stage.emitted(), ["order:new", "stock:moved"]);
    // Another event of the same object, known by its version.
    let (_, receipt) = send(&stage, &event("shop-events", "another"), &order("R1", 7)).await;
    assert_eq!(receipt, json!({"accepted": 1, "message_ids": []}));
    // What was refused was not seen: mended, it may come under the same id.
    assert_eq!(send(&stage, &event("shop-events", "bad"), &json!({"type": "orders/paid", "order": {}})).await.0, 400);
    assert_eq!(send(&stage, &event("shop-events", "bad"), &order("R2", 7)).await.1["accepted"], 1);
    // Without an id, a message that comes again is another one.
    let stock = json!({"type": "stock/moved", "stock": {"left": 3}});
    let ids =
        [send(&stage, &event("shop-events", ""), &stock).await, send(&stage, &event("shop-events", ""), &stock).await];
    assert_ne!(ids[0].1["message_ids"], ids[1].1["message_ids"]);
}

/// Whatever call fails or never comes back, the sender sends it again, and it happens once.
#[tokio::test]
async fn a_crash_in_between_loses_nothing_and_doubles_nothing() {
    let body = json!([{"id": "a", "n": 1}, {"id": "b", "n": 2}]);
    for call in ["outbox.put", "events.seen", "events.note"] {
        for side in ["before", "after"] {
            let mut stage = stage().await;
            let plan = format!("fail@{side}:{call}").parse().unwrap();
            stage.restart(Faults::planned(plan, Arc::new(|_| Box::pin(async {}))));
            let (first, _) =
                answer(&stage, &Told::default(), &event("batches", ""), Body::of(body.to_string().as_bytes())).await;
            assert_eq!(first.status, 503, "{side} {call}");
            stage.restart(Faults::default());
            let (status, again) = send(&stage, &event("batches", ""), &body).await;
            assert_eq!(status, 202, "{side} {call}: {again}");
            let count = again["accepted"].as_u64().unwrap() + again["duplicates"].as_u64().unwrap_or(0);
            assert_eq!(count, 2, "{side} {call}: {again}");
            let stored = crossdock_testkit::suite::pending(stage.home.store(), "2030-01-01T00:00:00Z".parse().unwrap());
            let waiting = stored.await.unwrap().len();
            assert_eq!(stage.emitted().len() + waiting, 2, "{side} {call}");
        }
    }
}

#[tokio::test]
async fn lists_are_lists_of_events() {
    let stage = stage().await;
    let (_, receipt) = send(&stage, &event("batches", ""), &json!([{"id": 1}, {"id": 2}, {"id": 1}])).await;
    assert_eq!(receipt["accepted"], 3, "{receipt}");
    let (_, receipt) = send(&stage, &event("batches", ""), &json!([{"id": 2}, {"id": 3}])).await;
    assert_eq!((&receipt["accepted"], &receipt["duplicates"]), (&json!(1), &json!(1)), "{receipt}");
    assert_eq!(send(&stage, &event("batches", ""), &json!([])).await.1, json!({"accepted": 0, "message_ids": []}));
    // The good ones of a list are stored.
    let mixed = json!([order("R1", 1), {"type": "orders/paid"}, {"no": "type"}]);
    let (status, receipt) = send(&stage, &event("shop-events", "m"), &mixed).await;
    assert_eq!((status, &receipt["accepted"]), (202, &json!(1)));
    let errors = json!([
        {"index": 1, "error": "nothing at \"order\""},
        {"index": 2, "error": "not as the webhook's schema says: /: required: missing properties 'type'"},
    ]);
    assert_eq!(receipt["errors"], errors);
    let (status, answer) = send(&stage, &event("batches", ""), &vec![json!({}); MOST_EVENTS + 1].into()).await;
    assert_eq!((status, &answer["error"]), (400, &json!("found 1001 events, expected at most 1000 in one body")));
}

#[tokio::test]
async fn a_bad_body_says_what_is_wrong() {
    let stage = stage().await;
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    for (body, reason) in [
        ("", "not JSON: EOF"),
        ("{\"type\": \"orders/paid\"", "not JSON"),
        (r#"{"type": "orders/paid", "order": {"number": "R1", "number": "R2"}}"#, "\"number\" stands twice"),
        (r#"{"type": "orders/paid", "order": {"number": "\ud800"}}"#, "not JSON"),
        (r#"{"type": "orders/paid", "order": 7}"#, "/order: type: want object, but got number"),
        (r#"{"type": "orders/touched", "order": {"number": {}}}"#, "found an object at \"order.number\""),
        (r#"{"order": {}}"#, "/: required: missing properties 'type'"),
        (&format!(r#"{{"type": "stock/moved", "stock": {deep}}}"#), "recursion limit"),
    ] {
        let (answer, records) =
            answer(&stage, &Told::default(), &event("shop-events", "1"), Body::of(body.as_bytes())).await;
        let error: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(answer.status, 400, "{body}: {error}");
        assert!(error["error"].as_str().unwrap().contains(reason), "{body}: {error}");
        assert!(records.is_empty(), "{body}");
    }
    let marked = format!("\u{feff}{}", order("R1", 1));
    let (good, _) = answer(&stage, &Told::default(), &event("shop-events", "1"), Body::of(marked.as_bytes())).await;
    assert_eq!(good.status, 202, "a byte order mark is ignored");
}

/// The answers in their order, and that none of the first ones asks the store for anything.
#[tokio::test]
async fn who_has_proven_nothing_learns_nothing_and_costs_nothing() {
    let mut stage = stage().await;
    // Nothing fails; every call of a port passes two points.
    let faults = Faults::planned("fail@1000000".parse().unwrap(), Arc::new(|_| Box::pin(async {})));
    stage.restart(faults.clone());
    let calls = || faults.passed() / 2;
    let told = Told::default();
    let good = order("R1", 1).to_string();
    let get = |path: &str| Asked { method: "GET", ..asked(path, "token") };
    let bad = asked("/webhooks/shop-events", "guessed");
    let mut not_found = Vec::new();
    for (path, status) in [
        ("/webhooks/none", 404),
        ("/webhooks/", 404),
        ("/webhooks/shop-events/", 404),
        ("/webhooks/shop%2Devents", 404),
        ("/webhooks/Shop-Events", 404),
        ("/webhooks/..", 404),
        ("/webhooks/queued", 404),
        (&format!("/webhooks/{}", "x".repeat(5000)), 404),
    ] {
        for request in [asked(path, "token"), asked(path, "guessed"), get(path)] {
            let (answer, _) = answer(&stage, &told, &request, Body::of(good.as_bytes())).await;
            assert_eq!((answer.status, answer.headers), (status, &[][..]), "{path}");
            not_found.push(answer.body);
        }
    }
    let traced: Vec<Value> = not_found.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    let without_trace =
        not_found.iter().zip(&traced).map(|(body, value)| body.replace(value["trace_id"].as_str().unwrap(), ""));
    assert_eq!(without_trace.collect::<std::collections::BTreeSet<_>>().len(), 1, "{not_found:?}");
    assert!(traced.iter().all(|value| value["trace_id"].as_str().unwrap().len() == 32));

    let (answered, _) = answer(&stage, &told, &get("/webhooks/shop-events"), Body::Whole(b"")).await;
    assert_eq!((answered.status, answered.headers), (405, &[("allow", "POST")][..]));
    let (answered, _) = answer(&stage, &told, &bad, Body::TooLong).await;
    assert_eq!(answered.status, 413);
    assert_eq!(calls(), 0, "nothing was asked of anybody");

    for _ in 0..1000 {
        let (answered, _) = answer(&stage, &told, &bad, Body::of(good.as_bytes())).await;
        assert_eq!(answered.status, 401);
        assert_eq!(answered.body, r#"{"error":"this is not proven to come from the webhook's provider"}"#);
    }
    assert_eq!(calls(), 1000, "the secret was looked up, and nothing else");
    let refused = stage.world.events.lock().unwrap();
    let refused = refused.iter().filter(|event| event.event == EventName::WebhookRefused).count();
    assert_eq!(refused, 1, "1,000 refusals within a moment are one report");
}

#[tokio::test]
async fn what_is_switched_off_takes_nothing_from_those_who_have_proven_who_they_are() {
    let stage = stage().await;
    let now = stage.home.clock().now();
    let webhook = Switch::Webhook("shop-events".parse().unwrap());
    for (what, others) in [(webhook, 202), (Switch::Hub, 403)] {
        stage.home.store().switch(&what, Some(now)).await.unwrap();
        let guessed = asked("/webhooks/shop-events", "guessed");
        assert_eq!(send(&stage, &guessed, &order("R1", 1)).await.0, 401, "{what}");
        assert_eq!(send(&stage, &event("shop-events", "1"), &order("R1", 1)).await.0, 403, "{what}");
        assert_eq!(send(&stage, &event("batches", ""), &json!({"id": what.to_string()})).await.0, others, "{what}");
        let push = asked("/push/shop", "token");
        assert_eq!(send(&stage, &push, &json!({"message": "word:said"})).await.0, others, "{what}");
        stage.home.store().switch(&what, None).await.unwrap();
        assert_eq!(send(&stage, &event("shop-events", &what.to_string()), &order("R1", 1)).await.0, 202, "{what}");
    }
}

/// Of a batch, each event is taken or refused by itself; sent again it gives nothing twice, and mended it gives what was missing.
#[tokio::test]
async fn one_bad_event_of_a_batch_harms_no_other() {
    let stage = stage().await;
    let mut batch = asked("/webhooks/enveloped", "token");
    batch.headers.push(("content-type", "application/cloudevents-batch+json".to_owned()));
    let said =
        |id: &str, n: u32| json!({"specversion": "1.0", "id": id, "source": "/s", "type": "t", "data": {"n": n}});
    let bad = r#"{"specversion": "1.0", "id": "b", "source": "/s", "type": "t", "data": {"note": "\ud800"}}"#;
    let body = format!(r#"[{}, {bad}, {{"id": "c"}}, {}]"#, said("a", 1), said("d", 4));
    for (message_ids, duplicates) in [(2, Value::Null), (0, json!(2))] {
        let (answer, records) = answer(&stage, &Told::default(), &batch, Body::of(body.as_bytes())).await;
        publish(&*stage.home, &stage.router, &records).await.unwrap();
        let receipt: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((answer.status, &receipt["statuses"]), (202, &json!([202, 400, 400, 202])), "{receipt}");
        assert_eq!(receipt["message_ids"].as_array().unwrap().len(), message_ids, "{receipt}");
        assert_eq!(receipt["duplicates"], duplicates, "{receipt}");
        let errors = json!([
            {"index": 1, "error": "not JSON: unexpected end of hex escape at line 1 column 88"},
            {"index": 2, "error": "found an object with [\"id\"], expected a CloudEvent: \
                                   {\"specversion\": \"1.0\", \"id\", \"source\", \"type\"}"},
        ]);
        assert_eq!(receipt["errors"], errors);
    }
    let mended = json!([said("a", 1), said("b", 2), said("c", 3), said("d", 4)]);
    let (status, receipt) = send(&stage, &batch, &mended).await;
    assert_eq!((status, &receipt["accepted"], &receipt["duplicates"]), (202, &json!(2), &json!(2)), "{receipt}");
    assert_eq!(stage.emitted(), ["word:said"; 4]);
    // With nothing good in it, it is a bad body.
    let (status, receipt) = send(&stage, &batch, &json!([{"id": "x"}, 7])).await;
    assert_eq!((status, &receipt["statuses"]), (400, &json!([400, 400])), "{receipt}");
}

/// What cannot be read has its place among those that share the request's id.
#[tokio::test]
async fn what_cannot_be_read_does_not_move_its_neighbours() {
    let stage = stage().await;
    let moved = |sku: &str| format!(r#"{{"type": "stock/moved", "stock": {{"sku": "{sku}"}}}}"#);
    let send = async |middle: &str| {
        let body = format!("[{}, {}, {}]", moved("a"), moved(middle), moved("c"));
        let (answer, records) =
            answer(&stage, &Told::default(), &event("shop-events", "1"), Body::of(body.as_bytes())).await;
        publish(&*stage.home, &stage.router, &records).await.unwrap();
        let receipt: Value = serde_json::from_str(&answer.body).unwrap();
        (
            receipt["accepted"].as_u64().unwrap(),
            receipt["duplicates"].as_u64().unwrap_or(0),
            receipt["statuses"].clone(),
        )
    };
    assert_eq!(send(r"\ud800").await, (2, 0, json!([202, 400, 202])));
    assert_eq!(send("b").await, (1, 2, json!([202, 202, 202])));
    assert_eq!(stage.emitted(), ["stock:moved"; 3]);
}

/// Where it was and what was expected, and nothing of what the body says; so often and no more.
#[tokio::test]
async fn whoever_runs_the_hub_is_told_what_is_wrong_with_a_body() {
    let stage = stage().await;
    let told = Told::default();
    let reasons = || {
        let events = stage.world.events.lock().unwrap();
        let refused = events.iter().filter(|event| event.event == EventName::WebhookRefused);
        refused.map(|event| event.reason.clone().unwrap()).collect::<Vec<_>>()
    };
    let two_bad = r#"[{"type": "orders/paid", "order": "hidden"}, {"type": "ping"}, {"order": {}}]"#;
    let name = format!(r#"{{"type": "orders/\u001b", "{0}": 1, "{0}": 2}}"#, "\u{1b}[2J");
    for (body, expected) in [
        (r#"{"type": "orders/paid"}"#, r#"400: nothing at "order""#),
        (
            two_bad,
            "in part: event 0: not as the webhook's schema says: /order: type: want object, but got string; and 1 more",
        ),
        ("hidden", "400: not JSON: expected value at line 1 column 1"),
        (&name, "400: not JSON: control character (\\u0000-\\u001F) found while parsing a string at line 1 column 28"),
    ] {
        answer(&stage, &told, &event("shop-events", ""), Body::of(body.as_bytes())).await;
        assert_eq!(reasons().last().map(String::as_str), Some(expected));
    }
    for _ in 0..1_000 {
        answer(&stage, &told, &event("shop-events", ""), Body::of(b"{")).await;
    }
    assert_eq!(reasons().len(), 10);
}

/// They share the request's id: what was good of them is known, what was refused may come again.
#[tokio::test]
async fn a_list_under_one_id_is_mended_event_by_event() {
    let stage = stage().await;
    let moved = |sku: Option<u32>| match sku {
        Some(sku) => json!({"type": "stock/moved", "stock": {"sku": sku}}),
        None => json!({"type": "stock/moved"}),
    };
    let (status, receipt) = send(&stage, &event("shop-events", "1"), &json!([moved(None), moved(Some(2))])).await;
    assert_eq!((status, &receipt["accepted"], &receipt["errors"][0]["index"]), (202, &json!(1), &json!(0)));
    let mended = json!([moved(Some(1)), moved(Some(2))]);
    let (status, receipt) = send(&stage, &event("shop-events", "1"), &mended).await;
    assert_eq!((status, &receipt["accepted"], &receipt["duplicates"]), (202, &json!(1), &json!(1)));
    let (_, receipt) = send(&stage, &event("shop-events", "1"), &mended).await;
    assert_eq!((&receipt["accepted"], &receipt["duplicates"]), (&json!(0), &json!(2)));
    assert_eq!(stage.emitted(), ["stock:moved", "stock:moved"]);
}
