//! The store: versions, collections, messages and deliveries. State only; what the hub *is* stands in its file.

use std::{collections::BTreeMap, future::Future};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Generations, Next, PortError, Read, Unreadable};
use crate::{
    Timestamp,
    answer::Answer,
    id::{CollectionKey, DeliveryKey, EndpointName, Epoch, MessageId, ObjectKey},
    message::MessageRecord,
    version::{Head, ObjectCommit, Raise, Version, VersionRef},
};

pub trait VersionStore: Send + Sync {
    /// Random, made with the store, the same for its whole life.
    fn epoch(&self) -> impl Future<Output = Result<Epoch, PortError>> + Send;

    /// In the order asked; one batch read.
    fn heads(&self, keys: &[ObjectKey]) -> impl Future<Output = Result<Vec<Read<Option<Head>>>, PortError>> + Send;

    /// Each commit is a transaction of its own: the head ([`ObjectCommit::head`]), if it is still the expected one, the
    /// version and its pending messages, or none of them. One answer per commit, in order.
    fn commit(&self, commits: Vec<ObjectCommit>) -> impl Future<Output = Vec<Result<(), CommitError>>> + Send;

    /// Each is a write of its own: the head's order, if the head is still the expected one. One answer per raise, in order.
    fn raise(&self, raises: Vec<Raise>) -> impl Future<Output = Vec<Result<(), CommitError>>> + Send;

    /// In the order asked.
    fn versions(
        &self,
        refs: &[VersionRef],
    ) -> impl Future<Output = Result<Vec<Read<Option<Version>>>, PortError>> + Send;

    /// Every version of one object, oldest first.
    fn history(&self, key: &ObjectKey) -> impl Future<Output = Result<Vec<Read<Version>>, PortError>> + Send;

    /// Objects with this id, in whichever collection.
    fn objects_with_id(&self, id: &str) -> impl Future<Output = Result<Vec<ObjectKey>, PortError>> + Send;

    /// What any call has read before this one is durable when this returns. Where nothing is seen before it is durable,
    /// there is nothing to do.
    fn flush(&self) -> impl Future<Output = Result<(), PortError>> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Someone else was faster: read the head again and decide anew.
    #[error("the object's head is no longer the expected one")]
    Conflict,
    /// What the commit holds is more than the store ever takes in one transaction: to try again is of no use.
    #[error("{0}")]
    Impossible(String),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why one of several things was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// It is more than the store ever takes, or nothing that it takes: to try again is of no use.
    #[error("{0}")]
    Impossible(String),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// How far a collection has been read, and who is reading it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectionState {
    /// RFC 3339 for collections read by time; opaque otherwise.
    pub bookmark: Option<String>,
    /// When the hub first had to do with the collection; objects created before it are not news.
    pub started_at: Option<Timestamp>,
    /// One complete run has been made.
    pub baseline_done: bool,
    /// Objects stored as baseline so far, until the first complete run reports and forgets them.
    pub baseline_objects: u64,
    /// Failed polls in a row, and such as were cut off before the bookmark moved.
    pub failures: u64,
    /// How many streaks of failures there have been; part of the notification's id.
    pub streak: u64,
    /// A `notification:error` was emitted for the streak.
    pub notified: bool,
}

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseOwner(pub String);

pub trait Collections: Send + Sync {
    /// Takes the lease, or takes it again, and answers with the state; `None` while another owner's lease runs.
    fn lease(
        &self,
        key: &CollectionKey,
        owner: &LeaseOwner,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Option<CollectionState>, PortError>> + Send;

    /// Stores the state and, in the same transaction, the messages (pending), if the lease is still the owner's. The lease then runs until `until`;
    /// a time that has passed lets go of it.
    fn save(
        &self,
        key: &CollectionKey,
        owner: &LeaseOwner,
        until: Timestamp,
        state: &CollectionState,
        messages: Vec<MessageRecord>,
    ) -> impl Future<Output = Result<(), LeaseError>> + Send;

    /// Without a lease, for looking.
    fn state(&self, key: &CollectionKey) -> impl Future<Output = Result<Option<CollectionState>, PortError>> + Send;
}

/// What runs beside the polls, one run of each at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobName {
    /// Publishes what was left pending.
    Publish,
    /// Looks for deliveries that are missing.
    Sweep,
}

