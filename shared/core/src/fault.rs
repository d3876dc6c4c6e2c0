//! Numbered fault points around every port call.
//!
//! [`Guarded`] wraps a port; every call passes one point before it and one after it, counted over the whole run. At a
//! chosen point the wrapper can stop the process as a power cut would, fail the call, or delay it. Crash tests walk the
//! points; what they find must always be recoverable. Without the `faults` feature the points compile to nothing.

use std::{future::Future, time::Duration};

use secrecy::SecretString;

use crate::{
    Timestamp,
    id::{CollectionKey, DeliveryKey, EndpointName, Epoch, MessageId, ObjectKey, SecretName},
    message::{Message, MessageRecord},
    port::*,
    version::{Head, ObjectCommit, Version, VersionRef},
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
mod injected {
    use std::{
        str::FromStr,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
        time::Duration,
    };

    use super::{Fault, PortError};

    type Sleep = Arc<dyn Fn(Duration) -> futures_util::future::BoxFuture<'static, ()> + Send + Sync>;

    /// The plan of a run: one fault at one point, or at every multiple of it.
    #[derive(Clone, Default)]
    pub struct Faults(Option<Arc<Plan>>);

    struct Plan {
        fault: Fault,
        at: u64,
        every: bool,
        passed: AtomicU64,
        sleep: Sleep,
    }

    impl std::fmt::Debug for Faults {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match &self.0 {
                None => f.write_str("no faults"),
                Some(plan) => write!(f, "{:?} at {}, {} passed", plan.fault, plan.at, self.passed()),
            }
        }
    }

    /// `stop@137`, `fail@20`, `fail@every:50`, `delay:200@every:10` (milliseconds).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct FaultPlan {
        pub fault: Fault,
        /// Counted from 1.
        pub at: u64,
        /// At every multiple.
        pub every: bool,
    }

    impl FromStr for FaultPlan {
        type Err = String;
        fn from_str(text: &str) -> Result<Self, String> {
            let wrong = || format!("{text:?} is no fault plan: expected stop@N, fail@N, delay:MS@N, or @every:N");
            let (what, at) = text.split_once('@').ok_or_else(wrong)?;
            let (at, every) = at.strip_prefix("every:").map_or((at, false), |at| (at, true));
            let fault = match what.split_once(':') {
                None if what == "stop" => Fault::Stop,
                None if what == "fail" => Fault::Fail,
                Some(("delay", millis)) => Fault::Delay(Duration::from_millis(millis.parse().map_err(|_| wrong())?)),
                _ => return Err(wrong()),
            };
            let at = at.parse().ok().filter(|at| *at > 0).ok_or_else(wrong)?;
            Ok(Self { fault, at, every })
        }
    }

    impl Faults {
        pub fn planned(plan: FaultPlan, sleep: Sleep) -> Self {
            Self(Some(Arc::new(Plan {
                fault: plan.fault,
                at: plan.at,
                every: plan.every,
                passed: AtomicU64::new(0),
                sleep,
            })))
        }

        /// How many points have been passed.
        pub fn passed(&self) -> u64 {
            self.0.as_ref().map_or(0, |plan| plan.passed.load(Ordering::Relaxed))
        }

        pub(super) async fn point(&self, call: &'static str) -> Result<(), PortError> {
            let Some(plan) = &self.0 else { return Ok(()) };
            let number = plan.passed.fetch_add(1, Ordering::Relaxed) + 1;
            let due = if plan.every { number.is_multiple_of(plan.at) } else { number == plan.at };
            if !due {
                return Ok(());
            }
            match plan.fault {
                Fault::Stop => std::process::abort(),
                Fault::Fail => Err(PortError::transient(format!("fault point {number} ({call})"))),
                Fault::Delay(wait) => {
                    (plan.sleep)(wait).await;
                    Ok(())
                }
            }
        }
    }
}

#[cfg(feature = "faults")]
pub use injected::{FaultPlan, Faults};

#[cfg(not(feature = "faults"))]
mod absent {
    use super::PortError;

    /// No faults.
    #[derive(Debug, Clone, Default)]
    pub struct Faults(());

    impl Faults {
        #[inline]
        pub(super) async fn point(&self, _: &'static str) -> Result<(), PortError> {
            Ok(())
        }
    }
}

#[cfg(not(feature = "faults"))]
pub use absent::Faults;

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
        self.faults.point(call).await?;
        let answer = run.await;
        self.faults.point(call).await?;
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
        if let Err(error) = self.faults.point(call).await {
            return failed(error);
        }
        let answers = run.await;
        match self.faults.point(call).await {
            Ok(()) => answers,
            Err(error) => failed(error),
        }
    }
}

impl<P: VersionStore> VersionStore for Guarded<P> {
    async fn epoch(&self) -> Result<Epoch, PortError> {
        self.guard("versions.epoch", self.port.epoch()).await
    }
    async fn heads(&self, keys: &[ObjectKey]) -> Result<Vec<Option<Head>>, PortError> {
        self.guard("versions.heads", self.port.heads(keys)).await
    }
    async fn commit(&self, commits: Vec<ObjectCommit>) -> Vec<Result<(), CommitError>> {
        self.guard_each("versions.commit", commits.len(), self.port.commit(commits)).await
    }
    async fn versions(&self, refs: &[VersionRef]) -> Result<Vec<Option<Version>>, PortError> {
        self.guard("versions.versions", self.port.versions(refs)).await
    }
    async fn history(&self, key: &ObjectKey) -> Result<Vec<Version>, PortError> {
        self.guard("versions.history", self.port.history(key)).await
    }
    async fn objects_with_id(&self, id: &str) -> Result<Vec<ObjectKey>, PortError> {
        self.guard("versions.objects_with_id", self.port.objects_with_id(id)).await
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

impl<P: Outbox> Outbox for Guarded<P> {
    async fn put(&self, messages: Vec<MessageRecord>) -> Vec<Result<bool, PortError>> {
        self.guard_each("outbox.put", messages.len(), self.port.put(messages)).await
    }
    async fn pending(&self, before: Timestamp, limit: usize) -> Result<Vec<MessageRecord>, PortError> {
        self.guard("outbox.pending", self.port.pending(before, limit)).await
    }
    async fn published(&self, ids: &[MessageId]) -> Result<(), PortError> {
        self.guard("outbox.published", self.port.published(ids)).await
    }
    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Option<MessageRecord>>, PortError> {
        self.guard("outbox.messages", self.port.messages(ids)).await
    }
    async fn messages_of(&self, key: &ObjectKey) -> Result<Vec<MessageRecord>, PortError> {
        self.guard("outbox.messages_of", self.port.messages_of(key)).await
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
    async fn deliveries_of(&self, message: MessageId) -> Result<Vec<Delivery>, PortError> {
        self.guard("ledger.deliveries_of", self.port.deliveries_of(message)).await
    }
    async fn deliveries_in(
        &self,
        endpoint: &EndpointName,
        state: DeliveryState,
        limit: usize,
    ) -> Result<Vec<Delivery>, PortError> {
        self.guard("ledger.deliveries_in", self.port.deliveries_in(endpoint, state, limit)).await
    }
    async fn set_paused(&self, endpoint: &EndpointName, paused: Option<Paused>) -> Result<(), PortError> {
        self.guard("ledger.set_paused", self.port.set_paused(endpoint, paused)).await
    }
}

impl<P: Bus> Bus for Guarded<P> {
    async fn publish(&self, messages: &[Message]) -> Vec<Result<(), PortError>> {
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
