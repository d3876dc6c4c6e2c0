//! The hub under load, measured beside something that a machine's moods trouble as much. Two measurements, each of which
//! alternates short windows within one run and gives ratios (docs/performance.md):
//!
//!     load lanes CROSSDOCK FOLDER
//!     load incoming CROSSDOCK FOLDER
//!
//! CROSSDOCK is the release binary, FOLDER where its state goes: on a disk, since a file system in memory makes durability
//! free. Everything is on loopback, ends with the run, and that one after ten minutes at the latest. `just lanes` and
//! `just incoming` build what is needed.
//!
//! Not a test: nothing here fails because it was slow. A run fails where something was not delivered or not accepted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench"
)]

mod arrivals;
mod figures;
mod hub;
mod incoming;
mod lanes;
mod shop;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use thread_priority::ThreadPriority;
use tokio::net::TcpListener;

/// For all of it.
const LONGEST: Duration = Duration::from_secs(600);
/// For one thing to come about.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of every secret of the measured hubs.
const SECRET: &str = "a-secret-of-the-bench-and-of-nobody-else";

#[tokio::main]
async fn main() {
    // `cargo bench` adds an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [what, crossdock, folder] = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bare"] => return incoming::serve_bare().await,
        [what, crossdock, folder] => [*what, *crossdock, *folder],
        _ => panic!("found {arguments:?}, expected: lanes|incoming CROSSDOCK FOLDER"),
    };
    let crossdock = PathBuf::from(crossdock).canonicalize().expect("CROSSDOCK is a program");
    // The client asks for one, though nothing here is encrypted.
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let folder = PathBuf::from(folder).join(format!("{what}-{}", std::process::id()));
    let measured = async {
        match what {
            "lanes" => lanes::measure(&crossdock, &folder).await,
            "incoming" => incoming::measure(&crossdock, &folder).await,
            other => panic!("found {other:?}, expected lanes or incoming"),
        }
    };
    assert!(tokio::time::timeout(LONGEST, measured).await.is_ok(), "not done after {LONGEST:?}");
}

/// Of the whole machine, for whoever reads the figures.
fn load_average() -> String {
    let told = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    told.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// Serves on a port of loopback until the process ends.
async fn listen(routes: axum::Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    url
}

/// The same on a thread of the lowest priority, for what would be another machine's work.
fn listen_elsewhere(routes: axum::Router) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        thread_priority::set_current_thread_priority(ThreadPriority::Min).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { axum::serve(TcpListener::from_std(listener).unwrap(), routes).await.unwrap() });
    });
    url
}

#[expect(clippy::disallowed_methods, reason = "measures; nothing depends on it")]
fn now() -> Instant {
    Instant::now()
}

async fn wait_until(longest: Duration, what: &str, is_so: impl Fn() -> bool) {
    let begun = now();
    while !is_so() {
        assert!(begun.elapsed() < longest, "not after {longest:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
