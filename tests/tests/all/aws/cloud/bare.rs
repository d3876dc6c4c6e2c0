//! Single resources, for tests of one function without its stack.

use crossdock_stack::table;
use serde_json::{Value, json};

use super::Cloud;

impl Cloud {
    /// As the template would make it, as far as `CreateTable` takes the same.
    pub(crate) async fn make_table(&self, name: &str) {
        let mut table = table::properties();
        let properties = table.as_object_mut().unwrap();
        let ttl = properties.remove("TimeToLiveSpecification");
        properties.remove("PointInTimeRecoverySpecification");
        properties.insert("TableName".to_owned(), name.into());
        self.json("dynamodb", "DynamoDB_20120810.CreateTable", &table).await;
        let ttl: Value = json!({"TableName": name, "TimeToLiveSpecification": ttl});
        self.json("dynamodb", "DynamoDB_20120810.UpdateTimeToLive", &ttl).await;
    }

    pub(crate) async fn make_bus(&self, name: &str) {
        self.json("events", "AWSEvents.CreateEventBus", &json!({ "Name": name })).await;
    }

    pub(crate) async fn make_queue(&self, name: &str) {
        self.json("sqs", "AmazonSQS.CreateQueue", &json!({ "QueueName": name })).await;
    }
}
