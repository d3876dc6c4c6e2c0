//! Whether an object that was never seen is news, or was old before the hub came.

use std::time::Duration;

use crate::{
    Timestamp,
    hub::{Collection, Start},
    port::{CollectionState, Collections, Home, LeaseError, LeaseOwner, PortError},
};

#[derive(Debug, Clone, Copy)]
pub struct News {
    pub start: Start,
    pub started_at: Timestamp,
    /// One complete run has been made.
    pub baseline_done: bool,
    /// What was stored without a word is told of, unless it has changed since.
    pub tell_baselines: bool,
}

impl News {
    pub fn of(collection: &Collection, state: &CollectionState, now: Timestamp) -> Self {
        Self {
            start: collection.start,
            started_at: state.started_at.unwrap_or(now),
            baseline_done: state.baseline_done,
            tell_baselines: false,
        }
    }

    /// Nothing that was never seen: it becomes a silent baseline.
    pub fn none() -> Self {
        let never = Timestamp::MAX;
        Self { start: Start::At(never), started_at: never, baseline_done: false, tell_baselines: false }
    }

    /// Everything that nobody was ever told of.
    pub fn everything() -> Self {
        Self { start: Start::All, started_at: Timestamp::MIN, baseline_done: true, tell_baselines: true }
    }

    /// Of objects that the hub did not ask for: pushed, or given by an endpoint's answer. They are told apart from old
    /// stock as polled ones are. What has no creation time is news: nobody tells of what did not happen.
    ///
    /// # Errors
    /// The store failed.
    pub async fn unasked<H: Home>(home: &H, collection: &Collection) -> Result<Self, PortError> {
        let now = home.clock().now();
        let mut state = home.store().state(&collection.key).await?.unwrap_or_default();
        if state.started_at.is_none() {
            state.started_at = Some(now);
            begin(home, collection, now).await?;
        }
        Ok(Self { baseline_done: true, ..Self::of(collection, &state, now) })
    }

    pub(super) fn is(&self, created: Option<Timestamp>) -> bool {
        let from = match self.start {
            Start::All => return true,
            Start::Now => self.started_at,
            Start::At(from) => from,
        };
        // Many sources write whole seconds: what was made within the second of the start is news.
        created.map_or(self.baseline_done, |created| created.as_second() >= from.as_second())
    }
}

/// This is the first contact with the collection: the time is kept, unless a poll is just doing that.
async fn begin<H: Home>(home: &H, collection: &Collection, now: Timestamp) -> Result<(), PortError> {
    let owner = LeaseOwner("ingest".to_owned());
    let until = now.checked_add(Duration::from_secs(10)).unwrap_or(now);
    let Some(mut state) = home.store().lease(&collection.key, &owner, now, until).await? else {
        return Ok(());
    };
    state.started_at.get_or_insert(now);
    match home.store().save(&collection.key, &owner, now, &state, Vec::new()).await {
        Ok(()) | Err(LeaseError::Lost) => Ok(()),
        Err(LeaseError::Port(error)) => Err(error),
    }
}
