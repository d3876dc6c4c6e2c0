use std::{
    collections::HashSet,
    fmt,
    future::{Future, pending},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures_util::future::{Either, select};

use serde_json::Value;

use super::{
    absent::{self, Absent, Everywhere},
    bookmark::Bookmark,
    exchange::{self, RedirectError},
    health,
    page::{self, Page, PageError},
    request,
    time_style::TimeStyle,
    token::{TokenError, Tokens},
    walk::{At, PageFacts, Walk, WalkError, fingerprint},
};
use crate::{
    Timestamp,
    event::{EventName, HubEvent},
    hub::{Collection, Counts, Hub, Pages, Source, Start, TimeFormat},
    id::CollectionKey,
    message::{Message, MessageRecord},
    object::{self, News, Planned, Record, SetAside, TrackError, Tracker},
    port::{CollectionState, Collections, Home, HttpError, LeaseError, LeaseOwner, PortError, VersionStore},
    publish::publish,
    retry::RetryPolicy,
    route::{RouteError, Router},
};

#[derive(Debug, thiserror::Error)]
pub enum PollError {
    #[error("the hub has no collection {0}")]
    Unknown(CollectionKey),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Redirect(#[from] RedirectError),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error(
        "its time was up before the bookmark could move: one poll has to read more than there is time for; give polls \
         more time, ask for larger pages, or let the source filter by time (since) or hand out cursors to come back to (resume)"
    )]
    CutOff,
    #[error("no record could be read: all {count} were set aside, the first: {first}")]
    AllSetAside { count: usize, first: SetAside },
    #[error(transparent)]
    Track(#[from] TrackError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    Route(#[from] RouteError),
    /// On a page that is not the first.
    #[error("{page}: {error}; {read}")]
    Later { page: String, read: String, error: Box<Self> },
}

impl PollError {
    fn on_page(self, number: u64, first: u64, counts: Counts) -> Self {
        let (page, read) = match (counts, number.saturating_sub(1)) {
            (Counts::Objects, _) => (format!("offset {number}"), format!("{number} objects were read")),
            (Counts::Pages, last) if last <= first => (format!("page {number}"), format!("page {first} was read")),
            (Counts::Pages, last) => (format!("page {number}"), format!("pages {first} to {last} were read")),
        };
        Self::Later { page, read, error: Box::new(self) }
    }
}

impl PollError {
    /// Whether the hub itself is in trouble, and not the source: this is no [`EventName::SourceFailed`] of anybody else's.
    pub fn is_our_own(&self) -> bool {
        match self {
            Self::Unknown(_) | Self::Track(_) | Self::Port(_) | Self::Route(_) | Self::Lease(LeaseError::Port(_)) => {
                true
            }
            Self::Later { error, .. } => error.is_our_own(),
            Self::Http(_)
            | Self::Token(_)
            | Self::Redirect(_)
            | Self::Page(_)
            | Self::Walk(_)
            | Self::CutOff
            | Self::AllSetAside { .. }
            | Self::Lease(LeaseError::Lost) => false,
        }
    }

    /// How long the source wants to be left alone, up to the cap that endpoints have too.
    pub fn retry_after(&self) -> Option<Duration> {
        let asked = match self {
            Self::Page(PageError::Wait { wait, .. }) => Some(*wait),
            Self::Token(error) => error.wait,
            Self::Later { error, .. } => error.retry_after(),
            _ => None,
        };
        asked.map(|wait| wait.min(RetryPolicy::RETRY_AFTER_CAP))
    }
}

/// What one poll came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollReport {
    /// Someone else is polling this collection; nothing was done.
    pub busy: bool,
    /// It was cut off, and the next poll goes on.
    pub cut_off: bool,
    pub pages: u64,
    pub records: u64,
    /// Versions, baselines included.
    pub stored: u64,
    pub emitted: u64,
    pub set_aside: Vec<SetAside>,
    /// This run completed the baseline of so many objects.
    pub baseline: Option<u64>,
}

