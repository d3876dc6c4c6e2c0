//! Headers from the core's form to the client's and back.

use crossdock_core::port::{HeaderValue, HttpError};
use http::{HeaderMap, HeaderName, header};
use secrecy::ExposeSecret;

/// Headers that say where a message ends and what becomes of the connection (RFC 9112 §6, RFC 9110 §7.6.1, §10.1.1). The
/// client writes them; a second opinion on a body's length is how requests are smuggled.
const FRAMING: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// # Errors
/// `Invalid`, naming the header, never its value.
pub(crate) fn outgoing(headers: Vec<(String, HeaderValue)>) -> Result<HeaderMap, HttpError> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let known = HeaderName::try_from(&name).map_err(|_| {
            HttpError::Invalid(format!("{name:?} is no header name (letters, digits and - are expected)"))
        })?;
        if FRAMING.contains(&known) {
            return Err(HttpError::Invalid(format!("the header {known} is written by the client itself")));
        }
        let (text, secret) = match &value {
            HeaderValue::Plain(text) => (text.as_str(), false),
            HeaderValue::Secret(secret) => (secret.expose_secret(), true),
        };
        let mut value = http::HeaderValue::from_str(text).map_err(|_| {
            HttpError::Invalid(format!("the value of the header {known} holds a line break or control character"))
        })?;
        value.set_sensitive(secret);
        map.append(known, value);
    }
    Ok(map)
}

/// Bytes that are not UTF-8 become U+FFFD: a header is looked at, not passed on.
pub(crate) fn incoming(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}
