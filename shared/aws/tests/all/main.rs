//! The AWS home against an emulated AWS. Everything that needs it is under `on_aws`, so that it can be skipped where the
//! emulator is not installed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod on_aws;
mod support;
