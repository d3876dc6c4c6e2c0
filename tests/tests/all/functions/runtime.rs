//! Lambda's side of a function's process: the environment it is started in and the Runtime API
//! (`lambda/latest/dg/runtimes-api.html`), as far as one event needs it.

use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::process::Command;

use crate::support::{Reply, Request, Server, binary, now, process::Process};

/// As AWS numbers invocations.
pub(crate) const REQUEST_ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
const RUNTIME: &str = "/2018-06-01/runtime";
/// What an invocation has; longer than any test waits for an endpoint.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a function made of an event.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `response`, `error`, or `init` for an error before the first event.
    pub(crate) kind: String,
    pub(crate) body: Value,
    /// What it said on its standard output; each line is JSON.
    pub(crate) lines: Vec<Value>,
}

/// Starts the function, gives it the event, and ends it once it has answered.
pub(crate) async fn invoke(function: &str, environment: &BTreeMap<String, String>, event: &Value) -> Outcome {
    let (given, event) = (Arc::new(AtomicBool::new(false)), event.to_string());
    let next = move || {
        if given.swap(true, Ordering::Relaxed) {
            return Reply::Silence;
        }
        let deadline = now().as_millisecond() + i64::try_from(TIMEOUT.as_millis()).unwrap();
        Reply::text(200, "application/json", &event)
            .with("lambda-runtime-aws-request-id", REQUEST_ID)
            .with("lambda-runtime-deadline-ms", deadline.to_string())
            .with("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:123456789012:function:example")
            .with("lambda-runtime-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
    };
    let api = Server::start(move |request| match request.target.as_str() {
        target if target == format!("{RUNTIME}/invocation/next") => next(),
        _ => Reply::status(202),
    })
    .await;
    let mut command = Command::new(binary::built(&format!("crossdock-{function}")));
    command.env_clear().envs(environment).env("AWS_LAMBDA_RUNTIME_API", api.url().trim_start_matches("http://"));
    let lambda = [
        ("AWS_LAMBDA_FUNCTION_NAME", "example"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ];
    command.envs(lambda).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut process = Process::spawn(command);
    let (kind, body) = api.until("the function's answer", |seen| seen.iter().find_map(answered)).await;
    // Its last lines come before its next question.
    if kind != "init" {
        let asks_on = |seen: &[Request]| seen.iter().filter(|request| request.method == "GET").nth(1).map(|_| ());
        api.until("the next question", asks_on).await;
        process.kill().await;
    }
    process.ended().await;
    let said = process.lines();
    let lines = said.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.clone().into()));
    Outcome { kind, body, lines: lines.collect() }
}

fn answered(request: &Request) -> Option<(String, Value)> {
    let place = request.path().strip_prefix(RUNTIME)?;
    match place {
        "/init/error" => Some(("init".to_owned(), request.json())),
        _ => {
            let kind = place.strip_prefix(&format!("/invocation/{REQUEST_ID}/"))?;
            Some((kind.to_owned(), request.json()))
        }
    }
}
