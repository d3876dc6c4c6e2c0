//! DynamoDB: everything a table holds, as plain JSON.

use serde_json::{Map, Value, json};

use super::Cloud;

impl Cloud {
    pub(crate) async fn items(&self, table: &str) -> Vec<Map<String, Value>> {
        let mut found = Vec::new();
        let mut start = Value::Null;
        loop {
            let mut body = json!({"TableName": table, "ConsistentRead": true});
            if !start.is_null() {
                body["ExclusiveStartKey"] = start;
            }
            let answer = self.json("dynamodb", "DynamoDB_20120810.Scan", &body).await;
            found.extend(answer["Items"].as_array().unwrap().iter().map(|item| fields(item)));
            start = answer["LastEvaluatedKey"].clone();
            if start.is_null() {
                return found;
            }
        }
    }
}

fn fields(typed: &Value) -> Map<String, Value> {
    typed.as_object().unwrap().iter().map(|(name, value)| (name.clone(), plain(value))).collect()
}

/// Of what DynamoDB writes as `{"S": "text"}`. Bytes stay in base64.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>
fn plain(typed: &Value) -> Value {
    let (kind, value) = typed.as_object().and_then(|typed| typed.iter().next()).unwrap();
    match kind.as_str() {
        "N" => serde_json::from_str(value.as_str().unwrap()).unwrap(),
        "NULL" => Value::Null,
        "L" => value.as_array().unwrap().iter().map(plain).collect(),
        "M" => Value::Object(fields(value)),
        _ => value.clone(),
    }
}