/// What a poll would store and emit.
#[derive(Debug, Default)]
pub struct Preview {
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

pub struct Poller<'a, H: Home> {
    home: &'a H,
    hub: &'a Hub,
    router: &'a Router,
    owner: LeaseOwner,
    tokens: Arc<Tokens>,
}

impl<H: Home> fmt::Debug for Poller<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// A poll in progress.
struct Run<'a> {
    source: &'a Source,
    collection: &'a Collection,
    state: CollectionState,
    report: PollReport,
    /// Records that were not set aside.
    readable: u64,
    /// By the hub's clock or the source's own, whichever is ahead.
    now: Timestamp,
    /// The last time that the source wrote, and how.
    latest: Option<(Timestamp, Option<TimeStyle>)>,
}

impl<'a> Run<'a> {
    fn new(source: &'a Source, collection: &'a Collection, state: CollectionState, now: Timestamp) -> Self {
        let latest = Bookmark::read(collection, state.bookmark.as_deref())
            .time()
            .map(|time| (time, state.bookmark.as_deref().and_then(TimeStyle::of)));
        Self { source, collection, state, report: PollReport::default(), readable: 0, now, latest }
    }

    fn bookmark(&self) -> Bookmark {
        Bookmark::read(self.collection, self.state.bookmark.as_deref())
    }

    fn style(&self) -> Option<TimeStyle> {
        self.latest.and_then(|(_, style)| style)
    }

    /// That nothing of many can be read says more of the hub file than of any record. To call the poll a success would make
    /// an empty baseline of it, and news of everything once the file is mended. One bad record alone, where others have
    /// been read before, is only a bad record.
    fn check_readable(&self) -> Result<(), PollError> {
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
    fn has_outlived_its_cursor(&self, error: &PollError) -> bool {
        matches!(error, PollError::Page(PageError::Status { status: 410 }))
            && matches!(self.bookmark(), Bookmark::Cursor(_))
    }
}

impl<'a, H: Home> Poller<'a, H> {
    /// `owner` tells this poller's leases from those of others.
    pub fn new(home: &'a H, hub: &'a Hub, router: &'a Router, owner: LeaseOwner) -> Self {
        Self { home, hub, router, owner, tokens: Arc::default() }
    }

    /// With tokens that other pollers of the same sources use too.
    #[must_use]
    pub fn sharing(self, tokens: Arc<Tokens>) -> Self {
        Self { tokens, ..self }
    }

    /// Reads what is new, stores it, publishes it, moves the bookmark. A failure leaves the bookmark where everything
    /// before it is stored, and is counted.
    pub async fn poll(&self, key: &CollectionKey) -> Result<PollReport, PollError> {
        self.poll_until(key, pending()).await
    }

    /// The same, reading only until `cut_off`. What is stored by then stays, the bookmark is where everything before it
    /// is stored, and the lease is let go: the next poll goes on from there. One after which the bookmark is where it was
    /// is counted as a failure, though it is no error: where each is cut off there, the collection is never read.
    pub async fn poll_until(
        &self,
        key: &CollectionKey,
        cut_off: impl Future<Output = ()> + Send,
    ) -> Result<PollReport, PollError> {
        let (source, collection) = self.collection(key)?;
        let now = self.now();
        let Some(state) = self.home.store().lease(key, &self.owner, now, self.lease_from(source, now)).await? else {
            return Ok(PollReport { busy: true, ..PollReport::default() });
        };
        let mut run = Run::new(source, collection, state, now);
        let began_at = run.state.bookmark.clone();
        // Wherever reading is dropped, the state it has come to is behind what is stored.
        let read = match select(pin!(self.read_all(&mut run)), pin!(cut_off)).await {
            Either::Left((read, _)) => read.map(|()| true),
            Either::Right(_) => Ok(false),
        };
        let outcome = read.and_then(|whole| run.check_readable().map(|()| whole));
        if let Err(PollError::AllSetAside { .. }) = outcome {
            // What could not be read is yet to be read.
            run.state.bookmark.clone_from(&began_at);
        } else {
            self.tell_of_set_aside(&run);
        }
        match outcome {
            Ok(true) => {
                self.finish(&mut run).await?;
                Ok(run.report)
            }
            Ok(false) => {
                match run.state.bookmark == began_at {
                    true => self.fail(&mut run, &PollError::CutOff).await,
                    false => self.succeed(&mut run).await?,
                }
                Ok(PollReport { cut_off: true, ..run.report })
            }
            // Whoever has the lease now also has the state.
            Err(PollError::Lease(LeaseError::Lost)) => Err(LeaseError::Lost.into()),
            Err(error) => {
                self.fail(&mut run, &error).await;
                Err(error)
            }
        }
    }

