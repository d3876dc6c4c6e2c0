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

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(keys: &str) -> Collection {
        let text = format!(
            "{{hub: a, endpoints: {{e: {{url: http://e.test}}}}, sources: {{s: {{url: http://s.test, collections: {{
             c: {{type: t, request: {{path: /}}, id: id, every: 1m, {keys}}}}}}}}}}}"
        );
        let loaded = crate::hub::load("hub.yaml", &text, &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
        loaded.hub.sources.values().next().unwrap().collections[0].clone()
    }

    #[test]
    fn what_was_written_is_read_again() {
        let by_time = collection("since: {param: since, field: at}");
        let by_cursor = collection("pages: {style: cursor, param: after, next: next, resume: true}");
        let time: Timestamp = "2026-11-21T10:00:00.120Z".parse().unwrap();
        let style = TimeStyle::of("2026-11-21 11:00:00.000+0100");
        let cases = [
            (&by_time, Bookmark::None, None),
            (&by_time, Bookmark::Time(time), Some("2026-11-21 11:00:00.120+0100")),
            (&by_cursor, Bookmark::None, None),
            (&by_cursor, Bookmark::Cursor("2026-11-21".into()), Some("\"2026-11-21\"")),
            (&by_cursor, Bookmark::Cursor(7.into()), Some("7")),
        ];
        for (collection, bookmark, text) in cases {
            assert_eq!(bookmark.write(style).as_deref(), text);
            assert_eq!(Bookmark::read(collection, text), bookmark);
            // Of the other kind it is none.
            let other = if std::ptr::eq(collection, &by_time) { &by_cursor } else { &by_time };
            assert_eq!(Bookmark::read(other, text), Bookmark::None);
        }
        // As it was stored before styles were known.
        assert_eq!(Bookmark::read(&by_time, Some("2026-11-21T10:00:00.12Z")), Bookmark::Time(time));
    }
}
