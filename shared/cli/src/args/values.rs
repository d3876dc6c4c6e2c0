//! Values that arguments of several commands are.

use url::Url;

pub(super) fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or("expected an address that begins with http:// or https://")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("expected an address without credentials: name a secret with --bearer or --secret-header".into());
    }
    Ok(url)
}
