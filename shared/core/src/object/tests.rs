//! What a source shows, and what becomes of it.

mod golden;
mod reading;
