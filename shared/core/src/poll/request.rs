//! One page's request.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::{
    time_style::{self, TimeStyle},
    walk::At,
};
use crate::{
    Timestamp,
    hub::{Auth, Collection, Filling, Limits, Pages, Placeholder, Since, Source, TimeFormat},
    port::{HeaderValue, Method, PortError, Secrets, SourceRequest},
    url::join,
};

/// What a page is asked for by, without what authenticates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub method: Method,
    pub url: Url,
    /// JSON.
    pub body: Option<String>,
}

/// `style` is how the source writes its times, as far as that is known.
pub(super) fn page(
    source: &Source,
    collection: &Collection,
    since: Option<Timestamp>,
    style: Option<TimeStyle>,
    at: &At,
) -> Asked {
    let rule = collection.since.as_ref();
    let from = rule.zip(since).map(|(rule, since)| written(rule, since, style));
    let body = collection.body.as_ref().map(|body| {
        let filled = body.fill(&|placeholder| match placeholder {
            Placeholder::Bookmark => bookmark(rule, from.as_ref(), style),
            Placeholder::Cursor => {
                if let At::Cursor(cursor) = at {
                    of(cursor.clone())
                } else {
                    of(Value::Null)
                }
            }
            Placeholder::Page => {
                if let At::Number(number) = at {
                    of((*number).into())
                } else {
                    of(Value::Null)
                }
            }
        });
        filled.to_string()
    });
    Asked { method: collection.method, url: url(source, collection, from.as_ref(), at), body }
}

fn url(source: &Source, collection: &Collection, from: Option<&Value>, at: &At) -> Url {
    // A link is followed as it was given.
    if let At::Link(url) = at {
        return url.clone();
    }
    let mut url = join(&source.url, &collection.path);
    {
        let mut query = url.query_pairs_mut();
        for (name, value) in &collection.query {
            query.append_pair(name, value);
        }
        if let (Some(Since { param: Some(param), value, .. }), Some(from)) = (&collection.since, from) {
            let value = value.as_ref().map_or_else(|| from.clone(), |value| value.fill(&|_| of(from.clone())));
            query.append_pair(param, &text(&value));
        }
        match (&collection.pages, at) {
            (Pages::Number { param, size, .. }, At::Number(number)) => {
                if let Some((name, value)) = size {
                    query.append_pair(name, &value.to_string());
                }
                if let Some(param) = param {
                    query.append_pair(param, &number.to_string());
                }
            }
            (Pages::Cursor { param: Some(param), .. }, At::Cursor(cursor)) => {
                query.append_pair(param, &text(cursor));
            }
            _ => {}
        }
    }
    if url.query() == Some("") {
        url.set_query(None);
    }
    url
}

/// As a source reads it: rounded down to what the format can say, so that nothing falls between.
fn written(rule: &Since, since: Timestamp, style: Option<TimeStyle>) -> Value {
    // What changed after the moment before is what changed from this one on.
    let since = match rule.exclusive {
        true => since.checked_sub(time_style::step(rule.format, style)).unwrap_or(since),
        false => since,
    };
    match rule.format {
        TimeFormat::Rfc3339 => time_style::write(style, since).into(),
        TimeFormat::Epoch => since.as_second().into(),
        TimeFormat::EpochMs => since.as_millisecond().into(),
    }
}

/// A longer text that has a time in it (`updated_at:>'{bookmark}'`) can do nothing with none: from 1970 on is from the
/// beginning.
fn bookmark(rule: Option<&Since>, from: Option<&Value>, style: Option<TimeStyle>) -> Filling {
    match (rule, from) {
        (_, Some(from)) => of(from.clone()),
        (Some(rule), None) => Filling { value: Value::Null, text: text(&written(rule, Timestamp::UNIX_EPOCH, style)) },
        (None, None) => of(Value::Null),
    }
}

fn of(value: Value) -> Filling {
    Filling { text: text(&value), value }
}

/// Null is empty.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// With what authenticates it, but for a token that has to be fetched first.
pub(super) async fn complete(
    asked: &Asked,
    source: &Source,
    limits: &Limits,
    secrets: &impl Secrets,
) -> Result<SourceRequest, PortError> {
    let mut headers: Vec<(String, HeaderValue)> = Vec::new();
    // A source may want its own media types.
    let mut unless_set = |name: &str| {
        if !source.headers.keys().any(|known| known.eq_ignore_ascii_case(name)) {
            headers.push((name.to_owned(), HeaderValue::Plain("application/json".to_owned())));
        }
    };
    unless_set("accept");
    if asked.body.is_some() {
        unless_set("content-type");
    }
    headers.extend(source.headers.iter().map(|(name, value)| (name.clone(), HeaderValue::Plain(value.clone()))));
    match &source.auth {
        None | Some(Auth::OAuth2(_)) => {}
        Some(Auth::Bearer { secret }) => headers.push(bearer(&secrets.secret(secret).await?)),
        Some(Auth::Basic { user, secret }) => headers.push(basic(user, secrets.secret(secret).await?.expose_secret())),
        Some(Auth::Header { name, secret }) => {
            headers.push((name.to_ascii_lowercase(), HeaderValue::Secret(secrets.secret(secret).await?)));
        }
    }
    Ok(SourceRequest {
        method: asked.method,
        url: asked.url.clone(),
        headers,
        body: asked.body.clone().map(SecretString::from),
        timeout: limits.timeout,
        max_body: limits.page,
    })
}

/// RFC 6750 §2.1.
pub(super) fn bearer(token: &SecretString) -> (String, HeaderValue) {
    authorization(format!("Bearer {}", token.expose_secret()))
}

/// RFC 7617.
pub(super) fn basic(user: &str, password: &str) -> (String, HeaderValue) {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    authorization(format!("Basic {encoded}"))
}

fn authorization(value: String) -> (String, HeaderValue) {
    ("authorization".to_owned(), HeaderValue::Secret(SecretString::from(value)))
}

#[cfg(test)]
mod tests;
