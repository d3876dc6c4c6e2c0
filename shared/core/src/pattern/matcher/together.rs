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

/// The elements that matched values stand in, sorted.
type Chosen = Vec<Element>;

pub(super) fn hold(parts: &[Part], conditions: &[Condition], event: &Event<'_>) -> bool {
    let mut possible: BTreeSet<Chosen> = BTreeSet::from([Chosen::new()]);
    for part in parts {
        let Some(condition) = conditions.get(part.condition) else { return false };
        let values = event.at(condition.path);
        let passing: BTreeSet<&[Element]> =
            values.iter().filter(|found| condition.passes(&found.value)).map(|found| found.trail.as_slice()).collect();
        let mut next = BTreeSet::new();
        for chosen in &possible {
            let merged = passing.iter().filter_map(|trail| agree(chosen, trail));
            next.extend(merged.map(|merged| on_the_way(merged, part.shared)));
            if condition.takes_absence() && !values.iter().any(|found| agree(chosen, &found.trail).is_some()) {
                next.insert(on_the_way(chosen.clone(), part.shared));
            }
        }
        if next.is_empty() {
            return false;
        }
        possible = next;
    }
    true
}

/// Both together; `None` if they are different elements of one array.
fn agree(chosen: &[Element], trail: &[Element]) -> Option<Chosen> {
    let mut both = chosen.to_vec();
    for element in trail {
        match chosen.iter().find(|other| other.array == element.array) {
            Some(other) if other.index != element.index => return None,
            Some(_) => {}
            None => both.push(*element),
        }
    }
    both.sort_unstable();
    Some(both)
}

fn on_the_way(mut chosen: Chosen, shared: usize) -> Chosen {
    chosen.retain(|element| element.depth <= shared);
    chosen
}
