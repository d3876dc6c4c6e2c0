//! A page of records against the store. Heads are read in one batch, what happened is worked out ([`plan`]), and what
//! changed is stored object by object, each in a transaction of its own with its pending messages. Where someone else was
//! faster, the record is looked at again from the new head, so that versions stay one chain: the same change that comes in
//! two ways at once is one version, and of two changes the older one is late, whichever comes first. What no store takes in
//! one transaction is set aside with its reason, and so is what is to be compared with something that cannot be read: it is
//! told of, and holds up nobody.

mod plan;
mod seen;
mod stored;

use std::collections::{BTreeMap, HashSet};

pub use plan::{Plan, Planned};

use super::{
    decide::Decision,
    news::News,
    record::{Record, SetAside},
};
use crate::{
    event::{EventName, HubEvent},
    hub::{Collection, Hub},
    id::ObjectKey,
    message::{Lineage, MessageRecord},
    port::{CommitError, Home, PortError, VersionStore},
    route::{RouteError, Router},
    version::Raise,
};

/// How often a record is looked at again before its collection is given up for this time.
const TRIES: usize = 20;

#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    Route(#[from] RouteError),
    #[error("{object} was changed by others {TRIES} times in a row while a change of it was to be stored")]
    Contended { object: ObjectKey },
}

/// The heads when an answer came, by the objects' names (`my-store/orders/R1`); of what was not there yet, nothing.
///
/// What an answer gave may be looked at again long after it was stored, by whoever takes up what a crash left. Versions
/// that came since then tell whether that object has been there already.
pub type Since = BTreeMap<String, u64>;

/// Where objects come from that an answer gave.
#[derive(Debug, Clone)]
pub struct Given {
    pub lineage: Lineage,
    pub since: Since,
}

/// What was stored.
#[derive(Debug, Default)]
pub struct Tracked {
    /// Versions, baselines and late ones included.
    pub stored: u64,
    /// Versions that are neither.
    pub told: u64,
    /// Versions that are older than what was there.
    pub late: u64,
    /// Objects of the collection itself among the baselines, children not counted.
    pub baseline: u64,
    /// Stored pending, to be published.
    pub messages: Vec<MessageRecord>,
    /// Objects of the collection itself, children not counted, of which a version was stored that counts as told.
    pub changed: Vec<ObjectKey>,
    /// What the store can never take, each at the place of its record.
    pub set_aside: Vec<SetAside>,
    /// Records among them; what else there is are children, whose parents were stored.
    pub left_out: usize,
    /// What was found needed no write. It may be what somebody else has stored just now, and be seen before it is durable.
    pub only_read: bool,
}

pub struct Tracker<'a, H: Home> {
    home: &'a H,
    hub: &'a Hub,
    router: &'a Router,
    given: Option<Given>,
}

impl<H: Home> std::fmt::Debug for Tracker<'_, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracker").finish_non_exhaustive()
    }
}

impl<'a, H: Home> Tracker<'a, H> {
    pub fn new(home: &'a H, hub: &'a Hub, router: &'a Router) -> Self {
        Self { home, hub, router, given: None }
    }

    /// Of objects that an answer gave: their messages follow from it, and what has been stored of them since is left
    /// alone.
    #[must_use]
    pub fn given(self, given: Given) -> Self {
        Self { given: Some(given), ..self }
    }

    /// Stores what changed. A key that stands in `records` more than once is taken in the order given.
    pub async fn track(
        &self,
        collection: &Collection,
        records: Vec<Record>,
        news: &News,
    ) -> Result<Tracked, TrackError> {
        let mut tracked = Tracked::default();
        let mut waiting = records;
        while !waiting.is_empty() {
            let (now, later) = first_of_each(waiting);
            self.track_distinct(collection, now, news, &mut tracked).await?;
            waiting = later;
        }
        Ok(tracked)
    }

    async fn track_distinct(
        &self,
        collection: &Collection,
        mut records: Vec<Record>,
        news: &News,
        tracked: &mut Tracked,
    ) -> Result<(), TrackError> {
        for _ in 0..TRIES {
            let plan = self.plan(collection, &records, news).await?;
            tracked.only_read |= plan.is_empty();
            tracked.set_aside.extend(plan.set_aside);
            tracked.left_out += plan.left_out;
            let mut missed = Missed::default();

            // A baseline's children come before it: once the parent is known, an unknown child is news. Any other's
            // come after it: a child's message names the parent's version.
            let (before, after): (Vec<_>, Vec<_>) = plan
                .children
                .into_iter()
                .partition(|(place, _)| plan.parents[*place].as_ref().is_some_and(Planned::is_baseline));
            let parents =
                plan.parents.into_iter().enumerate().filter_map(|(place, planned)| Some((place, planned?))).collect();
            for (planned, are_parents) in [(before, false), (parents, true), (after, false)] {
                self.store(&records, planned, are_parents, tracked, &mut missed).await?;
            }

            self.raise(&records, plan.raises, tracked, &mut missed).await?;

            let again = missed.again;
            if again.is_empty() {
                return Ok(());
            }
            let mut place = 0;
            records.retain(|_| {
                place += 1;
                again.contains(&(place - 1))
            });
        }
        Err(TrackError::Contended { object: records.swap_remove(0).key })
    }

