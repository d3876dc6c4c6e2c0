//! Numbers that look random and come again with the same seed (SplitMix64).

use super::{now, say, setting};

#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// From `CROSSDOCK_SEED`, or a new seed; said either way, so that a failure can be played again.
    pub(crate) fn seeded(test: &str) -> Self {
        let given = setting("CROSSDOCK_SEED").map(|text| match text.parse() {
            Ok(seed) => seed,
            Err(_) => panic!("CROSSDOCK_SEED: found {text:?}, expected a whole number"),
        });
        let seed = given.unwrap_or_else(|| now().as_nanosecond() as u64 % 1_000_000_000);
        say(&format!("{test}: CROSSDOCK_SEED={seed}"));
        Self(seed)
    }

    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// Another source of numbers, for somebody else.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let place = self.below(from.len() as u64) as usize;
        &from[place]
    }
}
