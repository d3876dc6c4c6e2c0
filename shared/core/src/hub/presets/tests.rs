use expect_test::expect;
use serde_json::{Value, json};

use super::PRESETS;
use crate::hub::{Faults, compile, effective, load, load_compiled, load_outline};

fn hub_file(source: &str) -> String {
    format!("hub: a\nsources:\n  shop: {source}\nendpoints: {{}}\nroutes: []\n")
}

/// The source as it is with its preset in it.
fn shop(source: &str) -> Value {
    let lookup = |name: &str| (name == "SHOP_URL").then(|| "https://shop.example".to_owned());
    let hub = effective("hub.yaml", &hub_file(source), &lookup).unwrap_or_else(|faults| panic!("{faults}"));
    let mut hub: Value = serde_json::from_str(&hub).unwrap();
    hub["sources"]["shop"].take()
}

fn faults(source: &str) -> String {
    let Err(Faults(faults)) = load("hub.yaml", &hub_file(source), &|_| None) else { panic!("{source} has no fault") };
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

/// What has to be said of a shop beside its preset, and no more.
fn least(preset: &str) -> &'static str {
    match preset {
        "woocommerce" => "auth: {basic: {user: ck_1}}",
        "commercetools" => "auth: {oauth2: {token_url: \"https://auth.example/oauth/token\", client_id: c}}",
        _ => "headers: {x-tenant: \"7\"}",
    }
}

/// Each preset, with all its collections, is a source without fault or doubt, and the same after travelling.
#[test]
fn every_preset_is_a_source() {
    for (name, text) in PRESETS {
        let preset: Vec<&str> = collections(text);
        assert!(preset.len() >= 2 && preset.contains(&"orders"), "{name}: {preset:?}");
        let named: Vec<String> = preset.iter().map(|name| format!("{name}: ")).collect();
        let source = format!(
            "{{preset: {name}, url: \"https://shop.example\", {}, collections: {{{}}}}}",
            least(name),
            named.join(", ")
        );
        let file = hub_file(&source);
        let compiled = compile("hub.yaml", &file, &|_| None).unwrap_or_else(|faults| panic!("{name}: {faults}"));
        let notes: Vec<_> = compiled.loaded.notes.iter().filter(|note| note.path.starts_with("sources")).collect();
        assert!(notes.is_empty(), "{name}: {notes:?}");
        let hub = compiled.loaded.hub;
        let source = hub.sources.values().next().unwrap();
        let found: Vec<&str> = source.collections.iter().map(|one| one.key.collection.as_str()).collect();
        assert_eq!(found, preset, "{name}");
        assert!(source.auth.is_some(), "{name}");
        for collection in &source.collections {
            assert!(!collection.rules.volatile.is_empty(), "{name} {}", collection.key.collection);
        }
        let travelled = load_compiled(&compiled.text).unwrap();
        assert_eq!((format!("{travelled:?}"), &travelled.hash), (format!("{hub:?}"), &hub.hash), "{name}");
    }
}

/// Those of a preset's text, by their indentation.
fn collections(text: &str) -> Vec<&str> {
    let lines = text.lines().skip_while(|line| *line != "collections:").skip(1);
    lines.filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':')).filter(|name| !name.starts_with(' ')).collect()
}

/// A file that says everything itself is the same hub.
#[test]
fn what_check_expands_needs_no_preset() {
    let file =
        hub_file("{preset: shopify, url: \"https://shop.example\", collections: {orders: , products: {every: 1h}}}");
    let whole = effective("hub.yaml", &file, &|_| None).unwrap();
    assert!(!whole.contains("preset"), "{whole}");
    assert!(whole.contains("\"every\": \"1h\""), "{whole}");
    assert_eq!(effective("hub.yaml", &whole, &|_| None).unwrap(), whole);
}

