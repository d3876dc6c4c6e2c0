//! What the files of the repository may say of each other: the product knows no name of the sample, every path in the
//! docs leads somewhere, and nobody's home folder is in here.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crossdock_core::hub;

use crate::support::binary::{repository, repository_file};

/// A file that is text, and its path from the root of the repository.
struct TextFile {
    path: String,
    text: String,
}

/// Everything below `folder` but what builds and editors leave there.
fn files_below(folder: &str) -> Vec<TextFile> {
    const NOT_OURS: &[&str] = &["target", ".git", ".aws-sam", ".crossdock", ".venv", "node_modules", "__pycache__"];
    let mut files = Vec::new();
    let mut open = vec![repository().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let entry = entry.unwrap();
            if NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                let path = entry.path().strip_prefix(repository()).unwrap().display().to_string();
                files.push(TextFile { path, text });
            }
        }
    }
    assert!(!files.is_empty(), "there is nothing below {folder:?}");
    files
}

/// Whatever is said in infra/hub.yaml must be possible in any other hub file: no line of the product may wait for it.
#[test]
fn the_product_knows_no_name_of_the_sample() {
    let names = names_of_the_sample();
    // The testkit is of the tests, and what tests call things is up to them.
    for crate_ in ["core", "http", "local", "cli"] {
        let files = files_below(&format!("shared/{crate_}"));
        let test_modules = test_modules(&files);
        for file in files.iter().filter(|file| !is_of_tests(&file.path, &test_modules)) {
            for (number, line) in product_lines(file) {
                let found: Vec<&str> = words(line).filter(|word| names.contains(*word)).collect();
                assert!(found.is_empty(), "{}:{number} names {found:?}, which are of the sample: {line}", file.path);
            }
        }
    }
}

fn names_of_the_sample() -> BTreeSet<String> {
    /// Short ones are words like any other, and these are words of the hub's own.
    const SHORTEST: usize = 5;
    const WORDS_OF_THE_HUB: &[&str] = &["track"];

    let variables = RefCell::new(BTreeSet::new());
    let look_up = |name: &str| {
        variables.borrow_mut().insert(name.to_owned());
        name.ends_with("_URL").then(|| "http://sample.test".to_owned())
    };
    let loaded = hub::load("infra/hub.yaml", &repository_file("infra/hub.yaml"), &look_up);
    let hub = loaded.unwrap_or_else(|faults| panic!("{faults}")).hub;
    let mut names: BTreeSet<String> = variables.borrow().clone();
    names.insert(hub.name.to_string());
    names.extend(hub.sources.keys().map(ToString::to_string));
    names.extend(hub.endpoints.keys().map(ToString::to_string));
    names.extend(hub.routes.iter().map(|route| route.name.to_string()));
    names.retain(|name| name.len() >= SHORTEST && !WORDS_OF_THE_HUB.contains(&name.as_str()));
    assert!(names.len() >= 5, "the sample is too small to tell anything: {names:?}");
    names
}

