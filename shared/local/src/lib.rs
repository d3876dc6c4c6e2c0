//! The local home: one process that plays scheduler, bus, queues and functions around the same core that runs on AWS.
//!
//! [`store`] keeps everything in one SQLite file. [`Running`] is the hub at work: one loop per collection that polls it,
//! one per endpoint that empties its queue, one that publishes what a crash left pending, one that removes what has
//! expired, and a server for pushes.
//! Whatever is true of the hub is in the store or in `hub.yaml`; a loop holds nothing that a crash could lose.

mod aside;
mod home;
mod intake;
pub mod private;
mod refused;
mod running;
mod secrets;
mod store;
mod workers;

pub use crossdock_http::{OsRandom, SystemClock};
pub use home::{LocalHome, Setup, SetupError, StateLock};
pub use refused::{OnRefused, Tell, Telling};
pub use running::{Options, Running, StartError};
pub use secrets::LocalSecrets;
pub use store::{
    Collector, Database, DeliveryCounts, Expired, LocalBus, LocalQueues, Lot, OpenError, QueueSettings, Stats, Targets,
    WriteCounts,
};
