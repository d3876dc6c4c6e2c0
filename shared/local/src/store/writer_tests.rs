use std::sync::mpsc;

use futures_util::future::join_all;
use rusqlite::{Connection, params};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{
    super::lanes::{self, LARGEST_GROUP, MOST_PIECES},
    *,
};

struct Fixture {
    writer: Writer,
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let connection = Connection::open(folder.path().join("test.db")).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                 CREATE TABLE item (n INTEGER PRIMARY KEY CHECK (n >= 0), body TEXT);
                 CREATE TABLE debt (item INTEGER REFERENCES item DEFERRABLE INITIALLY DEFERRED);",
            )
            .unwrap();
        Self {
            writer: Writer::start(connection, None, Damage::none(), Arc::new(Arrivals::none()), File::sync_data)
                .unwrap(),
            folder,
        }
    }

    /// What another connection sees.
    fn stored(&self) -> Vec<i64> {
        let connection = Connection::open(self.folder.path().join("test.db")).unwrap();
        let mut statement = connection.prepare("SELECT n FROM item ORDER BY n").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// Makes sure that the work lands in one group: it is handed over while the writer is busy.
    async fn in_one_group<T>(&self, work: impl Future<Output = T>) -> T {
        let (started, has_started) = oneshot::channel();
        let (release, released) = mpsc::channel();
        let busy = self.fast().write(move |_| {
            let _ = started.send(());
            let _ = released.recv();
            Ok(())
        });
        let together = async {
            has_started.await.unwrap();
            tokio::join!(work, async { release.send(()).unwrap() }).0
        };
        let (busy, outcome) = tokio::join!(busy, together);
        busy.unwrap();
        outcome
    }

    fn fast(&self) -> InLane<'_> {
        self.writer.in_lane(Lane::Fast)
    }

    fn slow(&self) -> InLane<'_> {
        self.writer.in_lane(Lane::Slow)
    }

    fn insert(&self, n: i64) -> impl Future<Output = Result<(), PortError>> {
        self.fast().write(move |connection| insert(connection, n))
    }
}

fn insert(connection: &Connection, n: i64) -> Result<(), Failure> {
    connection.prepare_cached("INSERT INTO item (n) VALUES (?1)")?.execute([n])?;
    Ok(())
}

