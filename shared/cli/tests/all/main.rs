//! What a user of the command sees before any hub runs: every help page, and what is said when something is wrong.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod secrets;
mod webhooks;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use crossdock_core::{event::Unobserved, fault::Faults};
use crossdock_local::{LocalHome, LocalSecrets, Setup};
use expect_test::expect_file;

fn crossdock(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossdock"));
    command.args(arguments).current_dir(folder).env_clear();
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A command that fails as it should: its exit code, and what it says.
fn failing(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = crossdock(folder, arguments);
    (output.status.code().unwrap(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

/// The state of a hub that has begun and done nothing, in the folder that is its own or in another one.
fn make_state(folder: &Path, file: &str, state: Option<&str>) {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let hub = crossdock_core::hub::load(file, &text, &|_| None).unwrap().hub;
    let own = format!(".crossdock/{}", hub.name);
    let state = folder.join(state.unwrap_or(&own));
    let setup = Setup {
        hub: Arc::new(hub),
        secrets: LocalSecrets::new(Arc::new(|_| None), &state),
        state,
        observer: Arc::new(Unobserved),
        allow_loopback: false,
        faults: Faults::default(),
        on_refused: None,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (home, _) = LocalHome::open(setup).await.unwrap();
        home.database().clone().close().await;
    });
}

#[test]
fn every_help_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages: &[&[&str]] = &[
        &[],
        &["init"],
        &["dev"],
        &["listen"],
        &["check"],
        &["add"],
        &["add", "endpoint"],
        &["render"],
        &["show"],
        &["audit"],
        &["unrouted"],
        &["dlq"],
        &["dlq", "list"],
        &["dlq", "redrive"],
        &["dlq", "replay"],
        &["poll"],
        &["backfill"],
        &["send"],
        &["replay"],
        &["endpoint"],
        &["endpoint", "list"],
        &["endpoint", "drained"],
        &["endpoint", "pause"],
        &["endpoint", "resume"],
        &["hub"],
        &["hub", "disable"],
        &["hub", "enable"],
        &["hub", "status"],
        &["webhook"],
        &["webhook", "add"],
        &["webhook", "rotate"],
        &["webhook", "disable"],
        &["webhook", "enable"],
        &["webhook", "list"],
        &["secret"],
        &["secret", "new"],
        &["secret", "list"],
        &["secret", "show"],
        &["secret", "rotate"],
        &["gc"],
        &["sample"],
    ];
    for page in pages {
        let arguments: Vec<&str> = page.iter().copied().chain(["--help"]).collect();
        let output = crossdock(folder.path(), &arguments);
        assert!(output.status.success(), "{page:?}");
        let name = std::iter::once("crossdock").chain(page.iter().copied()).collect::<Vec<_>>().join("-");
        let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/help")).join(format!("{name}.txt"));
        expect_file![file].assert_eq(&text(&output.stdout));
    }
}

/// A command without a page here is one nobody looked at.
#[test]
fn every_command_has_a_help_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/help")).unwrap();
    let pages: Vec<String> = pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    for parent in [&[][..], &["add"], &["dlq"], &["endpoint"], &["hub"], &["webhook"], &["secret"]] {
        let arguments: Vec<&str> = parent.iter().copied().chain(["--help"]).collect();
        let help = text(&crossdock(folder.path(), &arguments).stdout);
        let commands = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
        // What it says may go on in lines of its own, further in.
        let commands = commands.take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   "));
        for command in commands {
            let name = command.split_whitespace().next().unwrap();
            let page = std::iter::once("crossdock").chain(parent.iter().copied()).chain([name]).collect::<Vec<_>>();
            let page = format!("{}.txt", page.join("-"));
            assert!(name == "help" || pages.contains(&page), "{page} is missing");
        }
    }
}

#[test]
fn a_missing_hub_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = failing(folder.path(), &["dev", "--hub", "nowhere.yaml"]);
    assert_eq!(code, 1);
    assert_eq!(said, "error: the hub file nowhere.yaml cannot be read: No such file or directory (os error 2)\n");
}

#[test]
fn every_fault_of_a_hub_file_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let hub = "hub: h\nendpoints:\n  ear: {url: ftp://x, retires: [5s]}\nroutes:\n  - {name: r, messages: [\"*\"], to: eer}\n";
    std::fs::write(folder.path().join("hub.yaml"), hub).unwrap();
    let (code, said) = failing(folder.path(), &["check"]);
    assert_eq!(code, 1);
    for expected in ["hub.yaml:3:14:", "hub.yaml:3:23:", "retries", "hub.yaml:5:", "ear", "3 faults"] {
        assert!(said.contains(expected), "{expected:?} is not in:\n{said}");
    }
    let (code, dev) = failing(folder.path(), &["dev"]);
    assert_eq!(code, 1);
    assert!(dev.contains("hub.yaml:3:23:"), "{dev}");
}

