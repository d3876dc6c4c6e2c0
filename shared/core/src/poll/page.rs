//! One page's answer.

use std::{collections::BTreeMap, time::Duration};

use serde::de::IgnoredAny;
use serde_json::{Value, value::RawValue};
use url::Url;

use super::{
    absent::{self, Absent},
    markup,
    walk::At,
};
use crate::{
    Timestamp,
    hub::{Auth, Collection, End, Pages},
    json::{FieldPath, without_byte_order_mark},
    message::Message,
    object::{SetAside, record_kind},
    port::SourceResponse,
    retry::retry_after,
    url::{same_origin, shown_target},
};

#[derive(Debug, Default)]
pub struct Page {
    pub items: Vec<Value>,
    /// Why each of the items that are not among `items` cannot be read.
    pub unreadable: Vec<SetAside>,
    /// What else the answer told, of a remote collection.
    pub(super) messages: Vec<Message>,
    pub(super) onward: Onward,
    /// What the answer does not have of what tells of the pages after it.
    pub(super) absent: Vec<Absent>,
}

/// What an answer says of the pages after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Onward {
    /// How many pages there are.
    pub total: Option<u64>,
    /// Whether there is another.
    pub more: Option<bool>,
    /// Where the next one is.
    pub next: Option<At>,
}

/// The answer is not a page. Nothing of its content is repeated but what is meant for people: the first words of a page
/// of HTML, and a GraphQL error's own message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    #[error("the source answered {status}")]
    Status { status: u16 },
    #[error("the source answered {status}: {why}")]
    Denied { status: u16, why: String },
    #[error("the source answered {status} and asks to wait for {}s", wait.as_secs())]
    Wait { status: u16, wait: Duration },
    #[error("the answer is {found} (content-type {content_type}), expected a JSON document; it begins with {words:?}")]
    Markup { found: &'static str, content_type: String, words: String },
    #[error("the answer is not JSON ({why}; content-type {content_type}), expected a JSON document")]
    NotJson { content_type: String, why: String },
    #[error("the answer has errors, the first of {count}: {first:?}")]
    Errors { count: usize, first: String },
    #[error("found {found} at {path:?} of the answer, expected {expected}")]
    Unexpected { path: String, found: &'static str, expected: &'static str },
    #[error("the answer has more pages ({more:?} is true), and no cursor at {next:?}")]
    NoCursor { more: String, next: String },
    #[error("the next page's link points to {found}, which is not on {expected}, where the source is")]
    ForeignLink { found: String, expected: String },
}

impl PageError {
    /// Says of a refusal what was refused.
    pub(super) fn knowing(self, auth: Option<&Auth>) -> Self {
        const NONE: &str = "it wants to know who asks, and the hub file has no `auth` for it";
        match self {
            Self::Status { status: status @ (401 | 403) } => {
                Self::Denied { status, why: auth.map_or_else(|| NONE.to_owned(), Auth::refused) }
            }
            other => other,
        }
    }
}

pub(super) fn read(
    collection: &Collection,
    asked: &Url,
    response: &SourceResponse,
    now: Timestamp,
) -> Result<Page, PageError> {
    let status = response.status;
    refuse_failure(response, now)?;
    // Nothing to say about nothing that changed.
    if status == 204 {
        return Ok(Page { absent: absent::in_answer(collection, &Value::Null), ..Page::default() });
    }
    let bytes = without_byte_order_mark(&response.body);
    let (mut body, unreadable) = parse(collection, bytes).map_err(|error| not_json(response, bytes, &error))?;
    if collection.body.is_some() {
        refuse_errors(&body)?;
    }
    let onward = onward(collection, asked, response, &body)?;
    let absent = absent::in_answer(collection, &body);
    let found = collection.items.get(&body).map_or("nothing", record_kind);
    match take(&mut body, collection.items.segments()) {
        Some(Value::Array(items)) => Ok(Page { items, unreadable, messages: Vec::new(), onward, absent }),
        _ => Err(PageError::Unexpected { path: collection.items.to_string(), found, expected: "a list" }),
    }
}

/// One object's answer: what stands at `path`, whatever it is.
pub(super) fn read_one(path: &FieldPath, response: &SourceResponse, now: Timestamp) -> Result<Value, PageError> {
    refuse_failure(response, now)?;
    let bytes = without_byte_order_mark(&response.body);
    let mut body: Value = serde_json::from_slice(bytes).map_err(|error| not_json(response, bytes, &error))?;
    take(&mut body, path.segments()).ok_or_else(|| PageError::Unexpected {
        path: path.to_string(),
        found: "nothing",
        expected: "an object",
    })
}

fn refuse_failure(response: &SourceResponse, now: Timestamp) -> Result<(), PageError> {
    let status = response.status;
    if (200..300).contains(&status) {
        return Ok(());
    }
    let asked = response.header("retry-after").and_then(|value| retry_after(value, now));
    Err(match asked {
        Some(wait) if matches!(status, 429 | 503) => PageError::Wait { status, wait },
        _ => PageError::Status { status },
    })
}

