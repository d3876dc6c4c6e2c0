//! Which page to ask for next, and how far the bookmark may move.
//!
//! Pages counted by number shift under the reader: a row that changes moves to the end, and all rows behind it move up,
//! one of them from a page not yet read to one already read. So where the source filters by time and answers oldest
//! first, every next request starts again from the last time seen, inclusive, and page numbers are stepped only while a
//! whole page shares one time. Everything before the last time seen has then been read, and the bookmark may follow.
//!
//! A *pass* is what was read by stepping, from a first page on. A row can hide from a pass only where a row read before
//! it left its place meanwhile. So when the next pass finds again, in the same order and state, all that a pass found,
//! that pass hid nothing that was there when it began; and what was written after it began is no older than what had been
//! seen by then. That far, and no further, the bookmark moves after more than one page. It takes three passes where the bookmark
//! is to move past a time that fills more than a page, and one where it is not.
//!
//! Where the source turns out not to sort, a pass is the whole list after the bookmark, and what an order that was none
//! made the walk skip is read again from where the poll began. Where it turns out not to filter, the bookmark means
//! nothing and stays. Not told apart: an order that ascends within every page and yet is not that of time.
//!
//! A link or a cursor is a step as a page's number is: nobody knows what it is made of. Only where the hub file vouches for
//! a source's cursors (`resume`) is the last one the bookmark; there is no order then to be judged, and no pass
//! (`docs/adr/0012-cursors.md`).

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use serde_json::Value;
use url::Url;

use super::{bookmark::Bookmark, page::Onward};
use crate::{
    Timestamp,
    hub::{Collection, Pages, TimeFormat},
};

/// In one poll and from one time. A source too busy to be read the same way twice is read on to its end, and the
/// bookmark waits for the next poll.
const MOST_PASSES: u32 = 6;

/// A source that has no page of that number may give its last one again: the end, unless it says that there is more. Once
/// may also be a shift by just a page.
const REPEATS: u32 = 2;

/// Pages without items, one after another, each with another to follow: a source may search on behind them, but not for
/// ever.
const MOST_EMPTY: u32 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum At {
    First,
    Number(u64),
    Link(Url),
    /// Text or a number.
    Cursor(Value),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    #[error("the source's pagination is circular: {path} leads back to a page already read")]
    Circular { path: String },
    #[error("the source's pagination is circular: an answer gives a cursor that has been followed before")]
    CursorAgain,
    #[error(
        "the same page came {} times, each time with another to follow: \
         the source does not seem to understand how it is asked for the next", REPEATS + 1
    )]
    PageAgain,
    #[error(
        "{MOST_EMPTY} pages in a row were empty, each with another to follow; \
         where an answer with a cursor says that it is the last, name that place in `more`"
    )]
    Endless,
}

/// What the walk looks at on a page.
#[derive(Debug)]
pub(super) struct PageFacts {
    /// Of the items that have one, in the order of the page.
    pub times: Vec<Timestamp>,
    /// [`fingerprint`] of every item.
    pub rows: Vec<u64>,
    pub onward: Onward,
}

/// What has been found to be true of the source in this poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manners {
    Sorts,
    Filters,
    /// Or it is too busy: in any case the bookmark does not move.
    None,
}

#[derive(Debug, Default)]
struct Pass {
    rows: Vec<u64>,
    pages: u64,
    /// The last time seen when it began.
    known: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Pass {
    /// Every row, and in the same order: a row that comes to the front of a list that is newest first makes it look
    /// oldest first, but only once.
    fn is_found_again_in(&self, later: &Self) -> bool {
        let mut rows = later.rows.iter();
        self.rows.iter().all(|row| rows.any(|found| found == row))
    }
}

#[derive(Debug)]
pub(super) struct Walk {
    first: At,
    single: bool,
    /// The bookmark is a cursor.
    resumes: bool,
    precision: TimeFormat,
    /// Where the poll began.
    origin: (Option<Timestamp>, Option<Timestamp>),
    bookmark: Option<Timestamp>,
    /// The last one given, where it is the bookmark.
    cursor: Option<Value>,
    since: Option<Timestamp>,
    at: At,
    manners: Manners,
    /// The last time seen.
    seen: Option<Timestamp>,
    pass: Pass,
    /// The pass before, from the same time.
    before: Option<Pass>,
    passes: u32,
    followed: HashSet<At>,
    last_page: Vec<u64>,
    /// How many pages in a row were the same as the one before.
    repeats: u32,
    /// How many pages in a row had no items.
    empty: u32,
    done: bool,
}

impl Walk {
    pub(super) fn start(collection: &Collection, bookmark: &Bookmark) -> Self {
        let cursor = if let Bookmark::Cursor(cursor) = bookmark { Some(cursor.clone()) } else { None };
        let bookmark = bookmark.time();
        let since = collection.since.as_ref().and_then(|rule| {
            let bookmark = bookmark?;
            bookmark.checked_sub(jiff::SignedDuration::try_from(rule.overlap).ok()?).ok()
        });
        let first = match collection.pages {
            Pages::Number { first, .. } => At::Number(first),
            Pages::Single | Pages::Link { .. } | Pages::Cursor { .. } => cursor.clone().map_or(At::First, At::Cursor),
        };
        Self {
            at: first.clone(),
            first,
            single: matches!(collection.pages, Pages::Single),
            resumes: matches!(collection.pages, Pages::Cursor { resume: true, .. }),
            precision: collection.since.as_ref().map_or(TimeFormat::Rfc3339, |rule| rule.format),
            origin: (bookmark, since),
            bookmark,
            cursor,
            since,
            manners: if collection.since.is_some() { Manners::Sorts } else { Manners::None },
            seen: bookmark,
            pass: Pass { known: bookmark, ..Pass::default() },
            before: None,
            passes: 1,
            followed: HashSet::new(),
            last_page: Vec::new(),
            repeats: 0,
            empty: 0,
            done: false,
        }
    }

