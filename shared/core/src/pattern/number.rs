//! Numbers as EventBridge compares them.
//!
//! AWS promises a range of -5·10⁹ to 5·10⁹ with six digits after the point, so a number *in a pattern* is kept as whole
//! millionths, exactly, and anything else is refused. A number *in an event* can be anything; AWS's matcher compares it
//! only when a double holds all its digits, and treats it as text that equals no number when one does not. [`comparable`]
//! answers the same, so that a price with twenty digits goes where it goes on AWS.

use std::fmt;

/// A number of a pattern, in millionths.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Millionths(i64);

const ONE: i64 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberFault {
    TooLarge,
    TooFine,
}

impl Millionths {
    pub(super) const MIN: Self = Self(-5_000_000_000 * ONE);
    pub(super) const MAX: Self = Self(5_000_000_000 * ONE);

    /// Of a JSON number's text.
    pub(super) fn parse(text: &str) -> Result<Self, NumberFault> {
        let Decimal { negative, digits, exponent } = Decimal::parse(text);
        if digits.is_empty() {
            return Ok(Self(0));
        }
        let places = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        // 5·10⁹ has ten digits before the point.
        if places.saturating_add(exponent) > 10 {
            return Err(NumberFault::TooLarge);
        }
        if exponent < -6 {
            return Err(NumberFault::TooFine);
        }
        // At most 16 digits, by the two checks above.
        let mut value = digits.bytes().fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
        for _ in 0..exponent + 6 {
            value *= 10;
        }
        let value = Self(if negative { -value } else { value });
        if value < Self::MIN || value > Self::MAX { Err(NumberFault::TooLarge) } else { Ok(value) }
    }

    /// The nearest double, which is the one that AWS compares.
    pub(super) fn as_f64(self) -> f64 {
        // Whole and exact up to 2⁵³ ≈ 9·10¹⁵ on both sides, so the division rounds once.
        #[expect(clippy::cast_precision_loss, reason = "at most 5·10¹⁵, below 2⁵³")]
        let whole = self.0 as f64;
        whole / 1e6
    }
}

impl Millionths {
    /// With its digits.
    pub(super) fn to_json(self) -> serde_json::Value {
        serde_json::from_str(&self.to_string()).unwrap_or_default()
    }
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bound {
    pub(super) at: Millionths,
    pub(super) inclusive: bool,
}

/// Numbers between two bounds. A pattern always has both, so that an event's number beyond EventBridge's range is in none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Range {
    pub(super) lower: Bound,
    pub(super) upper: Bound,
}

impl Range {
    pub(super) const ALL: Self = Self {
        lower: Bound { at: Millionths::MIN, inclusive: true },
        upper: Bound { at: Millionths::MAX, inclusive: true },
    };

    pub(super) fn is_empty(&self) -> bool {
        self.lower.at > self.upper.at
            || (self.lower.at == self.upper.at && !(self.lower.inclusive && self.upper.inclusive))
    }

    pub(super) fn contains(&self, number: Millionths) -> bool {
        (number > self.lower.at || (number == self.lower.at && self.lower.inclusive))
            && (number < self.upper.at || (number == self.upper.at && self.upper.inclusive))
    }

    /// Whether an event's number is in it.
    pub(super) fn holds(&self, number: f64) -> bool {
        let (lower, upper) = (self.lower.at.as_f64(), self.upper.at.as_f64());
        (number > lower || (number == lower && self.lower.inclusive))
            && (number < upper || (number == upper && self.upper.inclusive))
    }

    /// What is in both.
    pub(super) fn and(self, other: Self) -> Self {
        // At one place, the bound that leaves the place out is the narrower.
        let lower = if (self.lower.at, !self.lower.inclusive) >= (other.lower.at, !other.lower.inclusive) {
            self.lower
        } else {
            other.lower
        };
        let upper = if (self.upper.at, self.upper.inclusive) <= (other.upper.at, other.upper.inclusive) {
            self.upper
        } else {
            other.upper
        };
        Self { lower, upper }
    }
}

