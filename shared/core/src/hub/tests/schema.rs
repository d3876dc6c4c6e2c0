//! The JSON Schema is what the types say, and says what the decoder does.

use std::fmt::Write;

use expect_test::expect_file;
use serde_json::Value;

use super::testdata;
use crate::hub::{expand::Variables, fault::Report, json_schema, parse::parse};

#[test]
fn the_committed_schema_is_fresh() {
    let text = serde_json::to_string_pretty(&json_schema()).unwrap();
    expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/hub.schema.json")].assert_eq(&format!("{text}\n"));
}

/// As an editor sees it: no variable expanded.
fn as_written(text: &str) -> Option<Value> {
    let mut report = Report::new("hub.yaml", text);
    let itself = |name: &str| Some(format!("${{{name}}}"));
    Some(parse(text, &Variables { lookup: &itself, stand_in: |_| None }, &mut report)?.to_json())
}

/// What an editor underlines first, if anything.
pub(super) fn as_an_editor_sees(text: &str) -> Option<String> {
    let schema = json_schema();
    first_fault(&schema, &schema, &as_written(text).unwrap(), "")
}

#[test]
fn good_files_satisfy_it() {
    for (path, text) in testdata("good") {
        assert_eq!(as_an_editor_sees(&text), None, "{}", path.display());
    }
}

/// What an editor underlines of the bad files: whatever is a matter of shape, and nothing that needs a second look at
/// the hub.
#[test]
fn bad_files_are_refused_by_it_where_shape_tells() {
    let schema = json_schema();
    let mut out = String::new();
    for (path, text) in testdata("bad") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let verdict = match as_written(&text) {
            None => "not YAML".to_owned(),
            Some(hub) => first_fault(&schema, &schema, &hub, "").unwrap_or_else(|| "fits".to_owned()),
        };
        writeln!(out, "{name}: {verdict}").unwrap();
    }
    expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/src/hub/testdata/schema.txt")].assert_eq(&out);
}

/// The part of JSON Schema that ours uses, formats aside; an unknown keyword fails the test.
fn first_fault(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let Value::Object(keywords) = schema else {
        return (*schema == Value::Bool(false)).then(|| format!("{at} is unknown"));
    };
    let fault = |schema: &Value, value: &Value, at: &str| first_fault(root, schema, value, at);
    let list = |value: &Value| value.as_array().unwrap().clone();
    for (keyword, rule) in keywords {
        let found = match keyword.as_str() {
            "$schema" | "title" | "description" | "definitions" | "format" | "then" | "else" => None,
            "if" => {
                let branch = if fault(rule, value, at).is_none() { "then" } else { "else" };
                keywords.get(branch).and_then(|part| fault(part, value, at))
            }
            "pattern" => {
                let pattern = regex_lite::Regex::new(rule.as_str().unwrap()).unwrap();
                let strange = value.as_str().is_some_and(|text| !pattern.is_match(text));
                strange.then(|| format!("{at} does not look like {rule}"))
            }
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                fault(root.pointer(pointer).unwrap(), value, at)
            }
            "allOf" => list(rule).iter().find_map(|part| fault(part, value, at)),
            "anyOf" => {
                let fits = list(rule).iter().any(|part| fault(part, value, at).is_none());
                (!fits).then(|| format!("{at} is none of its kinds"))
            }
            "oneOf" => {
                let fits = list(rule).iter().filter(|part| fault(part, value, at).is_none()).count();
                (fits != 1).then(|| format!("{at} is {fits} of its kinds"))
            }
            "type" => {
                let kinds = if rule.is_array() { list(rule) } else { vec![rule.clone()] };
                let fits = kinds.iter().any(|kind| is_a(kind.as_str().unwrap(), value));
                (!fits).then(|| format!("{at} is no {rule}"))
            }
            "const" => (value != rule).then(|| format!("{at} is not {rule}")),
            "enum" => (!list(rule).contains(value)).then(|| format!("{at} is not in {rule}")),
            "minimum" => {
                value.as_f64().filter(|number| *number < rule.as_f64().unwrap()).map(|_| format!("{at} is too small"))
            }
            "minItems" => {
                let few = value.as_array().is_some_and(|items| (items.len() as u64) < rule.as_u64().unwrap());
                few.then(|| format!("{at} has too few items"))
            }
            "minProperties" | "maxProperties" => value.as_object().and_then(|fields| {
                let (size, bound) = (fields.len() as u64, rule.as_u64().unwrap());
                let (wrong, few) =
                    if keyword == "minProperties" { (size < bound, "few") } else { (size > bound, "many") };
                wrong.then(|| format!("{at} has too {few} properties"))
            }),
            "required" => value.as_object().and_then(|fields| {
                let missing = list(rule).into_iter().find(|name| !fields.contains_key(name.as_str().unwrap()));
                missing.map(|name| format!("{at} lacks {}", name.as_str().unwrap()))
            }),
            "items" => value.as_array().and_then(|items| {
                items.iter().enumerate().find_map(|(index, item)| fault(rule, item, &format!("{at}/{index}")))
            }),
            "properties" => value.as_object().and_then(|fields| {
                rule.as_object()
                    .unwrap()
                    .iter()
                    .find_map(|(name, rule)| fault(rule, fields.get(name)?, &format!("{at}/{name}")))
            }),
            "additionalProperties" => value.as_object().and_then(|fields| {
                let known = keywords.get("properties").and_then(Value::as_object);
                let others = fields.iter().filter(|(name, _)| !known.is_some_and(|known| known.contains_key(*name)));
                others.into_iter().find_map(|(name, field)| fault(rule, field, &format!("{at}/{name}")))
            }),
            unknown => panic!("the schema uses {unknown}, which this test does not know"),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => panic!("unknown kind {kind}"),
    }
}
