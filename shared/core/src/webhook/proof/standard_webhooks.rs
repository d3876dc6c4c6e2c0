//! Standard Webhooks (<https://www.standardwebhooks.com>, "Signature scheme"): `<webhook-id>.<webhook-timestamp>.<body>`,
//! by HMAC-SHA256 (`v1`, a `whsec_…`) or Ed25519 (`v1a`, the sender's `whpk_…`). The header holds a signature for each of
//! the sender's secrets, separated by blanks; schemes that are not known are passed over.

use secrecy::{ExposeSecret, SecretString};

use super::{Event, Headers, Key, MOST_SIGNATURES, Refused, recent, seconds, text};
use crate::{
    Timestamp,
    signature::{NoSecret, Scheme, Secret, Verifier, signatures},
};

pub(in crate::webhook) const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

pub(super) fn verify(keys: &[Key], headers: &impl Headers, body: &[u8], now: Timestamp) -> Result<(), Refused> {
    let id = text(headers, ID, "text")?;
    let timestamp = text(headers, TIMESTAMP, SECONDS)?;
    let list = text(headers, SIGNATURE, SIGNATURES)?;
    let at = seconds(timestamp).ok_or_else(|| Refused::malformed(TIMESTAMP, SECONDS))?;
    recent(at, now)?;

    let mut found = Vec::new();
    for (scheme, base64) in list.split(' ').filter_map(|one| one.split_once(',')) {
        let Some(scheme) = [Scheme::V1, Scheme::V1a].into_iter().find(|known| known.as_str() == scheme) else {
            continue;
        };
        let signature = super::mac::from_base64(base64.as_bytes());
        found.push((scheme, signature.ok_or_else(|| Refused::malformed(SIGNATURE, SIGNATURES))?));
    }
    if found.is_empty() || found.len() > MOST_SIGNATURES {
        return Err(Refused::malformed(SIGNATURE, SIGNATURES));
    }

    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let (mut fits, mut unusable) = (false, None);
    for key in keys {
        match verifier(key) {
            None => {}
            Some(Err(why)) => unusable = Some(why),
            Some(Ok(verifier)) => {
                fits |= found
                    .iter()
                    .fold(false, |fits, (scheme, signature)| fits | verifier.fits(*scheme, &signed, signature));
            }
        }
    }
    match (fits, unusable) {
        (true, _) => Ok(()),
        (false, Some(why)) => Err(Refused::Unusable(why)),
        (false, None) => Err(Refused::NoKeyFits),
    }
}

const SECONDS: &str = "seconds since 1970";
const SIGNATURES: &str = "1 to 8 of v1,<base64> and v1a,<base64> with blanks between them";

/// `None`: the hash of a token, which verifies no signature.
fn verifier(key: &Key) -> Option<Result<Verifier, NoSecret>> {
    match key {
        Key::Secret(secret) => Some(Verifier::parse(secret)),
        Key::Hash(_) => None,
    }
}

pub(super) fn sign(secret: &SecretString, event: Event<'_>, body: &[u8]) -> Result<Vec<(String, String)>, NoSecret> {
    let secret = Secret::parse(secret)?;
    let signature = signatures(std::slice::from_ref(&secret), event.id, event.at, body);
    Ok(vec![
        (ID.to_owned(), event.id.to_owned()),
        (TIMESTAMP.to_owned(), event.at.as_second().to_string()),
        (SIGNATURE.to_owned(), signature.expose_secret().to_owned()),
    ])
}
