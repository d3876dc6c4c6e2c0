//! SQS: how much is in a queue, and what.

use serde_json::{Value, json};

use super::Cloud;

/// Approximate on AWS, exact here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Depth {
    pub(crate) visible: u64,
    pub(crate) in_flight: u64,
    pub(crate) delayed: u64,
}

impl Depth {
    pub(crate) fn total(self) -> u64 {
        self.visible + self.in_flight + self.delayed
    }
}

impl Cloud {
    async fn sqs(&self, operation: &str, body: &Value) -> Value {
        self.json("sqs", &format!("AmazonSQS.{operation}"), body).await
    }

    pub(crate) async fn queues(&self) -> Vec<String> {
        let answer = self.sqs("ListQueues", &json!({"MaxResults": 1000})).await;
        let urls = answer["QueueUrls"].as_array().cloned().unwrap_or_default();
        urls.iter().map(|url| url.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    }

    pub(crate) async fn queue_url(&self, queue: &str) -> String {
        let answer = self.sqs("GetQueueUrl", &json!({"QueueName": queue})).await;
        answer["QueueUrl"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn depth(&self, queue: &str) -> Depth {
        let url = self.queue_url(queue).await;
        let answer = self.sqs("GetQueueAttributes", &json!({"QueueUrl": url, "AttributeNames": ["All"]})).await;
        let count = |name: &str| answer["Attributes"][name].as_str().unwrap_or("0").parse().unwrap();
        Depth {
            visible: count("ApproximateNumberOfMessages"),
            in_flight: count("ApproximateNumberOfMessagesNotVisible"),
            delayed: count("ApproximateNumberOfMessagesDelayed"),
        }
    }

    /// How long what was received is hidden from others, in seconds.
    pub(crate) async fn set_visibility(&self, queue: &str, seconds: u32) {
        let url = self.queue_url(queue).await;
        let attributes = json!({"VisibilityTimeout": seconds.to_string()});
        self.sqs("SetQueueAttributes", &json!({"QueueUrl": url, "Attributes": attributes})).await;
    }

    pub(crate) async fn purge(&self, queue: &str) {
        let url = self.queue_url(queue).await;
        self.sqs("PurgeQueue", &json!({"QueueUrl": url})).await;
    }

    /// Without any wrapping: for what only somebody with rights to the queue can put there.
    pub(crate) async fn send(&self, queue: &str, body: &str) {
        let url = self.queue_url(queue).await;
        self.sqs("SendMessage", &json!({"QueueUrl": url, "MessageBody": body})).await;
    }

    /// What is visible in a queue that no function reads, each message with its attributes. It stays there.
    pub(crate) async fn peek(&self, queue: &str) -> Vec<Value> {
        let url = self.queue_url(queue).await;
        let mut found: Vec<Value> = Vec::new();
        loop {
            let body = json!({
                "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 600, "WaitTimeSeconds": 0,
                "MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"],
            });
            let answer = self.sqs("ReceiveMessage", &body).await;
            let some = answer["Messages"].as_array().cloned().unwrap_or_default();
            if some.is_empty() {
                break;
            }
            found.extend(some);
        }
        for message in &found {
            let body = json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0});
            self.sqs("ChangeMessageVisibility", &body).await;
        }
        found
    }
}
