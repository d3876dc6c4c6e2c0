//! How a collection's pages are asked for: path, query or body, the filter by time, the way through the pages. Whatever
//! a request is about must be said in it, as a query parameter or in the body, and what the body names there must be.

use std::{collections::BTreeMap, time::Duration};

use url::form_urlencoded;

use super::{DAY, count, http::header_name, within};
use crate::{
    hub::{
        alternatives::{BodyPart, PagesPart, PathOr, unquoted},
        decode::{At, Named},
        description::{CollectionPart, PageSizePart, SincePart},
        fault::{Place, Report},
        model::{Counts, End, Pages, Placeholder, Since, Template, TimeFormat},
        tree::{Content, Node, quote},
        values::{Count, Literal},
    },
    port::Method,
};

const OVERLAP: Duration = Duration::from_secs(5);

pub(super) struct Request {
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) method: Method,
    pub(super) body: Option<Template>,
    pub(super) since: Option<Since>,
    pub(super) pages: Pages,
}

pub(super) fn request(part: &CollectionPart, report: &mut Report) -> Option<Request> {
    parameters(part, report);
    let request = part.request.as_ref();
    let body = request.and_then(|request| request.body.as_ref());
    let method = request.and_then(|request| request.method.as_ref()).map_or(Method::Get, |method| method.value);
    if let (Some(BodyPart(node)), Method::Get) = (body, method) {
        report.fault(&node.place, "a GET has no body; expected `method: POST` beside it");
    }
    let mentioned = Mentioned::of(body);
    mentioned.check(part, report);
    let since = part.since.as_ref().map(|since| self::since(since, &mentioned, report));
    let pages = part.pages.as_ref().map_or(Some(Pages::Single), |pages| self::pages(pages, &mentioned, report));
    if let (Some(At { place, .. }), Some(Pages::Cursor { resume: true, .. }), Some(_)) = (&part.pages, &pages, &since) {
        report.fault(place, "expected either `since` or `resume: true`, found both: a bookmark is a time or a cursor");
    }
    let request = request?;
    Some(Request {
        path: request.path.clone()?.0,
        query: literals(request.query.as_ref()),
        method,
        body: body.map(|BodyPart(node)| Template(node.to_json())),
        since: match since {
            Some(since) => Some(since?),
            None => None,
        },
        pages: pages?,
    })
}

/// Which placeholders a body has, and where.
struct Mentioned(Vec<(Placeholder, Place)>);

impl Mentioned {
    fn of(body: Option<&BodyPart>) -> Self {
        let mut found = Vec::new();
        if let Some(BodyPart(node)) = body {
            collect(node, &mut found);
        }
        Self(found)
    }

    fn has(&self, placeholder: Placeholder) -> bool {
        self.0.iter().any(|(found, _)| *found == placeholder)
    }

    /// What the body speaks of, the collection must have.
    fn check(&self, part: &CollectionPart, report: &mut Report) {
        let pages = part.pages.as_ref().map(|pages| &pages.value);
        for (placeholder, place) in &self.0 {
            let (there, needed) = match placeholder {
                Placeholder::Bookmark => (part.since.is_some(), "`since`"),
                Placeholder::Cursor => (matches!(pages, Some(PagesPart::Cursor(_))), "`pages` of the style cursor"),
                Placeholder::Page => (
                    matches!(pages, Some(PagesPart::Number(_) | PagesPart::Offset(_) | PagesPart::Status206(_))),
                    "`pages` of the style page, offset or status206",
                ),
            };
            if !there {
                report.fault(place, format!("{} stands for nothing without {needed}", placeholder.token()));
            }
        }
    }

    /// The parameter, if the body does not make it needless.
    fn parameter(
        &self,
        placeholder: Placeholder,
        param: Option<&At<String>>,
        place: &Place,
        report: &mut Report,
    ) -> Option<String> {
        if param.is_none() && !self.has(placeholder) {
            let token = placeholder.token();
            report.fault(place, format!("expected `param`, a query parameter, or {token} in the body; found neither"));
        }
        param.map(|param| param.value.clone())
    }
}

fn collect(node: &Node, found: &mut Vec<(Placeholder, Place)>) {
    match &node.content {
        Content::Scalar { text, .. } => {
            let mut rest = text.as_str();
            while let Some((_, placeholder, behind)) = Placeholder::split(rest) {
                found.push((placeholder, node.place.clone()));
                rest = behind;
            }
        }
        Content::List(items) => items.iter().for_each(|item| collect(item, found)),
        // Refused already, and yet it says what is meant.
        Content::Map(_) if let Some(meant) = unquoted(node) => found.push((meant, node.place.clone())),
        Content::Map(entries) => entries.iter().for_each(|entry| collect(&entry.value, found)),
        Content::Unusable => {}
    }
}

