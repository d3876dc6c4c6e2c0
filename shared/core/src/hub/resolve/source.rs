//! Sources and what is read from them.

use std::{collections::BTreeMap, time::Duration};

use url::form_urlencoded;

use super::{
    count,
    http::{CONNECTION, header_name, headers},
    name,
    rules::rules,
    show, within,
};
use crate::{
    hub::{
        alternatives::{AuthPart, PagesPart, PathOr},
        decode::{At, Named},
        description::{ChildPart, CollectionPart, CreatedPart, SincePart, SourcePart},
        fault::{Place, Report},
        model::{Auth, Child, Collection, Pages, Since, Source, Start, TimeField, TimeFormat},
        tree::{self, quote},
        values::{Field, Literal, slug},
    },
    id::{CollectionKey, CollectionName, ObjectType, SourceName},
    json::FieldPath,
};

const OVERLAP: Duration = Duration::from_secs(5);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

pub(super) fn source(key: &tree::Key, part: &SourcePart, report: &mut Report) -> Option<(SourceName, Source)> {
    let name: Option<SourceName> = name(key, report);
    let auth = part.auth.as_ref().and_then(|auth| self::auth(auth, report));
    let headers = headers(part.headers.as_ref(), &CONNECTION, report);
    let taken = match &auth {
        Some(Auth::Header { name, .. }) => Some(name.as_str()),
        Some(_) => Some("authorization"),
        None => None,
    };
    for (key, _) in part.headers.iter().flat_map(|headers| &headers.0) {
        if taken.is_some_and(|taken| key.text.eq_ignore_ascii_case(taken)) {
            report.fault(&key.place, format!("the header {} is set by auth too", quote(&key.text)));
        }
    }
    let collections = part.collections.clone().unwrap_or_default();
    let collections =
        collections.0.iter().filter_map(|(key, part)| collection(name.as_ref(), key, part.as_ref()?, report)).collect();
    let push = part.push.clone().and_then(|push| push.secret);
    if part.collections.is_none() && part.push.is_none() {
        report.note(&key.place, "this source is neither polled nor pushes", None);
    }
    let name = name?;
    Some((name.clone(), Source { name, url: part.url.clone()?.0, auth, headers, push, collections }))
}

fn auth(part: &AuthPart, report: &mut Report) -> Option<Auth> {
    match part {
        AuthPart::Bearer(bearer) => Some(Auth::Bearer { secret: bearer.secret.clone()? }),
        AuthPart::Basic(basic) => {
            let user = basic.user.as_ref()?;
            // RFC 7617 §2: the first colon ends the name.
            if user.value.contains(|c: char| c == ':' || c.is_control()) {
                report.fault(&user.place, "expected a user name without colons and control characters");
                return None;
            }
            Some(Auth::Basic { user: user.value.clone(), secret: basic.secret.clone()? })
        }
        AuthPart::Header(header) => {
            let At { place, value, shown } = header.name.as_ref()?;
            let name = header_name(value, shown, place, &CONNECTION, report)?;
            Some(Auth::Header { name, secret: header.secret.clone()? })
        }
    }
}

fn collection(
    source: Option<&SourceName>,
    key: &tree::Key,
    part: &CollectionPart,
    report: &mut Report,
) -> Option<Collection> {
    let name = collection_name(key, &key.text, report);
    parameters(part, report);
    let since = part.since.as_ref().map(|since| self::since(since, report));
    let pages = part.pages.as_ref().map_or(Some(Pages::Single), |pages| self::pages(pages, report));
    let every = within(part.every.as_ref(), Duration::from_millis(100)..=MONTH, report);
    if let (Some(every), Some(at)) = (every, &part.every)
        && every < Duration::from_secs(1)
    {
        report.note(&at.place, format!("polling every {} is for local use only", show(every)), None);
    }
    if let Some(At { place, value: Start::At(_), .. }) = &part.start
        && part.created.is_none()
    {
        let message = "expected now or all, found a time: without `created` nobody knows what came after it";
        report.fault(place, message);
    }
    let rules =
        rules(part.object_type.as_ref(), part.volatile.as_deref(), part.keys.as_ref(), part.derive.as_deref(), report);
    let children = part.children.clone().unwrap_or_default();
    let children = children
        .0
        .iter()
        .filter_map(|(child, inner)| {
            self::child(source, key, part.object_type.as_ref(), child, inner.as_ref()?, report)
        })
        .collect();
    let request = part.request.as_ref()?;
    Some(Collection {
        key: CollectionKey { source: source?.clone(), collection: name? },
        object_type: part.object_type.clone()?,
        path: request.path.clone()?.0,
        query: literals(request.query.as_ref()),
        items: part.items.clone().unwrap_or_else(FieldPath::root),
        id: part.id.clone()?.0,
        created: part.created.as_ref().and_then(created),
        since: match since {
            Some(since) => Some(since?),
            None => None,
        },
        pages: pages?,
        every: every?,
        start: part.start.as_ref().map_or(Start::Now, |start| start.value),
        rules,
        deleted: part.deleted.clone().map(|field| field.0),
        children,
    })
}

