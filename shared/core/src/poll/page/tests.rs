use super::*;

fn collection(items: &str, pages: &str) -> Collection {
    let text = format!(
        "hub: my-shop
sources:
  my-store:
    url: http://shop.test
    collections:
      orders:
        type: order
        request: {{path: /orders}}
        items: \"{items}\"
        id: id
        pages: {pages}
        every: 10s
endpoints:
  mail: {{url: http://mail.test}}
routes:
  - {{name: mail, messages: [\"order:*\"], to: mail, path: /mail}}
"
    );
    let loaded = crate::hub::load("hub.yaml", &text, &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
    loaded.hub.sources.values().next().unwrap().collections[0].clone()
}

const BY_NUMBER: &str = "{style: page, param: page, total: meta.pages}";

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> SourceResponse {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    SourceResponse { status, headers, body: body.as_bytes().to_vec() }
}

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn asked() -> Url {
    "https://shop.test/api/orders?size=2&page=1".parse().unwrap()
}

/// The number of items and the total, or the error.
fn check(items: &str, response: &SourceResponse, expected: Result<(usize, Option<u64>), &str>) {
    let found = read(&collection(items, BY_NUMBER), &asked(), response, now());
    let found = found.map(|page| (page.items.len(), page.onward.total)).map_err(|error| error.to_string());
    assert_eq!(found, expected.map_err(str::to_owned), "{response:?}");
}

#[test]
fn only_a_2xx_is_a_page() {
    let list = r#"{"orders": [{}, {}]}"#;
    for status in [200, 201, 203, 206] {
        check("orders", &response(status, &[], list), Ok((2, None)));
    }
    check("orders", &response(204, &[], ""), Ok((0, None)));
    for status in [100, 199, 300, 301, 304, 400, 401, 404, 429, 500, 503] {
        let expected = format!("the source answered {status}");
        check("orders", &response(status, &[("location", "/elsewhere")], list), Err(&expected));
    }
}

#[test]
fn what_is_not_json_is_no_page_and_is_not_repeated() {
    let cases = [("", "line 1 column 0"), (r#"{"orders": ["#, "line 1 column 12"), ("{} x", "line 1 column 4")];
    for (body, place) in cases {
        let expected = format!("the answer is not JSON ({place}; content-type none), expected a JSON document");
        check("orders", &response(200, &[], body), Err(&expected));
    }
}

#[test]
fn of_markup_the_first_words_are_told() {
    let down = "\n<!doctype html><title>Down</title><p>Back at 5</p>";
    let expected =
        "the answer is HTML (content-type text/html), expected a JSON document; it begins with \"Down Back at 5\"";
    check("orders", &response(200, &[("content-type", "text/html")], down), Err(expected));
    let xml = "<?xml version=\"1.0\"?><fault>7</fault>";
    let expected = "the answer is XML (content-type none), expected a JSON document; it begins with \"7\"";
    check("orders", &response(200, &[], xml), Err(expected));
}

/// What an answer says it is does not matter; shops send JSON under all sorts of names.
#[test]
fn what_is_json_is_json() {
    for content_type in ["text/plain", "text/html; charset=utf-8", "application/vnd.shop+json", "x"] {
        check("orders", &response(200, &[("content-type", content_type)], r#" {"orders": [1]}"#), Ok((1, None)));
    }
}

#[test]
fn a_source_may_ask_to_be_left_alone() {
    let asks = |status, value: &str| {
        let answer = response(status, &[("retry-after", value)], "");
        match read(&collection("orders", BY_NUMBER), &asked(), &answer, now()).unwrap_err() {
            PageError::Wait { wait, .. } => Some(wait.as_secs()),
            PageError::Status { .. } => None,
            other => panic!("{other}"),
        }
    };
    for status in [429, 503] {
        assert_eq!(asks(status, "120"), Some(120));
        assert_eq!(asks(status, "1.5"), Some(2));
        assert_eq!(asks(status, "Sat, 21 Nov 2026 10:01:00 GMT"), Some(60));
        assert_eq!(asks(status, "Sat, 21 Nov 2026 09:00:00 GMT"), None, "that time is over");
        assert_eq!(asks(status, "soon"), None);
    }
    assert_eq!(asks(500, "120"), None);
    assert_eq!(asks(302, "120"), None);
    let answer = response(429, &[("retry-after", "120")], "");
    check("orders", &answer, Err("the source answered 429 and asks to wait for 120s"));
}

#[test]
fn errors_in_the_answer_to_a_body_are_a_failure() {
    let mut graphql = collection("orders", "{style: link}");
    let found = |collection: &Collection, body: &str| {
        let page = read(collection, &asked(), &response(200, &[], body), now());
        page.map(|page| page.items.len()).map_err(|error| error.to_string())
    };
    let throttled = r#"{"orders": [1], "errors": [{"message": "Throttled"}, {}]}"#;
    assert_eq!(found(&graphql, throttled), Ok(1), "a GET's errors are anybody's");
    graphql.body = Some(crate::hub::Template(serde_json::json!({"query": "{ orders }"})));
    assert_eq!(found(&graphql, throttled), Err("the answer has errors, the first of 2: \"Throttled\"".to_owned()));
    let nameless = Err("the answer has errors, the first of 1: \"(without a message)\"".to_owned());
    assert_eq!(found(&graphql, r#"{"data": null, "errors": [7]}"#), nameless);
    for none in ["[]", "null", "0", "{}"] {
        assert_eq!(found(&graphql, &format!(r#"{{"orders": [1], "errors": {none}}}"#)), Ok(1), "{none}");
    }
}

#[test]
fn an_answer_says_where_to_go_on() {
    const CURSOR: &str = "{style: cursor, param: after, next: page.end, more: page.more}";
    let found = |pages: &str, status: u16, body: &str| {
        let answer = response(status, &[], &format!(r#"{{"orders": [1], {body}}}"#));
        let page = read(&collection("orders", pages), &asked(), &answer, now());
        page.map(|page| (page.onward.more, page.onward.next)).map_err(|error| error.to_string())
    };
    let cursor = |cursor: Value| Some(At::Cursor(cursor));
    let cases = [
        (r#""page": {"end": "a", "more": true}"#, Ok((Some(true), cursor("a".into())))),
        (r#""page": {"end": "a", "more": false}"#, Ok((Some(false), cursor("a".into())))),
        (r#""page": {"end": 9007199254740993}"#, Ok((None, cursor(9_007_199_254_740_993_u64.into())))),
        (r#""page": {"end": "", "more": null}"#, Ok((None, None))),
        (r#""page": {"end": null}"#, Ok((None, None))),
        (r#""page": {"end": false}"#, Ok((None, None))),
        (r#""page": null"#, Ok((None, None))),
        (r#""page": {"end": {}}"#, Err("found an object at \"page.end\" of the answer, expected text or a number")),
        (r#""page": {"end": true}"#, Err("found a boolean at \"page.end\" of the answer, expected text or a number")),
        (
            r#""page": {"end": "a", "more": "yes"}"#,
            Err("found text at \"page.more\" of the answer, expected true or false"),
        ),
        (
            r#""page": {"more": true}"#,
            Err("the answer has more pages (\"page.more\" is true), and no cursor at \"page.end\""),
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(found(CURSOR, 200, body), expected.map_err(str::to_owned), "{body}");
    }
    let by_status = "{style: status206, param: page}";
    assert_eq!(found(by_status, 206, r#""x": 1"#), Ok((Some(true), None)));
    assert_eq!(found(by_status, 200, r#""x": 1"#), Ok((Some(false), None)));
    let link = "{style: link, next: links.next}";
    let next = |to: &str| Ok((None, Some(At::Link(to.parse().unwrap()))));
    assert_eq!(found(link, 200, r#""links": {"next": "/p?c=2#x"}"#), next("https://shop.test/p?c=2"));
    assert_eq!(found(link, 200, r#""links": {"next": "https://a:b@shop.test/p"}"#), next("https://shop.test/p"));
    for none in ["null", "false", "\"\""] {
        assert_eq!(found(link, 200, &format!(r#""links": {{"next": {none}}}"#)), Ok((None, None)), "{none}");
    }
    let number = Err("found a number at \"links.next\" of the answer, expected a URL".to_owned());
    assert_eq!(found(link, 200, r#""links": {"next": 2}"#), number);
}

#[test]
fn the_list_is_where_the_collection_says() {
    let nested = r#"{"data": {"orders": [1, 2, 3]}, "more": [{"orders": [1]}]}"#;
    check("data.orders", &response(200, &[], nested), Ok((3, None)));
    check("data.orders", &response(200, &[], r#"{"data": {"orders": []}}"#), Ok((0, None)));
    let cases = [
        ("orders", r#"{"data": {"orders": []}}"#, "nothing"),
        ("orders", r#"{"orders": null}"#, "null"),
        ("data", r#"{"data": {"orders": []}}"#, "an object"),
        ("data", r#"{"data": "none"}"#, "text"),
        ("data", "[]", "nothing"),
    ];
    for (items, body, kind) in cases {
        let error = read(&collection(items, BY_NUMBER), &asked(), &response(200, &[], body), now()).unwrap_err();
        let PageError::Unexpected { path, found, expected: "a list" } = &error else { panic!("{error}") };
        assert_eq!((path.as_str(), *found), (items, kind), "{body}");
    }
}

#[test]
fn a_byte_order_mark_is_ignored() {
    check("orders", &response(200, &[], "\u{feff}{\"orders\": [1]}"), Ok((1, None)));
}

#[test]
fn the_answer_itself_may_be_the_list() {
    let mut collection = collection("orders", BY_NUMBER);
    collection.items = FieldPath::root();
    let page = read(&collection, &asked(), &response(200, &[], "[1, 2]"), now()).unwrap();
    assert_eq!((page.items.len(), page.onward), (2, Onward::default()));
    assert!(read(&collection, &asked(), &response(200, &[], "{}"), now()).is_err());
}

#[test]
fn a_total_may_be_in_a_header() {
    let collection = collection("", "{style: page, param: page, total: {header: X-WP-TotalPages}}");
    let check = |headers: &[(&str, &str)], expected: Option<u64>| {
        let page = read(&collection, &asked(), &response(200, headers, "[{}]"), now()).unwrap();
        assert_eq!(page.onward.total, expected, "{headers:?}");
    };
    check(&[("x-wp-totalpages", "7")], Some(7));
    check(&[("x-wp-totalpages", "many"), ("x-wp-total", "5")], None);
    check(&[], None);
}

#[test]
fn a_total_is_a_number_or_text() {
    let cases = [
        ("3", Some(3)),
        ("\"3\"", Some(3)),
        ("0", Some(0)),
        ("3.5", None),
        ("-1", None),
        ("null", None),
        ("\"many\"", None),
        ("[3]", None),
    ];
    for (total, expected) in cases {
        let body = format!(r#"{{"orders": [1], "meta": {{"pages": {total}}}}}"#);
        check("orders", &response(200, &[], &body), Ok((1, expected)));
    }
}

fn next(headers: &[(&str, &str)]) -> Result<Option<String>, String> {
    next_of("{style: link}", &response(200, headers, r#"{"orders": [1]}"#))
}

fn next_of(pages: &str, response: &SourceResponse) -> Result<Option<String>, String> {
    let link = |at| if let At::Link(url) = at { url.into() } else { panic!("{at:?}") };
    read(&collection("orders", pages), &asked(), response, now())
        .map(|page| page.onward.next.map(link))
        .map_err(|error| error.to_string())
}

#[test]
fn the_next_page_is_where_a_link_says() {
    let cases = [
        (r#"<https://shop.test/p?c=2>; rel="next""#, "https://shop.test/p?c=2"),
        ("<https://shop.test/p?c=2>; rel=next", "https://shop.test/p?c=2"),
        (r#"<https://shop.test/p?c=2>;REL="Next""#, "https://shop.test/p?c=2"),
        (r#"</p?c=1>; rel="prev", </p?c=3>; rel="next", </p?c=9>; rel="last""#, "https://shop.test/p?c=3"),
        (r#"</p?c=3>; rel="last next""#, "https://shop.test/p?c=3"),
        (r#"</p?a=1,2;3&c=3>; title="a, b; rel=prev"; rel="next""#, "https://shop.test/p?a=1,2;3&c=3"),
        (r#"<?page=2>; rel="next""#, "https://shop.test/api/orders?page=2"),
        (r#"<items?page=2>; rel="next""#, "https://shop.test/api/items?page=2"),
        (r#"<https://SHOP.test:443/p>; rel="next""#, "https://shop.test/p"),
        (r#"</p?c=3>; title="a \"b, c"; rel="next""#, "https://shop.test/p?c=3"),
        // Of several, the first of each (RFC 8288 §3.3: a later rel is ignored).
        (r#"</a>; rel="next"; rel="prev", </b>; rel="next""#, "https://shop.test/a"),
    ];
    for (header, expected) in cases {
        assert_eq!(next(&[("link", header)]), Ok(Some(expected.to_owned())), "{header}");
    }
    let two = [("link", r#"</p?c=1>; rel="prev""#), ("link", r#"</p?c=3>; rel="next""#)];
    assert_eq!(next(&two), Ok(Some("https://shop.test/p?c=3".to_owned())));
}

#[test]
fn no_next_link_is_the_end() {
    let cases = ["", "garbage", r#"</p>; rel="prev""#, "</p>", r#"</p; rel="next""#, r#"</p>; rel="nextish""#];
    for header in cases {
        assert_eq!(next(&[("link", header)]), Ok(None), "{header}");
    }
    assert_eq!(next(&[]), Ok(None));
}

#[test]
fn a_link_to_elsewhere_is_refused() {
    let cases = [
        ("https://evil.test/p?token=hush", "https://evil.test/p"),
        ("http://shop.test/p", "http://shop.test/p"),
        ("https://shop.test:8443/p", "https://shop.test:8443/p"),
        ("//evil.test/p#x", "https://evil.test/p"),
        ("https://eve:hush@evil.test/p", "https://evil.test/p"),
        ("data:text/plain,x", "data:text/plain,x"),
        ("https://[bad/p", "no URL"),
    ];
    for (target, found) in cases {
        let expected =
            format!("the next page's link points to {found}, which is not on https://shop.test, where the source is");
        assert_eq!(next(&[("link", &format!("<{target}>; rel=\"next\""))]), Err(expected.clone()));
        let body = serde_json::json!({"orders": [], "links": {"next": target}}).to_string();
        assert_eq!(next_of("{style: link, next: links.next}", &response(200, &[], &body)), Err(expected));
    }
}

#[test]
fn a_404_behind_the_first_page_may_be_the_end() {
    let check = |pages: &str, number: u64, status: u16, body: &str, expected: bool| {
        let found = is_past_the_end(&collection("", pages), &At::Number(number), &response(status, &[], body));
        assert_eq!(found, expected, "{pages} {number} {status} {body}");
    };
    const EMPTY: &str = "{style: page, param: page}";
    check(EMPTY, 2, 404, r#"{"detail": "Invalid page."}"#, true);
    check(EMPTY, 2, 404, " ", true);
    check(EMPTY, 2, 404, "<h1>Not found</h1>", false);
    check(EMPTY, 2, 404, "404 page not found", false);
    check(EMPTY, 2, 410, "", false);
    check(EMPTY, 2, 200, "[]", false);
    check(EMPTY, 1, 404, "", false);
    check("{style: page, param: page, first: 0}", 1, 404, "", true);
    check("{style: page, param: page, first: 2}", 2, 404, "", false);
    check("{style: offset, param: offset}", 20, 404, "", true);
    check(BY_NUMBER, 2, 404, "", false);
    check("{style: status206, param: page}", 2, 404, "", false);
}

#[test]
fn a_refusal_says_what_was_refused() {
    let check = |auth: Option<Auth>, status: u16, expected: &str| {
        assert_eq!(PageError::Status { status }.knowing(auth.as_ref()).to_string(), expected);
    };
    let secret = || "shop-key".parse().unwrap();
    let unknown = "the source answered 401: it wants to know who asks, and the hub file has no `auth` for it";
    check(None, 401, unknown);
    let bearer = "the source answered 403: the secret shop-key was sent as a bearer token, and refused";
    check(Some(Auth::Bearer { secret: secret() }), 403, bearer);
    let basic = "the source answered 401: the secret shop-key was sent as the password of hub, and refused";
    check(Some(Auth::Basic { user: "hub".to_owned(), secret: secret() }), 401, basic);
    let header = "the source answered 401: the secret shop-key was sent in the header x-key, and refused";
    check(Some(Auth::Header { name: "x-key".to_owned(), secret: secret() }), 401, header);
    check(Some(Auth::Bearer { secret: secret() }), 404, "the source answered 404");
}
