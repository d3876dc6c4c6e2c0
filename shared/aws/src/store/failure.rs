//! What goes wrong in DynamoDB, as the ports say it: the operation and AWS's error code. Its message is left out, because it
//! may quote an item.

use std::{error::Error, fmt};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use crossdock_core::port::{PortError, PutError};

use crate::failure::{self, coded};

/// Codes that find fault with the request itself.
const PERMANENT: [&str; 4] = [
    "ValidationException",
    "SerializationException",
    "IdempotentParameterMismatchException",
    "ItemCollectionSizeLimitExceededException",
];

/// The same among the reasons of a cancelled transaction.
const PERMANENT_REASONS: [&str; 2] = ["ValidationError", "ItemCollectionSizeLimitExceeded"];

/// Reasons that pass by themselves: someone else's transaction on the same item, and two kinds of throttling.
const PASSING_REASONS: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// `operation` as IAM spells it, without the service: `PutItem`.
pub(super) fn failure<E, R>(operation: &str, error: &SdkError<E, R>) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    let tried = format!("dynamodb:{operation}");
    match error.as_service_error() {
        Some(service) => coded(tried, service.code(), None, &PERMANENT),
        None => failure::failure(tried, error, &PERMANENT),
    }
}

/// What is found fault with for good is this very write: too many bytes, or a value that DynamoDB does not take.
pub(super) fn put_error(error: PortError) -> PutError {
    if error.transient { error.into() } else { PutError::Impossible(error.what) }
}

/// A transaction that was cancelled for these reasons, none of which is a condition, and whether it may be tried again at
/// once.
pub(super) fn cancelled(codes: &[&str]) -> (PortError, bool) {
    let what = format!("dynamodb:TransactWriteItems was cancelled: {}", codes.join(", "));
    let is_permanent = codes.iter().any(|code| PERMANENT_REASONS.contains(code));
    let passes = !codes.is_empty() && codes.iter().all(|code| PASSING_REASONS.contains(code));
    (PortError { what, transient: !is_permanent }, passes)
}
