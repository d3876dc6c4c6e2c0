//! Opening the file: what it must be, and what is made of an empty one.
//!
//! `user_version` counts the migrations that were applied, `application_id` tells our files from other programs'. A
//! file that is neither ours nor empty is left alone, and so is one whose log cannot be read. Opening reads little of
//! the file: damage further in shows when it is read, or when it is looked for ([`super::damage`]).

use std::{
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crossdock_core::{
    id::Epoch,
    port::{PortError, Random, SigningKey},
};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

use super::{
    damage::{is_log_readable, log_of},
    signing::made_key,
};
use crate::private;

/// One script per schema version; the next one is appended, none is ever changed.
const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("retention.sql"),
    include_str!("claims.sql"),
    include_str!("signing.sql"),
    include_str!("answers.sql"),
    include_str!("cursors.sql"),
    include_str!("timers.sql"),
    include_str!("wanted.sql"),
    include_str!("switches.sql"),
    include_str!("seen.sql"),
    include_str!("order.sql"),
    include_str!("refusals.sql"),
    include_str!("lines.sql"),
    include_str!("waiting.sql"),
];

/// "xdoc", in the header of the file at byte 68 (<https://www.sqlite.org/fileformat2.html>).
const APPLICATION_ID: i64 = 0x7864_6f63;

/// How long to wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two tries where SQLite does not wait by itself.
/// <https://www.sqlite.org/pragma.html#pragma_auto_vacuum>
const INCREMENTAL: i64 = 2;
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Why a store could not be opened, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the folder {} of the store could not be made", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("the store's log {} could not be read", log.display())]
    Log { log: PathBuf, source: io::Error },
    #[error("{} is not a Crossdock store ({found}): name another file, or move this one away", file.display())]
    NotAStore { file: PathBuf, found: &'static str },
    #[error(
        "{} was written by a newer Crossdock (schema {found}, this one knows up to {known}): update Crossdock",
        file.display()
    )]
    Newer { file: PathBuf, found: i64, known: i64 },
    #[error(
        "{} is damaged ({found}): put a backup in its place, or move it away, with the -wal beside it, to begin with an \
         empty store",
        file.display()
    )]
    Damaged { file: PathBuf, found: String },
    #[error("{}: the disk is full: make room on it and start again; nothing was lost", file.display())]
    Full { file: PathBuf },
    #[error("{}: the folder and the files in it must be writable for whoever runs this", file.display())]
    ReadOnly { file: PathBuf, source: rusqlite::Error },
    #[error("{} could not be looked through for damage", file.display())]
    Unchecked { file: PathBuf, source: PortError },
    #[error("{} could not be opened", file.display())]
    Sqlite { file: PathBuf, source: rusqlite::Error },
    #[error("a thread for the store could not be started")]
    Thread(#[from] io::Error),
}

/// What is random in a store, made once with it.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub epoch: Epoch,
    pub signing_key: SigningKey,
}

impl Made {
    pub(super) fn by(random: &dyn Random) -> Self {
        Self { epoch: Epoch(random.bytes()), signing_key: SigningKey::new(random.key()) }
    }
}

/// The connection that writes, and what the store was made with: `fresh` if that is now.
pub(super) fn open_file(file: &Path, fresh: Made) -> Result<(Connection, Made), OpenError> {
    if let Some(folder) = file.parent() {
        private::make_folder(folder).map_err(|source| OpenError::Folder { folder: folder.to_owned(), source })?;
    }
    // SQLite would make it readable for everybody, and gives what lies beside it the same permissions. Where it cannot be made
    // SQLite says so.
    let _ = private::options().write(true).create_new(true).open(file);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |source| failed(file, source);
    let readable = is_log_readable(file).map_err(|source| OpenError::Log { log: log_of(file), source })?;
    if !readable {
        let found = "the header of its write-ahead log makes no sense".to_owned();
        return Err(OpenError::Damaged { file: file.to_owned(), found });
    }
    let mut connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    // Before anything is written: a file that is not ours stays as it is, its journal mode included.
    check(&connection.transaction().map_err(failed)?, file)?;
    set_up(&connection).map_err(failed)?;
    let made = migrate(&mut connection, file, fresh)?;
    Ok((connection, made))
}

