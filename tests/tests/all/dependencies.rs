//! What depends on what, asked of cargo itself (docs/ARCHITECTURE.md): dependencies point inward, the core knows nothing
//! of the outside world, the local hub carries no AWS, whatever is built in has a licence that deny.toml allows, and
//! docs/dependencies.md says what it is for.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

use crate::support::binary::{repository, repository_file};

const PREFIX: &str = "crossdock-";

/// Packages by cargo's id, and what each depends on directly.
struct Graph {
    packages: BTreeMap<String, Package>,
    members: Vec<String>,
}

struct Package {
    name: String,
    licence: Option<String>,
    /// `None`: it is a path of this repository.
    source: Option<String>,
    needs: Vec<Need>,
}

struct Need {
    id: String,
    /// Needed by tests and nothing else.
    dev_only: bool,
}

impl Graph {
    /// For this machine and with the features that everybody gets.
    fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform=host-tuple"])
            .current_dir(repository())
            .output()
            .unwrap();
        assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |value: &Value| value.as_array().unwrap().clone();

        let mut needs: BTreeMap<String, Vec<Need>> = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let of_node = list(&node["deps"]).into_iter().map(|dependency| Need {
                id: text(&dependency["pkg"]).unwrap(),
                dev_only: list(&dependency["dep_kinds"]).iter().all(|kind| kind["kind"] == "dev"),
            });
            needs.insert(text(&node["id"]).unwrap(), of_node.collect());
        }
        let packages = list(&metadata["packages"]).into_iter().map(|package| {
            let id = text(&package["id"]).unwrap();
            let needs = needs.remove(&id).unwrap();
            let name = text(&package["name"]).unwrap();
            (id, Package { name, licence: text(&package["license"]), source: text(&package["source"]), needs })
        });
        let members = list(&metadata["workspace_members"]).iter().map(|id| text(id).unwrap()).collect();
        Self { packages: packages.collect(), members }
    }

    fn id(&self, name: &str) -> &str {
        let found = self.packages.iter().find(|(_, package)| package.name == name);
        found.unwrap_or_else(|| panic!("there is no package {name}")).0
    }

    /// Members of the workspace that `name` depends on directly, without the prefix they share.
    fn inner(&self, name: &str, for_tests: bool) -> BTreeSet<&str> {
        let needs = self.packages[self.id(name)].needs.iter().filter(|need| for_tests || !need.dev_only);
        needs.filter_map(|need| self.packages[&need.id].name.strip_prefix(PREFIX)).collect()
    }

    /// Everything that is built for `name`, and with `for_tests` for its tests.
    fn all(&self, name: &str, for_tests: bool) -> BTreeSet<&str> {
        self.all_but(name, for_tests, &[])
    }

    /// The same without these and what only they need.
    fn all_but(&self, name: &str, for_tests: bool, without: &[&str]) -> BTreeSet<&str> {
        let first = self.packages[self.id(name)].needs.iter().filter(|need| for_tests || !need.dev_only);
        let mut open: Vec<&str> = first.map(|need| need.id.as_str()).collect();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        while let Some(id) = open.pop() {
            if !without.contains(&self.packages[id].name.as_str()) && seen.insert(id) {
                let further = self.packages[id].needs.iter().filter(|need| !need.dev_only);
                open.extend(further.map(|need| need.id.as_str()));
            }
        }
        seen.into_iter().map(|id| self.packages[id].name.as_str()).collect()
    }
}

