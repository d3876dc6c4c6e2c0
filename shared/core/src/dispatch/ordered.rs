//! `ordered`: no older version of an object after a newer one (contract §5, `docs/adr/0041-ordered.md`).
//!
//! Each ordered endpoint has a [`Line`] per object: the newest version of which an attempt was begun. It is moved on by one
//! conditional write right before each request, durable before the request leaves. What is older than that version is
//! superseded, whatever becomes of the newer one: nobody knows what the endpoint saw of it. That alone is the promise.
//!
//! The rest is there so that little is superseded. A version waits while an older one of its object is on its way to the
//! same endpoint, and the store knows which are: a message names the routes that it was promised to, the ledger says
//! whether such a delivery is over. So no delivery enrols anywhere, nothing is given back, and a crash leaves nothing behind
//! that would have to be cleared. One that is dead-lettered is over, and so is one that its endpoint has put off by a `delay`.
//! Of an older one that nothing is heard of for [`PATIENCE`] it is thought that it never comes.
//!
//! A delivery does not go out twice at once either: a queue may give an entry to two, and the second request could arrive
//! after what has gone out behind the first. Versions of one number do not wait for each other, and what is about no object waits for nothing.

use std::{ops::ControlFlow, time::Duration};

use super::{
    dispatcher::{Dispatcher, Disposition, Open},
    poison::finished,
};
use crate::{
    Timestamp,
    hub::Endpoint,
    id::{DeliveryKey, EndpointName, MessageId, ObjectKey, RouteName},
    message::Message,
    port::{
        Attempt, Begun, Delivery, DeliveryState, Home, Ledger, Line, Lines, Outbox, PortError, Read, Received, Settled,
        Watch,
    },
};

/// How long nothing is heard of an older version until it is thought to be lost. The sweep sends again within two hours
/// what never came.
const PATIENCE: Duration = Duration::from_secs(3 * 3600);
/// A watch with a longer gap begins anew: the hub may not have run. Longer than [`LONGEST_WAIT`].
const GAP: Duration = Duration::from_secs(3600);
/// How old the note of the last look may grow.
const NOTED_EVERY: Duration = Duration::from_secs(600);
/// Between two looks, and after the older one is due.
const SHORTEST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(1800);
/// Messages of older versions that are looked at, the newest first.
const LOOKED_BACK: usize = 50;
/// How often a line is looked at anew because somebody else was faster.
const TRIES: usize = 5;

/// Whose turn it is.
#[derive(Debug)]
enum Turn {
    /// This version's, if the line is still this one.
    Now(Line),
    /// Of another one, for which this one waits so long before it looks again. `note`: the line with the note that somebody
    /// waits, where that is due.
    Later { reason: String, wait: Duration, note: Option<Line> },
    /// Of an earlier request of this very delivery, of which the end is not known.
    UnderWay { wait: Duration },
    /// Of this newer one, and of none before it any more.
    Passed(u64),
}

/// A place in line: what was found there when the delivery came.
#[derive(Debug)]
pub(super) struct Place {
    object: ObjectKey,
    version: u64,
    line: Line,
}

impl<H: Home> Dispatcher<H> {
    /// Looks whether the delivery may go out. `Continue(None)`: it stands in no line.
    pub(super) async fn line_up(
        &self,
        endpoint: &Endpoint,
        received: &Received,
        open: &Open,
        now: Timestamp,
    ) -> Result<ControlFlow<Disposition, Option<Place>>, PortError> {
        let message = &open.body.message.envelope;
        let (true, Some(object), Some(of)) = (endpoint.ordered, message.object_key(), &message.object) else {
            return Ok(ControlFlow::Continue(None));
        };
        let place = |line| Place { object: object.clone(), version: of.version, line };
        Ok(match self.turn(endpoint, open, &object, of.version, now).await? {
            Turn::Now(line) => ControlFlow::Continue(Some(place(line))),
            turn => ControlFlow::Break(self.step_aside(endpoint, received, open, &object, turn, now).await?),
        })
    }

    /// Moves the line on to this delivery: from here on it may be received. Something, where it may not go out any more.
    pub(super) async fn take_turn(
        &self,
        endpoint: &Endpoint,
        received: &Received,
        open: &Open,
        place: Place,
    ) -> Result<Option<Disposition>, PortError> {
        let Place { object, version, mut line } = place;
        for _ in 0..TRIES {
            let now = self.home.clock().now();
            let DeliveryKey { message, route, round } = open.body.key();
            let begun = Begun { message, route, round, at: now };
            if self.home.store().set_line(&endpoint.name, &object, &moved_on(line, version, begun)).await? {
                return Ok(None);
            }
            line = match self.turn(endpoint, open, &object, version, now).await? {
                Turn::Now(line) => line,
                turn => return self.step_aside(endpoint, received, open, &object, turn, now).await.map(Some),
            };
        }
        self.put_off(&endpoint.name, received, open, SHORTEST_WAIT, self.home.clock().now()).await.map(Some)
    }

