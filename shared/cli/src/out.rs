//! All that is printed: lines, above a summary that stays at the bottom of a terminal while a hub runs.
//!
//! Whoever prints, event, note or log, clears the summary, prints, and draws the summary again; one lock keeps them
//! apart. A reader that has gone away (`crossdock show … | head`) is no error; any other failure is, since what was asked
//! for is not there.
//!
//! What is printed as text may come from a source or an endpoint, so its control characters are spelt out: nothing that
//! somebody else wrote moves the cursor or sets the title of the terminal it is looked at in.

use std::{
    borrow::Cow,
    io::{self, ErrorKind, IsTerminal, Write},
    sync::{Mutex, PoisonError},
};

use serde_json::Value;
use terminal_size::{Width, terminal_size_of};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{context::Environment, failure::Failure};

/// To the beginning of the line, and everything on it gone.
const CLEAR: &str = "\r\x1b[2K";

static SUMMARY: Mutex<String> = Mutex::new(String::new());

/// Logs go to the error output, warnings and worse unless CROSSDOCK_LOG (or RUST_LOG) says otherwise: a level, levels by
/// module, or both: `info,crossdock_http=debug`.
pub(crate) fn start_logging(environment: &Environment) {
    let set = |name| environment.variable(name).filter(|value| !value.is_empty());
    let wanted = set("CROSSDOCK_LOG").or_else(|| set("RUST_LOG"));
    let warnings = Targets::new().with_default(LevelFilter::WARN);
    let read = wanted.as_deref().map(str::parse::<Targets>);
    let (filter, fault) = match read {
        None => (warnings, None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(fault)) => (warnings, Some(fault)),
    };
    let colours = io::stderr().is_terminal() && set("NO_COLOR").is_none();
    let lines = fmt::layer().with_ansi(colours).with_writer(|| LogWriter);
    tracing_subscriber::registry().with(filter).with(lines).init();
    if let Some(fault) = fault {
        let found = wanted.unwrap_or_default();
        tracing::warn!(found, %fault, "CROSSDOCK_LOG cannot be read, expected levels like info,crossdock_http=debug");
    }
}

pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether notes go to somebody's screen, and not into a file or to another process.
pub(crate) fn notes_are_on_a_terminal() -> bool {
    io::stderr().is_terminal()
}

/// A line of text that has no colours of ours.
pub(crate) fn line(text: &str) {
    settled(styled(&plain_lines(text)));
}

pub(crate) fn json(value: &Value) {
    settled(exactly(format!("{value:#}\n").as_bytes()));
}

/// JSON on one line.
pub(crate) fn json_line(value: &Value) {
    settled(exactly(format!("{value}\n").as_bytes()));
}

/// Lines for machines, every byte of them, their ends included.
pub(crate) fn exactly(lines: &[u8]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    above_summary(|| io::stdout().lock().write_all(lines))
}

/// A line as it is, its colours left out where they cannot be shown.
pub(crate) fn styled(text: &str) -> io::Result<()> {
    above_summary(|| writeln!(anstream::stdout().lock(), "{text}"))
}

/// Puts something else in the place of the summary; nothing, where `text` is empty.
pub(crate) fn summary(text: &str) -> io::Result<()> {
    let mut summary = SUMMARY.lock().unwrap_or_else(PoisonError::into_inner);
    if *summary == text {
        return Ok(());
    }
    text.clone_into(&mut summary);
    clear()?;
    draw(&summary)
}

/// To whoever runs the command, not to what reads its output.
pub(crate) fn note(text: &str) {
    // Where nobody can be told, nobody can be told that either.
    let _ = above_summary(|| writeln!(anstream::stderr().lock(), "{}", plain_lines(text)));
}

pub(crate) fn error(failure: &Failure) {
    note(&format!("error: {failure}"));
}

/// Whether what was to be printed is not there, and somebody misses it.
pub(crate) fn missed(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::of("the output cannot be written", &error)),
        _ => Ok(()),
    }
}

