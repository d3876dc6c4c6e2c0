//! Which of two versions of an object is the newer one, as far as its source tells: a number that goes up with every
//! change, or a time. A number and a time say nothing about each other, and neither does what is not there.

use std::{cmp::Ordering, fmt, str::FromStr};

use crate::Timestamp;

/// A place in the order of an object's changes. Its text ([`fmt::Display`]) is what stores keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// A version or a sequence number: one per change.
    Number(i128),
    /// Of the last change. Sources write times coarsely: two changes may have the same.
    Time(Timestamp),
}

impl Order {
    /// The newer one; where nothing tells, what was seen last.
    pub fn newest(before: Option<Self>, seen: Option<Self>) -> Option<Self> {
        match (before, seen) {
            (Some(before), Some(seen)) if seen < before => Some(before),
            (before, seen) => seen.or(before),
        }
    }
}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => Some(one.cmp(other)),
            (Self::Time(one), Self::Time(other)) => Some(one.cmp(other)),
            (Self::Number(_), Self::Time(_)) | (Self::Time(_), Self::Number(_)) => None,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Time(time) => time.fmt(f),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither a whole number nor an RFC 3339 time")]
pub struct NoOrder;

impl FromStr for Order {
    type Err = NoOrder;

    fn from_str(text: &str) -> Result<Self, NoOrder> {
        let number = text.parse().map(Self::Number);
        number.or_else(|_| text.parse().map(Self::Time)).map_err(|_| NoOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> Order {
        text.parse().unwrap()
    }

    #[test]
    fn its_text_is_the_order_again() {
        for text in ["0", "-3", "18446744073709551616", "2026-11-21T10:00:00Z", "2026-11-21T10:00:00.000000001Z"] {
            assert_eq!(order(text).to_string(), text);
        }
        for text in ["", "1.5", "soon", "2026-11-21"] {
            assert_eq!(text.parse::<Order>(), Err(NoOrder), "{text}");
        }
    }

    #[test]
    fn the_newest_is_what_came_last_where_nothing_tells() {
        let (day, next) = ("2026-11-21T10:00:00Z", "2026-11-22T10:00:00Z");
        for (before, seen, newest) in [
            ("1", "2", "2"),
            ("10", "9", "10"),
            (day, next, next),
            (next, day, next),
            // In another zone, the same.
            (day, "2026-11-21T11:00:00+01:00", day),
            (day, "1", "1"),
            ("9", day, day),
        ] {
            assert_eq!(Order::newest(Some(order(before)), Some(order(seen))), Some(order(newest)), "{before} {seen}");
        }
        assert_eq!(Order::newest(Some(order("1")), None), Some(order("1")));
        assert_eq!(Order::newest(None, Some(order("1"))), Some(order("1")));
        assert_eq!(Order::newest(None, None), None);
    }
}
