//! A poll, from lease to bookmark.

use std::{
    fmt,
    future::{Future, pending},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures_util::future::{Either, select};

use super::{
    bookmark::Bookmark,
    error::PollError,
    exchange,
    fetch::Pause,
    health,
    reader::Reader,
    reconcile::{Basis, Missed},
    run::Run,
    token::Tokens,
    walk::{PageFacts, Walk},
    way::Way,
};
use crate::{
    Timestamp,
    disabled::disabled,
    event::{EventName, HubEvent},
    hub::{Collection, Hub, Source, Start},
    id::CollectionKey,
    message::{Message, MessageRecord},
    object::{News, SetAside, Tracker},
    port::{Collections, Home, LeaseError, LeaseOwner, Outbox, PutError, Switch, VersionStore},
    publish::publish,
    route::Router,
};

/// Records that a poll may have read and still be a small one.
const SMALL: u64 = 100;

/// What one poll came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollReport {
    /// Someone else is polling this collection; nothing was done.
    pub busy: bool,
    /// There is no baseline to reconcile with yet; nothing was done.
    pub too_early: bool,
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

pub struct Poller<'a, H: Home> {
    pub(super) home: &'a H,
    pub(super) hub: &'a Hub,
    pub(super) router: &'a Router,
    pub(super) owner: LeaseOwner,
    pub(super) way: Way,
    pub(super) tokens: Arc<Tokens>,
    pub(super) pause: Option<Pause>,
}

impl<H: Home> fmt::Debug for Poller<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl<'a, H: Home> Poller<'a, H> {
    /// `owner` tells this poller's leases from those of others.
    pub fn new(home: &'a H, hub: &'a Hub, router: &'a Router, owner: LeaseOwner) -> Self {
        Self { home, hub, router, owner, way: Way::Poll, tokens: Arc::default(), pause: None }
    }

    /// With tokens that other pollers of the same sources use too.
    #[must_use]
    pub fn sharing(self, tokens: Arc<Tokens>) -> Self {
        Self { tokens, ..self }
    }

    /// With a way to wait, so that a rate is kept to.
    #[must_use]
    pub fn pausing(self, pause: Pause) -> Self {
        Self { pause: Some(pause), ..self }
    }

    /// Polls in another way than from the bookmark on.
    #[must_use]
    pub fn by(self, way: Way) -> Self {
        Self { way, ..self }
    }

    /// Reads what is new, stores it, publishes it, moves the bookmark. A failure leaves the bookmark where everything
    /// before it is stored, and is counted.
    pub async fn poll(&self, key: &CollectionKey) -> Result<PollReport, PollError> {
        self.poll_until(key, pending()).await
    }

