//! `crossdock secret` before any hub runs: what it prints, and what it does not.

use std::{collections::BTreeSet, path::Path};

use super::{crossdock, failing, make_state, text};

const HUB: &str = "hub: h
endpoints:
  ear: {url: http://ear.example}
  key: {url: http://key.example, signing: {scheme: v1a}}
  both: {url: http://both.example, signing: {scheme: both}}
  named: {url: http://named.example, signing: {secrets: [new-one, old-one]}}
routes:
  - {name: r, messages: [\"*\"], to: ear}
";

fn bench() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hub.yaml"), HUB).unwrap();
    make_state(folder.path(), "hub.yaml", None);
    folder
}

/// What it printed, and what it said beside.
fn said(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = crossdock(folder, arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

fn shown(folder: &Path, endpoint: &str) -> Vec<String> {
    said(folder, &["secret", "show", endpoint]).0.lines().map(str::to_owned).collect()
}

#[test]
fn every_endpoint_has_a_secret_of_its_own() {
    let bench = bench();
    let (ear, key, both) = (shown(bench.path(), "ear"), shown(bench.path(), "key"), shown(bench.path(), "both"));
    let kinds = |secrets: &[String]| -> Vec<String> {
        secrets.iter().map(|secret| secret.split('_').next().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (kinds(&ear), kinds(&key), kinds(&both)),
        (vec!["whsec".to_owned()], vec!["whpk".to_owned()], vec!["whsec".to_owned(), "whpk".to_owned()],)
    );
    let distinct: BTreeSet<String> = [ear.clone(), key, both].concat().into_iter().collect();
    assert_eq!(distinct.len(), 4);
    assert_eq!(shown(bench.path(), "ear"), ear, "the same whenever it is asked for");
    let other = self::bench();
    assert_ne!(shown(other.path(), "ear"), ear, "another store, other secrets");
}

#[test]
fn a_rotation_is_told_and_kept() {
    let bench = bench();
    let before = shown(bench.path(), "ear");
    let (list, _) = said(bench.path(), &["secret", "list"]);
    assert_eq!(
        list,
        "both  v1 and v1a  its own, generation 1\near  v1  its own, generation 1\nkey  v1a  its own, generation 1\n\
         named  v1  new-one, old-one of the hub file\n"
    );

    let (line, note) = said(bench.path(), &["secret", "rotate", "ear"]);
    assert!(line.starts_with("ear signs with generation 2 from now on; generation 1 signs too until 2"), "{line}");
    assert!(note.contains("crossdock secret show ear"), "{note}");
    let after = shown(bench.path(), "ear");
    assert_ne!(after, before);
    let (_, note) = said(bench.path(), &["secret", "show", "ear"]);
    assert!(note.starts_with("ear is being rotated: this is generation 2; generation 1 signs too until 2"), "{note}");
    let (list, _) = said(bench.path(), &["secret", "list"]);
    assert!(list.contains("ear  v1  its own, generation 2; generation 1 signs too until 2"), "{list}");
    assert!(!list.contains(&after[0]) && !list.contains(&before[0]), "{list}");

    // A third would cut the first off before its time.
    let (code, refused) = failing(bench.path(), &["secret", "rotate", "ear"]);
    assert_eq!(code, 1);
    assert!(refused.contains("ear is being rotated: until ") && refused.contains("--overlap 0s"), "{refused}");
    let (line, _) = said(bench.path(), &["secret", "rotate", "ear", "--overlap", "0s"]);
    assert_eq!(line, "ear signs with generation 3 from now on\n");
    assert_eq!(said(bench.path(), &["secret", "show", "ear"]).1, "");
}

#[test]
fn a_new_secret_is_random_and_alone_on_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let new = |scheme: &str| said(folder.path(), &["secret", "new", "--scheme", scheme]);
    let (secret, note) = new("v1");
    assert!(secret.starts_with("whsec_") && secret.len() == "whsec_".len() + 44 + 1, "{} characters", secret.len());
    assert_eq!(note, "");
    assert_ne!(new("v1").0, secret);
    let (private, note) = new("v1a");
    assert!(private.starts_with("whsk_") && private.lines().count() == 1);
    assert!(note.starts_with("the endpoint verifies with whpk_"), "{note}");
    assert_eq!(said(folder.path(), &["secret", "new"]).0.split('_').next(), Some("whsec"));
}

#[test]
fn what_cannot_be_done_is_said_with_what_can() {
    let bench = bench();
    for (arguments, expected) in [
        (
            &["show", "named"][..],
            "named signs with new-one, old-one of the hub file; their values are where you have put them",
        ),
        (&["rotate", "named"], "named signs with new-one, old-one of the hub file; rotate by naming a new one there"),
        (&["show", "eer"], "the hub has no endpoint \"eer\"; it has both, ear, key, named; did you mean \"ear\"?"),
        (&["rotate", "ear", "--overlap", "soon"], "expected a time such as 30m, 24h or 168h, at most 2160h"),
        (&["rotate", "ear", "--overlap", "2161h"], "expected a time such as 30m, 24h or 168h, at most 2160h"),
        (&["list", "--state", "elsewhere"], "no hub has run on elsewhere yet"),
    ] {
        let (code, said) = failing(bench.path(), &[&["secret"], arguments].concat());
        assert!(code != 0 && said.contains(expected), "{arguments:?}: {said}");
    }
    assert!(!bench.path().join("elsewhere").exists());
}
