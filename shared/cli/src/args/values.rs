//! Values that arguments of several commands are.

use crossdock_core::id::SecretName;
use url::Url;

pub(super) fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or("expected an address that begins with http:// or https://")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("expected an address without credentials: name a secret with --bearer or --secret-header".into());
    }
    Ok(url)
}

pub(super) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected a name and a value with a colon between them")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

pub(super) fn secret_header(text: &str) -> Result<(String, SecretName), String> {
    let (name, secret) = header(text)?;
    // A value in place of the name is not repeated.
    let secret = SecretName::new(&secret).map_err(|_| {
        "expected the name of a secret after the colon (lower-case letters, digits, '-' or '_'), not the secret itself"
    })?;
    Ok((name, secret))
}

/// As a request has it, without the query.
pub(super) fn path(text: &str) -> Result<String, &'static str> {
    let is_path = text.starts_with('/') && !text.contains('?');
    if is_path { Ok(text.to_owned()) } else { Err("expected a path such as /orders, without a query") }
}
