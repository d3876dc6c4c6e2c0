//! From records to versions: what a source shows becomes objects; what changed becomes versions and messages.
//!
//! [`record`] reads one JSON record by its collection's rules. [`decide`] compares it with its head and says what
//! happened, with no I/O. [`Tracker`] does it for a page at a time against the store. Polls, pushes and answers all
//! come through here, so that however a change arrives it is one version and one set of messages.

mod decide;
mod news;
mod record;
#[cfg(test)]
mod tests;
mod track;

pub use decide::{Context, Decision, Shown, decide, deriving};
pub use news::News;
pub use record::{ChildRecord, Record, SetAside, parse_time, read};
pub(crate) use record::{kind as record_kind, natural_key};
pub use track::{Given, Plan, Planned, Since, TrackError, Tracked, Tracker};
