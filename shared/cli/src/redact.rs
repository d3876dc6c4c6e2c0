//! What is left out of everything that is shown or kept: the values of headers, queries and parameters that carry credentials.
//! By name, since nothing else tells them apart; a name that only sounds like one costs a look at a harmless value.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// In place of a value.
pub(crate) const REDACTED: &str = "(redacted)";

/// Whether a header, query parameter or message parameter of this name holds a credential.
pub(crate) fn is_secret(name: &str) -> bool {
    // `idempotency-key` and `sort_key` are none, nor is `country_code`.
    const NAMES: [&str; 2] = ["key", "code"];
    // `author`, `assignee` and `compass` are none.
    const WORDS: [&str; 3] = ["auth", "sig", "pass"];
    const PARTS: [&str; 18] = [
        "authorization",
        "token",
        "secret",
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "cookie",
        "signature",
        "hmac",
        "jwt",
        "credential",
        "session",
        "apikey",
        "accesskey",
        "authkey",
        "privatekey",
        "clientkey",
    ];
    let name = name.to_ascii_lowercase();
    let joined: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    NAMES.contains(&&*joined)
        || words.any(|word| WORDS.contains(&word))
        || PARTS.iter().any(|part| joined.contains(part))
}

/// A header's value as it may be shown.
pub(crate) fn header<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret(name) { REDACTED } else { value }
}

/// A path with its query as it may be shown.
pub(crate) fn target(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={REDACTED}"),
        _ => pair.to_owned(),
    };
    format!("{path}?{}", query.split('&').map(pair).collect::<Vec<_>>().join("&"))
}

/// A message or an answer as it may be shown: its `parameters` carry what endpoints ask to be sent back, tokens too. They
/// are a list of names and values, or a map; those of a CloudEvent are in its data. `known` says which others are secrets
/// of the hub, whatever they are called.
///
/// Every other byte stays as it is, and so does a text that is not JSON. Where a name stands twice both of its values are
/// looked at: which of them counts is up to whoever reads it.
pub(crate) fn parameters<'a>(body: &'a str, known: &dyn Fn(&str) -> bool) -> Cow<'a, str> {
    let mut secrets = Vec::new();
    collect(body, &|name| is_secret(name) || known(name), &mut secrets);
    if secrets.is_empty() {
        return Cow::Borrowed(body);
    }
    let (mut text, mut end) = (String::new(), 0);
    for secret in secrets {
        // What was found is a part of `body`, and they come in its order.
        let start = secret.as_ptr().addr() - body.as_ptr().addr();
        text.push_str(&body[end..start]);
        text.push_str(&format!("\"{REDACTED}\""));
        end = start + secret.len();
    }
    text.push_str(&body[end..]);
    Cow::Owned(text)
}

/// The values that carry credentials, in the order of the text.
fn collect<'a>(body: &'a str, is_secret: &dyn Fn(&str) -> bool, found: &mut Vec<&'a str>) {
    let Ok(Fields(fields)) = serde_json::from_str(body) else { return };
    let has = |wanted: &str| fields.iter().any(|(name, _)| name == wanted);
    let of = if has("specversion") && has("data") { "data" } else { "parameters" };
    for (_, value) in fields.iter().filter(|(name, _)| name == of) {
        if of == "data" {
            collect(value.get(), is_secret, found);
        } else if let Ok(Fields(map)) = serde_json::from_str(value.get()) {
            found.extend(map.into_iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value.get()));
        } else if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(value.get()) {
            for parameter in list {
                let Ok(Fields(fields)) = serde_json::from_str(parameter.get()) else { continue };
                let named =
                    |value: &RawValue| serde_json::from_str(value.get()).is_ok_and(|name: String| is_secret(&name));
                if fields.iter().any(|(name, value)| name == "name" && named(value)) {
                    found.extend(fields.iter().filter(|(name, _)| name == "value").map(|(_, value)| value.get()));
                }
            }
        }
    }
}

/// Of an object, in its order, with whatever stands twice.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_hold_credentials() {
        let check = |name: &str, expected: bool| assert_eq!(is_secret(name), expected, "{name}");
        check("authorization", true);
        check("Proxy-Authorization", true);
        check("x-hub-token", true);
        check("X-API-Key", true);
        check("api_key", true);
        check("key", true);
        check("webhook-signature", true);
        check("set-cookie", true);
        check("accessToken", true);
        check("sig", true);
        check("code", true);
        check("X-Shopify-Hmac-Sha256", true);
        check("x-auth", true);
        check("pwd", true);
        check("user[pass]", true);
        check("jwt", true);
        check("private_key", true);
        check("clientKey", true);
        check("author", false);
        check("country_code", false);
        check("assignee", false);
        check("compass", false);
        check("webhook-id", false);
        check("idempotency-key", false);
        check("x-hub-store", false);
        check("content-type", false);
    }

    #[test]
    fn queries_are_shown_without_credentials() {
        let check = |text: &str, expected: &str| assert_eq!(target(text), expected);
        check("/book", "/book");
        check("/book?x=1&api_key=s3&y", "/book?x=1&api_key=(redacted)&y");
        check("/token?", "/token?");
    }

    #[test]
    fn parameters_are_shown_without_credentials() {
        let check = |body: &str, expected: &str| assert_eq!(parameters(body, &|name| name == "pin"), expected);
        check(
            r#"{"parameters": [{"name": "token", "value": "s3"}, {"name": "since", "value": 5}, 7, {"value": 1, "name": "pin"}]}"#,
            r#"{"parameters": [{"name": "token", "value": "(redacted)"}, {"name": "since", "value": 5}, 7, {"value": "(redacted)", "name": "pin"}]}"#,
        );
        check(
            "{\"parameters\":\r\n{\"api_key\" : {\"id\": 1},\"page\":2.50}, \"token\": \"not ours to judge\"}\n",
            "{\"parameters\":\r\n{\"api_key\" : \"(redacted)\",\"page\":2.50}, \"token\": \"not ours to judge\"}\n",
        );
        check(
            r#"{"specversion": "1.0", "data": {"parameters": {"t\u006fken": "s3"}}}"#,
            r#"{"specversion": "1.0", "data": {"parameters": {"t\u006fken": "(redacted)"}}}"#,
        );
        // One of them is what a reader takes, and nobody knows which.
        check(
            r#"{"parameters": {"token": "a", "token": "b"}, "é": 1, "parameters": [{"name": "x", "name": "token", "value": 1, "value": 2}]}"#,
            r#"{"parameters": {"token": "(redacted)", "token": "(redacted)"}, "é": 1, "parameters": [{"name": "x", "name": "token", "value": "(redacted)", "value": "(redacted)"}]}"#,
        );
        check(
            r#"{"specversion": "1.0", "parameters": {"token": 1}}"#,
            r#"{"specversion": "1.0", "parameters": {"token": "(redacted)"}}"#,
        );
        check("[1]", "[1]");
        check(r#"{"parameters": "none"}"#, r#"{"parameters": "none"}"#);
        check("so what", "so what");
    }
}