/// Numbered from 1; without comments and without the tests in it.
fn product_lines(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    let product = file.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = product.lines().enumerate().map(|(place, line)| (place + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether a file is there for tests only, which may call things what they like: it is in their folder, or the module is
/// declared for them; or for presets, whose words are their vendors'.
fn is_of_tests(path: &str, test_modules: &BTreeSet<String>) -> bool {
    let in_module = |module: &String| path.strip_prefix(module).is_some_and(|rest| rest.starts_with(['.', '/']));
    path.split('/').any(|part| matches!(part, "tests" | "testdata" | "presets")) || test_modules.iter().any(in_module)
}

/// Paths, without `.rs`, of the modules that are declared for tests.
fn test_modules(files: &[TextFile]) -> BTreeSet<String> {
    let declared = |file: &TextFile| {
        let folder = match file.path.rsplit_once('/') {
            Some((folder, "lib.rs" | "main.rs" | "mod.rs")) => folder.to_owned(),
            _ => file.path.trim_end_matches(".rs").to_owned(),
        };
        let mut names = Vec::new();
        let mut for_tests = false;
        for line in file.text.lines().map(str::trim) {
            let name = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
            if let Some(name) = name.filter(|_| for_tests) {
                names.push(format!("{folder}/{name}"));
            }
            // An item may have several attributes.
            for_tests = line == "#[cfg(test)]" || (for_tests && line.starts_with("#["));
        }
        names
    };
    files.iter().flat_map(declared).collect()
}

/// A name with its dots and dashes is one word: `customer.email` is not `email`.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    line.split(move |c| !is_of_word(c)).map(|word| word.trim_matches(['.', '-'])).filter(|word| !word.is_empty())
}

#[test]
fn words_and_product_lines() {
    let found: Vec<_> = words(r#"  "my-store" => at(customer.email), STORE_URL/loyalty."#).collect();
    assert_eq!(found, ["my-store", "at", "customer.email", "STORE_URL", "loyalty"]);

    let file = |path: &str, text: &str| TextFile { path: path.to_owned(), text: text.to_owned() };
    let one = file("shared/core/src/one.rs", "one\n// two\nthree\n#[cfg(test)]\nmod tests {\nfour\n}\n");
    assert_eq!(product_lines(&one).collect::<Vec<_>>(), [(1, "one"), (3, "three")]);

    let modules = test_modules(&[
        file("shared/core/src/lib.rs", "mod one;\n#[cfg(test)]\nmod golden;\nmod two;\n"),
        file("shared/core/src/two.rs", "#[cfg(test)]\n#[cfg(unix)]\nmod three;\n#[cfg(unix)]\nmod four;\n"),
    ]);
    let check = |path: &str, expected: bool| assert_eq!(is_of_tests(path, &modules), expected, "{path}");
    check("shared/core/src/golden.rs", true);
    check("shared/core/src/golden/cases.txt", true);
    check("shared/core/src/two/three.rs", true);
    check("shared/core/tests/it/one.rs", true);
    check("shared/core/src/hub/testdata/bad/one.yaml", true);
    check("shared/core/src/golden_age.rs", false);
    check("shared/core/src/one.rs", false);
    check("shared/core/src/two.rs", false);
    check("shared/core/src/two/four.rs", false);
}

#[test]
fn every_path_in_the_docs_leads_somewhere() {
    let mut seen = 0;
    for file in files_below("").into_iter().filter(|file| file.path.ends_with(".md")) {
        let folder = Path::new(&file.path).parent().unwrap();
        let linked = links(&file.text).into_iter().map(|link| folder.join(link));
        let named = named_paths(&file.text).into_iter().map(PathBuf::from);
        for path in linked.chain(named) {
            seen += 1;
            assert!(repository().join(&path).exists(), "{} names {}, which does not exist", file.path, path.display());
        }
    }
    assert!(seen > 20, "this looks at too little: {seen} paths");
}

#[test]
fn every_document_that_the_code_refers_to_exists() {
    let mut seen = 0;
    for file in files_below("shared").into_iter().filter(|file| file.path.ends_with(".rs")) {
        for word in file.text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c))) {
            let word = word.trim_matches('.');
            if word.starts_with("docs/") && word.ends_with(".md") {
                seen += 1;
                assert!(repository().join(word).exists(), "{} refers to {word}, which does not exist", file.path);
            }
        }
    }
    assert!(seen > 0, "this looks at nothing");
}

/// Targets of `[text](target)` that are files, without what comes after `#`.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|path| !path.is_empty())
        .collect()
}

/// What stands between backticks and is a path below one of the repository's folders.
fn named_paths(text: &str) -> Vec<&str> {
    const FOLDERS: &[&str] = &["shared/", "docs/", "infra/", "tests/", "events/", "functions/", ".ci/"];
    let quoted = text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
    quoted
        .filter(|name| FOLDERS.iter().any(|folder| name.starts_with(folder)))
        .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c)))
        .collect()
}

#[test]
fn links_and_named_paths() {
    let text = "[a](docs/a.md#b) [c](https://c.test/) [d](#d) `shared/core` `tests/<x>.rs` `a b`\n```\n`docs/e`\n```\n`docs/f.md`";
    assert_eq!(links(text), ["docs/a.md"]);
    assert_eq!(named_paths(text), ["shared/core", "docs/f.md"]);
}

#[test]
fn nobodys_home_folder_is_in_here() {
    for file in files_below("") {
        for (place, line) in file.text.lines().enumerate() {
            let found = home_folder(line);
            assert!(found.is_none(), "{}:{} names {:?}", file.path, place + 1, found);
        }
    }
}

/// The beginning of a path into somebody's home; not of a URL's path.
fn home_folder(line: &str) -> Option<&str> {
    const HOMES: &[&str] = &["/home/", "/Users/", "/root/"];
    let places = HOMES.iter().flat_map(|home| line.match_indices(home).map(|(at, home)| (at, at + home.len())));
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    places
        .filter(|(from, _)| !line[..*from].ends_with(|c| is_name(c) || c == '/'))
        .find(|(_, to)| line[*to..].starts_with(is_name))
        .map(|(from, _)| &line[from..])
}

#[test]
fn home_folders() {
    let check = |line: &str, expected: bool| assert_eq!(home_folder(line).is_some(), expected, "{line}");
    for home in ["/home/", "/Users/", "/root/"] {
        check(&format!("see {home}zoe/file"), true);
        check(&format!("\"{home}zoe\""), true);
        check(&format!("https://shop.test{home}zoe"), false);
        check(&format!("the folder {home} itself"), false);
    }
}
