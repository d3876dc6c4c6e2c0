//! Sources that behave, each in its own way.

use std::time::Duration;

use serde_json::{Value, json};

use super::shop::{
    Clock, SIZE, Shop, Thing, after, give_token, gzip, gzipped, has_good_token, items, numbered, page_number, shown,
    since, time, well_made,
};
use crate::support::{Reply, Request};

pub(super) struct Row {
    pub(super) name: &'static str,
    /// Keys of the source; `{base}` is its URL.
    pub(super) source: &'static str,
    /// Keys of the collection besides type, id and interval.
    pub(super) collection: &'static str,
    pub(super) shop: fn(&mut Shop, &Request) -> Reply,
    /// What must be true of the requests.
    pub(super) asked: fn(&[Request]),
}

fn anything(_: &[Request]) {}

fn some(what: &str, requests: &[Request], pleases: impl Fn(&Request) -> bool) {
    assert!(requests.iter().any(pleases), "{what}: {requests:#?}");
}

fn all(what: &str, requests: &[Request], pleases: impl Fn(&Request) -> bool) {
    let odd = requests.iter().find(|request| !pleases(request));
    assert!(odd.is_none(), "{what}: {odd:?} {:?}", odd.map(|odd| String::from_utf8_lossy(&odd.body).into_owned()));
}

/// The list of changes as a GraphQL server gives it, Relay's way.
fn connection(shop: &Shop, since: Option<jiff::Timestamp>, cursor: Option<&str>) -> Value {
    let (page, more) = after(&shop.changed(since), cursor);
    let end = page.last().map(|thing| thing.id.clone());
    json!({"data": {"things": {
        "nodes": shown(&page, Clock::Rfc3339), "pageInfo": {"endCursor": end, "hasNextPage": more},
    }}})
}

fn epoch(shop: &Shop, request: &Request, clock: Clock) -> Reply {
    let unit = if matches!(clock, Clock::Seconds) { 1_000 } else { 1 };
    let since = request.query("since").map(|text| text.parse::<i64>().unwrap() * unit);
    let since = since.map(|millis| jiff::Timestamp::from_millisecond(millis).unwrap());
    let (page, pages) = numbered(&shop.changed(since), page_number(request));
    Reply::json(200, &json!({"items": shown(&page, clock), "pages": pages}))
}

fn by_text(shop: &Shop, request: &Request, clock: Clock) -> Reply {
    let (page, pages) = numbered(&shop.changed_by_text(request.query("since").as_deref(), clock), page_number(request));
    Reply::json(200, &json!({"items": shown(&page, clock), "pages": pages}))
}

