//! How a source writes its times, so that what it is asked for looks like what it has.
//!
//! Some sources compare times as text. For them `10:00:00.12Z` comes after `10:00:00.120Z`, and `10:00:00Z` after
//! `10:00:00+00:00`: a row that has the very time that was asked for would be missed. So a time is written as the source
//! itself wrote the last one: the same separator, no fewer digits behind the point, the same zone. A time is never
//! rounded: where it needs more digits than the source showed, it gets them.
//!
//! Deliberately absent: styles whose times are not to the second (days alone), and odd ones (`t`, `z`, a comma). For
//! them, and while nothing is known, a time is written as RFC 3339 has it, in UTC.

use jiff::{
    SignedDuration,
    tz::{Offset, TimeZone},
};
use serde_json::Value;

use crate::{Timestamp, hub::TimeFormat, object::parse_time};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeStyle {
    separator: char,
    /// Behind the point; 0: no point.
    digits: usize,
    zone: Zone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    /// Left out, and taken as UTC.
    Unsaid,
    Z,
    Offset {
        offset: Offset,
        colon: bool,
    },
}

impl TimeStyle {
    /// Of a time as a source wrote it; `None` where writing it again would not give the same text.
    pub(super) fn of(text: &str) -> Option<Self> {
        let time = parse_time(TimeFormat::Rfc3339, &Value::String(text.to_owned())).ok()?;
        let separator = text.chars().nth(10)?;
        let rest = text.get(19..)?;
        let (digits, zone) = match rest.strip_prefix('.') {
            Some(fraction) => {
                let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
                (digits, &fraction[digits..])
            }
            None => (0, rest),
        };
        let style = Self { separator, digits, zone: Zone::of(zone)? };
        (style.write(time) == text).then_some(style)
    }

    fn write(self, time: Timestamp) -> String {
        let offset = if let Zone::Offset { offset, .. } = self.zone { offset } else { Offset::UTC };
        let local = time.to_zoned(TimeZone::fixed(offset)).datetime();
        let mut text = format!(
            "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}",
            local.year(),
            local.month(),
            local.day(),
            self.separator,
            local.hour(),
            local.minute(),
            local.second()
        );
        let nanos = format!("{:09}", local.subsec_nanosecond());
        let digits = self.digits.max(nanos.trim_end_matches('0').len());
        if digits > 0 {
            text.push('.');
            // Jiff reads no more than nine.
            text.push_str(&nanos[..digits.min(nanos.len())]);
        }
        match self.zone {
            Zone::Unsaid => {}
            Zone::Z => text.push('Z'),
            Zone::Offset { offset, colon } => {
                let minutes = offset.seconds() / 60;
                let sign = if minutes < 0 { '-' } else { '+' };
                let colon = if colon { ":" } else { "" };
                text.push_str(&format!("{sign}{:02}{colon}{:02}", minutes.abs() / 60, minutes.abs() % 60));
            }
        }
        text
    }
}

impl Zone {
    fn of(text: &str) -> Option<Self> {
        match text {
            "" => return Some(Self::Unsaid),
            "Z" => return Some(Self::Z),
            _ => {}
        }
        let colon = text.contains(':');
        let digits: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
        if digits.len() != 4 {
            return None;
        }
        let (hours, minutes): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let offset = Offset::from_seconds(sign * (hours * 60 + minutes) * 60).ok()?;
        Some(Self::Offset { offset, colon })
    }
}

/// What lies between two times that a source can tell apart; whole seconds, where it has not shown any others.
pub(super) fn step(format: TimeFormat, style: Option<TimeStyle>) -> SignedDuration {
    let digits = match format {
        TimeFormat::Rfc3339 => style.map_or(0, |style| style.digits),
        TimeFormat::Epoch => 0,
        TimeFormat::EpochMs => 3,
    };
    // Jiff reads no more than nine.
    let nanos = 10_i64.pow(9 - u32::try_from(digits).unwrap_or(9).min(9));
    SignedDuration::from_nanos(nanos)
}

