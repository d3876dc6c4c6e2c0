//! README.md is tried out: its commands are run as they stand there, from the first to the last, by a reader who has an
//! order list of their own and nothing yet that wants to hear of it. A command that this file does not know fails.

use std::{
    path::Path,
    process::{Output, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{
    Reply, Server,
    binary::{crossdock, repository, repository_file},
    now,
    process::Process,
    server::Refusing,
    table::stamp,
    terminal::Terminal,
    wait::{PATIENCE, until},
};

/// What the reader sees of a command.
#[derive(Debug, Clone, Copy)]
enum Seen {
    /// It is what runs this test.
    ThisVeryTest,
    /// It ends well.
    Done,
    /// It ends well and says this, at the latest when the hub that runs meanwhile has done its work.
    Says(&'static str),
    /// It writes the hub file that README.md shows.
    Writes,
    /// It goes on until the reader interrupts it.
    Runs,
    /// So does this one, in another terminal.
    Listens,
    /// So does this one, and a new order in the shop is shown in the other terminal.
    Delivers,
}

const COMMANDS: &[(&str, Seen)] = &[
    ("cargo run -- dev", Seen::Runs),
    ("./test", Seen::ThisVeryTest),
    ("cargo run -- show R100000501", Seen::Says("order:canceled")),
    ("cargo run -- dlq list", Seen::Says("loyalty")),
    ("cargo run -- send infra/examples/message.json --source my-store", Seen::Done),
    ("cargo run -- init https://shop.example.com/orders", Seen::Writes),
    ("cargo run -- check hub.yaml", Seen::Done),
    ("cargo run -- poll shop/orders --dry-run --hub hub.yaml", Seen::Says("1 for the silent baseline")),
    ("cargo run -- listen --route orders", Seen::Listens),
    ("cargo run -- dev --hub hub.yaml", Seen::Delivers),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_readme_works() {
    let readme = repository_file("README.md");
    let commands = commands(&readme);
    for (known, _) in COMMANDS {
        assert!(commands.contains(known), "README.md does not say `{known}` any more");
    }
    let mut reader = Reader::new().await;
    for command in commands {
        let Some((_, seen)) = COMMANDS.iter().find(|(known, _)| *known == command) else {
            panic!("README.md says `{command}`, and nothing here tries it out");
        };
        match seen {
            Seen::ThisVeryTest => {}
            Seen::Done => reader.ends(command, "").await,
            Seen::Says(text) => reader.ends(command, text).await,
            Seen::Writes => {
                reader.ends(command, "").await;
                assert_eq!(without_comments(&reader.hub_file()), without_comments(&shown_hub_file(&readme)));
            }
            Seen::Runs => reader.runs(command).await,
            Seen::Listens => reader.listens(command).await,
            Seen::Delivers => {
                reader.runs(command).await;
                reader.sells(command).await;
            }
        }
    }
    reader.interrupts().await;
}

/// The other tests read the hub's output through a pipe; people sit at a terminal, where it draws, and press Ctrl-C.
#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_the_scene_is_shown_and_ctrl_c_ends_it() {
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start(folder.path(), &["dev", "--listen", "127.0.0.1:0"]);
    for expected in ["500 orders stored", "order:new", "dead letter", "The scene has been played"] {
        terminal.shows(expected).await;
    }
    terminal.interrupt().await;
    terminal.shows("stopped").await;
    terminal.shows("exit status 0").await;
}

/// The lines of all `sh` blocks, without comments.
fn commands(markdown: &str) -> Vec<&str> {
    let blocks = markdown.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.split('#').next());
    lines.map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[test]
fn commands_are_the_lines_of_sh_blocks() {
    let markdown = "a\n```sh\n# why\nb c   # so\n\nd\n```\n```text\ne\n```\n```sh\nf\n```\n";
    assert_eq!(commands(markdown), ["b c", "d", "f"]);
}

/// The `yaml` block, from its own margin on.
fn shown_hub_file(readme: &str) -> String {
    let (_, shown) = readme.split_once("```yaml\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let indent = shown.len() - shown.trim_start().len();
    shown.trim_end().lines().filter_map(|line| line.get(indent..)).map(|line| format!("{line}\n")).collect()
}

fn without_comments(yaml: &str) -> Vec<&str> {
    let lines = yaml.lines().filter_map(|line| line.split('#').next()).map(str::trim_end);
    lines.filter(|line| !line.is_empty()).collect()
}

/// What README.md names beside the file that `init` writes is one that works, too.
#[test]
fn the_smallest_example_is_fine() {
    let loaded =
        crossdock_core::hub::load("quickstart.yaml", &repository_file("infra/examples/quickstart.yaml"), &|_| {
            Some("http://example.com".to_owned())
        });
    assert!(loaded.unwrap_or_else(|faults| panic!("{faults}")).notes.is_empty());
}

/// Somebody who reads on and types what they read.
struct Reader {
    /// Where they type. It shows the repository's `infra`, and keeps what the commands leave behind.
    folder: TempDir,
    running: Option<Process>,
    /// In the second terminal.
    listening: Option<Process>,
    orders: Arc<Mutex<Vec<Value>>>,
    shop: Server,
    /// Requests to the shop when the command that runs was started.
    seen: usize,
    /// What `MY_SERVICE_URL` is set to: other tests may run beside this one, with listeners of their own.
    service: String,
}

impl Reader {
    async fn new() -> Self {
        let orders = Arc::new(Mutex::new(vec![order("R1", "2013-10-01T12:00:00Z")]));
        let listed = Arc::clone(&orders);
        let shop = Server::start(move |request| match request.path() {
            "/orders" => Reply::json(200, &json!(*listed.lock().unwrap_or_else(PoisonError::into_inner))),
            _ => Reply::status(404),
        });
        let folder = TempDir::new().unwrap();
        std::os::unix::fs::symlink(repository().canonicalize().unwrap().join("infra"), folder.path().join("infra"))
            .unwrap();
        let service = Refusing::new().url;
        Self { folder, running: None, listening: None, orders, shop: shop.await, seen: 0, service }
    }

    /// Where the reader's shop is: a name that leads to this machine wherever it is looked up (RFC 6761 §6.3).
    fn shop(&self) -> String {
        self.shop.url().replace("127.0.0.1", "shop.localhost")
    }

    /// As it would be for the shop of README.md.
    fn hub_file(&self) -> String {
        let file = std::fs::read_to_string(self.folder.path().join("hub.yaml")).unwrap();
        let shop = self.shop();
        let port = shop.rsplit(':').next().unwrap();
        // The name has a port where the list has one.
        file.replace(&format!("hub: shop-{port}-"), "hub: shop-").replace(&shop, "https://shop.example.com")
    }

    /// As typed, with the reader's shop for that of README.md, and with the binary that was built already in place of
    /// `cargo run --`.
    fn command(&self, line: &str) -> Command {
        let line = &line.replace("https://shop.example.com", &self.shop());
        let mut words = line.split_whitespace();
        let arguments = line.strip_prefix("cargo run -- ");
        let program = match arguments {
            Some(_) => crossdock(),
            None => Path::new(words.next().unwrap_or_default()).to_owned(),
        };
        let mut command = Command::new(program);
        command.args(arguments.map_or(words, str::split_whitespace)).current_dir(self.folder.path());
        command.env("MY_SERVICE_URL", &self.service);
        command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn ends(&self, line: &str, expected: &str) {
        let mut last: Option<Output> = None;
        let trying = async {
            loop {
                let output = self.command(line).output().await.unwrap();
                if output.status.success() && String::from_utf8_lossy(&output.stdout).contains(expected) {
                    return;
                }
                last = Some(output);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, trying).await.is_err() {
            let log = self.running.as_ref().map(|hub| format!("{}\n{}", hub.lines().join("\n"), hub.log()));
            panic!("`{line}` did not say {expected:?}; at last: {last:?}\nmeanwhile: {}", log.unwrap_or_default());
        }
    }

    /// One at a time, as in one terminal.
    async fn runs(&mut self, line: &str) {
        if let Some(hub) = self.running.take() {
            interrupt(hub).await;
        }
        self.seen = self.shop.seen().len();
        let hub = Process::spawn(self.command(line));
        until(&format!("`{line}` to say something"), || (!hub.lines().is_empty()).then_some(()), || hub.log()).await;
        self.running = Some(hub);
    }

    async fn listens(&mut self, line: &str) {
        let listener = Process::spawn(self.command(line));
        let listens = || listener.log().contains("listens on").then_some(());
        until(&format!("`{line}` to listen"), listens, || listener.log()).await;
        self.listening = Some(listener);
    }

    async fn interrupts(&mut self) {
        for process in [self.running.take(), self.listening.take()].into_iter().flatten() {
            interrupt(process).await;
        }
    }

    async fn sells(&self, line: &str) {
        let log = || self.running.as_ref().map(Process::log).unwrap_or_default();
        // The second poll begins when the first one is over, and with it the time from which on orders are new. What
        // was asked for before comes before both.
        until(&format!("`{line}` to read the shop"), || (self.shop.seen().len() >= self.seen + 2).then_some(()), log)
            .await;
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).push(order("R2", &stamp(now())));
        let listener = self.listening.as_ref().unwrap();
        let shown = || listener.lines().join("\n");
        until("the new order in the other terminal", || shown().contains("order:new R2").then_some(()), log).await;
        assert!(!shown().contains("R1"), "the old order is no news: {}", shown());
    }
}

async fn interrupt(mut process: Process) {
    let status = process.interrupt().await;
    assert!(status.success(), "Ctrl-C ended it with {status}\n{}", process.log());
}

fn order(number: &str, created_at: &str) -> Value {
    json!({"id": number, "email": "ada@example.com", "total": "24.99", "created_at": created_at})
}
