//! Why an invocation failed, for Lambda's own books and whoever reads them.

use crossdock_core::port::PortError;
use lambda_runtime::Diagnostic;

/// An invocation that did not do what it was for. Lambda counts it as a function error, and repeats what was invoked
/// asynchronously. No text of these carries a payload or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The event is none that this function knows: what was found, and what was expected.
    #[error("{0}")]
    Event(String),
    /// The store, the bus or a queue could not be reached, or refused.
    #[error("{0}")]
    Trouble(String),
    /// A defect of the hub; the log says where.
    #[error("the function panicked")]
    Panic,
}

impl Failure {
    /// As `errorType`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "BadEvent",
            Self::Trouble(_) => "Trouble",
            Self::Panic => "Panic",
        }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::Trouble(error.to_string())
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self { error_type: failure.kind().to_owned(), error_message: failure.to_string() }
    }
}
