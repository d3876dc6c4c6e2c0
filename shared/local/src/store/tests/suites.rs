use std::{path::PathBuf, sync::Arc, time::Duration};

use crossdock_core::{Timestamp, port::Clock};
use crossdock_testkit::{
    clock::{SeededRandom, TestClock},
    suite::{self, BusFixture, QueueFixture, StoreFixture},
};
use tempfile::TempDir;

use crate::store::{Database, LocalBus, LocalQueues, QueueSettings};

pub(super) struct Fixture {
    pub(super) database: Database,
    pub(super) queues: LocalQueues,
    bus: LocalBus,
    pub(super) clock: Arc<TestClock>,
    /// `None` in memory.
    folder: Option<TempDir>,
}

impl Fixture {
    pub(super) async fn on_disk() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(TestClock::default());
        let file = folder.path().join("hub.db");
        let database = Database::open(&file, clock.clone(), &SeededRandom::new(1)).await.unwrap();
        Self::over(database, clock, Some(folder))
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("hub.db")
    }

    async fn in_memory() -> Self {
        let clock = Arc::new(TestClock::default());
        let database = Database::in_memory(clock.clone(), &SeededRandom::new(1)).await.unwrap();
        Self::over(database, clock, None)
    }

    fn over(database: Database, clock: Arc<TestClock>, folder: Option<TempDir>) -> Self {
        let queues = LocalQueues::new(database.clone(), QueueSettings { max_receive_count: 3 });
        let bus = LocalBus::new(queues.clone(), Arc::new(|message| Ok(suite::bus::targets(message))));
        Self { database, queues, bus, clock, folder }
    }
}

impl StoreFixture for Fixture {
    type Store = Database;

    fn store(&self) -> &Database {
        &self.database
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }
}

impl QueueFixture for Fixture {
    type Queues = LocalQueues;

    fn queues(&self) -> &LocalQueues {
        &self.queues
    }

    fn max_receive_count(&self) -> u32 {
        3
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

impl BusFixture for Fixture {
    type Bus = LocalBus;
    type Queues = LocalQueues;

    fn bus(&self) -> &LocalBus {
        &self.bus
    }

    fn queues(&self) -> &LocalQueues {
        &self.queues
    }

    /// What was published is in the queues already.
    async fn arrived(&self) {}
}

macro_rules! suites {
    ($home:ident) => {
        mod $home {
            mod versions {
                crossdock_testkit::versions_suite!(super::super::Fixture::$home());
            }
            mod collections {
                crossdock_testkit::collections_suite!(super::super::Fixture::$home());
            }
            mod jobs {
                crossdock_testkit::jobs_suite!(super::super::Fixture::$home());
            }
            mod outbox {
                crossdock_testkit::outbox_suite!(super::super::Fixture::$home());
            }
            mod wants {
                crossdock_testkit::wants_suite!(super::super::Fixture::$home());
            }
            mod ledger {
                crossdock_testkit::ledger_suite!(super::super::Fixture::$home());
            }
            mod claims {
                crossdock_testkit::claims_suite!(super::super::Fixture::$home());
            }
            mod lines {
                crossdock_testkit::lines_suite!(super::super::Fixture::$home());
            }
            mod seen {
                crossdock_testkit::seen_suite!(super::super::Fixture::$home());
            }
            mod signing {
                crossdock_testkit::signing_suite!(super::super::Fixture::$home());
            }
            mod switches {
                crossdock_testkit::switches_suite!(super::super::Fixture::$home());
            }
            mod timers {
                crossdock_testkit::timers_suite!(super::super::Fixture::$home());
            }
            mod queues {
                crossdock_testkit::queues_suite!(super::super::Fixture::$home());
            }
            mod bus {
                crossdock_testkit::bus_suite!(super::super::Fixture::$home());
            }
        }
    };
}

suites!(on_disk);
suites!(in_memory);
