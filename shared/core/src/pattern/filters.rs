//! `messages`, `filters` and `match` of a route, as a pattern.
//!
//! Each filter becomes a list of matchers on its own. `match: all` merges the lists of one path ([`super::meet`]);
//! `match: any` makes each path a branch of a `$or`.

use serde_json::Value;

use super::{
    Combine, EventPattern, FaultAt, Filter, Operator, PatternFault, TypePattern, any_source, closed_path, found,
    meet::meet,
    number::{Bound, Millionths, NumberFault, Range},
    shape::{Field, Group, Leaf},
    text::{Form, check_wildcard, escape_wildcard, odd_case, spells_address, wildcard_parts},
    types,
};

/// The pattern of a route with filters.
///
/// # Errors
/// Every filter that no pattern can say, with the reason; the pattern's limits.
pub fn compile(
    messages: &[TypePattern],
    filters: &[Filter],
    combine: Combine,
) -> Result<EventPattern, Vec<PatternFault>> {
    let mut faults = Vec::new();
    let mut conditions = Vec::new();
    for (place, filter) in filters.iter().enumerate() {
        match condition(filter) {
            Ok(leaves) => conditions.push(Condition { place, path: &filter.path, leaves }),
            Err(message) => faults.push(at_filter(place, message)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let detail = match combine {
        Combine::All => all(conditions),
        Combine::Any => Ok(any(conditions)),
    }?;
    let mut pattern = Group::default();
    if let Some(types) = types(messages) {
        pattern.fields.insert("detail-type".to_owned(), Field::Leaves(types));
    }
    if detail != Group::default() {
        pattern.fields.insert("detail".to_owned(), Field::Group(detail));
    }
    if pattern.fields.is_empty() {
        pattern.fields.insert("source".to_owned(), any_source());
    }
    EventPattern::of(pattern)
}

struct Condition<'a> {
    place: usize,
    path: &'a str,
    leaves: Vec<Leaf>,
}

fn at_filter(place: usize, message: impl Into<String>) -> PatternFault {
    PatternFault { at: FaultAt::Filter(place), message: message.into() }
}

fn all(conditions: Vec<Condition<'_>>) -> Result<Group, Vec<PatternFault>> {
    let mut merged: Vec<Condition<'_>> = Vec::new();
    let mut faults = Vec::new();
    for Condition { place, path, leaves } in conditions {
        let Some(earlier) = merged.iter_mut().find(|earlier| earlier.path == path) else {
            merged.push(Condition { place, path, leaves });
            continue;
        };
        match meet(&earlier.leaves, &leaves) {
            Ok(leaves) if leaves.is_empty() => faults.push(at_filter(
                place,
                format!("can never match: no value of {path} passes this filter and those before it"),
            )),
            Ok(leaves) => earlier.leaves = leaves,
            Err(_) => faults.push(at_filter(
                place,
                format!(
                    "a pattern has one condition for each path, and this filter on {path} and those before it have no \
                     common form; declare a second key with the same value, and filter by that"
                ),
            )),
        }
    }
    let mut detail = Group::default();
    for Condition { place, path, leaves } in merged {
        if !detail.put(path.split('.'), leaves) {
            let message = format!("another filter looks at a part of {path}, or at what it is a part of");
            faults.push(at_filter(place, message));
        }
    }
    if faults.is_empty() { Ok(detail) } else { Err(faults) }
}

fn any(conditions: Vec<Condition<'_>>) -> Group {
    let mut branches: Vec<(&str, Vec<Leaf>)> = Vec::new();
    for Condition { path, leaves, .. } in conditions {
        match branches.iter_mut().find(|(other, _)| *other == path) {
            Some((_, list)) => {
                for leaf in leaves {
                    if !list.contains(&leaf) {
                        list.push(leaf);
                    }
                }
            }
            None => branches.push((path, leaves)),
        }
    }
    let mut groups: Vec<Group> = branches
        .into_iter()
        .map(|(path, leaves)| {
            let mut group = Group::default();
            group.put(path.split('.'), leaves);
            group
        })
        .collect();
    match groups.len() {
        0 | 1 => groups.pop().unwrap_or_default(),
        _ => Group { or: groups, ..Group::default() },
    }
}

/// A key of the message: its value is there and neither null nor "", or the key is left out.
fn is_key(path: &str) -> bool {
    path.strip_prefix("keys.").is_some_and(|key| !key.contains('.'))
}

fn check_path(path: &str) -> Result<(), String> {
    let segments: Vec<&str> = path.split('.').collect();
    if let Some(reason) = closed_path(&segments) {
        return Err(reason.to_owned());
    }
    for segment in &segments {
        if segment.is_empty() || segment.chars().any(char::is_control) {
            return Err(format!("expected a path: names joined by single dots, found {path:?}"));
        }
        if segment.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!(
                "{path}: a pattern looks through every element of an array, so there is no element {segment}; leave it \
                 out"
            ));
        }
        if *segment == "$or" {
            return Err(format!("{path}: $or is a word of the pattern language, so no path can go through it"));
        }
    }
    Ok(())
}

