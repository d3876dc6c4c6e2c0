//! One page's answer.

use serde_json::Value;
use url::Url;

use crate::{
    hub::{Collection, Pages},
    object::record_kind,
    port::SourceResponse,
};

#[derive(Debug)]
pub struct Page {
    pub items: Vec<Value>,
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
    let mut body: Value = serde_json::from_slice(&response.body).map_err(|error| PageError::NotJson {
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
    let found = record_kind(collection.items.get(&body).unwrap_or(&Value::Null));
    match take(&mut body, collection.items.segments()) {
        Some(Value::Array(items)) => Ok(Page { items, total, next }),
        _ => Err(PageError::NoList { path: collection.items.to_string(), found }),
    }
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
    let (mut quoted, mut bracketed) = (false, false);
    text.split(move |c: char| {
        match c {
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
