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

fn asked() -> Url {
    "https://shop.test/api/orders?size=2&page=1".parse().unwrap()
}

/// The number of items and the total, or the error.
fn check(items: &str, response: &SourceResponse, expected: Result<(usize, Option<u64>), &str>) {
    let found = read(&collection(items, BY_NUMBER), &asked(), response);
    let found = found.map(|page| (page.items.len(), page.total)).map_err(|error| error.to_string());
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
    let html = response(200, &[("content-type", "text/html")], "<html>secret</html>");
    check(
        "orders",
        &html,
        Err("the answer is not JSON (line 1 column 1; content-type text/html), expected a JSON document"),
    );
    let cases = [("", "line 1 column 0"), (r#"{"orders": ["#, "line 1 column 12"), ("{} x", "line 1 column 4")];
    for (body, place) in cases {
        let expected = format!("the answer is not JSON ({place}; content-type none), expected a JSON document");
        check("orders", &response(200, &[], body), Err(&expected));
    }
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
        let error = read(&collection(items, BY_NUMBER), &asked(), &response(200, &[], body)).unwrap_err();
        let PageError::NoList { path, found } = &error else { panic!("{error}") };
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
    collection.items = crate::json::FieldPath::root();
    let page = read(&collection, &asked(), &response(200, &[], "[1, 2]")).unwrap();
    assert_eq!((page.items.len(), page.total, page.next), (2, None, None));
    assert!(read(&collection, &asked(), &response(200, &[], "{}")).is_err());
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
    read(&collection("orders", "{style: link}"), &asked(), &response(200, headers, r#"{"orders": [1]}"#))
        .map(|page| page.next.map(String::from))
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
        ("//evil.test/p#x", "//evil.test/p"),
        ("https://shop.test@evil.test/p", "https://shop.test@evil.test/p"),
        ("data:text/plain,x", "data:text/plain,x"),
        ("https://[bad/p", "https://[bad/p"),
    ];
    for (target, found) in cases {
        let expected =
            format!("the Link header's next page {found:?} is not on https://shop.test, where the source is");
        assert_eq!(next(&[("link", &format!("<{target}>; rel=\"next\""))]), Err(expected));
    }
}
