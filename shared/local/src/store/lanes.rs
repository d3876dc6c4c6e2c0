//! Who is served first by the one writer.
//!
//! Two lanes. In the fast one is what somebody waits for: pushes, deliveries and what follows from them, a poll's first few
//! objects. In the slow one is what there is much of and nobody waits for in particular: the rest of a large poll,
//! housekeeping. The fast lane is served whenever there is anything in it, all that waits in one group; the slow one
//! otherwise, a small piece at a time, so that whoever comes meanwhile waits for one piece at most. So that nothing is put
//! off for ever, one piece is served after a few groups of the fast lane that went before it.
//!
//! Within a lane order is kept, and a piece of the slow lane is committed and flushed like any other: a lane says when
//! something is stored, not how well. Between the lanes there is no order but that of asking and being answered.

use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, TryRecvError},
};

use super::job::{Job, Order};

/// Bounds how long the first of a group waits for the last, and how many pages one commit holds back.
pub(super) const LARGEST_GROUP: usize = 512;
/// Items of a batch that the slow lane takes as one piece: a millisecond or two of work.
pub(super) const LARGEST_PIECE: usize = 8;
/// Groups of the fast lane that may go before a piece that waits.
pub(super) const PATIENCE: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Fast,
    Slow,
}

type Jobs = VecDeque<Box<dyn Job>>;

/// What has been handed over and is not done.
#[derive(Default)]
pub(super) struct Lanes {
    fast: Jobs,
    slow: Jobs,
    /// Groups of the fast lane since the slow one was served or empty.
    went_before: usize,
    stopping: bool,
}

impl Lanes {
    /// What is to be done next, in one transaction. Waits until there is something; empty once there never will be.
    pub(super) fn next_group(&mut self, orders: &Receiver<Order>) -> Vec<Box<dyn Job>> {
        self.take_in(orders);
        if self.fast.is_empty() || self.went_before >= PATIENCE {
            self.went_before = 0;
            return self.slow.pop_front().into_iter().collect();
        }
        if !self.slow.is_empty() {
            self.went_before += 1;
        }
        self.fast.drain(..self.fast.len().min(LARGEST_GROUP)).collect()
    }

    fn take_in(&mut self, orders: &Receiver<Order>) {
        while !self.stopping {
            let is_idle = self.fast.is_empty() && self.slow.is_empty();
            let order = if is_idle { orders.recv().map_err(|_| TryRecvError::Disconnected) } else { orders.try_recv() };
            match order {
                Ok(Order::Do(Lane::Fast, job)) => self.fast.push_back(job),
                Ok(Order::Do(Lane::Slow, job)) => self.slow.push_back(job),
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => self.stopping = true,
                Err(TryRecvError::Empty) => break,
            }
        }
    }
}
