//! How long to wait before the same thing is asked of AWS again: twice as long each time, with "full jitter", so that
//! those who collided do not collide again.

use std::time::Duration;

use crossdock_core::port::Random;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);
/// In a row and without any progress; 4 s on average.
pub(crate) const TRIES: u32 = 12;

pub(crate) struct Pauses<'a> {
    random: &'a dyn Random,
    taken: u32,
}

impl<'a> Pauses<'a> {
    pub(crate) fn new(random: &'a dyn Random) -> Self {
        Self { random, taken: 0 }
    }

    /// Waits; `false` at once where there were enough tries.
    pub(crate) async fn next(&mut self) -> bool {
        if self.taken == TRIES {
            return false;
        }
        let limit = FIRST.saturating_mul(1 << self.taken).min(LONGEST);
        self.taken += 1;
        tokio::time::sleep(limit.mul_f64(self.random.fraction())).await;
        true
    }

    /// The same for what is left of a batch: where some of it was done, the tries begin anew.
    pub(crate) async fn next_for_rest(&mut self, before: usize, left: usize) -> bool {
        if left < before {
            self.taken = 0;
        }
        self.next().await
    }
}
