//! What is left out of everything that is shown or kept: the values of headers, queries and parameters that carry credentials.
//! By name, since nothing else tells them apart; a name that only sounds like one costs a look at a harmless value.

use serde_json::Value;

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
pub(crate) fn parameters(body: &mut Value, known: &dyn Fn(&str) -> bool) {
    if body.get("specversion").is_some()
        && let Some(data) = body.get_mut("data")
    {
        return parameters(data, known);
    }
    let is_secret = |name: &str| is_secret(name) || known(name);
    match body.get_mut("parameters") {
        Some(Value::Array(list)) => {
            for parameter in list {
                if parameter.get("name").and_then(Value::as_str).is_some_and(&is_secret) {
                    parameter["value"] = REDACTED.into();
                }
            }
        }
        Some(Value::Object(map)) => {
            map.iter_mut().filter(|(name, _)| is_secret(name)).for_each(|(_, value)| *value = REDACTED.into());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let check = |mut body: Value, expected: Value| {
            parameters(&mut body, &|name| name == "pin");
            assert_eq!(body, expected);
        };
        check(
            json!({"parameters": [{"name": "token", "value": "s3"}, {"name": "since", "value": 5}, 7, {"name": "pin", "value": 1}]}),
            json!({"parameters": [{"name": "token", "value": "(redacted)"}, {"name": "since", "value": 5}, 7, {"name": "pin", "value": "(redacted)"}]}),
        );
        check(
            json!({"parameters": {"api_key": {"id": 1}, "page": 2}, "token": "not ours to judge"}),
            json!({"parameters": {"api_key": "(redacted)", "page": 2}, "token": "not ours to judge"}),
        );
        check(
            json!({"specversion": "1.0", "data": {"parameters": {"token": "s3"}}}),
            json!({"specversion": "1.0", "data": {"parameters": {"token": "(redacted)"}}}),
        );
        check(json!([1]), json!([1]));
        check(json!({"parameters": "none"}), json!({"parameters": "none"}));
    }
}
