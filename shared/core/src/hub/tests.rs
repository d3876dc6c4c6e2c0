//! A corpus of hub files. A good one states the model it becomes, a bad one all its faults; `UPDATE_EXPECT=1` writes
//! both anew, for a reviewer to read.

mod compiling;
mod properties;
mod schema;

use std::{fmt::Write, fs, path::PathBuf};

use expect_test::expect_file;

use super::{Hub, LoadedHub, expand::Variables, fault, load, model::Route, parse, tree};

/// The environment of every test.
fn lookup(name: &str) -> Option<String> {
    let value = match name {
        "STORE_URL" => "https://store.example",
        "SECRET_URL" => "https://user:hush-hush@host.example",
        "CONCURRENCY" => "7",
        "HOPS" => "2",
        "EMPTY" => "",
        "TRAP" => "x: [\n\"hush-hush\", ${CONCURRENCY}",
        _ => return None,
    };
    Some(value.to_owned())
}

fn testdata(kind: &str) -> Vec<(PathBuf, String)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/hub/testdata").join(kind);
    let files = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect();
    files.sort();
    assert!(!files.is_empty(), "nothing in {}", directory.display());
    files.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_good_file_becomes_its_model() {
    for (path, text) in testdata("good") {
        let loaded = load("hub.yaml", &text, &lookup).unwrap_or_else(|faults| panic!("{}: {faults}", path.display()));
        expect_file![path.with_extension("txt")].assert_eq(&show(loaded));
    }
}

#[test]
fn every_bad_file_has_exactly_its_faults() {
    for (path, text) in testdata("bad") {
        let faults = load("hub.yaml", &text, &lookup).err().unwrap_or_else(|| panic!("{}: no fault", path.display()));
        expect_file![path.with_extension("txt")].assert_eq(&format!("{faults}\n"));
    }
}

/// Without the routes' patterns, which are the pattern compiler's to test.
fn show(LoadedHub { mut hub, notes, .. }: LoadedHub) -> String {
    let routes = std::mem::take(&mut hub.routes);
    let mut out = format!("{hub:#?}\n");
    for Route { name, enabled, pattern: _, to, path, parameters, once_per } in routes {
        writeln!(out, "route {name}: enabled {enabled}, to {to}{path}, {parameters:?}, {once_per:?}").unwrap();
    }
    for note in notes {
        writeln!(out, "note {note}").unwrap();
    }
    out
}

fn parse(text: &str) -> tree::Node {
    let mut report = fault::Report::new("hub.yaml", text);
    parse::parse(text, &Variables { lookup: &lookup, stand_in: |_| None }, &mut report).unwrap()
}

fn hub(text: &str) -> Hub {
    load("hub.yaml", text, &lookup).unwrap().hub
}

#[test]
fn the_example_of_the_contract_is_a_hub() {
    let contract = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/contract.md")).unwrap();
    let example = contract.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let url = |name: &str| name.ends_with("_URL").then(|| "https://shop.example".to_owned());
    let loaded = load("contract.md", example, &url).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!((loaded.hub.sources.len(), loaded.hub.endpoints.len(), loaded.hub.routes.len()), (1, 1, 1));
    assert_eq!(loaded.notes, []);
}

#[test]
fn every_example_is_a_hub() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/examples");
    let url = |name: &str| name.ends_with("_URL").then(|| "https://shop.example".to_owned());
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect();
    assert!(examples.len() >= 3, "{examples:?}");
    for path in examples {
        let text = fs::read_to_string(&path).unwrap();
        let loaded = load("hub.yaml", &text, &url).unwrap_or_else(|faults| panic!("{}: {faults}", path.display()));
        assert_eq!(loaded.notes, [], "{}", path.display());
        assert_eq!(schema::as_an_editor_sees(&text), None, "{}", path.display());
    }
}

#[test]
fn a_pointer_leads_to_the_place_it_names() {
    let text = "detail:\n  a/b:\n    - x\n    - {~c: [y, z]}\n";
    let root = parse(text);
    let check = |pointer: &str, expected: (usize, usize)| {
        let place = &root.pointer(pointer).place;
        assert_eq!((place.line, place.column), expected, "{pointer}");
    };
    check("", (1, 1));
    check("/detail", (2, 3));
    check("/detail/a~1b/0", (3, 7));
    check("/detail/a~1b/1/~0c/1", (4, 16));
    // As far as there is a way.
    check("/detail/a~1b/7/x", (3, 5));
    check("/detail/none/0", (2, 3));
}

#[test]
fn the_hash_tells_descriptions_apart_and_nothing_else() {
    let plain = hub("hub: a\nendpoints: {e: {url: http://e.example, timeout: 5s}}").hash;
    let spelt = "# A comment\n\"hub\": 'a'\nendpoints:\n  e:\n    timeout: ${NONE:-5s}\n    url: http://e.example\n";
    assert_eq!(plain, hub(spelt).hash);
    assert_ne!(plain, hub("hub: a\nendpoints: {e: {url: http://e.example, timeout: 6s}}").hash);
    assert_ne!(plain, hub("hub: b\nendpoints: {e: {url: http://e.example, timeout: 5s}}").hash);
    assert_eq!(plain.len(), 64);
}

#[test]
fn what_a_variable_holds_is_never_shown() {
    for (path, text) in testdata("bad") {
        if let Err(faults) = load("hub.yaml", &text, &lookup) {
            assert!(!faults.to_string().contains("hush-hush"), "{}: {faults}", path.display());
        }
    }
}
