//! What the store has of the objects that are seen: their heads, the bodies that updates follow, and versions that were
//! there before. What of it cannot be read is told of object by object.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::{
    Since, TrackError, Tracker,
    seen::{One, Seen},
};
use crate::{
    hub::Collection,
    id::ObjectKey,
    object::{Decision, Record},
    port::{Home, VersionStore},
    version::{Head, Version, VersionRef},
};

/// How many versions of an object are looked through for one that is there already.
const LOOKED_BACK: u64 = 100;
/// Versions, bodies and all, that are in memory together while they are looked through.
const READ_AT_ONCE: usize = 100;

pub(super) type Heads = BTreeMap<ObjectKey, Head>;
/// Why what is stored of an object cannot be read.
pub(super) type Unreadable = BTreeMap<ObjectKey, String>;

impl<H: Home> Tracker<'_, H> {
    /// The heads of the objects and their children, for [`Given`](super::Given).
    ///
    /// # Errors
    /// The store failed.
    pub async fn since(&self, collection: &Collection, records: &[Record]) -> Result<Since, TrackError> {
        let seen = Seen::of(collection, records, self.home.clock().now());
        let (heads, _) = self.heads(&seen).await?;
        Ok(heads.into_iter().map(|(key, head)| (key.to_string(), head.version)).collect())
    }

    /// The heads that are there, and why others cannot be read.
    pub(super) async fn heads(&self, seen: &Seen<'_>) -> Result<(Heads, Unreadable), TrackError> {
        let keys: Vec<ObjectKey> = seen.0.iter().map(|one| one.key.clone()).collect();
        let (mut heads, mut unreadable) = (Heads::new(), Unreadable::new());
        let found = self.home.store().heads(&keys).await?;
        for (key, head) in keys.into_iter().zip(found) {
            match head {
                Ok(Some(head)) => drop(heads.insert(key, head)),
                Ok(None) => {}
                Err(error) => drop(unreadable.insert(key, error.to_string())),
            }
        }
        Ok((heads, unreadable))
    }

    /// Which of the objects that were given have been stored as they are since then: by an earlier run that did not get
    /// to its end, or because a poll came to know of them.
    pub(super) async fn stored_since(&self, seen: &Seen<'_>, heads: &Heads) -> Result<HashSet<ObjectKey>, TrackError> {
        let Some(given) = &self.given else { return Ok(HashSet::new()) };
        let since = |one: &One<'_>| given.since.get(&one.key.to_string()).copied().unwrap_or(1);
        self.stored_among(seen.0.iter().map(|one| (one, since(one))), heads).await
    }

    /// Which of the late ones have been stored already: a change that is told late is told again, as others are.
    pub(super) async fn stored_late(
        &self,
        seen: &Seen<'_>,
        decisions: &[Decision],
        heads: &Heads,
    ) -> Result<HashSet<ObjectKey>, TrackError> {
        let late = seen.0.iter().zip(decisions).filter(|(_, decision)| **decision == Decision::Late);
        self.stored_among(late.map(|(one, _)| (one, 1)), heads).await
    }

    /// Which of them are a version already, of those from the given one on; the head itself is compared in any case.
    async fn stored_among<'a>(
        &self,
        wanted: impl Iterator<Item = (&'a One<'a>, u64)>,
        heads: &Heads,
    ) -> Result<HashSet<ObjectKey>, TrackError> {
        let (mut refs, mut ones) = (Vec::new(), Vec::new());
        for (one, from) in wanted {
            let Some(head) = heads.get(one.key) else { continue };
            let numbers = from.max(head.last.saturating_sub(LOOKED_BACK)).max(1)..=head.last;
            for number in numbers.filter(|number| *number != head.version) {
                refs.push(VersionRef { key: one.key.clone(), number });
                ones.push(one);
            }
        }
        let by_source = self.given.is_none();
        let mut found = HashSet::new();
        for (refs, ones) in refs.chunks(READ_AT_ONCE).zip(ones.chunks(READ_AT_ONCE)) {
            let versions = self.home.store().versions(refs).await?;
            for (one, version) in ones.iter().zip(versions) {
                // One that cannot be read tells nothing.
                let is_it = |version: &Version| {
                    one.is(version) || one.shown(by_source).is_the_change(version.order, version.deleted)
                };
                if version.ok().flatten().as_ref().is_some_and(is_it) {
                    found.insert(one.key.clone());
                }
            }
        }
        Ok(found)
    }

    /// The bodies that updates follow. Where there is none to be read, it is added to what is `unreadable`.
    pub(super) async fn parent_bodies(
        &self,
        seen: &Seen<'_>,
        decisions: &[Decision],
        heads: &Heads,
        unreadable: &mut Unreadable,
    ) -> Result<BTreeMap<ObjectKey, Value>, TrackError> {
        let refs: Vec<VersionRef> = seen
            .0
            .iter()
            .zip(decisions)
            .filter(|(_, decision)| **decision == Decision::Updated)
            .filter_map(|(one, _)| {
                heads.get(one.key).map(|head| VersionRef { key: one.key.clone(), number: head.version })
            })
            .collect();
        let mut bodies = BTreeMap::new();
        if refs.is_empty() {
            return Ok(bodies);
        }
        let versions = self.home.store().versions(&refs).await?;
        for (wanted, version) in refs.into_iter().zip(versions) {
            let why = match version {
                Ok(Some(version)) => {
                    bodies.insert(wanted.key, version.body);
                    continue;
                }
                Ok(None) => format!("version {} is the head, but is not in the store", wanted.number),
                Err(error) => error.to_string(),
            };
            unreadable.insert(wanted.key, why);
        }
        Ok(bodies)
    }
}
