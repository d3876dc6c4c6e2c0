//! The format of the case files. A key that is not known here is an error.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

/// A file of cases on one theme.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What the cases have in common, for the reader.
    #[serde(rename = "about")]
    _about: String,
    cases: Vec<Case>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique among all cases.
    pub name: String,
    /// One of `hubs.json`.
    pub hub: String,
    /// Objects that are pushed before, and stored when the message comes: `{"orders": [...]}`.
    #[serde(default)]
    pub known: Option<Value>,
    /// What is pushed: `{"message", "payload"}`, or one object as `{"orders": [{...}]}`.
    pub message: Value,
    /// The first of the hub's routes where nothing is said.
    #[serde(default)]
    pub route: Option<String>,
    /// What the endpoint said to this message before, in order.
    #[serde(default)]
    pub earlier: Vec<Said>,
    /// What it says now.
    pub answer: Said,
    /// What it says to all that follows, and to later rounds; `200` and nothing else where nothing is said.
    #[serde(default)]
    pub afterwards: Option<Said>,
    /// Of the request that `answer` answers.
    #[serde(default)]
    pub request: Option<Value>,
    #[serde(default)]
    pub effects: Effects,
    pub after: After,
    /// Runners that cannot play this, each with the reason.
    #[serde(default)]
    pub not_on: BTreeMap<Runner, String>,
}

/// What a request is answered with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    #[serde(default)]
    pub status: Option<u16>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// JSON. `{id}` in it is the id of the message that is answered, `{hops}` its hops.
    #[serde(default)]
    pub body: Option<Value>,
    /// In place of JSON.
    #[serde(default)]
    pub text: Option<String>,
    /// In place of an answer.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// So many times in a row.
    #[serde(default)]
    pub times: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Nobody listens.
    Refused,
    /// No answer within the endpoint's timeout.
    Timeout,
    /// The connection ends in the middle.
    Broken,
}

/// What follows from the answer. What is not named must not be.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effects {
    /// The messages of the same trace that came of it, in any order; each as far as it is written here.
    #[serde(default)]
    pub messages: Vec<Value>,
    /// The versions of objects, by `<source>/<collection>/<id>`, oldest first, each as far as it is written here; none:
    /// there is no such object.
    #[serde(default)]
    pub objects: BTreeMap<String, Vec<Value>>,
    /// All that is sent with the next message to the endpoint.
    #[serde(default)]
    pub parameters: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    pub paused: bool,
    /// The reason with which a message of the trace is in the dead-letter queue.
    #[serde(default)]
    pub dead_letter: Option<String>,
}

/// The delivery as the answer leaves it; each field as far as it is written here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    pub state: String,
    /// Of the round that was answered so.
    #[serde(default = "first")]
    pub round: u32,
    /// How many rounds there are in the end; no more than `round` where nothing is said.
    #[serde(default)]
    pub rounds: Option<u32>,
    /// Of this round: `{"status", "failure"}` each.
    #[serde(default)]
    pub attempts: Option<Vec<Value>>,
    #[serde(default)]
    pub reason: Option<String>,
    /// Until the next attempt, without jitter: `10s`, `2m`.
    #[serde(default)]
    pub wait: Option<String>,
    /// What is kept of the round's answers.
    #[serde(default)]
    pub answer: Option<Value>,
}

fn first() -> u32 {
    1
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runner {
    /// The use cases on the local store, in one process, with a clock of their own.
    Core,
    /// The binary.
    Local,
    Aws,
}

/// All cases of the folder, in the order of the files' names.
///
/// # Panics
/// A file cannot be read as what it should be: with its name, line and column.
pub fn load(folder: &Path) -> Vec<Case> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    files
        .retain(|file| file.extension().is_some_and(|ending| ending == "json") && !file.ends_with(super::staged::HUBS));
    files.sort();
    let mut cases: Vec<Case> = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let read: File = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for case in read.cases {
            assert!(!cases.iter().any(|known| known.name == case.name), "{}: twice {:?}", file.display(), case.name);
            for (what, said) in
                case.earlier.iter().chain([&case.answer]).chain(&case.afterwards).map(|said| (&case.name, said))
            {
                assert!(
                    said.status.is_some() != said.failure.is_some(),
                    "{}: {what}: a status or a failure",
                    file.display()
                );
                assert!(said.body.is_none() || said.text.is_none(), "{}: {what}: a body or a text", file.display());
            }
            cases.push(case);
        }
    }
    assert!(!cases.is_empty(), "{}: no cases", folder.display());
    cases
}
