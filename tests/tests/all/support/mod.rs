//! What the tests share: a hub in a process of its own, and an outside world for it to talk to.
//!
//! Nothing here reaches into the hub. It is the `crossdock` binary, started, killed and asked as its users would; what
//! it polls and posts to are small servers in the test's process that do what they are told, bad manners included, and
//! write down every request. Every process is ended by its own handle, every server with its test, and all of them
//! listen on 127.0.0.1 only.
//!
//! Deliberately absent: assertions on speed. Everything that is waited for has the one generous deadline
//! [`wait::PATIENCE`], which only a hub that will never do it reaches.

pub(crate) mod binary;
pub(crate) mod client;
pub(crate) mod hub;
pub(crate) mod port;
pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod rows;
pub(crate) mod server;
pub(crate) mod show;
pub(crate) mod small_disk;
pub(crate) mod state;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod wait;

pub(crate) use self::{
    hub::{Bench, Hub},
    server::{Reply, Request, Server},
    wait::{until, within},
};

/// The time, for what the outside world writes into its records.
#[expect(clippy::disallowed_methods, reason = "plays the world outside the hub, whose clock is not the hub's")]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A setting of the test run.
#[expect(clippy::disallowed_methods, reason = "the tests' own settings; a test has no main to read them in")]
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Told to whoever runs the tests, whether they pass or not.
#[expect(clippy::print_stderr, reason = "the test harness shows it with the test's result")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
