use serde_json::json;

use super::*;
use crate::hub;

const HUB: &str = r#"
hub: routing
sources:
  shop:
    url: https://shop.example
    collections:
      orders:
        type: order
        request: {path: /orders}
        id: id
        every: 1m
        keys: {total: total}
endpoints:
  erp: {url: https://erp.example}
  mail: {url: https://mail.example}
routes:
  - {name: all, messages: ["*"], to: erp}
  - {name: big, messages: ["order:*"], filters: [{path: keys.total, operator: gt, value: 100}], to: erp}
  - {name: off, messages: ["order:new"], enabled: false, to: mail}
  - {name: new, messages: ["order:new"], to: mail}
"#;

fn router(text: &str) -> Router {
    Router::new(&hub::load("hub.yaml", text, &|_| None).unwrap().hub)
}

#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called with json!")]
fn message(kind: &str, keys: Value) -> Message {
    serde_json::from_value(json!({
        "message_id": "0199c0de-0000-7000-8000-000000000001", "message": kind, "hub": "routing", "source": "shop",
        "created_at": "2026-11-21T10:00:00Z", "trace_id": "0".repeat(32), "parent_id": null, "hops": 0, "object": null,
        "keys": keys, "payload": {}, "routes": [],
    }))
    .unwrap()
}

#[test]
fn routes_in_the_hubs_order_and_disabled_ones_beside_them() {
    let router = router(HUB);
    let check = |kind: &str, total: i64, routes: &[&str], disabled: &[&str], targets: &[(&str, &str)]| {
        let message = message(kind, json!({"total": total}));
        let found: Vec<_> = router.targets(&message).unwrap();
        let found: Vec<_> = found.iter().map(|(route, endpoint)| (route.as_str(), endpoint.as_str())).collect();
        assert_eq!(found, targets, "{kind} {total}");
        let record = router.record(message).unwrap();
        assert_eq!(record.message.routes.iter().map(|name| name.as_str()).collect::<Vec<_>>(), routes);
        assert_eq!(record.disabled_routes.iter().map(|name| name.as_str()).collect::<Vec<_>>(), disabled);
        // Once written, the routes change no answer.
        assert_eq!(router.targets(&record.message).unwrap().len(), targets.len());
    };
    check("order:new", 101, &["all", "big", "new"], &["off"], &[("all", "erp"), ("big", "erp"), ("new", "mail")]);
    check("order:new", 100, &["all", "new"], &["off"], &[("all", "erp"), ("new", "mail")]);
    check("order:updated", 101, &["all", "big"], &[], &[("all", "erp"), ("big", "erp")]);
    check("customer:new", 101, &["all"], &[], &[("all", "erp")]);
}

#[test]
fn a_message_that_no_route_takes_is_unrouted() {
    let router = router(&HUB.replace("\"*\"", "\"stock:*\""));
    let record = router.record(message("customer:new", json!({}))).unwrap();
    assert!(record.message.routes.is_empty() && record.disabled_routes.is_empty());
    assert!(router.targets(&record.message).unwrap().is_empty());
}

/// Whoever names either, and whatever comes in as either: all of it is the canonical type.
#[test]
fn aliases_are_one_type() {
    let text = HUB.replace("messages: [\"order:new\"], to: mail", "messages: [\"order:cancelled\"], to: mail");
    let router = router(&format!("{text}aliases: {{\"order:cancelled\": \"order:canceled\"}}\n"));
    for kind in ["order:cancelled", "order:canceled"] {
        let message = message(kind, json!({"total": 1}));
        let id = message.message_id;
        let record = router.record(message).unwrap();
        assert_eq!(record.message.message.as_str(), "order:canceled");
        assert_eq!(record.message.message_id, id);
        let routes: Vec<_> = record.message.routes.iter().map(RouteName::as_str).collect();
        assert_eq!(routes, ["all", "new"]);
    }
    let other = router.record(message("order:updated", json!({"total": 1}))).unwrap();
    assert_eq!(other.message.message.as_str(), "order:updated");
}
