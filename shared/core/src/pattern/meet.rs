//! Two conditions on one path, as one.
//!
//! A pattern has one list of matchers at each path, and an event's value passes when one of them does: there is no "and"
//! at a path. So conditions that `match: all` puts on one path are merged here, exactly, or the pair is refused. Of a
//! list, one element has to pass the merged condition.

use super::{
    number::{Bound, Range},
    shape::Leaf,
    text::Form,
};

/// Why two conditions have no common form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoCommonForm;

/// What passes both lists; an empty list if nothing does.
pub(super) fn meet(left: &[Leaf], right: &[Leaf]) -> Result<Vec<Leaf>, NoCommonForm> {
    let mut all = Vec::new();
    for one in left {
        for other in right {
            for leaf in both(one, other)? {
                if !all.contains(&leaf) {
                    all.push(leaf);
                }
            }
        }
    }
    Ok(all)
}

fn both(left: &Leaf, right: &Leaf) -> Result<Vec<Leaf>, NoCommonForm> {
    if let Some(found) = one_way(left, right)? {
        return Ok(found);
    }
    one_way(right, left)?.ok_or(NoCommonForm)
}

/// `None`: look at the pair the other way round.
fn one_way(left: &Leaf, right: &Leaf) -> Result<Option<Vec<Leaf>>, NoCommonForm> {
    let keep_if = |keep: bool| if keep { vec![left.clone()] } else { vec![] };
    Ok(Some(match (left, right) {
        (left, right) if left == right => vec![left.clone()],
        (Leaf::Exists(_), Leaf::Exists(_)) => vec![],
        (_, Leaf::Exists(exists)) => keep_if(*exists),
        (Leaf::Text(text), Leaf::Form(form, wanted)) => keep_if(form.matches(wanted, text)),
        (Leaf::Text(text), Leaf::OtherTexts(texts)) => keep_if(!texts.contains(text)),
        (Leaf::Number(number), Leaf::Range(range)) => keep_if(range.contains(*number)),
        (Leaf::Number(number), Leaf::OtherNumbers(numbers)) => keep_if(!numbers.contains(number)),
        (
            Leaf::Text(_) | Leaf::Number(_) | Leaf::Boolean(_) | Leaf::Null,
            Leaf::OtherTexts(_) | Leaf::OtherNumbers(_),
        ) => keep_if(true),
        (
            Leaf::Text(_) | Leaf::Number(_) | Leaf::Boolean(_) | Leaf::Null,
            Leaf::Text(_) | Leaf::Number(_) | Leaf::Boolean(_) | Leaf::Null | Leaf::Range(_) | Leaf::Form(..),
        ) => vec![],
        (Leaf::Range(range), Leaf::Range(other)) => ranges([range.and(*other)]),
        (Leaf::Range(range), Leaf::OtherNumbers(numbers)) => {
            let mut parts = vec![*range];
            for &at in numbers {
                let (below, above) = (Bound { at, inclusive: false }, Bound { at, inclusive: false });
                parts = parts
                    .into_iter()
                    .flat_map(|part| {
                        [Range { upper: below, ..Range::ALL }, Range { lower: above, ..Range::ALL }]
                            .map(|side| part.and(side))
                    })
                    .filter(|part| !part.is_empty())
                    .collect();
            }
            ranges(parts)
        }
        (Leaf::Range(_), Leaf::OtherTexts(_)) | (Leaf::Form(..), Leaf::OtherNumbers(_)) => keep_if(true),
        (Leaf::Range(_), Leaf::Form(..)) => vec![],
        (Leaf::Form(form, wanted), Leaf::OtherTexts(texts)) => {
            if texts.iter().any(|text| form.matches(wanted, text)) {
                return Err(NoCommonForm);
            }
            keep_if(true)
        }
        (Leaf::Form(Form::Prefix, one), Leaf::Form(Form::Prefix, other)) => {
            longer(Form::Prefix, one, other, |text, part| text.starts_with(part))
        }
        (Leaf::Form(Form::Suffix, one), Leaf::Form(Form::Suffix, other)) => {
            longer(Form::Suffix, one, other, |text, part| text.ends_with(part))
        }
        (Leaf::OtherTexts(one), Leaf::OtherTexts(other)) => vec![Leaf::OtherTexts(union(one, other))],
        (Leaf::OtherNumbers(one), Leaf::OtherNumbers(other)) => vec![Leaf::OtherNumbers(union(one, other))],
        _ => return Ok(None),
    }))
}

fn longer(form: Form, one: &str, other: &str, fits: fn(&str, &str) -> bool) -> Vec<Leaf> {
    let (long, short) = if one.len() >= other.len() { (one, other) } else { (other, one) };
    if fits(long, short) { vec![Leaf::Form(form, long.to_owned())] } else { vec![] }
}

fn ranges(parts: impl IntoIterator<Item = Range>) -> Vec<Leaf> {
    parts.into_iter().filter_map(Leaf::range).collect()
}

fn union<T: Clone + PartialEq>(one: &[T], other: &[T]) -> Vec<T> {
    let more = other.iter().filter(|item| !one.contains(item));
    one.iter().chain(more).cloned().collect()
}
