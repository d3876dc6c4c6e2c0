//! Which combinations an event can match.
//!
//! Every combination is filed under one of its conditions, the one that it shares with fewest others: under each of the
//! texts, numbers, prefixes, suffixes and ranges that the condition takes. An event whose values at the path are none of
//! those cannot match, and never meets the combination.
//!
//! What no value can be looked up for (`anything-but`, `wildcard`, `exists: true`) is filed under the path being there at
//! all, and `exists: false` under nothing: a combination is filed so only if it has no better condition. The same holds
//! for what thousands of patterns ask alike. They are looked at one by one, as they would be without an index.

use std::collections::HashMap;

use super::{
    Condition, Conjunction,
    affixes::Affixes,
    fields::{Event, Scalar},
    ranges::Ranges,
};
use crate::pattern::{
    number::{Millionths, Range},
    shape::Leaf,
    text::Form,
};

#[derive(Debug, Default)]
pub(super) struct Index {
    paths: HashMap<usize, Files>,
    /// Of combinations that take events without any of their fields.
    always: Vec<usize>,
}

/// Combinations by what a value at one path can be.
#[derive(Debug, Default)]
struct Files {
    texts: HashMap<Box<str>, Vec<usize>>,
    /// By the bits of the double; `comparable` leaves one zero.
    numbers: HashMap<u64, Vec<usize>>,
    booleans: [Vec<usize>; 2],
    nulls: Vec<usize>,
    prefixes: Affixes,
    suffixes: Affixes,
    /// By the text in lower case.
    ignoring_case: HashMap<Box<str>, Vec<usize>>,
    ranges: Ranges,
    /// Whatever the value.
    any: Vec<usize>,
}

impl Index {
    /// Files the combinations, and puts their conditions in the order in which they tell most.
    pub(super) fn new(conditions: &[Condition], combinations: &mut [Conjunction]) -> Self {
        let parts = combinations.iter().flat_map(|combination| &combination.parts);
        let crowds = Crowds::of(parts.filter_map(|part| conditions.get(part.condition)), combinations.len());
        let crowds: Vec<usize> = conditions.iter().map(|condition| crowds.at(condition)).collect();

        let mut index = Self::default();
        let mut ranges: HashMap<usize, Vec<(f64, f64, usize)>> = HashMap::new();
        for (place, combination) in combinations.iter_mut().enumerate() {
            combination.telling = combination.parts.iter().map(|part| part.condition).collect();
            combination.telling.sort_by_key(|condition| crowds.get(*condition));
            let mut telling = combination.telling.iter().filter_map(|condition| conditions.get(*condition));
            let Some(condition) = telling.find(|condition| !condition.takes_absence()) else {
                index.always.push(place);
                continue;
            };
            // Where it is looked up, it is known to hold.
            combination.telling.rotate_left(1);
            let files = index.paths.entry(condition.path).or_default();
            for leaf in &condition.leaves {
                if let Leaf::Range(range) = leaf {
                    let ends = (range.lower.at.as_f64(), range.upper.at.as_f64(), place);
                    ranges.entry(condition.path).or_default().push(ends);
                } else {
                    files.add(leaf, place);
                }
            }
        }
        for (path, ranges) in ranges {
            index.paths.entry(path).or_default().ranges = Ranges::new(ranges);
        }
        index
    }

