//! The local home: every port on SQLite, and the loop that plays scheduler, bus and queues.