    /// Commits, item by item; what belongs to a record that was missed is left out.
    async fn store(
        &self,
        records: &[Record],
        planned: Vec<(usize, Planned)>,
        parents: bool,
        tracked: &mut Tracked,
        missed: &mut Missed,
    ) -> Result<(), TrackError> {
        let (places, planned): (Vec<usize>, Vec<Planned>) =
            planned.into_iter().filter(|(place, _)| !missed.contains(*place)).unzip();
        if planned.is_empty() {
            return Ok(());
        }
        let commits = planned.iter().map(|planned| planned.commit.clone()).collect();
        let answers = self.home.store().commit(commits).await;
        let mut failed = None;
        for ((place, planned), answer) in places.into_iter().zip(planned).zip(answers) {
            match answer {
                Ok(()) => self.stored(planned, parents, tracked),
                Err(CommitError::Conflict) => {
                    missed.again.insert(place);
                }
                Err(CommitError::Impossible(why)) => {
                    let reason = format!("{} cannot be stored: {why}", planned.commit.version.key);
                    tracked.set_aside.push(SetAside { at: records[place].at.clone(), reason });
                    // A child's message tells of its parent's version; the parent does without the child.
                    if parents {
                        tracked.left_out += 1;
                        missed.aside.insert(place);
                    }
                }
                Err(CommitError::Port(error)) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    fn stored(&self, planned: Planned, parent: bool, tracked: &mut Tracked) {
        tracked.stored += 1;
        let key = &planned.commit.version.key;
        let event = match planned.decision {
            Decision::Baseline => {
                tracked.baseline += u64::from(parent);
                None
            }
            Decision::Late => {
                tracked.late += 1;
                Some(EventName::VersionLate)
            }
            _ => {
                tracked.told += 1;
                if parent {
                    tracked.changed.push(key.clone());
                }
                Some(EventName::VersionStored)
            }
        };
        if let Some(event) = event {
            let mut event = HubEvent::new(self.home.clock().now(), event);
            event.source = Some(key.collection.source.to_string());
            event.collection = Some(key.collection.collection.to_string());
            event.object = Some(format!("{}@{}", key.id, planned.commit.version.number));
            self.home.observer().observe(event);
        }
        tracked.messages.extend(planned.commit.messages);
    }

    /// Of objects that stay as they are.
    async fn raise(
        &self,
        records: &[Record],
        raises: Vec<(usize, Raise)>,
        tracked: &mut Tracked,
        missed: &mut Missed,
    ) -> Result<(), TrackError> {
        let (places, raises): (Vec<usize>, Vec<Raise>) =
            raises.into_iter().filter(|(place, _)| !missed.contains(*place)).unzip();
        if raises.is_empty() {
            return Ok(());
        }
        let answers = self.home.store().raise(raises).await;
        let mut failed = None;
        for (place, answer) in places.into_iter().zip(answers) {
            match answer {
                Ok(()) => {}
                Err(CommitError::Conflict) => {
                    missed.again.insert(place);
                }
                Err(CommitError::Impossible(why)) => {
                    let reason = format!("{} cannot be stored: {why}", records[place].key);
                    tracked.set_aside.push(SetAside { at: records[place].at.clone(), reason });
                }
                Err(CommitError::Port(error)) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Places of records of which not all was stored.
#[derive(Debug, Default)]
struct Missed {
    /// Someone else was faster.
    again: HashSet<usize>,
    /// They never can be.
    aside: HashSet<usize>,
}

impl Missed {
    fn contains(&self, place: usize) -> bool {
        self.again.contains(&place) || self.aside.contains(&place)
    }
}

/// The first record of each key, and the rest in their order.
fn first_of_each(records: Vec<Record>) -> (Vec<Record>, Vec<Record>) {
    let mut keys: HashSet<ObjectKey> = HashSet::new();
    records.into_iter().partition(|record| {
        // A parent's children are its own, so distinct parents have distinct children.
        keys.insert(record.key.clone())
    })
}
