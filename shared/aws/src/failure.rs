//! What a failed call to AWS means to the core.

use std::{error::Error, fmt, iter};

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use crossdock_core::port::PortError;

/// Says what was tried and what AWS made of it. Permanent only where the code is one of those that find fault with the
/// request itself; a missing permission or resource is the operator's to mend, and then the same call succeeds.
pub(crate) fn failure<E, R>(tried: impl fmt::Display, error: &SdkError<E, R>, permanent: &[&str]) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    match error.as_service_error() {
        Some(service) => coded(tried, service.code(), service.message(), permanent),
        None => PortError::transient(format!("{tried}: {}", chain(error))),
    }
}

/// The same of an entry of a batch, which has a code of its own.
pub(crate) fn coded(
    tried: impl fmt::Display,
    code: Option<&str>,
    message: Option<&str>,
    permanent: &[&str],
) -> PortError {
    let code = code.unwrap_or("an error without a code");
    let what = match message {
        Some(message) => format!("{tried}: {code}: {message}"),
        None => format!("{tried}: {code}"),
    };
    // SQS puts its own name in front of some codes.
    let kind = code.rsplit('.').next().unwrap_or(code);
    PortError { what, transient: !permanent.contains(&kind) }
}

/// An error and its causes. The SDK's own display of them has the whole answer in it, body and all.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
