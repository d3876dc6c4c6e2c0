//! The hub's rules, with nothing of the outside world in them.
//!
//! A *source* changes; a poll or a push brings the changed *object*; its new *version* is stored together with the
//! *messages* it gives rise to; the bus copies each message to the queue of every *endpoint* a *route* names; the
//! dispatcher turns each copy into a *delivery*. This crate holds what is decided on that way. What is done on it
//! (SQL, SQS, HTTP) stands behind the traits in [`port`], so that one machine and AWS behave alike.
//!
//! Deliberately absent: tokio, any HTTP client, any AWS crate, the clock, randomness, the environment.

pub(crate) mod anew;
pub mod answer;
pub mod audit;
pub mod claim;
pub mod disabled;
pub mod dispatch;
pub mod event;
pub mod fault;
#[cfg(test)]
mod golden;
pub mod hub;
pub mod id;
pub mod incoming;
pub mod ingest;
pub mod job;
pub mod json;
pub mod message;
pub mod object;
pub mod pattern;
pub mod poll;
pub mod port;
pub mod publish;
mod push;
pub mod redrive;
pub mod retry;
pub mod route;
pub mod signature;
pub mod sweep;
pub mod timer;
mod turns;
pub mod url;
pub mod version;
pub mod webhook;

pub use jiff::Timestamp;