/// The shortest spelling without an exponent.
impl fmt::Display for Millionths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0.unsigned_abs() / ONE.unsigned_abs(), self.0.unsigned_abs() % ONE.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{whole}")?;
        if part > 0 {
            let part = format!("{part:06}");
            write!(f, ".{}", part.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Millionths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The double that a JSON number of an event is compared as; `None` where a double would lose digits.
pub(super) fn comparable(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    // -0 and 0 are one number.
    let value = if value == 0.0 { 0.0 } else { value };
    // Fifteen digits without an exponent always fit.
    if text.len() <= 15 && !text.contains(['e', 'E']) {
        return Some(value);
    }
    (Decimal::parse(&format!("{value:e}")) == Decimal::parse(text)).then_some(value)
}

/// `digits` · 10^`exponent`, without zeros at either end; zero has no digits, no sign and no exponent.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Of a number in JSON's grammar.
    fn parse(text: &str) -> Self {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{part}");
        let digits = all.trim_start_matches('0').trim_end_matches('0');
        if digits.is_empty() {
            return Self { negative: false, digits: String::new(), exponent: 0 };
        }
        // JSON's grammar leaves only size to fail: an exponent beyond 64 bits is as good as the largest.
        let exponent: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
        let dropped = all.len() - all.trim_end_matches('0').len();
        let shift = i64::try_from(dropped).unwrap_or(i64::MAX) - i64::try_from(part.len()).unwrap_or(i64::MAX);
        Self { negative, digits: digits.to_owned(), exponent: exponent.saturating_add(shift) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_number_is_exact_or_refused() {
        let check = |text: &str, expected: Result<&str, NumberFault>| {
            assert_eq!(Millionths::parse(text).map(|number| number.to_string()), expected.map(str::to_owned), "{text}");
        };
        check("0", Ok("0"));
        check("-0", Ok("0"));
        check("0e99999999999999999999", Ok("0"));
        check("1.0", Ok("1"));
        check("1e2", Ok("100"));
        check("100", Ok("100"));
        check("1.50", Ok("1.5"));
        check("-19.999999", Ok("-19.999999"));
        check("15e-1", Ok("1.5"));
        check("1e-6", Ok("0.000001"));
        check("0.0000010", Ok("0.000001"));
        check("1e-7", Err(NumberFault::TooFine));
        check("19.9999999", Err(NumberFault::TooFine));
        check("5000000000", Ok("5000000000"));
        check("-5e9", Ok("-5000000000"));
        check("4999999999.999999", Ok("4999999999.999999"));
        check("5000000000.000001", Err(NumberFault::TooLarge));
        check("123456789012", Err(NumberFault::TooLarge));
        check("1e99999999999999999999", Err(NumberFault::TooLarge));
        check("1e-99999999999999999999", Err(NumberFault::TooFine));
    }

    #[test]
    fn an_event_number_is_compared_when_a_double_holds_it() {
        let check = |text: &str, expected: Option<f64>| assert_eq!(comparable(text), expected, "{text}");
        check("5", Some(5.0));
        check("5.0", Some(5.0));
        check("0.5e1", Some(5.0));
        check("0.1", Some(0.1));
        check("0.30000000000000004", Some(0.300_000_000_000_000_04));
        check("9007199254740992", Some(9_007_199_254_740_992.0));
        check("9007199254740993", None);
        check("0.1000000000000000055511151231257827", None);
        check("1e400", None);
        check("1e-400", None);
        assert!(comparable("-0.0").is_some_and(f64::is_sign_positive));
    }

    #[test]
    fn a_pattern_number_equals_the_event_number_of_the_same_digits() {
        for text in ["4999999999.999999", "-4999999999.999999", "0.000001", "19.99", "1234567.654321"] {
            assert_eq!(Millionths::parse(text).map(Millionths::as_f64).ok(), comparable(text), "{text}");
        }
    }
}
