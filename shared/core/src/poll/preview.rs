//! What a poll would store and emit: the source is read, and nothing is stored.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    absent::{self, Absent, Everywhere},
    error::PollError,
    poller::Poller,
    walk::{PageFacts, Walk},
};
use crate::{
    id::CollectionKey,
    object::{News, Planned, SetAside, Tracker},
    port::{Collections, Home},
};

/// What a poll would store and emit.
#[derive(Debug, Default)]
pub struct Preview {
    /// There is no baseline to reconcile with yet; nothing was read.
    pub too_early: bool,
    pub pages: u64,
    /// What the collection names and none of the records, or of the answers, has. Nothing where there were no records.
    pub absent: Vec<Absent>,
    /// The names of the first record's fields.
    pub fields: Vec<String>,
    pub records: u64,
    pub unchanged: u64,
    pub items: Vec<Planned>,
    pub set_aside: Vec<SetAside>,
}

impl<H: Home> Poller<'_, H> {
    /// What [`Poller::poll`] would do, reading the source but storing nothing.
    pub async fn preview(&self, key: &CollectionKey) -> Result<Preview, PollError> {
        let (source, collection) = self.collection(key)?;
        let Some(basis) = self.basis(collection).await? else {
            return Ok(Preview { too_early: true, ..Preview::default() });
        };
        let state = self.home.store().state(&self.way.record_of(key)).await?.unwrap_or_default();
        let mut run = basis.run(source, collection, state, self.now());
        let tracker = Tracker::new(self.home, self.hub, self.router);
        let mut preview = Preview::default();
        let (mut records, mut planned) = (HashSet::new(), HashSet::new());
        let (mut of_answers, mut of_records) = (Everywhere::default(), Everywhere::default());
        let mut walk = Walk::start(collection, &run.bookmark());
        while let Some((since, at)) = walk.next() {
            let page = self.reader(self.home).page(&mut run, since, at).await?;
            let onward = page.onward.clone();
            of_answers.and(page.absent.clone());
            for item in &page.items {
                of_records.and(absent::in_record(collection, item));
            }
            if let (true, Some(Value::Object(first))) = (preview.fields.is_empty(), page.items.first()) {
                preview.fields = first.keys().cloned().collect();
            }
            let read = run.records(page);
            let news = News::of(collection, &run.state, self.now());
            let mut plan = tracker.plan(collection, &read.records, &news).await?;
            run.report.set_aside.append(&mut plan.set_aside);
            // A row may be read more than once, and nothing is stored in between.
            for record in &read.records {
                records.insert(record.key.clone());
            }
            for item in plan.into_items() {
                let version = &item.commit.version;
                if planned.insert((version.key.clone(), version.hash)) {
                    preview.items.push(item);
                }
            }
            walk.after(&PageFacts { times: read.times, rows: read.rows, onward })?;
        }
        let of_the_collection = preview.items.iter().filter(|item| records.contains(&item.commit.version.key));
        preview.records = records.len() as u64;
        preview.unchanged = preview.records.saturating_sub(of_the_collection.count() as u64);
        preview.pages = run.report.pages;
        if run.report.records > 0 {
            preview.absent = of_records.found().into_iter().chain(of_answers.found()).collect();
        }
        preview.set_aside = run.report.set_aside;
        Ok(preview)
    }
}
