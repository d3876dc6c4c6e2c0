//! The bodies of the three formats, and answers, against `docs/schemas`: the schemas' own examples, the golden files, and
//! what a hub really sends. The validator is check-jsonschema (PyPI).

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Scenery, at, tool};
use crate::support::binary::{repository, repository_file};

const FORMATS: [&str; 3] = ["crossdock", "wombat", "cloudevents"];

struct Validator {
    program: PathBuf,
    folder: TempDir,
}

impl Validator {
    fn find() -> Option<Self> {
        Some(Self { program: tool("venv/bin/check-jsonschema")?, folder: TempDir::new().unwrap() })
    }

    fn run(&self, schema: &str, files: &[PathBuf]) -> Output {
        let schema = repository().join("docs/schemas").join(format!("{schema}.schema.json"));
        Command::new(&self.program)
            .args(["--output-format", "json", "--schemafile"])
            .arg(schema)
            .args(files)
            .output()
            .unwrap()
    }

    fn written(&self, name: &str, body: &[u8]) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.json"));
        std::fs::write(&path, body).unwrap();
        path
    }

    fn accepts(&self, schema: &str, files: &[PathBuf]) {
        let output = self.run(schema, files);
        assert!(output.status.success(), "{schema}: {}", String::from_utf8_lossy(&output.stdout));
    }

    /// Every one of them.
    fn refuses(&self, schema: &str, bodies: &[(String, Value)]) {
        let written = |(number, (_, body)): (usize, &(String, Value))| {
            self.written(&format!("bad-{number}"), body.to_string().as_bytes())
        };
        let files: Vec<PathBuf> = bodies.iter().enumerate().map(written).collect();
        let output = self.run(schema, &files);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let errors = said["errors"].as_array().unwrap();
        let refused: BTreeSet<&str> = errors.iter().filter_map(|error| error["filename"].as_str()).collect();
        for (file, (what, _)) in files.iter().zip(bodies) {
            assert!(refused.contains(file.to_str().unwrap()), "{schema} takes {what}: {said}");
        }
    }
}

fn schema(name: &str) -> Value {
    serde_json::from_str(&repository_file(&format!("docs/schemas/{name}.schema.json"))).unwrap()
}

fn golden(format: &str) -> Value {
    serde_json::from_str(&repository_file(&format!("tests/golden/delivery/{format}.json"))).unwrap()
}

#[test]
fn examples_satisfy_their_schemas() {
    let Some(validator) = Validator::find() else { return };
    for name in FORMATS.iter().chain(&["answer"]) {
        let examples = schema(name)["examples"].as_array().unwrap().clone();
        let mut files: Vec<PathBuf> = examples
            .iter()
            .enumerate()
            .map(|(number, example)| validator.written(&format!("{name}-{number}"), example.to_string().as_bytes()))
            .collect();
        assert!(!files.is_empty(), "{name}");
        if *name != "answer" {
            files.push(repository().join(format!("tests/golden/delivery/{name}.json")));
        }
        validator.accepts(name, &files);
    }
    let all: Vec<PathBuf> = FORMATS.iter().chain(&["answer"]).map(|name| in_docs(name)).collect();
    let output = Command::new(&validator.program).arg("--check-metaschema").args(all).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn in_docs(name: &str) -> PathBuf {
    Path::new(repository()).join(format!("docs/schemas/{name}.schema.json"))
}

/// What a body shows is described: a new member without a word in the schema is seen here.
#[test]
fn every_member_is_described() {
    for format in FORMATS {
        let schema = schema(format);
        let known: BTreeSet<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let body = golden(format);
        let found: BTreeSet<&String> = body.as_object().unwrap().keys().collect();
        let unknown: Vec<_> = found.difference(&known).filter(|name| format != "wombat" || **name != "order").collect();
        assert!(unknown.is_empty(), "{format}: {unknown:?}");
        assert_eq!(schema["examples"][0], body, "{format}: the first example is the golden file");
    }
}

#[test]
fn what_is_no_delivery_is_refused() {
    let Some(validator) = Validator::find() else { return };
    let odd = [
        ("crossdock", "/message", json!("order")),
        ("crossdock", "/parameters", json!({"account": "4711"})),
        ("crossdock", "/object/id", json!(7)),
        ("crossdock", "/payload/order", json!({"number": "R1"})),
        ("wombat", "/parameters", json!([])),
        ("cloudevents", "/specversion", json!("0.3")),
        ("cloudevents", "/data/message_id", json!("7")),
        ("cloudevents", "/traceparent", json!("00-0-0-0")),
    ];
    for format in FORMATS {
        let required = schema(format)["required"].as_array().unwrap().clone();
        let without = required.iter().filter_map(Value::as_str).map(|name| {
            let mut body = golden(format);
            body.as_object_mut().unwrap().remove(name);
            (format!("a body without {name}"), body)
        });
        let with = odd.iter().filter(|(of, ..)| *of == format).map(|(_, path, bad)| {
            let mut body = golden(format);
            *body.pointer_mut(path).unwrap() = bad.clone();
            (format!("{bad} at {path}"), body)
        });
        validator.refuses(format, &without.chain(with).collect::<Vec<_>>());
    }
    let answers = [
        json!([]),
        json!({"messages": [{"payload": {}}]}),
        json!({"parameters": "token"}),
        json!({"notifications": [{"level": "fatal", "subject": "x"}]}),
        json!({"summary": 7}),
    ];
    validator.refuses("answer", &answers.map(|bad| (bad.to_string(), bad)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hub_sends_satisfies_the_schemas() {
    let Some(validator) = Validator::find() else { return };
    let secret = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3IQ==";
    let scenery = Scenery::start([secret, secret]).await;
    let order = scenery.push_order("R1").await;
    let changed = scenery
        .push(&json!({"orders": [{"number": "R1", "created_at": "2999-01-01T00:00:00Z", "total": 1, "note": null}]}))
        .await;
    let word = scenery.push(&json!({"message": "word:said", "payload": {"word": {"text": "東京"}}})).await;
    let list = scenery.push(&json!({"message": "word:said", "payload": {"words": [1, 2]}})).await;
    for format in FORMATS {
        let files: Vec<PathBuf> = [&order, &changed, &word, &list]
            .iter()
            .enumerate()
            .map(|(number, requests)| validator.written(&format!("{format}-{number}"), &at(requests, format).body))
            .collect();
        validator.accepts(format, &files);
        let content_type = at(&order, format).header("content-type");
        let expected = if format == "cloudevents" { "application/cloudevents+json" } else { "application/json" };
        assert_eq!(content_type, Some(expected));
        for header in
            ["webhook-id", "webhook-timestamp", "webhook-signature", "traceparent", "user-agent", "x-hub-store"]
        {
            assert!(at(&order, format).header(header).is_some(), "{format} without {header}");
        }
        let text = String::from_utf8(at(&order, format).body.clone()).unwrap();
        assert!(text.contains("199.9900") && text.contains("0.190"), "digits are lost: {text}");
    }
    let (event, request) = (at(&order, "cloudevents").json(), at(&order, "cloudevents"));
    assert_eq!(event["id"].as_str(), request.header("webhook-id"));
    assert_eq!(event["traceparent"].as_str(), request.header("traceparent"));
    assert_eq!(event["source"], "/signed/shop");
    let wombat = at(&word, "wombat").json();
    assert_eq!(
        (&wombat["word"], &wombat["parameters"]["rate"].to_string()),
        (&json!({"text": "東京"}), &"0.190".to_owned())
    );
    scenery.hub.stop().await;
}
