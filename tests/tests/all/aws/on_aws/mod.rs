//! The cases. They are skipped where ministack is not installed, by the name of this module.

mod alarms;
mod changes;
mod emulated;
mod orders;
mod pushes;
mod sam;
mod scene;
mod town;
mod trouble;
