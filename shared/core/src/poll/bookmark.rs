//! How far a collection has been read: a time, or the last cursor of a source whose cursors are made to come back to
//! (contract §1). A bookmark that is of the other kind, because the hub file has changed, is none.

use serde_json::Value;

use super::time_style::{self, TimeStyle};
use crate::{
    Timestamp,
    hub::{Collection, Pages, TimeFormat},
    object::parse_time,
};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Bookmark {
    /// Nothing has been read that need not be read again.
    #[default]
    None,
    Time(Timestamp),
    Cursor(Value),
}

impl Bookmark {
    /// As it was stored.
    pub(super) fn read(collection: &Collection, text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::None };
        match collection.pages {
            Pages::Cursor { resume: true, .. } => serde_json::from_str(text).map_or(Self::None, Self::Cursor),
            _ => time(text).map_or(Self::None, Self::Time),
        }
    }

    /// To be stored: a time as its source writes it, a cursor as JSON.
    pub(super) fn write(&self, style: Option<TimeStyle>) -> Option<String> {
        match self {
            Self::None => None,
            Self::Time(time) => Some(time_style::write(style, *time)),
            Self::Cursor(cursor) => Some(cursor.to_string()),
        }
    }

    /// A time no later than `reached`; no time where that is none.
    pub(super) fn at_most(self, reached: Option<Timestamp>) -> Self {
        match self {
            Self::Time(time) => reached.map_or(Self::None, |reached| Self::Time(time.min(reached))),
            other => other,
        }
    }

    pub(super) fn time(&self) -> Option<Timestamp> {
        if let Self::Time(time) = self { Some(*time) } else { None }
    }
}

impl From<Option<Timestamp>> for Bookmark {
    fn from(time: Option<Timestamp>) -> Self {
        time.map_or(Self::None, Self::Time)
    }
}

fn time(text: &str) -> Option<Timestamp> {
    parse_time(TimeFormat::Rfc3339, &Value::String(text.to_owned())).ok()
}