fn not_json(response: &SourceResponse, bytes: &[u8], error: &serde_json::Error) -> PageError {
    let content_type = response.header("content-type").unwrap_or("none").to_owned();
    match markup::look(bytes) {
        Some((found, words)) => PageError::Markup { found, content_type, words },
        None => {
            let why = format!("line {} column {}", error.line(), error.column());
            PageError::NotJson { content_type, why }
        }
    }
}

/// Whether the source says that it has no page of this number, as some frameworks do behind the last one (Django REST
/// framework's "Invalid page."). Not where the answer gives a total: what it counts must be there. And not with a page of
/// markup or other text: that is what stands before a source while the source itself is away, and half a list taken for
/// the whole would be a wrong baseline.
pub(super) fn is_past_the_end(collection: &Collection, at: &At, response: &SourceResponse) -> bool {
    let Pages::Number { first, end: End::Empty, .. } = collection.pages else { return false };
    let is_behind = matches!(at, At::Number(number) if *number > first);
    let body = response.body.trim_ascii();
    let is_from_the_source = || body.is_empty() || serde_json::from_slice::<IgnoredAny>(body).is_ok();
    response.status == 404 && is_behind && is_from_the_source()
}

/// GraphQL says with status 200 what went wrong (its specification, §7.1.2); what there is of data then is not whole.
fn refuse_errors(body: &Value) -> Result<(), PageError> {
    const LONGEST: usize = 200;
    let Some(errors) = body.get("errors").and_then(Value::as_array).filter(|errors| !errors.is_empty()) else {
        return Ok(());
    };
    let said = errors[0].get("message").and_then(Value::as_str).unwrap_or("(without a message)");
    Err(PageError::Errors { count: errors.len(), first: said.chars().take(LONGEST).collect() })
}

fn onward(collection: &Collection, asked: &Url, response: &SourceResponse, body: &Value) -> Result<Onward, PageError> {
    let mut onward = Onward::default();
    match &collection.pages {
        Pages::Single | Pages::Number { end: End::Empty, .. } => {}
        Pages::Number { end: End::Total(path), .. } => onward.total = path.get(body).and_then(whole_number),
        Pages::Number { end: End::TotalHeader(name), .. } => {
            onward.total = response.header(name).and_then(|value| value.trim().parse().ok());
        }
        Pages::Number { end: End::Not206, .. } => onward.more = Some(response.status == 206),
        Pages::Link { next } => {
            let target = match next {
                None => next_link(&response.headers),
                Some(path) => match path.get(body) {
                    None | Some(Value::Null | Value::Bool(false)) => None,
                    Some(Value::String(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
                    Some(other) => return Err(unexpected(path, other, "a URL")),
                },
            };
            onward.next = target.map(|target| within_origin(&target, asked)).transpose()?.map(At::Link);
        }
        Pages::Cursor { next, more, .. } => {
            onward.next = match next.get(body) {
                None | Some(Value::Null | Value::Bool(false)) => None,
                Some(Value::String(text)) if text.is_empty() => None,
                Some(cursor @ (Value::String(_) | Value::Number(_))) => Some(At::Cursor(cursor.clone())),
                Some(other) => return Err(unexpected(next, other, "text or a number")),
            };
            if let Some(path) = more {
                onward.more = match path.get(body) {
                    None | Some(Value::Null) => None,
                    Some(Value::Bool(more)) => Some(*more),
                    Some(other) => return Err(unexpected(path, other, "true or false")),
                };
                if onward.more == Some(true) && onward.next.is_none() {
                    return Err(PageError::NoCursor { more: path.to_string(), next: next.to_string() });
                }
            }
        }
    }
    Ok(onward)
}

fn unexpected(path: &FieldPath, found: &Value, expected: &'static str) -> PageError {
    PageError::Unexpected { path: path.to_string(), found: record_kind(found), expected }
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

/// Where `Link: <url>; rel="next"` (RFC 8288) of these headers, whose names are in lower case, leads: as it stands there.
pub fn next_link(headers: &[(String, String)]) -> Option<String> {
    headers
        .iter()
        .filter(|(name, _)| name == "link")
        .flat_map(|(_, value)| links(value))
        .find(|(_, relations)| relations.iter().any(|relation| relation.eq_ignore_ascii_case("next")))
        .map(|(target, _)| target)
}

/// The credentials go with the request, so the next page must be where this one was.
fn within_origin(target: &str, asked: &Url) -> Result<Url, PageError> {
    same_origin(asked, target).ok_or_else(|| PageError::ForeignLink {
        found: shown_target(asked, target),
        expected: asked.origin().ascii_serialization(),
    })
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
