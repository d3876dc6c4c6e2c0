use expect_test::{Expect, expect};

use super::*;
use crate::hub::compile;

fn endpoint() -> Entry {
    Entry { block: vec!["new: {url: http://new.test}".to_owned()], flow: "new: {url: http://new.test}".to_owned() }
}

fn route() -> Entry {
    Entry {
        block: vec!["- name: fresh".to_owned(), "  messages: [\"*\"]".to_owned(), "  to: new".to_owned()],
        flow: r#"{name: fresh, messages: ["*"], to: new}"#.to_owned(),
    }
}

fn added(text: &str) -> String {
    let new = add(text, &endpoint(), &[route()]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let compiled =
        |text: &str| compile("hub.yaml", text, &|_| None).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
    let (old_hub, new_hub) = (compiled(text), compiled(&new));
    assert!(only_adds(&old_hub.text, &new_hub.text, "new", 1), "{new}");
    assert_eq!(new_hub.loaded.hub.routes.last().unwrap().name.as_str(), "fresh");
    // Nothing that was there has gone, but for empty brackets.
    let is_emptied = |line: &str| ["[]", "{}", "{ }", "[ ]"].iter().any(|nothing| line.contains(nothing));
    let kept: Vec<&str> = text.lines().filter(|line| !is_emptied(line)).collect();
    let mut lines = new.lines();
    for line in kept {
        // Without the bracket that something was put before.
        let line = line.trim_end_matches([' ', '}', ']']);
        assert!(
            lines.any(|found| found.contains(line.split('#').next().unwrap_or(line).trim_end_matches([' ', '}', ']']))),
            "{line:?} has gone from\n{new}"
        );
    }
    new
}

#[expect(clippy::needless_pass_by_value, reason = "as expect! gives it")]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&added(text));
}

