//! What the hub needs, measured from outside: memory, open files and threads as the system tells them, and its state's
//! file, read as it lies there.
//!
//! Levelling off: what is usual in the last third of a run is no more than what was usual in the middle third, give or
//! take a quarter and the noise of the thing. The first third is for filling up.

use std::{fs, path::Path};

use rusqlite::{Connection, OpenFlags};

use crate::support::{now, say, wait::PATIENCE};

const MIB: u64 = 1 << 20;

#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) objects: u64,
    pub(super) versions: u64,
    pub(super) messages: u64,
    pub(super) deliveries: u64,
    /// Messages for the bus, and entries for endpoints.
    pub(super) waiting: u64,
    pub(super) dead: u64,
    /// Bytes of the database, as if all of the log were in it.
    database: u64,
}

/// The state, as of one moment.
pub(super) fn look(file: &Path) -> Counts {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    let count = |query: &str| format!("(SELECT COUNT(*) FROM {query})");
    let all = [
        count("objects"),
        count("versions"),
        count("messages"),
        count("deliveries"),
        format!("{} + {}", count("pending"), count("entries WHERE queue NOT LIKE '%/dead'")),
        count("entries WHERE queue LIKE '%/dead'"),
        "(SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)".to_owned(),
    ];
    let row = |row: &rusqlite::Row<'_>| {
        let number = |place: usize| row.get::<_, i64>(place).map(i64::cast_unsigned);
        Ok(Counts {
            objects: number(0)?,
            versions: number(1)?,
            messages: number(2)?,
            deliveries: number(3)?,
            waiting: number(4)?,
            dead: number(5)?,
            database: number(6)?,
        })
    };
    connection.query_row(&format!("SELECT {}", all.join(", ")), [], row).unwrap()
}

/// One measurement.
#[derive(Debug)]
struct Sample {
    at: jiff::Timestamp,
    counts: Counts,
    /// Bytes of the write-ahead log.
    log: u64,
    /// Where the system tells them.
    process: Option<Needs>,
}

/// What the system says of the process.
#[derive(Debug, Clone, Copy)]
struct Needs {
    /// Bytes of memory that are in use.
    memory: u64,
    threads: u64,
    files: u64,
}

impl Needs {
    /// Linux (proc(5)); elsewhere nothing.
    fn of(process: u32) -> Option<Self> {
        let folder = Path::new("/proc").join(process.to_string());
        let status = fs::read_to_string(folder.join("status")).ok()?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_ascii_whitespace().next()?.parse::<u64>().ok()
        };
        Some(Self {
            memory: number("VmRSS:")? * 1024,
            threads: number("Threads:")?,
            files: fs::read_dir(folder.join("fd")).ok()?.count() as u64,
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct Measures(Vec<Sample>);

impl Measures {
    pub(super) fn take(&mut self, file: &Path, process: Option<u32>) {
        let log = fs::metadata(file.with_extension("db-wal")).map_or(0, |log| log.len());
        self.0.push(Sample { at: now(), counts: look(file), log, process: process.and_then(Needs::of) });
    }

    /// Panics where something goes on growing, and shows what was measured either way.
    pub(super) fn level_off(&self) {
        say(&self.table());
        assert!(self.0.len() >= 12, "too short a run to tell anything: {} measurements", self.0.len());
        let count = |what: &str, slack: u64, of: fn(&Counts) -> u64| {
            self.levels_off(what, slack, |sample| Some(of(&sample.counts)));
        };
        // Seconds of traffic, for a machine that is busy with much else.
        count("messages", 400, |counts| counts.messages);
        count("deliveries", 600, |counts| counts.deliveries);
        count("versions", 400, |counts| counts.versions);
        count("dead letters", 200, |counts| counts.dead);
        count("waiting", 200, |counts| counts.waiting);
        count("bytes of the database", 2 * MIB, |counts| counts.database);
        // It grows up to the checkpoint at 16 MB, and begins anew then.
        self.levels_off("bytes of the log", 20 * MIB, |sample| Some(sample.log));
        let need = |what: &str, slack: u64, of: fn(&Needs) -> u64| {
            self.levels_off(what, slack, |sample| sample.process.as_ref().map(of));
        };
        need("bytes of memory", 10 * MIB, |needs| needs.memory);
        need("threads", 4, |needs| needs.threads);
        need("open files", 16, |needs| needs.files);
    }

    fn levels_off(&self, what: &str, slack: u64, of: impl Fn(&Sample) -> Option<u64>) {
        let values: Vec<u64> = self.0.iter().filter_map(of).collect();
        let third = values.len() / 3;
        let (middle, last) = (median(&values[third..2 * third]), median(&values[2 * third..]));
        assert!(last <= middle + middle / 4 + slack, "{what} go on growing: {middle}, then {last}; {values:?}");
    }

    /// A row for every tenth or so of the run.
    fn table(&self) -> String {
        let mut table = format!(
            "{:>6} {:>9} {:>9} {:>9} {:>8} {:>6} {:>9} {:>11} {:>9} {:>8} {:>5}\n",
            "s",
            "RSS KiB",
            "db KiB",
            "log KiB",
            "threads",
            "files",
            "messages",
            "deliveries",
            "versions",
            "waiting",
            "dead"
        );
        let every = (self.0.len() / 12).max(1);
        for (place, sample) in self.0.iter().enumerate() {
            if place % every != 0 && place + 1 != self.0.len() {
                continue;
            }
            let Counts { versions, messages, deliveries, waiting, dead, database, .. } = sample.counts;
            let needs = sample.process.unwrap_or(Needs { memory: 0, threads: 0, files: 0 });
            table.push_str(&format!(
                "{:>6} {:>9} {:>9} {:>9} {:>8} {:>6} {messages:>9} {deliveries:>11} {versions:>9} {waiting:>8} {dead:>5}\n",
                sample.at.duration_since(self.0[0].at).as_secs(),
                needs.memory >> 10,
                database >> 10,
                sample.log >> 10,
                needs.threads,
                needs.files,
            ));
        }
        table
    }
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}
