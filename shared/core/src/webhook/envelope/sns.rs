//! What Amazon SNS puts around a message for a queue that did not ask for raw delivery
//! (<https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>): `Message` is the text that was published.

use serde_json::{Map, Value};

use super::{Opened, Unfit, encoded, other, said, text};

const EXPECTED: &str = "an SNS notification: {\"Type\": \"Notification\", \"MessageId\", \"TopicArn\", \"Message\"}";

pub(super) fn is(body: &Value) -> bool {
    matches!(text(body, "Type"), Some("Notification" | "SubscriptionConfirmation")) && text(body, "TopicArn").is_some()
}

pub(super) fn open(body: &Value) -> Result<Opened, Unfit> {
    if !is(body) {
        return Err(other(body, EXPECTED));
    }
    if text(body, "Type") == Some("SubscriptionConfirmation") {
        // A topic of another account asks before it sends anything. Whoever runs the queue has to say yes.
        let problem = "found SubscriptionConfirmation: the subscription waits to be confirmed at its SubscribeURL";
        return Err(Unfit::Content { place: "Type", problem: problem.to_owned() });
    }
    let message = text(body, "Message")
        .ok_or_else(|| Unfit::Content { place: "Message", problem: "found none, expected text".to_owned() })?;
    let inner = encoded::text(message).map_err(|problem| Unfit::Content { place: "Message", problem })?;
    Ok(Opened { id: said(body, "MessageId"), kind: None, body: inner, attributes: Map::new() })
}
