use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, pending},
    ops::ControlFlow,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{Either, join_all, select},
};
use serde_json::Value;

use super::{
    destination::destination,
    outcome::{Asked, Outcome, paused_wait},
    outgoing,
    poison::{finished, is_poison, is_suspect, would_be_suspect},
    signing::Signed,
};
use crate::{
    Timestamp,
    answer::Scope,
    hub::{Hub, Route},
    id::{DeliveryKey, EndpointName},
    message::Envelope,
    port::{
        Delivery, DeliveryState, EndpointClient, EndpointControl, Home, Ledger, PortError, QueueBody, Read, Received,
        Settled, Signing, VersionStore,
    },
    route::Router,
    version::{Head, VersionRef},
};

/// How long an entry for a route that the hub does not have is kept for a deploy to catch up.
pub(crate) const UNKNOWN_ROUTE_PATIENCE: Duration = Duration::from_secs(3600);
const UNKNOWN_ROUTE_WAIT: Duration = Duration::from_secs(60);
/// How long an entry is hidden when our own store could not be reached.
const TROUBLE_WAIT: Duration = Duration::from_secs(5);

/// What is to become of a queue entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// All that follows from it is stored.
    Delete,
    /// Hide it for so long.
    RetryIn(Duration),
}

/// One entry with all that its batch's read has found out about it.
#[derive(Debug)]
pub struct Job {
    pub received: Received,
    /// This entry may be what kills the dispatcher: handle it alone, after the rest of its batch is settled.
    pub suspect: bool,
    /// Since when the hub is switched off.
    pub(super) hub_off: Option<Timestamp>,
    pub(super) work: Work,
}

/// What is known of an entry, and the newest version's body where that is newer than its message's.
type Found = Read<(Option<Delivery>, Option<Value>)>;

#[derive(Debug)]
pub(super) enum Work {
    Unreadable(String),
    Deliver(Box<Open>),
    /// The store could not be read.
    Trouble,
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) body: QueueBody,
    pub(super) known: Option<Delivery>,
    /// Nothing is sent without it: it says whether the endpoint is paused, and what it has to be sent.
    control: Arc<Read<EndpointControl>>,
    /// The newest version's body, where it is newer than the message's.
    current: Option<Value>,
}

pub struct Dispatcher<H: Home> {
    pub(super) home: Arc<H>,
    pub(super) hub: Arc<Hub>,
    pub(super) router: Arc<Router>,
}

impl<H: Home> Clone for Dispatcher<H> {
    fn clone(&self) -> Self {
        Self { home: self.home.clone(), hub: self.hub.clone(), router: self.router.clone() }
    }
}

impl<H: Home> fmt::Debug for Dispatcher<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").finish_non_exhaustive()
    }
}

impl<H: Home> Dispatcher<H> {
    pub fn new(home: Arc<H>, hub: Arc<Hub>, router: Arc<Router>) -> Self {
        Self { home, hub, router }
    }

    /// A whole batch: one answer per entry, in order. Suspects come last and one by one.
    pub async fn dispatch(&self, endpoint: &EndpointName, batch: Vec<Received>) -> Vec<Disposition> {
        let jobs = self.prepare(endpoint, batch).await;
        let mut answers = vec![Disposition::RetryIn(TROUBLE_WAIT); jobs.len()];
        let (suspects, others): (Vec<_>, Vec<_>) = jobs.into_iter().enumerate().partition(|(_, job)| job.suspect);
        let attempts = others.into_iter().map(|(place, job)| async move { (place, self.attempt(endpoint, job).await) });
        for (place, answer) in join_all(attempts).await {
            answers[place] = answer;
        }
        for (place, job) in suspects {
            answers[place] = self.attempt(endpoint, job).await;
        }
        answers
    }