    /// The same, reading only until `cut_off`. What is stored by then stays, the bookmark is where everything before it
    /// is stored, and the lease is let go: the next poll goes on from there. One after which the bookmark is where it was
    /// is counted as a failure, though it is no error, unless the hub was switched off: where each is cut off there, the
    /// collection is never read.
    pub async fn poll_until(
        &self,
        key: &CollectionKey,
        cut_off: impl Future<Output = ()> + Send,
    ) -> Result<PollReport, PollError> {
        let (source, collection) = self.collection(key)?;
        if self.way == Way::Fetch {
            return self.fetch_until(source, collection, cut_off).await;
        }
        let now = self.now();
        let Some(basis) = self.basis(collection).await? else {
            return Ok(PollReport { too_early: true, ..PollReport::default() });
        };
        let record = self.way.record_of(key);
        let Some(state) = self.home.store().lease(&record, &self.owner, now, self.lease_from(source, now)).await?
        else {
            return Ok(PollReport { busy: true, ..PollReport::default() });
        };
        let mut run = basis.run(source, collection, state, now);
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
                if run.state.bookmark != began_at {
                    self.succeed(&mut run).await?;
                } else if self.is_disabled().await {
                    self.save(&run, self.now(), None).await?;
                } else {
                    self.fail(&mut run, &PollError::CutOff).await;
                }
                Ok(PollReport { cut_off: true, ..run.report })
            }
            // Whoever has the lease now also has the state.
            Err(PollError::Lease(LeaseError::Lost)) => Err(LeaseError::Lost.into()),
            Err(error) => {
                self.end(&mut run, &error).await;
                Err(error)
            }
        }
    }

    /// What was cut off because the hub was switched off has neither failed nor come to anything.
    async fn is_disabled(&self) -> bool {
        matches!(disabled(self.home, self.hub, &[Switch::Hub]).await, Ok(Some(_)))
    }

    pub(super) fn collection(&self, key: &CollectionKey) -> Result<(&'a Source, &'a Collection), PollError> {
        let unknown = || PollError::Unknown(key.clone());
        let source = self.hub.sources.get(&key.source).ok_or_else(unknown)?;
        let collection = source.collections.iter().find(|collection| collection.key == *key).ok_or_else(unknown)?;
        Ok((source, collection))
    }

    /// `None`: it is too early for this way.
    pub(super) async fn basis(&self, collection: &'a Collection) -> Result<Option<Basis<'a>>, PollError> {
        match (self.way, &collection.reconcile) {
            (Way::Poll, _) => Ok(Some(Basis::Bookmark)),
            (Way::Reconcile, Some(rule)) => {
                let of_poll = self.home.store().state(&collection.key).await?;
                // What was found before there is a baseline would be told apart from nothing.
                Ok(of_poll.filter(|state| state.baseline_done).map(|of_poll| Basis::Baseline { rule, of_poll }))
            }
            (Way::Reconcile, None) => Err(PollError::NotReconciled(collection.key.clone())),
            (Way::Fetch, _) => Err(PollError::NotFetched(collection.key.clone())),
        }
    }

    /// A small poll is as quick as a push, also beside a large one: a run goes into the slow lane with the page with which it
    /// has read much. What a thin event names is waited for, however many of them there are.
    async fn home_for(&self, run: &Run<'_>) -> &'a H {
        let is_fast = match self.way {
            Way::Poll => run.report.records <= SMALL,
            Way::Reconcile => false,
            Way::Fetch => true,
        };
        if is_fast { self.home } else { self.home.slow().await }
    }

    pub(super) fn reader(&self, home: &'a H) -> Reader<'_, H> {
        Reader { home, hub: self.hub, tokens: &self.tokens }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.home.clock().now()
    }

    /// Long enough for a page to be fetched, with all that may come in between, and stored; renewed with every page.
    pub(super) fn lease_from(&self, source: &Source, now: Timestamp) -> Timestamp {
        // A remote collection is read within its endpoint's time.
        let remote = source.collections.iter().filter_map(|collection| collection.remote.as_ref());
        let longest =
            remote.filter_map(|rule| self.hub.endpoints.get(&rule.endpoint)).map(|endpoint| endpoint.timeout).max();
        let timeout = self.hub.limits.timeout.max(longest.unwrap_or_default());
        let span = (timeout * (exchange::most_requests(source) + 3)).max(Duration::from_secs(60));
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
            let home = self.home_for(run).await;
            let mut page = self.reader(home).page(run, since, at).await?;
            if first_contact {
                // What is old is told by this time, so it must not move when the first run is broken off.
                self.save(run, self.lease_from(run.source, self.now()), None).await?;
            }
            let onward = page.onward.clone();
            let told = std::mem::take(&mut page.messages);
            let read = run.records(page);
            let news = News::of(run.collection, &run.state, self.now());
            let home = self.home_for(run).await;
            let tracker = Tracker::new(home, self.hub, self.router);
            let times = run.missed.as_ref().map(|_| Missed::times(&read.records)).unwrap_or_default();
            let tracked = tracker.track(run.collection, read.records, &news).await?;

            if let Some(missed) = &mut run.missed {
                missed.count(&tracked.changed, &times);
            }
            run.report.set_aside.extend(tracked.set_aside);
            run.report.stored += tracked.stored;
            run.report.emitted += tracked.messages.len() as u64;
            run.state.baseline_objects += tracked.baseline;
            self.publish(home, &tracked.messages).await;
            run.report.emitted += self.tell(home, told).await?;

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

    /// Stores what the answer of a remote collection told beside its objects: how many were not known before.
    async fn tell(&self, home: &H, told: Vec<Message>) -> Result<u64, PollError> {
        if told.is_empty() {
            return Ok(0);
        }
        let records = told.into_iter().map(|message| self.router.record(message)).collect::<Result<Vec<_>, _>>()?;
        let answers = home.store().put(records.clone()).await;
        let mut fresh = Vec::with_capacity(records.len());
        for (record, answer) in records.into_iter().zip(answers) {
            match answer {
                Ok(true) => fresh.push(record),
                Ok(false) => {}
                // It would be the same at every poll, and the bookmark would stay before it for ever.
                Err(PutError::Impossible(why)) => {
                    tracing::error!(message.id = %record.message.message_id, why, "a message of an answer cannot be stored");
                }
                Err(PutError::Port(error)) => return Err(error.into()),
            }
        }
        self.publish(home, &fresh).await;
        Ok(fresh.len() as u64)
    }

    fn is_past(&self, run: &Run<'_>, began: Timestamp) -> bool {
        match run.bookmark() {
            Bookmark::None => false,
            Bookmark::Time(time) => time > began,
            // No time can be told from a cursor: a poll that takes longer than the interval goes on as the next one.
            Bookmark::Cursor(_) => began.checked_add(run.every).is_ok_and(|next| self.now() >= next),
        }
    }

    pub(super) fn tell_of_set_aside(&self, run: &Run<'_>) {
        for aside in &run.report.set_aside {
            self.observe(run.collection, EventName::RecordSetAside, |event| event.because(aside.to_string()));
        }
    }

    /// What is not accepted now stays pending, and a later run publishes it.
    pub(super) async fn publish(&self, home: &H, records: &[MessageRecord]) {
        if let Err(error) = publish(home, self.router, records).await {
            tracing::warn!(error = %error, "messages stay pending");
        }
    }

    /// Saves where the poll has come to; failures before it are over.
    async fn succeed(&self, run: &mut Run<'_>) -> Result<(), PollError> {
        let now = self.now();
        let failures = run.state.failures;
        let epoch = self.home.store().epoch().await?;
        let news = health::recovered(self.hub, epoch, self.way, &run.collection.key, &mut run.state, now);
        self.save(run, now, news).await?;
        if failures > 0 {
            self.observe(run.collection, EventName::SourceRecovered, |event| event.counting(failures));
        }
        Ok(())
    }

    pub(super) async fn finish(&self, run: &mut Run<'_>) -> Result<(), PollError> {
        if !run.state.baseline_done {
            run.state.baseline_done = true;
            run.report.baseline = Some(std::mem::take(&mut run.state.baseline_objects));
        }
        if run.missed.is_some() {
            // The next run begins with a new window.
            run.state.bookmark = None;
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
        match &run.missed {
            None => self.observe(run.collection, EventName::PollFinished, |event| event.counting(records)),
            Some(missed) => {
                let what = run.collection.key.collection.as_str();
                let text = match missed.objects {
                    0 => format!("reconciled {what}: nothing had been missed"),
                    objects => format!("reconciled {what}: {} had been missed", thousands(objects)),
                };
                self.observe(run.collection, EventName::Reconciled, |event| {
                    event.counting(missed.objects).because(text)
                });
            }
        }
        Ok(())
    }

    /// After an error. Trouble of the hub's own is no failure of the source, and is for whoever runs the poll to tell.
    pub(super) async fn end(&self, run: &mut Run<'_>, error: &PollError) {
        if !error.is_our_own() {
            return self.fail(run, error).await;
        }
        // What was read until then is behind the bookmark, and the next poll need not wait for the lease.
        if let Err(error) = self.save(run, self.now(), None).await {
            tracing::warn!(collection = %run.collection.key, error = %error, "a lease was not let go");
        }
    }

    /// Counts the failure. That the poll failed is the news; what else fails here is only logged.
    pub(super) async fn fail(&self, run: &mut Run<'_>, error: &PollError) {
        let now = self.now();
        let mut why = error.to_string();
        if run.has_outlived_its_cursor(error) {
            why.push_str(": its cursor is no more, and the next poll starts from the beginning");
            run.state.bookmark = None;
        }
        let counted = async {
            let epoch = self.home.store().epoch().await?;
            let news = health::failed(self.hub, epoch, self.way, &run.collection.key, &mut run.state, now, &why);
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
    pub(super) async fn save(
        &self,
        run: &Run<'_>,
        until: Timestamp,
        notification: Option<Message>,
    ) -> Result<(), PollError> {
        let records = notification
            .map(|message| self.router.record(message))
            .into_iter()
            .collect::<Result<Vec<MessageRecord>, _>>()?;
        let home = self.home_for(run).await;
        home.store()
            .save(&self.way.record_of(&run.collection.key), &self.owner, until, &run.state, records.clone())
            .await?;
        self.publish(home, &records).await;
        Ok(())
    }

    pub(super) fn observe(&self, collection: &Collection, name: EventName, with: impl FnOnce(HubEvent) -> HubEvent) {
        let mut event = HubEvent::new(self.now(), name);
        event.source = Some(collection.key.source.to_string());
        event.collection = Some(collection.key.collection.to_string());
        self.home.observer().observe(with(event));
    }
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
