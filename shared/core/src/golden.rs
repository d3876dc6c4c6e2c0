//! Golden files: every kind of message, and a delivery, as they go over the wire, in `tests/golden/`. A change of the
//! wire shows as a change of a file; `UPDATE_EXPECT=1` writes them anew, for a reviewer to read.
//!
//! All come from one hub, one epoch and one time.

use expect_test::expect_file;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Timestamp,
    hub::{Collection, Hub, load},
    id::Epoch,
    message::Message,
    object::Context,
    route::Router,
};

const HUB: &str = r#"
hub: my-shop
sources:
  my-store:
    url: https://store.example
    push: {secret: push-token}
    collections:
      orders:
        type: order
        request: {path: /api/orders}
        items: orders
        every: 10s
        id: number
        created: created_at
        since: {param: updated_at_gte, field: updated_at}
        volatile: [updated_at]
        keys: {order_number: number, total: {path: total, as: number}, email: email}
        children:
          payments: {type: payment, id: id, keys: {amount: {path: amount, as: number}}}
        derive:
          - {path: state, becomes: canceled, message: "order:canceled", instead: true}
        deleted: deleted_at
endpoints:
  accounting:
    url: "https://books.example/hub?tenant=7"
    headers: {X-Tenant: "7"}
    token: {secret: books-token}
  pager: {url: "https://pager.example"}
routes:
  - name: book
    messages: ["order:*"]
    to: accounting
    path: /book
    parameters: {account: "4711", rates: [{land: DE, rate: 0.190}]}
  - {name: alarm, messages: ["notification:error"], to: pager}
"#;

pub(crate) fn hub() -> Hub {
    load("hub.yaml", HUB, &|_: &str| None).unwrap_or_else(|faults| panic!("{faults}")).hub
}

pub(crate) fn orders(hub: &Hub) -> &Collection {
    &hub.sources["my-store"].collections[0]
}

pub(crate) fn context(hub: &Hub) -> Context {
    Context { epoch: Epoch(*b"one store's life"), hub: hub.name.clone(), now: now(), lineage: None }
}

pub(crate) fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

/// Objects in objects, so many of them.
pub(crate) fn nested(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| json!({ "in": inner }))
}

/// The message with its routes, as it is stored and travels, is what `tests/golden/messages/<name>.json` holds, and is
/// read back from it.
#[track_caller]
pub(crate) fn check_message(hub: &Hub, name: &str, message: Message) -> Message {
    let message = Router::new(hub).record(message).unwrap().message;
    check(&format!("messages/{name}.json"), &message);
    let text = serde_json::to_string(&message).unwrap();
    assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message, "{name} as it is read back");
    message
}

#[track_caller]
pub(crate) fn check(path: &str, value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value).unwrap();
    let path = format!("{}/../../tests/golden/{path}", env!("CARGO_MANIFEST_DIR"));
    expect_file![path].assert_eq(&format!("{text}\n"));
}
