//! A hub in a process of its own: its file, its state, its environment, and what it says while it runs.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
};

use crossdock_core::event::{EventName, HubEvent};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::{
    binary::crossdock,
    process::Process,
    wait::{PATIENCE, until, within},
};

/// Events that a failure shows.
const EVENTS_SHOWN: usize = 60;

/// A hub that can be started, asked and started again: an empty folder as the working directory, with the hub's file and
/// state in it.
pub(crate) struct Bench {
    folder: TempDir,
    /// With nothing here the binary finds its file and its state by itself.
    options: Vec<String>,
    environment: BTreeMap<String, String>,
}

impl Bench {
    /// With this text as the hub's file.
    pub(crate) fn new(hub: &str) -> Self {
        let mut bench = Self::empty();
        std::fs::write(bench.path("hub.yaml"), hub).unwrap();
        bench.options = ["--hub", "hub.yaml", "--state", "state"].map(str::to_owned).to_vec();
        bench
    }

    /// Without a hub file.
    pub(crate) fn empty() -> Self {
        Self { folder: TempDir::new().unwrap(), options: Vec::new(), environment: BTreeMap::new() }
    }

    pub(crate) fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// With its state in this folder instead of its own.
    pub(crate) fn state_in(mut self, folder: &Path) -> Self {
        self.options = ["--hub", "hub.yaml", "--state", &folder.display().to_string()].map(str::to_owned).to_vec();
        self
    }

    pub(crate) fn secret(self, name: &str, value: &str) -> Self {
        self.variable(&format!("CROSSDOCK_SECRET_{}", name.to_ascii_uppercase().replace('-', "_")), value)
    }

    /// In the bench's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(crossdock());
        command.args(arguments).current_dir(self.folder.path()).kill_on_drop(true).stdin(Stdio::null());
        // Whatever the tests were started with is not the hub's.
        command.env_clear().envs(&self.environment).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `crossdock dev`, which may not have begun yet when this returns.
    pub(crate) fn launch(&self, fault: Option<&str>) -> Hub {
        let arguments: Vec<&str> = ["dev", "--json", "--listen", "127.0.0.1:0"]
            .into_iter()
            .chain(self.options.iter().map(String::as_str))
            .collect();
        let mut command = self.command(&arguments);
        if let Some(fault) = fault {
            command.env("CROSSDOCK_FAULT", fault);
        }
        Hub::spawn(command)
    }

    /// `crossdock dev`, at work.
    pub(crate) async fn start(&self) -> Hub {
        let hub = self.launch(None);
        hub.url().await;
        hub
    }

    /// Begun and stopped: there is a state, which most commands do not make.
    pub(crate) async fn begin(&self) {
        self.start().await.stop().await;
    }

