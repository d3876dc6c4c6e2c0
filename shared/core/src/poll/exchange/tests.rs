use super::*;

/// From `/a?key=hush` with that status and location: the next URL, nothing, or the error.
fn check(follow: bool, method: Method, (status, location): (u16, Option<&str>), expected: Result<Option<&str>, &str>) {
    let asked = Asked { method, url: "https://shop.test/a?key=hush".parse().unwrap(), body: None };
    let headers = location.map(|to| ("location".to_owned(), to.to_owned())).into_iter().collect();
    let found = redirect(follow, &asked, &SourceResponse { status, headers, body: Vec::new() });
    let found = found.map(|url| url.map(String::from)).map_err(|error| error.to_string());
    assert_eq!(found, expected.map(|url| url.map(str::to_owned)).map_err(str::to_owned), "{status} {location:?}");
}

#[test]
fn a_redirect_is_followed_within_the_origin() {
    for status in [301, 302, 303, 307, 308] {
        check(true, Method::Get, (status, Some("/b?c=1#d")), Ok(Some("https://shop.test/b?c=1")));
    }
    check(true, Method::Get, (301, Some("b/")), Ok(Some("https://shop.test/b/")));
    check(true, Method::Get, (301, Some("https://SHOP.test:443/b")), Ok(Some("https://shop.test/b")));
    check(true, Method::Get, (301, Some("https://eve:pw@shop.test/b")), Ok(Some("https://shop.test/b")));
    for status in [307, 308] {
        check(true, Method::Post, (status, Some("/b")), Ok(Some("https://shop.test/b")));
    }
}

#[test]
fn what_is_no_redirect_is_left_alone() {
    for status in [200, 201, 206, 300, 304, 305, 401, 500] {
        check(true, Method::Get, (status, Some("/b")), Ok(None));
    }
    check(true, Method::Get, (302, None), Ok(None));
}

#[test]
fn a_redirect_is_refused_with_where_it_leads() {
    let not_asked_for =
        "the source answered 302 and points to https://shop.test/b; with `follow_redirects: true` the hub goes there";
    check(false, Method::Get, (302, Some("/b?token=hush")), Err(not_asked_for));
    check(false, Method::Post, (302, Some("/b?token=hush")), Err(not_asked_for));
    let post =
        "the source answered 303 to a POST and points to https://shop.test/b; only 307 and 308 keep a POST as it is";
    check(true, Method::Post, (303, Some("/b")), Err(post));
    for (location, shown) in [
        ("http://shop.test/b", "http://shop.test/b"),
        ("https://shop.test:8443/b", "https://shop.test:8443/b"),
        ("//evil.test/b?token=hush", "https://evil.test/b"),
        ("https://shop.test@evil.test/b", "https://evil.test/b"),
        ("file:///etc/passwd", "file:/etc/passwd"),
        ("https://[bad", "no URL"),
    ] {
        let expected = format!(
            "the source answered 301 and points to {shown}, which is not on https://shop.test; \
             if that is right, it belongs in `url`"
        );
        for follow in [false, true] {
            check(follow, Method::Get, (301, Some(location)), Err(&expected));
        }
    }
}

#[test]
fn requests_that_one_page_may_take() {
    let check = |settings: &str, expected: u32| {
        let text = format!(
            "hub: test\nsources:\n  shop:\n    url: https://shop.test\n    {settings}\n    collections:\n      \
             orders: {{type: order, request: {{path: /orders}}, id: id, every: 1h}}\n\
             endpoints: {{books: {{url: \"https://books.test\"}}}}\nroutes: [{{name: all, messages: [\"*\"], to: books}}]\n"
        );
        let hub = crate::hub::load("hub.yaml", &text, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub;
        assert_eq!(most_requests(&hub.sources["shop"]), expected, "{settings}");
    };
    let token = "auth: {oauth2: {token_url: https://shop.test/token, client_id: hub, secret: shop}}";
    check("follow_redirects: false", 1);
    check("follow_redirects: true", 6);
    check(token, 3);
    check(&format!("follow_redirects: true\n    {token}"), 18);
}