/// Text without control characters.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    spelt_out(text, char::is_control)
}

/// Text without control characters other than ends of lines.
fn plain_lines(text: &str) -> Cow<'_, str> {
    spelt_out(text, |c| c.is_control() && c != '\n')
}

fn spelt_out(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_bad) {
        return Cow::Borrowed(text);
    }
    let mut spelt = String::with_capacity(text.len());
    for c in text.chars() {
        match is_bad(c) {
            true => spelt.extend(c.escape_default()),
            false => spelt.push(c),
        }
    }
    Cow::Owned(spelt)
}

/// For commands that have nothing to finish: there is no point in going on.
fn settled(written: io::Result<()>) {
    if written.is_err() {
        match missed(written) {
            Ok(()) => std::process::exit(0),
            Err(failure) => {
                error(&failure);
                std::process::exit(1);
            }
        }
    }
}

fn above_summary(print: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let summary = SUMMARY.lock().unwrap_or_else(PoisonError::into_inner);
    if summary.is_empty() {
        return print();
    }
    clear()?;
    print()?;
    draw(&summary)
}

fn clear() -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    write!(out, "{CLEAR}")?;
    out.flush()
}

fn draw(summary: &str) -> io::Result<()> {
    let width = terminal_size_of(io::stdout()).map(|(Width(columns), _)| usize::from(columns));
    let mut out = anstream::stdout().lock();
    // A summary that takes two lines could not be cleared. The last column is left to the cursor.
    write!(out, "{}", width.map_or(Cow::Borrowed(summary), |width| fit(summary, width.saturating_sub(1)).into()))?;
    out.flush()
}

/// The first `width` characters. Colours take no room, and all of them are kept, so that they end where they began.
fn fit(text: &str, width: usize) -> String {
    let (mut fitting, mut room, mut in_colour) = (String::with_capacity(text.len()), width, false);
    for c in text.chars() {
        in_colour |= c == '\x1b';
        if in_colour {
            fitting.push(c);
            in_colour = c != 'm';
        } else if let Some(left) = room.checked_sub(1) {
            room = left;
            fitting.push(c);
        }
    }
    fitting
}

/// Logs are printed above the summary too.
struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        above_summary(|| io::stderr().lock().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_fits_its_line() {
        let check = |text: &str, width: usize, expected: &str| assert_eq!(fit(text, width), expected);
        check("1 source · 2 waiting", 80, "1 source · 2 waiting");
        check("1 source · 2 waiting", 10, "1 source ·");
        check("1 source", 0, "");
        check("a \x1b[31mred\x1b[0m b", 4, "a \x1b[31mre\x1b[0m");
        check("a \x1b[31mred\x1b[0m b", 7, "a \x1b[31mred\x1b[0m b");
        check("a \x1b[31mred\x1b[0m b", 1, "a\x1b[31m\x1b[0m");
    }

    #[test]
    fn what_others_wrote_does_nothing_to_the_terminal() {
        let check = |text: &str, in_lines: &str, in_one: &str| {
            assert_eq!((&*plain_lines(text), &*plain(text)), (in_lines, in_one));
        };
        check("Zoë → 1,299 €", "Zoë → 1,299 €", "Zoë → 1,299 €");
        check("a\nb", "a\nb", "a\\nb");
        check("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}", "\\u{1b}]0;title\\u{7}");
        // The one-character spelling of ESC [ (ECMA-48, C1).
        check("\u{9b}2J", "\\u{9b}2J", "\\u{9b}2J");
        check("a\rb", "a\\rb", "a\\rb");
    }

    #[test]
    fn only_a_reader_that_left_is_no_failure() {
        assert!(missed(Ok(())).is_ok());
        assert!(missed(Err(ErrorKind::BrokenPipe.into())).is_ok());
        let said = missed(Err(ErrorKind::StorageFull.into())).unwrap_err().to_string();
        assert!(said.starts_with("the output cannot be written: "), "{said}");
    }
}
