//! From the description to the model: names resolved, defaults put in, limits held.
//!
//! Works on whatever could be read, so that a reference to an unknown endpoint is found although the same route has a
//! misspelt key. The result is only of use when the report stayed clean.

mod aliases;
mod endpoint;
mod http;
mod remote;
mod request;
mod route;
mod rules;
mod source;
mod webhook;
mod words;

use std::{ops::RangeInclusive, str::FromStr, time::Duration};

use self::words::Words;
use super::{
    alternatives::TermPart,
    decode::At,
    description::{HubFile, LimitsPart, RetentionPart},
    fault::Report,
    model::{Hub, Limits, Retention},
    tree::{Key, Node, quote},
    values::{Count, Size, Span, slug},
};
use crate::{id::InvalidName, json::canonical};

/// What a Lambda function has at most, and so the longest request.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(15 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What a queue keeps something for at most (SQS: `MessageRetentionPeriod`).
const LONGEST_QUEUED: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// What is over may still be read by whoever has just seen that it is there.
const SHORTEST_TERM: Duration = Duration::from_secs(1);

/// `root` is the tree that `file` was read from.
pub(super) fn resolve(root: &Node, file: &HubFile, report: &mut Report) -> Option<Hub> {
    let limits = limits(file.limits.as_ref(), report);
    let retention = retention(file.retention.as_ref(), report);
    let networks = http::networks(file.networks.as_deref().unwrap_or_default(), report);
    let names = route::endpoint_names(root, file);
    let sources = file.sources.clone().unwrap_or_default();
    let sources = sources
        .0
        .iter()
        .filter_map(|(key, part)| source::source(key, &part.as_ref()?.0, names.as_deref(), report))
        .collect();
    let webhooks = webhook::webhooks(root, file, &sources, report);
    let endpoints = file.endpoints.clone().unwrap_or_default();
    let resolved = endpoints
        .0
        .iter()
        .filter_map(|(key, part)| endpoint::endpoint(key, part.as_ref()?, limits.timeout, report))
        .collect();
    let words = Words::of(root);
    let aliases = aliases::aliases(file.aliases.as_ref(), &words, report);
    let routes = route::routes(root, file, &words, &aliases, report);
    let hash = crate::id::ContentHash::of(canonical(&root.to_json(), &[]).as_bytes());
    Some(Hub {
        name: file.hub.clone()?,
        hash: crate::id::hex(&hash.0),
        enabled: file.enabled.is_none_or(|flag| flag.0),
        limits,
        retention,
        networks,
        sources,
        webhooks,
        endpoints: resolved,
        routes,
        aliases,
    })
}

fn limits(part: Option<&LimitsPart>, report: &mut Report) -> Limits {
    let mut limits = Limits { hops: 8, timeout: Duration::from_secs(15), response: 256 << 10, page: 10 << 20 };
    let Some(part) = part else {
        return limits;
    };
    if let Some(hops) = count(part.hops.as_ref(), 0..=100, report) {
        limits.hops = hops;
    }
    if let Some(timeout) = timeout(part.timeout.as_ref(), report) {
        limits.timeout = timeout;
    }
    if let Some(response) = size(part.response.as_ref(), 16 << 20, report) {
        limits.response = response;
    }
    if let Some(page) = size(part.page.as_ref(), 256 << 20, report) {
        limits.page = page;
    }
    limits
}

fn retention(part: Option<&RetentionPart>, report: &mut Report) -> Retention {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let mut retention = Retention { deliveries: Some(30 * DAY), dead_letters: LONGEST_QUEUED, versions: None };
    let Some(part) = part else {
        return retention;
    };
    if let Some(deliveries) = term(part.deliveries.as_ref(), report) {
        retention.deliveries = deliveries;
    }
    if let Some(dead_letters) = within(part.dead_letters.as_ref(), SHORTEST_TERM..=LONGEST_QUEUED, report) {
        retention.dead_letters = dead_letters;
    }
    if let Some(versions) = term(part.versions.as_ref(), report) {
        retention.versions = versions;
    }
    retention
}

/// `Some(None)`: for ever.
fn term(term: Option<&TermPart>, report: &mut Report) -> Option<Option<Duration>> {
    match term? {
        TermPart::Forever => Some(None),
        TermPart::For(span) => within(Some(span), SHORTEST_TERM..=Span::LONGEST, report).map(Some),
    }
}

/// A name that was a key.
fn name<T: FromStr<Err = InvalidName>>(key: &Key, report: &mut Report) -> Option<T> {
    match key.text.parse() {
        Ok(name) => Some(name),
        Err(InvalidName { kind, expected, .. }) => {
            let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
            let message = format!("expected {article} {kind} ({expected}), found {}", quote(&key.text));
            report.suggest(&key.place, message, slug::<T>(&key.text));
            None
        }
    }
}

fn timeout(span: Option<&At<Span>>, report: &mut Report) -> Option<Duration> {
    within(span, Duration::from_millis(1)..=LONGEST_TIMEOUT, report)
}

fn within(span: Option<&At<Span>>, range: RangeInclusive<Duration>, report: &mut Report) -> Option<Duration> {
    let At { place, value: Span(span), .. } = span?;
    if range.contains(span) {
        return Some(*span);
    }
    let (least, most) = (show(*range.start()), show(*range.end()));
    report.fault(place, format!("expected a duration from {least} to {most}, found {}", show(*span)));
    None
}

fn count<T: TryFrom<u64>>(found: Option<&At<Count>>, range: RangeInclusive<u64>, report: &mut Report) -> Option<T> {
    let At { place, value: Count(count), .. } = found?;
    let fits = range.contains(count).then(|| T::try_from(*count).ok()).flatten();
    if fits.is_none() {
        report.fault(place, format!("expected {} to {}, found {count}", range.start(), range.end()));
    }
    fits
}

/// `most` is in whole MiB.
fn size(found: Option<&At<Size>>, most: usize, report: &mut Report) -> Option<usize> {
    let At { place, value: Size(size), .. } = found?;
    if (1..=most).contains(size) {
        return Some(*size);
    }
    let found =
        [(1 << 20, "MiB"), (1 << 10, "KiB")].into_iter().find(|(unit, _)| *size > 0 && size.is_multiple_of(*unit));
    let (unit, suffix) = found.unwrap_or((1, "B"));
    report.fault(place, format!("expected a size from 1B to {}MiB, found {}{suffix}", most >> 20, size / unit));
    None
}

/// A duration in its largest whole unit.
fn show(span: Duration) -> String {
    let millis = span.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match units.iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit)) {
        Some((unit, suffix)) => format!("{}{suffix}", millis / unit),
        None if millis == 0 => "0s".to_owned(),
        None => format!("{millis}ms"),
    }
}
