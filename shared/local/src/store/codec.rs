//! How values stand in the tables: times as microseconds since 1970, which is what the store keeps of a time's
//! nanoseconds, and JSON as text.

use std::time::Duration;

use crossdock_core::{
    Timestamp,
    id::{CollectionKey, CollectionName, ObjectKey, SourceName},
    port::PortError,
};
use rusqlite::Row;
use serde::{Serialize, de::DeserializeOwned};

use super::failure::Failure;

pub(super) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// `later` after `now`; a time that no clock reaches stands for whatever lies beyond it.
pub(super) fn micros_after(now: Timestamp, later: Duration) -> i64 {
    micros(now).saturating_add(i64::try_from(later.as_micros()).unwrap_or(i64::MAX))
}

pub(super) fn time(micros: i64) -> Result<Timestamp, Failure> {
    Timestamp::from_microsecond(micros).map_err(|_| Failure::unreadable("time"))
}

pub(super) fn optional_time(micros: Option<i64>) -> Result<Option<Timestamp>, Failure> {
    micros.map(time).transpose()
}

/// `what` names the record in the error.
pub(super) fn to_json(what: &str, value: &(impl Serialize + ?Sized)) -> Result<String, PortError> {
    serde_json::to_string(value)
        .map_err(|error| PortError::permanent(format!("{what} cannot be written as JSON: {:?}", error.classify())))
}

pub(super) fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Failure> {
    // serde_json's message may quote the value; its kind and place do not.
    serde_json::from_str(text).map_err(|error| {
        Failure::unreadable(&format!(
            "{what}: {:?} error at line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        ))
    })
}

/// The text of a column, without copying it.
pub(super) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, Failure> {
    row.get_ref(column)?.as_str().map_err(|_| Failure::unreadable("text"))
}

pub(super) fn optional_text<'a>(row: &'a Row<'_>, column: usize) -> Result<Option<&'a str>, Failure> {
    row.get_ref(column)?.as_str_or_null().map_err(|_| Failure::unreadable("text"))
}

pub(super) fn name<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> Result<T, Failure> {
    text(row, column)?.parse().map_err(|_| Failure::unreadable("name"))
}

/// Source, collection and id, in three columns from `first` on.
pub(super) fn object_key(row: &Row<'_>, first: usize) -> Result<ObjectKey, Failure> {
    let source: SourceName = name(row, first)?;
    let collection: CollectionName = name(row, first + 1)?;
    Ok(ObjectKey { collection: CollectionKey { source, collection }, id: text(row, first + 2)?.to_owned() })
}
