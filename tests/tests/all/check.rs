//! `crossdock check`: all that is wrong with a hub file, in one run.

use serde_json::{Value, json};

use crate::support::{Bench, binary::repository_file};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_fine() {
    let checked = Bench::empty().run(&["check"]).await.ok();
    assert!(
        checked.stdout.contains("my-shop is fine: 1 source with 2 collections, 6 endpoints, 6 routes"),
        "{checked}"
    );
    // And as a file of one's own, when its variables are set.
    let mut bench = Bench::empty();
    std::fs::write(bench.path("hub.yaml"), repository_file("infra/hub.yaml")).unwrap();
    let unset = bench.run(&["check", "hub.yaml"]).await;
    assert_eq!(unset.status.code(), Some(1), "{unset}");
    assert!(unset.stdout.contains("STORE_URL"), "{unset}");
    for name in ["STORE", "EMAIL", "ACCOUNTING", "ANALYTICS", "FULFILMENT", "LOYALTY"] {
        bench = bench.variable(&format!("{name}_URL"), "https://shop.example");
    }
    bench.run(&["check", "hub.yaml"]).await.ok();
}

const WITH_PRESET: &str = r#"
hub: my-shop
sources:
  shop: {preset: shopify, url: "${SHOP_URL}", collections: {orders: {every: 2m}}}
endpoints: {mail: {url: "https://mail.example"}}
routes: [{name: mail, messages: ["order:*"], to: mail}]
"#;

/// What `--expand` prints is the hub file as it would be without its presets, and a hub file itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_preset_can_be_looked_at() {
    let bench = Bench::empty().variable("SHOP_URL", "https://shop.example/admin/api/2025-10");
    std::fs::write(bench.path("hub.yaml"), WITH_PRESET).unwrap();
    let expanded = bench.run(&["check", "--expand", "hub.yaml"]).await.ok();
    let shop = expanded.json()["sources"]["shop"].take();
    assert_eq!((&shop["preset"], &shop["url"]), (&Value::Null, &json!("${SHOP_URL}")), "{expanded}");
    assert_eq!(shop["auth"], json!({"header": {"name": "X-Shopify-Access-Token", "secret": "shopify-token"}}));
    let orders = &shop["collections"]["orders"];
    assert_eq!((&orders["every"], &orders["items"]), (&json!("2m"), &json!("orders")), "{expanded}");

    std::fs::write(bench.path("whole.json"), &expanded.stdout).unwrap();
    let again = bench.run(&["check", "--expand", "whole.json"]).await.ok();
    assert_eq!(again.stdout, expanded.stdout);
}

const FAULTY: &str = r#"hub: My Shop
limits: {hops: 8, timeout: 15}
source:
  shop: {url: "https://shop.example"}
sources:
  shop:
    url: ftp://shop.example
    collections:
      orders:
        type: order
        id: number
        every: soon
        pages: {style: pages, param: page}
endpoints:
  email: {url: "https://mail.example", retrys: [5s], concurrency: 0}
  mail: {url: "https://user:hunter2@mail.example"}
routes:
  - {name: confirm, messages: ["Order:new"], to: emial, path: confirm}
  - {name: confirm, messages: ["order:new"], to: email, filters: [{path: keys.total, operator: greater, value: 100}]}
"#;

/// Each at its line, with what may have been meant.
#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_file_is_found_at_once() {
    let bench = Bench::empty();
    std::fs::write(bench.path("faulty.yaml"), FAULTY).unwrap();
    let checked = bench.run(&["check", "faulty.yaml"]).await;
    assert_eq!(checked.status.code(), Some(1), "{checked}");
    let faults: Vec<&str> = checked.stdout.lines().collect();
    for (line, expected) in [
        (1, "my-shop"),
        (2, "15s"),
        (3, "sources"),
        (7, "ftp"),
        (9, "request"),
        (12, "soon"),
        (13, "page"),
        (15, "retries"),
        (15, "concurrency"),
        (16, "credentials"),
        (18, "Order:new"),
        (18, "emial"),
        (18, "/confirm"),
        (19, "confirm"),
        (19, "greater"),
    ] {
        let at = format!("faulty.yaml:{line}:");
        let found = faults.iter().any(|fault| fault.starts_with(&at) && fault.contains(expected));
        assert!(found, "line {line}, {expected}:\n{checked}");
    }
    assert!(!checked.stdout.contains("hunter2"), "{checked}");
    // In the order of the file.
    let place = |fault: &&str| {
        let mut numbers = fault.split(':').skip(1).map(|number| number.parse::<usize>().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    };
    let places: Vec<_> = faults.iter().map(place).collect();
    assert!(places.is_sorted(), "{places:?}");
    // A hub that is not fine does not start.
    let started = bench.run_exactly(&["dev", "--hub", "faulty.yaml"]).await;
    assert!(!started.status.success(), "{started}");
    assert!(started.stderr.contains("faulty.yaml:1:6"), "{started}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_hub_file_is_said_to_be_none() {
    let bench = Bench::empty();
    for (text, expected) in [("", "faulty.yaml:1:1"), ("hub: [", "faulty.yaml:1:"), ("\t", "faulty.yaml:1:")] {
        std::fs::write(bench.path("faulty.yaml"), text).unwrap();
        let checked = bench.run(&["check", "faulty.yaml"]).await;
        assert_eq!(checked.status.code(), Some(1), "{text:?}: {checked}");
        assert!(checked.stdout.starts_with(expected), "{text:?}: {checked}");
    }
    let missing = bench.run(&["check", "none.yaml"]).await;
    assert!(!missing.status.success() && missing.stderr.contains("none.yaml"), "{missing}");
}