/// In the source's style, or as RFC 3339 has it.
pub(super) fn write(style: Option<TimeStyle>, time: Timestamp) -> String {
    style.map_or_else(|| time.to_string(), |style| style.write(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time as the source wrote it, another one, and how that one is written for the source.
    fn check(shown: &str, other: &str, expected: &str) {
        let style = TimeStyle::of(shown);
        assert_eq!(write(style, other.parse().unwrap()), expected, "{shown} {style:?}");
    }

    #[test]
    fn a_time_is_written_as_the_source_writes_its_own() {
        let five = "2026-11-21T10:00:05Z";
        check("2026-11-21T10:00:10Z", five, "2026-11-21T10:00:05Z");
        check("2026-11-21T10:00:10.120Z", five, "2026-11-21T10:00:05.000Z");
        check("2026-11-21T10:00:10.123456Z", five, "2026-11-21T10:00:05.000000Z");
        check("2026-11-21T10:00:10.123456789+00:00", five, "2026-11-21T10:00:05.000000000+00:00");
        check("2026-11-21T11:00:10+01:00", five, "2026-11-21T11:00:05+01:00");
        check("2026-11-21T04:30:10.0-0530", five, "2026-11-21T04:30:05.0-0530");
        check("2026-11-21 10:00:10", five, "2026-11-21 10:00:05");
        check("2026-11-21 10:00:10.50", five, "2026-11-21 10:00:05.00");
        // Across midnight, in the source's zone.
        check("2026-11-22T00:30:00+09:00", "2026-11-21T14:59:59Z", "2026-11-21T23:59:59+09:00");
    }

    #[test]
    fn no_time_is_rounded() {
        check("2026-11-21T10:00:10Z", "2026-11-21T10:00:05.5Z", "2026-11-21T10:00:05.5Z");
        check("2026-11-21T10:00:10.12Z", "2026-11-21T10:00:05.123456789Z", "2026-11-21T10:00:05.123456789Z");
    }

    #[test]
    fn a_step_is_what_the_source_can_tell_apart() {
        fn check(format: TimeFormat, shown: &str, expected: &str) {
            let style = TimeStyle::of(shown);
            let five: Timestamp = "2026-11-21T10:00:05Z".parse().unwrap();
            assert_eq!((five - step(format, style)).to_string(), expected, "{shown:?}");
        }
        check(TimeFormat::Rfc3339, "2026-11-21T10:00:10", "2026-11-21T10:00:04Z");
        check(TimeFormat::Rfc3339, "2026-11-21T10:00:10.120Z", "2026-11-21T10:00:04.999Z");
        check(TimeFormat::Rfc3339, "2026-11-21T10:00:10.123456789Z", "2026-11-21T10:00:04.999999999Z");
        check(TimeFormat::Rfc3339, "", "2026-11-21T10:00:04Z");
        check(TimeFormat::Epoch, "", "2026-11-21T10:00:04Z");
        check(TimeFormat::EpochMs, "", "2026-11-21T10:00:04.999Z");
    }

    #[test]
    fn an_odd_style_is_none() {
        for odd in [
            "",
            "2026-11-21",
            "2026-11-21T10:00Z",
            "2026-11-21t10:00:00z",
            "2026-11-21T10:00:00,5Z",
            "2026-11-21T10:00:00-00:00",
            "2026-11-21T10:00:00+01",
            " 2026-11-21T10:00:00Z",
            "2026-11-21T10:00:00Z[UTC]",
            "yesterday, more or less",
            "２０２６-11-21T10:00:00Z",
        ] {
            assert_eq!(TimeStyle::of(odd), None, "{odd:?}");
        }
        check("2026-11-21", "2026-11-21T10:00:05.500Z", "2026-11-21T10:00:05.5Z");
    }
}
