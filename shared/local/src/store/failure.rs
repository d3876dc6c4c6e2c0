//! What goes wrong in SQLite, as the ports say it.
//!
//! The text names the operation's table or the stored record, never a value: SQLite's own messages name columns only,
//! and of unreadable JSON only the place is told.

use crossdock_core::port::{PortError, PutError, Read, Unreadable};
use rusqlite::ErrorCode;

/// What errors begin with that tell of damage.
const DAMAGED: &str = "the store's file is damaged";

/// And those that tell of a value that SQLite never takes.
const TOO_LARGE: &str = "more than the store's file takes";

/// What `?` makes of SQLite's errors, and of records that are not what they should be.
#[derive(Debug)]
pub(super) enum Failure {
    Port(PortError),
    /// A stored value is not what this program writes.
    Unreadable(Unreadable),
}

impl Failure {
    pub(super) fn unreadable(what: &str) -> Self {
        Self::Unreadable(Unreadable(format!("the store holds an unreadable {what}")))
    }
}

/// One record among others: that it cannot be read is no failure of theirs.
pub(super) fn one<T>(record: Result<T, Failure>) -> Result<Read<T>, Failure> {
    match record {
        Ok(record) => Ok(Ok(record)),
        Err(Failure::Unreadable(error)) => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

/// The first so many that can be read. The others are told of and harm none of them; `what` names one.
pub(super) fn first_readable<T>(
    records: impl Iterator<Item = Result<Read<T>, Failure>>,
    limit: usize,
    what: &str,
) -> Result<Vec<T>, Failure> {
    let mut found = Vec::new();
    for record in records {
        if found.len() == limit {
            break;
        }
        match record? {
            Ok(record) => found.push(record),
            Err(error) => tracing::error!(error = %error, "{what} cannot be read; the others go on"),
        }
    }
    Ok(found)
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

impl From<Failure> for PortError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Port(error) => error,
            Failure::Unreadable(error) => error.into(),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::FromSqlConversionFailure(column, ..)
            | rusqlite::Error::IntegralValueOutOfRange(column, _)
            | rusqlite::Error::InvalidColumnType(column, ..) => Self::unreadable(&format!("value, column {column}")),
            error => Self::Port(port_error(&error)),
        }
    }
}

pub(super) fn port_error(error: &rusqlite::Error) -> PortError {
    let rusqlite::Error::SqliteFailure(code, _) = error else {
        return PortError::permanent(format!("the store: {error}"));
    };
    let hint = match code.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            "; another process keeps the store locked"
        }
        ErrorCode::DiskFull => "; nothing was stored, make room on the disk",
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::OutOfMemory => "; nothing was stored",
        ErrorCode::OperationInterrupted | ErrorCode::OperationAborted | ErrorCode::SchemaChanged => "",
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            return PortError::permanent(format!(
                "{DAMAGED}: {error}; stop whatever works on it and put a backup in its place"
            ));
        }
        ErrorCode::TooBig => return PortError::permanent(format!("{TOO_LARGE}: {error}")),
        _ => return PortError::permanent(format!("the store: {error}")),
    };
    PortError::transient(format!("the store: {error}{hint}"))
}

/// Whether it is this very write that will always be refused.
pub(super) fn is_too_large(error: &PortError) -> bool {
    !error.transient && error.what.starts_with(TOO_LARGE)
}

/// Tells what is this very record's from what is the matter with the store.
pub(super) fn put_error(error: PortError) -> PutError {
    if is_too_large(&error) { PutError::Impossible(error.what) } else { error.into() }
}

/// Whether this file should not be written to any more.
pub(super) fn is_damage(error: &PortError) -> bool {
    !error.transient && error.what.starts_with(DAMAGED)
}
