//! EventBridge: events put on a bus as the hub puts them there.

use serde_json::{Value, json};

use super::Cloud;

impl Cloud {
    /// Types and details.
    pub(crate) async fn put_events(&self, bus: &str, events: &[(&str, Value)]) {
        let entry = |(kind, detail): &(&str, Value)| json!({"EventBusName": bus, "Source": "crossdock.test", "DetailType": kind, "Detail": detail.to_string()});
        let entries: Vec<Value> = events.iter().map(entry).collect();
        let answer = self.json("events", "AWSEvents.PutEvents", &json!({"Entries": entries})).await;
        assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    }
}