impl JobName {
    pub const ALL: [Self; 2] = [Self::Publish, Self::Sweep];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Sweep => "sweep",
        }
    }
}

/// How far a job has come, in words of its own; `None`: at its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark(pub Option<String>);

/// Per job, who is at it and how far it has come.
pub trait Jobs: Send + Sync {
    /// Takes the job's lease, or takes it again, and answers with its mark; `None` while another owner's lease runs.
    fn begin(
        &self,
        job: JobName,
        owner: &LeaseOwner,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Option<Mark>, PortError>> + Send;

    /// Stores the mark, if the lease is still the owner's. The lease then runs until `until`; a time that has passed lets
    /// go of it.
    fn mark(
        &self,
        job: JobName,
        owner: &LeaseOwner,
        until: Timestamp,
        mark: &Mark,
    ) -> impl Future<Output = Result<(), LeaseError>> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    #[error("the lease has passed to someone else")]
    Lost,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Objects that a source has named and that are yet to be fetched from it (thin events).
pub trait Wants: Send + Sync {
    /// Each is due now. One that is wanted already is wanted anew: due now, and no failure is counted. One answer per
    /// object, in order; no object may be there twice. `mark` is random: it tells one wanting from the next.
    fn want(
        &self,
        objects: Vec<ObjectKey>,
        mark: WantMark,
        now: Timestamp,
    ) -> impl Future<Output = Vec<Result<(), PutError>>> + Send;

    /// Of one collection, what is due: up to `limit`, the longest due first. What was wanted in the last second may be
    /// missing.
    fn wanted(
        &self,
        collection: &CollectionKey,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Wanted>, PortError>> + Send;

    /// It is wanted no more, unless it was wanted anew since.
    fn fetched(&self, wanted: &Wanted) -> impl Future<Output = Result<(), PortError>> + Send;

    /// It is due later, and one more failure is counted, unless it was wanted anew since. `why` it could not be fetched is
    /// for people.
    fn postpone(
        &self,
        wanted: &Wanted,
        due: Timestamp,
        refused: RefusedBy,
        why: &str,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Of one collection, what is wanted, due or not: up to `limit`, those that are due first before the others. What was
    /// wanted in the last second may be missing.
    fn waiting(
        &self,
        collection: &CollectionKey,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Waiting>, PortError>> + Send;

    /// What is known of it, if it is wanted.
    fn wanting(&self, object: &ObjectKey) -> impl Future<Output = Result<Option<Waiting>, PortError>> + Send;
}

/// Tells one wanting of an object from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantMark(pub [u8; 16]);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub object: ObjectKey,
    pub mark: WantMark,
    /// How often it could not be fetched.
    pub failures: u32,
    /// In how many of them it was for the object's own sake.
    pub refusals: u32,
}

/// A wanted object, for those who look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub wanted: Wanted,
    /// When it was last named. `None`: before that was noted.
    pub since: Option<Timestamp>,
    /// When it is asked for next.
    pub due: Timestamp,
    /// Why it could not be fetched the last time, if it was tried.
    pub reason: Option<String>,
}

/// What it has to do with that an object could not be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedBy {
    /// The source does not answer, or answers nobody.
    Source,
    /// The source does not have it, or does not give it.
    Object,
}

/// Messages by id, each with a pending mark until the bus has accepted it.
pub trait Outbox: Send + Sync {
    /// Stores messages that belong to no version, pending. An id that is there already is left as it is: `Ok(false)`.
    /// One answer per message, in order; all durable when this returns.
    fn put(&self, messages: Vec<MessageRecord>) -> impl Future<Output = Vec<Result<bool, PutError>>> + Send;

    /// Pending messages stored before `before`, in no order, each of them once: up to `limit` (at least 1) marks after the
    /// place where the page before this one ended. A place stays good whatever is stored or published in between; what is
    /// stored then may be missed until the next walk.
    fn pending(
        &self,
        before: Timestamp,
        after: Option<&Place>,
        limit: usize,
    ) -> impl Future<Output = Result<PendingPage, PortError>> + Send;

    /// Clears pending marks.
    fn published(&self, ids: &[MessageId]) -> impl Future<Output = Result<(), PortError>> + Send;

    /// In the order asked.
    fn messages(
        &self,
        ids: &[MessageId],
    ) -> impl Future<Output = Result<Vec<Read<Option<MessageRecord>>>, PortError>> + Send;

    /// Every message about any version of the object, oldest first.
    fn messages_of(&self, key: &ObjectKey) -> impl Future<Output = Result<Vec<Read<MessageRecord>>, PortError>> + Send;

    /// Messages about these versions of the object, those about the newest first: up to `limit` (at least 1). Only what
    /// was stored with its version is sure to be among them.
    fn messages_about(
        &self,
        object: &ObjectKey,
        versions: std::ops::Range<u64>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Read<MessageRecord>>, PortError>> + Send;

    /// Messages stored from `from` until before `until`, pending or not, in no order, each of them once: up to `limit`
    /// (at least 1) after the place where the page before this one ended. For looking back: what was stored in the last
    /// minute may still be missing.
    fn stored_between(
        &self,
        from: Timestamp,
        until: Timestamp,
        after: Option<&Place>,
        limit: usize,
    ) -> impl Future<Output = Result<StoredPage, PortError>> + Send;
}

/// Where a page of messages ended: good for another call with the same times, and meaningless to all but the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place(pub String);

#[derive(Debug, Clone, PartialEq)]
pub struct PendingPage {
    /// May be empty where there is more.
    pub messages: Vec<MessageRecord>,
    /// Marks of messages that are not there any more.
    pub orphans: Vec<MessageId>,
    pub unreadable: Vec<Unreadable>,
    /// `None`: there is no more.
    pub next: Option<Place>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StoredPage {
    /// May be empty where there is more.
    pub messages: Vec<MessageRecord>,
    pub unreadable: Vec<Unreadable>,
    /// `None`: there is no more.
    pub next: Option<Place>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// Put off by an answer; its first attempt is due at `next_attempt_at`.
    Waiting,
    /// Failed so far; will be tried again.
    Retrying,
    Delivered,
    DeadLettered,
    /// Ordered endpoints only: a newer version of the object went out first.
    Superseded,
    /// `once_per` only: another message had claimed it.
    Suppressed,
}

impl DeliveryState {
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Retrying, Self::Delivered, Self::DeadLettered, Self::Superseded, Self::Suppressed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::DeadLettered => "dead_lettered",
            Self::Superseded => "superseded",
            Self::Suppressed => "suppressed",
        }
    }

    /// Nothing more happens to it in this round.
    pub fn ended(self) -> bool {
        !matches!(self, Self::Waiting | Self::Retrying)
    }
}

/// One recorded attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub at: Timestamp,
    /// From request to outcome.
    pub took_ms: u64,
    /// `None` where no answer came.
    pub status: Option<u16>,
    /// Why it counts as failed; `None` when it was delivered.
    pub failure: Option<String>,
}

/// The ledger's record of one delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub key: DeliveryKey,
    pub endpoint: EndpointName,
    pub state: DeliveryState,
    /// Those of this round, oldest first. An attempt counts when its outcome is recorded.
    pub attempts: Vec<Attempt>,
    /// The receive count when the last outcome was recorded; receives beyond it ended in nothing we know of.
    pub receives: u32,
    pub updated_at: Timestamp,
    pub next_attempt_at: Option<Timestamp>,
    /// Why it was dead-lettered, superseded or suppressed, or what it waits for in line.
    pub reason: Option<String>,
    /// What the endpoint's last answer carried.
    pub answer: Option<Answer>,
    /// The answer asked for another round, which must be in the queue before this one's entry is deleted.
    pub next_round: bool,
    /// The answer gave objects that are still to be tracked, from what is stored of it here.
    pub untracked: bool,
}

