//! Whether a parameter filters by time, and by which: the names that such filters commonly have are tried. One is proven by a
//! list that it empties and one that it leaves, and by a row that was created well before it last changed.

use crossdock_core::{
    Timestamp,
    hub::{TimeField, TimeFormat},
    object::parse_time,
};
use jiff::SignedDuration;
use serde_json::Value;

use super::{First, Rows, compare, distinct, with};
use crate::init::{
    ask::{Asker, Probe},
    fields::id_at,
};

/// A filter by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::init) enum Filter {
    /// From this time on, the time itself included.
    Inclusive(String),
    /// Later than this time: rows of the same time as the last one read would be missed.
    Exclusive(String),
    /// By a time, maybe that of creation: nothing on the page has changed since, so that they cannot be told apart.
    Unproven(String),
    /// None of those that were tried.
    NotFound { tried: Vec<String> },
}

/// Tries the names that such filters commonly have.
pub(in crate::init) async fn filter(
    asker: &mut Asker,
    first: &First<'_>,
    field: &TimeField,
    created: Option<&TimeField>,
) -> Filter {
    let witness = Witness::of(first, field, created);
    let mut tried = Vec::new();
    for param in since_params(field) {
        if first.answer.url.query_pairs().any(|(name, _)| name == param) || !asker.may_probe() {
            continue;
        }
        let outcome = try_filter(asker, first, field, witness.as_ref(), &param).await;
        tried.push(param);
        if let Some(filter) = outcome {
            return filter;
        }
    }
    Filter::NotFound { tried }
}

/// A row that was created well before it last changed: by which of the two a filter goes is seen by whether it is there.
struct Witness {
    id: String,
    changed: Timestamp,
    /// After it was created, and before it changed.
    earlier: Timestamp,
}

impl Witness {
    /// The one that has changed last, so that a filter has much to leave out.
    fn of(first: &First<'_>, field: &TimeField, created: Option<&TimeField>) -> Option<Self> {
        let of = |row: &Value| {
            let changed = time(row, field)?;
            let earlier = changed.checked_sub(SignedDuration::from_secs(1)).ok()?;
            (time(row, created?)? < earlier).then_some(Self { id: id_at(row, first.id)?, changed, earlier })
        };
        first.rows(&first.answer.body)?.iter().filter_map(of).max_by_key(|witness| witness.changed)
    }
}

/// A time that nothing can have changed after empties the list, one that all has changed after leaves it, and the one at
/// which the witness changed leaves the witness, and nothing that changed before.
async fn try_filter(
    asker: &mut Asker,
    first: &First<'_>,
    field: &TimeField,
    witness: Option<&Witness>,
    param: &str,
) -> Option<Filter> {
    let at = |time: Timestamp| with(&first.answer.url, param, &written(field.format, time));
    let future = asker.probe(at(Timestamp::from_second(FUTURE).ok()?)).await?;
    if compare(&first.own_ids(), first.ids(&future.body).as_deref()) != Rows::None {
        return None;
    }
    let past = asker.probe(at(Timestamp::from_second(PAST).ok()?)).await?;
    if first.rows(&past.body)?.is_empty() {
        return None;
    }
    let Some(witness) = witness else { return Some(Filter::Unproven(param.to_owned())) };
    for (since, filter) in
        [(witness.changed, Filter::Inclusive as fn(String) -> Filter), (witness.earlier, Filter::Exclusive)]
    {
        let answer = asker.probe(at(since)).await?;
        let floor = parse_time(field.format, &Value::String(written(field.format, since))).ok()?;
        if first.rows(&answer.body)?.iter().any(|row| time(row, field).is_none_or(|time| time < floor)) {
            break;
        }
        if first.ids(&answer.body)?.contains(&witness.id) {
            return Some(filter(param.to_owned()));
        }
    }
    // It filters, by something else.
    None
}

const PAST: i64 = 946_684_800; // 2000-01-01
const FUTURE: i64 = 4_102_444_800; // 2100-01-01

fn time(row: &Value, field: &TimeField) -> Option<Timestamp> {
    parse_time(field.format, field.path.get(row)?).ok()
}

fn written(format: TimeFormat, time: Timestamp) -> String {
    match format {
        TimeFormat::Rfc3339 => time.to_string(),
        TimeFormat::Epoch => time.as_second().to_string(),
        TimeFormat::EpochMs => time.as_millisecond().to_string(),
    }
}

/// In the style that the field's own name has. Many APIs with `updatedAt` in their objects have `updated_since` for a
/// parameter, so that those are tried too, the likeliest of both first.
fn since_params(field: &TimeField) -> Vec<String> {
    let name = field.path.segments().last().map(String::as_str).unwrap_or_default();
    let is_camel = name.chars().any(|c| c.is_ascii_uppercase()) && !name.contains('_');
    let own = since_params_of(name, is_camel);
    let snake = if is_camel { since_params_of(&snake(name), false) } else { own.clone() };
    let (likely, rest) = own.split_at(4);
    let snakes = snake.iter().filter(|param| !param.contains('['));
    distinct(likely.iter().chain(snakes).chain(rest).cloned())
}

/// The likeliest four first.
fn since_params_of(name: &str, is_camel: bool) -> [String; 8] {
    let stem = ["_at", "At", "_on", "On"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let joined = |first: &str, second: &str| match (is_camel, second.split_at(1)) {
        (true, (letter, rest)) => format!("{first}{}{rest}", letter.to_ascii_uppercase()),
        (false, _) => format!("{first}_{second}"),
    };
    [
        format!("{name}_gte"),
        joined(stem, "since"),
        joined(stem, "after"),
        joined(name, "min"),
        "since".to_owned(),
        joined("modified", "after"),
        format!("{name}[gte]"),
        format!("filter[{name}_gte]"),
    ]
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_called_as_is_usual() {
        let since = |path: &str| since_params(&TimeField { path: path.parse().unwrap(), format: TimeFormat::Rfc3339 });
        assert_eq!(
            since("meta.updated_at"),
            [
                "updated_at_gte",
                "updated_since",
                "updated_after",
                "updated_at_min",
                "since",
                "modified_after",
                "updated_at[gte]",
                "filter[updated_at_gte]"
            ]
        );
        assert_eq!(
            since("updatedAt"),
            [
                "updatedAt_gte",
                "updatedSince",
                "updatedAfter",
                "updatedAtMin",
                "updated_at_gte",
                "updated_since",
                "updated_after",
                "updated_at_min",
                "since",
                "modified_after",
                "modifiedAfter",
                "updatedAt[gte]",
                "filter[updatedAt_gte]"
            ]
        );
        assert_eq!(since("modified")[..3], ["modified_gte", "modified_since", "modified_after"]);
    }
}
