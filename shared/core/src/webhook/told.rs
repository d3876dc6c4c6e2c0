//! What has been told already, so that nobody outside can fill a log.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{Timestamp, id::WebhookId};

/// Between two reports of what was refused at one webhook.
const QUIET: Duration = Duration::from_secs(60);
/// Kinds of events that are remembered as told.
const MOST_KINDS: usize = 1000;

/// One per process.
#[derive(Debug, Default)]
pub struct Told {
    refusals: Mutex<BTreeMap<WebhookId, Refusals>>,
    unwanted: Mutex<BTreeSet<(WebhookId, Option<String>)>>,
}

#[derive(Debug)]
struct Refusals {
    told_at: Timestamp,
    since: u64,
}

impl Told {
    /// How many requests have been refused since that was last told, this one included; `None`: it was just told.
    pub(super) fn refused(&self, webhook: &WebhookId, now: Timestamp) -> Option<u64> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = refusals.get_mut(webhook) else {
            refusals.insert(webhook.clone(), Refusals { told_at: now, since: 0 });
            return Some(1);
        };
        known.since += 1;
        // A clock that was set back counts as a long time.
        let passed = Duration::try_from(now.duration_since(known.told_at)).unwrap_or(QUIET);
        if passed < QUIET {
            return None;
        }
        known.told_at = now;
        Some(std::mem::take(&mut known.since))
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
        assert_eq!(told.refused(&one, at(0)), Some(1));
        assert!((0..10_000).all(|_| told.refused(&one, at(59)).is_none()));
        assert_eq!(told.refused(&other, at(59)), Some(1), "each webhook by itself");
        assert_eq!(told.refused(&one, at(60)), Some(10_001));
        assert_eq!(told.refused(&one, at(61)), None);
        assert_eq!(told.refused(&one, at(10)), Some(2), "the clock was set back");
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