    /// Reads what the entries of a batch need: one batch read, one more for objects that have changed since, and one for
    /// messages that were too large for the bus.
    pub async fn prepare(&self, endpoint: &EndpointName, batch: Vec<Received>) -> Vec<Job> {
        let bodies: Vec<Result<QueueBody, String>> = batch
            .iter()
            .map(|received| serde_json::from_str(&received.body).map_err(|error| unreadable(&error)))
            .collect();
        let readable: Vec<&QueueBody> = bodies.iter().flatten().collect();
        let (mut hub_off, found) = (None, self.open(endpoint, &readable).await);
        let mut found = match found {
            Ok((control, off, found)) => {
                hub_off = off;
                let known = found.into_iter().zip(&readable).map(|(one, body)| match one {
                    Ok(one) => Some((control.clone(), one)),
                    Err(error) => {
                        let message = body.message.envelope.message_id;
                        tracing::error!(endpoint = %endpoint, message.id = %message, error = %error, "an entry goes back to the queue");
                        None
                    }
                });
                known.collect::<Vec<_>>()
            }
            Err(error) => {
                tracing::error!(endpoint = %endpoint, error = %error, "the ledger could not be read; entries go back to the queue");
                readable.iter().map(|_| None).collect()
            }
        }
        .into_iter();
        let mut jobs: Vec<Job> = batch
            .into_iter()
            .zip(bodies)
            .map(|(received, body)| {
                let work = match body {
                    Err(why) => Work::Unreadable(why),
                    Ok(body) => match found.next().flatten() {
                        None => Work::Trouble,
                        Some((control, (known, current))) => {
                            Work::Deliver(Box::new(Open { body, known, control, current }))
                        }
                    },
                };
                let suspect = match &work {
                    Work::Deliver(open) => is_suspect(&received, open.known.as_ref()),
                    Work::Unreadable(_) | Work::Trouble => false,
                };
                Job { received, suspect, hub_off, work }
            })
            .collect();
        self.fetch(&mut jobs).await;
        jobs
    }

    async fn open(
        &self,
        endpoint: &EndpointName,
        bodies: &[&QueueBody],
    ) -> Result<(Arc<Read<EndpointControl>>, Option<Timestamp>, Vec<Found>), PortError> {
        let keys: Vec<DeliveryKey> = bodies.iter().map(|body| body.key()).collect();
        let objects: Vec<_> = bodies.iter().map(|body| body.message.envelope.object_key()).collect();
        let asked: Vec<_> = objects.iter().flatten().cloned().collect();
        let opened = self.home.store().open(endpoint, &keys, &asked).await?;

        let mut heads = opened.heads.into_iter();
        let newer: Vec<Read<Option<VersionRef>>> = bodies
            .iter()
            .zip(objects)
            .map(|(body, key)| {
                let Some(key) = key else { return Ok(None) };
                let head = heads.next().transpose()?.flatten();
                Ok(newer_than(&body.message.envelope, head).map(|number| VersionRef { key, number }))
            })
            .collect();
        let refs: Vec<VersionRef> = newer.iter().flatten().flatten().cloned().collect();
        let mut versions = match refs.is_empty() {
            true => Vec::new(),
            false => self.home.store().versions(&refs).await?,
        }
        .into_iter();
        let currents = newer.into_iter().map(|newer| {
            Ok(match newer? {
                Some(_) => versions.next().transpose()?.flatten().map(|version| version.body),
                None => None,
            })
        });
        let found = opened.deliveries.into_iter().zip(currents).map(|(known, current)| Ok((known?, current?)));
        Ok((Arc::new(opened.control), opened.hub_off, found.collect()))
    }

    /// One entry, from request to recorded outcome. A panic on the way is this entry's failure and nobody else's.
    pub async fn attempt(&self, endpoint: &EndpointName, job: Job) -> Disposition {
        self.attempt_until(endpoint, job, pending()).await
    }

    /// The same, waiting for the endpoint only until `cut_off`. Then the entry goes back to its queue, and it is recorded
    /// that this was no crash.
    pub async fn attempt_until(
        &self,
        endpoint: &EndpointName,
        job: Job,
        cut_off: impl Future<Output = ()> + Send,
    ) -> Disposition {
        let Job { received, suspect, hub_off, work } = job;
        let resting = self.resting(&received, hub_off);
        let result = match work {
            Work::Trouble => return Disposition::RetryIn(TROUBLE_WAIT),
            Work::Unreadable(_) if let Some(wait) = resting => return Disposition::RetryIn(wait),
            Work::Unreadable(why) => {
                self.dead_letter_unreadable(endpoint, &received, &format!("unreadable: {why}")).await
            }
            Work::Deliver(open) => {
                // On the heap, where it does not grow with every caller's future.
                let delivery = Box::pin(self.deliver(endpoint, &received, &open, resting, cut_off));
                let delivery = AssertUnwindSafe(delivery).catch_unwind().await;
                let result = match delivery {
                    Ok(result) => result,
                    Err(_) => Box::pin(self.record_panic(endpoint, &received, &open)).await,
                };
                if result.is_err() && suspect {
                    // It was no crash, and that may be little enough to be stored where the outcome was not.
                    let now = self.home.clock().now();
                    let _ = self.put_off(endpoint, &received, &open, TROUBLE_WAIT, now).await;
                }
                result
            }
        };
        result.unwrap_or_else(|error| {
            tracing::error!(endpoint = %endpoint, error = %error, "an entry goes back to the queue");
            Disposition::RetryIn(TROUBLE_WAIT)
        })
    }

