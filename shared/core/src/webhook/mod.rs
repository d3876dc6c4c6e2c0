//! Webhooks: what a system outside sends of its own accord (contract §6).

pub mod envelope;
pub mod imitate;
pub mod proof;
pub mod provider;
