//! What has been told already, so that nobody outside can fill a log.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{Timestamp, id::WebhookId};

/// In which so much is told of one webhook and no more.
const QUIET: Duration = Duration::from_secs(60);
/// Reports of bad bodies in that time: whoever sends them has proven who he is, and may be trying things out.
const MOST_BODIES: u32 = 10;
/// Kinds of events that are remembered as told.
const MOST_KINDS: usize = 1000;

/// Why a request was refused, as far as it makes a difference to who is told how often: what anybody can send must not hide
/// what a sender does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    /// It never came to its body.
    Request,
    /// The body, or a part of it.
    Body,
}

/// One per process.
#[derive(Debug, Default)]
pub struct Told {
    refusals: Mutex<BTreeMap<(WebhookId, Refusal), Refusals>>,
    unwanted: Mutex<BTreeSet<(WebhookId, Option<String>)>>,
}

#[derive(Debug)]
struct Refusals {
    begun: Timestamp,
    /// Reports since then.
    reports: u32,
    /// Refusals since the last report.
    untold: u64,
}

impl Told {
    /// How many requests have been refused since that was last told, this one included; `None`: enough was told just now.
    pub(super) fn refused(&self, webhook: &WebhookId, refusal: Refusal, now: Timestamp) -> Option<u64> {
        let most = match refusal {
            Refusal::Request => 1,
            Refusal::Body => MOST_BODIES,
        };
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let anew = Refusals { begun: now, reports: 0, untold: 0 };
        let known = refusals.entry((webhook.clone(), refusal)).or_insert(anew);
        known.untold += 1;
        // A clock that was set back counts as a long time.
        let passed = Duration::try_from(now.duration_since(known.begun)).unwrap_or(QUIET);
        if passed >= QUIET {
            (known.begun, known.reports) = (now, 0);
        }
        if known.reports == most {
            return None;
        }
        known.reports += 1;
        Some(std::mem::take(&mut known.untold))
    }

    /// Whether nobody has been told of an event of this kind. Once too many are known, nobody is told of others.
    pub(super) fn is_first(&self, webhook: &WebhookId, kind: Option<&str>) -> bool {
        let mut unwanted = self.unwanted.lock().unwrap_or_else(PoisonError::into_inner);
        unwanted.len() < MOST_KINDS && unwanted.insert((webhook.clone(), kind.map(str::to_owned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn refusals_are_counted_and_told_once_a_minute() {
        let (told, one, other) = (Told::default(), "one".parse().unwrap(), "other".parse().unwrap());
        let refused = |webhook, seconds| told.refused(webhook, Refusal::Request, at(seconds));
        assert_eq!(refused(&one, 0), Some(1));
        assert!((0..10_000).all(|_| refused(&one, 59).is_none()));
        assert_eq!(refused(&other, 59), Some(1), "each webhook by itself");
        assert_eq!(refused(&one, 60), Some(10_001));
        assert_eq!(refused(&one, 61), None);
        assert_eq!(refused(&one, 10), Some(2), "the clock was set back");
    }

    #[test]
    fn bad_bodies_are_told_a_few_at_a_time() {
        let (told, one) = (Told::default(), "one".parse().unwrap());
        let refused = |seconds| told.refused(&one, Refusal::Body, at(seconds));
        assert_eq!(told.refused(&one, Refusal::Request, at(0)), Some(1));
        assert!((0..10).all(|second| refused(second) == Some(1)), "whatever else was refused");
        assert!((0..1_000).all(|_| refused(59).is_none()));
        assert_eq!(refused(60), Some(1_001));
        assert_eq!(refused(61), Some(1));
    }

    #[test]
    fn a_kind_of_event_is_told_once() {
        let (told, one, other) = (Told::default(), "one".parse().unwrap(), "other".parse().unwrap());
        for (webhook, kind) in [(&one, Some("a")), (&one, None), (&other, Some("a")), (&one, Some("b"))] {
            assert!(told.is_first(webhook, kind), "{webhook} {kind:?}");
            assert!(!told.is_first(webhook, kind), "{webhook} {kind:?}");
        }
        let told_of = (0..2 * MOST_KINDS).filter(|kind| told.is_first(&one, Some(&kind.to_string()))).count();
        assert_eq!(told_of, MOST_KINDS - 4);
    }
}
