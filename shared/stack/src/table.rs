//! The one table that the hub's state lives in, and its one index: described here for the template, which makes it, and
//! for tests, which make it on an emulated AWS. What stands in it is the store's business (`docs/adr/0018-table.md`).

use serde_json::{Value, json};

/// Partition key, a string.
pub const PK: &str = "pk";
/// Sort key, a string.
pub const SK: &str = "sk";
/// When an item may be forgotten: seconds since 1970. Items without it stay.
pub const TTL: &str = "ttl";
/// The index (a name has at least three characters). Only items that have its keys are in it, with nothing but their keys: what is read through it is read again
/// from the table, and writing to the rest of an item costs the index nothing.
pub const INDEX: &str = "lookup";
/// The index's partition key, a string.
pub const BY: &str = "by";
/// The index's sort key, a string.
pub const BY_SK: &str = "by_sk";

/// What CloudFormation's `AWS::DynamoDB::Table` is told, but for the table's name and tags.
#[must_use]
pub fn properties() -> Value {
    let keys = |partition: &str, sort: &str| json!([{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]);
    let strings = [PK, SK, BY, BY_SK].map(|name| json!({"AttributeName": name, "AttributeType": "S"}));
    json!({
        "AttributeDefinitions": strings,
        "KeySchema": keys(PK, SK),
        "GlobalSecondaryIndexes": [
            {"IndexName": INDEX, "KeySchema": keys(BY, BY_SK), "Projection": {"ProjectionType": "KEYS_ONLY"}}
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": TTL, "Enabled": true},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// CloudFormation refuses a definition that no key uses, and a key that is not defined.
    #[test]
    fn exactly_the_keys_are_defined() {
        let properties = properties();
        let names = |list: &Value| -> BTreeSet<String> {
            let list = list.as_array().expect("a list");
            list.iter().map(|entry| entry["AttributeName"].as_str().expect("a name").to_owned()).collect()
        };
        let mut used = names(&properties["KeySchema"]);
        used.extend(names(&properties["GlobalSecondaryIndexes"][0]["KeySchema"]));
        assert_eq!(names(&properties["AttributeDefinitions"]), used);
        assert!(!used.contains(TTL));
    }
}
