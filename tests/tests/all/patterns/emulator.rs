//! AWS as ministack plays it (PyPI, MIT): its EventBridge answers `TestEventPattern`.
//!
//! `./test` installs it (`tests/tools/aws.txt`) into `target/tools/aws`; `CROSSDOCK_MINISTACK` names another. It is one
//! process, which ends with its handle.

use std::{path::PathBuf, process::Stdio, sync::Arc};

use serde_json::{Value, json};
use tokio::{process::Command, task::JoinSet};

use crate::support::{Bench, binary::repository, client::call, port::free_port, process::Process, setting, until};

/// Requests under way at once.
const AT_ONCE: usize = 8;

pub(super) fn ministack() -> Option<PathBuf> {
    let given = setting("CROSSDOCK_MINISTACK").map(PathBuf::from);
    let installed = repository().join("target/tools/aws/bin/ministack");
    given.into_iter().chain([installed]).find(|path| path.is_file())
}

pub(super) struct Emulator {
    url: String,
    _process: Process,
    /// What it writes it writes here.
    _bench: Bench,
}

impl Emulator {
    pub(super) async fn start(binary: PathBuf) -> Self {
        let (bench, port) = (Bench::empty(), free_port());
        let mut command = Command::new(binary);
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string()).env("LOG_LEVEL", "WARNING");
        // It would listen on a port of its own choice besides.
        command.env("IOT_MTLS_ENABLED", "0").env("HOME", bench.path(".")).env("TMPDIR", bench.path("."));
        command.current_dir(bench.path(".")).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = Process::spawn(command);
        let what = || format!("{}\n{}", process.lines().join("\n"), process.log());
        until("ministack to listen", || std::net::TcpStream::connect(("127.0.0.1", port)).ok(), what).await;
        Self { url: format!("http://127.0.0.1:{port}/"), _process: process, _bench: bench }
    }

    /// Whether each pattern matches its event, in order.
    pub(super) async fn matches(&self, pairs: impl IntoIterator<Item = (String, Value)>) -> Vec<bool> {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let mut answers = vec![false; pairs.len()];
        let pairs = Arc::new(pairs);
        let mut asking = JoinSet::new();
        for first in 0..AT_ONCE {
            let (url, pairs) = (self.url.clone(), pairs.clone());
            asking.spawn(async move {
                let mut answers = Vec::new();
                for (place, (pattern, event)) in pairs.iter().enumerate().skip(first).step_by(AT_ONCE) {
                    answers.push((place, test_event_pattern(&url, pattern, event).await));
                }
                answers
            });
        }
        while let Some(some) = asking.join_next().await {
            for (place, answer) in some.unwrap() {
                answers[place] = answer;
            }
        }
        answers
    }
}

/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html>
async fn test_event_pattern(url: &str, pattern: &str, event: &Value) -> bool {
    let body = json!({"EventPattern": pattern, "Event": event.to_string()});
    let request = call("POST", url)
        .header("x-amz-target", "AWSEvents.TestEventPattern")
        .header("content-type", "application/x-amz-json-1.1")
        .body(body.to_string());
    let response = request.send().await;
    match response.json()["Result"].as_bool() {
        Some(result) if response.status == 200 => result,
        _ => panic!("{pattern}: {response:?}"),
    }
}