impl Delivery {
    /// The attributes of its dead letter.
    pub(crate) fn dead_letter(&self, reason: &str) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::from([
            ("reason".to_owned(), reason.to_owned()),
            ("attempts".to_owned(), self.attempts.len().to_string()),
            ("message_id".to_owned(), self.key.message.to_string()),
        ]);
        if let Some(status) = self.attempts.last().and_then(|attempt| attempt.status) {
            attributes.insert("status".to_owned(), status.to_string());
        }
        attributes
    }
}

/// One record per endpoint: what its answers wrote back, and whether it is paused.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EndpointControl {
    /// Sent with every delivery to the endpoint; the last writer wins by name.
    pub parameters: BTreeMap<String, Value>,
    pub paused: Option<Paused>,
    /// Which of its derived secrets sign.
    pub signing: Generations,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    pub since: Timestamp,
    pub reason: String,
}

/// What a batch of queue entries needs to know, in one batch read.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// In the order asked; `None`: no outcome was ever recorded.
    pub deliveries: Vec<Read<Option<Delivery>>>,
    /// In the order asked.
    pub heads: Vec<Read<Option<Head>>>,
    pub control: Read<EndpointControl>,
    /// Since when the whole hub is switched off ([`Switch::Hub`](super::Switch::Hub)).
    pub hub_off: Option<Timestamp>,
}