    async fn turn(
        &self,
        endpoint: &Endpoint,
        open: &Open,
        object: &ObjectKey,
        version: u64,
        now: Timestamp,
    ) -> Result<Turn, PortError> {
        let line = self.home.store().line(&endpoint.name, object).await?.unwrap_or_default();
        if version < line.passed {
            return Ok(Turn::Passed(line.passed));
        }
        if version == line.passed {
            let until = under_way_until(&line, &open.body.key(), open.known.as_ref(), endpoint.timeout);
            return Ok(match until.filter(|until| *until > now) {
                Some(until) => Turn::UnderWay { wait: wait(Some(until), now, now) },
                None => Turn::Now(line),
            });
        }
        let begun_at = line.begun.iter().map(|begun| begun.at).max();
        let watch = looked(line.watch, now);
        for older in self.older(endpoint, object, &line, version).await? {
            let known = self.home.store().deliveries_of(older.message).await?;
            if known.is_empty() && self.is_forgotten(older.message).await? {
                continue;
            }
            for way in on_their_way(&endpoint.name, &older.routes, &known) {
                let heard = [way.due, way.updated_at, begun_at].into_iter().flatten().fold(watch.since, Timestamp::max);
                if now < heard.checked_add(PATIENCE).unwrap_or(Timestamp::MAX) {
                    let wait = wait(way.due, heard, now);
                    let is_due = line.watch.is_none_or(|noted| elapsed(noted.seen, now) >= NOTED_EVERY);
                    let note = is_due.then(|| Line { revision: line.revision + 1, watch: Some(watch), ..line });
                    let reason = format!("waits for version {}", older.version);
                    return Ok(Turn::Later { reason, wait, note });
                }
            }
        }
        Ok(Turn::Now(line))
    }

    /// A message goes with all that is known of its deliveries, and long after they are over.
    async fn is_forgotten(&self, message: MessageId) -> Result<bool, PortError> {
        let found = self.home.store().messages(&[message]).await?;
        Ok(!found.iter().any(|found| matches!(found, Ok(Some(_)))))
    }

    /// What may be on its way to the endpoint of the version that was passed and of those between it and this one: what was
    /// begun, and what was promised.
    async fn older(
        &self,
        endpoint: &Endpoint,
        object: &ObjectKey,
        line: &Line,
        version: u64,
    ) -> Result<Vec<Older>, PortError> {
        let begun = line.begun.iter().map(|begun| (begun.message, line.passed, begun.route.clone()));
        let mut older = begun.fold(Vec::new(), added);
        let versions = line.passed.max(1)..version;
        if versions.is_empty() {
            return Ok(older);
        }
        let is_promised = |name: &RouteName| {
            let route = self.hub.route(name).filter(|route| route.to == endpoint.name);
            route.is_some_and(|route| route.enabled || endpoint.drain)
        };
        // One that cannot be read cannot be sent either.
        for record in self.home.store().messages_about(object, versions, LOOKED_BACK).await?.into_iter().flatten() {
            let Message { message_id, object: Some(of), routes, .. } = record.message else { continue };
            let promised = routes.into_iter().filter(is_promised).map(|route| (message_id, of.version, route));
            older = promised.fold(older, added);
        }
        Ok(older)
    }

    /// Not now, or never.
    async fn step_aside(
        &self,
        endpoint: &Endpoint,
        received: &Received,
        open: &Open,
        object: &ObjectKey,
        turn: Turn,
        now: Timestamp,
    ) -> Result<Disposition, PortError> {
        let mut delivery = self.delivery(&endpoint.name, received, open, now);
        let disposition = match turn {
            Turn::Now(_) => return Ok(Disposition::RetryIn(SHORTEST_WAIT)),
            Turn::Later { reason, wait, note } => {
                if let Some(line) = note {
                    // Whoever was faster has looked too, or has moved the line on.
                    self.home.store().set_line(&endpoint.name, object, &line).await?;
                }
                delivery.next_attempt_at = now.checked_add(wait).ok();
                delivery.reason = Some(reason);
                Disposition::RetryIn(wait)
            }
            Turn::UnderWay { wait } => {
                // The hub may have died of that request: what tells of it stays, and this receive alone is accounted for.
                let known = open.known.as_ref();
                delivery.receives = known.map_or(0, |known| known.receives) + 1;
                delivery.attempts = known.map_or_else(Vec::new, |known| known.attempts.clone());
                delivery.next_attempt_at = now.checked_add(wait).ok();
                delivery.reason = Some("another request of it may be under way".to_owned());
                Disposition::RetryIn(wait)
            }
            Turn::Passed(newer) => {
                delivery.state = DeliveryState::Superseded;
                delivery.reason = Some(format!("superseded by version {newer}"));
                Disposition::Delete
            }
        };
        match self.settle(delivery.clone()).await? {
            Settled::AlreadyEnded(known) => self.clear(&endpoint.name, received, open, &known).await,
            Settled::Recorded { .. } => {
                self.observe_end(&delivery, &open.body.message.envelope);
                Ok(disposition)
            }
        }
    }
}

