//! Endpoints and how they are delivered to.

use std::time::Duration;

use super::{
    LONGEST_QUEUED, count,
    http::{CONNECTION, headers},
    name, show, timeout, within,
};
use crate::{
    hub::{
        alternatives::RetriesPart,
        decode::{At, AtLeastOne},
        description::{EndpointPart, SigningPart},
        fault::Report,
        model::{Endpoint, Signing},
        tree::Key,
    },
    id::EndpointName,
    retry::RetryPolicy,
};

/// Set on every delivery (`docs/contract.md` §5).
const OWN: [&str; 9] = [
    "content-type",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "traceparent",
    "user-agent",
    "x-hub-store",
    "x-hub-token",
    "accept-encoding",
];

/// The most an SQS event source can be asked for (`MaximumConcurrency`).
const MOST_AT_A_TIME: u64 = 1000;

pub(super) fn endpoint(
    key: &Key,
    part: &EndpointPart,
    default_timeout: Duration,
    report: &mut Report,
) -> Option<(EndpointName, Endpoint)> {
    let name: Option<EndpointName> = name(key, report);
    let own = [CONNECTION.as_slice(), OWN.as_slice()].concat();
    let headers = headers(part.headers.as_ref(), &own, report);
    let retries = part.retries.as_ref().map(|retries| policy(retries, report)).unwrap_or_default();
    let concurrency = count(part.concurrency.as_ref(), 1..=MOST_AT_A_TIME, report).unwrap_or(4);
    let timeout = timeout(part.timeout.as_ref(), report).unwrap_or(default_timeout);
    let statuses = part.dead_letter_on.as_deref().unwrap_or_default();
    let mut dead_letter_on: Vec<u16> =
        statuses.iter().filter_map(|status| count(Some(status), 300..=599, report)).collect();
    dead_letter_on.sort_unstable();
    dead_letter_on.dedup();
    let name = name?;
    let endpoint = Endpoint {
        name: name.clone(),
        url: part.url.clone()?.0,
        headers,
        token: part.token.clone().and_then(|token| token.secret),
        format: part.format.unwrap_or_default(),
        signing: part.signing.as_ref().map(signing).unwrap_or_default(),
        retries,
        concurrency,
        timeout,
        dead_letter_on,
        require_ack: part.require_ack.is_some_and(|flag| flag.0),
        ordered: part.ordered.is_some_and(|flag| flag.0),
        drain: part.drain.is_some_and(|flag| flag.0),
    };
    Some((name, endpoint))
}

fn signing(part: &SigningPart) -> Signing {
    let secrets = part.secrets.as_ref().map(|AtLeastOne(secrets)| secrets.clone()).unwrap_or_default();
    Signing { schemes: part.scheme.unwrap_or_default(), secrets }
}

fn policy(retries: &At<RetriesPart>, report: &mut Report) -> RetryPolicy {
    let RetriesPart::Waits(AtLeastOne(waits)) = &retries.value else {
        return RetryPolicy::none();
    };
    let range = Duration::from_millis(1)..=RetryPolicy::LONGEST_WAIT;
    let waits: Vec<Duration> = waits.iter().filter_map(|wait| within(Some(wait), range.clone(), report)).collect();
    let total: Duration = waits.iter().sum();
    // Jitter stretches a wait by up to a fifth.
    if total * 6 / 5 > LONGEST_QUEUED {
        let message =
            format!("the waits add up to {}; with jitter a queue would forget the message after 14d", show(total));
        report.fault(&retries.place, message);
    }
    RetryPolicy::new(waits)
}
