//! The clock and the randomness of the machine: the one place where they are read, for both homes.

use crossdock_core::{
    Timestamp,
    port::{Clock, Random},
};

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port's implementation")]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        // As fine as the store keeps it, so that a time read back is the time that was written.
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        // The operating system's source fails on no system this runs on once the process has started; ids that rest on
        // it are made unique by their other parts too.
        if getrandom::fill(&mut bytes).is_err() {
            tracing::error!("the operating system gave no randomness");
        }
        bytes
    }
}