fn child(
    source: Option<&SourceName>,
    parent: &tree::Key,
    parent_type: Option<&ObjectType>,
    key: &tree::Key,
    part: &ChildPart,
    report: &mut Report,
) -> Option<Child> {
    let name = collection_name(key, &format!("{}.{}", parent.text, key.text), report);
    if let (Some(own), Some(of)) = (&part.object_type, parent_type)
        && own == of
    {
        let message = format!("expected another type than the parent's, found {own}: both are in one message");
        report.fault(&key.place, message);
    }
    let rules =
        rules(part.object_type.as_ref(), part.volatile.as_deref(), part.keys.as_ref(), part.derive.as_deref(), report);
    let items = match part.items.clone() {
        Some(Field(items)) => items,
        None => key.text.parse().ok()?,
    };
    Some(Child {
        key: CollectionKey { source: source?.clone(), collection: name? },
        object_type: part.object_type.clone()?,
        items,
        id: part.id.clone()?.0,
        rules,
    })
}

/// `full` has the parent's name before the key.
fn collection_name(key: &tree::Key, full: &str, report: &mut Report) -> Option<CollectionName> {
    // The dot is ours: it joins a child's name to its parent's, so what the file says is a name like a source's.
    if SourceName::new(&key.text).is_err() {
        let expected = "a lower-case letter, then lower-case letters, digits, '-' or '_', at most 40";
        let message = format!("expected a collection name ({expected}), found {}", quote(&key.text));
        report.suggest(&key.place, message, slug::<SourceName>(&key.text));
        return None;
    }
    // A parent whose name is refused is reported there.
    CollectionName::new(full).ok()
}

fn created(part: &PathOr<CreatedPart>) -> Option<TimeField> {
    match part {
        PathOr::Path(Field(path)) => Some(TimeField { path: path.clone(), format: TimeFormat::Rfc3339 }),
        PathOr::More(CreatedPart { field, format }) => {
            Some(TimeField { path: field.clone()?.0, format: format.unwrap_or(TimeFormat::Rfc3339) })
        }
    }
}

fn since(part: &SincePart, report: &mut Report) -> Option<Since> {
    let overlap = within(part.overlap.as_ref(), Duration::ZERO..=DAY, report);
    Some(Since {
        param: part.param.clone()?.value,
        field: part.field.clone()?.0,
        format: part.format.unwrap_or(TimeFormat::Rfc3339),
        overlap: if part.overlap.is_some() { overlap? } else { OVERLAP },
    })
}

fn pages(part: &PagesPart, report: &mut Report) -> Option<Pages> {
    let PagesPart::Number(part) = part else {
        return Some(Pages::Link);
    };
    part.style?;
    let size = match &part.size {
        Some(size) => {
            let value = count(size.value.as_ref(), 1..=100_000, report);
            Some((size.param.clone()?.value, value?))
        }
        None => None,
    };
    Some(Pages::Number {
        param: part.param.clone()?.value,
        first: part.first.map_or(1, |first| first.0),
        total: part.total.clone().map(|field| field.0),
        size,
    })
}

/// Each query parameter has one owner, and a name.
fn parameters(part: &CollectionPart, report: &mut Report) {
    let path = part.request.as_ref().and_then(|request| request.path.as_ref()).map_or("", |path| &path.0);
    let query = path.split_once('?').map_or("", |(_, query)| query);
    // A path may repeat a parameter (`?id=1&id=2`); that is between the author and the source.
    let mut seen: BTreeMap<String, &'static str> =
        form_urlencoded::parse(query.as_bytes()).map(|(name, _)| (name.into_owned(), "the path")).collect();
    let mut claim = |name: &str, shown: &str, owner: &'static str, place: &Place| {
        if name.is_empty() {
            report.fault(place, "expected the name of a query parameter, found empty text");
        } else if let Some(other) = seen.insert(name.to_owned(), owner) {
            report.fault(place, format!("the query parameter {shown} is set by {other} too"));
        }
    };
    let query = part.request.as_ref().and_then(|request| request.query.as_ref());
    for (key, _) in query.iter().flat_map(|query| &query.0) {
        claim(&key.text, &quote(&key.text), "query", &key.place);
    }
    if let Some(At { place, value, shown }) = part.since.as_ref().and_then(|since| since.param.as_ref()) {
        claim(value, shown, "since", place);
    }
    if let Some(PagesPart::Number(pages)) = &part.pages {
        if let Some(At { place, value, shown }) = &pages.param {
            claim(value, shown, "pages", place);
        }
        if let Some(At { place, value, shown }) = pages.size.as_ref().and_then(|size| size.param.as_ref()) {
            claim(value, shown, "pages.size", place);
        }
    }
}

fn literals(named: Option<&Named<Literal>>) -> BTreeMap<String, String> {
    let entries = named.into_iter().flat_map(|named| &named.0);
    entries.filter_map(|(key, value)| Some((key.text.clone(), value.clone()?.0))).collect()
}
