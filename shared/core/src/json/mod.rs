//! JSON as the hub compares it: paths, canonical form, changes, depth.

mod canonical;
mod changes;
mod depth;
mod each;
mod path;
mod skip;
#[cfg(test)]
mod tests;
mod unique;

pub use canonical::{canonical, content_hash};
pub use changes::changes;
pub use depth::{DEEPEST, is_too_deep};
pub use each::{Body, Item, parse_fields};
pub use path::{FieldPath, InvalidPath};
pub use unique::parse_unique;

/// What stands behind a byte order mark, which may be ignored (RFC 8259 §8.1).
pub fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}
