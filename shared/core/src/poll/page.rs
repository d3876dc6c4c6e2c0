//! One page's answer.

use std::collections::BTreeMap;

use serde_json::{Value, value::RawValue};
use url::Url;

use crate::{
    hub::{Collection, Pages},
    object::{SetAside, record_kind},
    port::SourceResponse,
};

#[derive(Debug)]
pub struct Page {
    pub items: Vec<Value>,
    /// Why each of the items that are not among `items` cannot be read.
    pub unreadable: Vec<SetAside>,
    /// How many pages the answer says there are.
    pub total: Option<u64>,
    /// Where the answer says the next page is.
    pub next: Option<Url>,
}

/// The answer is not a page. Nothing of its content is repeated, only its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    #[error("the source answered {status}")]
    Status { status: u16 },
    #[error("the answer is not JSON ({why}; content-type {content_type}), expected a JSON document")]
    NotJson { content_type: String, why: String },
    #[error("found {found} at {path:?} of the answer, expected a list")]
    NoList { path: String, found: &'static str },
    #[error("the Link header's next page {found:?} is not on {expected}, where the source is")]
    ForeignLink { found: String, expected: String },
}

pub(super) fn read(collection: &Collection, asked: &Url, response: &SourceResponse) -> Result<Page, PageError> {
    if !(200..300).contains(&response.status) {
        return Err(PageError::Status { status: response.status });
    }
    // Nothing to say about nothing that changed.
    if response.status == 204 {
        return Ok(Page { items: Vec::new(), unreadable: Vec::new(), total: None, next: None });
    }
    // RFC 8259 §8.1: a byte order mark may be ignored.
    let bytes = response.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&response.body);
    let (mut body, unreadable) = parse(collection, bytes).map_err(|error| PageError::NotJson {
        content_type: response.header("content-type").unwrap_or("none").to_owned(),
        why: format!("line {} column {}", error.line(), error.column()),
    })?;
    let total = match &collection.pages {
        Pages::Number { total: Some(path), .. } => path.get(&body).and_then(whole_number),
        _ => None,
    };
    let next = match collection.pages {
        Pages::Link => next_link(response, asked)?,
        _ => None,
    };
    let found = collection.items.get(&body).map_or("nothing", record_kind);
    match take(&mut body, collection.items.segments()) {
        Some(Value::Array(items)) => Ok(Page { items, unreadable, total, next }),
        _ => Err(PageError::NoList { path: collection.items.to_string(), found }),
    }
}

/// The answer as a value. Where that fails for the sake of single items (half a surrogate pair, which JSON's grammar
/// allows and text cannot hold), those are left out, each with its reason.
fn parse(collection: &Collection, body: &[u8]) -> Result<(Value, Vec<SetAside>), serde_json::Error> {
    let whole = match serde_json::from_slice(body) {
        Ok(whole) => return Ok((whole, Vec::new())),
        Err(whole) => whole,
    };
    let mut unreadable = Vec::new();
    match without_bad_items(body, collection.items.segments(), &mut unreadable) {
        Some(rest) if !unreadable.is_empty() => Ok((rest, unreadable)),
        _ => Err(whole),
    }
}

fn without_bad_items(body: &[u8], path: &[String], unreadable: &mut Vec<SetAside>) -> Option<Value> {
    let Some((first, rest)) = path.split_first() else {
        let items: Vec<&RawValue> = serde_json::from_slice(body).ok()?;
        let mut good = Vec::with_capacity(items.len());
        for (place, item) in items.into_iter().enumerate() {
            match serde_json::from_str(item.get()) {
                Ok(item) => good.push(item),
                Err(error) => {
                    unreadable.push(SetAside { at: format!("item {place}"), reason: format!("not readable: {error}") });
                }
            }
        }
        return Some(Value::Array(good));
    };
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    fields
        .into_iter()
        .map(|(name, value)| {
            let value = if name == *first {
                without_bad_items(value.get().as_bytes(), rest, unreadable)?
            } else {
                serde_json::from_str(value.get()).ok()?
            };
            Some((name, value))
        })
        .collect()
}

/// A total may come as text: `"3"`.
fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Moves the value out, so that a page of megabytes is not copied.
fn take(value: &mut Value, path: &[String]) -> Option<Value> {
    let Some((first, rest)) = path.split_first() else { return Some(value.take()) };
    match value {
        Value::Object(fields) => take(fields.get_mut(first)?, rest),
        Value::Array(items) => take(items.get_mut(first.parse::<usize>().ok()?)?, rest),
        _ => None,
    }
}

/// `Link: <url>; rel="next"` (RFC 8288). The credentials go with the request, so the next page must be where this one
/// was.
fn next_link(response: &SourceResponse, asked: &Url) -> Result<Option<Url>, PageError> {
    let target = response
        .headers
        .iter()
        .filter(|(name, _)| name == "link")
        .flat_map(|(_, value)| links(value))
        .find(|(_, relations)| relations.iter().any(|relation| relation.eq_ignore_ascii_case("next")))
        .map(|(target, _)| target);
    let Some(target) = target else { return Ok(None) };
    let foreign = || PageError::ForeignLink {
        found: target.split(['?', '#']).next().unwrap_or_default().to_owned(),
        expected: asked.origin().ascii_serialization(),
    };
    let url = asked.join(&target).map_err(|_| foreign())?;
    if url.origin() == asked.origin() { Ok(Some(url)) } else { Err(foreign()) }
}

/// Targets with their relation types. Commas and semicolons inside `<>` and quotes do not separate.
fn links(header: &str) -> Vec<(String, Vec<String>)> {
    split(header, ',')
        .into_iter()
        .filter_map(|link| {
            let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            let relations = split(parameters, ';')
                .into_iter()
                .filter_map(|parameter| {
                    let (name, value) = parameter.split_once('=')?;
                    name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"').to_owned())
                })
                .next()
                .unwrap_or_default();
            Some((target.to_owned(), relations.split_ascii_whitespace().map(str::to_owned).collect()))
        })
        .collect()
}

fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut bracketed, mut escaped) = (false, false, false);
    text.split(move |c: char| {
        // RFC 9110 §5.6.4: in quotes, a backslash takes the next character's meaning.
        if std::mem::take(&mut escaped) {
            return false;
        }
        match c {
            '\\' if quoted => escaped = true,
            '"' if !bracketed => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            _ => {}
        }
        c == separator && !quoted && !bracketed
    })
    .collect()
}

#[cfg(test)]
mod tests;
