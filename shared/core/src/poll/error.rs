//! Why a poll failed, and what follows from that.

use std::time::Duration;

use super::{exchange::RedirectError, page::PageError, remote::RemoteError, token::TokenError, walk::WalkError};
use crate::{
    hub::Counts,
    id::CollectionKey,
    object::{SetAside, TrackError},
    port::{HttpError, LeaseError, PortError},
    retry::RetryPolicy,
    route::RouteError,
};

#[derive(Debug, thiserror::Error)]
pub enum PollError {
    #[error("the hub has no collection {0}")]
    Unknown(CollectionKey),
    #[error("{0} is not reconciled: the hub file has no `reconcile` for it")]
    NotReconciled(CollectionKey),
    #[error("{0} has no thin events: the hub file has no `fetch` for it")]
    NotFetched(CollectionKey),
    #[error(
        "{0} cannot be read from a time on: nothing tells when an object changed or was made; \
         expected `since` or `created` in the hub file"
    )]
    Timeless(CollectionKey),
    #[error(transparent)]
    Http(#[from] HttpError),
    /// One that the hub file names for the source is not there, or of no use.
    #[error(transparent)]
    Secret(PortError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Redirect(#[from] RedirectError),
    #[error(transparent)]
    Page(#[from] PageError),
    /// Of a remote collection.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error(
        "its time was up before the bookmark could move: one poll has to read more than there is time for; give polls \
         more time, ask for larger pages, or let the source filter by time (since) or hand out cursors to come back to (resume)"
    )]
    CutOff,
    #[error("no record could be read: all {count} were set aside, the first: {first}")]
    AllSetAside { count: usize, first: SetAside },
    #[error(transparent)]
    Track(#[from] TrackError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    Route(#[from] RouteError),
    /// On a page that is not the first.
    #[error("{page}: {error}; {read}")]
    Later { page: String, read: String, error: Box<Self> },
}

impl PollError {
    pub(super) fn on_page(self, number: u64, first: u64, counts: Counts) -> Self {
        let (page, read) = match (counts, number.saturating_sub(1)) {
            (Counts::Objects, _) => (format!("offset {number}"), format!("{number} objects were read")),
            (Counts::Pages, last) if last <= first => (format!("page {number}"), format!("page {first} was read")),
            (Counts::Pages, last) => (format!("page {number}"), format!("pages {first} to {last} were read")),
        };
        Self::Later { page, read, error: Box::new(self) }
    }
}

impl PollError {
    /// Whether the hub itself is in trouble, and not the source: this is no `SourceFailed` of anybody else's.
    pub fn is_our_own(&self) -> bool {
        match self {
            Self::Unknown(_)
            | Self::NotReconciled(_)
            | Self::NotFetched(_)
            | Self::Timeless(_)
            | Self::Track(_)
            | Self::Port(_)
            | Self::Route(_)
            | Self::Lease(LeaseError::Port(_)) => true,
            Self::Later { error, .. } => error.is_our_own(),
            Self::Http(_)
            | Self::Secret(_)
            | Self::Token(_)
            | Self::Redirect(_)
            | Self::Page(_)
            | Self::Remote(_)
            | Self::Walk(_)
            | Self::CutOff
            | Self::AllSetAside { .. }
            | Self::Lease(LeaseError::Lost) => false,
        }
    }

    /// How long the source wants to be left alone, up to the cap that endpoints have too.
    pub fn retry_after(&self) -> Option<Duration> {
        let asked = match self {
            Self::Page(PageError::Wait { wait, .. }) => Some(*wait),
            Self::Remote(error) => error.wait(),
            Self::Token(error) => error.wait,
            Self::Later { error, .. } => error.retry_after(),
            _ => None,
        };
        asked.map(|wait| wait.min(RetryPolicy::RETRY_AFTER_CAP))
    }
}
