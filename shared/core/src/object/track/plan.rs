//! What a set of records comes to: one decision per object, and what is to be stored for it. Nothing is written here.
//!
//! An old snapshot is old in all its parts: the children in a record that is late are not looked at. They are kept in the
//! body of the late version.

use std::collections::HashMap;

use super::{TrackError, Tracker, seen::Seen, stored::Heads};
use crate::{
    hub::Collection,
    object::{
        Context, Decision, News, Record, SetAside, decide,
        decide::{Deriving, deriving, trace_id},
    },
    port::{Home, VersionStore},
    turns::{AT_ONCE, give_way},
    version::{ObjectCommit, Raise},
};

/// What would be, or was, stored for one object.
#[derive(Debug, Clone)]
pub struct Planned {
    pub decision: Decision,
    pub commit: ObjectCommit,
}

impl Planned {
    pub(super) fn is_baseline(&self) -> bool {
        self.decision == Decision::Baseline
    }
}

/// What a set of records comes to, before anything is stored.
#[derive(Debug, Default)]
pub struct Plan {
    /// By record, in the order given.
    pub(super) parents: Vec<Option<Planned>>,
    /// Each with the place of its parent's record.
    pub(super) children: Vec<(usize, Planned)>,
    /// Of objects of which nothing is stored, each with the place of its record.
    pub(super) raises: Vec<(usize, Raise)>,
    /// What the store has of them cannot be read, so that nothing can be compared with it.
    pub set_aside: Vec<SetAside>,
    /// Records among them, without which their children are not planned either.
    pub(super) left_out: usize,
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        self.raises.is_empty() && self.children.is_empty() && self.parents.iter().all(Option::is_none)
    }

    /// Parents first.
    pub fn into_items(self) -> impl Iterator<Item = Planned> {
        self.parents.into_iter().flatten().chain(self.children.into_iter().map(|(_, child)| child))
    }
}

impl<H: Home> Tracker<'_, H> {
    /// Reads heads and the bodies of changed objects, and works out what to store. Keys must be distinct.
    pub async fn plan(&self, collection: &Collection, records: &[Record], news: &News) -> Result<Plan, TrackError> {
        let now = self.home.clock().now();
        let seen = Seen::of(collection, records, now);
        let (heads, mut unreadable) = self.heads(&seen).await?;
        let context = Context {
            epoch: self.home.store().epoch().await?,
            hub: self.hub.name.clone(),
            now,
            lineage: self.given.as_ref().map(|given| given.lineage.clone()),
        };
        let decisions = self.decisions(&seen, &heads, news).await?;
        let bodies = self.parent_bodies(&seen, &decisions, &heads, &mut unreadable).await?;

        let mut plan = Plan { parents: records.iter().map(|_| None).collect(), ..Plan::default() };
        let mut traces: HashMap<usize, String> = HashMap::new();
        for (place, (one, decision)) in seen.0.iter().zip(&decisions).enumerate() {
            // What differs, and what is to be told of it, is most of what a changed object costs.
            if place % AT_ONCE == AT_ONCE - 1 {
                give_way().await;
            }
            if let Some(why) = unreadable.get(one.key) {
                tracing::error!(object = %one.key, why, "an object is set aside: what is stored of it cannot be read");
                let reason = format!("{} cannot be compared: {why}", one.key);
                plan.set_aside.push(SetAside { at: one.record.at.clone(), reason });
                plan.left_out += usize::from(one.parent.is_none());
                continue;
            }
            let is_left_out = one.parent.is_some_and(|parent| unreadable.contains_key(seen.0[parent].key));
            let head = heads.get(one.key);
            // What an endpoint says of its own is no word of the source.
            if *decision == Decision::Unchanged && self.given.is_none() {
                plan.raises.extend(head.and_then(|head| one.raise(head)).map(|raise| (one.place, raise)));
            }
            if *decision == Decision::Unchanged || is_left_out {
                continue;
            }
            let mut version = one.version(head, *decision, now);
            if self.given.is_some() && *decision != Decision::Late {
                // An endpoint's clock, or its count, makes no change of the source late.
                version.order = None;
            }
            if one.parent.is_none() {
                traces.insert(place, trace_id(context.epoch, &version));
            }
            let messages = deriving(
                &context,
                &Deriving {
                    version: &version,
                    decision: *decision,
                    rules: one.rules,
                    previous: (*decision == Decision::Updated).then(|| bodies.get(one.key)).flatten(),
                    within: one.parent.map(|_| (&collection.object_type, &one.record.body)),
                    trace_id: one.parent.and_then(|parent| traces.get(&parent)).map(String::as_str),
                },
            );
            let messages = messages.into_iter().map(|message| self.router.record(message)).collect::<Result<_, _>>()?;
            let commit = ObjectCommit { expected: head.cloned(), version, messages };
            let planned = Planned { decision: *decision, commit };
            match one.parent {
                None => plan.parents[one.place] = Some(planned),
                Some(_) => plan.children.push((one.place, planned)),
            }
        }
        Ok(plan)
    }

    /// In the order of what was seen.
    async fn decisions(&self, seen: &Seen<'_>, heads: &Heads, news: &News) -> Result<Vec<Decision>, TrackError> {
        let stored = self.stored_since(seen, heads).await?;
        let by_source = self.given.is_none();
        let mut decisions: Vec<Decision> = Vec::with_capacity(seen.0.len());
        for one in &seen.0 {
            let head = heads.get(one.key);
            let parent = one.parent.map(|parent| (decisions[parent], heads.get(seen.0[parent].key)));
            let is_news = match parent {
                None => news.is(one.record.created),
                // A child found at an old object is as old; one found later is news.
                Some((Decision::Baseline, _)) => false,
                Some((Decision::Unchanged, head)) => !head.is_some_and(|head| head.baseline),
                Some(_) => true,
            };
            // Of a parent that is older than its head, and is the same but for its children, these are as old.
            let is_behind = one.parent.is_some_and(|parent| {
                let parent = &seen.0[parent];
                heads.get(parent.key).is_some_and(|head| parent.shown(by_source).is_behind(head))
            });
            let is_late = is_behind || matches!(parent, Some((Decision::Late, _)));
            let decision = match stored.contains(one.key) || is_late {
                true => Decision::Unchanged,
                false => decide(head, &one.shown(by_source), is_news),
            };
            let untold = head.is_some_and(|head| head.baseline && !head.deleted) && !is_late;
            decisions.push(match decision {
                Decision::Unchanged if news.tell_baselines && untold => Decision::New,
                decision => decision,
            });
        }
        let stored = self.stored_late(seen, &decisions, heads).await?;
        for (one, decision) in seen.0.iter().zip(&mut decisions) {
            if *decision == Decision::Late && stored.contains(one.key) {
                *decision = Decision::Unchanged;
            }
        }
        Ok(decisions)
    }
}
