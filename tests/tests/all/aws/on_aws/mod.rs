//! The cases. They are skipped where ministack is not installed, by the name of this module.

mod emulated;
mod scene;