    /// Sorted, each once.
    pub(super) fn candidates(&self, event: &Event<'_>) -> Vec<usize> {
        let mut found = self.always.clone();
        for (path, values) in event.paths() {
            let Some(files) = self.paths.get(&path) else { continue };
            found.extend(&files.any);
            for value in values {
                files.look_up(&value.value, &mut found);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// How many combinations an event that meets a condition has to be looked at for, about.
struct Crowds<'a> {
    /// By path: how many ask for the very same.
    sharing: HashMap<(usize, &'a Leaf), usize>,
    /// By path, each sorted: the lower and the upper ends of all ranges.
    ends: HashMap<usize, [Vec<Millionths>; 2]>,
    all: usize,
}

impl<'a> Crowds<'a> {
    fn of(conditions: impl Iterator<Item = &'a Condition>, all: usize) -> Self {
        let mut crowds = Self { sharing: HashMap::new(), ends: HashMap::new(), all };
        for condition in conditions {
            for leaf in &condition.leaves {
                *crowds.sharing.entry((condition.path, leaf)).or_default() += 1;
                if let Leaf::Range(range) = leaf {
                    let [lower, upper] = crowds.ends.entry(condition.path).or_default();
                    lower.push(range.lower.at);
                    upper.push(range.upper.at);
                }
            }
        }
        crowds.ends.values_mut().flatten().for_each(|ends| ends.sort_unstable());
        crowds
    }

    fn at(&self, condition: &Condition) -> usize {
        let of = |leaf: &Leaf| match leaf {
            Leaf::Range(range) => self.overlapping(condition.path, range),
            Leaf::Text(_) | Leaf::Number(_) | Leaf::Boolean(_) | Leaf::Null => self.sharing(condition.path, leaf),
            Leaf::Form(Form::Prefix | Form::Suffix | Form::EqualsIgnoreCase, _) => self.sharing(condition.path, leaf),
            // That a path is there says next to nothing.
            Leaf::Form(Form::PrefixIgnoreCase | Form::SuffixIgnoreCase | Form::Wildcard, _)
            | Leaf::OtherTexts(_)
            | Leaf::OtherNumbers(_)
            | Leaf::OtherForms(..)
            | Leaf::Exists(_) => self.all,
        };
        condition.leaves.iter().map(of).sum()
    }

    fn sharing(&self, path: usize, leaf: &Leaf) -> usize {
        self.sharing.get(&(path, leaf)).copied().unwrap_or_default()
    }

    fn overlapping(&self, path: usize, range: &Range) -> usize {
        let Some([lower, upper]) = self.ends.get(&path) else { return 0 };
        let end_before = upper.partition_point(|end| *end < range.lower.at);
        let begin_behind = lower.len() - lower.partition_point(|end| *end <= range.upper.at);
        lower.len() - end_before - begin_behind
    }
}

impl Files {
    fn add(&mut self, leaf: &Leaf, place: usize) {
        let list = match leaf {
            Leaf::Text(text) => self.texts.entry(text.as_str().into()).or_default(),
            Leaf::Number(number) => self.numbers.entry(number.as_f64().to_bits()).or_default(),
            Leaf::Boolean(value) => &mut self.booleans[usize::from(*value)],
            Leaf::Null => &mut self.nulls,
            Leaf::Form(Form::Prefix, text) => return self.prefixes.add(text, place),
            Leaf::Form(Form::Suffix, text) => return self.suffixes.add(text, place),
            Leaf::Form(Form::EqualsIgnoreCase, text) => self.ignoring_case.entry(lower(text)).or_default(),
            _ => &mut self.any,
        };
        list.push(place);
    }

    fn look_up(&self, value: &Scalar<'_>, found: &mut Vec<usize>) {
        match value {
            Scalar::Text(text) => {
                found.extend(self.texts.get(*text).into_iter().flatten());
                found.extend(self.prefixes.prefixes_of(text));
                found.extend(self.suffixes.suffixes_of(text));
                if !self.ignoring_case.is_empty() {
                    found.extend(self.ignoring_case.get(&lower(text)).into_iter().flatten());
                }
            }
            Scalar::Number(Some(number)) => {
                found.extend(self.numbers.get(&number.to_bits()).into_iter().flatten());
                self.ranges.around(*number, |place| found.push(place));
            }
            Scalar::Number(None) => {}
            Scalar::Boolean(value) => found.extend(&self.booleans[usize::from(*value)]),
            Scalar::Null => found.extend(&self.nulls),
        }
    }
}

/// Character by character, as [`Form::EqualsIgnoreCase`] compares.
fn lower(text: &str) -> Box<str> {
    text.chars().flat_map(char::to_lowercase).collect::<String>().into()
}
