//! Vectors of the providers' public documentation, and every way in which a request must be refused, for all of them.
//! What their own libraries sign is verified in `tests/tests/all/incoming`.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::*;

#[derive(Debug, Clone, Default)]
struct Sent {
    headers: BTreeMap<String, Vec<u8>>,
    query: Option<String>,
}

impl Headers for Sent {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(name).map(Vec::as_slice)
    }

    fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }
}

fn sent<V: AsRef<[u8]>>(headers: impl IntoIterator<Item = (impl Into<String>, V)>) -> Sent {
    let headers = headers.into_iter().map(|(name, value)| (name.into(), value.as_ref().to_vec()));
    Sent { headers: headers.collect(), query: None }
}

fn key(secret: &str) -> Key {
    Key::Secret(SecretString::from(secret))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn hmac(header: &str, algorithm: Algorithm, encoding: Encoding, prefix: &str) -> Proof {
    Proof::Hmac(HmacProof { header: header.to_owned(), algorithm, encoding, prefix: prefix.to_owned() })
}

fn bearer(header: &str) -> Proof {
    Proof::Bearer(BearerProof { header: header.to_owned() })
}

const NOW: i64 = 1_614_265_330;
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_WHSEC: &str = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI=";
/// RFC 8032 §7.1, test 1.
const WHSK: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const WHPK: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// From the providers' public documentation and from RFCs.
#[test]
fn published_vectors() {
    struct Vector {
        name: &'static str,
        proof: Proof,
        key: &'static str,
        headers: &'static [(&'static str, &'static str)],
        body: &'static str,
    }
    let vectors = [
        Vector {
            name: "GitHub, Validating webhook deliveries: Testing the webhook payload validation",
            proof: Proof::GitHub,
            key: "It's a Secret to Everybody",
            headers: &[(
                "x-hub-signature-256",
                "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            )],
            body: "Hello, World!",
        },
        Vector {
            name: "Standard Webhooks, the test of its libraries",
            proof: Proof::StandardWebhooks,
            key: WHSEC,
            headers: &[
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ],
            body: r#"{"test": 2432232314}"#,
        },
        Vector {
            name: "RFC 2202 §3, test 2, as a generic webhook by SHA-1",
            proof: hmac("x-signature", Algorithm::Sha1, Encoding::Hex, "sha1="),
            key: "Jefe",
            headers: &[("x-signature", "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")],
            body: "what do ya want for nothing?",
        },
        Vector {
            name: "RFC 4231 §4.3, in upper case",
            proof: hmac("x-signature", Algorithm::Sha256, Encoding::Hex, ""),
            key: "Jefe",
            headers: &[("x-signature", "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843")],
            body: "what do ya want for nothing?",
        },
        Vector {
            name: "RFC 4231 §4.3, by SHA-512",
            proof: hmac("x-signature", Algorithm::Sha512, Encoding::Hex, ""),
            key: "Jefe",
            headers: &[(
                "x-signature",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            )],
            body: "what do ya want for nothing?",
        },
        Vector {
            name: "RFC 4231 §4.3, as Shopify writes it",
            proof: Proof::Shopify,
            key: "Jefe",
            headers: &[("x-shopify-hmac-sha256", "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=")],
            body: "what do ya want for nothing?",
        },
        Vector {
            name: "RFC 4231 §4.3, as WooCommerce writes it",
            proof: Proof::WooCommerce,
            key: "Jefe",
            headers: &[("x-wc-webhook-signature", "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=")],
            body: "what do ya want for nothing?",
        },
        Vector {
            name: "RFC 4231 §4.3, as Marketplacer writes it",
            proof: Proof::Marketplacer,
            key: "Jefe",
            headers: &[("marketplacer-hmac-256", "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=")],
            body: "what do ya want for nothing?",
        },
        Vector {
            name: "RFC 6750 §2.1",
            proof: bearer("authorization"),
            key: "mF_9.B5f-4.1JqM",
            headers: &[("authorization", "Bearer mF_9.B5f-4.1JqM")],
            body: "{}",
        },
    ];
    for Vector { name, proof, key: secret, headers, body } in vectors {
        let request = sent(headers.iter().copied());
        assert_eq!(verify(&proof, &[key(secret)], &request, body.as_bytes(), at(NOW)), Ok(()), "{name}");
        let other = verify(&proof, &[key("another")], &request, body.as_bytes(), at(NOW)).unwrap_err();
        assert!(matches!(other, Refused::NoKeyFits | Refused::Unusable(_)), "{name}: {other:?}");
    }
}

/// Every scheme with a key that signs, one that verifies, and a key of somebody else.
fn schemes() -> Vec<(&'static str, Proof, Key, Key, Key)> {
    let plain = |name, proof| (name, proof, key("s3cr3t"), key("s3cr3t"), key("0ther"));
    vec![
        plain("sha1, hex", hmac("x-s", Algorithm::Sha1, Encoding::Hex, "")),
        plain("sha256, hex with prefix", hmac("x-s", Algorithm::Sha256, Encoding::Hex, "sha256=")),
        plain("sha512, base64", hmac("x-s", Algorithm::Sha512, Encoding::Base64, "")),
        plain("github", Proof::GitHub),
        plain("shopify", Proof::Shopify),
        plain("stripe", Proof::Stripe),
        plain("woocommerce", Proof::WooCommerce),
        plain("marketplacer", Proof::Marketplacer),
        ("standard-webhooks v1", Proof::StandardWebhooks, key(WHSEC), key(WHSEC), key(OTHER_WHSEC)),
        ("standard-webhooks v1a", Proof::StandardWebhooks, key(WHSK), key(WHPK), key(OTHER_WHSEC)),
        ("standard-webhooks v1a, with the private key", Proof::StandardWebhooks, key(WHSK), key(WHSK), key(WHSEC)),
    ]
}

const BODY: &[u8] = b"{\"total\": 199.9900, \"name\": \"M\xc3\xbcller\"}";

fn signed(proof: &Proof, key: &Key, body: &[u8]) -> Sent {
    sent(sign(proof, key, Event { id: "evt_1", at: at(NOW) }, body).unwrap())
}

#[test]
fn what_is_signed_is_accepted_and_nothing_else() {
    for (name, proof, signing, verifying, other) in schemes() {
        let good = signed(&proof, &signing, BODY);
        let check = |what: &str, keys: &[&Key], headers: &Sent, body: &[u8], accepted: bool| {
            let keys: Vec<Key> = keys.iter().copied().cloned().collect();
            let said = verify(&proof, &keys, headers, body, at(NOW));
            assert_eq!(said.is_ok(), accepted, "{name}, {what}: {said:?}");
        };
        check("as it was sent", &[&verifying], &good, BODY, true);
        check("beside another key", &[&other, &verifying], &good, BODY, true);
        check("before another key", &[&verifying, &other], &good, BODY, true);
        check("by another key", &[&other], &good, BODY, false);
        check("with no key at all", &[], &good, BODY, false);
        check("with the hash of a token", &[&Key::Hash([0; 32])], &good, BODY, false);
        check("without the header", &[&verifying], &Sent::default(), BODY, false);
        check("truncated", &[&verifying], &good, &BODY[..BODY.len() - 1], false);
        check("with a blank more", &[&verifying], &good, &[BODY, b" "].concat(), false);
        check("empty", &[&verifying], &good, b"", false);
        for place in 0..BODY.len() {
            let mut body = BODY.to_vec();
            body[place] ^= 1 << (place % 8);
            check("with another bit in the body", &[&verifying], &good, &body, false);
        }
        for (header, value) in &good.headers {
            for cut in 1..=value.len() {
                let mut headers = good.clone();
                headers.headers.insert(header.clone(), value[..value.len() - cut].to_vec());
                // Padding adds nothing to what base64 says.
                let only_padding = value[value.len() - cut..].iter().all(|byte| *byte == b'=');
                check(&format!("{header} cut by {cut}"), &[&verifying], &headers, BODY, only_padding);
            }
            for strange in [&b""[..], b"\xff\xfe", b"=", b",,,,", b"sha256=", b"t=,v1=", b"v1,", b"v1,!", b"Bearer "] {
                let mut headers = good.clone();
                headers.headers.insert(header.clone(), strange.to_vec());
                check(&format!("{header}: {strange:?}"), &[&verifying], &headers, BODY, false);
            }
        }
        let empty = signed(&proof, &signing, b"");
        check("of an empty body", &[&verifying], &empty, b"", true);
        let not_text = signed(&proof, &signing, b"\xff\x00\xfe");
        check("of a body that is no text", &[&verifying], &not_text, b"\xff\x00\xfe", true);
    }
}

#[test]
fn what_is_signed_with_a_time_holds_for_five_minutes() {
    for (name, proof, signing, verifying, _) in schemes() {
        let timed = matches!(proof, Proof::Stripe | Proof::StandardWebhooks);
        let request = signed(&proof, &signing, BODY);
        let check = |seconds: i64, expected: Result<(), Refused>| {
            let expected = if timed { expected } else { Ok(()) };
            let keys = std::slice::from_ref(&verifying);
            assert_eq!(verify(&proof, keys, &request, BODY, at(NOW + seconds)), expected, "{name}, {seconds} s");
        };
        check(300, Ok(()));
        check(301, Err(Refused::Stale(301)));
        check(86_400, Err(Refused::Stale(86_400)));
        check(-300, Ok(()));
        check(-301, Err(Refused::Early(301)));
    }
}

/// The time is part of what is signed, so it cannot be made newer.
#[test]
fn a_time_cannot_be_changed() {
    let check = |proof: &Proof, secret: &str, header: &str, change: &dyn Fn(&str) -> String| {
        let mut request = signed(proof, &key(secret), BODY);
        let value = String::from_utf8(request.headers[header].clone()).unwrap();
        let changed = change(&value);
        assert_ne!(changed, value);
        request.headers.insert(header.to_owned(), changed.clone().into_bytes());
        let said = verify(proof, &[key(secret)], &request, BODY, at(NOW));
        assert!(said.is_err(), "{changed}: {said:?}");
    };
    let later = |text: &str| text.replace("1614265330", "1614265331");
    let signed = |text: &str| text.replace("1614265330", "+1614265330");
    let huge = |text: &str| text.replace("1614265330", "99999999999999999999999");
    for change in [&later as &dyn Fn(&str) -> String, &signed, &huge] {
        check(&Proof::Stripe, "s", "stripe-signature", change);
        check(&Proof::StandardWebhooks, WHSEC, "webhook-timestamp", change);
    }
    check(&Proof::Stripe, "s", "stripe-signature", &|text| format!("t=1614265331,{text}"));
    check(&Proof::StandardWebhooks, WHSEC, "webhook-id", &|id| format!("{id}.2"));
}

/// Several secrets of the sender sign at once while they rotate.
#[test]
fn one_signature_of_several_is_enough() {
    let event = Event { id: "evt_1", at: at(NOW) };
    let by = |proof: &Proof, secret: &str| sign(proof, &key(secret), event, BODY).unwrap().pop().unwrap().1;

    let (_, v1) = by(&Proof::Stripe, "new").split_once(',').map(|(t, v1)| (t.to_owned(), v1.to_owned())).unwrap();
    let list = format!("{},{v1},v0={}", by(&Proof::Stripe, "old"), "00".repeat(32));
    let check = |secret: &str, list: &str, expected: Result<(), Refused>| {
        let request = sent([("stripe-signature", list)]);
        assert_eq!(verify(&Proof::Stripe, &[key(secret)], &request, BODY, at(NOW)), expected, "{secret}, {list}");
    };
    check("old", &list, Ok(()));
    check("new", &list, Ok(()));
    check("other", &list, Err(Refused::NoKeyFits));
    check("new", &list.replace("v1=", "v0="), Err(Refused::malformed("stripe-signature", stripe::EXPECTED)));
    let many = format!("{list}{}", format!(",{v1}").repeat(MOST_SIGNATURES));
    check("new", &many, Err(Refused::malformed("stripe-signature", stripe::EXPECTED)));

    let check = |secret: &str, list: &str, accepted: bool| {
        let request = sent([("webhook-id", "evt_1"), ("webhook-timestamp", "1614265330"), ("webhook-signature", list)]);
        let said = verify(&Proof::StandardWebhooks, &[key(secret)], &request, BODY, at(NOW));
        assert_eq!(said.is_ok(), accepted, "{secret}, {list}: {said:?}");
    };
    let (v1, v1a) = (by(&Proof::StandardWebhooks, WHSEC), by(&Proof::StandardWebhooks, WHSK));
    for list in [format!("{v1} {v1a}"), format!("{v1a} {v1}"), format!("v2,AAAA {v1a} {v1}")] {
        check(WHSEC, &list, true);
        check(WHPK, &list, true);
        check(OTHER_WHSEC, &list, false);
    }
    // A signature counts for the scheme that stands before it.
    check(WHSEC, &v1.replace("v1,", "v1a,"), false);
    check(WHPK, &v1a.replace("v1a,", "v1,"), false);
    check(WHSEC, &format!("{v1} ").repeat(MOST_SIGNATURES + 1), false);
}

#[test]
fn macs_are_written_in_several_ways() {
    let body = b"what do ya want for nothing?";
    let check = |encoding: Encoding, prefix: &str, value: &str, accepted: bool| {
        let request = sent([("x-s", value)]);
        let said = verify(&hmac("x-s", Algorithm::Sha256, encoding, prefix), &[key("Jefe")], &request, body, at(NOW));
        assert_eq!(said.is_ok(), accepted, "{encoding:?} {prefix} {value}: {said:?}");
    };
    let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    check(Encoding::Hex, "", hex, true);
    check(Encoding::Hex, "", &format!(" {hex} "), true);
    check(Encoding::Hex, "", &hex.to_uppercase(), true);
    check(Encoding::Hex, "", &hex[1..], false);
    check(Encoding::Hex, "", &format!("{hex}00"), false);
    check(Encoding::Hex, "", &format!("+{}", &hex[1..]), false);
    check(Encoding::Hex, "v1=", &format!("v1={hex}"), true);
    check(Encoding::Hex, "v1=", hex, false);
    check(Encoding::Hex, "", &format!("v1={hex}"), false);
    let base64 = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
    check(Encoding::Base64, "", base64, true);
    check(Encoding::Base64, "", base64.trim_end_matches('='), true);
    check(Encoding::Base64, "", &base64.replace('W', "V"), false);
    check(Encoding::Base64, "", hex, false);
    check(Encoding::Hex, "", base64, false);

    // A MAC that has both letters in which the alphabets differ.
    let (body, secret) = (1..)
        .map(|n: u32| n.to_string())
        .find_map(|body| {
            let (_, value) = mac::sign(&mac::SHOPIFY, &SecretString::from("s"), body.as_bytes());
            (value.contains('+') && value.contains('/')).then_some((body, value))
        })
        .unwrap();
    for value in [secret.clone(), secret.replace('+', "-").replace('/', "_"), secret.replace('+', "-").replace('=', "")]
    {
        let request = sent([("x-shopify-hmac-sha256", &value)]);
        assert_eq!(verify(&Proof::Shopify, &[key("s")], &request, body.as_bytes(), at(NOW)), Ok(()), "{value}");
    }
}

#[test]
fn tokens() {
    let hash = |token: &str| Key::Hash(Key::hash(token));
    let check = |proof: &Proof, keys: &[Key], request: &Sent, accepted: bool| {
        let said = verify(proof, keys, request, b"whatever", at(NOW));
        assert_eq!(said.is_ok(), accepted, "{proof:?} {keys:?} {request:?}: {said:?}");
    };
    let authorization = bearer("authorization");
    for keys in [[key("t0ken"), key("new")], [hash("t0ken"), hash("new")], [hash("new"), key("t0ken")]] {
        check(&authorization, &keys, &sent([("authorization", "Bearer t0ken")]), true);
        check(&authorization, &keys, &sent([("authorization", "bearer  new ")]), true);
        check(&authorization, &keys, &sent([("authorization", "t0ken")]), false);
        check(&authorization, &keys, &sent([("authorization", "Basic t0ken")]), false);
        check(&authorization, &keys, &sent([("authorization", "Bearer t0ke")]), false);
        check(&authorization, &keys, &sent([("authorization", "Bearer t0kenn")]), false);
        check(&authorization, &keys, &sent([("x-token", "t0ken")]), false);
        check(&bearer("x-token"), &keys, &sent([("x-token", "t0ken")]), true);
        check(&bearer("x-token"), &keys, &sent([("x-token", "Bearer t0ken")]), false);
    }
    check(&authorization, &[key("")], &sent([("authorization", "Bearer ")]), false);
    check(&authorization, &[], &sent([("authorization", "Bearer ")]), false);

    let query = |query: &str| Sent { query: Some(query.to_owned()), ..Sent::default() };
    let keys = [key("a+b/c")];
    check(&Proof::Commercetools, &keys, &sent([("authorization", "Bearer a+b/c")]), true);
    check(&Proof::Commercetools, &keys, &query("x=1&token=a%2Bb%2Fc"), true);
    check(&Proof::Commercetools, &keys, &query("token=a%2Bb"), false);
    check(&Proof::Commercetools, &keys, &query("tok=a%2Bb%2Fc"), false);
    check(&Proof::Commercetools, &keys, &Sent::default(), false);
    // The header decides where there is one.
    let both = Sent { query: Some("token=a%2Bb%2Fc".to_owned()), ..sent([("authorization", "Bearer x")]) };
    check(&Proof::Commercetools, &keys, &both, false);
    // No other proof looks at the query.
    check(&authorization, &keys, &query("token=a%2Bb%2Fc"), false);

    // A seller's webhook has no MAC. Where there is one, it decides.
    check(&Proof::Marketplacer, &keys, &sent([("authorization", "Bearer a+b/c")]), true);
    check(
        &Proof::Marketplacer,
        &keys,
        &sent([("authorization", "Bearer a+b/c"), ("marketplacer-hmac-256", "AAAA")]),
        false,
    );
}

/// Anybody could sign by an empty key.
#[test]
fn an_empty_secret_is_none() {
    for (name, proof, ..) in schemes() {
        let Ok(headers) = sign(&proof, &key(""), Event { id: "1", at: at(NOW) }, BODY) else { continue };
        assert_eq!(verify(&proof, &[key("")], &sent(headers), BODY, at(NOW)), Err(Refused::NoKeyFits), "{name}");
    }
}

/// A key that is none hides none that fits, and is said where nothing else does.
#[test]
fn a_key_that_is_none_is_said() {
    let request = signed(&Proof::StandardWebhooks, &key(WHSEC), BODY);
    let check = |keys: &[&str], expected: Result<(), Refused>| {
        let keys: Vec<Key> = keys.iter().map(|secret| key(secret)).collect();
        assert_eq!(verify(&Proof::StandardWebhooks, &keys, &request, BODY, at(NOW)), expected, "{keys:?}");
    };
    check(&["plain", WHSEC], Ok(()));
    check(&[OTHER_WHSEC, "plain"], Err(Refused::Unusable(NoSecret::Prefix)));
    check(&["whpk_AAAA"], Err(Refused::Unusable(NoSecret::Length { prefix: "whpk_", found: 3, expected: "32" })));
    check(&["whpk_!"], Err(Refused::Unusable(NoSecret::Base64("whpk_"))));
    check(&[&format!("whpk_Ag{}=", "A".repeat(41))], Err(Refused::Unusable(NoSecret::NoPoint)));
}

#[test]
fn what_cannot_sign_says_so() {
    let event = Event { id: "1", at: at(NOW) };
    let check = |proof: &Proof, key: &Key, expected: &str| {
        assert_eq!(sign(proof, key, event, BODY).unwrap_err().to_string(), expected);
    };
    check(&bearer("authorization"), &Key::Hash([0; 32]), "only the hash of the token is known, and no secret");
    check(&Proof::StandardWebhooks, &key("plain"), "found neither whsec_ nor whsk_ at its beginning");
    check(&Proof::StandardWebhooks, &key(WHPK), "found a public key (whpk_…), expected the private one (whsk_…)");
    assert_eq!(sign(&Proof::None, &Key::Hash([0; 32]), event, BODY), Ok(Vec::new()));
}

/// What goes to the log names headers and seconds, and never what was in them.
#[test]
fn reasons_hold_nothing_of_the_request() {
    for (name, proof, _, verifying, _) in schemes() {
        for value in ["sha256=c0ffee", "t=1,v1=c0ffee", "v1,c0ffee", "c0ffee"] {
            let mut headers = signed(&proof, &key(WHSK), BODY);
            headers.headers.values_mut().for_each(|header| *header = value.into());
            let why = verify(&proof, std::slice::from_ref(&verifying), &headers, BODY, at(NOW)).unwrap_err();
            assert!(!format!("{why} {why:?}").contains("c0ffee"), "{name}: {why}");
        }
    }
}
