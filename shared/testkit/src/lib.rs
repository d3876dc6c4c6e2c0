//! Builders, contract suites and fakes for tests.
//!
//! A suite is written against the traits of `crossdock_core::port` only, and time passes when the suite says so, so
//! that every implementation of a port runs through the very same cases.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this crate is used by tests only: a panic is a failed test"
)]

pub mod build;
pub mod clock;
pub mod conversation;
pub mod emulator;
pub mod suite;