#[tokio::test]
async fn whoever_waits_at_the_same_time_shares_a_commit() {
    let fixture = Fixture::new();
    let outcomes = fixture.in_one_group(join_all((0..300).map(|n| fixture.insert(n)))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(fixture.writer.counts(), WriteCounts { commits: 2, operations: 301 });
    assert_eq!(fixture.stored(), (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_group_has_a_largest_size() {
    let fixture = Fixture::new();
    let count = 2 * LARGEST_GROUP as i64 + 1;
    let outcomes = fixture.in_one_group(join_all((0..count).map(|n| fixture.insert(n)))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(fixture.writer.counts().commits, 1 + 3);
}

#[tokio::test]
async fn alone_it_is_committed_at_once() {
    let fixture = Fixture::new();
    for n in 0..3 {
        fixture.insert(n).await.unwrap();
        assert_eq!(fixture.stored().len() as i64, n + 1);
    }
    assert_eq!(fixture.writer.counts(), WriteCounts { commits: 3, operations: 3 });
}

#[tokio::test]
async fn what_fails_is_undone_alone() {
    let fixture = Fixture::new();
    // The bad one fails half-way.
    let bad = fixture.fast().write(|connection| {
        insert(connection, 50)?;
        insert(connection, 1)
    });
    let (one, bad, two) = fixture.in_one_group(async { tokio::join!(fixture.insert(1), bad, fixture.insert(2)) }).await;
    assert_eq!((one, two), (Ok(()), Ok(())));
    let error = bad.unwrap_err();
    assert!(error.what.contains("UNIQUE constraint failed: item.n") && !error.transient, "{error:?}");
    assert_eq!(fixture.stored(), [1, 2]);
    assert_eq!(fixture.writer.counts().commits, 2);
}

#[tokio::test]
async fn each_item_of_a_batch_fails_alone() {
    let fixture = Fixture::new();
    let refused = PortError::permanent("refused before");
    let items = vec![Ok(1), Err(refused.clone()), Ok(-1), Ok(2), Ok(1)];
    let outcomes = fixture.fast().write_each(items, insert).await;
    assert_eq!(outcomes[0], Ok(()));
    assert_eq!(outcomes[1], Err(refused));
    assert!(outcomes[2].as_ref().unwrap_err().what.contains("CHECK constraint failed"));
    assert_eq!(outcomes[3], Ok(()));
    assert!(outcomes[4].as_ref().unwrap_err().what.contains("UNIQUE constraint failed"));
    assert_eq!(fixture.stored(), [1, 2]);
    assert_eq!(fixture.fast().write_each(Vec::new(), insert).await, []);
}

#[tokio::test]
async fn a_commit_that_fails_fails_its_group() {
    let fixture = Fixture::new();
    // A deferred foreign key is looked at by COMMIT itself.
    let debt = fixture.fast().write(|connection| {
        connection.execute("INSERT INTO debt (item) VALUES (77)", [])?;
        Ok(())
    });
    let batch = fixture.fast().write_each(vec![Ok(2), Ok(3)], insert);
    let (one, debt, batch) = fixture.in_one_group(async { tokio::join!(fixture.insert(1), debt, batch) }).await;
    for outcome in [one, debt].into_iter().chain(batch) {
        assert!(outcome.unwrap_err().what.contains("FOREIGN KEY constraint failed"));
    }
    assert!(fixture.stored().is_empty());

    fixture.insert(4).await.unwrap();
    assert_eq!(fixture.stored(), [4], "the next group is not harmed");
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_that_is_not_stored() {
    let fixture = Fixture::new();
    let limit = |pages: i64| {
        fixture.fast().write(move |connection| {
            Ok(connection.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))?)
        })
    };
    let pages = limit(1).await.unwrap();
    let big = fixture.fast().write(|connection| {
        connection.execute("INSERT INTO item (n, body) VALUES (?1, ?2)", params![2, "x".repeat(1_000_000)])?;
        Ok(())
    });
    let (one, big, three) =
        fixture.in_one_group(async { tokio::join!(fixture.insert(1), big, fixture.insert(3)) }).await;
    let error = big.unwrap_err();
    assert!(error.transient && error.what.contains("make room"), "{error:?} at {pages} pages");
    // SQLite is free to undo the others of the group too; then they must hear of it.
    let acknowledged: Vec<_> = [(1, one), (3, three)].into_iter().filter(|(_, outcome)| outcome.is_ok()).collect();
    assert_eq!(fixture.stored(), acknowledged.iter().map(|(n, _)| *n).collect::<Vec<_>>());

    limit(1_000_000).await.unwrap();
    fixture.insert(9).await.unwrap();
    assert!(fixture.stored().contains(&9));
}

/// What SQLite may do by itself on a full disk, done by hand.
#[tokio::test]
async fn a_transaction_that_was_rolled_back_fails_its_group() {
    let fixture = Fixture::new();
    let items = vec![Ok(5), Ok(-5), Ok(6)];
    let batch = fixture.fast().write_each(items, |connection, n: i64| {
        if n < 0 {
            connection.execute_batch("ROLLBACK")?;
            return Err(Failure::unreadable("disk"));
        }
        insert(connection, n)
    });
    let (one, batch, two) =
        fixture.in_one_group(async { tokio::join!(fixture.insert(1), batch, fixture.insert(2)) }).await;
    for outcome in [one, two].into_iter().chain(batch) {
        let error = outcome.unwrap_err();
        assert!(error.transient && error.what.contains("unreadable disk"), "{error:?}");
    }
    assert!(fixture.stored().is_empty());
    fixture.insert(7).await.unwrap();
    assert_eq!(fixture.stored(), [7]);
}

#[tokio::test]
async fn what_was_handed_over_before_the_end_is_done() {
    let fixture = Fixture::new();
    let writing = join_all((0..50).map(|n| fixture.insert(n)));
    let stopping = async {
        fixture.writer.stop();
    };
    let (outcomes, ()) = tokio::join!(writing, stopping);
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(fixture.stored().len(), 50);
    assert_eq!(fixture.insert(99).await.unwrap_err().what, "the store is closed");
}

/// What was done in which order, by those who were waiting when the writer became free.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn work(&self, name: String) -> impl FnOnce(&Connection) -> Result<(), Failure> + Send + use<> {
        let diary = self.clone();
        move |_| {
            diary.0.lock().unwrap().push(name);
            Ok(())
        }
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn the_fast_lane_is_served_first() {
    let (fixture, diary) = (Fixture::new(), Diary::default());
    let slow = join_all((0..3).map(|n| fixture.slow().write(diary.work(format!("slow {n}")))));
    let fast = join_all((0..3).map(|n| fixture.fast().write(diary.work(format!("fast {n}")))));
    let (slow, fast) = fixture.in_one_group(async { tokio::join!(slow, fast) }).await;
    assert!(slow.into_iter().chain(fast).all(|outcome| outcome.is_ok()));
    assert_eq!(diary.read(), ["fast 0", "fast 1", "fast 2", "slow 0", "slow 1", "slow 2"]);
    // What kept the writer busy, the fast lane's together, the slow lane's too, since nobody else came.
    assert_eq!(fixture.writer.counts(), WriteCounts { commits: 1 + 1 + 1, operations: 1 + 3 + 3 });
}

#[tokio::test]
async fn what_comes_to_the_fast_lane_waits_for_one_piece_of_the_slow_one() {
    let (fixture, diary) = (Fixture::new(), Diary::default());
    let (started, has_started) = oneshot::channel();
    let (release, released) = mpsc::channel::<()>();
    let first = diary.work("slow 0".to_owned());
    let first = fixture.slow().write(move |connection| {
        let _ = started.send(());
        let _ = released.recv();
        first(connection)
    });
    let others = join_all((1..3).map(|n| fixture.slow().write(diary.work(format!("slow {n}")))));
    let fast = async {
        has_started.await.unwrap();
        let fast = fixture.fast().write(diary.work("fast".to_owned()));
        tokio::join!(fast, async { release.send(()).unwrap() }).0
    };
    let (first, others, fast) = tokio::join!(first, others, fast);
    assert!(others.into_iter().chain([first, fast]).all(|outcome| outcome.is_ok()));
    assert_eq!(diary.read(), ["slow 0", "fast", "slow 1", "slow 2"]);
    assert_eq!(fixture.writer.counts(), WriteCounts { commits: 3, operations: 4 });
}

#[tokio::test]
async fn a_commit_of_the_slow_lane_has_a_largest_size() {
    let (fixture, diary) = (Fixture::new(), Diary::default());
    let slow = join_all((0..=MOST_PIECES).map(|n| fixture.slow().write(diary.work(n.to_string()))));
    assert!(fixture.in_one_group(slow).await.into_iter().all(|outcome| outcome.is_ok()));
    assert_eq!(fixture.writer.counts().commits, 1 + 2);
}

#[tokio::test]
async fn the_slow_lane_is_served_however_much_there_is_in_the_fast_one() {
    let (fixture, diary) = (Fixture::new(), Diary::default());
    let slow = join_all((0..2).map(|n| fixture.slow().write(diary.work(format!("slow {n}")))));
    // More than the slow lane waits for, twice.
    let groups = 2 * lanes::PATIENCE + 1;
    let fast = join_all((0..groups * LARGEST_GROUP).map(|_| fixture.fast().write(diary.work("fast".to_owned()))));
    let (slow, fast) = fixture.in_one_group(async { tokio::join!(slow, fast) }).await;
    assert!(slow.into_iter().chain(fast).all(|outcome| outcome.is_ok()));
    let diary = diary.read();
    let places: Vec<usize> =
        diary.iter().enumerate().filter(|(_, name)| name.starts_with("slow")).map(|(place, _)| place).collect();
    let before_each = lanes::PATIENCE * LARGEST_GROUP;
    assert_eq!(places, [before_each, 2 * before_each + 1]);
}

#[tokio::test]
async fn a_batch_in_the_slow_lane_is_done_piece_by_piece_in_its_order() {
    let (fixture, diary) = (Fixture::new(), Diary::default());
    let count = 5 * LARGEST_PIECE as i64 + 1;
    // Two items that fail, each by itself.
    let items = (0..count).map(|n| if n == 3 { Err(PortError::permanent("refused before")) } else { Ok(n) }).collect();
    let noting = diary.clone();
    let batch = fixture.slow().write_each(items, move |connection, n| {
        noting.work(n.to_string())(connection)?;
        insert(connection, if n == 6 { 0 } else { n })
    });
    let fast = fixture.fast().write(diary.work("fast".to_owned()));
    let (outcomes, fast) = fixture.in_one_group(async { tokio::join!(batch, fast) }).await;
    fast.unwrap();
    let failed: Vec<usize> = (0..outcomes.len()).filter(|place| outcomes[*place].is_err()).collect();
    assert_eq!((outcomes.len() as i64, failed), (count, vec![3, 6]));
    let mut done = diary.read();
    assert_eq!(done.remove(0), "fast");
    assert_eq!(done, (0..count).filter(|n| *n != 3).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(fixture.stored(), (0..count).filter(|n| ![3, 6].contains(n)).collect::<Vec<_>>());
    assert_eq!(fixture.writer.counts(), WriteCounts { commits: 1 + 1 + 1, operations: 1 + 1 + 6 });
}

#[tokio::test]
async fn what_waits_in_the_slow_lane_is_done_before_the_end() {
    let fixture = Fixture::new();
    let items = (0..10 * LARGEST_PIECE as i64).map(Ok).collect();
    let writing = fixture.slow().write_each(items, insert);
    let stopping = async {
        fixture.writer.stop();
    };
    let (outcomes, ()) = tokio::join!(writing, stopping);
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(fixture.stored().len(), 10 * LARGEST_PIECE);
}
