//! What the hub *is*: `hub.yaml`, read, checked as a whole, and resolved into [`Hub`].

mod model;

pub use model::*;
