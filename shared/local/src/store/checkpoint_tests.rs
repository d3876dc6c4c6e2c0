use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

struct Fixture {
    writing: Connection,
    checkpoints: Option<Checkpoints>,
    folder: TempDir,
}

impl Fixture {
    fn new(has_helper: bool, damage: Damage) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("test.db");
        let mut writing = Connection::open(&file).unwrap();
        writing
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE item (body BLOB);")
            .unwrap();
        let beside = has_helper.then(|| Connection::open(&file).unwrap());
        let checkpoints = Checkpoints::start(&mut writing, beside, damage).unwrap();
        Self { writing, checkpoints: Some(checkpoints), folder }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("test.db-wal")
    }

    /// A commit of about so many pages, and the look after it.
    fn write(&mut self, pages: u32) {
        self.writing.execute("INSERT INTO item VALUES (zeroblob(?1))", [pages * 4_000]).unwrap();
        self.checkpoints.as_mut().unwrap().look(&self.writing);
    }

    /// Of log, however long the file is.
    fn pages(&self) -> u32 {
        self.checkpoints.as_ref().unwrap().pages.load(Ordering::Relaxed)
    }

    /// Small commits, until the log has been begun anew.
    fn until_anew(&mut self) {
        for _ in 0..10_000 {
            let before = self.pages();
            self.write(1);
            if self.pages() < before.min(LITTLE) {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("the log has {} pages and is not begun anew", self.pages());
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Some(checkpoints) = self.checkpoints.take() {
            checkpoints.stop();
        }
    }
}

#[test]
fn a_long_log_is_moved_beside_the_writer_and_begun_anew() {
    let mut fixture = Fixture::new(true, Damage::none());
    for _ in 0..3 {
        while fixture.pages() < LONG {
            fixture.write(50);
        }
        fixture.until_anew();
    }
    let length = std::fs::metadata(fixture.log()).unwrap().len();
    assert!(length < u64::from(TOO_LONG) * 4_120, "{length}");
}

#[test]
fn without_a_thread_the_writer_moves_it() {
    let mut fixture = Fixture::new(false, Damage::none());
    while fixture.pages() < LONG {
        fixture.write(50);
        if fixture.pages() == 0 {
            break;
        }
    }
    assert_eq!(fixture.pages(), 0);
    fixture.write(1);
    assert!(fixture.pages() < LITTLE, "{}", fixture.pages());
}

#[test]
fn a_log_that_somebody_reads_waits_and_does_not_stop_the_writer() {
    let mut fixture = Fixture::new(true, Damage::none());
    fixture.write(1);
    let reader = Connection::open(fixture.folder.path().join("test.db")).unwrap();
    let count = |reader: &Connection| reader.query_row("SELECT COUNT(*) FROM item", [], |row| row.get(0)).unwrap();
    let reading = reader.unchecked_transaction().unwrap();
    let before: i64 = count(&reading);
    while fixture.pages() < LONG + 500 {
        fixture.write(50);
    }
    assert_eq!(count(&reading), before);
    drop(reading);
    fixture.until_anew();
    assert!(count(&reader) > before);
}

#[test]
fn after_a_flush_that_failed_the_log_stays_where_it_is() {
    let damage = Damage::none();
    damage.close(crossdock_core::port::PortError::permanent("the disk did not make a write durable"));
    let mut fixture = Fixture::new(true, damage.clone());
    assert!(!move_most(&fixture.writing, 1, &damage));
    fixture.write(50);
    // The file has its first pages only.
    assert!(std::fs::metadata(fixture.folder.path().join("test.db")).unwrap().len() < 50 * 4_000);
}
