//! Guesses about a source that a few more requests can prove or drop: how to ask for another page, and whether a
//! parameter filters by time. Servers ignore parameters that they do not know, so that an answer alone proves nothing;
//! what proves is that the rows differ in the one way that the parameter's meaning explains.

use crossdock_core::{
    Timestamp,
    hub::{TimeField, TimeFormat},
    json::FieldPath,
    object::parse_time,
};
use jiff::SignedDuration;
use serde_json::Value;
use url::Url;

use super::{
    ask::{Answer, Asker},
    fields::id_at,
    paging::Clues,
    simple,
};

/// How the list is divided into pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Paging {
    /// Nothing points to more pages than one.
    Single,
    /// `Link: <…>; rel="next"`.
    LinkHeader,
    /// The body has the next page's URL.
    LinkInBody(FieldPath),
    Number {
        param: String,
        first: u64,
        end: End,
    },
    Cursor {
        param: String,
        next: FieldPath,
    },
    /// There is more, and it was not found out how to ask for it.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// A page that is empty.
    Empty,
    Total(FieldPath),
    Status206,
}

/// A filter by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    /// From this time on, the time itself included.
    Inclusive(String),
    /// Later than this time: rows of the same time as the last one read would be missed.
    Exclusive(String),
    /// By a time, maybe that of creation: nothing on the page has changed since, so that they cannot be told apart.
    Unproven(String),
    /// None of those that were tried.
    NotFound { tried: Vec<String> },
}

/// The first page, which all others are compared with.
#[derive(Debug)]
pub(super) struct First<'a> {
    pub(super) answer: &'a Answer,
    pub(super) items: &'a FieldPath,
    pub(super) id: &'a FieldPath,
    pub(super) clues: &'a Clues,
}

impl First<'_> {
    fn rows<'b>(&self, body: &'b Value) -> Option<&'b [Value]> {
        self.items.get(body)?.as_array().map(Vec::as_slice)
    }

    fn ids(&self, body: &Value) -> Option<Vec<String>> {
        Some(self.rows(body)?.iter().filter_map(|row| id_at(row, self.id)).collect())
    }

    fn own_ids(&self) -> Vec<String> {
        self.ids(&self.answer.body).unwrap_or_default()
    }
}

/// Another answer beside the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// Only such as are not on the first.
    Others,
    /// A list, and nothing in it.
    None,
    /// The same, some of the same, or no list.
    NoProof,
}

fn compare(first: &[String], second: Option<&[String]>) -> Rows {
    match second {
        Some([]) if !first.is_empty() => Rows::None,
        Some(second) if !first.is_empty() && second.iter().all(|id| !first.contains(id)) => Rows::Others,
        _ => Rows::NoProof,
    }
}

pub(super) async fn paging(asker: &mut Asker, first: &First<'_>) -> Paging {
    let clues = first.clues;
    if clues.link_header {
        return Paging::LinkHeader;
    }
    if let Some(path) = &clues.link {
        return Paging::LinkInBody(path.clone());
    }
    if let Some((path, cursor)) = &clues.cursor {
        for param in cursor_params(path) {
            let second = asker.probe(with(&first.answer.url, &param, cursor)).await;
            let ids = second.and_then(|answer| first.ids(&answer.body));
            if compare(&first.own_ids(), ids.as_deref()) == Rows::Others {
                return Paging::Cursor { param, next: path.clone() };
            }
        }
        return Paging::Unknown;
    }
    let more = clues.more_than(first.own_ids().len());
    // Where nothing speaks of pages, one look at the usual name is enough.
    let tries = if more || clues.current.is_some() || clues.pages.is_some() { PAGE_PARAMS.len() } else { 1 };
    for (param, number) in page_params(&first.answer.url, clues.current).into_iter().take(tries) {
        let second = asker.probe(with(&first.answer.url, &param, &(number + 1).to_string())).await;
        let ids = second.and_then(|answer| first.ids(&answer.body));
        let proven = match compare(&first.own_ids(), ids.as_deref()) {
            Rows::Others => true,
            // There is only this page, and the parameter was heard.
            Rows::None => !more,
            Rows::NoProof => false,
        };
        if proven {
            let end = match &clues.pages {
                _ if clues.partial => End::Status206,
                Some((path, _)) => End::Total(path.clone()),
                None => End::Empty,
            };
            return Paging::Number { param, first: number, end };
        }
    }
    if more { Paging::Unknown } else { Paging::Single }
}

const PAGE_PARAMS: [&str; 4] = ["page", "_page", "page[number]", "pageNumber"];