#[test]
fn blocks_grow_at_their_end() {
    check(
        "\
# The shop's hub.
hub: shop   # its name

endpoints:
  # Books.
  old: {url: http://old.test} # since 2019
  other:
    url: http://other.test

    # headers: {x: y}
  # third: {url: http://third.test}

# What goes where.
routes:
    - {name: a, messages: ['*'], to: old}
    -   name: b
        messages: ['*']
        to: other

# The end.
",
        expect![[r#"
            # The shop's hub.
            hub: shop   # its name

            endpoints:
              # Books.
              old: {url: http://old.test} # since 2019
              other:
                url: http://other.test

                # headers: {x: y}
              # third: {url: http://third.test}
              new: {url: http://new.test}

            # What goes where.
            routes:
                - {name: a, messages: ['*'], to: old}
                -   name: b
                    messages: ['*']
                    to: other
                - name: fresh
                  messages: ["*"]
                  to: new

            # The end.
        "#]],
    );
}

#[test]
fn routes_may_come_first_and_not_be_indented() {
    check(
        "routes:\n- name: a\n  messages: ['*']\n  to: old\n# Below.\nhub: shop\nendpoints:\n old:\n  url: http://old.test",
        expect![[r#"
            routes:
            - name: a
              messages: ['*']
              to: old
            - name: fresh
              messages: ["*"]
              to: new
            # Below.
            hub: shop
            endpoints:
             old:
              url: http://old.test
             new: {url: http://new.test}
        "#]],
    );
}

#[test]
fn what_is_missing_comes_at_the_end() {
    check(
        "hub: shop",
        expect![[r#"
            hub: shop

            endpoints:
              new: {url: http://new.test}

            routes:
              - name: fresh
                messages: ["*"]
                to: new
        "#]],
    );
    check(
        "---\nendpoints: {old: {url: http://old.test}} # one\nhub: shop # last\n...\n",
        expect![[r#"
            ---
            endpoints: {old: {url: http://old.test}, new: {url: http://new.test}} # one
            hub: shop # last

            routes:
              - name: fresh
                messages: ["*"]
                to: new
            ...
        "#]],
    );
}

#[test]
fn nothing_becomes_a_block() {
    let expected = expect![[r#"
        hub: shop
        endpoints: # none yet
          new: {url: http://new.test}
        routes:
          - name: fresh
            messages: ["*"]
            to: new
    "#]];
    for (endpoints, routes) in [("{ } # none yet", "[]"), ("{}   # none yet", "[ ]")] {
        expected.assert_eq(&added(&format!("hub: shop\nendpoints: {endpoints}\nroutes: {routes}\n")));
    }
}

#[test]
fn brackets_stay_brackets() {
    check(
        "hub: shop\nendpoints: {\n  old: {url: http://old.test},\n  }\nroutes: [\n  {name: a, messages: ['*'], to: old} # [\n  ]\n",
        expect![[r#"
            hub: shop
            endpoints: {
              old: {url: http://old.test}, new: {url: http://new.test},
              }
            routes: [
              {name: a, messages: ['*'], to: old}, {name: fresh, messages: ["*"], to: new} # [
              ]
        "#]],
    );
}

#[test]
fn ends_of_lines_stay_what_they_are() {
    let text = "hub: shop\r\nendpoints:\r\n  old: {url: http://old.test}\r\nroutes:\r\n  - {name: a, messages: ['*'], to: old}";
    let new = added(text);
    assert_eq!(new.matches("\r\n").count(), new.matches('\n').count());
    assert_eq!(new.lines().count(), 9);
    assert!(added(&format!("\u{feff}{text}")).starts_with("\u{feff}hub: shop\r\n"));
}

#[test]
fn characters_are_no_bytes() {
    let new = added(
        "hub: shop\nendpoints: {\"old\": {url: http://old.test, headers: {x: x}}} # 🚲 }}\nroutes:\n  - {name: a, messages: ['*'], to: old, parameters: {x: '東京'}}\n  # äöü\n",
    );
    assert!(new.contains("{x: x}}, new: {url: http://new.test}} # 🚲 }}\n"), "{new}");
    assert!(new.ends_with("  # äöü\n  - name: fresh\n    messages: [\"*\"]\n    to: new\n"), "{new}");
}

#[test]
fn what_cannot_be_added_to_is_said() {
    let check = |text: &str, expected: &str| {
        let error = add(text, &endpoint(), &[route()]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("{hub: shop, endpoints: {a: {url: http://a.test}}}", "routes cannot be added as a block");
    check("hub: shop\nendpoints: &e {a: {url: http://a.test}}\nroutes: 7", "expected a list at routes");
    check("hub: shop\nx: &e {}\nendpoints: *e", "expected a mapping at endpoints");
    check("hub: [", "not YAML");
}

#[test]
fn in_brackets_throughout() {
    let json = r#"{"hub": "shop", "endpoints": {}, "routes": []}"#;
    expect![[r#"{"hub": "shop", "endpoints": {new: {url: http://new.test}}, "routes": [{name: fresh, messages: ["*"], to: new}]}"#]]
        .assert_eq(&added(json));
}

#[test]
fn anything_else_that_changed_is_noticed() {
    let old = r#"{"hub": "shop", "routes": [{"name": "a"}]}"#;
    let check = |new: &str, expected: bool| assert_eq!(only_adds(old, new, "new", 1), expected, "{new}");
    check(r#"{"hub": "shop", "routes": [{"name": "a"}, {"name": "b"}], "endpoints": {"new": {}}}"#, true);
    check(r#"{"hub": "shop", "routes": [{"name": "b"}, {"name": "a"}], "endpoints": {"new": {}}}"#, false);
    check(r#"{"hub": "shop", "routes": [{"name": "a"}, {"name": "b"}], "endpoints": {"new": {}, "other": {}}}"#, false);
    check(r#"{"hub": "shop", "routes": [{"name": "a"}, {"name": "b"}], "endpoints": {"other": {}}}"#, false);
    check(r#"{"hub": "shop", "routes": [{"name": "a"}], "endpoints": {"new": {}}}"#, false);
    check(r#"{"hub": "ship", "routes": [{"name": "a"}, {"name": "b"}], "endpoints": {"new": {}}}"#, false);
    check(
        r#"{"hub": "shop", "networks": [], "routes": [{"name": "a"}, {"name": "b"}], "endpoints": {"new": {}}}"#,
        false,
    );
}

const HOOKS: &str = r#"# shop
hub: h
sources:
  s: {url: "http://s.test", collections: {c: {type: t, request: {path: /}, id: id, every: 1m}}}
webhooks:
  # from the shop
  one:
    source: s
    provider: shopify
    secrets:   # live
      - first  # since May
      # on its way
      - second
  two: {source: s, provider: woocommerce, secrets: [a, b,  c]} # three
  three: {source: s, provider: generic, verify: {bearer: {sha256: ["HASH"]}}}
endpoints: {e: {url: "http://e.test"}}
"#;

fn hooks() -> String {
    HOOKS.replace("HASH", &"0".repeat(64))
}

/// What the edit changes, line by line, if the hub that comes out is as `is_as_meant` says.
fn changed(text: &str, edited: Result<String, EditError>, path: &[&str], value: &Value, expected: &Expect) {
    let new = edited.unwrap_or_else(|error| panic!("{error}"));
    let compiled =
        |text: &str| compile("hub.yaml", text, &|_| None).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
    let (before, after) = (compiled(text).text, compiled(&new).text);
    assert!(is_but_for(&before, &after, path, value), "{new}");
    assert!(!is_but_for(&before, &after, path, &Value::Null));
    assert!(!is_but_for(&after, &before, path, value), "{new}");
    let old_lines: Vec<&str> = text.lines().collect();
    let new_lines: Vec<&str> = new.lines().collect();
    let gone = old_lines.iter().filter(|line| !new_lines.contains(line)).map(|line| format!("-{line}\n"));
    let come = new_lines.iter().filter(|line| !old_lines.contains(line)).map(|line| format!("+{line}\n"));
    expected.assert_eq(&gone.chain(come).collect::<String>());
}

#[test]
fn a_list_gets_a_value_more() {
    let text = hooks();
    let check = |path: &[&str], new: &str, all: Value, expected: &Expect| {
        changed(&text, push(&text, path, new), path, &all, expected);
    };
    check(
        &["webhooks", "one", "secrets"],
        "third",
        serde_json::json!(["first", "second", "third"]),
        &expect![[r#"
        +      - third
    "#]],
    );
    check(
        &["webhooks", "two", "secrets"],
        "d",
        serde_json::json!(["a", "b", "c", "d"]),
        &expect![[r#"
        -  two: {source: s, provider: woocommerce, secrets: [a, b,  c]} # three
        +  two: {source: s, provider: woocommerce, secrets: [a, b,  c, d]} # three
    "#]],
    );
    let (old, new) = ("0".repeat(64), "1".repeat(64));
    let path = ["webhooks", "three", "verify", "bearer", "sha256"];
    let pushed = push(&text, &path, &format!("\"{new}\"")).unwrap();
    assert!(pushed.contains(&format!("[\"{old}\", \"{new}\"]")), "{pushed}");
}

#[test]
fn a_list_keeps_its_last_value() {
    let text = hooks();
    let check = |path: &[&str], all: Value, expected: &Expect| {
        changed(&text, keep_last(&text, path), path, &all, expected);
    };
    check(
        &["webhooks", "one", "secrets"],
        serde_json::json!(["second"]),
        &expect![[r#"
        -      - first  # since May
    "#]],
    );
    check(
        &["webhooks", "two", "secrets"],
        serde_json::json!(["c"]),
        &expect![[r#"
        -  two: {source: s, provider: woocommerce, secrets: [a, b,  c]} # three
        +  two: {source: s, provider: woocommerce, secrets: [c]} # three
    "#]],
    );
}

#[test]
fn what_is_no_list_stays() {
    let text = hooks();
    for path in [
        &["webhooks", "none", "secrets"][..],
        &["webhooks", "one"],
        &["webhooks", "one", "provider"],
        &["webhooks", "one", "secrets", "first"],
    ] {
        let error = EditError::Unexpected { key: path.join("."), expected: "a list" };
        assert_eq!(push(&text, path, "x"), Err(error.clone()));
        assert_eq!(keep_last(&text, path), Err(error));
    }
    let one = ["webhooks", "three", "verify", "bearer", "sha256"];
    assert!(keep_last(&text, &one).is_err(), "there is one only");
    assert!(push("secrets: []", &["secrets"], "x").is_err(), "there is none");
}

#[test]
fn a_webhook_is_added() {
    let webhook = Entry {
        block: ["new:", "  source: s", "  provider: woocommerce", "  secrets: [n]"].map(str::to_owned).into(),
        flow: "new: {source: s, provider: woocommerce, secrets: [n]}".to_owned(),
    };
    let value = serde_json::json!({"source": "s", "provider": "woocommerce", "secrets": ["n"]});
    let path = ["webhooks", "new"];
    let check = |text: &str, expected: &Expect| changed(text, add_webhook(text, &webhook), &path, &value, expected);
    check(
        &hooks(),
        &expect![[r#"
            +  new:
            +    provider: woocommerce
            +    secrets: [n]
        "#]],
    );
    let before = "hub: h\nsources: {s: {url: \"http://s.test\", collections: {c: {type: t, request: {path: /}, id: id, every: 1m}}}}\n";
    let expected = expect![[r#"
        +
        +webhooks:
        +  new:
        +    source: s
        +    provider: woocommerce
        +    secrets: [n]
    "#]];
    check(before, &expected);
}
