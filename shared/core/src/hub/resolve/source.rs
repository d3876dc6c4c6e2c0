//! Sources and what is read from them.

use std::time::Duration;

use super::{
    MONTH, count,
    http::{CONNECTION, header_name, headers},
    name, remote,
    request::{self, Request},
    rules::rules,
    show, within,
};
use crate::{
    hub::{
        address::RequestPath,
        alternatives::{AuthPart, OrderPart, PathOr},
        decode::At,
        description::{ChildPart, CollectionPart, CreatedPart, FetchPart, OAuth2Part, ReconcilePart, SourcePart},
        fault::Report,
        model::{
            Auth, Child, ClientAuth, Collection, Fetch, OAuth2, OrderField, OrderKind, Reconcile, Since, Source, Start,
            TimeField, TimeFormat,
        },
        tree::{self, quote},
        values::{Field, Span, slug},
    },
    id::{CollectionKey, CollectionName, ObjectType, SourceName},
    json::FieldPath,
};

/// How far back a poll may be asked to look again.
const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// `endpoints` are those of the file; `None`: they could not be read, which is a fault of its own.
pub(super) fn source(
    key: &tree::Key,
    part: &SourcePart,
    endpoints: Option<&[&str]>,
    report: &mut Report,
) -> Option<(SourceName, Source)> {
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
    let collections = collections
        .0
        .iter()
        .filter_map(|(key, part)| collection(name.as_ref(), key, part.as_ref()?, endpoints, report))
        .collect();
    let push = part.push.clone().and_then(|push| push.secret);
    if part.collections.is_none() && part.push.is_none() {
        let meant = part.preset.map(|_| "name those of the preset's `collections` that are to be polled".to_owned());
        report.note(&key.place, "this source is neither polled nor pushes", meant);
    }
    let name = name?;
    let follow_redirects = part.follow_redirects.is_some_and(|flag| flag.0);
    Some((name.clone(), Source { name, url: part.url.clone()?.0, auth, headers, follow_redirects, push, collections }))
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
        AuthPart::OAuth2(part) => oauth2(part, report).map(Auth::OAuth2),
    }
}

fn oauth2(part: &OAuth2Part, report: &mut Report) -> Option<OAuth2> {
    let id = part.client_id.as_ref()?;
    if id.value.is_empty() {
        report.fault(&id.place, "expected the client's id, found empty text");
    }
    Some(OAuth2 {
        token_url: part.token_url.clone()?.0,
        client_id: id.value.clone(),
        secret: part.secret.clone()?,
        scope: part.scope.clone().map(|scope| scope.value),
        audience: part.audience.clone().map(|audience| audience.value),
        client_auth: part.client_auth.unwrap_or(ClientAuth::Basic),
    })
}

fn collection(
    source: Option<&SourceName>,
    key: &tree::Key,
    part: &CollectionPart,
    endpoints: Option<&[&str]>,
    report: &mut Report,
) -> Option<Collection> {
    let name = collection_name(key, &key.text, report);
    let remote = part.remote.as_ref().map(|remote| remote::remote(remote, part, endpoints, report));
    let request = match (&remote, &part.request) {
        (Some(_), _) => Some(remote::request()),
        (None, None) => {
            report.fault(&key.place, "expected `request`, or `remote` where an endpoint is asked; found neither");
            None
        }
        (None, Some(_)) => request::request(part, report),
    };
    let every = interval(part.every.as_ref(), report);
    let fetch = part.fetch.as_ref().map(|fetch| self::fetch(fetch, report));
    let reconcile = part.reconcile.as_ref().map(|reconcile| self::reconcile(reconcile, part, report));
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
    let Request { path, query, method, body, since, pages } = request?;
    let order = match &part.order {
        Some(order) => order_field(order)?,
        None => since.as_ref().map(order_of_since),
    };
    Some(Collection {
        key: CollectionKey { source: source?.clone(), collection: name? },
        object_type: part.object_type.clone()?,
        path,
        query,
        method,
        body,
        items: part.items.clone().unwrap_or_else(FieldPath::root),
        id: part.id.clone()?.0,
        created: part.created.as_ref().and_then(created),
        since,
        pages,
        remote: match remote {
            Some(remote) => Some(remote?),
            None => None,
        },
        every: every?,
        reconcile: match reconcile {
            Some(reconcile) => Some(reconcile?),
            None => None,
        },
        fetch: match fetch {
            Some(fetch) => Some(fetch?),
            None => None,
        },
        start: part.start.as_ref().map_or(Start::Now, |start| start.value),
        order,
        rules,
        deleted: part.deleted.clone().map(|field| field.0),
        children,
    })
}

/// `None`: what it says cannot be read.
fn order_field(part: &OrderPart) -> Option<Option<OrderField>> {
    match part {
        OrderPart::None => Some(None),
        OrderPart::Field(part) => Some(Some(OrderField { path: part.field.clone()?.0, kind: part.kind? })),
    }
}

fn order_of_since(since: &Since) -> OrderField {
    OrderField { path: since.field.clone(), kind: OrderKind::Zoned(since.format) }
}

fn interval(part: Option<&At<Span>>, report: &mut Report) -> Option<Duration> {
    let every = within(part, Duration::from_millis(100)..=MONTH, report)?;
    if let Some(at) = part
        && every < Duration::from_secs(1)
    {
        report.note(&at.place, format!("polling every {} is for local use only", show(every)), None);
    }
    Some(every)
}

fn reconcile(part: &ReconcilePart, of: &CollectionPart, report: &mut Report) -> Option<Reconcile> {
    let every = interval(part.every.as_ref(), report);
    let window = part.window.as_ref().map(|window| within(Some(window), Duration::from_secs(1)..=YEAR, report));
    if let (Some(At { place, .. }), None) = (&part.window, &of.since) {
        report.fault(place, "a window is asked for by time: expected `since` beside `reconcile`, found none");
    }
    Some(Reconcile {
        every: every?,
        window: match window {
            Some(window) => Some(window?),
            None => None,
        },
    })
}

/// Of objects that thin events name, where the hub file does not say.
const FETCHED_A_SECOND: u32 = 5;

fn fetch(part: &FetchPart, report: &mut Report) -> Option<Fetch> {
    let At { place, value: RequestPath(path), .. } = part.path.as_ref()?;
    let rate = match &part.rate {
        Some(rate) => count(Some(rate), 1..=1_000, report),
        None => Some(FETCHED_A_SECOND),
    };
    if !path.contains(Fetch::ID) {
        report.fault(place, format!("expected a path with {} in it, found {}", Fetch::ID, quote(path)));
        return None;
    }
    Some(Fetch { path: path.clone(), item: part.item.clone().unwrap_or_else(FieldPath::root), rate: rate? })
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
