//! The use cases of the core on the local store, with a source and endpoints that do as they are told: what is stored,
//! what is emitted, what is delivered, and what is left after a port call failed.

mod delivering;
mod every_fault;
mod polling;
mod pushing;
mod restarting;
mod stage;