#[test]
fn what_the_file_says_stands() {
    let orders = |source: &str| shop(source)["collections"]["orders"].take();
    let plain = orders("{preset: shopify, url: \"https://a.example\", collections: {orders: {}}}");

    let check = |keys: &str, pointer: &str, expected: Value| {
        let source = format!("{{preset: shopify, url: \"https://a.example\", collections: {{orders: {{{keys}}}}}}}");
        let mut changed = orders(&source);
        assert_eq!(changed.pointer(pointer).cloned().unwrap_or(json!("nothing")), expected, "{keys}");
        // And nothing else is different.
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        for value in [&mut changed, &mut plain.clone()] {
            if let Some(Value::Object(fields)) = value.pointer_mut(parent) {
                fields.remove(name);
            }
        }
        let mut left = plain.clone();
        if let Some(Value::Object(fields)) = left.pointer_mut(parent) {
            fields.remove(name);
        }
        assert_eq!(changed, left, "{keys}");
    };
    check("every: 10s", "/every", json!("10s"));
    check("request: {query: {limit: \"50\"}}", "/request/query/limit", json!("50"));
    check("request: {query: {fields: \"id,name\"}}", "/request/query/fields", json!("id,name"));
    check("since: {overlap: 1m}", "/since/overlap", json!("1m"));
    check("since: null", "/since", json!("nothing"));
    check("volatile: [note]", "/volatile", json!(["note"]));
    check("keys: {total: total_price}", "/keys/total", json!("total_price"));
    check("children: {refunds: ~}", "/children/refunds", json!("nothing"));
    check("pages: {style: page, param: page}", "/pages", json!({"style": "page", "param": "page"}));
    check("pages: {next: links.next}", "/pages/next", json!("links.next"));
    check("derive: []", "/derive", json!([]));
}

#[test]
fn auth_is_filled_in_or_replaced() {
    let auth = |auth: &str| {
        shop(&format!("{{preset: shopify, url: \"${{SHOP_URL}}\"{auth}, collections: {{orders: {{}}}}}}"))["auth"]
            .take()
    };
    let header = |secret: &str| json!({"header": {"name": "X-Shopify-Access-Token", "secret": secret}});
    assert_eq!(auth(""), header("shopify-token"));
    assert_eq!(auth(", auth: {header: {secret: second-shop}}"), header("second-shop"));
    assert_eq!(auth(", auth: {bearer: {secret: b}}"), json!({"bearer": {"secret": "b"}}));
    assert_eq!(auth(", auth: null"), Value::Null);
    let variable = shop("{preset: shopify, url: \"${SHOP_URL}\", collections: {orders: {}}}");
    assert_eq!(variable["url"], "${SHOP_URL}");
}

/// Only what is named is polled, and what the preset does not have can be described beside it.
#[test]
fn collections_are_chosen_and_added() {
    let source = "{preset: spree, url: \"https://a.example\", collections: {shipments: , \
        returns: {type: return, request: {path: /returns}, id: id, every: 1m}}}";
    let collections = shop(source)["collections"].take();
    let names: Vec<&String> = collections.as_object().unwrap().keys().collect();
    assert_eq!(names, ["returns", "shipments"]);
    assert_eq!(
        collections["returns"],
        json!({"type": "return", "request": {"path": "/returns"}, "id": "id", "every": "1m"})
    );
    assert_eq!(shop("{preset: spree, url: \"https://a.example\", push: {secret: p}}").get("collections"), None);
}

#[test]
fn faults_say_whose_they_are() {
    expect![[r#"
        hub.yaml:3:65: sources.shop.collections.order: the preset spree has no collection "order"; it has orders, shipments, payments, products or customers; did you mean "orders"?
    "#]]
    .assert_eq(&faults("{preset: spree, url: \"https://a.example\", collections: {order: }}"));
    expect![[r#"
        hub.yaml:3:18: sources.shop.preset: expected a preset: spree, shopify, woocommerce, commercetools or marketplacer, found the text "spre"; did you mean "spree"?
    "#]]
    .assert_eq(&faults("{preset: spre, url: \"https://a.example\", collections: {orders: }}"));
    // The file's own.
    expect![[r#"
        hub.yaml:3:81: sources.shop.collections.orders.every: expected a duration such as 500ms, 15s, 2m, 8h or 1d, found the text "soon"
    "#]]
    .assert_eq(&faults("{preset: spree, url: \"https://a.example\", collections: {orders: {every: soon}}}"));
    // The preset's, for want of something that only the file can say.
    expect![[r#"
        hub.yaml:3:18: sources.shop.auth.basic: the key "user" is missing (this is of the preset woocommerce)
    "#]]
    .assert_eq(&faults("{preset: woocommerce, url: \"https://a.example\", collections: {orders: }}"));
}

#[test]
fn a_preset_takes_the_stand_ins_of_its_file() {
    let source =
        "{preset: woocommerce, url: \"${WOO_URL}\", auth: {basic: {user: \"${WOO_KEY}\"}}, collections: {orders: }}";
    assert!(load_outline("hub.yaml", &hub_file(source), &|_| None).is_ok());
}