fn condition(filter: &Filter) -> Result<Vec<Leaf>, String> {
    let Filter { path, operator, value } = filter;
    check_path(path)?;
    if matches!(operator, Operator::Present | Operator::Empty) {
        return presence(path, *operator, value.as_ref());
    }
    let value = value.as_ref().ok_or("expected a value to compare with, found none")?;
    let on_key = is_key(path);
    Ok(match operator {
        Operator::Is => vec![equal(value, on_key)?],
        Operator::In => {
            let mut leaves = Vec::new();
            for value in list(value)? {
                let leaf = equal(value, on_key)?;
                if !leaves.contains(&leaf) {
                    leaves.push(leaf);
                }
            }
            leaves
        }
        Operator::IsNot => different(std::slice::from_ref(value))?,
        Operator::NotIn => different(list(value)?)?,
        Operator::Gt => range(Range { lower: bound(value, false)?, ..Range::ALL })?,
        Operator::Gte => range(Range { lower: bound(value, true)?, ..Range::ALL })?,
        Operator::Lt => range(Range { upper: bound(value, false)?, ..Range::ALL })?,
        Operator::Lte => range(Range { upper: bound(value, true)?, ..Range::ALL })?,
        Operator::Between => match value.as_array().map(Vec::as_slice) {
            Some([lower, upper]) => {
                let (lower, upper) = (bound(lower, true)?, bound(upper, true)?);
                if lower.at > upper.at {
                    return Err(format!(
                        "can never match: {} is more than {}; expected the lower number first",
                        lower.at, upper.at
                    ));
                }
                range(Range { lower, upper })?
            }
            _ => return Err(format!("expected two numbers, [lowest, highest], found {}", found(value))),
        },
        Operator::Begins => vec![Leaf::Form(Form::Prefix, text(value)?.to_owned())],
        Operator::Ends => vec![Leaf::Form(Form::Suffix, text(value)?.to_owned())],
        Operator::Contains => vec![Leaf::Form(Form::Wildcard, format!("*{}*", escape_wildcard(text(value)?)))],
        Operator::Like => vec![like(text(value)?)?],
        Operator::SameAs => {
            let text = text(value)?;
            if let Some(odd) = odd_case(text) {
                return Err(format!(
                    "{odd:?} has no one other case, so {} cannot be compared ignoring case",
                    found(value)
                ));
            }
            vec![Leaf::Form(Form::EqualsIgnoreCase, text.to_owned())]
        }
        Operator::Present | Operator::Empty => return presence(path, *operator, Some(value)),
    })
}

fn presence(path: &str, operator: Operator, value: Option<&Value>) -> Result<Vec<Leaf>, String> {
    if let Some(value) = value {
        return Err(format!("expected no value, found {}", found(value)));
    }
    if !is_key(path) {
        return Err(format!(
            "no pattern can say whether {path} is there and neither null nor \"\"; declare a key with it, and filter by \
             keys.<name>"
        ));
    }
    Ok(vec![Leaf::Exists(operator == Operator::Present)])
}

