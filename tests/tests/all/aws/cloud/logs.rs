//! CloudWatch Logs: what functions have written, line by line.

use serde_json::{Value, json};

use super::Cloud;

impl Cloud {
    /// Of all log streams of a group, in the order of their times.
    pub(crate) async fn log(&self, group: &str) -> Vec<String> {
        let (mut found, mut token) = (Vec::new(), Value::Null);
        loop {
            let mut body = json!({"logGroupName": group, "limit": 10_000});
            if !token.is_null() {
                body["nextToken"] = token;
            }
            let answer = self.json("logs", "Logs_20140328.FilterLogEvents", &body).await;
            let events = answer["events"].as_array().cloned().unwrap_or_default();
            found.extend(events.iter().map(|event| event["message"].as_str().unwrap().to_owned()));
            token = answer["nextToken"].clone();
            if token.is_null() {
                return found;
            }
        }
    }

    /// The function's own lines, which are JSON, without those that Lambda writes around them.
    pub(crate) async fn lines(&self, function: &str) -> Vec<Value> {
        const OF_LAMBDA: [&str; 4] = ["START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START"];
        let lines = self.log(&format!("/aws/lambda/{function}")).await;
        let own = lines.iter().filter(|line| !OF_LAMBDA.iter().any(|start| line.starts_with(start)));
        own.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{function}: {error}: {line}")))
            .collect()
    }
}
