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
    ask::{Answer, Asker, Probe},
    fields::id_at,
    paging::Clues,
};

/// How the list is divided into pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Paging {
    /// Nothing points to more pages than one.
    Single,
    /// Nothing points to more pages than one, and nobody has tried.
    Untried,
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
    /// Most of them are on the first, too: a few may have come and gone meanwhile.
    Same,
    /// A few of the same, or no list.
    NoProof,
}

fn compare(first: &[String], second: Option<&[String]>) -> Rows {
    let Some(second) = second.filter(|_| !first.is_empty()) else { return Rows::NoProof };
    match second.iter().filter(|id| first.contains(id)).count() {
        _ if second.is_empty() => Rows::None,
        0 => Rows::Others,
        shared if shared * 2 > second.len() => Rows::Same,
        _ => Rows::NoProof,
    }
}

pub(super) async fn paging(asker: &mut impl Probe, first: &First<'_>) -> Paging {
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
    if !more && !asker.may_probe() {
        return Paging::Untried;
    }
    // Where nothing speaks of pages, one look at the usual name is enough.
    let tries = if more || clues.current.is_some() || clues.pages.is_some() { PAGE_PARAMS.len() } else { 1 };
    for guess in page_params(&first.answer.url, clues.current).into_iter().take(tries) {
        if let Some(number) = first_number(asker, first, &guess, more).await {
            let end = match &clues.pages {
                _ if clues.partial => End::Status206,
                Some((path, _)) => End::Total(path.clone()),
                None => End::Empty,
            };
            return Paging::Number { param: guess.param, first: number, end };
        }
    }
    if more { Paging::Unknown } else { Paging::Single }
}

/// The number of the first page, where the parameter is proven to ask for pages: the one after it must bring other
/// objects, and it must itself bring those that came unasked. Without the second, the page after the first one of a list
/// counted from 0 would pass for the first.
async fn first_number(asker: &mut impl Probe, first: &First<'_>, guess: &Guess, more: bool) -> Option<u64> {
    let own = first.own_ids();
    let mut page = async |number: u64| {
        let answer = asker.probe(with(&first.answer.url, &guess.param, &number.to_string())).await;
        compare(&own, answer.and_then(|answer| first.ids(&answer.body)).as_deref())
    };
    // An empty page shows that the parameter is heard, which is all there is to show where there is one page only.
    let follows = |rows: Rows| rows == Rows::Others || (rows == Rows::None && !more);
    let second = page(guess.first + 1).await;
    if second == Rows::NoProof {
        return None;
    }
    if guess.is_given || page(guess.first).await == Rows::Same {
        return follows(second).then_some(guess.first);
    }
    // Counted from 0, what was taken for the first is the second.
    let is_second = guess.first == 1 && follows(page(1).await);
    (is_second && page(0).await == Rows::Same).then_some(0)
}

const PAGE_PARAMS: [&str; 4] = ["page", "_page", "page[number]", "pageNumber"];

#[derive(Debug, PartialEq, Eq)]
struct Guess {
    param: String,
    /// The number of the first page.
    first: u64,
    /// The address says so.
    is_given: bool,
}

