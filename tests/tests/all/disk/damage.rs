//! A state that is not what the hub left there: it is not worked on, nor begun anew, and a backup put in its place is
//! taken up where it stopped.

use std::{fs, os::unix::fs::FileExt, path::Path};

use rusqlite::Connection;
use serde_json::json;

use super::{TOKEN, World};
use crate::support::{client::call, rows::each, small_disk::SmallDisk};

const PAGE: usize = 4096;

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut content = fs::read(file).unwrap();
    change(&mut content);
    fs::write(file, content).unwrap();
}

fn sql(state: &Path, sql: &str) {
    Connection::open(state.join("state.db")).unwrap().execute_batch(sql).unwrap();
}

/// One way of harm, and what the hub says of it.
struct Harm {
    name: &'static str,
    /// The hub ends in peace and leaves one file; otherwise it is killed and leaves a log.
    stopped: bool,
    done: fn(&Path),
    said: &'static [&'static str],
}

const RESTORE: &str = "put a backup in its place";

const HARMS: &[Harm] = &[
    Harm {
        name: "garbage at the start",
        stopped: true,
        done: |state| change(&state.join("state.db"), |content| content[..PAGE].fill(0xa5)),
        said: &["state.db is not a Crossdock store (it is no SQLite database)", "move this one away"],
    },
    Harm {
        name: "garbage behind the header",
        stopped: true,
        done: |state| change(&state.join("state.db"), |content| content[100..PAGE].fill(0xa5)),
        said: &["state.db is damaged", RESTORE],
    },
    Harm {
        name: "garbage in the middle",
        stopped: true,
        done: |state| {
            change(&state.join("state.db"), |content| {
                let middle = content.len() / PAGE / 2 * PAGE;
                content[middle..middle + PAGE].fill(0xa5);
            });
        },
        said: &["state.db is damaged", RESTORE],
    },
    Harm {
        name: "cut in half",
        stopped: true,
        done: |state| change(&state.join("state.db"), |content| content.truncate(content.len() / 2)),
        said: &["state.db is damaged", RESTORE],
    },
    Harm {
        name: "emptied",
        stopped: true,
        done: |state| change(&state.join("state.db"), Vec::clear),
        said: &["state.db is empty, and there was a store in it before", RESTORE],
    },
    Harm {
        name: "garbage for a log",
        stopped: false,
        done: |state| change(&state.join("state.db-wal"), |content| content.fill(0xa5)),
        said: &["state.db is damaged (the header of its write-ahead log makes no sense)", RESTORE],
    },
    Harm {
        name: "one bit of the log's header",
        stopped: false,
        done: |state| change(&state.join("state.db-wal"), |content| content[20] ^= 1),
        said: &["state.db is damaged (the header of its write-ahead log makes no sense)", RESTORE],
    },
    Harm {
        name: "from the future",
        stopped: true,
        done: |state| sql(state, "PRAGMA user_version = 1000"),
        said: &["state.db was written by a newer Crossdock (schema 1000", "update Crossdock"],
    },
    Harm {
        name: "another program's database",
        stopped: true,
        done: |state| {
            fs::remove_file(state.join("state.db")).unwrap();
            sql(state, "CREATE TABLE orders (number TEXT)");
        },
        said: &["it is the SQLite database of another program", "move this one away"],
    },
    Harm {
        name: "another hub's state",
        stopped: true,
        done: |state| fs::write(state.join("hub"), "other").unwrap(),
        said: &["belongs to the hub other", "--state"],
    },
];

/// Every file of the folder that has something in it, but for what SQLite and the lock make anew.
fn content(state: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(state)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, content)| name != "hub.lock" && !name.ends_with("-shm") && !content.is_empty())
        .collect();
    files.sort();
    files
}

fn restore(state: &Path, backup: &[(String, Vec<u8>)]) {
    fs::remove_dir_all(state).unwrap();
    fs::create_dir(state).unwrap();
    for (file, content) in backup {
        fs::write(state.join(file), content).unwrap();
    }
}

async fn check(harm: &'static Harm) {
    let name = harm.name;
    let mut world = World::new().await;
    let bench = world.bench();
    let state = bench.path("state");
    let hub = bench.start().await;
    let url = hub.url().await;
    for _ in 0..20 {
        assert_eq!(world.push(&url).await.status, 202, "{name}");
    }
    if harm.stopped {
        drop(hub.stop().await);
    } else {
        hub.kill().await;
    }
    let backup = content(&state);

    (harm.done)(&state);
    let harmed = content(&state);
    assert!(harmed != backup, "{name}: no harm was done");
    for _ in 0..2 {
        let hub = bench.launch(None);
        let log = hub.failed().await;
        for said in harm.said {
            assert!(log.contains(said), "{name}: expected {said:?} in\n{log}");
        }
        let left = content(&state);
        let sizes = |files: &[(String, Vec<u8>)]| {
            format!("{:?}", files.iter().map(|(name, content)| (name, content.len())).collect::<Vec<_>>())
        };
        assert!(left == harmed, "{name}: the hub changed what it refused, from {} to {}", sizes(&harmed), sizes(&left));
    }

    restore(&state, &backup);
    let hub = bench.start().await;
    world.reckoning(&state, || format!("{name}\n{}", hub.story())).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_was_harmed_is_not_worked_on() {
    each(HARMS.iter().map(|harm| (harm.name.to_owned(), check(harm)))).await;
}

#[tokio::test]
async fn a_state_that_cannot_be_written_is_said() {
    let Some(disk) = SmallDisk::new(6 * 1024 * 1024) else { return };
    let state = disk.path().join("state");
    let world = World::new().await;
    let bench = world.bench().state_in(&state);
    bench.start().await.stop().await;
    disk.make_read_only();
    let log = bench.launch(None).failed().await;
    assert!(log.contains(&state.display().to_string()) && log.contains("must be writable for whoever runs"), "{log}");
}

/// Damage that shows while the hub runs: it says so, takes nothing more, and ends.
#[tokio::test(flavor = "multi_thread")]
async fn damage_under_a_running_hub_ends_it_and_nothing_is_acknowledged_after() {
    let mut world = World::new().await;
    let bench = world.bench();
    let state = bench.path("state");
    let hub = bench.start().await;
    let url = hub.url().await;
    for _ in 0..50 {
        assert_eq!(world.push(&url).await.status, 202);
    }
    world.reckoning(&state, || hub.story()).await;
    // What it has written goes from the log into the file.
    hub.stop().await;
    let backup = content(&state);

    let hub = bench.start().await;
    let url = hub.url().await;
    let file = fs::File::options().write(true).open(state.join("state.db")).unwrap();
    let length = file.metadata().unwrap().len() as usize;
    file.write_all_at(&vec![0xa5; length - PAGE], PAGE as u64).unwrap();
    let mut answers = Vec::new();
    for n in 0..200 {
        let body = json!({"message": "word:said", "payload": {"word": n}});
        let push = call("POST", format!("{url}/push/shop")).bearer(TOKEN).json(&body);
        // It may be gone already.
        let Ok(response) = push.attempt().await else { break };
        answers.push(response.status);
    }
    let log = hub.failed().await;
    assert!(log.contains("the store's file is damaged") && log.contains("put a backup in its place"), "{log}");
    let taken = answers.iter().take_while(|status| **status == 202).count();
    assert!(answers[taken..].iter().all(|status| *status == 503), "{answers:?}");

    restore(&state, &backup);
    let hub = bench.start().await;
    world.reckoning(&state, || hub.story()).await;
    hub.stop().await;
}
