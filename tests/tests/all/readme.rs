//! README.md is tried out: its commands are run as they stand there, from the first to the last, by a reader who has an
//! order list of their own and a service that wants to hear of it. A command that this file does not know fails.

use std::{
    path::Path,
    process::{Output, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
};

use crate::support::{
    Reply, Server,
    binary::{crossdock, repository, repository_file},
    now,
    process::Process,
    table::stamp,
    wait::{PATIENCE, until},
};

/// What the reader sees of a command.
#[derive(Debug, Clone, Copy)]
enum Seen {
    /// It is what runs this test.
    ThisVeryTest,
    /// It sets a variable; the reader has another value for it.
    OwnValue,
    /// It ends well.
    Done,
    /// It ends well and says this, at the latest when the hub that runs meanwhile has done its work.
    Says(&'static str),
    /// It goes on until the reader interrupts it.
    Runs,
    /// So does this one, and a new order in the shop reaches the mail service.
    Delivers,
}

const COMMANDS: &[(&str, Seen)] = &[
    ("cargo run -- dev", Seen::Runs),
    ("./test", Seen::ThisVeryTest),
    ("cargo run -- show R100000501", Seen::Says("order:canceled")),
    ("cargo run -- dlq list", Seen::Says("loyalty")),
    ("cargo run -- send infra/examples/message.json --source my-store", Seen::Done),
    ("cp infra/examples/quickstart.yaml hub.yaml", Seen::Done),
    ("export SHOP_URL=https://shop.example.com", Seen::OwnValue),
    ("export MAIL_URL=https://mail.example.com", Seen::OwnValue),
    ("cargo run -- check hub.yaml", Seen::Done),
    ("cargo run -- poll shop/orders --dry-run --hub hub.yaml", Seen::Says("1 for the silent baseline")),
    ("cargo run -- dev --hub hub.yaml", Seen::Delivers),
];

/// What a terminal sends for it (ASCII: end of text).
const CTRL_C: u8 = 3;

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
            Seen::ThisVeryTest | Seen::OwnValue => {}
            Seen::Done => reader.ends(command, "").await,
            Seen::Says(text) => reader.ends(command, text).await,
            Seen::Runs => reader.runs(command).await,
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
    // The shell tells how the hub ended. `script --return` would too, but where the terminal is gone before the process
    // is, it answers with a status of nobody.
    let line = format!("trap : INT; '{}' dev --listen 127.0.0.1:0; echo exit status $?", crossdock().display());
    let mut command = Command::new("script");
    command.args(["--quiet", "--flush", "--command", &line, "/dev/null"]).current_dir(folder.path());
    command.env("SHELL", "/bin/sh");
    command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut terminal = command.spawn().unwrap();
    let (mut keys, mut screen) = (terminal.stdin.take().unwrap(), terminal.stdout.take().unwrap());
    let shown: Arc<Mutex<Vec<u8>>> = Arc::default();
    let kept = Arc::clone(&shown);
    tokio::spawn(async move {
        let mut some = [0; 4096];
        while let Ok(count @ 1..) = screen.read(&mut some).await {
            kept.lock().unwrap_or_else(PoisonError::into_inner).extend(&some[..count]);
        }
    });

    let text = || String::from_utf8_lossy(&shown.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
    let shows = async |expected: &str| {
        until(&format!("{expected:?} on the screen"), || text().contains(expected).then_some(()), text).await;
    };
    for expected in ["500 orders stored", "order:new", "dead letter", "The scene has been played"] {
        shows(expected).await;
    }
    keys.write_all(&[CTRL_C]).await.unwrap();
    shows("stopped").await;
    shows("exit status 0").await;
    // The terminal goes with its end of the line, and takes what runs on it along.
    drop(terminal);
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

/// The hub file that README.md shows is the one it tells to copy.
#[test]
fn the_readme_shows_the_quickstart() {
    let readme = repository_file("README.md");
    let (_, shown) = readme.split_once("```yaml\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let indent = shown.len() - shown.trim_start().len();
    let shown: Vec<&str> = shown.trim_end().lines().filter_map(|line| line.get(indent..)).collect();
    let example = repository_file("infra/examples/quickstart.yaml");
    let lines = example.lines().filter_map(|line| line.split('#').next()).map(str::trim_end);
    let example: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    assert_eq!(shown, example);
}

/// Somebody who reads on and types what they read.
struct Reader {
    /// Where they type. It shows the repository's `infra`, and keeps what the commands leave behind.
    folder: TempDir,
    running: Option<Process>,
    orders: Arc<Mutex<Vec<Value>>>,
    shop: Server,
    mail: Server,
}

impl Reader {
    async fn new() -> Self {
        let orders = Arc::new(Mutex::new(vec![order("R1", "2013-10-01T12:00:00Z")]));
        let listed = Arc::clone(&orders);
        let shop = Server::start(move |request| match request.path() {
            "/orders" => Reply::json(200, &json!(*listed.lock().unwrap_or_else(PoisonError::into_inner))),
            _ => Reply::status(404),
        });
        let mail = Server::start(|request| match request.path() {
            "/confirmations" => Reply::status(204),
            _ => Reply::status(404),
        });
        let folder = TempDir::new().unwrap();
        std::os::unix::fs::symlink(repository().canonicalize().unwrap().join("infra"), folder.path().join("infra"))
            .unwrap();
        Self { folder, running: None, orders, shop: shop.await, mail: mail.await }
    }

    /// As typed, with the binary that was built already in place of `cargo run --`.
    fn command(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let arguments = line.strip_prefix("cargo run -- ");
        let program = match arguments {
            Some(_) => crossdock(),
            None => Path::new(words.next().unwrap_or_default()).to_owned(),
        };
        let mut command = Command::new(program);
        command.args(arguments.map_or(words, str::split_whitespace)).current_dir(self.folder.path());
        command.env("SHOP_URL", self.shop.url()).env("MAIL_URL", self.mail.url());
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
        self.interrupts().await;
        let hub = Process::spawn(self.command(line));
        until(&format!("`{line}` to say something"), || (!hub.lines().is_empty()).then_some(()), || hub.log()).await;
        self.running = Some(hub);
    }

    async fn interrupts(&mut self) {
        if let Some(mut hub) = self.running.take() {
            let status = hub.interrupt().await;
            assert!(status.success(), "Ctrl-C ended it with {status}\n{}", hub.log());
        }
    }

    async fn sells(&self, line: &str) {
        let log = || self.running.as_ref().map(Process::log).unwrap_or_default();
        // The second poll begins when the first one is over, and with it the time from which on orders are new. What
        // the dry run has asked for comes before both.
        let polls = self.shop.seen_at("/orders").len() + 2;
        until(&format!("`{line}` to read the shop"), || (self.shop.seen().len() >= polls).then_some(()), log).await;
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).push(order("R2", &stamp(now())));
        let message = until("the mail service to hear of the new order", || self.mail.seen().into_iter().next(), log);
        let message = message.await.json();
        assert_eq!(message["message"], "order:new");
        assert_eq!(message["payload"]["order"]["actual"]["number"], "R2", "the old order is no news");
    }
}

fn order(number: &str, created_at: &str) -> Value {
    json!({"number": number, "email": "ada@example.com", "total": "24.99", "created_at": created_at})
}
