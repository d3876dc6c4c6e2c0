//! Polling: a collection is read from its bookmark, what changed is stored, and the bookmark moves only past what is
//! stored with its pending messages (contract §3).
//!
//! [`walk`] decides which page to ask for next, [`page`] reads an answer, [`request`] writes a request; none of them
//! does I/O. [`exchange`] asks and is answered, [`remote`] does where the source is read through an endpoint. [`absent`] finds what is
//! likely misspelt. [`Poller`] puts them together under the collection's lease.
//!
//! Deliberately absent: the schedule (each home has its own) and any notion of "deleted because it was not there".

mod absent;
mod backfill;
mod bookmark;
mod error;
mod exchange;
mod fetch;
mod health;
mod markup;
mod page;
mod poller;
mod preview;
mod reader;
mod reconcile;
mod remote;
mod request;
mod run;
#[cfg(test)]
mod tests;
mod time_style;
mod token;
mod unfetched;
mod walk;
mod way;

pub use absent::Absent;
pub use backfill::{Backfill, Backfilled};
pub use error::PollError;
pub use exchange::RedirectError;
pub use fetch::{Pause, thin_id};
pub use health::PATIENCE;
pub use page::{Page, PageError, next_link};
pub use poller::{PollReport, Poller};
pub use preview::Preview;
pub use remote::RemoteError;
pub use token::{TokenError, Tokens};
pub use unfetched::set_aside_unfetched;
pub use walk::WalkError;
pub use way::Way;
