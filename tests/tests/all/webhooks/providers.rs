//! What the providers' own libraries sign is accepted as it is, and refused with anything changed.

use std::{collections::BTreeMap, process::Command};

use crossdock_core::{
    Timestamp,
    webhook::proof::{Algorithm, Encoding, HmacProof, Key, Proof, TOLERANCE_SECONDS, verify},
};
use serde_json::json;

use super::{asked, tool};
use crate::support::binary::repository;

const AT: i64 = 1_767_225_600;
const ID: &str = "evt_1";

struct Case {
    scheme: &'static str,
    proof: Proof,
    secret: &'static str,
    /// What the hub has.
    key: &'static str,
    other: &'static str,
    /// The header that holds the signature.
    header: &'static str,
}

fn hmac(algorithm: Algorithm, encoding: Encoding, prefix: &str) -> Proof {
    Proof::Hmac(HmacProof { header: "x-signature".to_owned(), algorithm, encoding, prefix: prefix.to_owned() })
}

fn cases() -> Vec<Case> {
    const PLAIN: &str = "It's a Secret to Everybody: Größe 9";
    const WHSEC: &str = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3IQ==";
    // RFC 8032 §7.1, test 1.
    const WHSK: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    const WHPK: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    const OTHER: &str = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI=";
    let plain = |scheme, proof, header| Case { scheme, proof, secret: PLAIN, key: PLAIN, other: "another", header };
    let standard = |scheme, secret, key| Case {
        scheme,
        proof: Proof::StandardWebhooks,
        secret,
        key,
        other: OTHER,
        header: "webhook-signature",
    };
    vec![
        plain("github", Proof::GitHub, "x-hub-signature-256"),
        plain("shopify", Proof::Shopify, "x-shopify-hmac-sha256"),
        plain("stripe", Proof::Stripe, "stripe-signature"),
        plain("woocommerce", Proof::WooCommerce, "x-wc-webhook-signature"),
        plain("marketplacer", Proof::Marketplacer, "marketplacer-hmac-256"),
        plain("generic-sha1", hmac(Algorithm::Sha1, Encoding::Hex, "sha1="), "x-signature"),
        plain("generic-sha512", hmac(Algorithm::Sha512, Encoding::Base64, ""), "x-signature"),
        standard("v1", WHSEC, WHSEC),
        standard("v1a", WHSK, WHPK),
    ]
}

fn bodies() -> [String; 4] {
    [
        r#"{"id":"evt_1","total":199.9900,"note":"Grüße, 東京 🚲"}"#.to_owned(),
        "{ \"spaces\" :\t[ 1 ,\r\n2 ] }\n".to_owned(),
        String::new(),
        format!(r#"{{"long":"{}"}}"#, "x".repeat(1_000)),
    ]
}

type Headers = BTreeMap<String, String>;

fn accepted(case: &Case, key: &str, headers: &Headers, body: &[u8], ahead: i64) -> bool {
    let headers: Vec<(String, String)> = headers.clone().into_iter().collect();
    let now = Timestamp::from_second(AT + ahead).unwrap();
    verify(&case.proof, &[Key::Secret(key.into())], &headers, body, now).is_ok()
}

#[test]
fn what_official_libraries_sign_is_accepted_and_nothing_else() {
    let Some(stripe) = tool("npm/node_modules/stripe") else { return };
    let mut node = Command::new("node");
    node.arg(repository().join("tests/tests/all/webhooks/sign.mjs")).arg(stripe.parent().unwrap());
    let given: Vec<(Case, String)> =
        bodies().into_iter().flat_map(|body| cases().into_iter().map(move |case| (case, body.clone()))).collect();
    let line = |(case, body): &(Case, String)| json!({"scheme": case.scheme, "secret": case.secret, "id": ID, "at": AT, "body": body});
    let signed = asked(&mut node, &given.iter().map(line).collect::<Vec<_>>());
    for ((case, body), headers) in given.iter().zip(signed) {
        let headers: Headers = serde_json::from_str(&headers).unwrap();
        tampered(case, &headers, body.as_bytes());
    }
}

fn tampered(case: &Case, good: &Headers, body: &[u8]) {
    let check = |what: &str, key: &str, headers: &Headers, body: &[u8], ahead: i64, expected: bool| {
        let scheme = case.scheme;
        assert_eq!(accepted(case, key, headers, body, ahead), expected, "{scheme}, {what}: {headers:?}");
    };
    let changed = |header: &str, change: &dyn Fn(&str) -> String| {
        let mut headers = good.clone();
        headers.entry(header.to_owned()).and_modify(|value| *value = change(value));
        headers
    };
    let is_timed = matches!(case.proof, Proof::Stripe | Proof::StandardWebhooks);
    check("as it was sent", case.key, good, body, 0, true);
    check("by another secret", case.other, good, body, 0, false);
    check("with nothing that proves it", case.key, &Headers::new(), body, 0, false);
    check("a byte more", case.key, good, &[body, b" "].concat(), 0, false);
    if let Some((last, rest)) = body.split_last() {
        check("truncated", case.key, good, rest, 0, false);
        check("empty", case.key, good, b"", 0, false);
        check("another bit", case.key, good, &[rest, &[last ^ 1]].concat(), 0, false);
    }
    let cut = changed(case.header, &|value| value[..value.len() - 4].to_owned());
    check("a truncated signature", case.key, &cut, body, 0, false);
    check("an empty signature", case.key, &changed(case.header, &|_| String::new()), body, 0, false);
    check("five minutes later", case.key, good, body, TOLERANCE_SECONDS, true);
    check("replayed after five minutes", case.key, good, body, TOLERANCE_SECONDS + 1, !is_timed);
    check("five minutes before it was sent", case.key, good, body, -TOLERANCE_SECONDS - 1, !is_timed);
    let newer = |value: &str| value.replace(&AT.to_string(), &(AT + 360).to_string());
    for header in ["stripe-signature", "webhook-timestamp"] {
        if good.contains_key(header) {
            check("made newer for a replay", case.key, &changed(header, &newer), body, 360, false);
        }
    }
    if case.proof == Proof::StandardWebhooks {
        check("another id", case.key, &changed("webhook-id", &|id| format!("{id}.2")), body, 0, false);
    }
}
