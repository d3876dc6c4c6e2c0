//! `crossdock webhook`: what it makes of a hub file, and what it shows of a secret.

use std::path::Path;

use serde_json::Value;

use crate::{crossdock, failing, make_state, text};

const HUB: &str = "\
# my shop
hub: h
sources:
  shop:   # the only one
    url: http://shop.test
    collections: {orders: {type: order, request: {path: /}, id: id, every: 1m}}
endpoints: {e: {url: 'http://e.test'}}   # and no more
";

/// A folder with the hub file.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hub.yaml"), HUB).unwrap();
    folder
}

/// What a command that does well says: on its output, and beside it.
fn run(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = crossdock(folder, arguments);
    let said = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said:?}");
    said
}

fn file(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("hub.yaml")).unwrap()
}

/// As `webhook list` tells it.
fn listed(folder: &Path) -> Value {
    serde_json::from_str(&run(folder, &["webhook", "list", "--json"]).0).unwrap()
}

fn last_line(output: &str) -> &str {
    output.lines().last().unwrap()
}

#[test]
fn a_token_is_shown_once_and_only_its_hash_is_kept() {
    let folder = folder();
    let folder = folder.path();
    let add = ["webhook", "add", "erp-stock", "--source", "shop", "--provider", "generic", "--bearer", "--yes"];
    let (output, notes) = run(folder, &add);
    let token = last_line(&output);
    assert_eq!((token.len(), token.chars().all(|c| c.is_ascii_hexdigit())), (64, true), "{output}");
    assert!(notes.contains("shown once") && notes.contains("/webhooks/erp-stock"), "{notes}");
    let written = file(folder);
    assert!(written.starts_with(HUB), "what was there stays: {written}");
    assert!(!written.contains(token), "{written}");
    let hashes = |folder: &Path| listed(folder)[0]["hashes"].as_array().unwrap().len();
    assert_eq!(hashes(folder), 1);
    let refused = failing(folder, &["webhook", "rotate", "erp-stock", "--finish", "--yes"]);
    assert_eq!(refused.0, 1);
    assert!(refused.1.contains("erp-stock has one live secret"), "{}", refused.1);

    let (output, _) = run(folder, &["webhook", "rotate", "erp-stock", "--yes"]);
    let second = last_line(&output).to_owned();
    assert_ne!(second, token);
    assert_eq!(hashes(folder), 2);
    let refused = failing(folder, &["webhook", "rotate", "erp-stock", "--yes"]);
    assert!(refused.1.contains("is being rotated: it has 2 live secrets"), "{}", refused.1);

    let before = listed(folder)[0]["hashes"].clone();
    run(folder, &["webhook", "rotate", "erp-stock", "--finish", "--yes"]);
    assert_eq!(listed(folder)[0]["hashes"][0], before[1], "the new one stays");
    assert_eq!(hashes(folder), 1);
    run(folder, &["check"]);
}

#[test]
fn secrets_are_named_and_not_written() {
    let folder = folder();
    let folder = folder.path();
    let (output, notes) =
        run(folder, &["webhook", "add", "Hub_1", "--source", "shop", "--provider", "woocommerce", "--yes"]);
    let secret = last_line(&output);
    assert_eq!(secret.len(), 64);
    for said in ["CROSSDOCK_SECRET_HUB_1", "aws ssm put-parameter", "/h/hub_1"] {
        assert!(notes.contains(said), "{said} in {notes}");
    }
    assert!(!file(folder).contains(secret));
    let (output, notes) =
        run(folder, &["webhook", "add", "sales", "--source", "shop", "--provider", "shopify", "--yes"]);
    assert!(last_line(&output).starts_with(['+', ' ', '-']), "no secret is made up: {output}");
    assert!(notes.contains("Shopify makes it"), "{notes}");
    let (output, _) =
        run(folder, &["webhook", "add", "std", "--source", "shop", "--provider", "standard-webhooks", "--yes"]);
    assert!(last_line(&output).starts_with("whsec_"), "{output}");
    let signed = [
        "webhook",
        "add",
        "own",
        "--source",
        "shop",
        "--provider",
        "generic",
        "--hmac",
        "--prefix",
        "sha256=",
        "--yes",
    ];
    run(folder, &signed);
    assert!(file(folder).contains("prefix: \"sha256=\""), "{}", file(folder));

    run(folder, &["webhook", "rotate", "sales", "--yes"]);
    let live = |place: usize| listed(folder)[place]["secrets"].clone();
    assert_eq!(live(2), serde_json::json!(["sales", "sales-2"]));
    let (_, notes) = run(folder, &["webhook", "rotate", "sales", "--finish", "--yes"]);
    assert!(notes.contains("no use for the value of sales any more"), "{notes}");
    assert_eq!(live(2), serde_json::json!(["sales-2"]));
    assert!(file(folder).starts_with(HUB));
}

#[test]
fn a_webhook_is_off_until_it_is_on() {
    let folder = folder();
    let folder = folder.path();
    run(folder, &["webhook", "add", "sales", "--source", "shop", "--provider", "shopify", "--yes"]);
    let before = file(folder);
    make_state(folder, "hub.yaml", None);
    run(folder, &["webhook", "disable", "sales"]);
    assert!(run(folder, &["webhook", "disable", "sales"]).0.contains("already"));
    assert_eq!(listed(folder)[0]["enabled"], false);
    assert!(run(folder, &["webhook", "list"]).0.contains("switched off since"));
    assert!(run(folder, &["hub", "status"]).0.contains("its webhook sales is switched off"));
    run(folder, &["webhook", "enable", "sales"]);
    assert_eq!(listed(folder)[0]["enabled"], true);
    assert_eq!(file(folder), before, "that is no matter of the file");
}

#[test]
fn what_cannot_be_says_why() {
    let folder = folder();
    let folder = folder.path();
    let check = |arguments: &[&str], expected: &str| {
        let (code, said) = failing(folder, arguments);
        assert_ne!(code, 0);
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert_eq!(file(folder), HUB, "nothing was written");
    };
    let add = |rest: &[&'static str]| [&["webhook", "add", "x", "--yes"], rest].concat();
    check(&add(&["--source", "shop", "--provider", "generic"]), "say --bearer (a token) or --hmac");
    check(&add(&["--source", "shop", "--provider", "github", "--bearer"]), "github says itself how");
    check(&add(&["--source", "shops", "--provider", "woocommerce"]), "no source \"shops\"");
    check(&add(&["--source", "shop", "--provider", "magento"]), "expected one of generic, standard-webhooks");
    check(&add(&["--source", "shop", "--provider", "woocommerce", "--collection", "carts"]), "would have faults");
    check(&["webhook", "rotate", "x", "--yes"], "no webhook \"x\", nor any other");
    make_state(folder, "hub.yaml", None);
    check(&["webhook", "disable", "x"], "no webhook \"x\", nor any other");
    // Nobody is asked, and so nobody says yes.
    let (output, notes) = run(folder, &["webhook", "add", "x", "--source", "shop", "--provider", "woocommerce"]);
    assert!(output.contains("+  x:") && notes.contains("nothing was written"), "{output}{notes}");
    assert_eq!(file(folder), HUB);
    assert!(last_line(&output).starts_with(['+', ' ']), "and no secret is shown: {output}");
}
