//! Backfill: a collection is read again from a time on, because somebody asked for it (contract §3).
//!
//! It leaves alone whatever belongs to the collection's polls: bookmarks, leases, counts of failures. What is stored goes
//! through the same comparison as always, so that it can run beside them, be broken off anywhere and be run again.
//!
//! What the hub has never seen becomes a silent baseline: history is no news, and old customers are not to be written to.
//! Asked to emit, it tells of everything that nobody was ever told of, baselines that were stored before among them, and
//! of each only once, however often it is run. A known object that has changed is `updated` either way.

use std::{collections::HashSet, future::Future, pin::pin, time::Duration};

use futures_util::future::{Either, select};
use serde::{Deserialize, Serialize};

use super::{
    bookmark::Bookmark,
    error::PollError,
    poller::Poller,
    run::Run,
    walk::{PageFacts, Walk},
};
use crate::{
    Timestamp,
    id::{CollectionKey, ObjectKey},
    object::{Decision, News, Planned, Record, Tracker},
    port::{CollectionState, Home},
};

/// What is to be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backfill {
    /// By the time at which an object changed, or was made where no time of change is known.
    pub from: Timestamp,
    /// Up to before this time; `None`: to the end.
    pub until: Option<Timestamp>,
    /// Tell of what nobody was told of.
    pub emit: bool,
    /// Objects a second at most.
    pub rate: Option<u32>,
    /// Nothing is stored.
    pub dry_run: bool,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Backfilled {
    /// It was cut off.
    pub cut_off: bool,
    /// Everything before this time was read; `None` where the source cannot be read from a time on.
    pub reached: Option<Timestamp>,
    pub pages: u64,
    /// Objects within the times asked for.
    pub objects: u64,
    /// Objects without any time, which were left out.
    pub timeless: u64,
    /// Stored without a word, children included.
    pub baseline: u64,
    /// Told of, children included.
    pub told: u64,
    pub messages: u64,
    pub set_aside: u64,
}

impl<H: Home> Poller<'_, H> {
    /// Of a dry run, `planned` sees what would be stored.
    pub async fn backfill(
        &self,
        key: &CollectionKey,
        wanted: &Backfill,
        planned: &mut (dyn FnMut(&Planned) + Send),
        cut_off: impl Future<Output = ()> + Send,
    ) -> Result<Backfilled, PollError> {
        let (source, collection) = self.collection(key)?;
        if collection.since.is_none() && collection.created.is_none() {
            return Err(PollError::Timeless(key.clone()));
        }
        let mut run = Run::new(source, collection, CollectionState::default(), self.now());
        let mut done = Backfilled::default();
        let whole = match select(pin!(self.read_back(&mut run, wanted, planned, &mut done)), pin!(cut_off)).await {
            Either::Left((read, _)) => read.map(|()| true)?,
            Either::Right(_) => false,
        };
        self.tell_of_set_aside(&run);
        let set_aside = run.report.set_aside.len() as u64;
        Ok(Backfilled { cut_off: !whole, pages: run.report.pages, set_aside, ..done })
    }

    async fn read_back(
        &self,
        run: &mut Run<'_>,
        wanted: &Backfill,
        planned: &mut (dyn FnMut(&Planned) + Send),
        done: &mut Backfilled,
    ) -> Result<(), PollError> {
        let collection = run.collection;
        let begin = if collection.since.is_some() { Bookmark::Time(wanted.from) } else { Bookmark::None };
        let mut walk = Walk::start(collection, &begin);
        let news = if wanted.emit { News::everything() } else { News::none() };
        // A row may be read more than once; what changes meanwhile is the poll's to find.
        let mut seen: HashSet<ObjectKey> = HashSet::new();
        while let Some((since, at)) = walk.next() {
            let page = self.reader(self.home.slow().await).page(run, since, at).await?;
            let onward = page.onward.clone();
            let mut read = run.records(page);
            read.records.retain(|record| {
                let is_wanted = match time(record) {
                    Some(time) => time >= wanted.from && wanted.until.is_none_or(|until| time < until),
                    None => true,
                };
                is_wanted && seen.insert(record.key.clone())
            });
            let all = read.records.len();
            read.records.retain(|record| time(record).is_some());
            let fresh = read.records.len() as u64;
            done.timeless += all as u64 - fresh;
            done.objects += fresh;
            self.take(run, read.records, &news, wanted.dry_run, planned, done).await?;
            walk.after(&PageFacts { times: read.times, rows: read.rows, onward })?;
            done.reached = walk.bookmark().time();
            if wanted.until.is_some_and(|until| done.reached.is_some_and(|reached| reached >= until)) {
                return Ok(());
            }
            if let (Some(pause), Some(rate)) = (&self.pause, wanted.rate) {
                pause(Duration::from_secs(fresh) / rate.max(1)).await;
            }
        }
        Ok(())
    }

    async fn take(
        &self,
        run: &mut Run<'_>,
        records: Vec<Record>,
        news: &News,
        dry_run: bool,
        planned: &mut (dyn FnMut(&Planned) + Send),
        done: &mut Backfilled,
    ) -> Result<(), PollError> {
        let home = self.home.slow().await;
        let tracker = Tracker::new(home, self.hub, self.router);
        if dry_run {
            let mut plan = tracker.plan(run.collection, &records, news).await?;
            run.report.set_aside.append(&mut plan.set_aside);
            for item in plan.into_items() {
                done.count(item.decision, item.commit.messages.len());
                planned(&item);
            }
            return Ok(());
        }
        let tracked = tracker.track(run.collection, records, news).await?;
        run.report.set_aside.extend(tracked.set_aside);
        done.baseline += tracked.stored - tracked.told - tracked.late;
        done.told += tracked.told;
        done.messages += tracked.messages.len() as u64;
        self.publish(home, &tracked.messages).await;
        Ok(())
    }
}

impl Backfilled {
    fn count(&mut self, decision: Decision, messages: usize) {
        match decision {
            Decision::Baseline => self.baseline += 1,
            Decision::Late => {}
            _ => self.told += 1,
        }
        self.messages += messages as u64;
    }
}

fn time(record: &Record) -> Option<Timestamp> {
    record.changed.or(record.created)
}
