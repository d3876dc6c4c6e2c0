//! JSON as the hub compares it: paths, canonical form, changes.

mod canonical;
mod changes;
mod path;
mod skip;
#[cfg(test)]
mod tests;

pub use canonical::{canonical, content_hash};
pub use changes::changes;
pub use path::{FieldPath, InvalidPath};