/// Names with the number of the first page; one that the address has already is the one.
fn page_params(url: &Url, current: Option<u64>) -> Vec<(String, u64)> {
    let given = url.query_pairs().find_map(|(name, value)| {
        PAGE_PARAMS.contains(&&*name).then(|| Some((name.into_owned(), value.parse().ok()?))).flatten()
    });
    // A first page that calls itself something else than 0 or 1 was not the first.
    let first = current.filter(|number| *number == 0).unwrap_or(1);
    match given {
        Some(given) => vec![given],
        None => PAGE_PARAMS.iter().map(|name| ((*name).to_owned(), first)).collect(),
    }
}

/// `next_page_token` is sent back as `page_token`.
fn cursor_params(path: &FieldPath) -> Vec<String> {
    const USUAL: [&str; 4] = ["cursor", "after", "page_token", "starting_after"];
    let name = path.segments().last().map(String::as_str).unwrap_or_default();
    let own = name.strip_prefix("next_").or_else(|| name.strip_prefix("end_")).map(str::to_owned).or_else(|| {
        let rest = name.strip_prefix("next").or_else(|| name.strip_prefix("end"))?;
        let mut letters = rest.chars();
        Some(letters.next()?.to_ascii_lowercase().to_string() + letters.as_str())
    });
    distinct(own.into_iter().chain([name.to_owned()]).chain(USUAL.map(str::to_owned))).into_iter().take(4).collect()
}

/// Tries the names that such filters commonly have.
pub(super) async fn filter(
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

/// In the style that the field's own name has.
fn since_params(field: &TimeField) -> Vec<String> {
    let name = field.path.segments().last().map(String::as_str).unwrap_or_default();
    let is_camel = name.chars().any(|c| c.is_ascii_uppercase()) && !name.contains('_');
    let stem = ["_at", "At", "_on", "On"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let joined = |first: &str, second: &str| match (is_camel, second.split_at(1)) {
        (true, (letter, rest)) => format!("{first}{}{rest}", letter.to_ascii_uppercase()),
        (false, _) => format!("{first}_{second}"),
    };
    distinct([
        format!("{name}_gte"),
        joined(stem, "since"),
        joined(stem, "after"),
        joined(name, "min"),
        "since".to_owned(),
        joined("modified", "after"),
        format!("{name}[gte]"),
        format!("filter[{name}_gte]"),
    ])
}

fn distinct(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        if !kept.iter().any(|known| simple(known) == simple(&name) && known.contains('[') == name.contains('[')) {
            kept.push(name);
        }
    }
    kept
}

/// The address with this parameter, in place of one of the same name.
fn with(url: &Url, name: &str, value: &str) -> Url {
    let others: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(known, _)| known != name)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_rows_are_another_page() {
        let check = |first: &[&str], second: Option<&[&str]>, expected: Rows| {
            let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
            assert_eq!(compare(&owned(first), second.map(owned).as_deref()), expected, "{first:?} {second:?}");
        };
        check(&["1", "2"], Some(&["3", "4"]), Rows::Others);
        check(&["1", "2"], Some(&[]), Rows::None);
        check(&["1", "2"], Some(&["1", "2"]), Rows::NoProof);
        check(&["1", "2"], Some(&["2", "3"]), Rows::NoProof);
        check(&["1", "2"], None, Rows::NoProof);
        check(&[], Some(&[]), Rows::NoProof);
        check(&[], Some(&["1"]), Rows::NoProof);
    }

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
        assert_eq!(since("updatedAt")[1..4], ["updatedSince", "updatedAfter", "updatedAtMin"]);
        assert_eq!(since("modified")[..3], ["modified_gte", "modified_since", "modified_after"]);
        let cursor = |path: &str| cursor_params(&path.parse().unwrap());
        assert_eq!(cursor("meta.next_cursor"), ["cursor", "next_cursor", "after", "page_token"]);
        assert_eq!(cursor("nextPageToken"), ["pageToken", "nextPageToken", "cursor", "after"]);
        assert_eq!(cursor("paging.cursors.after"), ["after", "cursor", "page_token", "starting_after"]);
        let pages = |url: &str, current| page_params(&url.parse().unwrap(), current);
        assert_eq!(pages("http://x/?_page=0&a=1", Some(1)), [("_page".to_owned(), 0)]);
        assert_eq!(pages("http://x", Some(0))[0], ("page".to_owned(), 0));
        assert_eq!(pages("http://x?page=all", Some(7))[0], ("page".to_owned(), 1));
    }

    #[test]
    fn a_parameter_takes_the_place_of_its_namesake() {
        let check = |url: &str, expected: &str| assert_eq!(with(&url.parse().unwrap(), "page", "2").as_str(), expected);
        check("http://x/o", "http://x/o?page=2");
        check("http://x/o?page=1&a=%20b", "http://x/o?a=+b&page=2");
    }
}
