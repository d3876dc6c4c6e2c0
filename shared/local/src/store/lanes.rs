//! Who is served first by the one writer.
//!
//! Two lanes. In the fast one is what somebody waits for: pushes, deliveries and what follows from them, a poll's first few
//! objects. In the slow one is what there is much of and nobody waits for in particular: the rest of a large poll,
//! housekeeping. The fast lane is served whenever there is anything in it, all that waits in one group; the slow one
//! otherwise, a small piece after the other, until there is something in the fast one: so whoever comes meanwhile waits for
//! one piece, and the commit of those before it. While things come in that somebody waits for ([`arrivals`](super::arrivals)),
//! the slow lane rests for longer than it has worked: what it does takes the disk and the processors from others too, and
//! whoever asks for it is held up by this as well. So that nothing is put off for ever, one piece is served after a few groups
//! of the fast lane that went before it.
//!
//! Within a lane order is kept, and a piece of the slow lane is committed and flushed like any other: a lane says when
//! something is stored, not how well. Between the lanes there is no order but that of asking and being answered.

use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    time::Duration,
};

use super::job::{Job, Order};
use crate::aside::REST;

/// Bounds how long the first of a group waits for the last, and how many pages one commit holds back.
pub(super) const LARGEST_GROUP: usize = 512;
/// Items of a batch that the slow lane takes as one piece: some tenths of a millisecond of work.
pub(super) const LARGEST_PIECE: usize = 2;
/// Pieces of the slow lane in one commit, while there is nobody to rest for.
pub(super) const MOST_PIECES: usize = 16;
/// Groups of the fast lane that may go before a piece that waits.
pub(super) const PATIENCE: usize = 4;
/// Of a rest, after which it is looked whether it must go on; and the longest that counts as work.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Fast,
    Slow,
}

type Jobs = VecDeque<Box<dyn Job>>;

/// What has been handed over and is not done.
pub(super) struct Lanes<C, W> {
    fast: Jobs,
    slow: Jobs,
    /// Groups of the fast lane since the slow one was served, resting or empty.
    went_before: usize,
    stopping: bool,
    /// Counts from any time.
    now: C,
    /// Whether there is anybody to rest for.
    is_waited_for: W,
    rests_until: Duration,
}

/// What is done in one transaction: each job is asked for when the one before it is done.
pub(super) struct Group {
    lane: Lane,
    most: usize,
    asked_for: usize,
    began: Duration,
}

impl<C: Fn() -> Duration, W: Fn() -> bool> Lanes<C, W> {
    pub(super) fn new(now: C, is_waited_for: W) -> Self {
        Self {
            fast: Jobs::new(),
            slow: Jobs::new(),
            went_before: 0,
            stopping: false,
            now,
            is_waited_for,
            rests_until: Duration::ZERO,
        }
    }

    /// Waits until there is something to do; `None` once there never will be.
    pub(super) fn next_group(&mut self, orders: &Receiver<Order>) -> Option<Group> {
        let is_resting = self.take_in(orders);
        let group = |lane, most| Some(Group { lane, most, asked_for: 0, began: (self.now)() });
        if self.fast.is_empty() || self.went_before >= PATIENCE {
            self.went_before = 0;
            // What many pieces set off would come at once, too, and be in the way of what is waited for.
            let most = if (self.is_waited_for)() { 1 } else { MOST_PIECES };
            return if self.slow.is_empty() { None } else { group(Lane::Slow, most) };
        }
        let group = group(Lane::Fast, self.fast.len().min(LARGEST_GROUP));
        if !self.slow.is_empty() && !is_resting {
            self.went_before += 1;
        }
        group
    }

    /// After its commit.
    pub(super) fn end(&mut self, group: &Group) {
        if group.lane == Lane::Slow {
            let now = (self.now)();
            // What took longer was waiting, for the disk or another process.
            self.rests_until = now + now.saturating_sub(group.began).min(LOOK) * REST;
        }
    }

    /// For how long the slow lane still rests, as far as can be told.
    fn rest(&self) -> Option<Duration> {
        let rest = self.rests_until.checked_sub((self.now)()).filter(|rest| !rest.is_zero())?;
        (!self.stopping && (self.is_waited_for)()).then(|| rest.min(LOOK))
    }

    /// The next job of a group, the first of which there is always.
    pub(super) fn next_job(&mut self, group: &mut Group, orders: &Receiver<Order>) -> Option<Box<dyn Job>> {
        if group.lane == Lane::Slow && group.asked_for > 0 {
            self.look_in(orders);
            if !self.fast.is_empty() {
                return None;
            }
        }
        if group.asked_for == group.most {
            return None;
        }
        group.asked_for += 1;
        match group.lane {
            Lane::Fast => self.fast.pop_front(),
            Lane::Slow => self.slow.pop_front(),
        }
    }

    /// Takes in what has come, until there is something that can be done: whether the slow lane rests.
    fn take_in(&mut self, orders: &Receiver<Order>) -> bool {
        loop {
            self.look_in(orders);
            let rest = self.rest();
            if !self.fast.is_empty() {
                return rest.is_some();
            }
            let order = match rest {
                _ if self.stopping => return false,
                None if !self.slow.is_empty() => return false,
                Some(rest) if !self.slow.is_empty() => orders.recv_timeout(rest),
                _ => orders.recv().map_err(RecvTimeoutError::from),
            };
            match order {
                Ok(order) => self.take(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.stopping = true,
            }
        }
    }

    fn look_in(&mut self, orders: &Receiver<Order>) {
        while !self.stopping {
            match orders.try_recv() {
                Ok(order) => self.take(order),
                Err(TryRecvError::Disconnected) => self.stopping = true,
                Err(TryRecvError::Empty) => break,
            }
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Do(Lane::Fast, job) => self.fast.push_back(job),
            Order::Do(Lane::Slow, job) => self.slow.push_back(job),
            Order::Stop => self.stopping = true,
        }
    }
}
