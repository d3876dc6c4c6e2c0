//! The use cases of the core on the local store, with a source and endpoints that do as they are told: what is stored,
//! what is emitted, what is delivered, and what is left after a port call failed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what went wrong by failing")]

mod answering;
mod auditing;
mod backfilling;
mod claiming;
mod conversation;
mod delivering;
mod dying;
mod every_fault;
mod expiring;
mod lining_up;
mod ordering;
mod polling;
mod publishing;
mod pushing;
mod reconciling;
mod remote;
mod restarting;
mod resting;
mod stage;
mod sweeping;
mod thin;
mod too_large;
mod waiting;
mod webhooks;
