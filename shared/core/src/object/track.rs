//! A page of records against the store: heads are read in one batch, what changed is stored object by object, each in a
//! transaction of its own with its pending messages. Where someone else was
//! faster, the record is looked at again from the new head, so that versions stay one chain. What no store takes in one
//! transaction is set aside with its reason, and so is what is to be compared with something that cannot be read: it is
//! told of, and holds up nobody.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::{
    decide::{Context, Decision, Deriving, decide, deriving, trace_id},
    news::News,
    record::{Record, SetAside},
};
use crate::{
    Timestamp,
    event::{EventName, HubEvent},
    hub::{Collection, Hub, ObjectRules},
    id::{ContentHash, ObjectKey, ObjectType},
    json::content_hash,
    message::{Lineage, MessageRecord},
    port::{CommitError, Home, PortError, VersionStore},
    route::{RouteError, Router},
    turns::{AT_ONCE, give_way},
    version::{Head, ObjectCommit, Version, VersionRef},
};

/// How often a record is looked at again before its collection is given up for this time.
const TRIES: usize = 20;
/// How many versions of an object are looked through for what an answer gave.
const LOOKED_BACK: u64 = 100;

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

/// What would be, or was, stored for one object.
#[derive(Debug, Clone)]
pub struct Planned {
    pub decision: Decision,
    pub commit: ObjectCommit,
}

impl Planned {
    fn is_baseline(&self) -> bool {
        self.decision == Decision::Baseline
    }
}

/// What a set of records comes to, before anything is stored.
#[derive(Debug, Default)]
pub struct Plan {
    /// By record, in the order given.
    parents: Vec<Option<Planned>>,
    /// Each with the place of its parent's record.
    children: Vec<(usize, Planned)>,
    /// What the store has of them cannot be read, so that nothing can be compared with it.
    pub set_aside: Vec<SetAside>,
    /// Records among them, without which their children are not planned either.
    left_out: usize,
}

impl Plan {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.parents.iter().all(Option::is_none)
    }

    /// Parents first.
    pub fn into_items(self) -> impl Iterator<Item = Planned> {
        self.parents.into_iter().flatten().chain(self.children.into_iter().map(|(_, child)| child))
    }
}

