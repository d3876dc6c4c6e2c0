//! Stripe (<https://docs.stripe.com/webhooks/signature>): `Stripe-Signature: t=<seconds>,v1=<hex>,v1=<hex>`, where each
//! `v1` is HMAC-SHA256 of `<seconds>.<body>` by one of the endpoint's secrets: two of them for a day after one was rolled.
//! The whole of `whsec_…` is the key, not what its base64 stands for. Other schemes, such as the `v0` of tests, are passed
//! over, as Stripe asks.

use secrecy::SecretString;

use super::{
    Algorithm, Headers, Key, MOST_SIGNATURES, Refused, any,
    mac::{fits, from_hex, made},
    recent, seconds, text,
};
use crate::{Timestamp, id::hex};

const HEADER: &str = "stripe-signature";
pub(super) const EXPECTED: &str = "one t=<seconds since 1970> and 1 to 8 of v1=<hex> with commas between them";

pub(super) fn verify(keys: &[Key], headers: &impl Headers, body: &[u8], now: Timestamp) -> Result<(), Refused> {
    let malformed = || Refused::malformed(HEADER, EXPECTED);
    let parts = text(headers, HEADER, EXPECTED)?.split(',').filter_map(|part| part.trim().split_once('='));
    let (mut times, mut found) = (Vec::new(), Vec::new());
    for (name, value) in parts {
        match name {
            "t" => times.push(value),
            "v1" => found.push(from_hex(value.as_bytes()).ok_or_else(malformed)?),
            _ => {}
        }
    }
    let [time] = times[..] else { return Err(malformed()) };
    if found.is_empty() || found.len() > MOST_SIGNATURES {
        return Err(malformed());
    }
    recent(seconds(time).ok_or_else(malformed)?, now)?;
    let signed = [time.as_bytes(), b".", body];
    any(keys
        .iter()
        .flat_map(|key| found.iter().map(move |mac| (key, mac)))
        .map(|(key, mac)| fits(Algorithm::Sha256, key, &signed, mac)))
}

pub(super) fn sign(secret: &SecretString, at: Timestamp, body: &[u8]) -> (String, String) {
    let time = at.as_second().to_string();
    let mac = made(Algorithm::Sha256, secret, &[time.as_bytes(), b".", body]);
    (HEADER.to_owned(), format!("t={time},v1={}", hex(&mac)))
}
