//! A token that only the two sides know. It says nothing of the body, so it is the weakest proof here, and for some
//! providers the only one.
//!
//! What came and what is expected are both hashed before they are compared, so that not even the length can be told from
//! the time it takes, and so that a hub file can hold the hash of a token.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::form_urlencoded;

use super::{Headers, Key, Refused, any};

pub(super) const AUTHORIZATION: &str = "authorization";
/// In the query, for what can be told a URL and nothing else.
const PARAMETER: &str = "token";

/// Behind `Bearer ` (RFC 6750 §2.1; the scheme in any case, RFC 9110 §11.1) where the header is `authorization`, else all
/// of the header.
pub(super) fn in_header<'a>(headers: &'a impl Headers, name: &str) -> Result<Cow<'a, [u8]>, Refused> {
    let value = headers.header(name).ok_or_else(|| Refused::missing(name))?.trim_ascii();
    if name != AUTHORIZATION {
        return Ok(value.into());
    }
    let scheme = value.split_at_checked(BEARER.len()).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(BEARER));
    let (_, token) = scheme.ok_or_else(|| Refused::malformed(name, "Bearer and a token"))?;
    Ok(token.trim_ascii().into())
}

const BEARER: &[u8] = b"Bearer ";

/// The header where there is one.
pub(super) fn in_header_or_query(headers: &impl Headers) -> Result<Cow<'_, [u8]>, Refused> {
    if headers.header(AUTHORIZATION).is_some() {
        return in_header(headers, AUTHORIZATION);
    }
    let query = headers.query().unwrap_or_default();
    let found = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == PARAMETER);
    let (_, token) = found.ok_or_else(|| Refused::missing("authorization, and no token in its query"))?;
    Ok(token.into_owned().into_bytes().into())
}

pub(super) fn verify(token: &[u8], keys: &[Key]) -> Result<(), Refused> {
    let found: [u8; 32] = Sha256::digest(token).into();
    any(keys.iter().map(|key| {
        let expected = match key {
            Key::Hash(hash) => *hash,
            Key::Secret(secret) => Sha256::digest(secret.expose_secret().as_bytes()).into(),
        };
        // An empty secret is a mistake, and no token.
        let is_empty = matches!(key, Key::Secret(secret) if secret.expose_secret().is_empty());
        bool::from(found.ct_eq(&expected)) & !is_empty
    }))
}

pub(super) fn sign(header: &str, secret: &SecretString) -> (String, String) {
    let scheme = if header == AUTHORIZATION { "Bearer " } else { "" };
    (header.to_owned(), format!("{scheme}{}", secret.expose_secret()))
}
