//! The AWS home.

pub mod store;
