//! Dispatching: entries of an endpoint's queue become attempts, and each attempt one outcome in the ledger (contract §5).
//!
//! The order of things is what keeps anything from vanishing: the answer and all that follows from it are stored in one
//! transaction, only then does the entry leave the queue. A crash before it asks the endpoint again, under the same
//! `webhook-id`; a crash after it finds the round ended and only clears the queue. A dead letter is sent to the
//! dead-letter queue first, then recorded, then deleted: two copies after a crash share one `message_id`.
//!
//! `ask` is a question that is no delivery. [`ordered`] says whose turn it is at an endpoint that wants its versions in order. [`outgoing`] writes a request, [`format`] its body, [`signing`] says which secrets sign it, [`outcome`] turns an answer
//! into what is to be recorded; none of them does I/O but for looking up secrets.
//! [`objects`] is what of an answer is done after its outcome is recorded, from what is recorded.
//! [`Dispatcher`] reads for a whole batch at once and settles entry by entry, so that no entry waits for its neighbours.

mod ask;
mod bounds;
mod chain;
mod conclude;
mod destination;
mod dispatcher;
mod ending;
mod fetch;
mod format;
#[cfg(test)]
mod golden;
mod objects;
mod once;
mod ordered;
mod outcome;
mod outgoing;
mod poison;
mod resting;
mod signing;
mod waiting;

pub(crate) use ask::{AskError, Question, ask};
pub(crate) use dispatcher::UNKNOWN_ROUTE_PATIENCE;
pub use dispatcher::{Dispatcher, Disposition, Job};
pub(crate) use outcome::MOST_ROUNDS;
pub use waiting::MOST_POLLS;
