//! The conversation with endpoints as data: `tests/conversation/*.json`.
//!
//! A case is one step of a conversation: a message, what the endpoint said to it before, what it says now, and what the
//! hub makes of that. Three runners read the same files: the core in one process, the local hub as its binary, the hub
//! on an emulated AWS. [`data`] is the format, [`staged`] makes of all cases one hub file and tells their requests apart,
//! [`check`] compares what a runner has found with what a case expects. `tests/conversation/README.md` tells people how
//! to write one.
//!
//! Deliberately absent: a prior state that is written into the store. What was before is what earlier answers made, so
//! that every runner can get there, and no case begins in a state that no hub was ever in.

mod check;
mod data;
mod matching;
mod staged;

pub use check::{Found, check};
pub use data::{Case, Failure, Runner, Said, load};
pub use staged::{Play, SINK, Script, staged};
