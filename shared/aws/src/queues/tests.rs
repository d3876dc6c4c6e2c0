use crossdock_core::{message::Carried, port::QueueBody};
use crossdock_testkit::{
    build::{endpoint, entry, message},
    clock::SeededRandom,
};
use serde_json::{Value, json};

use super::*;
use crate::fake::Fake;

fn queues(fake: &Fake) -> SqsQueues {
    let (names, urls) = (Names::new("shop").unwrap(), "https://sqs.us-east-1.amazonaws.com/1/");
    SqsQueues::new(fake.clients().sqs, names, urls, Arc::new(SeededRandom::new(1)))
}

fn alpha() -> QueueName {
    QueueName::Endpoint(endpoint("alpha"))
}

#[tokio::test]
async fn each_entry_of_a_call_has_its_own_answer() {
    let fake = Fake::new(|call, request| {
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in request["Entries"].as_array().unwrap() {
            let failure =
                |code: &str, at_fault: bool| json!({"Id": entry["Id"], "Code": code, "SenderFault": at_fault});
            match entry["MessageBody"].as_str().unwrap() {
                "busy" if call == 0 => failed.push(failure("InternalError", false)),
                "bad" => failed.push(failure("InvalidMessageContents", true)),
                "unanswered" => {}
                _ => successful.push(json!({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0"})),
            }
        }
        // In no order of ours.
        successful.reverse();
        (200, json!({"Successful": successful, "Failed": failed}))
    });
    let entries = ["a", "busy", "bad", "unanswered", "b"].map(entry).to_vec();
    let answers = queues(&fake).send(&alpha(), entries).await;
    let bad = PortError::permanent("sending to the queue shop-to-alpha: InvalidMessageContents");
    let unanswered = PortError::transient("sending to the queue shop-to-alpha: SQS gave no answer for this entry");
    assert_eq!(answers, [Ok(()), Ok(()), Err(bad), Err(unanswered), Ok(())]);
    assert_eq!(fake.calls(), 2);
}

#[tokio::test]
async fn what_sqs_would_refuse_is_not_sent() {
    let fake = Fake::new(|_, _| panic!("nothing is sent"));
    let far = Entry { delay: LONGEST_DELAY + Duration::from_millis(1), ..entry("far") };
    let answers = queues(&fake).send(&alpha(), vec![entry(""), entry("\u{ffff}"), entry("\u{1}"), far]).await;
    for (answer, expected) in answers.iter().zip(["without a body", "'\\u{ffff}'", "'\\u{1}'", "takes, 900 s"]) {
        let error = answer.as_ref().unwrap_err();
        assert!(!error.transient && error.what.contains(expected), "{error}");
    }
}

#[test]
fn attributes_are_made_fit() {
    let attributes = [("reason", "a\u{0}b"), ("empty", "")].map(|(name, text)| (name.to_owned(), text.to_owned()));
    let prepared = prepare(Entry { attributes: attributes.into(), ..entry("body") }, &Sampling::default()).unwrap();
    let kept = prepared.item.message_attributes.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept["reason"].string_value(), Some("a\u{fffd}b"));
    assert_eq!(prepared.bytes, "body".len() + "reason".len() + "String".len() + "a\u{fffd}b".len());
}

#[test]
fn times_are_rounded_up() {
    let check =
        |duration: Duration, expected: i32| assert_eq!(seconds(duration, LONGEST_VISIBILITY, "time"), Ok(expected));
    check(Duration::ZERO, 0);
    check(Duration::from_nanos(1), 1);
    check(Duration::from_secs(5), 5);
    check(Duration::from_millis(5_001), 6);
    check(LONGEST_VISIBILITY, 43_200);
}

#[tokio::test]
async fn only_an_unknown_receipt_may_be_deleted_in_vain() {
    for (code, good) in [("ReceiptHandleIsInvalid", true), ("AccessDeniedException", false)] {
        let fake = Fake::new(move |_, _: Value| (400, json!({"__type": format!("com.amazonaws.sqs#{code}")})));
        assert_eq!(queues(&fake).delete(&alpha(), "receipt").await.is_ok(), good, "{code}");
    }
}

#[tokio::test]
async fn a_trace_goes_with_its_message() {
    let fake = Fake::new(|_, request| {
        let entry = &request["Entries"][0];
        let expected = json!({"DataType": "String", "StringValue": "Root=1-0af76519-16cd43dd8448eb211c80319c"});
        assert_eq!(entry["MessageSystemAttributes"]["AWSTraceHeader"], expected);
        (200, json!({"Successful": [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "0"}], "Failed": []}))
    });
    let message = Carried::of(&message("m")).unwrap();
    let body = QueueBody { route: "book".parse().unwrap(), round: 1, message, remote: None };
    let sent = queues(&fake).send(&alpha(), vec![entry(serde_json::to_string(&body).unwrap())]).await;
    assert_eq!(sent, [Ok(())]);
    assert_eq!(trace_of("no message"), None);
}
