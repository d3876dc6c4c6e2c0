//! A hub as CloudFormation: what everything is called, what AWS's limits make of the hub file, and the nested stacks
//! that are rendered from it.
//!
//! Pure: no SDK, no network, no files, no clock. The same hub gives the same text, byte for byte, on every machine, so
//! that the rendering can be committed and a stale one be told (docs/adr/0020-rendered-stacks.md).
//!
//! Deliberately absent: everything that does not depend on the hub file (table, bus, functions, roles). That is written
//! by hand in `template.yaml`, which nests what is rendered here and hands it its parameters.

mod check;
pub mod limits;
pub mod names;
mod render;
pub mod table;

pub use check::{Findings, check};
pub use render::{Index, Indexed, Rendering, is_rendered, render, shard};
