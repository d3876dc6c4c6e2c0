//! How a request proves where it comes from.
//!
//! What is verified is the body byte by byte as it came, before anything reads it. Any one of a webhook's keys that fits
//! is enough, so that secrets rotate without a request refused; all of them are tried, and each comparison takes as long
//! whether it fits or not. Where the provider signs a time, a request that is older than five minutes, or that far ahead
//! of this clock, is refused: what was overheard cannot be sent again later.
//!
//! Where the provider signs the body alone (GitHub, Shopify, WooCommerce, Marketplacer, most generic ones) or sends a
//! token, nothing here can tell a replay: event ids and the versions of objects make it harmless.
//!
//! Deliberately absent: tokens that are verified with keys from the network (OpenID Connect, as Pub/Sub can send them),
//! lists of senders' addresses, and anything that says to the outside which of the reasons it was
//! (docs/adr/0033-proofs.md).

mod bearer;
mod mac;
pub(super) mod standard_webhooks;
mod stripe;
#[cfg(test)]
mod tests;

use secrecy::SecretString;
use sha2::{Digest, Sha256};

use crate::{Timestamp, signature::NoSecret};

/// A request is refused that was signed longer ago than this, or is that far ahead. Stripe and Standard Webhooks both
/// name five minutes.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Signatures in one header that are looked at: a sender has one for each of its live secrets. More are refused, because
/// each costs as much as hashing the body.
const MOST_SIGNATURES: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A token in a header.
    Bearer(BearerProof),
    /// A MAC of the raw body in a header.
    Hmac(HmacProof),
    /// <https://www.standardwebhooks.com>: `v1` and `v1a`.
    StandardWebhooks,
    GitHub,
    Shopify,
    Stripe,
    WooCommerce,
    /// A MAC of the body where there is one (operators), else a bearer token that was put into the webhook's headers.
    Marketplacer,
    /// What passes its notifications on can be told a token: as `authorization`, or as `token` in the query of the URL.
    Commercetools,
    /// It came through a queue or a bus of the account's own.
    None,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerProof {
    /// In lower case. After `authorization` stands `Bearer `, after any other the token alone.
    pub header: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HmacProof {
    /// In lower case.
    pub header: String,
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    /// Before the encoded MAC.
    pub prefix: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// As some still sign. A MAC by it cannot be forged, other than signatures over its hash alone.
    Sha1,
    #[default]
    Sha256,
    Sha512,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// In either case.
    #[default]
    Hex,
    /// In either alphabet (RFC 4648 §4 and §5), with and without padding.
    Base64,
}

/// What a request is proven with.
#[derive(Debug, Clone)]
pub enum Key {
    Secret(SecretString),
    /// SHA-256 of a bearer token.
    Hash([u8; 32]),
}

impl Key {
    /// What the hub knows of a bearer token: its SHA-256.
    pub fn hash(token: &str) -> [u8; 32] {
        Sha256::digest(token).into()
    }
}

/// What of a request a proof looks at, beside the body.
pub trait Headers {
    /// The first header of that lower-case name.
    fn header(&self, name: &str) -> Option<&[u8]>;

    /// What stands behind the `?` of the URL.
    fn query(&self) -> Option<&str> {
        None
    }
}

/// Names in lower case.
impl Headers for Vec<(String, String)> {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_bytes())
    }
}

/// Why a request is refused. For logs and tests: the answer is the same for all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("it has no {0}")]
    Missing(String),
    #[error("its {header} is malformed: expected {expected}")]
    Malformed { header: String, expected: &'static str },
    #[error("it was signed {0} s ago, which is more than {TOLERANCE_SECONDS} s")]
    Stale(i64),
    #[error("it was signed {0} s in the future, which is more than {TOLERANCE_SECONDS} s")]
    Early(i64),
    #[error("no key of the webhook fits")]
    NoKeyFits,
    /// Only where no other key fits.
    #[error("no key of the webhook fits, and one of them is none: {0}")]
    Unusable(NoSecret),
}

impl Refused {
    fn missing(name: &str) -> Self {
        Self::Missing(name.to_owned())
    }

    fn malformed(header: &str, expected: &'static str) -> Self {
        Self::Malformed { header: header.to_owned(), expected }
    }
}