/// A parameter that the address has already is the one.
fn page_params(url: &Url, current: Option<u64>) -> Vec<Guess> {
    let given = url.query_pairs().find_map(|(name, value)| {
        let first = PAGE_PARAMS.contains(&&*name).then(|| value.parse().ok()).flatten()?;
        Some(Guess { param: name.into_owned(), first, is_given: true })
    });
    // A first page that calls itself something else than 0 or 1 was not the first.
    let first = current.filter(|number| *number == 0).unwrap_or(1);
    match given {
        Some(given) => vec![given],
        None => PAGE_PARAMS.map(|name| Guess { param: name.to_owned(), first, is_given: false }).into(),
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

fn distinct(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        if !kept.contains(&name) {
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
    use serde_json::json;

    use super::*;

    #[test]
    fn only_other_rows_are_another_page() {
        let check = |first: &[&str], second: Option<&[&str]>, expected: Rows| {
            let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
            assert_eq!(compare(&owned(first), second.map(owned).as_deref()), expected, "{first:?} {second:?}");
        };
        check(&["1", "2"], Some(&["3", "4"]), Rows::Others);
        check(&["1", "2"], Some(&[]), Rows::None);
        check(&["1", "2"], Some(&["1", "2"]), Rows::Same);
        check(&["1", "2"], Some(&["0", "1", "2"]), Rows::Same);
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
        let cursor = |path: &str| cursor_params(&path.parse().unwrap());
        assert_eq!(cursor("meta.next_cursor"), ["cursor", "next_cursor", "after", "page_token"]);
        assert_eq!(cursor("nextPageToken"), ["pageToken", "nextPageToken", "cursor", "after"]);
        assert_eq!(cursor("paging.cursors.after"), ["after", "cursor", "page_token", "starting_after"]);
        let pages = |url: &str, current, param: &str, first: u64, is_given: bool| {
            let expected = Guess { param: param.to_owned(), first, is_given };
            assert_eq!(page_params(&url.parse().unwrap(), current)[0], expected, "{url} {current:?}");
        };
        pages("http://x/?_page=0&a=1", Some(1), "_page", 0, true);
        pages("http://x", Some(0), "page", 0, false);
        pages("http://x?page=all", Some(7), "page", 1, false);
    }

    /// A list of five, two to a page; without the parameter, the first page.
    struct Store {
        param: &'static str,
        first: u64,
        answer: fn(rows: &[Value], number: u64) -> Value,
        may_probe: bool,
    }

    impl Store {
        fn ask(&self, url: Url) -> Option<Answer> {
            let given = url.query_pairs().find(|(name, _)| name == self.param);
            let number: u64 = given.map_or(Some(self.first), |(_, value)| value.parse().ok())?;
            let rows: Vec<Value> = (1..=5).map(|id| json!({"id": id})).collect();
            let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
            let body = (self.answer)(rows.chunks(2).nth(place).unwrap_or_default(), number);
            Some(Answer { url, status: 200, headers: Vec::new(), body })
        }
    }

    impl Probe for Store {
        fn may_probe(&self) -> bool {
            self.may_probe
        }

        async fn probe(&mut self, url: Url) -> Option<Answer> {
            if self.may_probe { self.ask(url) } else { None }
        }
    }

    async fn found(mut store: Store, target: &str, items: &str) -> Paging {
        let answer = store.ask(format!("http://x/{target}").parse().unwrap()).unwrap();
        let (items, id) = (items.parse().unwrap(), "id".parse().unwrap());
        let clues = Clues::of(answer.status, &answer.headers, &answer.body, &items);
        paging(&mut store, &First { answer: &answer, items: &items, id: &id, clues: &clues }).await
    }

    #[tokio::test]
    async fn what_was_not_tried_is_not_said_to_be_so() {
        let silent = |answer| Store { param: "page", first: 1, answer, may_probe: false };
        assert_eq!(found(silent(|rows, _| json!(rows)), "", "").await, Paging::Untried);
        assert_eq!(found(silent(|rows, _| json!({"rows": rows, "total": 5})), "", "rows").await, Paging::Unknown);
        let heard = Store { may_probe: true, param: "seite", ..silent(|rows, _| json!(rows)) };
        assert_eq!(found(heard, "", "").await, Paging::Single);
    }

    #[tokio::test]
    async fn the_first_page_is_the_one_that_comes_unasked() {
        async fn check(store: Store, target: &str, items: &str, expected: Option<(&str, u64)>) {
            let what = format!("{target} {} from {}", store.param, store.first);
            let found = match found(store, target, items).await {
                Paging::Number { param, first, .. } => Some((param, first)),
                _ => None,
            };
            assert_eq!(found, expected.map(|(param, first)| (param.to_owned(), first)), "{what}");
        }
        let paged = |param, first, answer| Store { param, first, answer, may_probe: true };
        let bare = |rows: &[Value], _: u64| json!(rows);
        let spring =
            |rows: &[Value], number: u64| json!({"content": rows, "page": {"number": number, "totalPages": 3}});
        let total = |rows: &[Value], _: u64| json!({"rows": rows, "total": 5});
        for first in [0, 1] {
            check(paged("page", first, bare), "", "", Some(("page", first))).await;
            check(paged("page", first, spring), "", "content", Some(("page", first))).await;
            check(paged("_page", first, total), "", "rows", Some(("_page", first))).await;
            let target = format!("?page={first}");
            check(paged("page", first, bare), &target, "", Some(("page", first))).await;
        }
        // It counts in a way that nobody guesses.
        check(paged("page", 7, bare), "", "", None).await;
        check(paged("seite", 1, total), "", "rows", None).await;
        // One page: the parameter is heard.
        let one = |rows: &[Value], number: u64| if number == 0 { json!(rows) } else { json!([]) };
        check(paged("page", 0, one), "", "", Some(("page", 0))).await;
    }

    #[test]
    fn a_parameter_takes_the_place_of_its_namesake() {
        let check = |url: &str, expected: &str| assert_eq!(with(&url.parse().unwrap(), "page", "2").as_str(), expected);
        check("http://x/o", "http://x/o?page=2");
        check("http://x/o?page=1&a=%20b", "http://x/o?a=+b&page=2");
    }
}
