//! The AWS home.
