//! All that is printed. A reader that has gone away (`crossdock show … | head`) is no error.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;
use tracing_subscriber::EnvFilter;

use crate::{context::Environment, failure::Failure};

/// Logs go to the error output, warnings and worse unless CROSSDOCK_LOG says otherwise.
pub(crate) fn start_logging(environment: &Environment) {
    let wanted = environment.variable("CROSSDOCK_LOG").unwrap_or_default();
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::WARN.into()).parse_lossy(wanted);
    let colours = io::stderr().is_terminal() && environment.variable("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(io::stderr).init();
}

pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// A line, its colours left out where they cannot be shown.
pub(crate) fn line(text: &str) {
    ended(&writeln!(anstream::stdout().lock(), "{text}"));
}

/// Without an end of line, at once.
pub(crate) fn piece(text: &str) {
    let mut out = anstream::stdout().lock();
    ended(&write!(out, "{text}").and_then(|()| out.flush()));
}

pub(crate) fn json(value: &Value) {
    line(&format!("{value:#}"));
}

/// To whoever runs the command, not to what reads its output.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

pub(crate) fn error(failure: &Failure) {
    note(&format!("error: {failure}"));
}

/// Nobody reads any more: there is nothing left to do.
fn ended(written: &io::Result<()>) {
    if written.is_err() {
        std::process::exit(0);
    }
}
