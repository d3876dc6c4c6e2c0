//! When something last came in that somebody waits for.
//!
//! Objects and messages that are stored in the fast lane: what was pushed, and what a small poll has found. Not what follows
//! from them, so that a large poll's own deliveries do not hold it up.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// For so long it counts as being under way: some deliveries take longer, and more than one comes a second where this matters.
const RECENTLY: Duration = Duration::from_millis(200);

pub(super) struct Arrivals {
    began: Instant,
    /// In microseconds since then; 0 is never.
    last: AtomicU64,
}

impl Arrivals {
    pub(super) fn none() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "only how long others rest depends on it, and nothing that is stored"
        )]
        let began = Instant::now();
        Self { began, last: AtomicU64::new(0) }
    }

    pub(super) fn note(&self) {
        self.last.store(self.now().max(1), Ordering::Relaxed);
    }

    pub(super) fn is_recent(&self) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        last > 0 && u128::from(self.now().saturating_sub(last)) < RECENTLY.as_micros()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
