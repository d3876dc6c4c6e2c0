//! A reading in progress: what it has come to, and how a page becomes records.

use std::time::Duration;

use serde_json::Value;

use super::{
    bookmark::Bookmark,
    error::PollError,
    page::{Page, PageError},
    poller::PollReport,
    reconcile::Missed,
    time_style::TimeStyle,
    walk::fingerprint,
};
use crate::{
    Timestamp,
    hub::{Collection, Pages, Source, TimeFormat},
    object::{self, Record},
    port::CollectionState,
};

pub(super) struct Run<'a> {
    pub source: &'a Source,
    pub collection: &'a Collection,
    pub state: CollectionState,
    pub report: PollReport,
    /// Records that were not set aside.
    pub readable: u64,
    /// The interval at which a run like this begins.
    pub every: Duration,
    /// Of a reconciling run.
    pub missed: Option<Missed>,
    /// By the hub's clock or the source's own, whichever is ahead.
    pub now: Timestamp,
    /// The last time that the source wrote, and how.
    latest: Option<(Timestamp, Option<TimeStyle>)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(source: &'a Source, collection: &'a Collection, state: CollectionState, now: Timestamp) -> Self {
        let latest = Bookmark::read(collection, state.bookmark.as_deref())
            .time()
            .map(|time| (time, state.bookmark.as_deref().and_then(TimeStyle::of)));
        Self {
            source,
            collection,
            state,
            report: PollReport::default(),
            readable: 0,
            every: collection.every,
            missed: None,
            now,
            latest,
        }
    }

    pub(super) fn bookmark(&self) -> Bookmark {
        Bookmark::read(self.collection, self.state.bookmark.as_deref())
    }

    pub(super) fn style(&self) -> Option<TimeStyle> {
        self.latest.and_then(|(_, style)| style)
    }

    /// That nothing of many can be read says more of the hub file than of any record. To call the poll a success would make
    /// an empty baseline of it, and news of everything once the file is mended. One bad record alone, where others have
    /// been read before, is only a bad record.
    pub(super) fn check_readable(&self) -> Result<(), PollError> {
        let count = self.report.set_aside.len();
        let suspicious = count > 1 || !self.state.baseline_done;
        match self.report.set_aside.first() {
            Some(first) if self.readable == 0 && suspicious => {
                Err(PollError::AllSetAside { count, first: first.clone() })
            }
            _ => Ok(()),
        }
    }

    /// The bookmark is a cursor, and the source no longer knows it.
    pub(super) fn has_outlived_its_cursor(&self, error: &PollError) -> bool {
        let is_gone = match error {
            PollError::Page(PageError::Status { status }) => *status == 410,
            PollError::Remote(error) => error.is_gone(),
            _ => false,
        };
        is_gone && matches!(self.bookmark(), Bookmark::Cursor(_))
    }

    /// What can be read of a page; the rest is set aside in the report.
    pub(super) fn records(&mut self, page: Page) -> ReadPage {
        let count = page.items.len();
        self.report.records += count as u64;
        let mut read = ReadPage {
            records: Vec::with_capacity(count),
            times: Vec::with_capacity(count),
            rows: Vec::with_capacity(count),
        };
        for mut aside in page.unreadable {
            // A page of nothing else is no empty page, which would be the end of the list.
            read.rows.push(fingerprint(&aside.to_string()));
            aside.at = format!("page {} {}", self.report.pages, aside.at);
            self.report.set_aside.push(aside);
        }
        // Only passes leave fleeting parts out of account. A feed may name one object on page after page.
        let is_feed = self.collection.since.is_none() && matches!(self.collection.pages, Pages::Cursor { .. });
        for (place, item) in page.items.into_iter().enumerate() {
            let whole = fingerprint(&item);
            let style = style(self.collection, &item);
            match object::read(self.collection, &format!("page {} item {place}", self.report.pages), item) {
                Ok(mut record) => {
                    self.readable += 1;
                    self.report.set_aside.append(&mut record.set_aside);
                    let row = fingerprint(&(&record.key.id, record.changed));
                    read.rows.push(if is_feed { whole } else { row });
                    if record.changed >= self.latest.map(|(time, _)| time) {
                        self.latest = record.changed.map(|time| (time, style)).or(self.latest);
                    }
                    read.times.extend(record.changed);
                    read.records.push(record);
                }
                Err(aside) => {
                    read.rows.push(whole);
                    self.report.set_aside.push(aside);
                }
            }
        }
        read
    }
}

/// A page, as far as it can be read.
pub(super) struct ReadPage {
    pub records: Vec<Record>,
    pub times: Vec<Timestamp>,
    pub rows: Vec<u64>,
}

/// How the item's time is written, where times are text.
fn style(collection: &Collection, item: &Value) -> Option<TimeStyle> {
    let rule = collection.since.as_ref().filter(|rule| rule.format == TimeFormat::Rfc3339)?;
    TimeStyle::of(rule.field.get(item)?.as_str()?)
}
