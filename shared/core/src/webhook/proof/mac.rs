//! HMAC (RFC 2104) of the raw body in a header, as most providers sign: which hash, how it is written and what stands
//! before it differ.

use std::borrow::Cow;

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::{Algorithm, Encoding, Headers, HmacProof, Key, Refused, any};
use crate::id::hex;

pub(super) struct Scheme<'a> {
    pub(super) header: &'a str,
    algorithm: Algorithm,
    encoding: Encoding,
    prefix: &'a str,
}

impl<'a> Scheme<'a> {
    pub(super) fn of(proof: &'a HmacProof) -> Self {
        let HmacProof { header, algorithm, encoding, prefix } = proof;
        Self { header, algorithm: *algorithm, encoding: *encoding, prefix }
    }

    const fn sha256(header: &'a str, encoding: Encoding, prefix: &'a str) -> Self {
        Self { header, algorithm: Algorithm::Sha256, encoding, prefix }
    }
}

/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
pub(super) const GITHUB: Scheme<'static> = Scheme::sha256("x-hub-signature-256", Encoding::Hex, "sha256=");
/// <https://shopify.dev/docs/apps/build/webhooks/subscribe/https>
pub(super) const SHOPIFY: Scheme<'static> = Scheme::sha256("x-shopify-hmac-sha256", Encoding::Base64, "");
/// `WC_Webhook::generate_signature` of WooCommerce.
pub(super) const WOOCOMMERCE: Scheme<'static> = Scheme::sha256("x-wc-webhook-signature", Encoding::Base64, "");
/// <https://dev.marketplacer.com/docs/webhooks/securingwebhooks/>, option 2.
pub(super) const MARKETPLACER: Scheme<'static> = Scheme::sha256("marketplacer-hmac-256", Encoding::Base64, "");

pub(super) fn verify(scheme: &Scheme<'_>, keys: &[Key], headers: &impl Headers, body: &[u8]) -> Result<(), Refused> {
    let value = headers.header(scheme.header).ok_or_else(|| Refused::missing(scheme.header))?.trim_ascii();
    let expected = match scheme.encoding {
        Encoding::Hex => "its prefix and a MAC in hex",
        Encoding::Base64 => "its prefix and a MAC in base64",
    };
    let encoded = value.strip_prefix(scheme.prefix.as_bytes());
    let mac = encoded.and_then(|encoded| match scheme.encoding {
        Encoding::Hex => from_hex(encoded),
        Encoding::Base64 => from_base64(encoded),
    });
    let mac = mac.ok_or_else(|| Refused::malformed(scheme.header, expected))?;
    any(keys.iter().map(|key| fits(scheme.algorithm, key, &[body], &mac)))
}

pub(super) fn sign(scheme: &Scheme<'_>, secret: &SecretString, body: &[u8]) -> (String, String) {
    let mac = made(scheme.algorithm, secret, &[body]);
    let encoded = match scheme.encoding {
        Encoding::Hex => hex(&mac),
        Encoding::Base64 => general_purpose::STANDARD.encode(mac),
    };
    (scheme.header.to_owned(), format!("{}{encoded}", scheme.prefix))
}

/// Whether this is the MAC of the parts one after the other, by this key; in a time that does not depend on where it is
/// not. A MAC that was cut short never fits.
pub(super) fn fits(algorithm: Algorithm, key: &Key, parts: &[&[u8]], mac: &[u8]) -> bool {
    let Key::Secret(secret) = key else { return false };
    let secret = secret.expose_secret().as_bytes();
    // Anybody can make a MAC by an empty key.
    let fits = match algorithm {
        Algorithm::Sha1 => over::<Hmac<Sha1>>(secret, parts).is_some_and(|hmac| hmac.verify_slice(mac).is_ok()),
        Algorithm::Sha256 => over::<Hmac<Sha256>>(secret, parts).is_some_and(|hmac| hmac.verify_slice(mac).is_ok()),
        Algorithm::Sha512 => over::<Hmac<Sha512>>(secret, parts).is_some_and(|hmac| hmac.verify_slice(mac).is_ok()),
    };
    fits & !secret.is_empty()
}

pub(super) fn made(algorithm: Algorithm, secret: &SecretString, parts: &[&[u8]]) -> Vec<u8> {
    fn bytes<M: Mac + KeyInit>(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        over::<M>(secret, parts).map(|hmac| hmac.finalize().into_bytes().to_vec()).unwrap_or_default()
    }
    let secret = secret.expose_secret().as_bytes();
    match algorithm {
        Algorithm::Sha1 => bytes::<Hmac<Sha1>>(secret, parts),
        Algorithm::Sha256 => bytes::<Hmac<Sha256>>(secret, parts),
        Algorithm::Sha512 => bytes::<Hmac<Sha512>>(secret, parts),
    }
}

/// Always there: a key of any length is one (RFC 2104 §3).
fn over<M: Mac + KeyInit>(secret: &[u8], parts: &[&[u8]]) -> Option<M> {
    let hmac = <M as KeyInit>::new_from_slice(secret).ok()?;
    Some(parts.iter().fold(hmac, |hmac, part| hmac.chain_update(part)))
}

/// In either case.
pub(super) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok());
    if rest.is_empty() { bytes.collect() } else { None }
}

/// In either alphabet, with and without padding.
pub(super) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const BASE64: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
    let is_of_urls = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let standard = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    let text: Cow<'_, [u8]> = if is_of_urls { text.iter().map(standard).collect() } else { text.into() };
    BASE64.decode(text).ok()
}
