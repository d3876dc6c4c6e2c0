//! What an answer shows of the pages after it. Names and places only: whether a parameter does what its name says is
//! tried out by [`super::probe`].

use crossdock_core::json::FieldPath;
use serde_json::Value;

use super::simple;

/// Simplified names of fields, as they are found in answers.
const PAGES: [&str; 8] =
    ["pages", "totalpages", "pagecount", "pagestotal", "totalpagecount", "numpages", "lastpage", "numberofpages"];
const CURRENT: [&str; 5] = ["page", "currentpage", "pagenumber", "pageindex", "current"];
const ROWS: [&str; 9] = [
    "total",
    "totalcount",
    "totalitems",
    "totalrecords",
    "totalresults",
    "totalelements",
    "recordstotal",
    "totalhits",
    "count",
];
const CURSORS: [&str; 7] =
    ["nextcursor", "nextpagetoken", "nextpagecursor", "nexttoken", "continuationtoken", "endcursor", "after"];
const LINKS: [&str; 5] = ["next", "nextpage", "nexturl", "nextpageurl", "nextlink"];
/// Of a response. Servers that give none of these in the body may give it here.
const ROWS_HEADERS: [&str; 3] = ["x-total-count", "x-total", "x-wp-total"];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Clues {
    /// `Link: <…>; rel="next"` (RFC 8288).
    pub(super) link_header: bool,
    /// The status is 206.
    pub(super) partial: bool,
    /// Where the body has the next page's URL.
    pub(super) link: Option<FieldPath>,
    /// Where the body has the next page's cursor, and the cursor.
    pub(super) cursor: Option<(FieldPath, String)>,
    /// Where the body says how many pages there are, and how many.
    pub(super) pages: Option<(FieldPath, u64)>,
    /// The number of this page.
    pub(super) current: Option<u64>,
    /// How many objects there are on all pages.
    pub(super) rows: Option<u64>,
}

impl Clues {
    pub(super) fn of(status: u16, headers: &[(String, String)], body: &Value, items: &FieldPath) -> Self {
        let mut clues = Self { link_header: has_next_link(headers), partial: status == 206, ..Self::default() };
        collect(body, items, &mut Vec::new(), &mut clues);
        let header = |known: &&str| headers.iter().find(|(name, _)| name == known)?.1.trim().parse().ok();
        clues.rows = clues.rows.or_else(|| ROWS_HEADERS.iter().find_map(header));
        clues
    }

    /// Whether the answer says that there is more than these.
    pub(super) fn more_than(&self, rows: usize) -> bool {
        let pages = self.pages.as_ref().is_some_and(|(_, pages)| *pages > 1);
        self.link_header
            || self.partial
            || self.link.is_some()
            || self.cursor.is_some()
            || pages
            || self.rows.is_some_and(|all| all > rows as u64)
    }
}

fn has_next_link(headers: &[(String, String)]) -> bool {
    let links = headers.iter().filter(|(name, _)| name == "link").flat_map(|(_, value)| value.split('<').skip(1));
    links.filter_map(|link| link.split_once('>')).any(|(_, parameters)| {
        let parameters = parameters.to_ascii_lowercase();
        let Some((_, value)) = parameters.split_once("rel=") else { return false };
        let relations = match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => value.split([';', ',']).next(),
        };
        relations.unwrap_or_default().split_ascii_whitespace().any(|relation| relation == "next")
    })
}

fn collect<'a>(value: &'a Value, items: &FieldPath, path: &mut Vec<&'a str>, clues: &mut Clues) {
    const DEEPEST: usize = 4;
    let is_items = !path.is_empty() && path.iter().eq(items.segments().iter());
    let Value::Object(fields) = value else { return };
    if is_items || path.len() >= DEEPEST {
        return;
    }
    let has_pages = fields.keys().any(|name| PAGES.contains(&&*simple(name)));
    for (name, field) in fields.iter().filter(|(name, _)| !name.is_empty() && !name.contains('.')) {
        // Spring's. By itself the word may number anything.
        if has_pages && simple(name) == "number" {
            clues.current = clues.current.or(field.as_u64());
        }
        path.push(name);
        look(field, path, clues);
        collect(field, items, path, clues);
        path.pop();
    }
}

