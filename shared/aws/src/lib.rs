//! The AWS home: every port of the core on DynamoDB, SQS, EventBridge and the Systems Manager parameter store.
//!
//! Batch calls are answered item by item here as everywhere, and what AWS answers for each item is looked at. What fails
//! for the moment is tried again a few times ([`clients`]) and then handed back as transient: queues, pending marks and
//! schedules try again for as long as it takes.
//!
//! Deliberately absent: any reading of the environment but [`settings`], and any rule about objects, messages or
//! deliveries. Those are the core's.

mod batch;
pub mod bus;
pub mod calls;
pub mod clients;
mod failure;
#[cfg(test)]
mod fake;
pub mod function;
pub mod home;
mod pauses;
pub mod queues;
pub mod secrets;
pub mod settings;
pub mod store;
pub mod trace;
