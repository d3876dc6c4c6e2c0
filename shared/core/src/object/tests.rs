//! What a source shows, and what becomes of it.

mod deciding;
mod golden;
mod reading;
