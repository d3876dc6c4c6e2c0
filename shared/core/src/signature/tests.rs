use super::*;

/// The example of the specification: the secret, the message, and the signature that its libraries are tested with.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const BODY: &str = r#"{"test": 2432232314}"#;

fn at() -> Timestamp {
    Timestamp::from_second(1_614_265_330).unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::parse(&SecretString::from(text)).unwrap()
}

fn signed(secrets: &[Secret]) -> String {
    signatures(secrets, ID, at(), BODY.as_bytes()).expose_secret().to_owned()
}

#[test]
fn v1_as_the_specification_has_it() {
    assert_eq!(signed(&[secret(SECRET)]), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

/// RFC 8032 §7.1, test 1: the seed, the public key, and the signature of nothing.
#[test]
fn v1a_is_ed25519() {
    let seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    let public = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let key = secret(&format!("whsk_{seed}"));
    assert_eq!(key.public().unwrap(), format!("whpk_{public}"));
    let expected = "v1a,5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv18FlbviRlUUFDjnoQCw==";
    assert_eq!(key.sign(b""), expected);
}

#[test]
fn every_secret_signs_in_its_order() {
    let other = Secret::of_bytes(Scheme::V1a, &[7; SECRET_BYTES]);
    let (first, second) = (signed(&[secret(SECRET)]), signed(std::slice::from_ref(&other)));
    assert!(second.starts_with("v1a,"));
    assert_eq!(signed(&[secret(SECRET), other]), format!("{first} {second}"));
}

#[test]
fn what_is_signed_is_id_time_and_body() {
    let secrets = [secret(SECRET)];
    let later = Timestamp::from_second(1_614_265_331).unwrap();
    let same_second = "2021-02-25T15:02:10.9Z".parse().unwrap();
    let first = signed(&secrets);
    for (id, at, body, same) in [
        (ID, at(), BODY, true),
        (ID, same_second, BODY, true),
        ("msg_p5jXN8AQM9LWM0D4loKWxJek.2", at(), BODY, false),
        (ID, later, BODY, false),
        (ID, at(), r#"{"test": 2432232315}"#, false),
    ] {
        let signature = signatures(&secrets, id, at, body.as_bytes());
        assert_eq!(signature.expose_secret() == first, same, "{id} {at} {body}");
    }
}

#[test]
fn a_secret_is_written_as_it_was_read() {
    for text in [
        SECRET,
        &format!("whsec_{}", BASE64.encode([0; 64])),
        "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==",
    ] {
        assert_eq!(secret(text).written().expose_secret(), text);
        assert_eq!(secret(&format!(" {text}\n")).written().expose_secret(), text);
    }
    let seed = secret("whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=").written();
    assert_eq!(seed.expose_secret().len(), "whsk_".len() + 88, "the whole pair");
}

#[test]
fn what_is_no_secret_is_told_without_showing_it() {
    let check = |text: &str, expected: &str| {
        let error = Secret::parse(&SecretString::from(text)).unwrap_err();
        assert_eq!(error.to_string(), expected);
        let hidden = text.split('_').next_back().unwrap();
        assert!(hidden.is_empty() || !format!("{error:?} {error}").contains(hidden), "{error:?}");
    };
    check("", "found neither whsec_ nor whsk_ at its beginning");
    check("hunter2hunter2hunter2hunter2", "found neither whsec_ nor whsk_ at its beginning");
    check("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "found neither whsec_ nor whsk_ at its beginning");
    check("whsec_hunter2 hunter2", "found something other than base64 behind whsec_");
    check("whsk_!", "found something other than base64 behind whsk_");
    check("whsec_", "found 0 bytes behind whsec_, expected 24 to 64");
    check(&format!("whsec_{}", BASE64.encode([0; 23])), "found 23 bytes behind whsec_, expected 24 to 64");
    check(&format!("whsec_{}", BASE64.encode([0; 65])), "found 65 bytes behind whsec_, expected 24 to 64");
    check("whsk_AAAA", "found 3 bytes behind whsk_, expected 32 or 64");
    check(&format!("whsk_{}", BASE64.encode([7; 64])), "found two halves behind whsk_ that do not belong together");
    check(
        "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        "found a public key (whpk_…), expected the private one (whsk_…)",
    );
}

/// These are in receivers' hands: they must be the same for ever. Worked out with Python's `hmac` and Node's `crypto`.
#[test]
fn derived_secrets_never_change() {
    let derived = |key: u8, endpoint: &str, generation, scheme| {
        Secret::derived(&SigningKey::new([key; 32]), &endpoint.parse().unwrap(), generation, scheme).unwrap()
    };
    let written = |key, endpoint, generation, scheme| {
        derived(key, endpoint, generation, scheme).written().expose_secret().to_owned()
    };
    assert_eq!(written(7, "mail", 1, Scheme::V1), "whsec_Ln4SxjysoxFO0MFVzbl2YqFA1wep98ECeGFn9slyoWM=");
    assert_eq!(
        derived(7, "mail", 1, Scheme::V1a).public().unwrap(),
        "whpk_L8q4wULuBKFJ2NEQ2rsgdD9zDIFDu3CC5/bS+uRQGDU="
    );
    let all = [
        written(7, "mail", 1, Scheme::V1),
        written(7, "mail", 2, Scheme::V1),
        written(7, "books", 1, Scheme::V1),
        written(8, "mail", 1, Scheme::V1),
        written(7, "mail", 1, Scheme::V1a),
    ];
    let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn a_secret_is_not_printed() {
    assert_eq!(format!("{:?}", secret(SECRET)), "Secret(v1)");
    assert_eq!(format!("{:?}", Secret::of_bytes(Scheme::V1a, &[7; 32])), "Secret(v1a)");
    assert!(!format!("{:?}", signatures(&[secret(SECRET)], ID, at(), BODY.as_bytes())).contains("v1,"));
}
