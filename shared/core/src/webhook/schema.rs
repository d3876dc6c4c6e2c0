//! The JSON Schema that a webhook's events are held against.
//!
//! It is whole by itself: what it refers to is in it, and nothing is ever fetched. A schema without `$schema` is of draft
//! 2020-12. Patterns are matched in linear time, whatever they are.

use std::{
    error::Error,
    fmt,
    sync::{Arc, OnceLock},
};

use boon::{
    CompileError, Compiler, Draft, ErrorKind, OutputError, OutputUnit, SchemaIndex, Schemas, UrlLoader, ValidationError,
};
use serde_json::Value;

/// Where the schema would be if it were anywhere.
const PLACE: &str = "schema:///webhook";
/// Faults that are told of one event.
const MOST_TOLD: usize = 3;

#[derive(Clone)]
pub struct Schema {
    written: Value,
    /// Compiled when the first event is held against it: most who read a hub never take an event in.
    compiled: Arc<OnceLock<Result<Compiled, String>>>,
}

struct Compiled {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    pub fn new(written: Value) -> Self {
        Self { written, compiled: Arc::default() }
    }

    /// Why this is no schema, if it is none.
    pub fn fault(&self) -> Option<&str> {
        self.compiled().as_ref().err().map(String::as_str)
    }

    /// # Errors
    /// Where the event differs from the schema, and by which keyword; a few of many.
    pub fn check(&self, event: &Value) -> Result<(), String> {
        let Compiled { schemas, index } = self.compiled().as_ref().map_err(Clone::clone)?;
        let Err(error) = schemas.validate(event, *index) else { return Ok(()) };
        Err(format!("not as the webhook's schema says: {}", told(&error)))
    }

    fn compiled(&self) -> &Result<Compiled, String> {
        self.compiled.get_or_init(|| {
            compile(&self.written).map_err(|error| match *error {
                CompileError::ValidationError { src, .. } => told(&src),
                error => format!("{error:#}").replace(PLACE, ""),
            })
        })
    }
}

fn compile(written: &Value) -> Result<Compiled, Box<CompileError>> {
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    compiler.use_loader(Box::new(Nowhere));
    compiler.add_resource(PLACE, written.clone())?;
    let mut schemas = Schemas::new();
    let index = compiler.compile(PLACE, &mut schemas)?;
    Ok(Compiled { schemas, index })
}

struct Nowhere;

impl UrlLoader for Nowhere {
    fn load(&self, _: &str) -> Result<Value, Box<dyn Error>> {
        Err("a webhook's schema may refer to its own parts only".into())
    }
}

fn told(error: &ValidationError<'_, '_>) -> String {
    let mut faults = Vec::new();
    collect(&error.detailed_output(), &mut faults);
    faults.dedup();
    let more = faults.len().saturating_sub(MOST_TOLD);
    faults.truncate(MOST_TOLD);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", faults.join("; "))
}

/// The innermost faults: `/total: type: want number, but got string`.
fn collect(unit: &OutputUnit<'_, '_, '_>, faults: &mut Vec<String>) {
    match &unit.error {
        OutputError::Branch(units) => units.iter().for_each(|unit| collect(unit, faults)),
        OutputError::Leaf(error) => {
            let keyword = error.keyword_path().map(|path| format!("{}: ", path.keyword)).unwrap_or_default();
            let place = unit.instance_location.to_string();
            let place = if place.is_empty() { "/".to_owned() } else { place };
            faults.push(format!("{place}: {keyword}{}", without_value(error)));
        }
    }
}

