//! Numbered fault points around every port call.
//!
//! [`Guarded`] wraps a port; every call passes one point before it and one after it, counted over the whole run. At a
//! chosen point, by its number or by the name of its call, the wrapper can stop the process as a power cut would, fail
//! the call, or delay it. Crash tests walk the points; what they find must always be recoverable. Without the `faults`
//! feature the points compile to nothing.

use std::{fmt, future::Future, time::Duration};

use secrecy::SecretString;

use crate::{
    Timestamp,
    answer::Answer,
    id::{CollectionKey, DeliveryKey, EndpointName, Epoch, EventKey, MessageId, ObjectKey, SecretName},
    message::{Message, MessageRecord},
    port::*,
    version::{Head, ObjectCommit, Raise, Version, VersionRef},
};

/// What is to happen at which point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// End the process at once; nothing is flushed, no destructor runs.
    Stop,
    /// The call fails. After the call has been made, its effect stands.
    Fail,
    Delay(Duration),
}

#[cfg(feature = "faults")]
mod plan;
#[cfg(feature = "faults")]
pub use plan::{FaultPlan, Faults};

#[cfg(not(feature = "faults"))]
mod absent {
    use super::{PortError, Side};

    /// No faults.
    #[derive(Debug, Clone, Default)]
    pub struct Faults(());

    impl Faults {
        #[inline]
        pub(super) async fn point(&self, _: Side, _: &'static str) -> Result<(), PortError> {
            Ok(())
        }
    }
}

#[cfg(not(feature = "faults"))]
pub use absent::Faults;

/// On which side of a call a point lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Nothing of the call has happened.
    Before,
    /// Its effect stands, and nobody has heard of it.
    After,
}

/// As plans are written.
impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::After => "after",
        })
    }
}

/// A port behind fault points.
#[derive(Debug, Clone, Default)]
pub struct Guarded<P> {
    port: P,
    faults: Faults,
}

impl<P> Guarded<P> {
    pub fn new(port: P, faults: Faults) -> Self {
        Self { port, faults }
    }

    /// The port itself, for what is not a port call.
    pub fn inner(&self) -> &P {
        &self.port
    }

    async fn guard<T, E: From<PortError>>(
        &self,
        call: &'static str,
        run: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        self.faults.point(Side::Before, call).await?;
        let answer = run.await;
        self.faults.point(Side::After, call).await?;
        answer
    }

    /// Of batch calls, a fault fails every item.
    async fn guard_each<T, E: From<PortError>>(
        &self,
        call: &'static str,
        items: usize,
        run: impl Future<Output = Vec<Result<T, E>>> + Send,
    ) -> Vec<Result<T, E>> {
        let failed = |error: PortError| (0..items).map(|_| Err(error.clone().into())).collect();
        if let Err(error) = self.faults.point(Side::Before, call).await {
            return failed(error);
        }
        let answers = run.await;
        match self.faults.point(Side::After, call).await {
            Ok(()) => answers,
            Err(error) => failed(error),
        }
    }
}

impl<P: VersionStore> VersionStore for Guarded<P> {
    async fn epoch(&self) -> Result<Epoch, PortError> {
        self.guard("versions.epoch", self.port.epoch()).await
    }
    async fn heads(&self, keys: &[ObjectKey]) -> Result<Vec<Read<Option<Head>>>, PortError> {
        self.guard("versions.heads", self.port.heads(keys)).await
    }
    async fn commit(&self, commits: Vec<ObjectCommit>) -> Vec<Result<(), CommitError>> {
        self.guard_each("versions.commit", commits.len(), self.port.commit(commits)).await
    }
    async fn raise(&self, raises: Vec<Raise>) -> Vec<Result<(), CommitError>> {
        self.guard_each("versions.raise", raises.len(), self.port.raise(raises)).await
    }
    async fn versions(&self, refs: &[VersionRef]) -> Result<Vec<Read<Option<Version>>>, PortError> {
        self.guard("versions.versions", self.port.versions(refs)).await
    }
    async fn history(&self, key: &ObjectKey) -> Result<Vec<Read<Version>>, PortError> {
        self.guard("versions.history", self.port.history(key)).await
    }
    async fn objects_with_id(&self, id: &str) -> Result<Vec<ObjectKey>, PortError> {
        self.guard("versions.objects_with_id", self.port.objects_with_id(id)).await
    }
    async fn flush(&self) -> Result<(), PortError> {
        self.guard("versions.flush", self.port.flush()).await
    }
}

