//! Ratios that a noisy machine can be asked for: those who are compared take turns, so that what troubles one troubles
//! all, and of each the median counts.

use std::time::{Duration, Instant};

/// The median of what each turn says it took.
pub(crate) fn medians<const N: usize>(rounds: usize, mut turns: [&mut dyn FnMut() -> Duration; N]) -> [Duration; N] {
    let mut times: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::with_capacity(rounds));
    for _ in 0..rounds {
        for (turn, times) in turns.iter_mut().zip(&mut times) {
            times.push(turn());
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

#[expect(clippy::disallowed_methods, reason = "measures; nothing depends on it")]
pub(crate) fn timed(run: impl FnOnce()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}
