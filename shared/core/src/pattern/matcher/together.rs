//! Values in arrays that match together.
//!
//! AWS's rule (event-ruler, "JSON Array Matching"): no match may rest on two fields "within JSON objects that are in
//! different elements of the same array". The conditions are taken in the order of their paths; after each, it is known
//! in which elements what has matched so far can stand, and the next one's values have to agree with one of those. A field
//! counts as absent when none of its values could agree: so `exists: false` is about the element that an earlier condition
//! chose, or about all of them if none did.
//!
//! Only arrays on the way to the next path are remembered. In the order of paths as texts nothing later leads through the
//! others, so that two long lists beside each other cost their sum and not their product.

use std::collections::BTreeSet;

use super::{
    Condition, Part,
    fields::{Element, Event},
};

/// The elements that matched values stand in.
type Chosen = BTreeSet<Element>;

pub(super) fn hold(parts: &[Part], conditions: &[Condition], event: &Event<'_>) -> bool {
    let mut possible: BTreeSet<Chosen> = BTreeSet::from([Chosen::new()]);
    for part in parts {
        let Some(condition) = conditions.get(part.condition) else { return false };
        let values = event.at(condition.path);
        let passing: BTreeSet<&[Element]> =
            values.iter().filter(|found| condition.passes(&found.value)).map(|found| found.trail.as_slice()).collect();
        let mut next = BTreeSet::new();
        for chosen in &possible {
            let fitting = passing.iter().filter(|trail| fit(chosen, trail));
            next.extend(fitting.map(|trail| on_the_way(chosen.iter().chain(*trail), part.shared)));
            if condition.takes_absence() && !values.iter().any(|found| fit(chosen, &found.trail)) {
                next.insert(on_the_way(chosen.iter(), part.shared));
            }
        }
        if next.is_empty() {
            return false;
        }
        possible = next;
    }
    true
}

/// Whether no array has one element here and another there.
fn fit(chosen: &Chosen, trail: &[Element]) -> bool {
    let apart = |one: &Element, other: &Element| one.array == other.array && one.index != other.index;
    !chosen.iter().any(|one| trail.iter().any(|other| apart(one, other)))
}

/// Those of arrays that lead to where the first `shared` names do.
fn on_the_way<'a>(elements: impl Iterator<Item = &'a Element>, shared: usize) -> Chosen {
    elements.filter(|element| element.depth <= shared).copied().collect()
}
