//! The first ten minutes: from a list that somebody has to a hub that tells of what is new in it, with nothing written by
//! hand. `init` looks at lists of every shape ([`shapes`]) and says what it cannot read ([`refusals`]); `listen` plays
//! the endpoint ([`listening`]), and what it kept is sent again ([`replaying`]); `dev` helps whoever has none yet
//! ([`hints`]).

mod hints;
mod listening;
mod refusals;
mod replaying;
mod shapes;

use crate::support::{Bench, process::Process, until};

/// `crossdock listen`, at work, and where it is.
async fn listen(bench: &Bench, arguments: &[&str]) -> (Process, String) {
    let arguments: Vec<&str> = ["listen", "--address", "127.0.0.1:0"].iter().chain(arguments).copied().collect();
    let listener = bench.process(&arguments);
    let url = until("listen to say where it is", || greeted(&listener), || listener.log()).await;
    (listener, url)
}

fn greeted(listener: &Process) -> Option<String> {
    let log = listener.log();
    Some(log.split_once("listens on ")?.1.split_whitespace().next()?.to_owned())
}
