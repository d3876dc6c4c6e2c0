//! Webhooks: other systems tell of what happened in them (contract §6).

pub mod envelope;