#[test]
fn dependencies_point_inward() {
    /// Each crate, what it may be built on, and what its tests may use besides.
    const MAY: &[(&str, &[&str], &[&str])] = &[
        ("core", &[], &[]),
        ("http", &["core"], &[]),
        ("local", &["core", "http"], &["testkit"]),
        ("stack", &["core"], &[]),
        ("aws", &["core", "http", "stack"], &["local", "testkit"]),
        ("dispatcher", &["aws", "core"], &[]),
        ("ingest", &["aws", "core"], &[]),
        ("poller", &["aws", "core"], &[]),
        // Knows nothing of the hub but what its requests say.
        ("sample", &[], &[]),
        ("cli", &["core", "http", "local", "sample", "stack"], &["testkit"]),
        ("testkit", &["core"], &[]),
        ("tests", &[], &["core", "http", "local", "sample", "stack", "testkit"]),
    ];
    let graph = Graph::read();
    for (name, built_on, tested_with) in MAY {
        let whole = format!("{PREFIX}{name}");
        let known: BTreeSet<&str> = built_on.iter().copied().collect();
        let found = graph.inner(&whole, false);
        assert!(found.is_subset(&known), "{whole} is built on {found:?}, expected at most {known:?}");
        let known: BTreeSet<&str> = known.union(&tested_with.iter().copied().collect()).copied().collect();
        let found = graph.inner(&whole, true);
        assert!(found.is_subset(&known), "{whole} is tested with {found:?}, expected at most {known:?}");
    }
    let listed: BTreeSet<String> = MAY.iter().map(|(name, ..)| format!("{PREFIX}{name}")).collect();
    let members: BTreeSet<String> = graph.members.iter().map(|id| graph.packages[id].name.clone()).collect();
    assert_eq!(members, listed, "every member of the workspace has its place in the list");
}

#[test]
fn the_core_knows_nothing_of_the_outside_world() {
    let graph = Graph::read();
    let outside = ["tokio", "mio", "async-std", "hyper", "reqwest", "axum", "rusqlite", "libsqlite3-sys"];
    let found = graph.all("crossdock-core", true);
    assert!(found.len() > 20, "this looks at too little: {found:?}");
    for name in &found {
        assert!(!outside.contains(name) && !is_aws(name), "crossdock-core or its tests use {name}");
    }
    // Its tests may shuffle; it may not. ahash seeds the maps of boon, and what a schema says does not depend on their order.
    let uses = graph.all_but("crossdock-core", false, &["ahash"]);
    assert!(uses.contains("boon"), "the exception is still needed");
    for name in uses {
        assert!(!["getrandom", "rand", "fastrand"].contains(&name), "crossdock-core uses {name}");
    }
}

/// The first `cargo run` must not wait for SDKs that it does not use.
#[test]
fn the_local_hub_carries_no_aws() {
    let graph = Graph::read();
    for member in ["crossdock-http", "crossdock-local", "crossdock-cli", "crossdock-sample", "crossdock-stack"] {
        let found: Vec<_> = graph.all(member, true).into_iter().filter(|name| is_aws(name)).collect();
        assert!(found.is_empty(), "{member} uses {found:?}");
    }
}

fn is_aws(name: &str) -> bool {
    ["aws-", "aws_", "lambda_", "lambda-", "rusoto"].iter().any(|prefix| name.starts_with(prefix))
}

#[test]
fn every_dependency_has_an_allowed_licence_and_comes_from_crates_io() {
    let policy = repository_file("deny.toml");
    let (_, list) = policy.split_once("\nallow = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let allowed: BTreeSet<&str> = list.split(',').map(|item| item.trim().trim_matches('"')).collect();
    assert!(allowed.contains("Apache-2.0"), "{allowed:?}");

    for package in Graph::read().packages.values() {
        let name = &package.name;
        match package.source.as_deref() {
            None => assert!(name.starts_with(PREFIX), "{name} comes from a folder of this machine"),
            Some(source) => assert_eq!(source, "registry+https://github.com/rust-lang/crates.io-index", "{name}"),
        }
        let licence = package.licence.as_deref().unwrap_or_else(|| panic!("{name} names no licence"));
        assert!(is_allowed(licence, &allowed), "{name} is under {licence}, which deny.toml does not allow");
    }
}

/// An SPDX expression, the older `MIT/Apache-2.0` included. AND binds tighter than OR (SPDX 2.3, annex D.4.5).
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "+WITH+");
    let mut words = spaced.split_whitespace().peekable();
    any(&mut words, allowed) && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allowed: &BTreeSet<&str>) -> bool {
    let mut result = every(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        result |= every(words, allowed);
    }
    result
}

