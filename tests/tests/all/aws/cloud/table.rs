//! DynamoDB: everything that a table holds, item by item.

use std::io::Read;

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::read::ZlibDecoder;
use serde_json::{Map, Value, json};

use super::Cloud;

/// As DynamoDB writes it: `{"name": {"S": "text"}}`.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>
#[derive(Debug, Clone)]
pub(crate) struct Item(Value);

impl Item {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0[name]["S"].as_str()
    }

    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.0[name]["N"].as_str().map(|digits| digits.parse().unwrap())
    }

    /// Left out where it is false.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0[name]["BOOL"] == true
    }

    /// Of a text, or of bytes that one was deflated to.
    pub(crate) fn json(&self, name: &str) -> Value {
        let text = self.text(name).map(str::to_owned).or_else(|| {
            let deflated = BASE64_STANDARD.decode(self.0[name]["B"].as_str()?).unwrap();
            let mut text = String::new();
            ZlibDecoder::new(deflated.as_slice()).read_to_string(&mut text).unwrap();
            Some(text)
        });
        let text = text.unwrap_or_else(|| panic!("no {name} in {}", self.0));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}: {}", self.0))
    }
}

impl Cloud {
    /// Sets texts of an item.
    pub(crate) async fn set_texts(&self, table: &str, [pk, sk]: [&str; 2], texts: &[(&str, String)]) {
        let sets: Vec<String> = (0..texts.len()).map(|place| format!("#{place} = :{place}")).collect();
        let place = |mark: char, place: usize| format!("{mark}{place}");
        let names: Map<String, Value> =
            texts.iter().enumerate().map(|(at, (name, _))| (place('#', at), json!(name))).collect();
        let values: Map<String, Value> =
            texts.iter().enumerate().map(|(at, (_, text))| (place(':', at), json!({"S": text}))).collect();
        let body = json!({
            "TableName": table, "Key": {"pk": {"S": pk}, "sk": {"S": sk}},
            "UpdateExpression": format!("SET {}", sets.join(", ")),
            "ExpressionAttributeNames": names, "ExpressionAttributeValues": values,
        });
        self.json("dynamodb", "DynamoDB_20120810.UpdateItem", &body).await;
    }

    pub(crate) async fn delete_item(&self, table: &str, [pk, sk]: [&str; 2]) {
        let body = json!({"TableName": table, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}});
        self.json("dynamodb", "DynamoDB_20120810.DeleteItem", &body).await;
    }

    pub(crate) async fn items(&self, table: &str) -> Vec<Item> {
        let mut found = Vec::new();
        let mut start = Value::Null;
        loop {
            let mut body = json!({"TableName": table, "ConsistentRead": true});
            if !start.is_null() {
                body["ExclusiveStartKey"] = start;
            }
            let mut answer = self.json("dynamodb", "DynamoDB_20120810.Scan", &body).await;
            found.extend(answer["Items"].as_array_mut().unwrap().drain(..).map(Item));
            start = answer["LastEvaluatedKey"].take();
            if start.is_null() {
                return found;
            }
        }
    }
}
