//! One contract suite per port. A case is a function of a fixture; the macro at the end of each suite makes a test of
//! every case:
//!
//! ```text
//! crossdock_testkit::versions_suite!(my_fixture());   // an expression that is a future of a fresh fixture
//! ```

pub mod bus;
pub mod claims;
pub mod collections;
pub mod jobs;
pub mod ledger;
pub mod lines;
pub mod outbox;
pub mod queues;
pub mod seen;
pub mod signing;
pub mod switches;
pub mod timers;
pub mod versions;
pub mod wants;

use std::{future::Future, time::Duration};

use crossdock_core::{
    Timestamp,
    message::MessageRecord,
    port::{
        Bus, Claims, Collections, Jobs, Ledger, Lines, Outbox, PendingPage, PortError, QueueName, Queues, Received,
        SeenEvents, Signing, Switches, Timers, VersionStore, Wants,
    },
};

use serde_json::Value;

use crate::{build::endpoint, clock::TestClock};

/// An empty store and the clock it was made with.
pub trait StoreFixture: Sync {
    type Store: VersionStore
        + Collections
        + Wants
        + Outbox
        + Ledger
        + Claims
        + Lines
        + Signing
        + Timers
        + Jobs
        + SeenEvents
        + Switches;

    fn store(&self) -> &Self::Store;
    fn clock(&self) -> &TestClock;
}

/// Empty queues of the endpoints `alpha` and `beta`, and their dead-letter queues.
pub trait QueueFixture: Sync {
    type Queues: Queues;

    fn queues(&self) -> &Self::Queues;
    /// How often an entry can be received; small, because a case receives so often.
    fn max_receive_count(&self) -> u32;
    fn now(&self) -> Timestamp;
    /// Lets so much time pass for the queues: on a clock of ours at once, on real queues by waiting.
    fn advance(&self, by: Duration) -> impl Future<Output = ()> + Send;
}

/// A bus in front of empty queues, with the routes of [`bus::ROUTES`].
pub trait BusFixture: Sync {
    type Bus: Bus;
    type Queues: Queues;

    fn bus(&self) -> &Self::Bus;
    fn queues(&self) -> &Self::Queues;
    /// A payload that must arrive as it is. Only an emulator may want another one, where it is less exact than what it
    /// stands for.
    fn delicate(&self) -> Value {
        crate::build::delicate()
    }
    /// Waits until what was published has had the time to reach the queues.
    fn arrived(&self) -> impl Future<Output = ()> + Send;
}

/// All that is pending and was stored before `before`, by the messages' ids.
///
/// # Errors
/// Those of [`Outbox::pending`].
///
/// # Panics
/// Where something of it is unreadable, or a mark has no message.
pub async fn pending(store: &impl Outbox, before: Timestamp) -> Result<Vec<MessageRecord>, PortError> {
    let (mut found, mut place) = (Vec::new(), None);
    loop {
        let page = store.pending(before, place.as_ref(), 100).await?;
        let PendingPage { messages, orphans, unreadable, next } = page;
        assert_eq!((orphans, unreadable), (vec![], vec![]));
        found.extend(messages);
        place = next;
        if place.is_none() {
            return Ok(by_id(found));
        }
    }
}

/// For comparing what comes in no order.
pub fn by_id(mut records: Vec<MessageRecord>) -> Vec<MessageRecord> {
    records.sort_by_key(|record| record.message.message_id);
    records
}

fn alpha() -> QueueName {
    QueueName::Endpoint(endpoint("alpha"))
}

fn beta() -> QueueName {
    QueueName::Endpoint(endpoint("beta"))
}

/// Receives, hiding what comes for `visibility`, until `count` entries came. Real queues answer with some of what is
/// there, so it asks again.
async fn receive_all(queues: &impl Queues, queue: &QueueName, count: usize, visibility: Duration) -> Vec<Received> {
    let mut received = Vec::new();
    for _ in 0..100 {
        received.extend(queues.receive(queue, 10, visibility).await.expect("receive"));
        if received.len() >= count {
            break;
        }
    }
    assert_eq!(received.len(), count, "entries received from {queue:?}");
    received
}

#[doc(hidden)]
#[macro_export]
macro_rules! cases {
    ($suite:ident, $fixture:expr, [$($case:ident),* $(,)?]) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::suite::$suite::$case(&$fixture.await).await;
            }
        )*
    };
}

/// A case that is missing from its suite's list would never run.
#[cfg(test)]
mod tests {
    fn check(suite: &str) {
        let (cases, list) = suite.split_once("#[macro_export]").expect("a macro at the end");
        let defined: Vec<_> = cases
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn "))
            .map(|rest| rest.split(['<', '(']).next().unwrap_or_default())
            .collect();
        let (_, list) = list.rsplit_once('[').expect("a list of cases");
        let (list, _) = list.split_once(']').expect("the end of the list");
        let listed: Vec<_> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        assert!(!defined.is_empty());
        assert_eq!(defined, listed);
    }

    #[test]
    fn every_case_is_listed() {
        for suite in [
            include_str!("bus.rs"),
            include_str!("claims.rs"),
            include_str!("collections.rs"),
            include_str!("jobs.rs"),
            include_str!("ledger.rs"),
            include_str!("outbox.rs"),
            include_str!("queues.rs"),
            include_str!("seen.rs"),
            include_str!("signing.rs"),
            include_str!("switches.rs"),
            include_str!("timers.rs"),
            include_str!("versions.rs"),
        ] {
            check(suite);
        }
    }
}