    /// Any other command; `arguments` first, then where the hub's file and state are.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Done {
        let arguments: Vec<&str> = arguments.iter().copied().chain(self.options.iter().map(String::as_str)).collect();
        self.run_exactly(&arguments).await
    }

    /// The same, stopped at a fault point; what it said last.
    pub(crate) async fn stopped(&self, fault: &str, arguments: &[&str]) -> Done {
        let arguments: Vec<&str> = arguments.iter().copied().chain(self.options.iter().map(String::as_str)).collect();
        let mut command = self.command(&arguments);
        command.env("CROSSDOCK_FAULT", fault);
        let done = Self::done(command, &arguments).await;
        assert!(tells_of_stop(&done.stderr, fault), "{fault}: {done}");
        done
    }

    pub(crate) async fn run_exactly(&self, arguments: &[&str]) -> Done {
        Self::done(self.command(arguments), arguments).await
    }

    async fn done(mut command: Command, arguments: &[&str]) -> Done {
        let what = format!("crossdock {}", arguments.join(" "));
        let output = tokio::time::timeout(PATIENCE, command.output());
        let Ok(output) = output.await else { panic!("{what} did not end within {PATIENCE:?}") };
        let output = output.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Done { what, status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// A command that goes on until it is told to end.
    pub(crate) fn process(&self, arguments: &[&str]) -> Process {
        Process::spawn(self.command(arguments))
    }

    /// The sample's servers in a process of their own, as `crossdock sample` starts them.
    pub(crate) fn sample(&self) -> Process {
        self.process(&["sample", "--state", "sample"])
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    what: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn ok(self) -> Self {
        assert!(self.status.success(), "{self}");
        self
    }

    /// All of its output as one JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self}"))
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\nstdout: {}\nstderr: {}", self.what, self.status, self.stdout, self.stderr)
    }
}

/// `crossdock dev --json`.
#[derive(Debug)]
pub(crate) struct Hub {
    process: Process,
    /// Its lines, as far as they have been read.
    events: Mutex<Vec<HubEvent>>,
}

impl Hub {
    fn spawn(command: Command) -> Self {
        Self { process: Process::spawn(command), events: Mutex::default() }
    }

    /// Everything it has said on its standard output, which must be events and nothing else.
    pub(crate) fn events(&self) -> Vec<HubEvent> {
        self.with_events(<[HubEvent]>::to_vec)
    }

    fn with_events<T>(&self, look: impl FnOnce(&[HubEvent]) -> T) -> T {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = self.process.lines_after(events.len());
        events.extend(lines.iter().map(|line| event(line)));
        look(&events)
    }

    /// All events since they were last taken, and none of them again: for hubs that say more than a test can remember.
    pub(crate) fn take_events(&self) -> Vec<HubEvent> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = self.process.take_lines();
        let new: Vec<_> = lines[events.len()..].iter().map(|line| event(line)).collect();
        events.extend(new);
        std::mem::take(&mut *events)
    }

    pub(crate) fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.process.lines()
    }

    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Waits for what `found` finds among the events so far.
    pub(crate) async fn until<T>(&self, what: &str, mut found: impl FnMut(&[HubEvent]) -> Option<T>) -> T {
        until(what, || self.with_events(&mut found), || self.story()).await
    }

    /// Waits for an event that pleases.
    pub(crate) async fn event(&self, what: &str, mut pleases: impl FnMut(&HubEvent) -> bool) -> HubEvent {
        self.until(what, |events| events.iter().find(|event| pleases(event)).cloned()).await
    }

    /// Waits until it is at work, and says where it takes pushes.
    pub(crate) async fn url(&self) -> String {
        let started = self.event("hub.started", |event| event.event == EventName::HubStarted).await;
        let reason = started.reason.unwrap_or_default();
        reason.split_ascii_whitespace().last().unwrap_or_default().to_owned()
    }

    /// Waits until it is at work or has ended; `false` in the latter case.
    pub(crate) async fn started_or_ended(&mut self) -> bool {
        let process = &mut self.process;
        let outcome = within(PATIENCE, || match process.lines().is_empty() {
            false => Some(true),
            true => process.has_ended().then_some(false),
        });
        match outcome.await {
            Some(started) => started,
            None => panic!("neither started nor ended within {PATIENCE:?}\n{}", self.log()),
        }
    }

    /// Ctrl-C, after which it must end as if all were well; what it said last is with the rest.
    pub(crate) async fn stop(mut self) -> Vec<HubEvent> {
        let status = self.process.interrupt().await;
        assert!(status.success(), "Ctrl-C ended the hub with {status}\n{}", self.story());
        self.events()
    }

    /// The same by SIGTERM.
    pub(crate) async fn terminate(mut self) -> Vec<HubEvent> {
        let status = self.process.terminate().await;
        assert!(status.success(), "SIGTERM ended the hub with {status}\n{}", self.story());
        self.events()
    }

    pub(crate) async fn kill(mut self) {
        self.process.kill().await;
    }

    /// Waits for it to end by itself, which it must do as a failure; what it said last.
    pub(crate) async fn failed(mut self) -> String {
        let status = self.process.ended().await;
        assert!(!status.success(), "{status}\n{}", self.story());
        self.log()
    }

    /// Waits for it to die of a fault; `false` where it does not.
    pub(crate) async fn died(&mut self) -> bool {
        self.process.ended_within(PATIENCE).await.is_some_and(|status| !status.success())
    }

    /// Waits for it to die where it was told to by `stop@before:CALL#N` or `stop@after:CALL#N`.
    pub(crate) async fn stopped(mut self, fault: &str) {
        self.process.ended().await;
        assert!(tells_of_stop(&self.log(), fault), "not stopped at {fault}\n{}", self.story());
    }

    /// What a failure shows.
    pub(crate) fn story(&self) -> String {
        let lines = self.lines();
        let last = lines[lines.len().saturating_sub(EVENTS_SHOWN)..].join("\n");
        format!("--- events\n{last}\n--- log\n{}", self.log())
    }
}

/// Whether a process with fault points says that it was this one that ended it.
fn tells_of_stop(log: &str, fault: &str) -> bool {
    let place = fault.strip_prefix("stop@").and_then(|place| place.split('#').next()).unwrap_or(fault);
    log.contains(&format!("({place}): stopped, as planned"))
}

fn event(line: &str) -> HubEvent {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("no event ({error}): {line}"))
}

/// How many events of this name there are about this message.
pub(crate) fn count(events: &[HubEvent], name: EventName, message: &str) -> usize {
    events.iter().filter(|event| event.event == name && event.message_id.as_deref() == Some(message)).count()
}

/// The state's file, for looking into.
pub(crate) fn database(bench: &Bench) -> PathBuf {
    bench.path("state").join(Path::new("state.db"))
}
