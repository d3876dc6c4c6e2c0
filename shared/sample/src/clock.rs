//! The sample's own time. The store and the endpoints stand for the world outside the hub, which has a clock of its
//! own; that is why this does not come in through the hub's ports. Everything is kept to the millisecond, as shops do.

use jiff::Timestamp;

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "plays the world outside the hub, whose clock is not the hub's")]
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Of milliseconds since 1970. What lies beyond the year 9999 becomes its end.
pub(crate) fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}

/// RFC 3339 in UTC with three decimals, so that text sorts as time does.
pub(crate) fn text(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_always_carry_three_decimals() {
        let check = |milliseconds, expected| assert_eq!(text(time(milliseconds)), expected);
        check(0, "1970-01-01T00:00:00.000Z");
        check(1_685_606_400_000, "2023-06-01T08:00:00.000Z");
        check(1_685_606_400_120, "2023-06-01T08:00:00.120Z");
    }
}
