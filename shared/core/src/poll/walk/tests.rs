//! A source that changes under the reader, in every way a source may answer, and the two promises of a walk: nothing
//! before the bookmark is unread, and what is left alone is read.

use std::collections::HashSet;

use proptest::{prelude::*, sample::Index};

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Ascending,
    Descending,
    ById,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Number,
    /// A page past the last is the last once more.
    Clamped,
    /// By number, and the answer is a 206 while there is more.
    Status206,
    Link,
    /// A cursor that is a page's number in disguise.
    Offset,
    /// A cursor that names the row after which the page begins.
    Keyset,
}

#[derive(Debug, Clone, Copy)]
struct Ways {
    order: Order,
    filters: bool,
    style: Style,
    /// The answer says how many pages there are, or gives a cursor only where there is more.
    total: bool,
    size: usize,
    /// Seconds shown and asked for, where milliseconds are kept.
    epoch: bool,
    overlap: u64,
}

const TIDY: Ways = Ways {
    order: Order::Ascending,
    filters: true,
    style: Style::Number,
    total: false,
    size: 2,
    epoch: false,
    overlap: 0,
};

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    id: usize,
    revision: u32,
    millis: i64,
}

#[derive(Debug, Clone)]
enum Change {
    Touch(Index),
    Insert,
    Delete(Index),
    Tick(i64),
    Nothing,
    /// All at once.
    Burst(Vec<Self>),
}

struct Source {
    ways: Ways,
    rows: Vec<Row>,
    made: usize,
    now: i64,
}

impl Source {
    fn new(ways: Ways, times: &[i64]) -> Self {
        let rows = times.iter().enumerate().map(|(id, millis)| Row { id, revision: 0, millis: *millis }).collect();
        Self { ways, rows, made: times.len(), now: times.iter().max().copied().unwrap_or_default() }
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Touch(place) if !self.rows.is_empty() => {
                let row = place.get_mut(&mut self.rows);
                row.revision += 1;
                row.millis = self.now;
            }
            Change::Delete(place) if !self.rows.is_empty() => {
                self.rows.remove(place.index(self.rows.len()));
            }
            Change::Insert => {
                self.rows.push(Row { id: self.made, revision: 0, millis: self.now });
                self.made += 1;
            }
            Change::Tick(millis) => self.now += millis,
            Change::Burst(changes) => changes.iter().for_each(|change| self.change(change)),
            _ => {}
        }
    }

    fn shown(&self, row: &Row) -> Timestamp {
        let millis = if self.ways.epoch { row.millis / 1000 * 1000 } else { row.millis };
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn answer(&self, since: Option<Timestamp>, at: &At) -> (PageFacts, Vec<Row>) {
        let mut rows = self.rows.clone();
        if self.ways.filters {
            let since =
                since.map(|since| if self.ways.epoch { since.as_second() * 1000 } else { since.as_millisecond() });
            rows.retain(|row| since.is_none_or(|since| row.millis >= since));
        }
        rows.sort_by_key(|row| self.place(row));
        let pages = rows.len().div_ceil(self.ways.size);
        let asked = match at {
            At::First => 1,
            At::Number(number) => usize::try_from(*number).unwrap(),
            At::Link(url) => url.query().unwrap().parse().unwrap(),
            At::Cursor(Value::Number(number)) => usize::try_from(number.as_u64().unwrap()).unwrap(),
            At::Cursor(after) => {
                let (time, id) = after.as_str().unwrap().split_once('/').unwrap();
                let after: (i64, usize) = (time.parse().unwrap(), id.parse().unwrap());
                rows.retain(|row| self.place(row) > after);
                1
            }
        };
        let number = if self.ways.style == Style::Clamped { asked.min(pages.max(1)) } else { asked };
        let left = rows.len().saturating_sub(number * self.ways.size);
        let rows: Vec<Row> = rows.into_iter().skip((number - 1) * self.ways.size).take(self.ways.size).collect();
        let mut onward = Onward::default();
        match self.ways.style {
            Style::Number | Style::Clamped => onward.total = self.ways.total.then_some(pages as u64),
            Style::Status206 => onward.more = Some(number < pages),
            Style::Link => {
                let next = format!("http://shop.test/?{}", number + 1).parse().unwrap();
                onward.next = (number < pages).then_some(At::Link(next));
            }
            Style::Offset | Style::Keyset if self.ways.total && left == 0 => {}
            Style::Offset => onward.next = (!rows.is_empty()).then(|| At::Cursor((number + 1).into())),
            Style::Keyset => {
                let last = rows.last().map(|row| self.place(row));
                let next = last.map(|(time, id)| At::Cursor(format!("{time}/{id}").into()));
                // At the end, the cursor that was sent.
                onward.next = next.or_else(|| matches!(at, At::Cursor(_)).then(|| at.clone()));
            }
        }
        let facts = PageFacts {
            times: rows.iter().map(|row| self.shown(row)).collect(),
            rows: rows.iter().map(|row| fingerprint(&(row.id, self.shown(row)))).collect(),
            onward,
        };
        (facts, rows)
    }

    /// What the list is ordered by.
    fn place(&self, row: &Row) -> (i64, usize) {
        match self.ways.order {
            Order::Ascending => (row.millis, row.id),
            Order::Descending => (-row.millis, row.id),
            Order::ById => (0, row.id),
        }
    }
}

