//! JSON as the hub compares it: paths, canonical form, changes, depth.

mod canonical;
mod changes;
mod depth;
mod path;
mod skip;
#[cfg(test)]
mod tests;

pub use canonical::{canonical, content_hash};
pub use changes::changes;
pub use depth::{DEEPEST, is_too_deep};
pub use path::{FieldPath, InvalidPath};
