//! A hub that travelled is the hub that set out.

use expect_test::expect;

use super::{lookup, testdata};
use crate::hub::{Parameter, compile, load, load_compiled, load_outline};

#[test]
fn a_compiled_hub_is_the_hub_of_its_file() {
    for (path, text) in testdata("good") {
        let compiled = compile("hub.yaml", &text, &lookup).unwrap();
        let found = load_compiled(&compiled.text).unwrap_or_else(|faults| panic!("{}: {faults}", path.display()));
        assert_eq!(found.hash, compiled.loaded.hub.hash, "{}", path.display());
        assert_eq!(format!("{found:#?}"), format!("{:#?}", compiled.loaded.hub), "{}", path.display());
    }
}

/// Spellings that a value alone would not tell apart, in places where they matter.
const SPELLINGS: &str = r#"
hub: a
limits: {hops: "${HOPS}"}
sources:
  s:
    url: "https://s.example"
    headers: {zeros: 0123, hex: 0x1F, quoted: "0123", flag: True, cost: 1.10}
    collections:
      z: {type: z, request: {path: /z}, id: id, every: 1m, keys: {b: b, a: a}}
      a: {type: a, request: {path: /a}, id: id, every: 1m}
endpoints:
  e: {url: "https://e.example", concurrency: "${CONCURRENCY}"}
routes:
  - name: r
    messages: ["*"]
    to: e
    parameters: {trap: "${TRAP}", literal: "$${HOPS}", none: ~, empty: "", big: 12345678901234567890.10}
"#;

#[test]
fn nothing_of_a_spelling_is_lost_and_nothing_is_expanded_twice() {
    let compiled = compile("hub.yaml", SPELLINGS, &lookup).unwrap();
    let hub = load_compiled(&compiled.text).unwrap();
    assert_eq!(format!("{hub:?}"), format!("{:?}", compiled.loaded.hub));
    let source = hub.sources.values().next().unwrap();
    expect![[r#"{"cost": "1.10", "flag": "True", "hex": "0x1F", "quoted": "0123", "zeros": "0123"}"#]]
        .assert_eq(&format!("{:?}", source.headers));
    let order: Vec<&str> = source.collections.iter().map(|collection| collection.key.collection.as_str()).collect();
    assert_eq!(order, ["z", "a"]);
    let parameters = &hub.routes[0].parameters;
    let text = |text: &str| Parameter::Value(text.into());
    assert_eq!(parameters["trap"], text(&lookup("TRAP").unwrap()));
    assert_eq!(parameters["literal"], text("${HOPS}"));
    assert_eq!(format!("{:?}", parameters["big"]), "Value(Number(12345678901234567890.10))");
    assert_eq!((hub.limits.hops, hub.endpoints.values().next().unwrap().concurrency), (2, 7));
}

#[test]
fn what_is_no_compiled_hub_is_refused_and_not_shown() {
    let check = |text: &str, expected: &str| {
        let faults = load_compiled(text).unwrap_err().to_string();
        assert!(faults.starts_with(expected), "{text}: {faults}");
        assert!(!faults.contains("hush"), "{faults}");
    };
    check("", "hub.json:1:1: expected a compiled hub");
    check("{\"hub\": 4}", "hub.json:1:9: expected a compiled hub");
    check("{\"hub\":\n  [}", "hub.json:2:4: expected a compiled hub");
    check("[]", "hub.json:1:1: expected a mapping, found a list");
    check("{\"hub\": \"a\", \"hub\": \"a\"}", "hub.json:1:1: hub: the key \"hub\" is here twice");
    check("{\"hub\": \"a\", \"limits\": {\"hops\": \"hush\"}}", "hub.json:1:1: limits.hops: expected a whole number");
}

/// What a rendering is made of needs its variables; what only requests show does not.
#[test]
fn an_outline_does_without_variables_that_only_requests_show() {
    let text = r#"
hub: a
sources:
  s:
    url: "${S}"
    auth: {oauth2: {token_url: "https://${HOST}/token", client_id: "${ID}", secret: x}}
    headers: {h: "${H}"}
    collections:
      c: {type: t, request: {path: /c, query: {q: "${Q}"}}, id: id, every: "${EVERY:-1m}"}
endpoints: {e: {url: "${E}/x", headers: {h: "${H}"}}}
routes: [{name: r, messages: ["t:*"], to: e, parameters: {p: [{deep: "${P}"}]}}]
"#;
    let unset = |_: &str| None;
    let loaded = load_outline("hub.yaml", text, &unset).unwrap();
    assert_eq!(loaded.hub.routes.len(), 1);
    assert!(load("hub.yaml", text, &unset).is_err());
    let check = |from: &str, to: &str, expected: &str| {
        let faults = load_outline("hub.yaml", &text.replace(from, to), &unset).unwrap_err().to_string();
        assert_eq!(faults, expected);
    };
    let missing = "the environment variable X is not set; set it, or give a default: ${X:-…}";
    check("${EVERY:-1m}", "${X}", &format!("hub.yaml:9:76: sources.s.collections.c.every: {missing}"));
    check("\"t:*\"", "\"${X}\"", &format!("hub.yaml:11:31: routes[0].messages[0]: {missing}"));
    check("hub: a", "hub: ${X}", &format!("hub.yaml:2:6: hub: {missing}"));
    // What is wrong with a variable is wrong wherever it stands.
    check(
        "${S}",
        "${S}${1}",
        "hub.yaml:5:10: sources.s.url: expected ${NAME} or ${NAME:-default}, found ${1}; write $${ for a literal ${",
    );
}

#[test]
fn a_place_that_the_file_leaves_out_is_where_it_would_stand() {
    let text = "hub: a\nendpoints:\n  mail: {url: 'https://e.example'}\n  post:\n    url: https://p.example\n";
    let loaded = load("hub.yaml", text, &lookup).unwrap();
    let check = |path: &str, line, column, found: &str| {
        let fault = loaded.places.fault(path, "x", None);
        assert_eq!((fault.line, fault.column, fault.path.as_str()), (line, column, found), "{path}");
    };
    check("endpoints.post.url", 5, 10, "endpoints.post.url");
    check("endpoints.post.concurrency", 4, 3, "endpoints.post");
    check("endpoints.mail.url", 3, 15, "endpoints.mail.url");
    check("routes[3].to", 1, 1, "");
}

#[test]
fn nothing_new_goes_to_an_endpoint_that_drains() {
    let text = "hub: a\nendpoints: {e: {url: 'https://e.example', drain: true}, f: {url: 'https://f.example'}}\nroutes:\n\
                \x20 - {name: old, messages: ['*'], to: e}\n  - {name: new, messages: ['*'], to: f}\n";
    let hub = load("hub.yaml", text, &lookup).unwrap().hub;
    assert_eq!(hub.routes.iter().map(|route| route.enabled).collect::<Vec<_>>(), [false, true]);
}
