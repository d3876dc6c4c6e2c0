//! The local home: every port on SQLite, and the loop that plays scheduler, bus and queues.

mod store;

pub use store::{
    Database, DeliveryCounts, LocalBus, LocalQueues, OpenError, QueueCounts, QueueSettings, Stats, Targets, WriteCounts,
};