/// A message about an older version, and the routes by which it may be on its way to the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Older {
    message: MessageId,
    version: u64,
    routes: Vec<RouteName>,
}

fn added(mut older: Vec<Older>, (message, version, route): (MessageId, u64, RouteName)) -> Vec<Older> {
    match older.iter_mut().find(|known| known.message == message) {
        Some(known) if known.routes.contains(&route) => {}
        Some(known) => known.routes.push(route),
        None => older.push(Older { message, version, routes: vec![route] }),
    }
    older
}

/// A delivery that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OnItsWay {
    /// Its next attempt.
    due: Option<Timestamp>,
    /// What the ledger heard of it last; `None`: nothing yet.
    updated_at: Option<Timestamp>,
}

/// Of one message's deliveries to the endpoint, by these routes and by any that the ledger knows of.
fn on_their_way(endpoint: &EndpointName, routes: &[RouteName], known: &[Read<Delivery>]) -> Vec<OnItsWay> {
    let readable = || known.iter().flatten().filter(|delivery| delivery.endpoint == *endpoint);
    let last = |route: &RouteName| {
        readable().filter(|delivery| delivery.key.route == *route).max_by_key(|delivery| delivery.key.round)
    };
    // What cannot be read is not waited for: it may be over, and nobody would ever learn of it.
    let is_unheard = |route: &&RouteName| last(route).is_none() && known.iter().all(Result::is_ok);
    let unheard = routes.iter().filter(is_unheard).map(|_| OnItsWay { due: None, updated_at: None });
    let heard = readable().filter(|delivery| last(&delivery.key.route).is_some_and(|last| last.key == delivery.key));
    let open = heard.filter(|delivery| delivery.state == DeliveryState::Retrying || delivery.next_round);
    unheard
        .chain(open.map(|delivery| OnItsWay { due: delivery.next_attempt_at, updated_at: Some(delivery.updated_at) }))
        .collect()
}

/// Until when a request of this very delivery may be under way, of which the outcome is not known: that of another copy of
/// its entry, or of a hub that died. Two at once, and the second would arrive after what goes out behind the first.
fn under_way_until(line: &Line, key: &DeliveryKey, known: Option<&Delivery>, timeout: Duration) -> Option<Timestamp> {
    let is_own = |begun: &&Begun| (begun.message, &begun.route, begun.round) == (key.message, &key.route, key.round);
    let begun = line.begun.iter().find(is_own)?;
    // An attempt's end is kept to the millisecond.
    let ended =
        |attempt: &Attempt| attempt.at.checked_add(Duration::from_millis(attempt.took_ms.saturating_add(1))).ok();
    let outcome = finished(known).last().and_then(ended);
    match outcome {
        Some(outcome) if outcome >= begun.at => None,
        _ => begun.at.checked_add(timeout).ok(),
    }
}

/// The line from the moment on that this attempt is begun.
fn moved_on(line: Line, version: u64, begun: Begun) -> Line {
    let mut all = if line.passed == version { line.begun } else { Vec::new() };
    all.retain(|known| (known.message, &known.route) != (begun.message, &begun.route));
    all.push(begun);
    Line { revision: line.revision + 1, passed: version, begun: all, watch: None }
}

/// The watch with this look.
fn looked(noted: Option<Watch>, now: Timestamp) -> Watch {
    let going_on = noted.filter(|noted| elapsed(noted.seen, now) <= GAP);
    Watch { since: going_on.map_or(now, |noted| noted.since), seen: now }
}

/// Until shortly after the older one is due. Of one that is overdue it is not known when it comes: the longer nothing was
/// heard of it, the longer.
fn wait(due: Option<Timestamp>, heard: Timestamp, now: Timestamp) -> Duration {
    let wait = match due.filter(|due| *due > now) {
        Some(due) => elapsed(now, due) + SHORTEST_WAIT,
        None => elapsed(heard, now),
    };
    wait.clamp(SHORTEST_WAIT, LONGEST_WAIT)
}

fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
