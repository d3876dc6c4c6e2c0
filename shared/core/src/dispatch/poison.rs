//! Which entry keeps killing the dispatcher.
//!
//! A receive that the ledger knows nothing of may have been a crash, or trouble with the store, which then could not be
//! told of it. So such receives only make an entry suspect: it is handled alone, and each of its attempts is written
//! down before it is made. Whoever lives to see the attempt's end takes that mark back, even where the outcome itself
//! cannot be stored; a mark that is still there was left by a hub that died. Only such marks make poison
//! (`docs/adr/0015-crashes.md`).

use super::dispatcher::{Dispatcher, Open};
use crate::{
    Timestamp,
    id::EndpointName,
    port::{Attempt, Delivery, Home, PortError, Received, Settled},
};

/// Receives that ended in nothing the ledger knows of, from which on an entry is suspect.
const SUSPECT: u32 = 5;
/// Attempts begun alone that no hub saw the end of, from which on a suspect is poison.
const POISON: usize = 5;
/// What an attempt that was only begun says of itself.
const BEGUN: &str = "begun, and the hub died before its end";

pub(super) fn is_suspect(received: &Received, known: Option<&Delivery>) -> bool {
    // This receive aside.
    unaccounted(received.receive_count.saturating_sub(1), known) >= SUSPECT || left_behind(known) > 0
}

/// At its next receive, if the ledger hears nothing of this one.
pub(super) fn would_be_suspect(received: &Received, known: Option<&Delivery>) -> bool {
    unaccounted(received.receive_count, known) >= SUSPECT
}

fn unaccounted(receives: u32, known: Option<&Delivery>) -> u32 {
    receives.saturating_sub(known.map_or(0, |known| known.receives))
}

pub(super) fn is_poison(known: Option<&Delivery>) -> bool {
    left_behind(known) >= POISON
}

/// The attempts of which the outcome is known.
pub(super) fn finished(known: Option<&Delivery>) -> Vec<Attempt> {
    let attempts = known.into_iter().flat_map(|known| &known.attempts);
    attempts.filter(|attempt| !is_mark(attempt)).cloned().collect()
}

fn left_behind(known: Option<&Delivery>) -> usize {
    known.map_or(0, |known| known.attempts.iter().filter(|attempt| is_mark(attempt)).count())
}

fn is_mark(attempt: &Attempt) -> bool {
    attempt.status.is_none() && attempt.failure.as_deref() == Some(BEGUN)
}

impl<H: Home> Dispatcher<H> {
    /// Leaves the mark. What cannot be written down is not tried.
    pub(super) async fn begin(
        &self,
        endpoint: &EndpointName,
        received: &Received,
        open: &Open,
        now: Timestamp,
    ) -> Result<Settled, PortError> {
        let mut delivery = self.delivery(endpoint, received, open, now);
        delivery.attempts = open.known.as_ref().map(|known| known.attempts.clone()).unwrap_or_default();
        delivery.attempts.push(Attempt { at: now, took_ms: 0, status: None, failure: Some(BEGUN.to_owned()) });
        self.settle(delivery).await
    }
}