    /// What [`Poller::poll`] would do, reading the source but storing nothing.
    pub async fn preview(&self, key: &CollectionKey) -> Result<Preview, PollError> {
        let (source, collection) = self.collection(key)?;
        let state = self.home.store().state(key).await?.unwrap_or_default();
        let mut run = Run::new(source, collection, state, self.now());
        let tracker = Tracker::new(self.home, self.hub, self.router);
        let mut preview = Preview::default();
        let (mut records, mut planned) = (HashSet::new(), HashSet::new());
        let (mut of_answers, mut of_records) = (Everywhere::default(), Everywhere::default());
        let mut walk = Walk::start(collection, &run.bookmark());
        while let Some((since, at)) = walk.next() {
            let page = self.fetch(&mut run, since, at).await?;
            let onward = page.onward.clone();
            of_answers.and(page.absent.clone());
            for item in &page.items {
                of_records.and(absent::in_record(collection, item));
            }
            if let (true, Some(Value::Object(first))) = (preview.fields.is_empty(), page.items.first()) {
                preview.fields = first.keys().cloned().collect();
            }
            let read = Self::records(&mut run, page);
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

    fn collection(&self, key: &CollectionKey) -> Result<(&'a Source, &'a Collection), PollError> {
        let unknown = || PollError::Unknown(key.clone());
        let source = self.hub.sources.get(&key.source).ok_or_else(unknown)?;
        let collection = source.collections.iter().find(|collection| collection.key == *key).ok_or_else(unknown)?;
        Ok((source, collection))
    }

    fn now(&self) -> Timestamp {
        self.home.clock().now()
    }

    /// Long enough for a page to be fetched, with all that may come in between, and stored; renewed with every page.
    fn lease_from(&self, source: &Source, now: Timestamp) -> Timestamp {
        let span = (self.hub.limits.timeout * (exchange::most_requests(source) + 3)).max(Duration::from_secs(60));
        now.checked_add(span).unwrap_or(Timestamp::MAX)
    }

    async fn read_all(&self, run: &mut Run<'_>) -> Result<(), PollError> {
        let mut walk = Walk::start(run.collection, &run.bookmark());
        // A row dated ahead must not take the bookmark with it, be it by an hour (a zone left out) or by years: all that
        // changes until then would go unseen. Where a source dates all its rows ahead of its own clock, the bookmark
        // lags behind them, and what is newer is read again.
        let mut reached = run.bookmark().time();
        let mut began = None;
        while let Some((since, at)) = walk.next() {
            let first_contact = run.state.started_at.is_none();
            let page = self.fetch(run, since, at).await?;
            if first_contact {
                // What is old is told by this time, so it must not move when the first run is broken off.
                self.save(run, self.lease_from(run.source, self.now()), None).await?;
            }
            let onward = page.onward.clone();
            let read = Self::records(run, page);
            let news = News::of(run.collection, &run.state, self.now());
            let tracker = Tracker::new(self.home, self.hub, self.router);
            let tracked = tracker.track(run.collection, read.records, &news).await?;

            run.report.set_aside.extend(tracked.set_aside);
            run.report.stored += tracked.stored;
            run.report.emitted += tracked.messages.len() as u64;
            run.state.baseline_objects += tracked.baseline;
            self.publish(&tracked.messages).await;

            reached = reached.max(read.times.iter().filter(|time| **time <= run.now).max().copied());
            walk.after(&PageFacts { times: read.times, rows: read.rows, onward })?;
            run.state.bookmark = walk.bookmark().at_most(reached).write(run.style());
            // A source that never rests would never be read to its end: what it wrote after the poll began is left to the
            // next one. Not before there is a baseline, which what was left out would be told apart from.
            let began = *began.get_or_insert(run.now);
            if run.state.baseline_done && self.is_past(run, began) {
                break;
            }
            // The last page's bookmark is saved with the end of the poll.
            if walk.next().is_some() {
                self.save(run, self.lease_from(run.source, self.now()), None).await?;
            }
        }
        Ok(())
    }

    fn is_past(&self, run: &Run<'_>, began: Timestamp) -> bool {
        match run.bookmark() {
            Bookmark::None => false,
            Bookmark::Time(time) => time > began,
            // No time can be told from a cursor: a poll that takes longer than the interval goes on as the next one.
            Bookmark::Cursor(_) => began.checked_add(run.collection.every).is_ok_and(|next| self.now() >= next),
        }
    }

    async fn fetch(&self, run: &mut Run<'_>, since: Option<Timestamp>, at: &At) -> Result<Page, PollError> {
        self.ask(run, since, at).await.map_err(|error| match (&run.collection.pages, at) {
            (Pages::Number { first, counts, .. }, At::Number(number)) if number > first => {
                error.on_page(*number, *first, *counts)
            }
            _ => error,
        })
    }

    async fn ask(&self, run: &mut Run<'_>, since: Option<Timestamp>, at: &At) -> Result<Page, PollError> {
        let asked = request::page(run.source, run.collection, since, run.style(), at);
        let asked_at = self.now();
        let (url, response) = exchange::ask(self.home, &self.tokens, run.source, &self.hub.limits, asked).await?;
        let page = match page::is_past_the_end(run.collection, at, &response) {
            true => Page::default(),
            false => page::read(run.collection, &url, &response, self.now())
                .map_err(|error| error.knowing(run.source.auth.as_ref()))?,
        };
        run.report.pages += 1;
        let date = source_time(response.header("date"));
        run.now = run.now.max(asked_at).max(date.unwrap_or(asked_at));
        if run.state.started_at.is_none() {
            run.state.started_at = Some(date.unwrap_or(asked_at));
        }
        Ok(page)
    }

    fn records(run: &mut Run<'_>, page: Page) -> ReadPage {
        let count = page.items.len();
        run.report.records += count as u64;
        let mut read = ReadPage {
            records: Vec::with_capacity(count),
            times: Vec::with_capacity(count),
            rows: Vec::with_capacity(count),
        };
        for mut aside in page.unreadable {
            // A page of nothing else is no empty page, which would be the end of the list.
            read.rows.push(fingerprint(&aside.to_string()));
            aside.at = format!("page {} {}", run.report.pages, aside.at);
            run.report.set_aside.push(aside);
        }
        // Only passes leave fleeting parts out of account. A feed may name one object on page after page.
        let is_feed = run.collection.since.is_none() && matches!(run.collection.pages, Pages::Cursor { .. });
        for (place, item) in page.items.into_iter().enumerate() {
            let whole = fingerprint(&item);
            let style = style(run.collection, &item);
            match object::read(run.collection, &format!("page {} item {place}", run.report.pages), item) {
                Ok(mut record) => {
                    run.readable += 1;
                    run.report.set_aside.append(&mut record.set_aside);
                    let row = fingerprint(&(&record.key.id, record.changed));
                    read.rows.push(if is_feed { whole } else { row });
                    if record.changed >= run.latest.map(|(time, _)| time) {
                        run.latest = record.changed.map(|time| (time, style)).or(run.latest);
                    }
                    read.times.extend(record.changed);
                    read.records.push(record);
                }
                Err(aside) => {
                    read.rows.push(whole);
                    run.report.set_aside.push(aside);
                }
            }
        }
        read
    }

    fn tell_of_set_aside(&self, run: &Run<'_>) {
        for aside in &run.report.set_aside {
            self.observe(run.collection, EventName::RecordSetAside, |event| event.because(aside.to_string()));
        }
    }

    /// What is not accepted now stays pending, and a later run publishes it.
    async fn publish(&self, records: &[MessageRecord]) {
        if let Err(error) = publish(self.home, self.router, records).await {
            tracing::warn!(error = %error, "messages stay pending");
        }
    }

    /// Saves where the poll has come to; failures before it are over.
    async fn succeed(&self, run: &mut Run<'_>) -> Result<(), PollError> {
        let now = self.now();
        let failures = run.state.failures;
        let epoch = self.home.store().epoch().await?;
        let news = health::recovered(self.hub, epoch, &run.collection.key, &mut run.state, now);
        self.save(run, now, news).await?;
        if failures > 0 {
            self.observe(run.collection, EventName::SourceRecovered, |event| event.counting(failures));
        }
        Ok(())
    }

    async fn finish(&self, run: &mut Run<'_>) -> Result<(), PollError> {
        if !run.state.baseline_done {
            run.state.baseline_done = true;
            run.report.baseline = Some(std::mem::take(&mut run.state.baseline_objects));
        }
        self.succeed(run).await?;
        if let Some(objects) = run.report.baseline.filter(|_| run.collection.start != Start::All) {
            let what = run.collection.key.collection.as_str();
            let emitted = match run.report.emitted {
                0 => "nothing emitted".to_owned(),
                emitted => format!("{emitted} messages emitted"),
            };
            let text = format!("baseline: {} {what} stored, {emitted}", thousands(objects));
            self.observe(run.collection, EventName::BaselineStored, |event| event.counting(objects).because(text));
        }
        let records = run.report.records;
        self.observe(run.collection, EventName::PollFinished, |event| event.counting(records));
        Ok(())
    }

    /// Counts the failure. That the poll failed is the news; what else fails here is only logged.
    async fn fail(&self, run: &mut Run<'_>, error: &PollError) {
        let now = self.now();
        let mut why = error.to_string();
        if run.has_outlived_its_cursor(error) {
            why.push_str(": its cursor is no more, and the next poll starts from the beginning");
            run.state.bookmark = None;
        }
        let counted = async {
            let epoch = self.home.store().epoch().await?;
            let news = health::failed(self.hub, epoch, &run.collection.key, &mut run.state, now, &why);
            self.save(run, now, news).await
        };
        if let Err(error) = counted.await {
            tracing::error!(collection = %run.collection.key, error = %error, "a failed poll could not be counted");
        }
        let next = error.retry_after().and_then(|wait| now.checked_add(wait).ok());
        self.observe(run.collection, EventName::SourceFailed, |event| HubEvent {
            next_attempt_at: next,
            ..event.counting(run.state.failures).because(why.clone())
        });
    }

    /// Saves state and notification in one transaction, and publishes the latter.
    async fn save(&self, run: &Run<'_>, until: Timestamp, notification: Option<Message>) -> Result<(), PollError> {
        let records = notification
            .map(|message| self.router.record(message))
            .into_iter()
            .collect::<Result<Vec<MessageRecord>, _>>()?;
        self.home.store().save(&run.collection.key, &self.owner, until, &run.state, records.clone()).await?;
        self.publish(&records).await;
        Ok(())
    }

    fn observe(&self, collection: &Collection, name: EventName, with: impl FnOnce(HubEvent) -> HubEvent) {
        let mut event = HubEvent::new(self.now(), name);
        event.source = Some(collection.key.source.to_string());
        event.collection = Some(collection.key.collection.to_string());
        self.home.observer().observe(with(event));
    }
}

struct ReadPage {
    records: Vec<Record>,
    times: Vec<Timestamp>,
    rows: Vec<u64>,
}

/// How the item's time is written, where times are text.
fn style(collection: &Collection, item: &Value) -> Option<TimeStyle> {
    let rule = collection.since.as_ref().filter(|rule| rule.format == TimeFormat::Rfc3339)?;
    TimeStyle::of(rule.field.get(item)?.as_str()?)
}

/// An object's creation is told by the source's clock, so what counts as "before the hub came" is too.
fn source_time(date: Option<&str>) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(date?).ok().map(|zoned| zoned.timestamp())
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