    /// An entry that nobody got to, because whoever received it has to end: back to its queue at once. That this is no
    /// sign of poison is written down where one more receive would look like it, and only there. A suspect stays one.
    pub async fn give_back(&self, endpoint: &EndpointName, job: Job) -> Disposition {
        let Job { received, suspect, work, .. } = job;
        match work {
            Work::Deliver(open) if !suspect && would_be_suspect(&received, open.known.as_ref()) => {
                let now = self.home.clock().now();
                if let Err(error) = self.put_off(endpoint, &received, &open, Duration::ZERO, now).await {
                    tracing::warn!(endpoint = %endpoint, error = %error, "an entry goes back to the queue, unaccounted for");
                }
            }
            Work::Deliver(_) | Work::Unreadable(_) | Work::Trouble => {}
        }
        Disposition::RetryIn(Duration::ZERO)
    }

    async fn deliver(
        &self,
        name: &EndpointName,
        received: &Received,
        open: &Open,
        resting: Option<Duration>,
        cut_off: impl Future<Output = ()> + Send,
    ) -> Result<Disposition, PortError> {
        let now = self.home.clock().now();
        let key = open.body.key();
        if let Some(known) = open.known.as_ref().filter(|known| known.state.ended()) {
            return self.clear(name, received, open, known).await;
        }
        if let Some(wait) = resting {
            return self.rest(name, received, open, wait, now).await;
        }
        let (Some(route), Some(endpoint)) = (self.route(name, &key), self.hub.endpoints.get(name)) else {
            return self.unknown_route(name, received, open, now).await;
        };
        if is_poison(open.known.as_ref()) {
            return self.dead_letter(name, received, open, "poison", now).await;
        }
        let message = &open.body.message.envelope;
        if message.hops > self.hub.limits.hops {
            let why = self.loop_of(&key, message).await?;
            return self.dead_letter(name, received, open, &why, now).await;
        }
        let control = (*open.control).as_ref().map_err(|error| PortError::from(error.clone().named(name)))?;
        if let Some(paused) = &control.paused {
            return self.put_off(name, received, open, paused_wait(paused.since, now), now).await;
        }
        if message.payload_ref.is_some() {
            let why = "the entry only refers to its message, and the store does not have it any more";
            return self.dead_letter(name, received, open, why, now).await;
        }
        let place = match self.line_up(endpoint, received, open, now).await? {
            ControlFlow::Continue(place) => place,
            ControlFlow::Break(disposition) => return Ok(disposition),
        };
        if is_suspect(received, open.known.as_ref())
            && let Settled::AlreadyEnded(known) = self.begin(name, received, open, now).await?
        {
            return self.clear(name, received, open, &known).await;
        }

        if let Some(first) = self.claimed_before(route, open, now).await? {
            return self.suppress(name, received, open, first, now).await;
        }
        let to = match destination(endpoint, route, open.body.remote.as_ref()) {
            Ok(to) => to,
            Err(why) => return self.conclude(endpoint, received, open, Outcome::failed(why), now).await,
        };
        let secrets = match to.is_endpoint() {
            true => outgoing::secret_parameters(&route.parameters, self.home.secrets()).await,
            false => Ok(BTreeMap::new()),
        };
        let secrets = match secrets {
            Ok(secrets) => secrets,
            Err(error) => {
                return self.conclude(endpoint, received, open, Outcome::failed(error.to_string()), now).await;
            }
        };
        let sent = match to.is_endpoint() {
            true => outgoing::parameters(&route.parameters, &control.parameters, &secrets),
            false => BTreeMap::new(),
        };
        let is_endpoint = to.is_endpoint();
        let target = outgoing::Target { hub: &self.hub, endpoint, to };
        let bring = outgoing::Sent {
            key: &key,
            message: &open.body.message,
            current: open.current.as_ref(),
            parameters: &sent,
            signed: Signed { key: &self.home.store().signing_key().await?, generations: control.signing, at: now },
        };
        let outcome = match outgoing::request(target, bring, self.home.secrets()).await {
            // A secret that is not there is the operator's to mend; the schedule gives them time.
            Err(error) => Outcome::failed(error.to_string()),
            Ok(request) => {
                if let Some(place) = place
                    && let Some(disposition) = self.take_turn(endpoint, received, open, place).await?
                {
                    return Ok(disposition);
                }
                let answer = match select(pin!(self.home.endpoint().post(request)), pin!(cut_off)).await {
                    Either::Left((answer, _)) => answer,
                    Either::Right(_) => return self.put_off(name, received, open, Duration::ZERO, now).await,
                };
                let asked = Asked {
                    endpoint,
                    scope: Scope { hub: &self.hub, source: &message.source },
                    key: &key,
                    route,
                    sent: is_endpoint.then_some(&sent),
                    current: &control.parameters,
                };
                Outcome::of(answer, &asked, self.home.clock().now())
            }
        };
        self.conclude(endpoint, received, open, outcome, now).await
    }

