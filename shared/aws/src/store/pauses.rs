//! How long to wait before the same thing is asked of DynamoDB again: twice as long each time, with "full jitter", so that
//! those who collided do not collide again.

use std::time::Duration;

use super::DynamoStore;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);
/// In a row and without any progress; 4 s on average.
const TRIES: u32 = 12;

pub(super) struct Pauses<'a> {
    store: &'a DynamoStore,
    taken: u32,
}

impl DynamoStore {
    pub(super) fn pauses(&self) -> Pauses<'_> {
        Pauses { store: self, taken: 0 }
    }
}

impl Pauses<'_> {
    /// Waits; `false` at once where there were enough tries.
    pub(super) async fn next(&mut self) -> bool {
        if self.taken == TRIES {
            return false;
        }
        let limit = FIRST.saturating_mul(1 << self.taken).min(LONGEST);
        self.taken += 1;
        tokio::time::sleep(limit.mul_f64(self.store.random().fraction())).await;
        true
    }

    /// The same for what is left of a batch: where some of it was done, the tries begin anew.
    pub(super) async fn next_for_rest(&mut self, before: usize, left: usize) -> bool {
        if left < before {
            self.taken = 0;
        }
        self.next().await
    }
}
