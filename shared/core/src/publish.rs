//! Use case.
