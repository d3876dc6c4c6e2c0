//! The cases. They are skipped where ministack is not installed, by the name of this module.

mod alarms;
mod changes;
mod commands;
mod conversation;
mod emulated;
mod limits;
mod neighbours;
mod operated;
mod orders;
mod permissions;
mod pushes;
mod resting;
mod runbook;
mod sam;
mod scene;
mod schedules;
mod town;
mod trouble;
mod waiting;
mod webhooks;
