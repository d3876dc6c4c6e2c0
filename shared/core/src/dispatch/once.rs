//! `once_per`: of several messages with the same values, one goes out (contract §4, `docs/adr/0027-claims.md`).
//!
//! The claim is made before a round's first attempt and durable before its request, so whichever message has it may have
//! been received. It is not asked for again while the round is retried: the first one is retried until it is delivered
//! or dead-lettered, even if its claim runs out on the way. A crash between claim and request finds the claim its own.

use serde_json::Value;

use super::{
    dispatcher::{Dispatcher, Disposition, Open},
    poison::finished,
};
use crate::{
    Timestamp,
    hub::{OncePer, Route},
    id::{ContentHash, EndpointName, MessageId},
    json::content_hash,
    port::{Claim, Claimed, Claims, DeliveryState, Home, PortError, Received, Settled},
};

impl<H: Home> Dispatcher<H> {
    /// The message that has a right to this delivery, where that is another one.
    pub(super) async fn claimed_before(
        &self,
        route: &Route,
        open: &Open,
        now: Timestamp,
    ) -> Result<Option<MessageId>, PortError> {
        let Some(once) = &route.once_per else { return Ok(None) };
        if !finished(open.known.as_ref()).is_empty() {
            return Ok(None);
        }
        let message = &open.body.message;
        // What was read as a message before is JSON.
        let whole: Value = serde_json::from_str(message.text())
            .map_err(|error| PortError::permanent(format!("the message cannot be read: {:?}", error.classify())))?;
        let Some(tuple) = tuple(once, &whole) else { return Ok(None) };
        let claim = Claim {
            route: route.name.clone(),
            tuple,
            message: message.envelope.message_id,
            until: now.checked_add(once.window).unwrap_or(Timestamp::MAX),
        };
        Ok(match self.home.store().claim(&claim).await? {
            Claimed::Ours => None,
            Claimed::HeldBy(first) => Some(first),
        })
    }

    /// Records that the message is not sent, and which one was.
    pub(super) async fn suppress(
        &self,
        endpoint: &EndpointName,
        received: &Received,
        open: &Open,
        first: MessageId,
        now: Timestamp,
    ) -> Result<Disposition, PortError> {
        let mut delivery = self.delivery(endpoint, received, open, now);
        delivery.state = DeliveryState::Suppressed;
        delivery.reason = Some(format!("once_per: message {first} came first"));
        match self.settle(delivery.clone()).await? {
            Settled::AlreadyEnded(known) => self.clear(endpoint, received, open, &known).await,
            Settled::Recorded { .. } => {
                self.observe_end(&delivery, &open.body.message.envelope);
                Ok(Disposition::Delete)
            }
        }
    }
}

/// `None`: one of the values is missing, null or empty text, and the message is like no other.
fn tuple(once: &OncePer, message: &Value) -> Option<ContentHash> {
    let mut values = Vec::with_capacity(once.keys.len());
    for path in &once.keys {
        let value = path.get(message).filter(|value| !value.is_null() && value.as_str() != Some(""))?;
        values.push((path.to_string(), value.clone()));
    }
    // By name, so that neither the order in the hub file nor a change of keys makes others' claims one's own.
    Some(content_hash(&Value::Object(values.into_iter().collect()), &[]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn of(keys: &[&str], message: &Value) -> Option<ContentHash> {
        let keys = keys.iter().map(|key| key.parse().unwrap()).collect();
        tuple(&OncePer { keys, window: Duration::from_secs(60) }, message)
    }

    #[test]
    fn equal_values_are_one_tuple() {
        let check = |a: Value, b: Value, same: bool| {
            let keys = ["keys.number", "object.id"];
            let (a, b) = (of(&keys, &a).unwrap(), of(&keys, &b).unwrap());
            assert_eq!(a == b, same);
        };
        let message = |number: Value, id: &str| json!({"keys": {"number": number}, "object": {"id": id}});
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        check(message(json!("R1"), "1"), message(json!("R1"), "1"), true);
        // A bus may write a number anew.
        check(message(number("98.20"), "1"), message(number("98.2"), "1"), true);
        check(message(number("9007199254740993"), "1"), message(number("9007199254740992"), "1"), false);
        check(message(json!("98.20"), "1"), message(number("98.20"), "1"), false);
        check(message(json!("R1"), "1"), message(json!("R1"), "2"), false);
        // Values do not flow into each other.
        check(message(json!("R"), "11"), message(json!("R1"), "1"), false);
        check(message(json!(false), "1"), message(json!(0), "1"), false);
    }

    #[test]
    fn the_order_of_keys_is_of_no_matter_and_their_names_are() {
        let message = json!({"keys": {"a": "1", "b": "2"}, "object": {"a": "1"}});
        assert_eq!(of(&["keys.a", "keys.b"], &message), of(&["keys.b", "keys.a"], &message));
        assert_ne!(of(&["keys.a"], &message), of(&["object.a"], &message));
    }

    #[test]
    fn a_missing_value_makes_no_tuple() {
        for keys in [json!({}), json!({"number": null}), json!({"number": ""})] {
            assert_eq!(
                of(&["keys.number", "object.id"], &json!({"keys": keys, "object": {"id": "1"}})),
                None,
                "{keys}"
            );
        }
        assert!(of(&["keys.number"], &json!({"keys": {"number": false}})).is_some());
    }
}
