//! Damage to the store's file: where it is looked for, and what happens once it is known.
//!
//! SQLite notices damage when it reads the page that has it, and takes a write-ahead log whose header it cannot make
//! sense of for an empty one. So the header is read before SQLite sees it, and the pages of a file that is not too
//! large before a hub begins to work on it. Damage that shows later closes the store to everybody, and so does a disk that
//! does not keep what is written ([`sync`](super::sync)): whatever would still be acknowledged might never be found again.
//!
//! Deliberately absent: any repair, and any judgement of the log behind its header. A log that stops making sense
//! further on is what a power cut leaves of a commit that nobody was told of; it cannot be told from damage, and SQLite
//! goes on with what comes before (`docs/adr/0015-crashes.md`).

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use crossdock_core::port::PortError;
use rusqlite::Connection;
use tokio::sync::watch;

use super::failure::is_damage;

/// Bytes. Checking takes about a second for each GB that lies in memory, and the disk's time for what does not.
const LARGEST_CHECKED: u64 = 256 * 1024 * 1024;

/// <https://www.sqlite.org/fileformat2.html#wal_file_format>
const LOG_HEADER: usize = 32;
/// Between two looks at a header that another process may just be writing.
const PAUSE: Duration = Duration::from_millis(50);

/// Whether damage was found while the store was open, or the disk failed under it; shared by everything that works on it.
#[derive(Clone)]
pub(super) struct Damage(Arc<watch::Sender<Option<PortError>>>);

impl Damage {
    pub(super) fn none() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// Refuses what would be done on a damaged file.
    pub(super) fn check(&self) -> Result<(), PortError> {
        self.0.borrow().clone().map_or(Ok(()), Err)
    }

    /// Looks whether this failure tells of damage.
    pub(super) fn note<T>(&self, outcome: &Result<T, PortError>) {
        if let Err(error) = outcome
            && is_damage(error)
        {
            self.close(error.clone());
        }
    }

    /// From now on every call fails like this. The first reason stays.
    pub(super) fn close(&self, why: PortError) {
        self.0.send_if_modified(|known| {
            if known.is_some() {
                return false;
            }
            tracing::error!(error = %why, "the store is closed");
            *known = Some(why);
            true
        });
    }

    /// Waits for it.
    pub(super) async fn found(&self) -> PortError {
        let mut seen = self.0.subscribe();
        let found = seen.wait_for(Option::is_some).await.map(|found| found.clone());
        // The sender is ours, so it cannot be gone.
        match found {
            Ok(Some(error)) => error,
            _ => std::future::pending().await,
        }
    }
}

pub(super) fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Whether SQLite will read the log that lies beside the file, if there is one.
pub(super) fn is_log_readable(file: &Path) -> io::Result<bool> {
    let readable = |header: &Option<[u8; LOG_HEADER]>| header.is_none_or(|header| is_log_header(&header));
    let log = log_of(file);
    let header = log_header(&log)?;
    if readable(&header) {
        return Ok(true);
    }
    thread::sleep(PAUSE);
    Ok(readable(&log_header(&log)?))
}

/// `None`: there is no log, or nothing was ever written to it.
fn log_header(log: &Path) -> io::Result<Option<[u8; LOG_HEADER]>> {
    let mut file = match File::open(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut header = [0; LOG_HEADER];
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
        // Made longer, and then the power went. Before anything is written behind the header, SQLite flushes it.
        Ok(()) if header == [0; LOG_HEADER] && is_all_zero(file)? => Ok(None),
        Ok(()) => Ok(Some(header)),
    }
}

fn is_all_zero(mut rest: impl Read) -> io::Result<bool> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        match rest.read(&mut bytes) {
            Ok(0) => return Ok(true),
            Ok(count) if bytes[..count].iter().any(|byte| *byte != 0) => return Ok(false),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
    }
}

fn is_log_header(header: &[u8; LOG_HEADER]) -> bool {
    let (words, _) = header.as_chunks::<4>();
    let written = |place: usize| u32::from_be_bytes(words[place]);
    // The magic number's last bit says in which order the checksum takes the bytes of a word.
    let word: fn([u8; 4]) -> u32 = match written(0) {
        0x377f_0682 => u32::from_le_bytes,
        0x377f_0683 => u32::from_be_bytes,
        _ => return false,
    };
    let (mut even, mut odd) = (0_u32, 0_u32);
    for pair in words[..6].chunks(2) {
        even = even.wrapping_add(word(pair[0])).wrapping_add(odd);
        odd = odd.wrapping_add(word(pair[1])).wrapping_add(even);
    }
    (even, odd) == (written(6), written(7))
}

/// The first thing that is wrong with the file's pages, in SQLite's words; nothing is said of a file that is too large
/// to look at in good time.
pub(super) fn first_fault(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let bytes = number("page_count")?.cast_unsigned().saturating_mul(number("page_size")?.cast_unsigned());
    if bytes > LARGEST_CHECKED {
        return Ok(None);
    }
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log as SQLite writes it.
    fn log() -> Vec<u8> {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("one.db");
        let connection = Connection::open(&file).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE one (id)").unwrap();
        std::fs::read(log_of(&file)).unwrap()
    }

    #[test]
    fn what_sqlite_would_take_for_empty_is_told_from_what_is() {
        let whole = log();
        let changed = |at: usize| {
            let mut log = whole.clone();
            log[at] ^= 1;
            log
        };
        let behind_header = changed(40);
        let mut zeroed = whole.clone();
        zeroed[..LOG_HEADER].fill(0);
        let mut far_behind = vec![0; 200_000];
        far_behind[150_000] = 1;
        for (log, expected) in [
            (&whole, true),
            (&Vec::new(), true),
            (&whole[..20].to_vec(), true),
            (&vec![0; 5000], true),
            (&behind_header, true),
            (&changed(0), false),
            (&changed(3), false),
            // The salt.
            (&changed(17), false),
            (&changed(31), false),
            (&vec![0xa5; 5000], false),
            // A header alone that was zeroed, with all that was acknowledged behind it.
            (&zeroed, false),
            (&far_behind, false),
            (&vec![0; LOG_HEADER], true),
        ] {
            let folder = tempfile::TempDir::new().unwrap();
            let file = folder.path().join("one.db");
            std::fs::write(log_of(&file), log).unwrap();
            assert_eq!(is_log_readable(&file).unwrap(), expected, "{:?}", &log[..log.len().min(32)]);
        }
        assert!(is_log_readable(Path::new("/nowhere/at-all.db")).unwrap());
    }
}
