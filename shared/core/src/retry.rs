//! When a failed delivery is tried again.

use std::time::Duration;

use crate::Timestamp;

/// The waits between attempts; one attempt more than waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    waits: Vec<Duration>,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// A wait is stretched or shortened by up to a fifth, so that what failed together does not come back together.
const JITTER: f64 = 0.2;

impl Default for RetryPolicy {
    /// 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 4 h, 8 h: ten attempts over about 16 hours.
    fn default() -> Self {
        let seconds = [5, 30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR];
        Self { waits: seconds.map(Duration::from_secs).to_vec() }
    }
}

impl RetryPolicy {
    /// The longest wait that visibility can hold, jitter included: 12 hours (SQS).
    pub const LONGEST_WAIT: Duration = Duration::from_secs(10 * HOUR);
    /// What a `Retry-After` may ask for at most.
    pub const RETRY_AFTER_CAP: Duration = Duration::from_secs(HOUR);

    pub fn new(waits: Vec<Duration>) -> Self {
        Self { waits }
    }

    /// The first failure is the last.
    pub fn none() -> Self {
        Self { waits: Vec::new() }
    }

    pub fn waits(&self) -> &[Duration] {
        &self.waits
    }

    /// How long to wait after the `failed`-th failed attempt (from 1); `None`: the schedule is used up. `fraction` is
    /// random, 0 to 1. `Retry-After` only ever delays, up to its cap.
    pub fn wait_after(&self, failed: u32, fraction: f64, retry_after: Option<Duration>) -> Option<Duration> {
        let place = usize::try_from(failed).ok()?.checked_sub(1)?;
        let wait = self.waits.get(place)?.mul_f64(1.0 - JITTER + 2.0 * JITTER * fraction.clamp(0.0, 1.0));
        Some(match retry_after {
            Some(asked) => wait.max(asked.min(Self::RETRY_AFTER_CAP)),
            None => wait,
        })
    }
}

/// What a `Retry-After` asks for: seconds or an HTTP date (RFC 9110 §10.2.3). Some servers write `2.0`.
pub(crate) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(whole) && digits(fraction) {
        // More than a number can hold is a long time too.
        let seconds: u64 = whole.parse().unwrap_or(u64::MAX);
        let begun = fraction.bytes().any(|digit| digit != b'0');
        return Some(Duration::from_secs(seconds.saturating_add(begun.into())));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Duration::try_from(at.duration_since(now)).ok()
}

#[cfg(test)]
mod tests;
