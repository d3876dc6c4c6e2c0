//! Many patterns, matched in this process as EventBridge matches them (AWS's event-ruler 2.0.1).
//!
//! A pattern is taken apart into the combinations of its `$or` branches, and a combination into conditions: a path, and a
//! list of matchers one of which a value there has to pass. What an event costs depends on what is in it, hardly on how
//! many patterns there are:
//! - [`fields`] reads the fields that any pattern names, and passes over the rest;
//! - [`index`] says which combinations can match, by the one condition of each that fewest others share;
//! - only those are looked at, and a condition that several of them have is tried once.
//!
//! Arrays are looked through. Values from different elements of one array never match together; [`together`] sees to that.
//!
//! Deliberately absent: adding and removing patterns. A hub's routes change when it starts.

mod affixes;
mod fields;
mod index;
mod ranges;
mod together;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
};

use serde_json::Value;

use self::{
    fields::{Event, Paths, Scalar},
    index::Index,
};
use super::{
    EventPattern,
    shape::{Combination, Leaf},
};

/// Matches events against many patterns.
pub struct Matcher {
    paths: Paths,
    conditions: Vec<Condition>,
    combinations: Vec<Conjunction>,
    index: Index,
}

/// A value at the path passes one of the matchers.
struct Condition {
    path: usize,
    leaves: Vec<Leaf>,
    /// How many combinations have it.
    users: usize,
}

impl Condition {
    fn passes(&self, value: &Scalar<'_>) -> bool {
        self.leaves.iter().any(|leaf| value.passes(leaf))
    }

    fn takes_absence(&self) -> bool {
        self.leaves.contains(&Leaf::Exists(false))
    }
}

/// Conditions that have to hold together: one combination of a pattern's branches.
struct Conjunction {
    pattern: usize,
    /// In the order of their paths as texts, in which AWS tries them.
    parts: Vec<Part>,
    /// The same conditions, in the order in which one that fails is found soonest.
    telling: Vec<usize>,
}

struct Part {
    condition: usize,
    /// Names that the path has in common with the next part's, from the root on.
    shared: usize,
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matcher").field("combinations", &self.combinations.len()).finish_non_exhaustive()
    }
}

/// How a condition stands in one event.
#[derive(Clone, Copy)]
enum Standing {
    Fails,
    /// One of its values passes, or there are none and there may be none.
    Holds,
    /// As [`Standing::Holds`], and some of its values stand in elements of arrays.
    HoldsInArrays,
}

impl Matcher {
    /// Of patterns, each with the number that [`Matcher::matches`] answers for it.
    pub fn new<'a>(patterns: impl IntoIterator<Item = (usize, &'a EventPattern)>) -> Self {
        let mut paths = Paths::default();
        let mut conditions = Vec::new();
        let mut known = HashMap::new();
        let mut combinations = Vec::new();
        for (pattern, event_pattern) in patterns {
            for combination in event_pattern.group.without_or() {
                let parts = parts(combination, |path, leaves| {
                    let path = paths.add(path);
                    let place = *known.entry((path, leaves)).or_insert_with(|| {
                        conditions.push(Condition { path, leaves: leaves.to_vec(), users: 0 });
                        conditions.len() - 1
                    });
                    if let Some(condition) = conditions.get_mut(place) {
                        condition.users += 1;
                    }
                    place
                });
                combinations.push(Conjunction { pattern, parts, telling: Vec::new() });
            }
        }
        let index = Index::new(&conditions, &mut combinations);
        Self { paths, conditions, combinations, index }
    }

    /// The numbers of the patterns that an event matches, sorted, each once.
    pub fn matches(&self, event: &Value) -> Vec<usize> {
        let event = self.paths.read(event);
        // Of those that several have. Room for all conditions would have to be found and cleared for every event.
        let mut standings = BTreeMap::new();
        let candidates = self.index.candidates(&event).into_iter().filter_map(|place| self.combinations.get(place));
        let mut found: Vec<usize> = candidates
            .filter(|combination| self.holds(combination, &event, &mut standings))
            .map(|combination| combination.pattern)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What is left of an event when every field goes that no pattern names: the matcher answers the same on it.
    pub fn looked_at(&self, event: &Value) -> Value {
        self.paths.prune(event)
    }

    fn holds(&self, combination: &Conjunction, event: &Event<'_>, standings: &mut BTreeMap<usize, Standing>) -> bool {
        let mut in_arrays = false;
        for place in &combination.telling {
            let Some(condition) = self.conditions.get(*place) else { return false };
            let standing = match condition.users {
                1 => event.standing(condition),
                _ => *standings.entry(*place).or_insert_with(|| event.standing(condition)),
            };
            match standing {
                Standing::Holds => {}
                Standing::HoldsInArrays => in_arrays = true,
                Standing::Fails => return false,
            }
        }
        !in_arrays || together::hold(&combination.parts, &self.conditions, event)
    }
}

impl Event<'_> {
    fn standing(&self, condition: &Condition) -> Standing {
        let values = self.at(condition.path);
        let in_arrays = values.iter().any(|found| !found.trail.is_empty());
        let passes = values.iter().any(|found| condition.passes(&found.value));
        // Inside arrays, what is absent depends on the element.
        let absent = condition.takes_absence() && (values.is_empty() || in_arrays);
        match (passes || absent, in_arrays) {
            (false, _) => Standing::Fails,
            (true, false) => Standing::Holds,
            (true, true) => Standing::HoldsInArrays,
        }
    }
}

fn parts<'a>(combination: Combination<'a>, mut number: impl FnMut(&[&'a str], &'a [Leaf]) -> usize) -> Vec<Part> {
    let mut sorted: Vec<_> = combination.into_iter().collect();
    sorted.sort_by(|(one, _), (other, _)| as_text(one, other));
    let shared = |place: usize| -> usize {
        let (Some((path, _)), Some((next, _))) = (sorted.get(place), sorted.get(place + 1)) else { return 0 };
        path.iter().zip(next).take_while(|(one, other)| one == other).count()
    };
    let shared: Vec<usize> = (0..sorted.len()).map(shared).collect();
    sorted
        .into_iter()
        .zip(shared)
        .map(|((path, leaves), shared)| Part { condition: number(&path, leaves), shared })
        .collect()
}

/// The order of Java's texts, of paths written with dots.
fn as_text(one: &[&str], other: &[&str]) -> Ordering {
    one.join(".").encode_utf16().cmp(other.join(".").encode_utf16())
}
