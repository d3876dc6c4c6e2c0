//! Sources that misbehave for a while, each in its own way.

use std::time::Duration;

use serde_json::json;

use super::shop::{
    Clock, SIZE, Shop, after, give_token, gzip, gzipped, has_good_token, items, numbered, page_number, shown, since,
    well_made,
};
use crate::support::{Reply, Request};

pub(super) struct Row {
    pub(super) name: &'static str,
    /// Keys of the source; `{base}` is its URL.
    pub(super) source: &'static str,
    /// Keys of the collection besides type, id and interval.
    pub(super) collection: &'static str,
    pub(super) good: fn(&mut Shop, &Request) -> Reply,
    pub(super) bad: fn(&mut Shop, &Request) -> Reply,
    /// What the hub says of it. `{base}`, `{origin}` and `{elsewhere}` are URLs; `…` is the rest.
    pub(super) reason: &'static str,
    pub(super) bookmark: Mark,
}

/// What becomes of the bookmark while the source misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Stays,
    /// As far as pages have been stored.
    Follows,
    /// The source no longer knows it.
    Goes,
}

const NONE: Row = Row {
    name: "",
    source: "",
    collection: "request: {path: /things}, created: created, items: items,
                 since: {param: since, field: at, overlap: 1s}, pages: {style: page, param: page, total: pages}",
    good: |shop, request| well_made(shop, request),
    bad: |_, _| Reply::status(500),
    reason: "",
    bookmark: Mark::Stays,
};

const BY_CURSOR: Row = Row {
    collection: "request: {path: /things}, created: created, items: items,
                 pages: {style: cursor, param: after, next: next, more: more}",
    good: |shop, request| by_cursor(shop, request),
    ..NONE
};

fn by_cursor(shop: &Shop, request: &Request) -> Reply {
    let (page, more) = after(&shop.all(), request.query("after").as_deref());
    Reply::json(200, &items(&page, json!({"next": page.last().map(|thing| &thing.id), "more": more})))
}

const WITH_TOKEN: Row = Row {
    // A token lasts no longer than a second, so that each poll needs a new one.
    source: "auth: {oauth2: {token_url: '{base}/token', client_id: hub, secret: key}}",
    good: |shop, request| match is_for_a_token(request) {
        true => give_token(shop, 1),
        false => authorized(shop, request),
    },
    ..NONE
};

fn is_for_a_token(request: &Request) -> bool {
    request.path().ends_with("/token")
}

fn authorized(shop: &Shop, request: &Request) -> Reply {
    if has_good_token(shop, request) { well_made(shop, request) } else { Reply::status(401) }
}

