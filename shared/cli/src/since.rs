//! `--since`: how far a command looks back.

use std::{str::FromStr, time::Duration};

use crossdock_core::Timestamp;

/// A length of time before now, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    Ago(Duration),
    At(Timestamp),
}

impl Since {
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
            Self::At(time) => time,
        }
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str =
            "expected a length of time such as 90s, 15m, 6h or 7d, or a time such as 2026-11-21T10:00:00Z";
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let seconds: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(EXPECTED),
        };
        let number: u64 = number.parse().map_err(|_| EXPECTED)?;
        number.checked_mul(seconds).map(Duration::from_secs).map(Self::Ago).ok_or(EXPECTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_back() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let check = |text: &str, expected: &str| {
            assert_eq!(text.parse::<Since>().unwrap().before(now).to_string(), expected, "{text}");
        };
        check("90s", "2026-11-21T09:58:30Z");
        check("15m", "2026-11-21T09:45:00Z");
        check("6h", "2026-11-21T04:00:00Z");
        check("7d", "2026-11-14T10:00:00Z");
        check("2026-11-20T00:00:00+01:00", "2026-11-19T23:00:00Z");
        check("9999999999d", "-009999-01-02T01:59:59Z");
        for wrong in ["", "d", "1", "1w", "1.5h", "-1h", "1 d", "99999999999999999999d", "yesterday", "2026-11-21"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
    }
}