fn look(field: &Value, path: &[&str], clues: &mut Clues) {
    let simplified = |name: &&str| simple(name);
    let name = path.last().map(simplified).unwrap_or_default();
    let Ok(at) = path.join(".").parse::<FieldPath>() else { return };
    // HAL (and its like) has `next: {href: …}`.
    let is_next_href = name == "href" && path.iter().rev().nth(1).map(simplified).as_deref() == Some("next");
    match field {
        Value::Number(number) => {
            let Some(number) = number.as_u64() else { return };
            if clues.pages.is_none() && PAGES.contains(&&*name) {
                clues.pages = Some((at, number));
            } else if clues.current.is_none() && CURRENT.contains(&&*name) {
                clues.current = Some(number);
            } else if clues.rows.is_none() && ROWS.contains(&&*name) {
                clues.rows = Some(number);
            }
        }
        Value::String(text) if text.contains('/') && (LINKS.contains(&&*name) || is_next_href) => {
            clues.link.get_or_insert(at);
        }
        Value::String(text) if !text.is_empty() && CURSORS.contains(&&*name) => {
            clues.cursor.get_or_insert((at, text.clone()));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn clues(headers: &[(&str, &str)], body: &Value) -> Clues {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Clues::of(200, &headers, body, &"orders".parse().unwrap())
    }

    fn path(text: &str) -> FieldPath {
        text.parse().unwrap()
    }

    #[test]
    fn an_answer_shows_how_it_goes_on() {
        let check = |body: Value, expected: Clues| assert_eq!(clues(&[], &body), expected, "{body}");
        let none = Clues::default;
        check(json!([]), none());
        check(
            json!({"orders": [], "page": 1, "pages": 3, "count": 75}),
            Clues { pages: Some((path("pages"), 3)), current: Some(1), rows: Some(75), ..none() },
        );
        check(
            json!({"meta": {"pagination": {"current_page": 1, "total_pages": 2, "total": 50}}}),
            Clues { pages: Some((path("meta.pagination.total_pages"), 2)), current: Some(1), rows: Some(50), ..none() },
        );
        check(
            json!({"paging": {"cursors": {"after": "abc"}}}),
            Clues { cursor: Some((path("paging.cursors.after"), "abc".into())), ..none() },
        );
        check(json!({"next_cursor": null, "endCursor": ""}), none());
        check(
            json!({"links": {"next": "https://x/orders?page=2"}}),
            Clues { link: Some(path("links.next")), ..none() },
        );
        check(
            json!({"_links": {"next": {"href": "/orders?c=2"}, "self": {"href": "/"}}}),
            Clues { link: Some(path("_links.next.href")), ..none() },
        );
        check(json!({"next": "no-url", "total": "9", "page": -1}), none());
        check(
            json!({"page": {"number": 0, "totalPages": 3, "totalElements": 55}}),
            Clues { pages: Some((path("page.totalPages"), 3)), current: Some(0), rows: Some(55), ..none() },
        );
        check(json!({"shop": {"number": 0}}), none());
        // What is in the list belongs to its items.
        check(json!({"orders": {"total": 5}}), none());
    }

    #[test]
    fn a_header_may_say_it() {
        let check = |value: &str, expected: bool| {
            assert_eq!(clues(&[("link", value)], &json!([])).link_header, expected, "{value}");
        };
        check(r#"<https://x/?page=2>; rel="next""#, true);
        check(r#"<https://x/?page=1>; rel="first", <https://x/?page=2>; rel="next""#, true);
        check(r#"<https://x/?page=1>; rel=prev, <https://x/?page=2>; rel=next"#, true);
        check(r#"<https://x/?page=2>; title="a"; REL="last Next""#, true);
        check(r#"<https://x/?page=9>; rel="last""#, false);
        check(r#"<https://x/?rel=next>; rel="nextish""#, false);
        assert_eq!(clues(&[("x-total-count", "120")], &json!([])).rows, Some(120));
    }

    #[test]
    fn more_is_what_is_not_here() {
        let check = |body: Value, expected: bool| assert_eq!(clues(&[], &body).more_than(20), expected, "{body}");
        check(json!({"pages": 1, "total": 20}), false);
        check(json!({"pages": 2}), true);
        check(json!({"total": 21}), true);
        check(json!({"next_cursor": "a"}), true);
        check(json!({}), false);
    }
}
