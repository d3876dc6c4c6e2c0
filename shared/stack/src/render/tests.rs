//! What is rendered, word for word, and what must never change about it.

use std::collections::BTreeSet;

use crossdock_core::hub::{LoadedHub, load_outline};
use expect_test::expect_file;

use super::*;
use crate::check;

fn load(text: &str) -> LoadedHub {
    load_outline("hub.yaml", text, &|_| None).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Hubs for which every file is compared: each shows what the others do not.
const HUBS: [(&str, &str); 5] = [
    (
        "whole",
        r#"
hub: whole
retention: {dead_letters: 3d}
sources:
  erp:
    url: "${ERP_URL}"
    collections:
      orders: {type: order, request: {path: /o}, id: id, every: 1h, reconcile: {every: 1d}, fetch: {path: "/o/{id}"}, keys: {total: {path: total, as: number}}}
      order-lines: {type: line, request: {path: /l}, id: id, every: 90m}
endpoints:
  mail: {url: "${MAIL_URL}", concurrency: 40}
routes:
  - name: large
    messages: ["order:*"]
    to: mail
    filters: [{path: keys.total, operator: gt, value: 99.5}, {path: payload.order.actual.note, operator: is, value: "it's ü"}]
  - {name: off_line, messages: ["line:*"], to: mail, enabled: false}
"#,
    ),
    (
        "draining",
        r#"
hub: draining
endpoints:
  old: {url: "https://old.example", drain: true}
  new: {url: "https://new.example"}
routes:
  - {name: to-old, messages: ["*"], to: old}
  - {name: to-new, messages: ["*"], to: new}
"#,
    ),
    (
        "only-polled",
        r#"
hub: only-polled
sources:
  s: {url: "https://s.example", collections: {c: {type: t, request: {path: /}, id: id, every: 2d}}}
"#,
    ),
    (
        "switched-off",
        r#"
hub: switched-off
enabled: false
sources:
  s: {url: "https://s.example", collections: {c: {type: t, request: {path: /}, id: id, every: 2d, reconcile: {every: 3d}}}}
webhooks:
  queued: {source: s, provider: generic, from: {queue: "arn:aws:sqs:eu-west-1:123456789012:orders"}}
  from-bus: {source: s, provider: generic, from: {bus: default}}
endpoints:
  e: {url: "https://e.example"}
routes:
  - {name: r, messages: ["t:*"], to: e}
"#,
    ),
    (
        "incoming",
        r#"
hub: incoming
sources:
  s: {url: "https://s.example", collections: {c: {type: t, request: {path: /}, id: id, every: 2d, fetch: {path: "/{id}"}}}}
webhooks:
  over-http: {source: s, provider: woocommerce, secrets: [github]}
  Queued_1: {source: s, provider: commercetools, from: {queue: "arn:aws:sqs:eu-west-1:123456789012:ct-orders"}}
  partner: {source: s, provider: commercetools, from: {bus: aws.partner/commercetools.com/my-project/crossdock}}
  own-bus: {source: s, provider: generic, from: {bus: default}}
"#,
    ),
];

#[test]
fn a_hub_is_rendered_to_the_letter() {
    for (name, text) in HUBS {
        let loaded = load(text);
        assert_eq!(check(&loaded).faults, [], "{name}");
        let whole: String =
            render(&loaded.hub).files.iter().map(|(file, text)| format!("==> {file}\n{text}")).collect();
        let golden = format!("{}/src/render/testdata/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        expect_file![golden].assert_eq(&whole);
    }
}

/// Moving an endpoint to another stack would lose what is in its queue. These must hold for ever.
#[test]
fn no_endpoint_ever_moves() {
    let check = |name: &str, expected: u8| assert_eq!(shard(&name.parse().unwrap()), expected, "{name}");
    check("accounting", 2);
    check("analytics", 5);
    check("email", 2);
    check("fulfilment", 6);
    check("loyalty", 1);
    check("my-store", 1);
    let used: BTreeSet<u8> = (0..100).map(|number| shard(&format!("e{number}").parse().unwrap())).collect();
    assert_eq!(used, (0..SHARDS).collect());
}

/// The committed rendering is the same everywhere, whatever the variables of one installation hold.
#[test]
fn nothing_rendered_depends_on_what_an_outline_does_without() {
    for (name, text) in HUBS {
        let set = |_: &str| Some("https://somewhere-else.example/x?y=z".to_owned());
        let other = load_outline("hub.yaml", text, &set).unwrap();
        assert_eq!(render(&other.hub), render(&load(text).hub), "{name}");
    }
}

#[test]
fn an_endpoint_does_not_leave_unnoticed() {
    let (_, text) = HUBS[1];
    let index = Index::of(&load(text).hub);
    let check = |text: &str, expected: &[&str]| {
        let hub = load(text).hub;
        assert_eq!(index.undrained(&hub).map(|name| name.as_str()).collect::<Vec<_>>(), expected);
    };
    check(text, &[]);
    check("hub: a\nendpoints: {new: {url: 'https://n.example'}}", &[]);
    check("hub: a\nendpoints: {old: {url: 'https://o.example'}}", &["new"]);
}

#[test]
fn only_renderings_are_taken_for_renderings() {
    for (file, expected) in [
        ("hub.yaml", true),
        ("incoming.yaml", true),
        ("endpoints.json", true),
        ("endpoints-07.yaml", true),
        ("endpoints-x.yaml", false),
        ("endpoints-07.yml", false),
        ("README.md", false),
    ] {
        assert_eq!(is_rendered(file), expected, "{file}");
    }
}
