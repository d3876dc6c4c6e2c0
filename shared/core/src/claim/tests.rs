use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    hub::load,
    message::{Carried, Envelope},
};

const ROUTES: &str = r#"
hub: my-shop
sources:
  my-store:
    url: https://store.example
    collections:
      orders: {type: order, request: {path: /orders}, items: orders, every: 10s, id: number, keys: {total: {path: total, as: number}}}
endpoints: {e: {url: "https://e.example"}}
routes:
  - {name: dear, messages: ["order:*"], to: e, filters: [{path: keys.total, operator: gt, value: 100}]}
  - {name: state, messages: ["order:*"], to: e, filters: [{path: payload.order.actual.state, operator: is_not, value: paid}]}
  - name: lines
    messages: ["*"]
    to: e
    pattern: {detail: {payload: {order: {actual: {lines: {sku: [{prefix: a}], qty: [{exists: false}]}}}}}}
  - {name: was, messages: ["*"], to: e, pattern: {detail: {previous: {state: ["open"]}, changes: {path: [{prefix: /state}]}}}}
  - {name: numbered, messages: ["*"], to: e, pattern: {detail: {object: {version: [{numeric: [">", 1]}], type: ["order"]}}}}
"#;

fn router() -> Router {
    let hub = load("hub.yaml", ROUTES, &|_: &str| None).unwrap_or_else(|faults| panic!("{faults}")).hub;
    Router::new(&hub)
}

fn message(keys: &Value, order: &Value, previous: Option<Value>) -> Message {
    let mut message = json!({
        "message_id": "5f5f5f5f-5f5f-8f5f-9f5f-5f5f5f5f5f5f", "message": "order:updated", "hub": "my-shop",
        "source": "my-store", "created_at": "2026-11-21T10:00:00Z", "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "parent_id": null, "hops": 0, "keys": keys, "payload": {"order": {"actual": order}}, "routes": ["dear"],
        "object": {"type": "order", "collection": "orders", "id": "R1", "version": 2, "parent": 1, "group": "9f"},
    });
    if let Some(previous) = previous {
        message["changes"] = json!([{"path": "/state", "old": previous["state"], "new": order["state"]}]);
        message["previous"] = previous;
    }
    serde_json::from_value(message).unwrap()
}

fn pruned(message: &Message, router: &Router) -> Value {
    prune(message, router).unwrap()
}

/// The places of the routes that match an event with this detail.
fn matching(detail: &Value, of: &Message, router: &Router) -> Vec<usize> {
    let event = json!({"source": of.bus_source(), "detail-type": of.message, "detail": detail});
    router.matching_event(&event)
}

#[test]
fn what_fits_goes_whole() {
    let (router, message) = (router(), message(&json!({}), &json!({"state": "paid", "note": "n".repeat(500)}), None));
    let whole = serde_json::to_string(&message).unwrap();
    assert_eq!(detail(&message, &router, whole.len()).unwrap(), whole);
    assert_ne!(detail(&message, &router, whole.len() - 1).unwrap(), whole);
}

#[test]
fn what_nobody_looks_at_goes() {
    let router = router();
    let order =
        json!({"state": "open", "note": "n".repeat(5_000), "lines": [{"sku": "a", "text": "t"}, 7, {"text": "t"}]});
    let message =
        message(&json!({"total": 250, "email": "x@example.com"}), &order, Some(json!({"state": "paid", "n": 1})));
    let text = detail(&message, &router, 1_000).unwrap();
    let sent: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(sent["payload"], json!({"order": {"actual": {"state": "open", "lines": [{"sku": "a"}, {}]}}}));
    assert_eq!(sent["keys"], json!({"total": 250}));
    assert_eq!((&sent["previous"], &sent["changes"]), (&json!({"state": "paid"}), &json!([{"path": "/state"}])));
    assert_eq!(sent["payload_ref"], json!(message.message_id));
    let whole = serde_json::to_value(&message).unwrap();
    for name in KEPT {
        assert_eq!(sent[name], whole[name], "{name}");
    }
    // It is what the dispatcher takes for a message, and sees that there is more of it.
    let carried: Carried = serde_json::from_str(&text).unwrap();
    assert_eq!(carried.envelope.payload_ref, Some(message.message_id));
    let known = Envelope { payload_ref: None, ..carried.envelope };
    assert_eq!(known, Carried::of(&message).unwrap().envelope);
}

#[test]
fn what_filters_look_at_may_be_too_much() {
    let message = message(&json!({}), &json!({"state": "s".repeat(5_000)}), None);
    let error = detail(&message, &router(), 1_000).unwrap_err().to_string();
    assert!(
        error.starts_with("message 5f5f5f5f-5f5f-8f5f-9f5f-5f5f5f5f5f5f is too large for the bus: it takes 1000 bytes")
    );
    assert!(error.contains("what the hub's filters look at makes 5"), "{error}");
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        prop::sample::select(vec!["a", "ab", "open", "paid", ""]).prop_map(Value::from),
        (-2..300_i64).prop_map(Value::from),
        Just(Value::Null),
    ];
    scalar.prop_recursive(4, 24, 3, |inner| {
        let name = prop::sample::select(vec!["state", "lines", "sku", "qty", "lines.sku", "other"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Of messages; of patterns and events in general, see `pattern::tests`.
    #[test]
    fn every_route_answers_the_same(total in value(), order in value(), previous in prop::option::of(value())) {
        let router = router();
        let message = message(&json!({"total": total}), &order, previous);
        let whole = serde_json::to_value(&message).unwrap();
        let pruned = pruned(&message, &router);
        prop_assert_eq!(matching(&pruned, &message, &router), matching(&whole, &message, &router), "{}", pruned);
    }
}