fn every(words: &mut Words<'_>, allowed: &BTreeSet<&str>) -> bool {
    let mut result = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        result &= one(words, allowed);
    }
    result
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<&str>) -> bool {
    match words.next() {
        Some("(") => {
            let inside = any(words, allowed);
            words.next() == Some(")") && inside
        }
        Some(licence) => allowed.contains(licence.replace("+WITH+", " WITH ").as_str()),
        None => false,
    }
}

#[test]
fn licence_expressions() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"]);
    let check = |expression: &str, expected: bool| {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    };
    check("MIT", true);
    check("MIT/Apache-2.0", true);
    check("GPL-3.0-only OR MIT", true);
    check("(MIT OR Apache-2.0) AND Unicode-3.0", true);
    check("Apache-2.0 WITH LLVM-exception", true);
    check("(GPL-2.0 OR AGPL-3.0-only) OR MIT", true);
    check("", false);
    check("AGPL-3.0-only", false);
    check("MIT AND SSPL-1.0", false);
    check("MIT WITH GPL-exception", false);
    check("SSPL-1.0 OR MIT AND GPL-2.0", false);
    check("(MIT OR GPL-2.0) AND (GPL-2.0 OR AGPL-3.0-only)", false);
    check("MIT Apache-2.0", false);
}

/// `docs/dependencies.md` says of each direct dependency what it is for, and of nothing else.
#[test]
fn every_dependency_has_its_reason() {
    let document = repository_file("docs/dependencies.md");
    let (built_in, for_tests) = document.split_once("## For tests").unwrap();
    let [built_in, for_tests] = [built_in, for_tests].map(reasons);
    let graph = Graph::read();
    let (mut in_command, mut in_tests) = (BTreeSet::new(), BTreeSet::new());
    for id in &graph.members {
        let package = &graph.packages[id];
        let member = package.name.strip_prefix(PREFIX).unwrap();
        for need in &package.needs {
            let name = &graph.packages[&need.id].name;
            // What is needed by the testkit is needed by tests.
            let list = if need.dev_only || member == "testkit" { &mut in_tests } else { &mut in_command };
            if !name.starts_with(PREFIX) {
                list.insert((name.clone(), member.to_owned()));
            }
        }
    }
    for (what, found, expected) in [("the command", built_in, in_command), ("tests", for_tests, in_tests)] {
        let missing: Vec<_> = expected.difference(&found).collect();
        let stale: Vec<_> = found.difference(&expected).collect();
        assert!(
            missing.is_empty() && stale.is_empty(),
            "{what}: without a reason: {missing:?}, no longer used: {stale:?}"
        );
    }
}

/// Each row's crate with each of those that use it. Other tables are about something else.
fn reasons(document: &str) -> BTreeSet<(String, String)> {
    let table = document.lines().skip_while(|line| !line.starts_with("| crate |")).skip(1);
    let rows = table.take_while(|line| line.starts_with('|')).filter(|line| line.starts_with("| "));
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, users, why] = cells[..] else { panic!("found {row}, expected three cells") };
        assert!(!why.is_empty(), "{row}");
        users.split(", ").map(|user| (name.to_owned(), user.to_owned())).collect::<Vec<_>>()
    })
    .collect()
}

/// Whoever installs the tools asks the registry of their own choice.
#[test]
fn the_tools_of_the_tests_are_pinned_without_naming_a_registry() {
    let lock: Value = serde_json::from_str(&repository_file("tests/tools/package-lock.json")).unwrap();
    let packages = lock["packages"].as_object().unwrap();
    assert!(packages.len() > 1, "{packages:?}");
    for (path, package) in packages.iter().filter(|(path, _)| !path.is_empty()) {
        assert_eq!(package["resolved"], Value::Null, "{path}");
        assert!(package["integrity"].is_string(), "{path}");
    }
    for list in ["requirements.txt", "aws.txt", "sam.txt", "checkov.txt", "webhooks.txt"] {
        for line in repository_file(&format!("tests/tools/{list}")).lines() {
            assert!(line.contains("==") && !line.contains("://"), "{list}: {line}");
        }
    }
}