fn since(At { place, value: part, .. }: &At<SincePart>, mentioned: &Mentioned, report: &mut Report) -> Option<Since> {
    let overlap = within(part.overlap.as_ref(), Duration::ZERO..=DAY, report);
    let param = mentioned.parameter(Placeholder::Bookmark, part.param.as_ref(), place, report);
    let value = part.value.as_ref().map(|value| {
        if part.param.is_none() {
            report.fault(&value.place, "expected `param` beside it, the query parameter that has this value");
        }
        if !value.value.contains(Placeholder::Bookmark.token()) {
            report.fault(&value.place, "expected a text with {bookmark} in it, where the time is to stand");
        }
        Template(value.value.clone().into())
    });
    Some(Since {
        param,
        value,
        field: part.field.clone()?.0,
        format: part.format.unwrap_or(TimeFormat::Rfc3339),
        overlap: if part.overlap.is_some() { overlap? } else { OVERLAP },
        exclusive: part.exclusive.is_some_and(|flag| flag.0),
    })
}

fn pages(At { place, value: part, .. }: &At<PagesPart>, mentioned: &Mentioned, report: &mut Report) -> Option<Pages> {
    match part {
        PagesPart::Number(part) => {
            let param = mentioned.parameter(Placeholder::Page, part.param.as_ref(), place, report);
            let size = part.size.as_ref().map(|size| self::size(size, report));
            let end = match &part.total {
                None => End::Empty,
                Some(PathOr::Path(field)) => End::Total(field.0.clone()),
                Some(PathOr::More(total)) => {
                    let At { place, value, shown } = total.header.as_ref()?;
                    End::TotalHeader(header_name(value, shown, place, &[], report)?)
                }
            };
            part.style?;
            numbered(param, part.first, Counts::Pages, end, size)
        }
        PagesPart::Offset(part) => {
            let param = mentioned.parameter(Placeholder::Page, part.param.as_ref(), place, report);
            let size = part.size.as_ref().map(|size| self::size(size, report));
            part.style?;
            numbered(param, Some(Count(0)), Counts::Objects, End::Empty, size)
        }
        PagesPart::Status206(part) => {
            let param = mentioned.parameter(Placeholder::Page, part.param.as_ref(), place, report);
            let size = part.size.as_ref().map(|size| self::size(size, report));
            part.style?;
            numbered(param, part.first, Counts::Pages, End::Not206, size)
        }
        PagesPart::Link(part) => {
            part.style?;
            Some(Pages::Link { next: part.next.clone().map(|next| next.0) })
        }
        PagesPart::Cursor(part) => {
            let param = mentioned.parameter(Placeholder::Cursor, part.param.as_ref(), place, report);
            part.style?;
            Some(Pages::Cursor {
                param,
                next: part.next.clone()?.0,
                more: part.more.clone().map(|more| more.0),
                resume: part.resume.is_some_and(|flag| flag.0),
            })
        }
    }
}

/// A size that is there and was refused makes no pages.
fn numbered(
    param: Option<String>,
    first: Option<Count>,
    counts: Counts,
    end: End,
    size: Option<Option<PageSize>>,
) -> Option<Pages> {
    let size = match size {
        Some(size) => Some(size?),
        None => None,
    };
    Some(Pages::Number { param, first: first.map_or(1, |first| first.0), counts, end, size })
}

/// The parameter and its value.
type PageSize = (String, u64);

fn size(part: &PageSizePart, report: &mut Report) -> Option<PageSize> {
    let value = count(part.value.as_ref(), 1..=100_000, report);
    Some((part.param.clone()?.value, value?))
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
    let since = part.since.as_ref().and_then(|since| since.value.param.as_ref());
    let (page, size) = match part.pages.as_ref().map(|pages| &pages.value) {
        Some(PagesPart::Number(pages)) => (pages.param.as_ref(), pages.size.as_ref()),
        Some(PagesPart::Offset(pages)) => (pages.param.as_ref(), pages.size.as_ref()),
        Some(PagesPart::Status206(pages)) => (pages.param.as_ref(), pages.size.as_ref()),
        Some(PagesPart::Cursor(pages)) => (pages.param.as_ref(), None),
        Some(PagesPart::Link(_)) | None => (None, None),
    };
    let size = size.and_then(|size| size.param.as_ref());
    for (param, owner) in [(since, "since"), (page, "pages"), (size, "pages.size")] {
        if let Some(At { place, value, shown }) = param {
            claim(value, shown, owner, place);
        }
    }
}

fn literals(named: Option<&Named<Literal>>) -> BTreeMap<String, String> {
    let entries = named.into_iter().flat_map(|named| &named.0);
    entries.filter_map(|(key, value)| Some((key.text.clone(), value.clone()?.0))).collect()
}