/// The page that is asked for and how many there are, the second of which is empty: the source filters as it goes.
fn behind_an_empty_page<'a>(shop: &'a Shop, request: &Request) -> (usize, (Vec<&'a Thing>, usize)) {
    let number = page_number(request);
    let (page, pages) = numbered(&shop.all(), number - usize::from(number > 1));
    (number, (if number == 2 { Vec::new() } else { page }, pages + 1))
}

fn authorized(shop: &mut Shop, request: &Request) -> Reply {
    match has_good_token(shop, request) {
        true => well_made(shop, request),
        false => Reply::status(401),
    }
}

/// Of a message to an endpoint.
fn parameter(request: &Request, name: &str) -> Value {
    let message = request.json();
    let found = message["parameters"].as_array().unwrap().iter().find(|one| one["name"] == name);
    found.map(|one| one["value"].clone()).unwrap_or_default()
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "through-an-endpoint",
        source: "",
        collection: "remote: {endpoint: bridge, path: /through-an-endpoint/poll,
                     parameters: {from: 0, key: {secret: key}}}, created: created",
        shop: |shop, request| {
            let (feed, from) = (shop.feed(), parameter(request, "from").as_u64().unwrap() as usize);
            let page: Vec<&Thing> = feed.iter().skip(from).take(SIZE).copied().collect();
            let next = from + page.len();
            let answer = json!({"things": shown(&page, Clock::Rfc3339), "parameters": {"from": next, "key": "none"}});
            Reply::json(if next < feed.len() { 206 } else { 200 }, &answer)
        },
        asked: |requests| {
            all("a signed message", requests, |request| {
                request.header("webhook-signature").is_some() && request.json()["message"] == "thing:poll"
            });
            all("the secret", requests, |request| parameter(request, "key") == "s3cret");
            let from: Vec<u64> = requests.iter().map(|request| parameter(request, "from").as_u64().unwrap()).collect();
            assert!(from.is_sorted() && from.contains(&2), "{from:?}");
        },
    },
    Row {
        name: "single",
        source: "",
        collection: "request: {path: /things}, created: created",
        shop: |shop, _| Reply::json(200, &shown(&shop.all(), Clock::Rfc3339).into()),
        asked: |requests| all("no query", requests, |request| !request.target.contains('?')),
    },
    Row {
        name: "pages-with-total",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s}, pages: {style: page, param: page, total: pages}",
        shop: |shop, request| well_made(shop, request),
        asked: anything,
    },
    Row {
        name: "pages-from-zero-without-total-or-time",
        source: "",
        collection: "request: {path: /things, query: {q: 'a&b'}}, created: created,
                     pages: {style: page, param: 'p[n]', first: 0, size: {param: size, value: 2}}",
        shop: |shop, request| {
            let number: usize = request.query("p[n]").unwrap().parse().unwrap();
            Reply::json(200, &shown(&numbered(&shop.all(), number + 1).0, Clock::Rfc3339).into())
        },
        asked: |requests| {
            all("size and query", requests, |request| {
                request.query("size").as_deref() == Some("2") && request.query("q").as_deref() == Some("a&b")
            });
            some("the first is 0", requests, |request| request.query("p[n]").as_deref() == Some("0"));
        },
    },
    Row {
        name: "link-header",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s}, pages: {style: link}",
        shop: |shop, request| {
            let number = page_number(request);
            let (page, pages) = numbered(&shop.changed(since(request)), number);
            let reply = Reply::json(200, &items(&page, json!({})));
            let since = request.query("since").map(|since| format!("&since={since}")).unwrap_or_default();
            let next = format!("<things?page={}{since}>; rel=\"next\"", number + 1);
            if number < pages { reply.with("link", next) } else { reply }
        },
        asked: |requests| some("a link is followed", requests, |request| request.query("page").is_some()),
    },
    Row {
        name: "link-behind-an-empty-page",
        source: "",
        collection: "request: {path: /things}, created: created, items: items, pages: {style: link}",
        shop: |shop, request| {
            let (number, (page, pages)) = behind_an_empty_page(shop, request);
            let reply = Reply::json(200, &items(&page, json!({})));
            let next = format!("<things?page={}>; rel=\"next\"", number + 1);
            if number < pages { reply.with("link", next) } else { reply }
        },
        asked: |requests| some("what is behind it", requests, |request| page_number(request) == 5),
    },
    Row {
        name: "total-behind-an-empty-page",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     pages: {style: page, param: page, total: pages}",
        shop: |shop, request| {
            let (_, (page, pages)) = behind_an_empty_page(shop, request);
            Reply::json(200, &items(&page, json!({"pages": pages})))
        },
        asked: |requests| some("what is behind it", requests, |request| page_number(request) == 5),
    },
    Row {
        name: "link-in-the-body",
        source: "",
        collection: "request: {path: /things}, created: created, items: items, pages: {style: link, next: links.next}",
        shop: |shop, request| {
            let number = page_number(request);
            let (page, pages) = numbered(&shop.all(), number);
            let next = format!("http://{}{}?page={}", request.header("host").unwrap(), request.path(), number + 1);
            let next = if number < pages { json!(next) } else { Value::Null };
            Reply::json(200, &items(&page, json!({"links": {"next": next}})))
        },
        asked: |requests| some("a link is followed", requests, |request| page_number(request) == 4),
    },
    Row {
        name: "cursor",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     pages: {style: cursor, param: after, next: meta.next}",
        shop: |shop, request| {
            let (page, more) = after(&shop.all(), request.query("after").as_deref());
            let next = if more { json!(page[SIZE - 1].id) } else { json!("") };
            Reply::json(200, &items(&page, json!({"meta": {"next": next}})))
        },
        asked: |requests| some("cursors are followed", requests, |request| request.query("after").is_some()),
    },
    Row {
        name: "cursor-that-never-ends",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     pages: {style: cursor, param: after, next: last}",
        shop: |shop, request| {
            // As long as there is anything, its last one; then the cursor that was sent.
            let cursor = request.query("after");
            let (page, _) = after(&shop.all(), cursor.as_deref());
            let next = page.last().map(|thing| thing.id.clone()).or(cursor);
            Reply::json(200, &items(&page, json!({"last": next})))
        },
        asked: anything,
    },
    Row {
        name: "cursor-and-time",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s},
                     pages: {style: cursor, param: after, next: next, more: more}",
        shop: |shop, request| {
            // A number: how many have been given out, which shifts when things change meanwhile.
            let given: usize = request.query("after").map_or(0, |text| text.parse().unwrap());
            let (page, pages) = numbered(&shop.changed(since(request)), given / SIZE + 1);
            let next = given + SIZE;
            Reply::json(200, &items(&page, json!({"next": next, "more": next / SIZE < pages})))
        },
        asked: |requests| {
            some("a cursor within one time", requests, |request| {
                request.query("after").is_some() && request.query("since").is_some()
            });
        },
    },
    Row {
        name: "cursor-that-is-the-bookmark",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     pages: {style: cursor, param: from, next: next, resume: true}",
        shop: |shop, request| {
            let feed = shop.feed();
            let from: usize = request.query("from").map_or(0, |text| text.parse().unwrap());
            let page: Vec<_> = feed.into_iter().skip(from).take(SIZE).collect();
            Reply::json(200, &items(&page, json!({"next": from + page.len()})))
        },
        asked: |requests| {
            let beginnings = requests.iter().filter(|request| request.query("from").is_none()).count();
            assert_eq!(beginnings, 1, "only the first poll begins at the beginning: {requests:#?}");
        },
    },
    Row {
        name: "status-206",
        source: "",
        collection: "request: {path: /things}, created: created, items: items, pages: {style: status206, param: page}",
        shop: |shop, request| {
            let number = page_number(request);
            let (page, pages) = numbered(&shop.all(), number);
            Reply::json(if number < pages { 206 } else { 200 }, &items(&page, json!({})))
        },
        asked: |requests| all("none past the last", requests, |request| page_number(request) <= 4),
    },
    Row {
        name: "status-206-and-time",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s}, pages: {style: status206, param: page}",
        shop: |shop, request| {
            let number = page_number(request);
            let (page, pages) = numbered(&shop.changed(since(request)), number);
            Reply::json(if number < pages { 206 } else { 200 }, &items(&page, json!({})))
        },
        asked: |requests| {
            some("a page within one time", requests, |request| page_number(request) > 1 && since(request).is_some());
        },
    },
    Row {
        name: "seconds",
        source: "",
        collection: "request: {path: /things}, created: {field: created, format: epoch}, items: items,
                     since: {param: since, field: at, format: epoch}, pages: {style: page, param: page, total: pages}",
        shop: |shop, request| epoch(shop, request, Clock::Seconds),
        asked: |requests| some("ten digits", requests, |request| request.query("since").is_some_and(|s| s.len() == 10)),
    },
    Row {
        name: "milliseconds",
        source: "",
        collection: "request: {path: /things}, created: {field: created, format: epoch_ms}, items: items,
                     since: {param: since, field: at, format: epoch_ms}, pages: {style: page, param: page, total: pages}",
        shop: |shop, request| epoch(shop, request, Clock::Milliseconds),
        asked: |requests| {
            some("thirteen digits", requests, |request| request.query("since").is_some_and(|s| s.len() == 13));
        },
    },
    Row {
        name: "times-compared-as-text",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s}, pages: {style: page, param: page, total: pages}",
        shop: |shop, request| by_text(shop, request, Clock::Rfc3339),
        asked: |requests| {
            some("zeros and all", requests, |request| request.query("since").is_some_and(|s| s.ends_with(".120Z")));
        },
    },
    Row {
        name: "times-without-a-zone",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s}, pages: {style: page, param: page, total: pages}",
        shop: |shop, request| by_text(shop, request, Clock::Bare),
        asked: |requests| {
            let bare = |text: String| text.len() == 23 && text.as_bytes()[10] == b' ';
            all("as the shop's own", requests, |request| request.query("since").is_none_or(bare));
        },
    },
    Row {
        name: "times-in-another-zone",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s}, pages: {style: page, param: page, total: pages}",
        shop: |shop, request| by_text(shop, request, Clock::Offset),
        asked: |requests| {
            all("as the shop's own", requests, |request| {
                request.query("since").is_none_or(|since| since.len() == 29 && since.ends_with("+01:00"))
            });
        },
    },
    Row {
        name: "post",
        source: "",
        collection: "request: {path: /things, method: POST, body: {since: '{bookmark}', page: '{page}', size: 2}},
                     created: created, items: items, since: {field: at, overlap: 1s}, pages: {style: page, total: pages}",
        shop: |shop, request| {
            let body = request.json();
            let number = usize::try_from(body["page"].as_u64().unwrap()).unwrap();
            let (page, pages) = numbered(&shop.changed(time(&body["since"])), number);
            Reply::json(200, &items(&page, json!({"pages": pages})))
        },
        asked: |requests| {
            all("a POST of JSON, and no query", requests, |request| {
                let json = request.header("content-type") == Some("application/json");
                request.method == "POST" && json && !request.target.contains('?')
            });
            assert_eq!(requests[0].json(), json!({"since": null, "page": 1, "size": 2}));
        },
    },
    Row {
        name: "graphql",
        source: "",
        collection: "request: {path: /graphql, method: POST, body: {
                       query: 'query($from: Time, $after: String) { things(from: $from, after: $after) { nodes { id n } } }',
                       variables: {from: '{bookmark}', after: '{cursor}'}}},
                     created: created, items: data.things.nodes, since: {field: at, overlap: 1s},
                     pages: {style: cursor, next: data.things.pageInfo.endCursor,
                             more: data.things.pageInfo.hasNextPage}",
        shop: |shop, request| {
            let variables = request.json()["variables"].take();
            Reply::json(200, &connection(shop, time(&variables["from"]), variables["after"].as_str()))
        },
        asked: |requests| {
            assert_eq!(requests[0].json()["variables"], json!({"from": null, "after": null}));
            some("a cursor within one time", requests, |request| {
                let variables = &request.json()["variables"];
                variables["from"].is_string() && variables["after"].is_string()
            });
        },
    },
    Row {
        name: "graphql-with-a-search-text",
        source: "",
        collection: "request: {path: /graphql, method: POST, body: {
                       query: 'query($search: String) { things(search: $search) { nodes { id n } } }',
                       variables: {search: \"at:>='{bookmark}' after:{cursor}\"}}},
                     created: created, items: data.things.nodes, since: {field: at, overlap: 1s},
                     pages: {style: cursor, next: data.things.pageInfo.endCursor}",
        shop: |shop, request| {
            let body = request.json();
            let search = body["variables"]["search"].as_str().unwrap();
            let (since, cursor) = search.strip_prefix("at:>='").unwrap().split_once("' after:").unwrap();
            let cursor = Some(cursor).filter(|cursor| !cursor.is_empty());
            let mut answer = connection(shop, time(&since.into()), cursor);
            answer["errors"] = json!([]);
            Reply::json(200, &answer)
        },
        asked: |requests| {
            let first = requests[0].json();
            assert_eq!(first["variables"]["search"], "at:>='1970-01-01T00:00:00Z' after:");
        },
    },
    Row {
        name: "oauth2",
        source: "auth: {oauth2: {token_url: '{base}/token', client_id: 'my:hub', secret: key}}",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s}, pages: {style: page, param: page, total: pages}",
        shop: |shop, request| match request.path().ends_with("/token") {
            true => give_token(shop, 3_600),
            false => authorized(shop, request),
        },
        asked: |requests| {
            let tokens: Vec<_> = requests.iter().filter(|request| request.path().ends_with("/token")).collect();
            assert_eq!(tokens.len(), 1, "one token for all: {requests:#?}");
            assert_eq!(tokens[0].body, b"grant_type=client_credentials");
            // RFC 6749 §2.3.1: `my%3Ahub:s3cret`.
            assert_eq!(tokens[0].header("authorization"), Some("Basic bXklM0FodWI6czNjcmV0"));
        },
    },
    Row {
        name: "oauth2-in-the-body-and-soon-over",
        source: "auth: {oauth2: {token_url: '{base}/token', client_id: hub, secret: key, client_auth: body,
                                 scope: 'a b', audience: 'https://shop.example'}}",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s}, pages: {style: page, param: page, total: pages}",
        shop: |shop, request| match request.path().ends_with("/token") {
            true => give_token(shop, 1),
            false => authorized(shop, request),
        },
        asked: |requests| {
            let (tokens, pages): (Vec<_>, Vec<_>) =
                requests.iter().partition(|request| request.path().ends_with("/token"));
            assert!(tokens.len() > 1, "a token lasts a second: {requests:#?}");
            let expected: &[u8] = b"grant_type=client_credentials&scope=a+b&audience=https%3A%2F%2Fshop.example\
                                    &client_id=hub&client_secret=s3cret";
            assert!(tokens.iter().all(|request| request.body == expected), "{tokens:#?}");
            let with = |number: usize| format!("Bearer token-{number}");
            assert_eq!(pages[0].header("authorization"), Some(&*with(1)));
            assert!(pages.iter().any(|request| request.header("authorization") == Some(&*with(2))));
        },
    },
    Row {
        name: "oauth2-taken-back",
        source: "auth: {oauth2: {token_url: '{base}/token', client_id: hub, secret: key}}",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s}, pages: {style: page, param: page, total: pages}",
        shop: |shop, request| {
            if request.path().ends_with("/token") {
                return give_token(shop, 3_600);
            }
            // Once, in the middle of a poll.
            if page_number(request) == 2 && shop.revoked == 0 {
                shop.revoked = 1;
            }
            authorized(shop, request)
        },
        asked: |requests| {
            let tokens = requests.iter().filter(|request| request.path().ends_with("/token")).count();
            assert_eq!(tokens, 2, "{requests:#?}");
        },
    },
    Row {
        name: "gzip",
        source: "",
        collection: "request: {path: /things}, created: created",
        shop: |shop, _| {
            gzipped(gzip(Value::from(shown(&shop.all(), Clock::Rfc3339)).to_string().as_bytes()))
        },
        asked: |requests| {
            all("is asked for", requests, |request| request.header("accept-encoding") == Some("gzip"));
        },
    },
    Row {
        name: "slow",
        source: "",
        collection: "request: {path: /things}, created: created",
        shop: |shop, _| Reply::json(200, &shown(&shop.all(), Clock::Rfc3339).into()).slowly(Duration::from_millis(20)),
        asked: anything,
    },
    Row {
        name: "nearly-ten-megabytes",
        source: "",
        collection: "request: {path: /things}, created: created, items: items, volatile: [at], every: 3s",
        shop: |shop, _| {
            // Beside the list: what counts is the page.
            let padding = "x".repeat((10 << 20) - 4_096);
            Reply::json(200, &items(&shop.all(), json!({"padding": padding})))
        },
        asked: anything,
    },
    Row {
        name: "json-called-plain-text",
        source: "",
        collection: "request: {path: /things}, created: created",
        shop: |shop, _| {
            let list = Value::from(shown(&shop.all(), Clock::Rfc3339)).to_string();
            Reply::text(200, "text/plain", &format!("\u{feff}{list}"))
        },
        asked: anything,
    },
    Row {
        name: "json-called-html",
        source: "",
        collection: "request: {path: /things}, created: created",
        shop: |shop, _| {
            Reply::text(200, "text/html", &format!("\n{}\n", Value::from(shown(&shop.all(), Clock::Rfc3339))))
        },
        asked: anything,
    },
    Row {
        name: "redirected",
        source: "auth: {bearer: {secret: key}}, follow_redirects: true",
        collection: "request: {path: /things}, created: created",
        shop: |shop, request| match request.path().rsplit('/').next() {
            _ if request.header("authorization") != Some("Bearer s3cret") => Reply::status(401),
            Some("things") => Reply::status(301).with("location", "moved?to=there"),
            Some("moved") => Reply::status(307).with("location", request.path().replace("moved", "there")),
            _ => Reply::json(200, &shown(&shop.all(), Clock::Rfc3339).into()),
        },
        asked: |requests| some("the end of the way", requests, |request| request.path().ends_with("/there")),
    },
    Row {
        name: "post-redirected",
        source: "follow_redirects: true",
        collection: "request: {path: /things, method: POST, body: {all: true}}, created: created",
        shop: |shop, request| match request.path().rsplit('/').next() {
            Some("things") => Reply::status(308).with("location", "there"),
            _ => Reply::json(200, &shown(&shop.all(), Clock::Rfc3339).into()),
        },
        asked: |requests| {
            all("a POST all the way", requests, |request| {
                request.method == "POST" && request.json() == json!({"all": true})
            });
        },
    },
    Row {
        name: "no-content-behind-the-last-page",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     since: {param: since, field: at, overlap: 1s}, pages: {style: page, param: page}",
        shop: |shop, request| {
            let (page, _) = numbered(&shop.changed(since(request)), page_number(request));
            if page.is_empty() { Reply::status(204) } else { Reply::json(200, &items(&page, json!({}))) }
        },
        asked: anything,
    },
    Row {
        name: "not-found-behind-the-last-page",
        source: "",
        collection: "request: {path: /things}, created: created, pages: {style: page, param: page}",
        shop: |shop, request| match numbered(&shop.all(), page_number(request)).0 {
            page if page.is_empty() => Reply::json(404, &json!({"detail": "Invalid page."})),
            page => Reply::json(200, &shown(&page, Clock::Rfc3339).into()),
        },
        asked: anything,
    },
    Row {
        name: "offset-with-fewer-than-the-limit",
        source: "",
        collection: "request: {path: /things}, created: created, items: items,
                     pages: {style: offset, param: offset, size: {param: limit, value: 100}}",
        shop: |shop, request| {
            let offset: usize = request.query("offset").unwrap().parse().unwrap();
            let rest: Vec<_> = shop.all().into_iter().skip(offset).collect();
            Reply::json(200, &items(&numbered(&rest, 1).0, json!({"offset": offset})))
        },
        asked: |requests| {
            all("a limit", requests, |request| request.query("limit").as_deref() == Some("100"));
        },
    },
];
