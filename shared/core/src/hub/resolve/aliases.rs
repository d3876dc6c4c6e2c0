//! Other names of message types. Each leads to its type in one step, so that nobody has to follow a chain.

use std::collections::BTreeMap;

use super::{name, words::Words};
use crate::{
    hub::{
        decode::{At, Named},
        fault::Report,
    },
    id::MessageType,
    pattern::TypePattern,
};

pub(super) fn aliases(
    part: Option<&Named<At<MessageType>>>,
    words: &Words<'_>,
    report: &mut Report,
) -> BTreeMap<MessageType, MessageType> {
    let entries = part.map(|part| part.0.as_slice()).unwrap_or_default();
    let all: BTreeMap<&str, &str> =
        entries.iter().filter_map(|(key, part)| Some((key.text.as_str(), part.as_ref()?.value.as_str()))).collect();
    let mut aliases = BTreeMap::new();
    for (key, part) in entries {
        let (Some(alias), Some(At { place, value: canonical, .. })) = (name::<MessageType>(key, report), part) else {
            continue;
        };
        if words.gives(alias.as_str()) {
            let message = format!("{alias} is what this hub's own changes give; expected a type that comes in");
            report.fault(&key.place, message);
        } else if all.contains_key(canonical.as_str()) {
            match end_of(&all, canonical.as_str()) {
                Some(end) => report.suggest(
                    place,
                    format!("{canonical} is an alias itself"),
                    Some(format!("write what it stands for: {end:?}")),
                ),
                None => report.fault(place, "these aliases lead in a circle, and to no type"),
            }
        } else {
            aliases.insert(alias, canonical.clone());
        }
    }
    aliases
}

/// Where a chain of aliases ends; `None`: nowhere.
fn end_of<'a>(all: &BTreeMap<&'a str, &'a str>, from: &'a str) -> Option<&'a str> {
    let mut at = from;
    for _ in 0..=all.len() {
        match all.get(at) {
            Some(next) => at = next,
            None => return Some(at),
        }
    }
    None
}

/// What a route that names an alias waits for: by the time it looks, the message has its canonical type.
pub(super) fn canonical(pattern: &TypePattern, aliases: &BTreeMap<MessageType, MessageType>) -> TypePattern {
    let stands_for = match pattern {
        TypePattern::Exact(exact) => aliases.iter().find(|(alias, _)| alias.as_str() == exact),
        TypePattern::Prefix(_) => None,
    };
    stands_for.map_or_else(|| pattern.clone(), |(_, canonical)| TypePattern::Exact(canonical.to_string()))
}

/// The beginning of a type may take in an alias and not what it stands for; then that message does not match.
pub(super) fn look(pattern: &At<TypePattern>, aliases: &BTreeMap<MessageType, MessageType>, report: &mut Report) {
    let TypePattern::Prefix(beginning) = &pattern.value else { return };
    for (alias, canonical) in aliases {
        if alias.as_str().starts_with(beginning.as_str()) && !canonical.as_str().starts_with(beginning.as_str()) {
            let message = format!("{alias} is an alias of {canonical}, which does not match this");
            report.note(&pattern.place, message, Some(format!("add {canonical:?} if it is meant")));
        }
    }
}
