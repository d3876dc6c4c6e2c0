//! CloudWatch Logs: what functions have written, line by line.

use serde_json::{Value, json};

use super::Cloud;

impl Cloud {
    /// Of all log streams of a group, in the order of their times.
    pub(crate) async fn log(&self, group: &str) -> Vec<String> {
        // The most that one answer holds. The emulator gives no token for the rest: that begins with the last millisecond.
        const PAGE: usize = 10_000;
        let (mut found, mut from) = (Vec::new(), 0);
        loop {
            let body = json!({"logGroupName": group, "limit": PAGE, "startTime": from});
            let mut answer = self.json("logs", "Logs_20140328.FilterLogEvents", &body).await;
            let events = answer["events"].as_array_mut().map(std::mem::take).unwrap_or_default();
            let at = |event: &Value| event["timestamp"].as_u64().unwrap();
            let last = (events.len() == PAGE).then(|| at(&events[PAGE - 1]));
            let whole = events.iter().filter(|event| last.is_none_or(|last| at(event) < last));
            found.extend(whole.map(|event| event["message"].as_str().unwrap().to_owned()));
            match last {
                Some(last) => from = last,
                None => return found,
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