#[test]
fn the_sample_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let output = crossdock(folder.path(), &["check"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.starts_with("the sample (there is no hub.yaml in this folder): my-shop is fine: "), "{said}");
}

#[test]
fn without_a_hub_the_next_step_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = failing(folder.path(), &["show", "X1"]);
    assert_eq!(code, 1);
    assert!(said.contains("name your hub file with --hub, or run crossdock dev first"), "{said}");
    let (code, said) = failing(folder.path(), &["listen", "--route", "orders"]);
    assert_eq!(
        (code, said.as_str()),
        (1, "error: there is no hub.yaml in this folder; name your hub file with --hub\n")
    );
}

#[test]
fn unknown_names_are_said_with_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let hub =
        "hub: h\nendpoints:\n  ear: {url: http://ear.example}\nroutes:\n  - {name: r, messages: [\"*\"], to: ear}\n";
    std::fs::write(folder.path().join("hub.yaml"), hub).unwrap();
    std::fs::write(folder.path().join("push.json"), "{}").unwrap();
    make_state(folder.path(), "hub.yaml", None);
    for (arguments, expected) in [
        (&["show", "X1"][..], "error: the store has no object \"X1\""),
        (&["show", "5f0c1f3e-0000-8000-8000-000000000000"], "error: the store has no message 5f0c1f3e"),
        (&["dlq", "list", "eye"], "error: the hub has no endpoint \"eye\"; it has ear"),
        (&["dlq", "redrive", "ear", "7"], "error: \"7\" is no message id"),
        (&["dlq", "replay", "7"], "error: \"7\" is no message id"),
        (&["poll", "a/b"], "error: the hub has no collection \"a/b\""),
        (&["send", "push.json", "--source", "shop"], "error: the hub has no source \"shop\""),
        (&["endpoint", "pause", "eye"], "error: the hub has no endpoint \"eye\"; it has ear"),
        (&["secret", "show", "ears"], "error: the hub has no endpoint \"ears\"; it has ear; did you mean \"ear\"?"),
        (&["secret", "rotate", "eye"], "error: the hub has no endpoint \"eye\"; it has ear"),
    ] {
        let (code, said) = failing(folder.path(), arguments);
        assert_eq!(code, 1, "{arguments:?}");
        assert!(said.starts_with(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn what_is_sent_is_named_where_it_is_not_json() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("hub.yaml"),
        "hub: h\nsources: {shop: {url: http://shop.example, push: {secret: s}}}\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("bad.json"), "order:new").unwrap();
    let (code, said) = failing(folder.path(), &["send", "bad.json", "--source", "shop"]);
    assert_eq!((code, said.as_str()), (1, "error: bad.json is not JSON: expected value at line 1 column 1\n"));
    let (code, said) = failing(folder.path(), &["send", "worse.json", "--source", "shop"]);
    assert_eq!(code, 1);
    assert!(said.starts_with("error: worse.json cannot be read: "), "{said}");
}

#[test]
fn an_address_that_is_taken_has_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hub.yaml"), "hub: h\nendpoints: {ear: {url: http://ear.example}}\n").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = failing(folder.path(), &["dev", "--listen", &address]);
    assert_eq!(code, 1);
    let expected = format!("error: cannot listen on {address} (name another address with --listen): ");
    assert!(said.contains(&expected), "{said}");
}

/// That the store has no such object would send its reader off to look for the object.
#[test]
fn a_state_where_no_hub_has_run_is_said_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let hub = "hub: h\nsources: {shop: {url: http://shop.example, push: {secret: s}, collections: {orders: {type: order, \
               request: {path: /}, id: id, created: created_at, every: 1m}}}}\nendpoints:\n  ear: {url: http://ear.example}\n\
               webhooks: {w: {source: shop, provider: shopify, secrets: [s]}}\n";
    std::fs::write(folder.path().join("hub.yaml"), hub).unwrap();
    std::fs::write(folder.path().join("push.json"), "{}").unwrap();
    make_state(folder.path(), "hub.yaml", None);
    for command in [
        &["show", "X1"][..],
        &["dlq", "list"],
        &["dlq", "redrive"],
        &["dlq", "replay", "5f0c1f3e-0000-8000-8000-000000000000"],
        &["endpoint", "list"],
        &["endpoint", "resume", "ear"],
        &["gc"],
        &["gc", "--apply"],
        &["send", "push.json", "--source", "shop"],
        &["poll", "shop/orders"],
        &["backfill", "shop/orders", "--from", "2026-01-01"],
        &["endpoint", "pause", "ear"],
        &["hub", "disable"],
        &["hub", "enable"],
        &["hub", "status"],
        &["webhook", "disable", "w"],
    ] {
        let arguments: Vec<&str> = command.iter().copied().chain(["--state", "nonexist"]).collect();
        let (code, said) = failing(folder.path(), &arguments);
        let expected = "error: no hub has run on nonexist yet; name the folder of one that has with --state, or run \
                        crossdock dev first\n";
        assert_eq!((code, said.as_str()), (1, expected), "{command:?}");
        assert!(!folder.path().join("nonexist").exists(), "{command:?}");
    }
    // What the hub file says is said without a state, and by those that only look.
    let listed = crossdock(folder.path(), &["webhook", "list", "--state", "nonexist"]);
    let (output, notes) = (text(&listed.stdout), text(&listed.stderr));
    assert!(output.contains("shopify") && notes.starts_with("no hub has run on nonexist yet: "), "{output}{notes}");
    let dry =
        [&["poll", "shop/orders", "--dry-run"][..], &["backfill", "shop/orders", "--from", "2026-01-01", "--dry-run"]];
    for arguments in dry {
        let (_, said) = failing(folder.path(), &[arguments, &["--state", "nonexist"]].concat());
        assert!(said.contains("no hub has run on nonexist yet: ") && said.contains("shop.example"), "{said}");
    }
    assert!(!folder.path().join("nonexist").exists());
}

#[test]
fn what_may_be_forgotten_is_said_by_kind() {
    let folder = tempfile::tempdir().unwrap();
    let hub = "hub: h\nretention: {versions: 1s}\nendpoints:\n  ear: {url: http://ear.example}\nroutes:\n  - {name: r, messages: [\"*\"], to: ear}\n";
    std::fs::write(folder.path().join("hub.yaml"), hub).unwrap();
    make_state(folder.path(), "hub.yaml", None);
    let nothing = |verb: &str| {
        ["dead letters", "messages", "deliveries", "versions"].map(|kind| format!("{verb} no {kind}\n")).concat()
    };
    let said = text(&crossdock(folder.path(), &["gc"]).stdout);
    assert_eq!(said, nothing("would remove") + "a running hub does this by itself; crossdock gc --apply does it now\n");
    assert_eq!(text(&crossdock(folder.path(), &["gc", "--apply"]).stdout), nothing("removed"));

    std::fs::write(folder.path().join("hub.yaml"), hub.replace("1s", "forever")).unwrap();
    let said = text(&crossdock(folder.path(), &["gc"]).stdout);
    assert!(said.contains("\nversions are kept for ever\n"), "{said}");
}

#[test]
fn two_hubs_never_share_a_state() {
    let folder = tempfile::tempdir().unwrap();
    let hub = |name: &str| {
        format!(
            "hub: {name}\nendpoints:\n  ear: {{url: http://ear.example}}\nroutes:\n  - {{name: r, messages: [\"*\"], to: ear}}\n"
        )
    };
    std::fs::write(folder.path().join("one.yaml"), hub("one")).unwrap();
    std::fs::write(folder.path().join("two.yaml"), hub("two")).unwrap();
    for file in ["one.yaml", "two.yaml"] {
        make_state(folder.path(), file, None);
    }
    make_state(folder.path(), "one.yaml", Some("s"));
    let (code, said) = failing(folder.path(), &["dlq", "list", "--hub", "two.yaml", "--state", "s"]);
    assert_eq!(code, 1);
    assert!(said.starts_with("error: the state in s belongs to the hub one, and this hub file is about two"), "{said}");
}

/// A full disk is not somebody who has read enough.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossdock"));
    let output = command.arg("check").current_dir(folder.path()).env_clear().stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.starts_with("error: the output cannot be written: "), "{said}");
}

#[test]
fn a_hub_that_nobody_reads_any_more_stops_as_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossdock"));
    command.args(["dev", "--state", "state", "--listen", "127.0.0.1:0"]).current_dir(folder.path()).env_clear();
    let mut hub = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(hub.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("hub.started"), "{first}");
    // The sample's polls are the next events.
    assert!(hub.wait().unwrap().success());
    assert!(folder.path().join("state/state.db").exists());
    // A store that was not closed leaves its log behind.
    assert!(!folder.path().join("state/state.db-wal").exists());
}