    /// The next request; `None` when everything has been read.
    pub(super) fn next(&self) -> Option<(Option<Timestamp>, &At)> {
        (!self.done).then_some((self.since, &self.at))
    }

    /// How far everything has been read and stored.
    pub(super) fn bookmark(&self) -> Bookmark {
        match &self.cursor {
            Some(cursor) => Bookmark::Cursor(cursor.clone()),
            None => self.bookmark.into(),
        }
    }

    pub(super) fn after(&mut self, page: &PageFacts) -> Result<(), WalkError> {
        self.repeats = if self.last_page == page.rows { self.repeats + 1 } else { 0 };
        self.last_page.clone_from(&page.rows);
        self.empty = if page.rows.is_empty() { self.empty + 1 } else { 0 };
        let more = self.more(page)?;
        // What this page has is stored: what follows it is all that is left to read.
        if let (true, Some(At::Cursor(cursor))) = (self.resumes, &page.onward.next) {
            self.cursor = Some(cursor.clone());
        }
        let jumped = self.since != self.origin.1;
        let whole = self.pass.pages == 0 && more.is_none();
        if self.manners != Manners::None && (jumped || !whole) {
            let manners = self.judge(page);
            if manners != Manners::Sorts && jumped {
                (self.bookmark, self.since) = self.origin;
                self.manners = Manners::Filters;
                self.passes = 0;
                self.before = None;
                self.seen = self.seen.max(page.times.iter().max().copied());
                self.begin_pass();
                return Ok(());
            }
            self.manners = manners;
        }
        self.seen = self.seen.max(page.times.iter().max().copied());
        self.pass.pages += 1;
        self.pass.rows.extend(&page.rows);
        self.pass.last = page.times.iter().max().copied().or(self.pass.last);

        let sorts = self.manners == Manners::Sorts;
        // Only within one page: from page to page, rows that come to the front of a list that is newest first look like
        // ones that follow.
        let ascended = sorts && self.floor(page.times.last().copied()) > self.floor(page.times.first().copied());
        if whole || (self.pass.pages == 1 && ascended) {
            self.advance(self.pass.last);
            self.leave(more.as_ref(), self.pass.last);
            return Ok(());
        }
        match more {
            Some(next) if !ascended => self.step(next),
            more => self.end_pass(more),
        }
    }

    /// Whether the page contradicts what is believed of the source.
    fn judge(&self, page: &PageFacts) -> Manners {
        let least = page.times.iter().min().copied();
        if least.is_some() && self.floor(least) < self.floor(self.since) {
            return Manners::None;
        }
        // A record without a time, or one that was set aside, says nothing of the order of the others.
        let follows = least.is_none() || self.floor(least) >= self.floor(self.pass.last);
        if follows && page.times.is_sorted() { self.manners } else { Manners::Filters }
    }

    /// After more than one page.
    fn end_pass(&mut self, more: Option<At>) -> Result<(), WalkError> {
        let sorts = self.manners == Manners::Sorts;
        // A pass over a list in order ends where its last page does, one over any other at the end of the list.
        let end = if sorts { self.pass.last } else { self.seen };
        if self.manners == Manners::None || self.floor(end) <= self.floor(self.bookmark) {
            self.leave(more.as_ref(), end);
            return Ok(());
        }
        let proven = self.before.as_ref().filter(|before| before.is_found_again_in(&self.pass)).and_then(|before| {
            let proven = if sorts { before.known.min(before.last) } else { before.known };
            (self.floor(proven) > self.floor(self.bookmark)).then_some(proven).flatten()
        });
        if proven.is_some() {
            self.advance(proven);
            self.leave(more.as_ref(), proven);
            return Ok(());
        }
        if self.passes < MOST_PASSES {
            self.before = Some(std::mem::take(&mut self.pass));
            self.begin_pass();
            return Ok(());
        }
        self.manners = Manners::None;
        match more {
            None => self.done = true,
            Some(next) => self.step(next)?,
        }
        Ok(())
    }