/// What was stored.
#[derive(Debug, Default)]
pub struct Tracked {
    /// Versions, baselines included.
    pub stored: u64,
    /// Versions that are no baselines.
    pub told: u64,
    /// Objects of the collection itself among the baselines, children not counted.
    pub baseline: u64,
    /// Stored pending, to be published.
    pub messages: Vec<MessageRecord>,
    /// Objects of the collection itself, children not counted, that were stored and are no baseline.
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
        if planned.is_baseline() {
            tracked.baseline += u64::from(parent);
        } else {
            let version = &planned.commit.version;
            tracked.told += 1;
            if parent {
                tracked.changed.push(version.key.clone());
            }
            let mut event = HubEvent::new(self.home.clock().now(), EventName::VersionStored);
            event.source = Some(version.key.collection.source.to_string());
            event.collection = Some(version.key.collection.collection.to_string());
            event.object = Some(format!("{}@{}", version.key.id, version.number));
            self.home.observer().observe(event);
        }
        tracked.messages.extend(planned.commit.messages);
    }

    /// Reads heads and the bodies of changed objects, and works out what to store. Keys must be distinct.
    pub async fn plan(&self, collection: &Collection, records: &[Record], news: &News) -> Result<Plan, TrackError> {
        let seen = Seen::of(collection, records);
        let (heads, mut unreadable) = self.heads(&seen).await?;
        let context = Context {
            epoch: self.home.store().epoch().await?,
            hub: self.hub.name.clone(),
            now: self.home.clock().now(),
            lineage: self.given.as_ref().map(|given| given.lineage.clone()),
        };
        let stored = self.stored_since(&seen, &heads).await?;
        let mut decisions = Vec::with_capacity(seen.0.len());
        for one in &seen.0 {
            let head = heads.get(one.key);
            let is_news = match one.parent {
                None => news.is(one.record.created),
                // A child found at an old object is as old; one found later is news.
                Some(parent) => match decisions[parent] {
                    Decision::Baseline => false,
                    Decision::Unchanged => !heads.get(seen.0[parent].key).is_some_and(|head| head.baseline),
                    _ => true,
                },
            };
            let decision = match stored.contains(one.key) {
                true => Decision::Unchanged,
                false => decide(head, one.hash, one.deleted, is_news),
            };
            let untold = head.is_some_and(|head| head.baseline && !head.deleted);
            decisions.push(match decision {
                Decision::Unchanged if news.tell_baselines && untold => Decision::New,
                decision => decision,
            });
        }
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
            if *decision == Decision::Unchanged || is_left_out {
                continue;
            }
            let head = heads.get(one.key);
            let version = one.version(head, *decision, context.now);
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
            let commit = ObjectCommit { expected: head.map(|head| head.version), version, messages };
            let planned = Planned { decision: *decision, commit };
            match one.parent {
                None => plan.parents[one.place] = Some(planned),
                Some(_) => plan.children.push((one.place, planned)),
            }
        }
        Ok(plan)
    }

    /// The heads of the objects and their children, for [`Given`].
    ///
    /// # Errors
    /// The store failed.
    pub async fn since(&self, collection: &Collection, records: &[Record]) -> Result<Since, TrackError> {
        let seen = Seen::of(collection, records);
        let (heads, _) = self.heads(&seen).await?;
        Ok(heads.into_iter().map(|(key, head)| (key.to_string(), head.version)).collect())
    }

    /// Which of the objects that were given have been stored as they are since then: by an earlier run that did not get
    /// to its end, or because a poll came to know of them.
    async fn stored_since(
        &self,
        seen: &Seen<'_>,
        heads: &BTreeMap<ObjectKey, Head>,
    ) -> Result<HashSet<ObjectKey>, TrackError> {
        let Some(given) = &self.given else { return Ok(HashSet::new()) };
        let mut refs = Vec::new();
        let mut wanted = Vec::new();
        for one in &seen.0 {
            let Some(head) = heads.get(one.key) else { continue };
            let since = given.since.get(&one.key.to_string()).copied().unwrap_or(1);
            // The head itself is compared in any case.
            for number in since.max(head.version.saturating_sub(LOOKED_BACK))..head.version {
                refs.push(VersionRef { key: one.key.clone(), number });
                wanted.push(one);
            }
        }
        if refs.is_empty() {
            return Ok(HashSet::new());
        }
        let versions = self.home.store().versions(&refs).await?;
        let found = wanted.iter().zip(versions).filter(|(one, version)| {
            // One that cannot be read tells nothing.
            let version = version.as_ref().ok().and_then(Option::as_ref);
            version.is_some_and(|version| (version.hash, version.deleted) == (one.hash, one.deleted))
        });
        Ok(found.map(|(one, _)| one.key.clone()).collect())
    }

    /// The heads that are there, and why others cannot be read.
    async fn heads(
        &self,
        seen: &Seen<'_>,
    ) -> Result<(BTreeMap<ObjectKey, Head>, BTreeMap<ObjectKey, String>), TrackError> {
        let keys: Vec<ObjectKey> = seen.0.iter().map(|one| one.key.clone()).collect();
        let (mut heads, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
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

    /// The bodies that updates follow. Where there is none to be read, it is added to what is `unreadable`.
    async fn parent_bodies(
        &self,
        seen: &Seen<'_>,
        decisions: &[Decision],
        heads: &BTreeMap<ObjectKey, Head>,
        unreadable: &mut BTreeMap<ObjectKey, String>,
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

/// Parents and children of a set of records in one line, each parent before its children.
struct Seen<'a>(Vec<One<'a>>);

struct One<'a> {
    key: &'a ObjectKey,
    object_type: &'a ObjectType,
    body: &'a Value,
    hash: ContentHash,
    deleted: bool,
    rules: &'a ObjectRules,
    record: &'a Record,
    /// Place of the record among the records.
    place: usize,
    /// Of a child: place of its parent in this line.
    parent: Option<usize>,
}

impl<'a> Seen<'a> {
    fn of(collection: &'a Collection, records: &'a [Record]) -> Self {
        let mut line: Vec<One<'a>> = Vec::with_capacity(records.len());
        for (place, record) in records.iter().enumerate() {
            let parent = line.len();
            line.push(One {
                key: &record.key,
                object_type: &collection.object_type,
                body: &record.body,
                hash: content_hash(&record.body, &collection.rules.volatile),
                deleted: record.deleted,
                rules: &collection.rules,
                record,
                place,
                parent: None,
            });
            let mut keys: HashSet<&ObjectKey> = HashSet::new();
            // The same child twice in one parent is one object; what stands last is what it is.
            let children = record.children.iter().rev().filter(|child| keys.insert(&child.key));
            let children: Vec<_> = children.collect();
            for child in children.into_iter().rev() {
                let rule = &collection.children[child.rule];
                line.push(One {
                    key: &child.key,
                    object_type: &rule.object_type,
                    body: &child.body,
                    hash: content_hash(&child.body, &rule.rules.volatile),
                    deleted: false,
                    rules: &rule.rules,
                    record,
                    place,
                    parent: Some(parent),
                });
            }
        }
        Self(line)
    }
}

impl One<'_> {
    fn version(&self, head: Option<&Head>, decision: Decision, now: Timestamp) -> Version {
        Version {
            key: self.key.clone(),
            object_type: self.object_type.clone(),
            number: head.map_or(0, |head| head.version) + 1,
            parent: head.map(|head| head.version),
            hash: self.hash,
            stored_at: now,
            baseline: decision == Decision::Baseline,
            deleted: self.deleted,
            body: self.body.clone(),
        }
    }
}
