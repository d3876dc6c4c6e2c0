//! Signatures after Standard Webhooks (<https://www.standardwebhooks.com>): how a receiver knows that a delivery came from
//! this hub, unchanged and just now.
//!
//! What is signed is `<webhook-id>.<webhook-timestamp>.<body>`, byte by byte as it is sent. `v1` is HMAC-SHA256 with a secret
//! that both sides have; `v1a` is Ed25519, where the receiver has only the public key. The header holds one signature for
//! each secret, separated by blanks, so that a secret can be replaced without a delivery that its receiver refuses.
//!
//! A secret is either given (a `whsec_…` or `whsk_…` that somebody keeps, by reference) or derived: HKDF-SHA256 over the
//! store's own key, the endpoint's name and a generation (docs/adr/0026-derived-secrets.md).
//!
//! The same scheme comes in with webhooks ([`crate::webhook::proof`]), where a [`Verifier`] is the other side of a secret.
//! Tests of what goes out leave verifying to the official libraries.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer as _, SigningKey as Ed25519Key, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString, zeroize::Zeroizing};
use sha2::Sha256;

use crate::{
    Timestamp,
    id::EndpointName,
    port::{PortError, SigningKey},
};

/// How a signature is made, as it stands before the comma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HMAC-SHA256.
    V1,
    /// Ed25519.
    V1a,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1a => "v1a",
        }
    }

    /// What a secret that signs so begins with.
    fn prefix(self) -> &'static str {
        match self {
            Self::V1 => "whsec_",
            Self::V1a => "whsk_",
        }
    }
}

/// With its prefix, for errors.
impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}…)", self.as_str(), self.prefix())
    }
}

/// Before the key that receivers verify `v1a` with.
const PUBLIC: &str = "whpk_";
/// Bytes of a `v1` secret (Standard Webhooks, "Signature scheme").
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// Bytes of a secret that is made here: as many as SHA-256 gives, and as an Ed25519 seed has.
pub const SECRET_BYTES: usize = 32;

/// One secret that signs.
#[derive(Clone)]
pub struct Secret(Kind);

#[derive(Clone)]
enum Kind {
    Hmac(SecretSlice<u8>),
    /// Wiped when it is dropped.
    Ed25519(Box<Ed25519Key>),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.scheme().as_str())
    }
}

/// Why a text is no secret; never with any of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSecret {
    #[error("found neither whsec_ nor whsk_ at its beginning")]
    Prefix,
    #[error("found a public key (whpk_…), expected the private one (whsk_…)")]
    Public,
    #[error("found something other than base64 behind {0}")]
    Base64(&'static str),
    #[error("found {found} bytes behind {prefix}, expected {expected}")]
    Length { prefix: &'static str, found: usize, expected: &'static str },
    #[error("found two halves behind whsk_ that do not belong together")]
    Halves,
    #[error("found no point of the curve behind whpk_")]
    NoPoint,
}