/// What is told goes into logs too, and what an event says does not.
fn without_value(error: &ErrorKind<'_, '_>) -> String {
    match error {
        ErrorKind::Pattern { want, .. } => format!("does not match pattern '{want}'"),
        ErrorKind::Format { want, .. } => format!("is not valid {want}"),
        ErrorKind::ContentEncoding { want, .. } => format!("value is not '{want}' encoded"),
        ErrorKind::ContentMediaType { want, .. } => format!("value is not of mediatype '{want}'"),
        ErrorKind::Minimum { want, .. } => format!("must be >={want}"),
        ErrorKind::Maximum { want, .. } => format!("must be <={want}"),
        ErrorKind::ExclusiveMinimum { want, .. } => format!("must be > {want}"),
        ErrorKind::ExclusiveMaximum { want, .. } => format!("must be < {want}"),
        ErrorKind::MultipleOf { want, .. } => format!("is not multipleOf {want}"),
        other => other.to_string(),
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.written, f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: Value, event: &Value, expected: Result<(), &str>) {
        let found = Schema::new(schema).check(event);
        assert_eq!(found, expected.map_err(|fault| format!("not as the webhook's schema says: {fault}")));
    }

    #[test]
    fn what_differs_is_named_by_path_and_keyword() {
        let order = json!({
            "type": "object", "required": ["id", "lines"],
            "properties": {
                "id": {"type": ["integer", "string"]}, "total": {"type": "number", "minimum": 0},
                "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
            },
            "$defs": {"line": {"type": "object", "required": ["sku"], "properties": {"sku": {"pattern": "^[A-Z]+$"}}}},
        });
        check(order.clone(), &json!({"id": 1, "lines": [{"sku": "A"}]}), Ok(()));
        check(order.clone(), &json!([]), Err("/: type: want object, but got array"));
        check(order.clone(), &json!({"id": 1}), Err("/: required: missing properties 'lines'"));
        check(
            order.clone(),
            &json!({"id": 1, "lines": [{"sku": "A"}, {"sku": "a"}, {}], "total": "1"}),
            Err("/lines/1/sku: pattern: does not match pattern '^[A-Z]+$'; \
                 /lines/2: required: missing properties 'sku'; /total: type: want number, but got string"),
        );
        check(
            json!({"items": {"type": "string"}}),
            &json!([1, 2, 3, 4, 5]),
            Err("/0: type: want string, but got number; /1: type: want string, but got number; \
                 /2: type: want string, but got number; and 2 more"),
        );
    }

    #[test]
    fn what_an_event_says_is_not_repeated() {
        for (schema, event) in [
            (json!({"pattern": "^[A-Z]+$"}), json!("hidden 73")),
            (json!({"maxLength": 1}), json!("hidden 73")),
            (json!({"enum": ["a"]}), json!("hidden 73")),
            (json!({"const": "a"}), json!("hidden 73")),
            (json!({"type": "number"}), json!("hidden 73")),
            (json!({"minimum": 100}), json!(73)),
            (json!({"exclusiveMinimum": 100}), json!(73)),
            (json!({"maximum": 1}), json!(73)),
            (json!({"exclusiveMaximum": 1}), json!(73)),
            (json!({"multipleOf": 2}), json!(73)),
            (json!({"$schema": "http://json-schema.org/draft-07/schema#", "format": "email"}), json!("hidden 73")),
        ] {
            let told = Schema::new(schema.clone()).check(&event).expect_err("it does not fit");
            assert!(!told.contains("hidden") && !told.contains("73"), "{schema}: {told}");
        }
    }

    #[test]
    fn what_is_no_schema_says_so() {
        for (schema, expected) in [
            (json!({"type": "strin"}), "/type"),
            (json!({"properties": []}), "/properties"),
            (json!({"pattern": "("}), "pattern"),
            (json!({"$ref": "#/$defs/none"}), "/$defs/none"),
            (json!({"$ref": "https://json-schema.example/other.json"}), "own parts only"),
            (json!({"$ref": "file:///etc/passwd"}), "own parts only"),
            (json!({"$schema": "https://json-schema.example/mine"}), "own parts only"),
            (json!(7), "want boolean or object"),
        ] {
            let found = Schema::new(schema.clone());
            let fault = found.fault().unwrap_or_else(|| panic!("{schema} is a schema"));
            assert!(fault.contains(expected), "{schema}: {fault}");
        }
        assert_eq!(Schema::new(json!({"$schema": "http://json-schema.org/draft-07/schema#"})).fault(), None);
    }
}
