//! An emulated AWS for tests: ministack (PyPI, MIT), which `./test` installs (`tests/tools/aws.txt`) into
//! `target/tools/aws`; `CROSSDOCK_MINISTACK` names another one.
//!
//! It is one process for all tests of a binary, and ends with them however they end. Each fixture has the emulator to
//! itself all the same: it takes an access key of twelve digits for the number of an account, and accounts share nothing.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Reads what nobody writes: it comes to an end with the process that holds the other side.
const UNTIL_WE_END: &str = r#""$1" "$2/repaired.py" 2>"$2/log" & emulator=$!; cat >/dev/null; kill "$emulator" 2>/dev/null; wait; rm -rf "$2""#;

/// Starts it, mended.
const REPAIRED: &str = include_str!("emulator/repaired.py");

static SHARED: LazyLock<Emulator> = LazyLock::new(Emulator::start);
static ACCOUNTS: AtomicU64 = AtomicU64::new(100_000_000_000);

/// Where ministack is, if it is installed.
#[must_use]
pub fn installed() -> Option<PathBuf> {
    let given = setting("CROSSDOCK_MINISTACK").map(PathBuf::from);
    let ours = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/aws/bin/ministack")).to_path_buf();
    given.into_iter().chain([ours]).find(|path| path.is_file())
}

/// An AWS account with nothing in it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Of the emulator.
    pub url: String,
    /// Its number, and the access key too; any secret key opens it.
    pub id: String,
}

impl Account {
    #[must_use]
    pub fn new() -> Self {
        let id = ACCOUNTS.fetch_add(1, Ordering::Relaxed).to_string();
        Self { url: SHARED.url.clone(), id }
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug)]
struct Emulator {
    url: String,
    /// Ends when its standard input does.
    _process: Child,
}

impl Emulator {
    fn start() -> Self {
        let binary = installed().expect("ministack is not installed: run ./test, which does that");
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|taken| taken.local_addr()).expect("a port").port();
        let folder = std::env::temp_dir().join(format!("crossdock-emulator-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the emulator");
        std::fs::write(folder.join("repaired.py"), REPAIRED).expect("a file for the emulator");
        let mut command = Command::new("sh");
        // The interpreter that it was installed for is beside it.
        command
            .args(["-c", UNTIL_WE_END, "sh"])
            .arg(binary.with_file_name("python3"))
            .arg(&folder)
            .current_dir(&folder);
        // Functions inherit its environment, and what the tests were started with is none of theirs.
        command.env_clear().envs(setting("PATH").map(|path| ("PATH", path)));
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string()).env("LOG_LEVEL", "WARNING");
        // It would listen on a port of its own choice besides.
        command.env("IOT_MTLS_ENABLED", "0").env("HOME", &folder).env("TMPDIR", &folder);
        // So that the tests' own servers, on the machine that the functions run on, may be sources and endpoints. On AWS
        // nothing sets it, and no template may.
        command.env("CROSSDOCK_TEST_LOOPBACK", "1");
        // What the functions' SDKs call.
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn().expect("sh");
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Self { url: format!("http://127.0.0.1:{port}"), _process: process };
            }
            if process.try_wait().expect("the emulator's state").is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        let _ = process.kill();
        panic!("ministack did not start:\n{log}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's settings have nobody to hand them in")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
