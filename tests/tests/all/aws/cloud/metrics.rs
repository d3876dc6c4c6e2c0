//! CloudWatch: what alarms say, and measurements that the emulator does not take by itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Cloud, REGION};

impl Cloud {
    async fn cloudwatch(&self, operation: &str, body: &Value) -> Value {
        self.json("monitoring", &format!("GraniteServiceVersion20100801.{operation}"), body).await
    }

    /// By name, as they are described.
    pub(crate) async fn alarms(&self) -> BTreeMap<String, Value> {
        let answer = self.cloudwatch("DescribeAlarms", &json!({"MaxRecords": 100})).await;
        let alarms = answer["MetricAlarms"].as_array().cloned().unwrap_or_default();
        alarms.into_iter().map(|alarm| (alarm["AlarmName"].as_str().unwrap().to_owned(), alarm)).collect()
    }

    pub(crate) async fn put_metric(&self, namespace: &str, metric: &str, dimensions: &Value, value: f64) {
        let datum = json!({"MetricName": metric, "Dimensions": dimensions, "Value": value});
        self.cloudwatch("PutMetricData", &json!({"Namespace": namespace, "MetricData": [datum]})).await;
    }

    /// Whatever its measurement says.
    pub(crate) async fn set_alarm(&self, name: &str) {
        let body = json!({"AlarmName": name, "StateValue": "ALARM", "StateReason": "a test"});
        self.cloudwatch("SetAlarmState", &body).await;
    }

    /// Makes a queue that gets what a topic is told.
    pub(crate) async fn listen_to(&self, topic: &str, queue: &str) {
        self.json("sqs", "AmazonSQS.CreateQueue", &json!({"QueueName": queue})).await;
        let arn = format!("arn:aws:sqs:{REGION}:{}:{queue}", self.account());
        let parameters =
            [("Action", "Subscribe"), ("TopicArn", topic), ("Protocol", "sqs"), ("Endpoint", arn.as_str())];
        let response = self.query("sns", &parameters).await;
        assert_eq!(response.status, 200, "{response:?}");
    }
}