/// What is said of an event that is to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    pub id: &'a str,
    pub at: Timestamp,
}

/// Why nothing can be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    #[error("only the hash of the token is known, and no secret")]
    Hash,
    #[error(transparent)]
    NoSecret(#[from] NoSecret),
}

/// Any one of the keys that fits is enough; all are tried, in constant time.
///
/// # Errors
/// Why it is refused.
pub fn verify(proof: &Proof, keys: &[Key], headers: &impl Headers, body: &[u8], now: Timestamp) -> Result<(), Refused> {
    match proof {
        Proof::Bearer(proof) => bearer::verify(&bearer::in_header(headers, &proof.header)?, keys),
        Proof::Hmac(proof) => mac::verify(&mac::Scheme::of(proof), keys, headers, body),
        Proof::GitHub => mac::verify(&mac::GITHUB, keys, headers, body),
        Proof::Shopify => mac::verify(&mac::SHOPIFY, keys, headers, body),
        Proof::WooCommerce => mac::verify(&mac::WOOCOMMERCE, keys, headers, body),
        Proof::Marketplacer if headers.header(mac::MARKETPLACER.header).is_some() => {
            mac::verify(&mac::MARKETPLACER, keys, headers, body)
        }
        Proof::Marketplacer => bearer::verify(&bearer::in_header(headers, bearer::AUTHORIZATION)?, keys),
        Proof::Commercetools => bearer::verify(&bearer::in_header_or_query(headers)?, keys),
        Proof::StandardWebhooks => standard_webhooks::verify(keys, headers, body, now),
        Proof::Stripe => stripe::verify(keys, headers, body, now),
        Proof::None => Ok(()),
    }
}

/// The headers that prove it, as the provider would send them: for trying out, tests and benches.
///
/// # Errors
/// The key cannot sign.
pub fn sign(proof: &Proof, key: &Key, event: Event<'_>, body: &[u8]) -> Result<Vec<(String, String)>, CannotSign> {
    let secret = match (proof, key) {
        (Proof::None, _) => return Ok(Vec::new()),
        (_, Key::Hash(_)) => return Err(CannotSign::Hash),
        (_, Key::Secret(secret)) => secret,
    };
    Ok(match proof {
        Proof::Bearer(proof) => vec![bearer::sign(&proof.header, secret)],
        Proof::Commercetools => vec![bearer::sign(bearer::AUTHORIZATION, secret)],
        Proof::Hmac(proof) => vec![mac::sign(&mac::Scheme::of(proof), secret, body)],
        Proof::GitHub => vec![mac::sign(&mac::GITHUB, secret, body)],
        Proof::Shopify => vec![mac::sign(&mac::SHOPIFY, secret, body)],
        Proof::WooCommerce => vec![mac::sign(&mac::WOOCOMMERCE, secret, body)],
        Proof::Marketplacer => vec![mac::sign(&mac::MARKETPLACER, secret, body)],
        Proof::StandardWebhooks => standard_webhooks::sign(secret, event, body)?,
        Proof::Stripe => vec![stripe::sign(secret, event.at, body)],
        Proof::None => Vec::new(),
    })
}

/// A header as text.
fn text<'a>(headers: &'a impl Headers, name: &str, expected: &'static str) -> Result<&'a str, Refused> {
    let value = headers.header(name).ok_or_else(|| Refused::missing(name))?;
    std::str::from_utf8(value).map_err(|_| Refused::malformed(name, expected))
}

/// Seconds since 1970 in plain digits.
fn seconds(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn recent(signed: i64, now: Timestamp) -> Result<(), Refused> {
    match now.as_second().saturating_sub(signed) {
        ago if ago > TOLERANCE_SECONDS => Err(Refused::Stale(ago)),
        ago if ago < -TOLERANCE_SECONDS => Err(Refused::Early(-ago)),
        _ => Ok(()),
    }
}

/// Whether any fits, each of which was tried.
fn any(fits: impl Iterator<Item = bool>) -> Result<(), Refused> {
    // No short cut: `|` looks at every one.
    if fits.fold(false, |any, fits| any | fits) { Ok(()) } else { Err(Refused::NoKeyFits) }
}
