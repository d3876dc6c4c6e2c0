//! A process that runs beside the test, and what it says.

use std::{
    process::ExitStatus,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

use super::wait::PATIENCE;

/// Lines of the log that a failure shows.
const LOG_SHOWN: usize = 60;

#[derive(Debug, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn of(stream: impl AsyncRead + Unpin + Send + 'static) -> (Self, JoinHandle<()>) {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&lines);
        let reading = tokio::spawn(async move {
            let mut stream = BufReader::new(stream).lines();
            while let Ok(Some(line)) = stream.next_line().await {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        (Self(lines), reading)
    }

    /// Those after the first `skipped`.
    fn after(&self, skipped: usize) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get(skipped..).unwrap_or_default().to_vec()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A process that goes on until it is told to end; gone with its handle.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdout: Lines,
    stderr: Lines,
    reading: [JoinHandle<()>; 2],
}

impl Process {
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (stdout, reading_stdout) = Lines::of(child.stdout.take().unwrap());
        let (stderr, reading_stderr) = Lines::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr, reading: [reading_stdout, reading_stderr] }
    }

    /// What it has said on its standard output.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.stdout.after(0)
    }

    pub(crate) fn lines_after(&self, skipped: usize) -> Vec<String> {
        self.stdout.after(skipped)
    }

    /// What it has said on its standard output, which is forgotten here.
    pub(crate) fn take_lines(&self) -> Vec<String> {
        self.stdout.take()
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The end of what it has said on its error output.
    pub(crate) fn log(&self) -> String {
        let lines = self.stderr.after(0);
        lines[lines.len().saturating_sub(LOG_SHOWN)..].join("\n")
    }

    /// Ctrl-C.
    pub(crate) async fn interrupt(&mut self) -> ExitStatus {
        self.signalled("-INT").await
    }

    /// What a supervisor sends to what is to end.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.signalled("-TERM").await
    }

    async fn signalled(&mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().unwrap_or_else(|| panic!("it has ended already\n{}", self.log()));
        let sent = Command::new("kill").args([signal, &id.to_string()]).status().await.unwrap();
        assert!(sent.success(), "kill {signal} {id}: {sent}");
        self.ended().await
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for it to end by itself, and for the rest of what it said.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let Some(status) = self.ended_within(PATIENCE).await else {
            panic!("it did not end within {PATIENCE:?}\n{}", self.log());
        };
        for reading in &mut self.reading {
            reading.await.unwrap();
        }
        status
    }

    pub(crate) async fn ended_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        tokio::time::timeout(limit, self.child.wait()).await.ok().map(Result::unwrap)
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}
