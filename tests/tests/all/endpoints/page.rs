//! docs/endpoints.md: its programs are the files beside it, its request is what a hub sends.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::bench;
use crate::support::{Reply, Server, binary::repository_file};

const PROGRAMS: [(&str, &str); 6] = [
    ("js", "reserve.mjs"),
    ("python", "reserve.py"),
    ("ruby", "reserve.rb"),
    ("php", "reserve.php"),
    ("rust", "reserve.rs"),
    ("python", "poll.py"),
];

pub(super) struct Page(String);

impl Page {
    pub(super) fn read() -> Self {
        Self(repository_file("docs/endpoints.md"))
    }

    /// The blocks of a language, as they stand.
    fn blocks(&self, language: &str) -> Vec<&str> {
        let fence = format!("```{language}\n");
        self.0.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
    }

    /// The one request: its head, and its body.
    fn exchange(&self) -> (&str, &str) {
        let [block] = self.blocks("http")[..] else { panic!("docs/endpoints.md shows one request") };
        block.split_once("\n\n").unwrap()
    }

    pub(super) fn request(&self) -> Value {
        let (_, body) = self.exchange();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("the body in docs/endpoints.md: {error}"))
    }

    /// What the programs answer to it.
    pub(super) fn answer(&self) -> Value {
        let first = self.blocks("json").into_iter().next().unwrap_or_default();
        serde_json::from_str(first).unwrap_or_else(|error| panic!("the answer in docs/endpoints.md: {error}"))
    }
}

#[test]
fn the_page_shows_the_programs_as_they_are() {
    let page = Page::read();
    for (language, file) in PROGRAMS {
        let path = format!("docs/endpoints/{file}");
        let program = repository_file(&path);
        assert!(page.blocks(language).contains(&program.as_str()), "docs/endpoints.md and {path} differ");
    }
    let languages: BTreeSet<&str> = PROGRAMS.iter().map(|(language, _)| *language).collect();
    let shown: usize = languages.iter().map(|language| page.blocks(language).len()).sum();
    assert_eq!(shown, PROGRAMS.len(), "docs/endpoints.md shows a program that is no file");
}

/// With the names, the types and the headers that the hub sends; what is in them is another order's.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_a_request_as_the_hub_sends_it() {
    let shop = Server::start(|_| Reply::json(200, &json!([{"number": "R1", "lines": [{"sku": "MUG"}]}]))).await;
    let stock = Server::start(|request| Reply::json(200, &json!({"message_id": request.json()["message_id"]}))).await;
    let warehouse = Server::start(|_| Reply::status(200)).await;
    let bench = bench(&shop, stock.url(), &warehouse);
    let hub = bench.start().await;
    let sent = stock.until("a message", |seen| seen.first().cloned()).await;
    hub.stop().await;

    let page = Page::read();
    let (head, _) = page.exchange();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST /reserve HTTP/1.1"));
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let found = sent.header(name).unwrap_or_else(|| panic!("the hub sends no {name}"));
        assert_eq!(found.len(), value.len(), "{name}: the hub sends {found}");
    }
    let mut shown = page.request();
    // It is the first message of an endpoint that has written nothing back.
    let parameters = shown["parameters"].as_array_mut().unwrap();
    parameters.retain(|one| one["name"] != "reserved");
    assert_eq!(outline(&shown), outline(&sent.json()));
}

/// Every path in a document, and of which kind what stands there is.
fn outline(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(value, "", &mut found);
    found
}

fn collect(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(items) => {
            items.iter().for_each(|item| collect(item, &format!("{path}[]"), found));
            "list"
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| collect(value, &format!("{path}.{name}"), found));
            "mapping"
        }
    };
    found.insert(format!("{path}: {kind}"));
}