    fn route(&self, endpoint: &EndpointName, key: &DeliveryKey) -> Option<&Route> {
        self.hub.route(&key.route).filter(|route| route.to == *endpoint)
    }

    async fn unknown_route(
        &self,
        endpoint: &EndpointName,
        received: &Received,
        open: &Open,
        now: Timestamp,
    ) -> Result<Disposition, PortError> {
        let waited = Duration::try_from(now.duration_since(received.sent_at)).unwrap_or_default();
        if waited < UNKNOWN_ROUTE_PATIENCE {
            return self.put_off(endpoint, received, open, UNKNOWN_ROUTE_WAIT, now).await;
        }
        self.dead_letter(endpoint, received, open, "unknown_route", now).await
    }

    /// Records that this receive is accounted for, so that waiting does not look like dying.
    pub(super) async fn put_off(
        &self,
        endpoint: &EndpointName,
        received: &Received,
        open: &Open,
        wait: Duration,
        now: Timestamp,
    ) -> Result<Disposition, PortError> {
        let mut delivery = self.delivery(endpoint, received, open, now);
        delivery.next_attempt_at = now.checked_add(wait).ok();
        self.settle(delivery).await?;
        Ok(Disposition::RetryIn(wait))
    }

    /// The ledger's record as it stands, with this receive accounted for.
    pub(super) fn delivery(
        &self,
        endpoint: &EndpointName,
        received: &Received,
        open: &Open,
        now: Timestamp,
    ) -> Delivery {
        Delivery {
            key: open.body.key(),
            endpoint: endpoint.clone(),
            state: DeliveryState::Retrying,
            attempts: finished(open.known.as_ref()),
            receives: received.receive_count,
            updated_at: now,
            next_attempt_at: None,
            reason: None,
            answer: open.known.as_ref().and_then(|known| known.answer.clone()),
            next_round: false,
            untracked: false,
        }
    }

    async fn record_panic(
        &self,
        name: &EndpointName,
        received: &Received,
        open: &Open,
    ) -> Result<Disposition, PortError> {
        tracing::error!(endpoint = %name, message.id = %open.body.message.envelope.message_id, "a delivery panicked");
        let Some(endpoint) = self.hub.endpoints.get(name) else {
            return Ok(Disposition::RetryIn(TROUBLE_WAIT));
        };
        let outcome = Outcome::failed("the hub failed while delivering this (panic)".to_owned());
        self.conclude(endpoint, received, open, outcome, self.home.clock().now()).await
    }
}

/// Where and how, without what stands there.
fn unreadable(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "not a queue entry",
        _ => "not JSON",
    };
    format!("{kind}, line {} column {}", error.line(), error.column())
}

/// The head's number, where the message's version is not the newest any more.
fn newer_than(message: &Envelope, head: Option<Head>) -> Option<u64> {
    let (object, head) = (message.object.as_ref()?, head?);
    (head.version > object.version).then_some(head.version)
}