impl<P: Collections> Collections for Guarded<P> {
    async fn lease(
        &self,
        key: &CollectionKey,
        owner: &LeaseOwner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<CollectionState>, PortError> {
        self.guard("collections.lease", self.port.lease(key, owner, now, until)).await
    }
    async fn save(
        &self,
        key: &CollectionKey,
        owner: &LeaseOwner,
        until: Timestamp,
        state: &CollectionState,
        messages: Vec<MessageRecord>,
    ) -> Result<(), LeaseError> {
        self.guard("collections.save", self.port.save(key, owner, until, state, messages)).await
    }
    async fn state(&self, key: &CollectionKey) -> Result<Option<CollectionState>, PortError> {
        self.guard("collections.state", self.port.state(key)).await
    }
}

impl<P: Wants> Wants for Guarded<P> {
    async fn want(&self, objects: Vec<ObjectKey>, mark: WantMark, now: Timestamp) -> Vec<Result<(), PutError>> {
        self.guard_each("wants.want", objects.len(), self.port.want(objects, mark, now)).await
    }
    async fn wanted(&self, collection: &CollectionKey, now: Timestamp, limit: usize) -> Result<Vec<Wanted>, PortError> {
        self.guard("wants.wanted", self.port.wanted(collection, now, limit)).await
    }
    async fn fetched(&self, wanted: &Wanted) -> Result<(), PortError> {
        self.guard("wants.fetched", self.port.fetched(wanted)).await
    }
    async fn postpone(&self, wanted: &Wanted, due: Timestamp, refused: RefusedBy, why: &str) -> Result<(), PortError> {
        self.guard("wants.postpone", self.port.postpone(wanted, due, refused, why)).await
    }
    async fn waiting(&self, collection: &CollectionKey, limit: usize) -> Result<Vec<Waiting>, PortError> {
        self.guard("wants.waiting", self.port.waiting(collection, limit)).await
    }
    async fn wanting(&self, object: &ObjectKey) -> Result<Option<Waiting>, PortError> {
        self.guard("wants.wanting", self.port.wanting(object)).await
    }
}

impl<P: Jobs> Jobs for Guarded<P> {
    async fn begin(
        &self,
        job: JobName,
        owner: &LeaseOwner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Mark>, PortError> {
        self.guard("jobs.begin", self.port.begin(job, owner, now, until)).await
    }
    async fn mark(&self, job: JobName, owner: &LeaseOwner, until: Timestamp, mark: &Mark) -> Result<(), LeaseError> {
        self.guard("jobs.mark", self.port.mark(job, owner, until, mark)).await
    }
}

impl<P: Outbox> Outbox for Guarded<P> {
    async fn put(&self, messages: Vec<MessageRecord>) -> Vec<Result<bool, PutError>> {
        self.guard_each("outbox.put", messages.len(), self.port.put(messages)).await
    }
    async fn pending(&self, before: Timestamp, after: Option<&Place>, limit: usize) -> Result<PendingPage, PortError> {
        self.guard("outbox.pending", self.port.pending(before, after, limit)).await
    }
    async fn published(&self, ids: &[MessageId]) -> Result<(), PortError> {
        self.guard("outbox.published", self.port.published(ids)).await
    }
    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Read<Option<MessageRecord>>>, PortError> {
        self.guard("outbox.messages", self.port.messages(ids)).await
    }
    async fn messages_of(&self, key: &ObjectKey) -> Result<Vec<Read<MessageRecord>>, PortError> {
        self.guard("outbox.messages_of", self.port.messages_of(key)).await
    }
    async fn messages_about(
        &self,
        object: &ObjectKey,
        versions: std::ops::Range<u64>,
        limit: usize,
    ) -> Result<Vec<Read<MessageRecord>>, PortError> {
        self.guard("outbox.messages_about", self.port.messages_about(object, versions, limit)).await
    }
    async fn stored_between(
        &self,
        from: Timestamp,
        until: Timestamp,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<StoredPage, PortError> {
        self.guard("outbox.stored_between", self.port.stored_between(from, until, after, limit)).await
    }
}

impl<P: Ledger> Ledger for Guarded<P> {
    async fn open(
        &self,
        endpoint: &EndpointName,
        deliveries: &[DeliveryKey],
        objects: &[ObjectKey],
    ) -> Result<Opened, PortError> {
        self.guard("ledger.open", self.port.open(endpoint, deliveries, objects)).await
    }
    async fn settle(&self, settlement: Settlement) -> Result<Settled, PortError> {
        self.guard("ledger.settle", self.port.settle(settlement)).await
    }
    async fn tracked(&self, key: &DeliveryKey, answer: &Answer) -> Result<(), PortError> {
        self.guard("ledger.tracked", self.port.tracked(key, answer)).await
    }
    async fn deliveries_of(&self, message: MessageId) -> Result<Vec<Read<Delivery>>, PortError> {
        self.guard("ledger.deliveries_of", self.port.deliveries_of(message)).await
    }
    async fn deliveries_in(
        &self,
        endpoint: &EndpointName,
        state: DeliveryState,
        limit: usize,
    ) -> Result<Vec<Read<Delivery>>, PortError> {
        self.guard("ledger.deliveries_in", self.port.deliveries_in(endpoint, state, limit)).await
    }
    async fn expect(&self, delivery: Delivery) -> Result<(), PortError> {
        self.guard("ledger.expect", self.port.expect(delivery)).await
    }
    async fn silent(
        &self,
        endpoint: &EndpointName,
        state: DeliveryState,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Read<Delivery>>, PortError> {
        self.guard("ledger.silent", self.port.silent(endpoint, state, since, limit)).await
    }
    async fn set_paused(&self, endpoint: &EndpointName, paused: Option<Paused>) -> Result<(), PortError> {
        self.guard("ledger.set_paused", self.port.set_paused(endpoint, paused)).await
    }
}

impl<P: Signing> Signing for Guarded<P> {
    async fn signing_key(&self) -> Result<SigningKey, PortError> {
        self.guard("signing.signing_key", self.port.signing_key()).await
    }
    async fn rotate(&self, endpoint: &EndpointName, from: Generations, to: Generations) -> Result<bool, PortError> {
        self.guard("signing.rotate", self.port.rotate(endpoint, from, to)).await
    }
}

impl<P: Claims> Claims for Guarded<P> {
    async fn claim(&self, claim: &Claim) -> Result<Claimed, PortError> {
        self.guard("claims.claim", self.port.claim(claim)).await
    }
}

impl<P: Lines> Lines for Guarded<P> {
    async fn line(&self, endpoint: &EndpointName, object: &ObjectKey) -> Result<Option<Line>, PortError> {
        self.guard("lines.line", self.port.line(endpoint, object)).await
    }
    async fn set_line(&self, endpoint: &EndpointName, object: &ObjectKey, line: &Line) -> Result<bool, PortError> {
        self.guard("lines.set_line", self.port.set_line(endpoint, object, line)).await
    }
}

impl<P: SeenEvents> SeenEvents for Guarded<P> {
    async fn seen(&self, events: &[EventKey]) -> Result<Vec<bool>, PortError> {
        self.guard("events.seen", self.port.seen(events)).await
    }
    async fn note(&self, events: &[EventKey], now: Timestamp) -> Result<(), PortError> {
        self.guard("events.note", self.port.note(events, now)).await
    }
}

impl<P: Timers> Timers for Guarded<P> {
    async fn take(
        &self,
        before: Timestamp,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Timer>, PortError> {
        self.guard("timers.take", self.port.take(before, now, until, limit)).await
    }
    async fn remove(&self, timers: &[Timer]) -> Result<(), PortError> {
        self.guard("timers.remove", self.port.remove(timers)).await
    }
}

impl<P: Switches> Switches for Guarded<P> {
    async fn off(&self) -> Result<Off, PortError> {
        self.guard("switches.off", self.port.off()).await
    }
    async fn switch(&self, switch: &Switch, off: Option<Timestamp>) -> Result<(), PortError> {
        self.guard("switches.switch", self.port.switch(switch, off)).await
    }
}

impl<P: Bus> Bus for Guarded<P> {
    async fn publish(&self, messages: &[Message]) -> Vec<Result<(), PublishError>> {
        self.guard_each("bus.publish", messages.len(), self.port.publish(messages)).await
    }
}

impl<P: Queues> Queues for Guarded<P> {
    async fn send(&self, queue: &QueueName, entries: Vec<Entry>) -> Vec<Result<(), PortError>> {
        self.guard_each("queues.send", entries.len(), self.port.send(queue, entries)).await
    }
    async fn receive(&self, queue: &QueueName, max: usize, visibility: Duration) -> Result<Vec<Received>, PortError> {
        self.guard("queues.receive", self.port.receive(queue, max, visibility)).await
    }
    async fn change_visibility(&self, queue: &QueueName, receipt: &str, after: Duration) -> Result<(), PortError> {
        self.guard("queues.change_visibility", self.port.change_visibility(queue, receipt, after)).await
    }
    async fn delete(&self, queue: &QueueName, receipt: &str) -> Result<(), PortError> {
        self.guard("queues.delete", self.port.delete(queue, receipt)).await
    }
}

impl<P: SourceClient> SourceClient for Guarded<P> {
    async fn fetch(&self, request: SourceRequest) -> Result<SourceResponse, HttpError> {
        self.guard("source.fetch", self.port.fetch(request)).await
    }
}

impl<P: EndpointClient> EndpointClient for Guarded<P> {
    async fn post(&self, request: EndpointRequest) -> Result<EndpointResponse, HttpError> {
        self.guard("endpoint.post", self.port.post(request)).await
    }
}

impl<P: Secrets> Secrets for Guarded<P> {
    async fn secret(&self, name: &SecretName) -> Result<SecretString, PortError> {
        self.guard("secrets.secret", self.port.secret(name)).await
    }
}

#[cfg(test)]
#[cfg(feature = "faults")]
mod tests;
