//! How to ask for another page. What the answer names is believed where it is a link, and tried where it is a parameter; then
//! the usual parameters are, of which one is proven by other rows, and by the first page when it is asked for by number.

use crossdock_core::json::FieldPath;
use url::Url;

use super::{First, Rows, compare, distinct, with};
use crate::init::ask::Probe;

/// How the list is divided into pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::init) enum Paging {
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
    /// By the number of objects before the page.
    Offset {
        param: String,
    },
    Cursor {
        param: String,
        next: FieldPath,
    },
    /// There is more, and it was not found out how to ask for it.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::init) enum End {
    /// A page that is empty.
    Empty,
    Total(FieldPath),
    Status206,
}

pub(in crate::init) async fn paging(asker: &mut impl Probe, first: &First<'_>) -> Paging {
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
    // What the answer or the address names comes first.
    let (named, usual) = offset_params(&first.answer.url, clues.offset.as_deref());
    if let Some(param) = named
        && is_offset(asker, first, &param, more).await
    {
        return Paging::Offset { param };
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
    if !more {
        return Paging::Single;
    }
    for param in usual {
        if is_offset(asker, first, &param, more).await {
            return Paging::Offset { param };
        }
    }
    Paging::Unknown
}

/// Whether the parameter leaves out as many objects as it says: all of the first page, and none.
async fn is_offset(asker: &mut impl Probe, first: &First<'_>, param: &str, more: bool) -> bool {
    let own = first.own_ids();
    let mut from = async |offset: usize| {
        let answer = asker.probe(with(&first.answer.url, param, &offset.to_string())).await;
        compare(&own, answer.and_then(|answer| first.ids(&answer.body)).as_deref())
    };
    let follows = match from(own.len()).await {
        Rows::Others => true,
        Rows::None => !more,
        Rows::Same | Rows::NoProof => false,
    };
    follows && from(0).await == Rows::Same
}

/// The one that the address or else the answer names, and those that are usual.
fn offset_params(url: &Url, clue: Option<&str>) -> (Option<String>, Vec<String>) {
    const USUAL: [&str; 4] = ["offset", "skip", "start", "page[offset]"];
    let given = url.query_pairs().map(|(name, _)| name.into_owned()).find(|name| USUAL.contains(&name.as_str()));
    let named = given.or_else(|| clue.map(str::to_owned));
    let usual = USUAL[..3].iter().filter(|name| named.as_deref() != Some(**name));
    (named.clone(), usual.map(|name| (*name).to_owned()).collect())
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
    if matches!(second, Rows::Same | Rows::NoProof) {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::init::{ask::Answer, paging::Clues};

    #[test]
    fn parameters_are_called_as_is_usual() {
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
        /// What the parameter counts in: one page, or as many objects.
        size: u64,
        may_probe: bool,
    }

    impl Store {
        fn ask(&self, url: Url) -> Option<Answer> {
            let given = url.query_pairs().find(|(name, _)| name == self.param);
            let number: u64 = given.map_or(Some(self.first), |(_, value)| value.parse().ok())?;
            let rows: Vec<Value> = (1..=5).map(|id| json!({"id": id})).collect();
            let place = usize::try_from(number.checked_sub(self.first)? / self.size).ok()?;
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
        let silent = |answer| Store { param: "page", first: 1, answer, size: 1, may_probe: false };
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
        let paged = |param, first, answer| Store { param, first, answer, size: 1, may_probe: true };
        let by_offset = |answer| Store { param: "offset", first: 0, answer, size: 2, may_probe: true };
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
        // By objects, named in the answer, in the address, or nowhere.
        for (target, answer) in [
            ("", by_offset(|rows, offset| json!({"rows": rows, "total": 5, "offset": offset}))),
            ("", by_offset(|rows, _| json!({"rows": rows, "total": 5}))),
            ("?offset=0", by_offset(|rows, _| json!({"rows": rows}))),
        ] {
            assert_eq!(found(answer, target, "rows").await, Paging::Offset { param: "offset".to_owned() }, "{target}");
        }
        let ignored = Store { param: "from", ..by_offset(|rows, _| json!({"rows": rows, "total": 5, "offset": 0})) };
        assert_eq!(found(ignored, "", "rows").await, Paging::Unknown);
        // It counts in a way that nobody guesses.
        check(paged("page", 7, bare), "", "", None).await;
        check(paged("seite", 1, total), "", "rows", None).await;
        // One page: the parameter is heard.
        let one = |rows: &[Value], number: u64| if number == 0 { json!(rows) } else { json!([]) };
        check(paged("page", 0, one), "", "", Some(("page", 0))).await;
    }
}