fn collection(ways: Ways) -> Collection {
    let pages = match ways.style {
        Style::Link => "{style: link}",
        Style::Number | Style::Clamped => "{style: page, param: page, total: pages}",
        Style::Status206 => "{style: status206, param: page}",
        Style::Offset | Style::Keyset => "{style: cursor, param: after, next: next}",
    };
    let format = if ways.epoch { "epoch" } else { "rfc3339" };
    let since = format!("since: {{param: since, field: at, format: {format}, overlap: {}s}}", ways.overlap);
    collection_of(&since, pages)
}

fn collection_of(since: &str, pages: &str) -> Collection {
    let text = format!(
        "hub: my-shop
sources:
  my-store:
    url: http://shop.test
    collections:
      orders:
        type: order
        request: {{path: /orders}}
        items: orders
        id: id
        {since}
        pages: {pages}
        every: 10s
endpoints:
  mail: {{url: http://mail.test}}
routes:
  - {{name: mail, messages: [\"order:*\"], to: mail, path: /mail}}
"
    );
    let loaded = crate::hub::load("hub.yaml", &text, &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
    loaded.hub.sources.values().next().unwrap().collections[0].clone()
}

/// Polls the source as the Poller does, with one change after each page.
struct Reader {
    source: Source,
    collection: Collection,
    bookmark: Bookmark,
    seen: HashSet<(usize, u32)>,
    changes: std::vec::IntoIter<Change>,
    pages: usize,
}

impl Reader {
    fn new(source: Source, changes: Vec<Change>) -> Self {
        let collection = collection(source.ways);
        Self {
            source,
            collection,
            bookmark: Bookmark::None,
            seen: HashSet::new(),
            changes: changes.into_iter(),
            pages: 0,
        }
    }

    fn poll(&mut self) -> Result<(), String> {
        let stretch = self.source.rows.len() + self.changes.len() + 4;
        let bound = self.pages + 8 * stretch * stretch;
        let moving = self.changes.len() > 0;
        let mut walk = Walk::start(&self.collection, &self.bookmark);
        while let Some((since, at)) = walk.next() {
            let (facts, rows) = self.source.answer(since, at);
            self.seen.extend(rows.iter().map(|row| (row.id, row.revision)));
            match walk.after(&facts) {
                // Rows that come in before those of a page shift them to the next, on small pages even three times
                // running, the last of them with the last change: the poll fails, and is made again.
                Err(WalkError::PageAgain) if moving => {
                    self.changes.next();
                    return Ok(());
                }
                result => result.map_err(|error| error.to_string())?,
            }
            self.bookmark = walk.bookmark();
            self.pages += 1;
            if self.pages > bound {
                return Err(format!("still walking after {bound} pages"));
            }
            if self.source.ways.order != Order::ById {
                self.nothing_lost()?;
            }
            if let Some(change) = self.changes.next() {
                self.source.change(&change);
            }
        }
        self.nothing_lost()
    }

    fn unseen(&self) -> impl Iterator<Item = &Row> {
        self.source.rows.iter().filter(|row| !self.seen.contains(&(row.id, row.revision)))
    }

    /// What is shown with the bookmark's own time is read again by the next request.
    fn nothing_lost(&self) -> Result<(), String> {
        match self.unseen().find(|row| Some(self.source.shown(row)) < self.bookmark.time()) {
            Some(row) => Err(format!("{row:?} is unread before {:?}, page {}", self.bookmark, self.pages)),
            None => Ok(()),
        }
    }

    fn pages_of_a_poll(&mut self) -> usize {
        let before = self.pages;
        self.poll().unwrap();
        self.pages - before
    }

    fn all_read(&self) -> Result<(), String> {
        self.unseen().next().map_or(Ok(()), |row| Err(format!("{row:?} is unread at the end")))
    }
}

fn ways() -> impl Strategy<Value = Ways> {
    let order = prop_oneof![3 => Just(Order::Ascending), 1 => Just(Order::Descending)];
    let style = prop_oneof![
        Just(Style::Number),
        Just(Style::Clamped),
        Just(Style::Status206),
        Just(Style::Link),
        Just(Style::Offset),
        Just(Style::Keyset),
    ];
    let overlap = prop_oneof![2 => Just(0), 1 => Just(1), 1 => Just(5)];
    let filters = prop_oneof![3 => Just(true), 1 => Just(false)];
    (order, filters, style, any::<bool>(), 1_usize..5, any::<bool>(), overlap).prop_map(
        |(order, filters, style, total, size, epoch, overlap)| Ways {
            order,
            filters,
            style,
            total,
            // One row to a page shows no order, and any row that comes to the front makes a page repeat the last.
            size: if order == Order::Descending { size + 1 } else { size },
            epoch,
            overlap,
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => single_change(),
        1 => proptest::collection::vec(single_change(), 2..12).prop_map(Change::Burst),
    ]
}

fn single_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => any::<Index>().prop_map(Change::Touch),
        1 => Just(Change::Insert),
        2 => any::<Index>().prop_map(Change::Delete),
        2 => prop_oneof![Just(1), Just(300), Just(1000), Just(7000)].prop_map(Change::Tick),
        2 => Just(Change::Nothing),
    ]
}

/// Few times, so that many rows share one.
fn times() -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::vec(prop_oneof![Just(1000), Just(1001), Just(2000), 0_i64..4000], 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost(ways in ways(), times in times(), changes in proptest::collection::vec(change(), 0..60)) {
        let mut reader = Reader::new(Source::new(ways, &times), changes);
        while reader.changes.len() > 0 {
            reader.poll().map_err(TestCaseError::fail)?;
        }
        reader.poll().map_err(TestCaseError::fail)?;
        reader.all_read().map_err(TestCaseError::fail)?;
    }
}

/// The losing cases the rules of the walk are made of. Changes come one after each page.
fn check(ways: Ways, times: &[i64], changes: Vec<Change>) {
    let mut reader = Reader::new(Source::new(ways, times), changes);
    for _ in 0..4 {
        reader.poll().unwrap();
    }
    reader.all_read().unwrap();
}

/// The row at that place of the list as it was made.
fn touch(place: usize, of: usize) -> Change {
    Change::Touch(nth(place, of))
}

fn nth(place: usize, of: usize) -> Index {
    use proptest::{arbitrary::any, strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    loop {
        let index = any::<Index>().new_tree(&mut runner).unwrap().current();
        if index.index(of) == place {
            return index;
        }
    }
}

#[test]
fn a_row_that_leaves_a_time_filling_pages_hides_none_behind_it() {
    let times = [1000, 1000, 1000, 1000, 1000, 2000];
    check(TIDY, &times, vec![Change::Tick(1000), touch(0, 6)]);
    check(TIDY, &times, vec![touch(0, 6)]);
    check(TIDY, &times, vec![Change::Nothing, Change::Delete(nth(0, 6))]);
    check(TIDY, &times, vec![Change::Delete(nth(0, 6))]);
    check(Ways { style: Style::Link, ..TIDY }, &times, vec![touch(0, 6)]);
    check(Ways { epoch: true, ..TIDY }, &[1000, 1100, 1200, 1300, 1400, 2000], vec![touch(0, 6)]);
}

#[test]
fn newest_first_is_noticed_though_the_first_page_shares_one_time() {
    check(Ways { order: Order::Descending, ..TIDY }, &[2000, 2000, 1000, 1000], vec![]);
}

#[test]
fn a_page_that_comes_again_under_a_new_time_is_not_the_end() {
    // Deletions make the page after the jump the same as the one before it.
    check(TIDY, &[1000, 1000, 1000, 2000, 2001, 3000], vec![Change::Nothing, Change::Delete(nth(0, 6))]);
}

/// What an order that only looked like one has made the walk skip is read again.
#[test]
fn an_order_that_turns_out_to_be_none_starts_again() {
    let by_id = Ways { order: Order::ById, size: 3, ..TIDY };
    check(by_id, &[1000, 2000, 5000, 4000, 8000, 7000, 3000], vec![]);
    check(Ways { filters: false, ..by_id }, &[1000, 2000, 5000, 4000, 8000, 7000, 3000], vec![]);
}

#[test]
fn hundreds_of_rows_of_one_time_are_read_and_passed() {
    let mut times = vec![1000; 300];
    times.extend([2000, 3000, 4000]);
    let mut reader = Reader::new(Source::new(Ways { size: 25, ..TIDY }, &times), vec![]);
    reader.poll().unwrap();
    reader.all_read().unwrap();
    assert_eq!(reader.bookmark.time(), Timestamp::from_millisecond(4000).ok());
}

/// What a poll that finds nothing new costs, in requests.
#[test]
fn quiet_polls_are_cheap() {
    let cost = |ways: Ways, times: &[i64]| {
        let mut reader = Reader::new(Source::new(ways, times), vec![]);
        for _ in 0..3 {
            reader.poll().unwrap();
        }
        reader.pages_of_a_poll()
    };
    // One row shares the bookmark's time; the next page is empty.
    assert_eq!(cost(TIDY, &[1000, 2000, 3000, 4000]), 2);
    assert_eq!(cost(Ways { total: true, ..TIDY }, &[1000, 2000, 3000, 4000]), 1);
    for style in [Style::Link, Style::Status206] {
        assert_eq!(cost(Ways { style, ..TIDY }, &[1000, 2000, 3000, 4000]), 1);
    }
    for style in [Style::Offset, Style::Keyset] {
        assert_eq!(cost(Ways { style, total: true, ..TIDY }, &[1000, 2000, 3000, 4000]), 1);
        assert_eq!(cost(Ways { style, ..TIDY }, &[1000, 2000, 3000, 4000]), 2);
    }
    // One pass over six rows of the bookmark's time.
    assert_eq!(cost(Ways { total: true, ..TIDY }, &[1000; 6]), 3);
    // The whole list once.
    assert_eq!(cost(Ways { total: true, filters: false, ..TIDY }, &[1000, 2000, 3000, 4000]), 2);
}

fn page(rows: &[u64], millis: &[i64], total: Option<u64>, next: Option<&str>) -> PageFacts {
    let times = millis.iter().map(|millis| Timestamp::from_millisecond(*millis).unwrap()).collect();
    let next = next.map(|next| At::Link(next.parse().unwrap()));
    PageFacts { times, rows: rows.to_vec(), onward: Onward { total, next, more: None } }
}

#[test]
fn links_in_a_circle_are_an_error() {
    let mut walk = Walk::start(&collection(Ways { style: Style::Link, ..TIDY }), &Bookmark::None);
    walk.after(&page(&[1], &[0], None, Some("http://shop.test/list?cursor=2"))).unwrap();
    walk.after(&page(&[2], &[0], None, Some("http://shop.test/list?cursor=3"))).unwrap();
    let error = walk.after(&page(&[3], &[0], None, Some("http://shop.test/list?cursor=2"))).unwrap_err();
    assert_eq!(error.to_string(), "the source's pagination is circular: /list leads back to a page already read");
}

/// Links for as long as the source gives them, numbers up to the total: pages are counted until there is none to follow.
/// Without either, an empty page is the end, and so is a last page that comes again and again.
#[test]
fn what_the_source_says_is_there_is_not_given_up_quietly() {
    const ROWS: &[u64] = &[1, 2];
    let check = |style, total, rows: &dyn Fn(u64) -> &'static [u64], links, expected: Result<u64, WalkError>| {
        let walk = || {
            let pages = if style == Style::Link { "{style: link}" } else { "{style: page, param: page, total: pages}" };
            let mut walk = Walk::start(&collection_of("", pages), &Bookmark::None);
            for number in 1..=2_000 {
                if walk.next().is_none() {
                    return Ok(number - 1);
                }
                let next = (number <= links).then(|| format!("http://shop.test/?page={}", number + 1));
                walk.after(&page(rows(number), &[], total, next.as_deref()))?;
            }
            panic!("still walking: {style:?} {total:?}");
        };
        assert_eq!(walk(), expected, "{style:?} {total:?}");
    };
    let all_but_second = |number| if number == 2 { &[] } else { std::slice::from_ref(&ROWS[number as usize % 2]) };
    check(Style::Link, None, &all_but_second, 2, Ok(3));
    check(Style::Link, None, &|_| ROWS, 9_000, Err(WalkError::PageAgain));
    check(Style::Link, None, &|_| &[], 9_000, Err(WalkError::Endless));
    check(Style::Number, Some(3), &all_but_second, 0, Ok(3));
    check(Style::Number, Some(3), &|_| &[], 0, Ok(3));
    check(Style::Number, Some(9_000), &|_| ROWS, 0, Err(WalkError::PageAgain));
    check(Style::Number, Some(9_000), &|_| &[], 0, Err(WalkError::Endless));
    for total in [None, Some(0)] {
        check(Style::Number, total, &all_but_second, 0, Ok(2));
        check(Style::Number, total, &|_| ROWS, 0, Ok(3));
        check(Style::Number, total, &|_| &[], 0, Ok(1));
    }
}

/// By how many objects came, and not by how many were asked for.
#[test]
fn an_offset_grows_by_what_came() {
    let collection = collection_of("", "{style: offset, param: offset, size: {param: limit, value: 100}}");
    let mut walk = Walk::start(&collection, &Bookmark::None);
    for (offset, rows) in [(0, &[1, 2, 3][..]), (3, &[4, 5]), (5, &[6])] {
        assert_eq!(walk.next(), Some((None, &At::Number(offset))));
        walk.after(&page(rows, &[], None, None)).unwrap();
    }
    assert_eq!(walk.next(), Some((None, &At::Number(6))));
    walk.after(&page(&[], &[], None, None)).unwrap();
    assert_eq!(walk.next(), None);
}

#[test]
fn a_last_page_may_lead_to_itself() {
    let mut walk = Walk::start(&collection_of("", "{style: link}"), &Bookmark::None);
    for row in [1, 2] {
        walk.after(&page(&[row], &[], None, Some("http://shop.test/?page=2"))).unwrap();
    }
    assert_eq!(walk.next(), None);
}

#[test]
fn a_total_of_no_pages_ends_nothing_while_there_are_rows() {
    let mut walk = Walk::start(&collection(TIDY), &Bookmark::None);
    walk.after(&page(&[1, 2], &[2000, 1000], Some(0), None)).unwrap();
    assert_eq!(walk.next(), Some((None, &At::Number(2))));
    assert_eq!(walk.bookmark(), Bookmark::None);
}

/// Of three records, one was set aside: the request after it starts from the last time seen all the same, and what is
/// behind a bad record is not read by passing over the whole list again and again.
#[test]
fn a_bad_record_does_not_spoil_the_order_of_its_neighbours() {
    let mut walk = Walk::start(&collection(TIDY), &Bookmark::None);
    walk.after(&page(&[1, 2, 3], &[1000, 2000], None, None)).unwrap();
    let last = Timestamp::from_millisecond(2000).ok();
    assert_eq!(walk.next(), Some((last, &At::Number(1))));
    assert_eq!(walk.bookmark(), Bookmark::from(last));
}

/// A source's own list of what has changed, read from cursor to cursor.
#[derive(Debug, Clone, Copy)]
struct FeedWays {
    size: usize,
    /// The answer says whether there is more.
    says: bool,
    /// The last page has a cursor too, to come back with.
    open: bool,
}

#[derive(Debug, Clone)]
enum Turn {
    Grow(u32),
    /// A poll that ends by itself, or breaks off after so many pages.
    Poll(Option<usize>),
}

fn feed_page(ways: FeedWays, feed: &[u32], at: &At) -> (PageFacts, Vec<u32>) {
    let from = match at {
        At::Cursor(cursor) => usize::try_from(cursor.as_u64().unwrap()).unwrap(),
        _ => 0,
    };
    let entries: Vec<u32> = feed.iter().skip(from).take(ways.size).copied().collect();
    let more = from + entries.len() < feed.len();
    let next = (more || ways.open).then(|| At::Cursor((from + entries.len()).into()));
    let onward = Onward { total: None, more: ways.says.then_some(more), next };
    (PageFacts { times: Vec::new(), rows: entries.iter().map(fingerprint).collect(), onward }, entries)
}

proptest! {
    #[test]
    fn a_feed_is_read_from_cursor_to_cursor(
        ways in (1_usize..4, any::<bool>(), any::<bool>()).prop_map(|(size, says, open)| FeedWays { size, says, open }),
        turns in proptest::collection::vec(
            prop_oneof![(0_u32..6).prop_map(Turn::Grow), proptest::option::of(0_usize..3).prop_map(Turn::Poll)],
            0..30,
        ),
    ) {
        let collection = collection_of("", "{style: cursor, param: after, next: next, resume: true}");
        let (mut feed, mut read, mut bookmark) = (Vec::new(), Vec::new(), Bookmark::None);
        for turn in turns.into_iter().chain([Turn::Poll(None)]) {
            let pages = match turn {
                Turn::Grow(more) => {
                    feed.extend((feed.len() as u32..).take(more as usize));
                    continue;
                }
                Turn::Poll(pages) => pages,
            };
            // As it is stored, and read again by the next poll.
            let mut walk = Walk::start(&collection, &Bookmark::read(&collection, bookmark.write(None).as_deref()));
            let mut asked = 0;
            while let Some((None, at)) = walk.next() && pages.is_none_or(|pages| asked < pages) {
                let (facts, entries) = feed_page(ways, &feed, at);
                read.extend(entries);
                walk.after(&facts).unwrap();
                bookmark = walk.bookmark();
                asked += 1;
                prop_assert!(asked <= feed.len() + 2);
                // All before the bookmark is read.
                let passed = if let Bookmark::Cursor(cursor) = &bookmark { cursor.as_u64().unwrap() } else { 0 };
                prop_assert!((0..passed as u32).all(|entry| read.contains(&entry)));
            }
            prop_assert!(pages.is_some() || walk.next().is_none());
        }
        // Nothing is lost, and where there is always a cursor to come back with, nothing is read twice.
        prop_assert!(feed.iter().all(|entry| read.contains(entry)));
        prop_assert!(!ways.open || read == feed);
    }
}

fn by_cursor(rows: &[u64], more: Option<bool>, next: Option<&str>) -> PageFacts {
    let next = next.map(|next| At::Cursor(next.into()));
    PageFacts { times: Vec::new(), rows: rows.to_vec(), onward: Onward { total: None, more, next } }
}

/// How many pages are read of those that come, and how the walk ends.
fn check_cursors(resume: bool, pages: impl IntoIterator<Item = PageFacts>, expected: &Result<usize, WalkError>) {
    let keys = format!("{{style: cursor, param: after, next: next, more: more, resume: {resume}}}");
    let mut walk = Walk::start(&collection_of("", &keys), &Bookmark::None);
    let mut read = 0;
    for page in pages {
        if let Err(error) = walk.after(&page) {
            assert_eq!(Err(error), *expected);
            return;
        }
        read += 1;
        if walk.next().is_none() {
            assert_eq!(Ok(read), *expected);
            return;
        }
    }
    panic!("still walking after {read} pages, expected {expected:?}");
}

#[test]
fn cursors_come_to_an_end() {
    let a = || by_cursor(&[1], None, Some("a"));
    for resume in [false, true] {
        check_cursors(resume, [by_cursor(&[1], None, None)], &Ok(1));
        check_cursors(resume, [a(), by_cursor(&[2], Some(false), Some("b"))], &Ok(2));
        // The cursor of the end, given again.
        check_cursors(resume, [a(), by_cursor(&[2], None, Some("b")), by_cursor(&[], None, Some("b"))], &Ok(3));
        check_cursors(resume, [a(), by_cursor(&[], Some(true), Some("b")), by_cursor(&[2], None, None)], &Ok(3));
    }
    // A source may search on behind an empty page; a feed has come to its end there.
    check_cursors(false, [a(), by_cursor(&[], None, Some("b")), by_cursor(&[2], None, None)], &Ok(3));
    check_cursors(true, [a(), by_cursor(&[], None, Some("b"))], &Ok(2));
}

#[test]
fn cursors_without_end_are_errors() {
    let numbered =
        |rows: &'static [u64], more| (0..2_000).map(move |number| by_cursor(rows, more, Some(&number.to_string())));
    for resume in [false, true] {
        let circle = ["a", "b", "a"].map(|next| by_cursor(&[1], None, Some(next)));
        check_cursors(resume, circle, &Err(WalkError::CursorAgain));
        let itself = ["a", "a"].into_iter().enumerate().map(|(row, next)| by_cursor(&[row as u64], None, Some(next)));
        check_cursors(resume, itself, &Err(WalkError::CursorAgain));
        check_cursors(resume, numbered(&[1, 2], None), &Err(WalkError::PageAgain));
        check_cursors(resume, numbered(&[], Some(true)), &Err(WalkError::Endless));
    }
    check_cursors(false, numbered(&[], None), &Err(WalkError::Endless));
}

/// By status, where only the answer to the last page is no 206.
#[test]
fn a_206_leads_on_but_not_for_ever() {
    let walk = |rows: &dyn Fn(u64) -> Vec<u64>, last: u64| {
        let mut walk = Walk::start(&collection_of("", "{style: status206, param: page}"), &Bookmark::None);
        for number in 1..=2_000 {
            let Some((None, At::Number(asked))) = walk.next() else { return Ok(number - 1) };
            assert_eq!(*asked, number);
            let onward = Onward { more: Some(number < last), ..Onward::default() };
            walk.after(&PageFacts { times: Vec::new(), rows: rows(number), onward })?;
        }
        panic!("still walking");
    };
    assert_eq!(walk(&|number| vec![number], 5), Ok(5));
    assert_eq!(walk(&|_| vec![], 5), Ok(5), "empty or not");
    assert_eq!(walk(&|_| vec![7], 2), Ok(2));
    assert_eq!(walk(&|_| vec![7], 5), Err(WalkError::PageAgain));
    assert_eq!(walk(&|_| vec![], 5_000), Err(WalkError::Endless));
}

/// What has been read of a feed that goes wrong is not read again.
#[test]
fn a_cursor_is_kept_page_by_page() {
    let collection = collection_of("", "{style: cursor, param: after, next: next, resume: true}");
    let mut walk = Walk::start(&collection, &Bookmark::Cursor("a".into()));
    assert_eq!(walk.next(), Some((None, &At::Cursor("a".into()))));
    walk.after(&by_cursor(&[1], None, Some("b"))).unwrap();
    assert_eq!(walk.bookmark(), Bookmark::Cursor("b".into()));
    // A last page without a cursor is read again next time: what is added to it would be lost otherwise.
    walk.after(&by_cursor(&[2], None, None)).unwrap();
    assert_eq!((walk.next(), walk.bookmark()), (None, Bookmark::Cursor("b".into())));
}
