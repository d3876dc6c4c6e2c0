//! A webhook's request as its provider would make it: for `crossdock send --to`, recordings that are sent again, tests and
//! benches.
//!
//! Where a provider names an event in headers they are made up; where it does so in the body, the body is left as it is,
//! and what was asked for has to be there.

use serde_json::Value;

use super::proof::{self, CannotSign, Event, Key};
use crate::{
    Timestamp,
    hub::{Locator, Webhook},
};

/// What is to be said of an event.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Its id; `None`: one that is made of the time.
    pub id: Option<&'a str>,
    /// What happened.
    pub event: Option<&'a str>,
    pub at: Timestamp,
}

/// Why there is no such request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotImitate {
    #[error(transparent)]
    CannotSign(#[from] CannotSign),
    #[error("{what} is not told by a header here: asked for {asked:?}, found {} in the body", shown(.found.as_deref()))]
    InBody { what: &'static str, asked: String, found: Option<String> },
}

fn shown(found: Option<&str>) -> String {
    found.map_or_else(|| "none".to_owned(), |found| format!("{found:?}"))
}

/// All headers of the request that say who sends it and what happened.
///
/// # Errors
/// The key cannot sign, or the body says something else than what was asked for.
pub fn headers(
    webhook: &Webhook,
    key: &Key,
    said: Said<'_>,
    body: &[u8],
) -> Result<Vec<(String, String)>, CannotImitate> {
    let made_up = format!("crossdock-{}", said.at.as_microsecond());
    let id = said.id.unwrap_or(&made_up);
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    headers.extend(webhook.provider.announced(id, said.event, said.at));
    let told = [(&webhook.event_id, Some(id)), (&webhook.event_kind, said.event)];
    for (locator, value) in told {
        if let (Some(Locator::Header(name)), Some(value)) = (locator, value) {
            headers.retain(|(known, _)| known != name);
            headers.push((name.clone(), value.to_owned()));
        }
    }
    headers.extend(proof::sign(&webhook.proof, key, Event { id, at: said.at }, body)?);

    let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let found = |locator: &Option<Locator>, of_provider: &dyn Fn() -> Option<String>| match locator {
        None => of_provider(),
        Some(Locator::Header(name)) => headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
        Some(Locator::Path(path)) => path.get(&json).and_then(super::said),
    };
    if let Some(asked) = said.event {
        let found = found(&webhook.event_kind, &|| webhook.provider.event_type(&headers, &json));
        if found.as_deref() != Some(asked) {
            return Err(CannotImitate::InBody { what: "what happened", asked: asked.to_owned(), found });
        }
    }
    if let Some(asked) = said.id {
        let found = found(&webhook.event_id, &|| webhook.provider.event_id(&headers, body, &json));
        // Some providers' own is only its beginning.
        if !found.as_ref().is_some_and(|found| found.starts_with(asked)) {
            return Err(CannotImitate::InBody { what: "the event's id", asked: asked.to_owned(), found });
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::hub;

    const AT: i64 = 1_614_265_330;

    fn webhook(text: &str) -> Webhook {
        let hub = format!(
            "hub: h\nsources:\n  shop:\n    url: https://shop.example\n    collections:\n      \
             orders: {{type: order, request: {{path: /o}}, id: id, created: c, every: 1h}}\n\
             endpoints: {{all: {{url: https://all.example}}}}\nroutes: []\nwebhooks:\n  w: {{source: shop, secrets: [s], {text}}}\n"
        );
        let loaded = hub::load("hub.yaml", &hub, &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
        loaded.hub.webhooks.values().next().unwrap().clone()
    }

    fn at() -> Timestamp {
        Timestamp::from_second(AT).unwrap()
    }

    const BODY: &[u8] = br#"{"id": "evt_1", "type": "order.paid", "n": 7}"#;

    #[test]
    fn what_is_imitated_is_proven_and_says_what_was_asked_for() {
        let check = |text: &str, secret: &str, id: Option<&str>, event: Option<&str>, expected: &[(&str, &str)]| {
            let webhook = webhook(text);
            let key = Key::Secret(SecretString::from(secret));
            let headers = headers(&webhook, &key, Said { id, event, at: at() }, BODY).unwrap();
            proof::verify(&webhook.proof, &[key], &headers, BODY, at()).unwrap();
            for (name, value) in expected {
                assert!(headers.iter().any(|(known, found)| known == name && found == value), "{name} of {headers:?}");
            }
        };
        let bearer = "provider: generic, verify: {bearer: {}}, id: {header: x-id}, event: {header: x-event}";
        check(
            bearer,
            "t",
            Some("1"),
            Some("paid"),
            &[("x-id", "1"), ("x-event", "paid"), ("authorization", "Bearer t")],
        );
        check(bearer, "t", None, None, &[("x-id", "crossdock-1614265330000000")]);
        let in_body = "provider: generic, verify: {hmac: {header: x-s}}, id: {path: n}, event: {path: type}";
        check(in_body, "s", Some("7"), Some("order.paid"), &[]);
        check("provider: stripe", "s", Some("evt_1"), Some("order.paid"), &[]);
        check("provider: shopify", "s", Some("1"), Some("orders/paid"), &[("x-shopify-topic", "orders/paid")]);
        check("provider: woocommerce", "s", Some("1"), Some("order.updated"), &[("x-wc-webhook-resource", "order")]);
        let whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        check("provider: standard-webhooks", whsec, Some("m"), Some("order.paid"), &[("webhook-id", "m")]);
    }

    #[test]
    fn what_the_body_does_not_say_is_refused() {
        let check = |text: &str, id: Option<&str>, event: Option<&str>, expected: &str| {
            let key = Key::Secret(SecretString::from("s"));
            let error = headers(&webhook(text), &key, Said { id, event, at: at() }, BODY).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(
            "provider: stripe",
            None,
            Some("charge.refunded"),
            r#"what happened is not told by a header here: asked for "charge.refunded", found "order.paid" in the body"#,
        );
        check(
            "provider: stripe",
            Some("evt_2"),
            None,
            r#"the event's id is not told by a header here: asked for "evt_2", found "evt_1" in the body"#,
        );
        check(
            "provider: generic, verify: {hmac: {header: x-s}}",
            None,
            Some("paid"),
            r#"what happened is not told by a header here: asked for "paid", found none in the body"#,
        );
        check("provider: standard-webhooks", None, None, "found neither whsec_ nor whsk_ at its beginning");
    }
}