fn ten_megabytes_and_one() -> Vec<u8> {
    let padding = (10 << 20) + 1 - r#"{"items":[],"padding":""}"#.len();
    format!(r#"{{"items":[],"padding":"{}"}}"#, "x".repeat(padding)).into_bytes()
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "html",
        bad: |_, _| Reply::text(200, "text/html", "<!DOCTYPE html><title>Down for maintenance</title>"),
        reason: "the answer is HTML (content-type text/html), expected a JSON document; \
                 it begins with \"Down for maintenance\"",
        ..NONE
    },
    Row {
        name: "a-warning-before-json",
        bad: |_, _| Reply::text(200, "application/json", "<br />\n<b>Warning</b>: Undefined index{\"items\": []}"),
        reason: "the answer is HTML (content-type application/json), expected a JSON document; \
                 it begins with \"Warning : Undefined index…",
        ..NONE
    },
    Row {
        name: "xml",
        bad: |_, _| Reply::text(200, "text/xml", "<?xml version=\"1.0\"?><fault>Soap is off</fault>"),
        reason: "the answer is XML (content-type text/xml), expected a JSON document; it begins with \"Soap is off\"",
        ..NONE
    },
    Row {
        name: "half-a-document",
        bad: |_, _| Reply::text(200, "application/json", r#"{"items": [{"id": "T1""#),
        reason: "the answer is not JSON (line 1 column 22; content-type application/json), expected a JSON document",
        ..NONE
    },
    Row {
        name: "another-document",
        bad: |_, _| Reply::json(200, &json!({"status": "ok"})),
        reason: "found nothing at \"items\" of the answer, expected a list",
        ..NONE
    },
    Row {
        name: "server-error",
        bad: |_, _| Reply::text(500, "text/html", "<h1>Oops</h1>"),
        reason: "the source answered 500",
        ..NONE
    },
    Row {
        name: "too-many-requests",
        bad: |_, _| Reply::status(429).with("retry-after", "2"),
        reason: "the source answered 429 and asks to wait for 2s",
        ..NONE
    },
    Row {
        name: "not-now",
        bad: |_, _| Reply::status(503).with("retry-after", "1.5"),
        reason: "the source answered 503 and asks to wait for 2s",
        ..NONE
    },
    Row {
        name: "too-many-requests-in-the-middle",
        bad: |shop, request| match page_number(request) {
            1 => well_made(shop, request),
            _ => Reply::status(429).with("retry-after", "2"),
        },
        reason: "page 2: the source answered 429 and asks to wait for 2s; page 1 was read",
        bookmark: Mark::Follows,
        ..NONE
    },
    Row { name: "silence", bad: |_, _| Reply::Silence, reason: "no whole answer within 3s", ..NONE },
    Row {
        name: "too-slow",
        bad: |shop, request| well_made(shop, request).slowly(Duration::from_millis(400)),
        reason: "no whole answer within 3s",
        ..NONE
    },
    Row {
        name: "half-sent",
        bad: |_, _| Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"items\": [".to_vec()),
        reason: "the connection broke: …",
        ..NONE
    },
    Row { name: "reset", bad: |_, _| Reply::Reset, reason: "the connection broke: …", ..NONE },
    Row {
        name: "more-than-ten-megabytes",
        bad: |_, _| Reply::Answer { status: 200, headers: Vec::new(), body: ten_megabytes_and_one() },
        reason: "the answer is longer than 10485760 bytes",
        ..NONE
    },
    Row {
        name: "gzip-bomb",
        bad: |_, _| gzipped(gzip(&ten_megabytes_and_one())),
        reason: "the answer is longer than 10485760 bytes",
        ..NONE
    },
    Row {
        name: "no-gzip",
        bad: |_, _| gzipped(b"{\"items\": []}".to_vec()),
        reason: "the connection broke: …",
        ..NONE
    },
    Row {
        name: "redirect-nobody-asked-for",
        bad: |_, _| Reply::status(302).with("location", "there?token=hush"),
        reason: "the source answered 302 and points to {base}/there; with `follow_redirects: true` the hub goes there",
        ..NONE
    },
    Row {
        name: "redirect-elsewhere",
        source: "auth: {bearer: {secret: key}}, follow_redirects: true",
        bad: |shop, _| Reply::status(302).with("location", format!("{}/things?token=hush", shop.elsewhere)),
        reason: "the source answered 302 and points to {elsewhere}/things, which is not on {origin}; \
                 if that is right, it belongs in `url`",
        ..NONE
    },
    Row {
        name: "redirects-without-end",
        source: "follow_redirects: true",
        bad: |_, request| Reply::status(307).with("location", request.path()),
        reason: "the source redirects more than 5 times, at last to {base}/things",
        ..NONE
    },
    Row {
        name: "redirect-of-a-post",
        source: "follow_redirects: true",
        collection: "request: {path: /things, method: POST, body: {}}, created: created, items: items",
        good: |shop, _| Reply::json(200, &items(&shop.all(), json!({}))),
        bad: |_, _| Reply::status(302).with("location", "there"),
        reason: "the source answered 302 to a POST and points to {base}/there; only 307 and 308 keep a POST as it is",
        ..NONE
    },
    Row {
        name: "link-elsewhere",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s}, pages: {style: link}",
        good: |shop, request| {
            let number = page_number(request);
            let (page, pages) = numbered(&shop.changed(since(request)), number);
            let reply = Reply::json(200, &items(&page, json!({})));
            let since = request.query("since").map(|since| format!("&since={since}")).unwrap_or_default();
            let next = format!("<things?page={}{since}>; rel=\"next\"", number + 1);
            if number < pages { reply.with("link", next) } else { reply }
        },
        bad: |shop, request| {
            let elsewhere = shop.elsewhere.replace("://", "://eve:hush@");
            let next = format!("<{elsewhere}/things?token=hush>; rel=next");
            well_made(shop, request).with("link", next)
        },
        reason: "the next page's link points to {elsewhere}/things, which is not on {origin}, where the source is",
        ..NONE
    },
    Row {
        name: "link-that-is-not-heeded",
        collection: "request: {path: /things}, created: created, items: items, pages: {style: link}",
        good: |shop, _| Reply::json(200, &items(&shop.all(), json!({}))),
        bad: |shop, request| {
            let next = format!("<things?page={}>; rel=next", page_number(request) + 1);
            Reply::json(200, &items(&numbered(&shop.all(), 1).0, json!({}))).with("link", next)
        },
        reason: "the same page came 3 times, each time with another to follow: \
                 the source does not seem to understand how it is asked for the next",
        ..NONE
    },
    Row {
        name: "graphql-errors",
        collection: "request: {path: /graphql, method: POST, body: {query: '{ things { id n created } }'}},
                     created: created, items: data.things",
        good: |shop, _| Reply::json(200, &json!({"data": {"things": shown(&shop.all(), Clock::Rfc3339)}})),
        bad: |shop, _| {
            let things = shown(&shop.all(), Clock::Rfc3339);
            let errors = json!([{"message": "Throttled", "path": ["things"]}, {"message": "x"}]);
            Reply::json(200, &json!({"data": {"things": things}, "errors": errors}))
        },
        reason: "the answer has errors, the first of 2: \"Throttled\"",
        ..NONE
    },
    Row {
        name: "cursor-again",
        bad: |shop, _| {
            let (page, _) = after(&shop.all(), None);
            Reply::json(200, &items(&page, json!({"next": "T1", "more": true})))
        },
        reason: "the source's pagination is circular: an answer gives a cursor that has been followed before",
        ..BY_CURSOR
    },
    Row {
        name: "cursor-that-is-not-heeded",
        bad: |shop, _| {
            // The first page for whatever is asked, sealed anew each time.
            shop.tokens += 1;
            let (page, _) = after(&shop.all(), None);
            Reply::json(200, &items(&page, json!({"next": format!("sealed-{}", shop.tokens), "more": true})))
        },
        reason: "the same page came 3 times, each time with another to follow: \
                 the source does not seem to understand how it is asked for the next",
        ..BY_CURSOR
    },
    Row {
        name: "status-206-for-ever",
        collection: "request: {path: /things}, created: created, items: items, pages: {style: status206, param: page}",
        good: |shop, request| {
            let number = page_number(request);
            let (page, pages) = numbered(&shop.all(), number);
            Reply::json(if number < pages { 206 } else { 200 }, &items(&page, json!({})))
        },
        // The parameter is one it does not know.
        bad: |shop, _| Reply::json(206, &items(&numbered(&shop.all(), 1).0, json!({}))),
        reason: "the same page came 3 times, each time with another to follow: \
                 the source does not seem to understand how it is asked for the next",
        ..NONE
    },
    Row {
        name: "cursor-missing",
        bad: |shop, _| {
            let (page, _) = after(&shop.all(), None);
            Reply::json(200, &items(&page, json!({"next": null, "more": true})))
        },
        reason: "the answer has more pages (\"more\" is true), and no cursor at \"next\"",
        ..BY_CURSOR
    },
    Row {
        name: "cursor-of-no-kind",
        bad: |shop, _| Reply::json(200, &items(&shop.all(), json!({"next": {"id": "T1"}}))),
        reason: "found an object at \"next\" of the answer, expected text or a number",
        ..BY_CURSOR
    },
    Row {
        name: "cursor-that-expires-in-the-middle",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s},
                     pages: {style: cursor, param: after, next: next, more: more}",
        good: |shop, request| {
            let given: usize = request.query("after").map_or(0, |text| text.parse().unwrap());
            let (page, pages) = numbered(&shop.changed(since(request)), given / SIZE + 1);
            let next = given + SIZE;
            Reply::json(200, &items(&page, json!({"next": next, "more": next / SIZE < pages})))
        },
        bad: |shop, request| match request.query("after") {
            Some(_) => Reply::json(400, &json!({"error": "expired"})),
            None => {
                let (page, pages) = numbered(&shop.changed(since(request)), 1);
                Reply::json(200, &items(&page, json!({"next": SIZE, "more": pages > 1})))
            }
        },
        reason: "the source answered 400",
        bookmark: Mark::Follows,
        ..NONE
    },
    Row {
        name: "bookmark-that-expires",
        collection: "request: {path: /things}, created: created, items: items,
                     pages: {style: cursor, param: from, next: next, resume: true}",
        good: |shop, request| {
            let feed = shop.feed();
            let from: usize = request.query("from").map_or(0, |text| text.parse().unwrap());
            let page: Vec<_> = feed.into_iter().skip(from).take(SIZE).collect();
            Reply::json(200, &items(&page, json!({"next": from + page.len()})))
        },
        bad: |_, request| match request.query("from") {
            Some(_) => Reply::status(410),
            None => Reply::status(500),
        },
        reason: "the source answered 410: its cursor is no more, and the next poll starts from the beginning",
        bookmark: Mark::Goes,
        ..NONE
    },
    Row {
        name: "token-refused",
        bad: |_, request| match is_for_a_token(request) {
            true => Reply::json(401, &json!({"error": "invalid_client", "error_description": "s3cret is wrong"})),
            false => Reply::status(401),
        },
        reason: "no token from 127.0.0.1: it answered 401 (invalid_client)",
        ..WITH_TOKEN
    },
    Row {
        name: "token-that-is-none",
        bad: |_, request| match is_for_a_token(request) {
            true => Reply::text(200, "text/html", "<h1>Sign in</h1>"),
            false => Reply::status(401),
        },
        reason: "no token from 127.0.0.1: its answer has no usable access_token",
        ..WITH_TOKEN
    },
    Row {
        name: "token-server-that-redirects",
        source: "auth: {oauth2: {token_url: '{base}/token', client_id: hub, secret: key}}, follow_redirects: true",
        bad: |shop, request| match is_for_a_token(request) {
            true => Reply::status(307).with("location", format!("{}/token", shop.elsewhere)),
            false => Reply::status(401),
        },
        reason: "no token from 127.0.0.1: it answered 307",
        ..WITH_TOKEN
    },
    Row {
        name: "token-server-that-is-busy",
        bad: |_, request| match is_for_a_token(request) {
            true => Reply::status(429).with("retry-after", "2"),
            false => Reply::status(401),
        },
        reason: "no token from 127.0.0.1: it answered 429",
        ..WITH_TOKEN
    },
    Row {
        name: "tokens-that-open-nothing",
        bad: |shop, request| match is_for_a_token(request) {
            true => give_token(shop, 3_600),
            false => Reply::status(401),
        },
        reason: "the source answered 401: the secret key bought a token, which was sent, and refused",
        ..WITH_TOKEN
    },
];
