//! Which of many prefixes, or suffixes, a text has: one look-up for each length that any of them has.

use std::collections::{BTreeSet, HashMap};

#[derive(Debug, Default)]
pub(super) struct Affixes {
    /// In bytes.
    lengths: BTreeSet<usize>,
    places: HashMap<Box<str>, Vec<usize>>,
}

impl Affixes {
    pub(super) fn add(&mut self, affix: &str, place: usize) {
        self.lengths.insert(affix.len());
        self.places.entry(affix.into()).or_default().push(place);
    }

    pub(super) fn prefixes_of<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.of(text.len(), move |length| text.get(..length))
    }

    pub(super) fn suffixes_of<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.of(text.len(), move |length| text.get(text.len() - length..))
    }

    /// `part` answers `None` in the middle of a character.
    fn of<'a>(
        &'a self,
        longest: usize,
        part: impl Fn(usize) -> Option<&'a str> + 'a,
    ) -> impl Iterator<Item = usize> + 'a {
        let parts = self.lengths.range(..=longest).filter_map(move |length| part(*length));
        parts.filter_map(|part| self.places.get(part)).flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_affix_of_a_text() {
        let mut affixes = Affixes::default();
        for (place, affix) in ["", "a", "ab", "é", "b", "a", "abc"].into_iter().enumerate() {
            affixes.add(affix, place);
        }
        let check = |text: &str, prefixes: &[usize], suffixes: &[usize]| {
            assert_eq!(affixes.prefixes_of(text).collect::<Vec<_>>(), prefixes, "{text}");
            assert_eq!(affixes.suffixes_of(text).collect::<Vec<_>>(), suffixes, "{text}");
        };
        check("ab", &[0, 1, 5, 2], &[0, 4, 2]);
        check("é", &[0, 3], &[0, 3]);
        check("", &[0], &[0]);
        check("xé", &[0], &[0, 3]);
    }
}
