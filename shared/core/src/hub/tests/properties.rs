//! Whatever the text, [`load`] answers, and what it complains about is in the file.

use proptest::{
    prelude::*,
    sample::{Index, select},
};

use super::{lookup, testdata};
use crate::hub::{Fault, compile, load, load_compiled};

/// Pieces that a hub file is made of, and some that it had better not be.
const PIECES: [&str; 36] = [
    "hub: ",
    "sources:",
    "endpoints:",
    "routes:",
    "collections:",
    "keys:",
    "messages: ",
    "pattern: ",
    "url: ",
    "x",
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "\"",
    "'",
    "&a ",
    "*a",
    "!!str ",
    "!x ",
    "? ",
    "|\n",
    ">-\n",
    "${A}",
    "${",
    "$${",
    "\t",
    "---\n",
    "0123",
];

fn check(text: &str) {
    let found = match load("hub.yaml", text, &lookup) {
        Ok(loaded) => {
            let compiled = compile("hub.yaml", text, &lookup).unwrap();
            assert_eq!(format!("{:?}", load_compiled(&compiled.text).unwrap()), format!("{:?}", loaded.hub));
            loaded.notes
        }
        Err(faults) => {
            assert!(!faults.0.is_empty(), "refused without a fault");
            faults.0
        }
    };
    // YAML 1.2 §5.4.
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = unified.split('\n').collect();
    for fault in &found {
        let Fault { line, column, .. } = fault;
        assert!((1..=lines.len()).contains(line), "{fault}");
        assert!((1..=lines[line - 1].chars().count() + 1).contains(column), "{fault}");
    }
    let places: Vec<_> = found.iter().map(|fault| (fault.line, fault.column)).collect();
    assert!(places.is_sorted(), "{found:?}");
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn of_arbitrary_text(text in proptest::collection::vec(any::<char>(), 0..200)) {
        check(&text.into_iter().collect::<String>());
    }

    #[test]
    fn of_pieces_of_yaml(pieces in proptest::collection::vec(select(&PIECES[..]), 0..60)) {
        check(&pieces.concat());
    }

    /// Some characters of a good file taken away, and something put in their place.
    #[test]
    fn of_good_files_gone_bad(
        file: Index,
        edits in proptest::collection::vec((any::<Index>(), 0..12_usize, select(&PIECES[..])), 1..6),
    ) {
        let files = testdata("good");
        let mut text: Vec<char> = file.get(&files).1.chars().collect();
        for (at, length, piece) in edits {
            let from = at.index(text.len() + 1);
            let to = (from + length).min(text.len());
            text.splice(from..to, piece.chars());
        }
        check(&text.into_iter().collect::<String>());
    }

    /// A line gone, or moved to where it does not belong.
    #[test]
    fn of_good_files_with_lines_moved(file: Index, from: Index, to: Index, gone: bool) {
        let files = testdata("good");
        let mut lines: Vec<&str> = file.get(&files).1.lines().collect();
        let line = lines.remove(from.index(lines.len()));
        if !gone {
            lines.insert(to.index(lines.len() + 1), line);
        }
        check(&lines.join("\n"));
    }
}

#[test]
fn of_the_corpus() {
    for (_, text) in testdata("bad").into_iter().chain(testdata("good")) {
        check(&text);
        check(&text.replace('\n', "\r\n"));
        check(&text.replace('\n', "\r"));
    }
}
