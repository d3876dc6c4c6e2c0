//! What goes wrong in DynamoDB, as the ports say it: the operation and AWS's error code. Its message is left out, because it
//! may quote an item.

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use crossdock_core::port::PortError;

/// Codes of what passes: throttling (of the table, the account or a partition), a transaction under way on the same
/// item, credentials that are about to be renewed, trouble of the service itself.
const PASSING: [&str; 10] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "ThrottlingError",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "TransactionInProgressException",
    "InternalServerError",
    "ServiceUnavailable",
    "ExpiredTokenException",
    "LimitExceededException",
];

/// `operation` as IAM spells it, without the service: `PutItem`.
pub(super) fn failure<E: ProvideErrorMetadata + std::error::Error + 'static>(
    operation: &str,
    error: &SdkError<E>,
) -> PortError {
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().unwrap_or("an error without a code");
            let what = format!("dynamodb:{operation} answered {status}: {code}");
            if status >= 500 || PASSING.contains(&code) {
                PortError::transient(what)
            } else {
                PortError::permanent(what)
            }
        }
        SdkError::ConstructionFailure(_) => {
            PortError::permanent(format!("dynamodb:{operation} could not be asked: {}", DisplayErrorContext(error)))
        }
        SdkError::TimeoutError(_) => PortError::transient(format!("dynamodb:{operation} did not answer in time")),
        SdkError::DispatchFailure(_) => {
            PortError::transient(format!("dynamodb:{operation} could not be reached: {}", DisplayErrorContext(error)))
        }
        _ => PortError::transient(format!("dynamodb:{operation} gave no whole answer")),
    }
}
