//! Reconciliation: a slow, wide poll beside the collection's own, which finds what that one, or a source that pushes, has
//! missed (contract §3).
//!
//! It reads what changed within its window (or everything), compares as any poll does, and so stores and emits what was
//! missed and nothing else. It has a lease and a record of its own: neither waits for the other, and the bookmark of the
//! collection's poll is not its concern. In its own record the bookmark is how far an unfinished run has come; a run that
//! has ended leaves none, and the next begins with a new window.
//!
//! Before the collection has its baseline there is nothing to reconcile: what the wide poll found first would be told
//! apart from nothing.

use std::collections::HashMap;

use super::{bookmark::Bookmark, run::Run, time_style::TimeStyle};
use crate::{
    Timestamp,
    hub::{Collection, Reconcile, Source},
    id::ObjectKey,
    object::Record,
    port::CollectionState,
};

/// What a reconciling run has found.
#[derive(Debug)]
pub(super) struct Missed {
    /// What had changed by then, the collection's poll has had the chance to find; `None`: nobody knows.
    polled_to: Option<Timestamp>,
    pub objects: u64,
}

/// What a run begins from.
#[derive(Debug)]
pub(super) enum Basis<'a> {
    /// The collection's own bookmark.
    Bookmark,
    /// What the collection's poll has come to.
    Baseline { rule: &'a Reconcile, of_poll: CollectionState },
}

impl<'a> Basis<'a> {
    /// `own` is the way's own record.
    pub(super) fn run(
        self,
        source: &'a Source,
        collection: &'a Collection,
        mut own: CollectionState,
        now: Timestamp,
    ) -> Run<'a> {
        let Self::Baseline { rule, of_poll } = self else {
            return Run::new(source, collection, own, now);
        };
        // What is news is told apart as the collection's poll does.
        own.started_at = of_poll.started_at;
        own.baseline_done = true;
        if let (None, Some(window)) = (&own.bookmark, rule.window) {
            let style = of_poll.bookmark.as_deref().and_then(TimeStyle::of);
            own.bookmark = Bookmark::from(now.checked_sub(window).ok()).write(style);
        }
        let bookmark = Bookmark::read(collection, of_poll.bookmark.as_deref()).time();
        // Within its overlap the poll reads again, and is yet to find what committed late.
        let overlap = collection.since.as_ref().map(|since| since.overlap).unwrap_or_default();
        let polled_to = bookmark.and_then(|time| time.checked_sub(overlap).ok());
        let mut run = Run::new(source, collection, own, now);
        run.every = rule.every;
        run.missed = Some(Missed { polled_to, objects: 0 });
        run
    }
}

impl Missed {
    /// When each of these changed, for [`Missed::count`].
    pub(super) fn times(records: &[Record]) -> HashMap<ObjectKey, Option<Timestamp>> {
        records.iter().map(|record| (record.key.clone(), record.changed)).collect()
    }

    /// Counts, of what was stored as a change, what the collection's poll should have found. Where nothing tells when an
    /// object changed, that is everything.
    pub(super) fn count(&mut self, changed: &[ObjectKey], times: &HashMap<ObjectKey, Option<Timestamp>>) {
        let late = |key: &&ObjectKey| match (times.get(*key).copied().flatten(), self.polled_to) {
            (Some(time), Some(polled_to)) => time < polled_to,
            _ => true,
        };
        self.objects += changed.iter().filter(late).count() as u64;
    }
}