impl Secret {
    /// Reads `whsec_` and base64 of 24 to 64 bytes, or `whsk_` and base64 of an Ed25519 key: its seed (32 bytes), or the
    /// seed and the public key (64).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &SecretString) -> Result<Self, NoSecret> {
        let text = text.expose_secret().trim_ascii();
        let decoded = |scheme: Scheme, base64: &str| {
            BASE64.decode(base64).map(Zeroizing::new).map_err(|_| NoSecret::Base64(scheme.prefix()))
        };
        if let Some(base64) = text.strip_prefix(Scheme::V1.prefix()) {
            let bytes = decoded(Scheme::V1, base64)?;
            match LENGTHS.contains(&bytes.len()) {
                true => Ok(Self(Kind::Hmac(SecretSlice::from(bytes.to_vec())))),
                false => Err(Self::length(Scheme::V1, bytes.len(), "24 to 64")),
            }
        } else if let Some(base64) = text.strip_prefix(Scheme::V1a.prefix()) {
            let bytes = decoded(Scheme::V1a, base64)?;
            let key = if let Ok(seed) = bytes.as_slice().try_into() {
                Ed25519Key::from_bytes(seed)
            } else if let Ok(pair) = bytes.as_slice().try_into() {
                Ed25519Key::from_keypair_bytes(pair).map_err(|_| NoSecret::Halves)?
            } else {
                return Err(Self::length(Scheme::V1a, bytes.len(), "32 or 64"));
            };
            Ok(Self(Kind::Ed25519(Box::new(key))))
        } else if text.starts_with(PUBLIC) {
            Err(NoSecret::Public)
        } else {
            Err(NoSecret::Prefix)
        }
    }

    fn length(scheme: Scheme, found: usize, expected: &'static str) -> NoSecret {
        NoSecret::Length { prefix: scheme.prefix(), found, expected }
    }

    /// The endpoint's secret of this generation: the same whenever it is asked for, and telling nothing of any other.
    ///
    /// # Errors
    /// None that is known of: HKDF gives far more bytes than are asked for.
    pub fn derived(
        key: &SigningKey,
        endpoint: &EndpointName,
        generation: u32,
        scheme: Scheme,
    ) -> Result<Self, PortError> {
        // A name holds no NUL, so no two secrets share an info.
        let info = [
            b"crossdock webhook secret\0",
            scheme.as_str().as_bytes(),
            b"\0",
            endpoint.as_str().as_bytes(),
            b"\0",
            &generation.to_be_bytes(),
        ]
        .concat();
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        Hkdf::<Sha256>::new(None, key.expose())
            .expand(&info, bytes.as_mut_slice())
            .map_err(|error| PortError::permanent(format!("the secret of {endpoint} cannot be derived: {error}")))?;
        Ok(Self::of_bytes(scheme, &bytes))
    }

    /// Of bytes that nobody can guess.
    pub fn of_bytes(scheme: Scheme, bytes: &[u8; SECRET_BYTES]) -> Self {
        Self(match scheme {
            Scheme::V1 => Kind::Hmac(SecretSlice::from(bytes.to_vec())),
            Scheme::V1a => Kind::Ed25519(Box::new(Ed25519Key::from_bytes(bytes))),
        })
    }

    pub fn scheme(&self) -> Scheme {
        match self.0 {
            Kind::Hmac(_) => Scheme::V1,
            Kind::Ed25519(_) => Scheme::V1a,
        }
    }

    /// As it is kept and given to others: `whsec_…`, or `whsk_…` with the public key as its second half.
    pub fn written(&self) -> SecretString {
        let bytes = match &self.0 {
            Kind::Hmac(secret) => Zeroizing::new(secret.expose_secret().to_vec()),
            Kind::Ed25519(key) => Zeroizing::new(key.to_keypair_bytes().to_vec()),
        };
        SecretString::from(format!("{}{}", self.scheme().prefix(), BASE64.encode(&*bytes)))
    }

    /// What receivers verify `v1a` with: `whpk_…`. It is no secret.
    pub fn public(&self) -> Option<String> {
        match &self.0 {
            Kind::Hmac(_) => None,
            Kind::Ed25519(key) => Some(format!("{PUBLIC}{}", BASE64.encode(key.verifying_key().as_bytes()))),
        }
    }

    fn sign(&self, signed: &[u8]) -> String {
        let signature = match &self.0 {
            Kind::Hmac(secret) => hmac(secret, signed).finalize().into_bytes().to_vec(),
            Kind::Ed25519(key) => key.sign(signed).to_bytes().to_vec(),
        };
        format!("{},{}", self.scheme().as_str(), BASE64.encode(signature))
    }
}

fn hmac(secret: &SecretSlice<u8>, signed: &[u8]) -> Hmac<Sha256> {
    // HMAC fills a key up with zeros to the hash's block (RFC 2104 §2), which no secret is longer than.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(secret.expose_secret()).for_each(|(to, from)| *to = *from);
    Hmac::<Sha256>::new((&*block).into()).chain_update(signed)
}

/// What verifies the signatures of one secret: the secret itself (`v1`), or a public key (`v1a`).
pub struct Verifier(Check);

enum Check {
    Hmac(SecretSlice<u8>),
    Ed25519(Box<VerifyingKey>),
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

impl Verifier {
    /// Reads what [`Secret::parse`] reads, and `whpk_` with base64 of an Ed25519 public key (32 bytes).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &SecretString) -> Result<Self, NoSecret> {
        let Some(base64) = text.expose_secret().trim_ascii().strip_prefix(PUBLIC) else {
            return Ok(Self(match Secret::parse(text)?.0 {
                Kind::Hmac(secret) => Check::Hmac(secret),
                Kind::Ed25519(key) => Check::Ed25519(Box::new(key.verifying_key())),
            }));
        };
        let bytes = BASE64.decode(base64).map_err(|_| NoSecret::Base64(PUBLIC))?;
        let Ok(bytes) = <[u8; SECRET_BYTES]>::try_from(bytes.as_slice()) else {
            return Err(NoSecret::Length { prefix: PUBLIC, found: bytes.len(), expected: "32" });
        };
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| NoSecret::NoPoint)?;
        Ok(Self(Check::Ed25519(Box::new(key))))
    }

    /// Whether this is the signature of it by that scheme. Of `v1`, in a time that does not depend on where it is not.
    pub fn fits(&self, scheme: Scheme, signed: &[u8], signature: &[u8]) -> bool {
        match (&self.0, scheme) {
            (Check::Hmac(secret), Scheme::V1) => hmac(secret, signed).verify_slice(signature).is_ok(),
            // Strict: keys and signatures of small order, which fit more than one text, are refused.
            (Check::Ed25519(key), Scheme::V1a) => {
                Signature::from_slice(signature).is_ok_and(|signature| key.verify_strict(signed, &signature).is_ok())
            }
            _ => false,
        }
    }
}

/// The value of `webhook-signature`: a signature by each secret, in their order. `at` is the time of the attempt, to the
/// second as in `webhook-timestamp`.
pub fn signatures(secrets: &[Secret], webhook_id: &str, at: Timestamp, body: &[u8]) -> SecretString {
    let signed = [format!("{webhook_id}.{}.", at.as_second()).as_bytes(), body].concat();
    let signatures: Vec<String> = secrets.iter().map(|secret| secret.sign(&signed)).collect();
    SecretString::from(signatures.join(" "))
}

#[cfg(test)]
mod tests;
