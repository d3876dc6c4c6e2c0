//! AWS's limits, and what they make of the numbers in a hub file.
//!
//! A hub file says how many requests an endpoint gets at a time. On AWS that is a product: invocations of the dispatcher
//! at a time, which the event source mapping limits, and requests at a time inside one of them, which the dispatcher
//! limits. [`Concurrency::of`] splits the number so that the product never passes it.
//!
//! Each constant names the page of AWS's documentation (docs.aws.amazon.com) that it is from.

use std::time::Duration;

/// Messages that one invocation of the dispatcher gets: the most without a batching window
/// (`lambda/latest/dg/services-sqs-configure.html`).
pub const BATCH: usize = 10;

/// What `ScalingConfig.MaximumConcurrency` may be (`lambda/latest/dg/services-sqs-scaling.html`).
pub const LEAST_INVOCATIONS: usize = 2;
/// See [`LEAST_INVOCATIONS`].
pub const MOST_INVOCATIONS: usize = 1_000;

/// How long the dispatcher may run. A batch of ten whose every request takes the default 15 s needs 75 s with two at a
/// time; what cannot start before the end goes back to its queue unharmed. Longer would only make a crashed batch wait
/// longer: see [`QUEUE_VISIBILITY`].
pub const DISPATCHER_TIMEOUT: Duration = Duration::from_secs(120);

/// How long the poller may run: as long as a function can (`lambda/latest/dg/gettingstarted-limits.html`), because a first
/// poll reads everything. The collection's lease keeps two polls apart.
pub const POLLER_TIMEOUT: Duration = Duration::from_secs(900);

/// What a function needs for itself around the longest request: reading and settling.
pub const RESERVE: Duration = Duration::from_secs(10);

/// How long a function must be allowed to run, in whole seconds, if its longest request takes so long.
pub fn least_runtime(request: Duration) -> Duration {
    Duration::from_secs(request.as_millis().div_ceil(1_000) as u64) + RESERVE
}

/// Six times the function's timeout, so that Lambda can try again while it is throttled
/// (`lambda/latest/dg/services-sqs-configure.html`). It is also how long a message waits whose dispatcher was killed; a
/// failed delivery sets its own.
pub const QUEUE_VISIBILITY: Duration = Duration::from_secs(6 * DISPATCHER_TIMEOUT.as_secs());

/// How long a queue keeps a message: the most
/// (`AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html`).
pub const QUEUE_RETENTION: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Receives after which SQS itself takes a message away: the most there is
/// (`AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html`). The dispatcher dead-letters by its own count
/// of attempts long before; this is for messages that never let it.
pub const MOST_RECEIVES: u64 = 1_000;

/// How many batches of one webhook's queue ingest takes at a time. Its reserved executions are for what comes over HTTP, where
/// nobody waits; what is in a queue does. Two take hundreds of events a second.
pub const WEBHOOK_INVOCATIONS: usize = LEAST_INVOCATIONS;

/// How long ingest may run, by default.
pub const INGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// As [`QUEUE_VISIBILITY`], of the queue between a bus and ingest.
pub const WEBHOOK_VISIBILITY: Duration = Duration::from_secs(6 * INGEST_TIMEOUT.as_secs());

/// Receives after which SQS takes an event away that ingest could not take in: with [`WEBHOOK_VISIBILITY`] between them, two
/// days in which a store may be in trouble or the hub switched off. What can never be read has its alarm at the first.
pub const WEBHOOK_RECEIVES: u64 = MOST_RECEIVES;

/// The shortest interval of a schedule, and the unit of the longer ones
/// (`scheduler/latest/UserGuide/schedule-types.html`, rate-based schedules).
pub const SCHEDULE_UNIT: Duration = Duration::from_secs(60);

/// SQS counts visibility in whole seconds
/// (`AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html`).
pub const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// Rules on a bus, unless the quota is raised (`eventbridge/latest/userguide/eb-quota.html`, "Rules").
pub const RULES: usize = 300;

/// Functions running at a time in an account and region, unless the quota is raised
/// (`lambda/latest/dg/gettingstarted-limits.html`, "Concurrent executions").
pub const CONCURRENT_EXECUTIONS: usize = 1_000;

/// Resources of a template (`AWSCloudFormation/latest/UserGuide/cloudformation-limits.html`).
pub const RESOURCES: usize = 500;
/// Bytes of a template that lies in S3, as nested ones do (same page).
pub const TEMPLATE: usize = 1 << 20;

/// How an endpoint's `concurrency` is kept to on AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// Of the dispatcher for this endpoint: `MaximumConcurrency` of its event source mapping.
    pub invocations: usize,
    /// Requests at a time inside one invocation; at most [`BATCH`].
    pub requests: usize,
}

impl Concurrency {
    /// The fewest invocations that make use of at least nine tenths of `concurrency`, and never pass it: full batches
    /// are cheaper than many, and an account has a limit to what runs at a time. `None` for 1, which a mapping cannot
    /// keep to.
    pub fn of(concurrency: usize) -> Option<Self> {
        let fewest = concurrency.div_ceil(BATCH).max(LEAST_INVOCATIONS);
        (fewest..=concurrency.min(MOST_INVOCATIONS))
            .map(|invocations| Self { invocations, requests: concurrency / invocations })
            .find(|split| split.total() * 10 >= concurrency * 9)
    }

    pub fn total(self) -> usize {
        self.invocations * self.requests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrency_is_split_and_never_passed() {
        let check = |concurrency, invocations, requests| {
            assert_eq!(Concurrency::of(concurrency), Some(Concurrency { invocations, requests }), "{concurrency}");
        };
        assert_eq!(Concurrency::of(0), None);
        assert_eq!(Concurrency::of(1), None);
        check(2, 2, 1);
        check(3, 3, 1);
        check(4, 2, 2);
        check(5, 5, 1);
        check(7, 7, 1);
        check(10, 2, 5);
        check(11, 2, 5);
        check(19, 2, 9);
        check(20, 2, 10);
        check(21, 3, 7);
        check(997, 100, 9);
        check(1000, 100, 10);
        for concurrency in 2..=1000 {
            let split = Concurrency::of(concurrency).unwrap();
            assert!(split.total() <= concurrency && split.total() * 10 >= concurrency * 9, "{concurrency}: {split:?}");
            assert!((LEAST_INVOCATIONS..=MOST_INVOCATIONS).contains(&split.invocations), "{concurrency}: {split:?}");
            assert!((1..=BATCH).contains(&split.requests), "{concurrency}: {split:?}");
        }
    }

    #[test]
    fn a_message_stays_hidden_while_its_function_can_be_tried_again() {
        assert!(QUEUE_VISIBILITY >= 6 * DISPATCHER_TIMEOUT);
        assert!(QUEUE_VISIBILITY <= Duration::from_secs(12 * 60 * 60));
    }
}