pub(super) fn open_in_memory(fresh: Made) -> Result<(Connection, Made), OpenError> {
    let name = Path::new("the store in memory");
    let mut connection = Connection::open_in_memory().map_err(|source| failed(name, source))?;
    set_up(&connection).map_err(|source| failed(name, source))?;
    let made = migrate(&mut connection, name, fresh)?;
    Ok((connection, made))
}

/// Beside the connection that writes, which has made the file what it must be.
pub(super) fn open_reader(file: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(file, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        tune(&connection)?;
        Ok(connection)
    };
    open().map_err(|source| failed(file, source))
}

/// For moving the log beside the writer.
pub(super) fn open_for_log(file: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(file, flags)?;
        // The log is flushed before it is moved, and the file after.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(connection)
    };
    open().map_err(|source| failed(file, source))
}

/// Moves the log into the file, unless somebody is reading for long. After a flush that failed, a system may show what was
/// written and never write it again; what is moved is written anew, and flushed in its new place.
pub(super) fn empty_log(file: &Path) -> Result<(), OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let empty = || {
        let connection = Connection::open_with_flags(file, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    };
    empty().map_err(|source| failed(file, source))
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    // Pages that become free can be given back (`gc`); to be said before the first table is made, and ignored after. To say
    // it again would write to a file that may yet turn out to be damaged.
    if connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0))? != INCREMENTAL {
        connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    }
    use_log(connection)?;
    // No commit waits for the disk, and the log is never moved into the file before it is flushed. What makes commits
    // durable is the writer's syncer.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Bytes: a log that grew because somebody read for long shrinks again.
    connection.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
    tune(connection)
}

/// Changes to the write-ahead log, once in the life of a file. A store in memory answers "memory" and needs no log.
fn use_log(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = BUSY_TIMEOUT.as_millis() / BUSY_PAUSE.as_millis();
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())) {
            // Two processes that make the same store at once: this change alone does not wait for its lock.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries > 0 => {
                tries -= 1;
                thread::sleep(BUSY_PAUSE);
            }
            outcome => return outcome,
        }
    }
}

fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    // KiB when negative.
    connection.pragma_update(None, "cache_size", -2_000)
}

fn schema_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether the file is ours or empty, and not from the future; in a transaction, because another process may be making
/// the store at this very moment.
fn check(connection: &Transaction<'_>, file: &Path) -> Result<(), OpenError> {
    let failed = |source| failed(file, source);
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(failed);
    let application = number("PRAGMA application_id")?;
    let version = schema_version(connection).map_err(failed)?;
    let tables = number("SELECT COUNT(*) FROM sqlite_schema")?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    match (application, version, tables) {
        (0, 0, 0) => Ok(()),
        (APPLICATION_ID, found, _) if found > known => Err(OpenError::Newer { file: file.to_owned(), found, known }),
        (APPLICATION_ID, 1.., 1..) => Ok(()),
        _ => Err(OpenError::NotAStore { file: file.to_owned(), found: "it is the SQLite database of another program" }),
    }
}

/// Applies what is missing, in one transaction: of two processes that open a new store at once, one makes it.
fn migrate(connection: &mut Connection, file: &Path, fresh: Made) -> Result<Made, OpenError> {
    let failed = |source| failed(file, source);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    check(&transaction, file)?;
    let applied = usize::try_from(schema_version(&transaction).map_err(failed)?).unwrap_or(MIGRATIONS.len());
    for script in &MIGRATIONS[applied..] {
        transaction.execute_batch(script).map_err(failed)?;
    }
    if applied < MIGRATIONS.len() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
        let version = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        transaction.pragma_update(None, "user_version", version).map_err(failed)?;
    }
    let stored = transaction.query_row("SELECT epoch FROM store", [], |row| row.get(0)).optional().map_err(failed)?;
    let epoch = match stored {
        Some(bytes) => Epoch(bytes),
        None => {
            transaction.execute("INSERT INTO store (epoch) VALUES (?1)", [fresh.epoch.0]).map_err(failed)?;
            fresh.epoch
        }
    };
    let signing_key = made_key(&transaction, fresh.signing_key).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(Made { epoch, signing_key })
}

fn failed(file: &Path, source: rusqlite::Error) -> OpenError {
    let file = file.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotAStore { file, found: "it is no SQLite database" },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { file, found: source.to_string() },
        Some(ErrorCode::DiskFull) => OpenError::Full { file },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => OpenError::ReadOnly { file, source },
        _ => OpenError::Sqlite { file, source },
    }
}
