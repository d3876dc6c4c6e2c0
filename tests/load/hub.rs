//! The hub that is measured: the release binary in a process of its own, its state on a disk.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use reqwest::Client;
use tokio::process::{Child, Command};

use crate::{PATIENCE, SECRET, wait_until};

pub(crate) struct Hub {
    process: Child,
    folder: PathBuf,
    pub(crate) url: String,
}

impl Hub {
    /// With this text as its file. Every secret that it names is [`SECRET`].
    pub(crate) async fn start(crossdock: &Path, folder: &Path, file: &str, secrets: &[&str]) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let folder = folder.canonicalize().unwrap();
        std::fs::write(folder.join("hub.yaml"), file).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(crossdock);
        command.args(["dev", "--json", "--hub", "hub.yaml", "--state", "state", "--listen", &address]);
        for secret in secrets {
            command.env(format!("CROSSDOCK_SECRET_{}", secret.to_ascii_uppercase().replace('-', "_")), SECRET);
        }
        // Events are written as they always are; nobody reads them.
        command.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(folder.join("hub.log")).unwrap()).kill_on_drop(true);
        let mut hub = Self { process: command.spawn().unwrap(), folder, url: format!("http://{address}") };
        let (client, health) = (Client::new(), format!("{}/health", hub.url));
        for _ in 0..500 {
            if client.get(&health).send().await.is_ok_and(|answer| answer.status() == 200) {
                return hub;
            }
            if let Some(status) = hub.process.try_wait().unwrap() {
                panic!("the hub ended with {status}:\n{}", hub.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the hub does not listen on {address}:\n{}", hub.log());
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("hub.log")).unwrap_or_default()
    }

    /// The most that it has had in memory, in MiB; `None` where the system has no `/proc`.
    pub(crate) fn most_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
    }

    /// Of all its threads so far; `None` where the system has no `/proc`.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()?)).ok()?;
        // Behind the name, which may hold anything: state, …, utime and stime as fields 14 and 15 of all (proc(5)), in
        // hundredths of a second.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        Some(Duration::from_millis(ticks * 10))
    }

    /// Ends it, and removes what it has stored.
    pub(crate) async fn stop(mut self) {
        self.process.kill().await.unwrap();
        wait_until(PATIENCE, "the hub's folder is removed", || std::fs::remove_dir_all(&self.folder).is_ok()).await;
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