/// An attempt's outcome and all that follows from it without looking further: one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    pub delivery: Delivery,
    /// Merged into the endpoint's parameters.
    pub parameters: Vec<(String, Value)>,
    pub pause: Option<Paused>,
    /// Follow-ups and notifications, stored pending; an id that is there already is left as it is.
    pub messages: Vec<MessageRecord>,
    /// What the answer put off.
    pub next: Option<Next>,
}

impl Settlement {
    /// Of which nothing follows.
    pub fn alone(delivery: Delivery) -> Self {
        Self { delivery, parameters: Vec::new(), pause: None, messages: Vec::new(), next: None }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// Of each message, in order, whether it was stored now; `false`: its id was there already.
    Recorded { new: Vec<bool> },
    /// Another copy of the entry had ended this round before; nothing was written.
    AlreadyEnded(Box<Delivery>),
}

pub trait Ledger: Send + Sync {
    fn open(
        &self,
        endpoint: &EndpointName,
        deliveries: &[DeliveryKey],
        objects: &[ObjectKey],
    ) -> impl Future<Output = Result<Opened, PortError>> + Send;

    /// One write; a round that has ended never changes again.
    fn settle(&self, settlement: Settlement) -> impl Future<Output = Result<Settled, PortError>> + Send;

    /// The objects that a delivery's answer gave are tracked: takes back [`Delivery::untracked`], and keeps the answer as
    /// it is now. Where the mark is gone already, nothing happens.
    fn tracked(&self, key: &DeliveryKey, answer: &Answer) -> impl Future<Output = Result<(), PortError>> + Send;

    /// All rounds for all routes of one message.
    fn deliveries_of(&self, message: MessageId) -> impl Future<Output = Result<Vec<Read<Delivery>>, PortError>> + Send;

    /// Up to `limit` deliveries of one endpoint in one state, the latest change first, and after them those that cannot
    /// be read, as far as they were met. Of those that were delivered, which are nearly all, nobody keeps a list: to ask
    /// for them is a permanent error.
    fn deliveries_in(
        &self,
        endpoint: &EndpointName,
        state: DeliveryState,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Read<Delivery>>, PortError>> + Send;

    /// Records a delivery that was begun, where nothing is recorded of its round yet; else nothing happens.
    fn expect(&self, delivery: Delivery) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Up to `limit` deliveries of one endpoint in one state that has not ended, of which nothing was recorded since
    /// `since`: the longest silent first, and after them those that cannot be read, as far as they were met.
    fn silent(
        &self,
        endpoint: &EndpointName,
        state: DeliveryState,
        since: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Read<Delivery>>, PortError>> + Send;

    /// Pauses the endpoint, or lets it go on.
    fn set_paused(
        &self,
        endpoint: &EndpointName,
        paused: Option<Paused>,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}