    fn advance(&mut self, to: Option<Timestamp>) {
        self.bookmark = self.bookmark.max(to);
    }

    /// Ends the walk, or goes on from `to`.
    fn leave(&mut self, more: Option<&At>, to: Option<Timestamp>) {
        match more {
            None => self.done = true,
            Some(_) => self.jump(to),
        }
    }

    fn jump(&mut self, to: Option<Timestamp>) {
        self.since = self.floor(to);
        self.before = None;
        self.passes = 0;
        self.begin_pass();
    }

    fn begin_pass(&mut self) {
        self.pass = Pass { known: self.seen, ..Pass::default() };
        self.passes += 1;
        self.at = self.first.clone();
        self.followed.clear();
        self.last_page.clear();
    }

    fn step(&mut self, to: At) -> Result<(), WalkError> {
        let is_new = self.followed.insert(to.clone());
        if let (At::Link(url), false) = (&to, is_new) {
            return Err(WalkError::Circular { path: url.path().to_owned() });
        }
        self.at = to;
        Ok(())
    }

    /// The page after this one, if there may be one.
    fn more(&self, page: &PageFacts) -> Result<Option<At>, WalkError> {
        if self.single {
            return Ok(None);
        }
        match (&self.at, &page.onward.next) {
            (At::Number(number), _) => self.more_by_number(*number, page),
            (_, Some(next @ At::Cursor(_))) => self.more_by_cursor(next, page),
            // A last page may lead to itself.
            (at, Some(next)) if next == at => Ok(None),
            (_, Some(next)) => {
                self.goes_on(page)?;
                Ok(Some(next.clone()))
            }
            (_, None) => Ok(None),
        }
    }

    fn more_by_number(&self, number: u64, page: &PageFacts) -> Result<Option<At>, WalkError> {
        let Onward { total, more, .. } = page.onward;
        let place = number.saturating_sub(self.first_number()) + 1;
        // Where there are rows, a total of none says something else than how many pages there are.
        let says = more.or_else(|| total.filter(|total| *total > 0).map(|total| place < total));
        let goes_on = match says {
            Some(true) => {
                self.goes_on(page)?;
                true
            }
            Some(false) => false,
            None => !page.rows.is_empty() && self.repeats < REPEATS,
        };
        Ok(goes_on.then(|| At::Number(number + 1)))
    }

    /// A source that does not say whether there is more may search on behind an empty page, and may give its last cursor
    /// for ever. A feed that is gone on with later is read to where nothing comes.
    fn more_by_cursor(&self, next: &At, page: &PageFacts) -> Result<Option<At>, WalkError> {
        let known = *next == self.at || self.followed.contains(next);
        let ends = match page.onward.more {
            Some(more) => !more,
            None => page.rows.is_empty() && (self.resumes || known),
        };
        if ends {
            return Ok(None);
        }
        if known {
            return Err(WalkError::CursorAgain);
        }
        self.goes_on(page)?;
        Ok(Some(next.clone()))
    }

    /// Whether there may be a page after this one, as it says, be it empty: to end quietly would be to lose what is there.
    fn goes_on(&self, page: &PageFacts) -> Result<(), WalkError> {
        match page.rows.is_empty() {
            true if self.empty >= MOST_EMPTY => Err(WalkError::Endless),
            false if self.repeats >= REPEATS => Err(WalkError::PageAgain),
            _ => Ok(()),
        }
    }

    fn first_number(&self) -> u64 {
        if let At::Number(number) = self.first { number } else { 0 }
    }

    /// What the format of the request's parameter can say.
    fn floor(&self, time: Option<Timestamp>) -> Option<Timestamp> {
        let time = time?;
        let floored = match self.precision {
            TimeFormat::Rfc3339 => return Some(time),
            TimeFormat::Epoch => Timestamp::from_second(time.as_second()),
            TimeFormat::EpochMs => Timestamp::from_millisecond(time.as_millisecond()),
        };
        Some(floored.unwrap_or(time))
    }
}

/// The same for the same row wherever it stands, as long as it has not moved to another time. An answer's fleeting
/// parts are left out, or no two passes would ever be the same.
pub(super) fn fingerprint(row: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
