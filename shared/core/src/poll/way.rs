//! The ways in which a collection is read, beside one another (contract §3). Each has a lease and a record of its own, so
//! that none waits for another or moves another's bookmark; what keeps versions one chain is the comparison of heads
//! (`docs/adr/0028-ways-in.md`).

use crate::id::CollectionKey;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Way {
    /// From the bookmark on, at `every`.
    #[default]
    Poll,
    /// The wide poll beside it, which finds what that one has missed.
    Reconcile,
    /// One object after another, as thin events have named them.
    Fetch,
}

impl Way {
    /// Under which key the store has this way's lease and record.
    pub fn record_of(self, key: &CollectionKey) -> CollectionKey {
        match self {
            Self::Poll => key.clone(),
            Self::Reconcile => key.beside("reconcile"),
            Self::Fetch => key.beside("fetch"),
        }
    }
}