fn equal(value: &Value, on_key: bool) -> Result<Leaf, String> {
    match value {
        Value::Null if on_key => {
            Err("can never match: a key that is null is left out of the message; use the operator empty".to_owned())
        }
        Value::String(text) if on_key && text.is_empty() => {
            Err("can never match: a key that is \"\" is left out of the message; use the operator empty".to_owned())
        }
        Value::Null => Ok(Leaf::Null),
        Value::Bool(value) => Ok(Leaf::Boolean(*value)),
        Value::Number(_) => number(value).map(Leaf::Number),
        // AWS takes another spelling of the same address for the same text, unless it ignores case.
        Value::String(text) if spells_address(text) => {
            if text.chars().any(char::is_alphabetic) {
                Err(format!(
                    "{} is an IP address, which EventBridge compares by its meaning; use the operator same_as",
                    found(value)
                ))
            } else {
                Ok(Leaf::Form(Form::EqualsIgnoreCase, text.clone()))
            }
        }
        Value::String(text) => Ok(Leaf::Text(text.clone())),
        Value::Array(_) => Err(format!("expected one value, found the list {}; use in or not_in", found(value))),
        Value::Object(_) => Err(format!("expected text, a number, a boolean or null, found {}", found(value))),
    }
}

fn different(values: &[Value]) -> Result<Vec<Leaf>, String> {
    let mut texts = Vec::new();
    let mut numbers = Vec::new();
    let mut booleans = Vec::new();
    for value in values {
        match equal(value, false)? {
            Leaf::Text(text) => push_new(&mut texts, text),
            Leaf::Number(number) => push_new(&mut numbers, number),
            Leaf::Boolean(value) => push_new(&mut booleans, value),
            Leaf::Null => {
                return Err("no pattern can say \"there and not null\"; declare a key with the value, and use the \
                            operator present"
                    .to_owned());
            }
            _ => {
                return Err(format!(
                    "{} is an IP address, which EventBridge compares by its meaning, so no pattern can exclude it",
                    found(value)
                ));
            }
        }
    }
    match (texts.as_slice(), numbers.as_slice(), booleans.as_slice()) {
        (_, [], []) => Ok(vec![Leaf::OtherTexts(texts)]),
        ([], _, []) => Ok(vec![Leaf::OtherNumbers(numbers)]),
        ([], [], [one]) => Ok(vec![Leaf::Boolean(!one)]),
        ([], [], _) => Err("can never match: a boolean is true or false".to_owned()),
        _ => Err("a pattern excludes only texts or only numbers, and this list mixes kinds of value".to_owned()),
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn like(text: &str) -> Result<Leaf, String> {
    check_wildcard(text).map_err(|reason| format!("{text:?} has {reason}"))?;
    // EventBridge allows few patterns with wildcards, and these need none.
    Ok(match wildcard_parts(text).as_slice() {
        [only] => equal(&Value::from(only.as_str()), false)?,
        [start, end] if end.is_empty() => Leaf::Form(Form::Prefix, start.clone()),
        [start, end] if start.is_empty() => Leaf::Form(Form::Suffix, end.clone()),
        _ => Leaf::Form(Form::Wildcard, text.to_owned()),
    })
}

fn list(value: &Value) -> Result<&[Value], String> {
    match value.as_array().map(Vec::as_slice) {
        Some([]) => Err("can never match: the list is empty".to_owned()),
        Some(values) => Ok(values),
        None => Err(format!("expected a list, found {}", found(value))),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    match value.as_str() {
        Some("") => Err("expected text with at least one character, found \"\"".to_owned()),
        Some(text) => Ok(text),
        None => Err(format!("expected text, found {}", found(value))),
    }
}

fn bound(value: &Value, inclusive: bool) -> Result<Bound, String> {
    Ok(Bound { at: number(value)?, inclusive })
}

fn range(range: Range) -> Result<Vec<Leaf>, String> {
    let never =
        || format!("can never match: EventBridge compares numbers from {} to {}", Millionths::MIN, Millionths::MAX);
    Leaf::range(range).map(|leaf| vec![leaf]).ok_or_else(never)
}

/// A number of a pattern.
pub(super) fn number(value: &Value) -> Result<Millionths, String> {
    match value {
        Value::Number(number) => Millionths::parse(&number.to_string()).map_err(|fault| match fault {
            NumberFault::TooLarge => format!(
                "expected a number from {} to {}, which EventBridge can compare, found {number}",
                Millionths::MIN,
                Millionths::MAX
            ),
            NumberFault::TooFine => {
                format!("expected a number with at most six digits after the point, which EventBridge can compare, found {number}")
            }
        }),
        Value::String(text) if serde_json::from_str::<serde_json::Number>(text).is_ok() => {
            Err(format!("expected a number, found the text {}; leave out the quotes", found(value)))
        }
        _ => Err(format!("expected a number, found {}", found(value))),
    }
}
