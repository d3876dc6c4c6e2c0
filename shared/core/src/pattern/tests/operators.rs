//! `tests/operators.json`: each operator against each kind of value, as the contract and EventBridge have it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::every;
use crate::pattern::{Combine, Filter, Matcher, Operator, compile};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    operator: String,
    #[serde(default, deserialize_with = "some")]
    value: Option<Value>,
    path: String,
    #[serde(default, deserialize_with = "some")]
    field: Option<Value>,
    #[serde(default)]
    absent: bool,
    expected: Option<bool>,
    /// A part of the fault.
    refused: Option<String>,
}

/// `null` is a value.
fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[test]
fn table() {
    let rows: Vec<Row> = serde_json::from_str(include_str!("../../../../../tests/operators.json")).unwrap();
    let mut wrong = Vec::new();
    for row in &rows {
        let filter = Filter { path: row.path.clone(), operator: operator(&row.operator), value: row.value.clone() };
        let compiled = compile(&every(), &[filter], Combine::All);
        let fine = match (&compiled, &row.refused) {
            (Err(faults), Some(part)) => faults.len() == 1 && faults[0].message.contains(part),
            (Ok(pattern), None) => {
                assert_eq!(row.absent, row.field.is_none(), "{row:?}");
                let event = event(&row.path, row.field.as_ref());
                let matched = Matcher::new([(0, pattern)]).matches(&event) == [0];
                Some(matched) == row.expected
            }
            _ => false,
        };
        if !fine {
            wrong.push(format!("{row:?}: {compiled:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows.len() > 500);
}

fn event(path: &str, field: Option<&Value>) -> Value {
    let mut event = json!({"source": "crossdock.shop", "detail-type": "order:new", "detail": {"keys": {}, "hops": 0}});
    if let Some(field) = field {
        let at = path.split('.').fold(&mut event["detail"], |at, name| &mut at[name]);
        *at = field.clone();
    }
    event
}

fn operator(name: &str) -> Operator {
    match name {
        "is" => Operator::Is,
        "in" => Operator::In,
        "is_not" => Operator::IsNot,
        "not_in" => Operator::NotIn,
        "gt" => Operator::Gt,
        "gte" => Operator::Gte,
        "lt" => Operator::Lt,
        "lte" => Operator::Lte,
        "between" => Operator::Between,
        "begins" => Operator::Begins,
        "ends" => Operator::Ends,
        "contains" => Operator::Contains,
        "like" => Operator::Like,
        "present" => Operator::Present,
        "empty" => Operator::Empty,
        "same_as" => Operator::SameAs,
        other => panic!("{other}"),
    }
}
