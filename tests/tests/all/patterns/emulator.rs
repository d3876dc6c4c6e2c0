//! EventBridge as the emulated AWS of all tests has it: it answers `TestEventPattern`.

use std::sync::Arc;

use crossdock_testkit::emulator::Account;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::client::call;

/// Requests under way at once.
const AT_ONCE: usize = 8;

pub(super) struct Emulator {
    url: String,
}

impl Emulator {
    pub(super) fn start() -> Self {
        Self { url: Account::new().url }
    }

    /// Whether each pattern matches its event, in order.
    pub(super) async fn matches(&self, pairs: impl IntoIterator<Item = (String, Value)>) -> Vec<bool> {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let mut answers = vec![false; pairs.len()];
        let pairs = Arc::new(pairs);
        let mut asking = JoinSet::new();
        for first in 0..AT_ONCE {
            let (url, pairs) = (self.url.clone(), pairs.clone());
            asking.spawn(async move {
                let mut answers = Vec::new();
                for (place, (pattern, event)) in pairs.iter().enumerate().skip(first).step_by(AT_ONCE) {
                    answers.push((place, test_event_pattern(&url, pattern, event).await));
                }
                answers
            });
        }
        while let Some(some) = asking.join_next().await {
            for (place, answer) in some.unwrap() {
                answers[place] = answer;
            }
        }
        answers
    }
}

/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html>
async fn test_event_pattern(url: &str, pattern: &str, event: &Value) -> bool {
    let body = json!({"EventPattern": pattern, "Event": event.to_string()});
    let request = call("POST", url)
        .header("x-amz-target", "AWSEvents.TestEventPattern")
        .header("content-type", "application/x-amz-json-1.1")
        .body(body.to_string());
    let response = request.send().await;
    match response.json()["Result"].as_bool() {
        Some(result) if response.status == 200 => result,
        _ => panic!("{pattern}: {response:?}"),
    }
}
