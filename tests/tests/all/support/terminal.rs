//! A command at a terminal, as people see it: it draws, and ends when Ctrl-C is pressed.

use std::{
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, Command},
};

use super::{binary::crossdock, wait::until};

/// What a terminal sends for it (ASCII: end of text).
const CTRL_C: u8 = 3;

#[derive(Debug)]
pub(crate) struct Terminal {
    /// The terminal goes with its end of the line, and takes what runs on it along.
    _process: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// `crossdock` with these arguments, none of which a shell would read otherwise. Its exit status is shown at the end.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        // The shell tells how the command ended. `script --return` would too, but where the terminal is gone before the
        // process is, it answers with a status of nobody.
        let line = format!("trap : INT; '{}' {}; echo exit status $?", crossdock().display(), arguments.join(" "));
        let mut command = Command::new("script");
        command.args(["--quiet", "--flush", "--command", &line, "/dev/null"]).current_dir(folder);
        command.env("SHELL", "/bin/sh");
        command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (keys, mut screen) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let shown: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = Arc::clone(&shown);
        tokio::spawn(async move {
            let mut some = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut some).await {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend(&some[..count]);
            }
        });
        Self { _process: process, keys, shown }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    pub(crate) async fn shows(&self, expected: &str) {
        let found = || self.text().contains(expected).then_some(());
        until(&format!("{expected:?} on the screen"), found, || self.text()).await;
    }

    pub(crate) async fn interrupt(&mut self) {
        self.keys.write_all(&[CTRL_C]).await.unwrap();
    }
}
