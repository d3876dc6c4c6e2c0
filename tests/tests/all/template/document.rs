//! A template as JSON: its YAML, with the short forms of functions (`!Ref`, `!GetAtt`) written out.
//!
//! What CloudFormation does not read is refused here too: aliases, and words that YAML 1.1 takes for true or false and
//! YAML 1.2 does not.

use std::fs;

use crossdock_core::hub::load_outline;
use crossdock_stack::render;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value, json};

use crate::support::binary::{repository, repository_file};

pub(crate) struct Template {
    /// From the root of the repository.
    pub(crate) path: String,
    value: Value,
}

pub(crate) struct Resource<'a> {
    /// Its file and logical id, for messages.
    pub(crate) place: String,
    pub(crate) id: &'a str,
    pub(crate) value: &'a Value,
}

impl Resource<'_> {
    pub(crate) fn property(&self, name: &str) -> &Value {
        &self.value["Properties"][name]
    }

    pub(crate) fn kind(&self) -> &str {
        self.value["Type"].as_str().unwrap()
    }
}

impl Template {
    /// What every hub has.
    pub(crate) fn main() -> Self {
        Self::read("template.yaml")
    }

    /// What is rendered of the hub file.
    pub(crate) fn rendered() -> Vec<Self> {
        let folder = repository().join("infra/generated");
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".yaml")).collect();
        names.sort();
        names.iter().map(|name| Self::read(&format!("infra/generated/{name}"))).collect()
    }

    /// Of the example whose webhooks come through a queue and a bus; the hub file's own may come over HTTP alone.
    pub(crate) fn incoming() -> Self {
        let file = "infra/examples/commercetools.yaml";
        let loaded = load_outline(file, &repository_file(file), &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
        let text = &render(&loaded.hub).files["incoming.yaml"];
        Self { path: format!("{file}: incoming.yaml"), value: parse(file, text) }
    }

    pub(crate) fn all() -> Vec<Self> {
        [Self::main(), Self::incoming()].into_iter().chain(Self::rendered()).collect()
    }

    fn read(path: &str) -> Self {
        Self { path: path.to_owned(), value: parse(path, &repository_file(path)) }
    }

    pub(crate) fn section(&self, name: &str) -> &Value {
        &self.value[name]
    }

    pub(crate) fn resources(&self) -> Vec<Resource<'_>> {
        let all = self.value["Resources"].as_object().unwrap_or_else(|| panic!("{}: no Resources", self.path));
        let named = |(id, value)| Resource { place: format!("{}: {id}", self.path), id, value };
        all.iter().map(|(id, value)| named((id.as_str(), value))).collect()
    }

    pub(crate) fn of_kind(&self, kind: &str) -> Vec<Resource<'_>> {
        self.resources().into_iter().filter(|resource| resource.kind() == kind).collect()
    }

    pub(crate) fn resource(&self, id: &str) -> Resource<'_> {
        let found = self.resources().into_iter().find(|resource| resource.id == id);
        found.unwrap_or_else(|| panic!("{} has no resource {id}", self.path))
    }

    /// The number that a value stands for: itself, or the default of the parameter that it refers to.
    pub(crate) fn number(&self, value: &Value) -> u64 {
        let value = match value["Ref"].as_str() {
            Some(parameter) => &self.value["Parameters"][parameter]["Default"],
            None => value,
        };
        value.as_u64().unwrap_or_else(|| panic!("{}: found {value}, expected a number", self.path))
    }
}

/// A collection that is not closed yet; of a mapping, keys and values in turn.
struct Open {
    tag: Option<String>,
    items: Vec<Value>,
}

fn parse(path: &str, text: &str) -> Value {
    let mut open: Vec<Open> = Vec::new();
    let mut document = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.unwrap_or_else(|error| panic!("{path}: {error}"));
        let at = format!("{path}:{}", span.start.line());
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, _, tag) => {
                function(suffix(tag.as_deref()).as_deref(), plain(&at, &text))
            }
            Event::Scalar(text, _, _, tag) => function(suffix(tag.as_deref()).as_deref(), json!(text)),
            Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => {
                open.push(Open { tag: suffix(tag.as_deref()), items: Vec::new() });
                continue;
            }
            Event::SequenceEnd => {
                let Open { tag, items } = open.pop().unwrap();
                function(tag.as_deref(), Value::Array(items))
            }
            Event::MappingEnd => {
                let Open { tag, items } = open.pop().unwrap();
                function(tag.as_deref(), mapping(&at, &items))
            }
            Event::Alias(_) => panic!("{at}: found an alias, which CloudFormation does not read"),
            _ => continue,
        };
        match open.last_mut() {
            Some(collection) => collection.items.push(value),
            None => document = Some(value),
        }
    }
    document.unwrap_or_else(|| panic!("{path} is empty"))
}

fn suffix(tag: Option<&Tag>) -> Option<String> {
    tag.map(|tag| tag.suffix.clone())
}

fn mapping(at: &str, items: &[Value]) -> Value {
    let mut map = Map::new();
    for pair in items.chunks(2) {
        let key = pair[0].as_str().unwrap_or_else(|| panic!("{at}: found the key {}, expected a text", pair[0]));
        assert!(map.insert(key.to_owned(), pair[1].clone()).is_none(), "{at}: the key {key} stands twice");
    }
    Value::Object(map)
}

fn plain(at: &str, text: &str) -> Value {
    const YAML_1_1: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    assert!(!YAML_1_1.contains(&text.to_lowercase().as_str()), "{at}: quote {text}: it may mean true or false");
    match text {
        "true" => json!(true),
        "false" => json!(false),
        "" | "~" | "null" => Value::Null,
        _ => text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number)),
    }
}

/// `!GetAtt A.B` is `{"Fn::GetAtt": ["A", "B"]}`.
fn function(tag: Option<&str>, value: Value) -> Value {
    match (tag, &value) {
        (None, _) => value,
        (Some(name @ ("Ref" | "Condition")), _) => json!({ name: value }),
        (Some("GetAtt"), Value::String(text)) => json!({ "Fn::GetAtt": text.split('.').collect::<Vec<_>>() }),
        (Some(name), _) => json!({ format!("Fn::{name}"): value }),
    }
}

#[test]
fn short_forms_are_written_out() {
    let check = |yaml: &str, expected: Value| assert_eq!(parse("test", yaml), expected, "{yaml}");
    check("A: !Ref B", json!({"A": {"Ref": "B"}}));
    check("A: !GetAtt B.Arn", json!({"A": {"Fn::GetAtt": ["B", "Arn"]}}));
    check("A: !If [C, !Sub '${D}', 5]", json!({"A": {"Fn::If": ["C", {"Fn::Sub": "${D}"}, 5]}}));
    check("A: {B: [true, '5', 2012-10-17]}", json!({"A": {"B": [true, "5", "2012-10-17"]}}));
    check("A: \"off\"", json!({"A": "off"}));
}

#[test]
#[should_panic(expected = "test:2: found an alias")]
fn an_alias_is_refused() {
    parse("test", "A: &a {B: 1}\nC: *a");
}

#[test]
#[should_panic(expected = "test:1: quote OFF")]
fn a_word_that_may_mean_false_is_refused() {
    parse("test", "Mode: OFF");
}
