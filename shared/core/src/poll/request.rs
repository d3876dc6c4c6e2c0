//! One page's request.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::walk::At;
use crate::{
    Timestamp,
    hub::{Auth, Collection, Limits, Pages, Since, Source, TimeFormat},
    port::{HeaderValue, Method, PortError, Secrets, SourceRequest},
    url::join,
};

/// The page's URL, without what authenticates it.
pub(super) fn url(source: &Source, collection: &Collection, since: Option<Timestamp>, at: &At) -> Url {
    let number = match at {
        // A link is followed as it was given.
        At::Link(url) => return url.clone(),
        At::Number(number) => Some(*number),
        At::First => None,
    };
    let mut url = join(&source.url, &collection.path);
    {
        let mut query = url.query_pairs_mut();
        for (name, value) in &collection.query {
            query.append_pair(name, value);
        }
        if let (Some(rule), Some(since)) = (&collection.since, since) {
            query.append_pair(&rule.param, &formatted(rule, since));
        }
        if let Pages::Number { param, size, .. } = &collection.pages {
            if let Some((name, value)) = size {
                query.append_pair(name, &value.to_string());
            }
            if let Some(number) = number {
                query.append_pair(param, &number.to_string());
            }
        }
    }
    if url.query() == Some("") {
        url.set_query(None);
    }
    url
}

pub(super) async fn complete(
    url: Url,
    source: &Source,
    limits: &Limits,
    secrets: &impl Secrets,
) -> Result<SourceRequest, PortError> {
    let mut headers: Vec<(String, HeaderValue)> = Vec::new();
    // A source may want its own media type asked for.
    if !source.headers.keys().any(|name| name.eq_ignore_ascii_case("accept")) {
        headers.push(("accept".to_owned(), HeaderValue::Plain("application/json".to_owned())));
    }
    headers.extend(source.headers.iter().map(|(name, value)| (name.clone(), HeaderValue::Plain(value.clone()))));
    match &source.auth {
        None => {}
        Some(Auth::Bearer { secret }) => {
            let token = secrets.secret(secret).await?;
            headers.push(("authorization".to_owned(), secret_value(format!("Bearer {}", token.expose_secret()))));
        }
        Some(Auth::Basic { user, secret }) => {
            use base64::Engine;
            let password = secrets.secret(secret).await?;
            let pair = format!("{user}:{}", password.expose_secret());
            let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
            headers.push(("authorization".to_owned(), secret_value(format!("Basic {encoded}"))));
        }
        Some(Auth::Header { name, secret }) => {
            headers.push((name.to_ascii_lowercase(), HeaderValue::Secret(secrets.secret(secret).await?)));
        }
    }
    Ok(SourceRequest { method: Method::Get, url, headers, body: None, timeout: limits.timeout, max_body: limits.page })
}

fn secret_value(text: String) -> HeaderValue {
    HeaderValue::Secret(SecretString::from(text))
}

/// Rounded down to what the format can say, so that nothing falls between.
fn formatted(rule: &Since, since: Timestamp) -> String {
    match rule.format {
        TimeFormat::Rfc3339 => since.to_string(),
        TimeFormat::Epoch => since.as_second().to_string(),
        TimeFormat::EpochMs => since.as_millisecond().to_string(),
    }
}

#[cfg(test)]
mod tests;
