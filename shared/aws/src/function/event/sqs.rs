//! A batch of an SQS queue, and which of it is to come back
//! (`lambda/latest/dg/with-sqs.html`, `lambda/latest/dg/services-sqs-errorhandling.html`).

use std::collections::BTreeMap;

use crossdock_core::{Timestamp, port::Received};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::function::Failure;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Never empty.
    pub id: String,
    /// `Err`: it could not be read as a record, and why.
    pub content: Result<Content, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The queue's ARN, and its name, which is the end of that.
    pub arn: String,
    pub queue: String,
    /// `AWSTraceHeader`, of X-Ray.
    pub trace: Option<String>,
    pub received: Received,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    receipt_handle: String,
    body: String,
    attributes: System,
    #[serde(default)]
    message_attributes: BTreeMap<String, Attribute>,
    #[serde(rename = "eventSourceARN")]
    arn: String,
}

/// What SQS knows of a message; numbers are text there.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct System {
    approximate_receive_count: String,
    /// Milliseconds since 1970.
    sent_timestamp: String,
    #[serde(default, rename = "AWSTraceHeader")]
    trace: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attribute {
    #[serde(default)]
    string_value: Option<String>,
}

/// The records of a batch, in order.
///
/// # Errors
/// This is no batch, or a record has no id: then none can be named that is to come back, and all of them must.
pub fn read(event: Value) -> Result<Vec<Record>, Failure> {
    let wrong = |found: &str| Failure::Event(format!("found {found}, expected an SQS event with \"Records\""));
    let Value::Object(mut event) = event else { return Err(wrong("no object")) };
    let Some(Value::Array(records)) = event.remove("Records") else { return Err(wrong("no list \"Records\"")) };
    records.into_iter().enumerate().map(|(place, record)| read_one(place, record)).collect()
}

fn read_one(place: usize, record: Value) -> Result<Record, Failure> {
    let id = record.get("messageId").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
    let id = id.ok_or_else(|| Failure::Event(format!("record {place}: found no \"messageId\"")))?;
    let content =
        serde_json::from_value(record).map_err(|error| super::wrong("an SQS record", &error)).and_then(content);
    Ok(Record { id, content })
}

fn content(shape: Shape) -> Result<Content, String> {
    let Shape { receipt_handle, body, attributes, message_attributes, arn } = shape;
    let queue =
        queue(&arn).ok_or_else(|| format!("eventSourceARN: found {arn:?}, expected that of a queue"))?.to_owned();
    let count = &attributes.approximate_receive_count;
    let receive_count =
        count.parse().map_err(|_| format!("ApproximateReceiveCount: found {count:?}, expected a number"))?;
    let sent = &attributes.sent_timestamp;
    let sent_at = sent.parse().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    let sent_at = sent_at.ok_or_else(|| format!("SentTimestamp: found {sent:?}, expected milliseconds since 1970"))?;
    let texts = message_attributes.into_iter().filter_map(|(name, attribute)| Some((name, attribute.string_value?)));
    let received = Received { receipt: receipt_handle, body, attributes: texts.collect(), receive_count, sent_at };
    Ok(Content { arn, queue, trace: attributes.trace, received })
}

/// `arn:<partition>:sqs:<region>:<account>:<name>`.
fn queue(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let is_queue = parts.next()? == "arn" && parts.nth(1)? == "sqs";
    parts.nth(2).filter(|name| is_queue && !name.is_empty())
}

/// `ReportBatchItemFailures`: what is not listed is deleted from its queue.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    pub batch_item_failures: Vec<Left>,
}

/// One record that comes back when its visibility ends.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    pub item_identifier: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> Value {
        json!({
            "messageId": "m1",
            "receiptHandle": "r1",
            "body": "{}",
            "attributes": {
                "ApproximateReceiveCount": "3", "SentTimestamp": "1795255200000", "SenderId": "x",
                "ApproximateFirstReceiveTimestamp": "1795255200001", "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793",
            },
            "messageAttributes": {
                "reason": {"stringValue": "poison", "dataType": "String", "stringListValues": [], "binaryListValues": []},
                "blob": {"binaryValue": "AAAA", "dataType": "Binary"},
            },
            "md5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws-cn:sqs:cn-north-1:123456789012:shop-to-mail",
            "awsRegion": "cn-north-1",
        })
    }

    fn one(record: &Value) -> Record {
        read(json!({ "Records": [record] })).unwrap().remove(0)
    }

    #[test]
    fn a_record_as_sqs_sends_it() {
        let content = one(&record()).content.unwrap();
        assert_eq!(content.queue, "shop-to-mail");
        assert_eq!(content.arn, "arn:aws-cn:sqs:cn-north-1:123456789012:shop-to-mail");
        assert_eq!(content.trace.as_deref(), Some("Root=1-5759e988-bd862e3fe1be46a994272793"));
        let received = content.received;
        assert_eq!((received.receipt.as_str(), received.body.as_str(), received.receive_count), ("r1", "{}", 3));
        assert_eq!(received.sent_at, "2026-11-21T10:00:00Z".parse().unwrap());
        assert_eq!(received.attributes, BTreeMap::from([("reason".to_owned(), "poison".to_owned())]));
    }

    #[test]
    fn one_record_that_is_none_leaves_its_neighbours_alone() {
        let check = |pointer: &str, value: Value, expected: &str| {
            let mut bad = record();
            *bad.pointer_mut(pointer).unwrap() = value;
            let records = read(json!({ "Records": [record(), bad, record()] })).unwrap();
            assert!(records[0].content.is_ok() && records[2].content.is_ok());
            assert_eq!(records[1].content.clone().unwrap_err(), expected, "{pointer}");
        };
        check("/body", json!(7), "found other types, expected an SQS record");
        check(
            "/eventSourceARN",
            json!("arn:aws:s3:::x"),
            "eventSourceARN: found \"arn:aws:s3:::x\", expected that of a queue",
        );
        check(
            "/attributes/ApproximateReceiveCount",
            json!("often"),
            "ApproximateReceiveCount: found \"often\", expected a number",
        );
        check(
            "/attributes/SentTimestamp",
            json!("today"),
            "SentTimestamp: found \"today\", expected milliseconds since 1970",
        );
        let mut bare = record();
        bare.as_object_mut().unwrap().remove("receiptHandle");
        assert_eq!(one(&bare).content.unwrap_err(), "found no \"receiptHandle\", expected an SQS record");
    }

    /// Nothing could be reported of it: an empty identifier fails the whole batch on AWS too.
    #[test]
    fn a_record_without_an_id_fails_the_batch() {
        for id in [json!(""), json!(null), json!(7)] {
            let mut bad = record();
            bad["messageId"] = id;
            let error = read(json!({ "Records": [record(), bad] })).unwrap_err();
            assert_eq!(error, Failure::Event("record 1: found no \"messageId\"".to_owned()));
        }
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        for bad in [json!({}), json!([]), json!(null), json!({"Records": {}}), json!({"task": "poll"})] {
            let error = read(bad.clone()).unwrap_err();
            assert!(error.to_string().ends_with("expected an SQS event with \"Records\""), "{bad}: {error}");
        }
        assert_eq!(read(json!({"Records": []})).unwrap(), []);
    }

    #[test]
    fn an_answer_as_lambda_reads_it() {
        let answer = Answer { batch_item_failures: vec![Left { item_identifier: "m1".to_owned() }] };
        assert_eq!(json!(answer), json!({"batchItemFailures": [{"itemIdentifier": "m1"}]}));
        assert_eq!(json!(Answer::default()), json!({"batchItemFailures": []}));
    }
}
