//! Which page to ask for next, and how far the bookmark may move.
//!
//! Pages counted by number shift under the reader: a row that changes moves to the end, and all rows behind it move up,
//! one of them from a page not yet read to one already read. So where the source filters by time and answers oldest
//! first, every next request starts again from the last time seen, inclusive, and page numbers are stepped only while a
//! whole page shares one time. Everything before the last time seen has then been read, and the bookmark may follow.
//!
//! Where the source turns out not to filter or not to sort, or cannot filter at all, the walk is a *full pass* by page
//! number or link. A row can then be missed only if something changed meanwhile, so the bookmark moves only after a
//! pass that found nothing new; until then the next poll passes over the same stretch again.

use std::collections::HashSet;

use serde_json::Value;
use url::Url;

use crate::{
    Timestamp,
    hub::{Collection, Pages, TimeFormat},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    First,
    Number(u64),
    Link(Url),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    #[error("the source's pagination is circular: {path} leads back to a page already read")]
    Circular { path: String },
}

/// What the walk looks at on a page.
#[derive(Debug)]
pub(super) struct PageFacts {
    /// Of the items that have one, in the order of the page.
    pub times: Vec<Timestamp>,
    pub items: usize,
    /// The same for two pages with the same items.
    pub fingerprint: u64,
    pub total: Option<u64>,
    pub next: Option<Url>,
    /// Something on the page was stored.
    pub news: bool,
}

#[derive(Debug)]
pub(super) struct Walk {
    since: Option<Timestamp>,
    at: At,
    first: At,
    /// Requests start again from the last time seen.
    keyset: bool,
    filters: bool,
    /// The last time seen.
    seen: Option<Timestamp>,
    news: bool,
    links: HashSet<Url>,
    last_page: Option<(At, u64)>,
    precision: TimeFormat,
    bookmark: Option<Timestamp>,
    single: bool,
    done: bool,
}

impl Walk {
    pub(super) fn start(collection: &Collection, bookmark: Option<Timestamp>) -> Self {
        let since = collection.since.as_ref().and_then(|rule| {
            let bookmark = bookmark?;
            bookmark.checked_sub(jiff::SignedDuration::try_from(rule.overlap).ok()?).ok()
        });
        let first = match collection.pages {
            Pages::Number { first, .. } => At::Number(first),
            Pages::Single | Pages::Link => At::First,
        };
        let filters = collection.since.is_some();
        Self {
            since,
            at: first.clone(),
            first,
            keyset: filters,
            filters,
            seen: None,
            news: false,
            links: HashSet::new(),
            last_page: None,
            precision: collection.since.as_ref().map_or(TimeFormat::Rfc3339, |rule| rule.format),
            bookmark,
            single: matches!(collection.pages, Pages::Single),
            done: false,
        }
    }

    /// The next request; `None` when everything has been read.
    pub(super) fn next(&self) -> Option<(Option<Timestamp>, &At)> {
        (!self.done).then_some((self.since, &self.at))
    }

    /// How far everything has been read and stored.
    pub(super) fn bookmark(&self) -> Option<Timestamp> {
        self.bookmark
    }

    pub(super) fn after(&mut self, page: &PageFacts) -> Result<(), WalkError> {
        self.news |= page.news;
        let more = self.more(page);
        if self.keyset && more.is_some() && !self.sorted_and_filtered(page) {
            self.keyset = false;
        }
        self.last_page = Some((self.at.clone(), page.fingerprint));
        self.seen = self.seen.max(page.times.iter().max().copied());
        if self.keyset {
            self.bookmark = self.bookmark.max(self.seen);
        }
        let Some(next_page) = more else {
            self.done = true;
            if self.filters && !self.keyset && !self.news {
                self.bookmark = self.bookmark.max(self.seen);
            }
            return Ok(());
        };
        let last = page.times.last().copied().map(|time| self.floor(time));
        if self.keyset && last > self.since.map(|since| self.floor(since)) {
            self.since = last;
            self.at = self.first.clone();
            self.links.clear();
        } else {
            if let At::Link(url) = &next_page
                && !self.links.insert(url.clone())
            {
                return Err(WalkError::Circular { path: url.path().to_owned() });
            }
            self.at = next_page;
        }
        Ok(())
    }

    /// The page after this one, if there may be one.
    fn more(&self, page: &PageFacts) -> Option<At> {
        if self.single || page.items == 0 {
            return None;
        }
        // A source that has no page of that number may give its last one again.
        let repeated = self.last_page.as_ref().is_some_and(|(at, print)| *at != self.at && *print == page.fingerprint);
        match (&self.at, &page.next) {
            (At::Number(number), _) => {
                let last = page.total.is_some_and(|total| number.saturating_sub(self.first_number()) + 1 >= total);
                (!last && !repeated).then(|| At::Number(number + 1))
            }
            (_, Some(next)) if At::Link(next.clone()) != self.at => Some(At::Link(next.clone())),
            _ => None,
        }
    }

    fn first_number(&self) -> u64 {
        if let At::Number(number) = self.first { number } else { 0 }
    }

    fn sorted_and_filtered(&self, page: &PageFacts) -> bool {
        let every_item_has_one = page.times.len() == page.items;
        let filtered = match (self.since, page.times.first()) {
            (Some(since), Some(first)) => self.floor(*first) >= self.floor(since),
            _ => true,
        };
        every_item_has_one && filtered && page.times.is_sorted()
    }

    /// What the format of the request's parameter can say.
    fn floor(&self, time: Timestamp) -> Timestamp {
        let floored = match self.precision {
            TimeFormat::Rfc3339 => return time,
            TimeFormat::Epoch => Timestamp::from_second(time.as_second()),
            TimeFormat::EpochMs => Timestamp::from_millisecond(time.as_millisecond()),
        };
        floored.unwrap_or(time)
    }
}

/// The same for two pages with the same items.
pub(super) fn fingerprint(items: &[Value]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    for item in items {
        item.to_string().hash(&mut hasher);
    }
    hasher.finish()
}
