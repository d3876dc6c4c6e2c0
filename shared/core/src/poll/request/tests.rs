use futures_util::FutureExt;

use super::*;
use crate::{hub::Hub, id::SecretName};

fn hub(source: &str, collection: &str) -> Hub {
    let text = format!(
        "hub: my-shop
sources:
  my-store:
{source}
    collections:
      orders:
        type: order
        items: orders
        id: id
{collection}
        every: 10s
endpoints:
  mail: {{url: http://mail.test}}
routes:
  - {{name: mail, messages: [\"order:*\"], to: mail, path: /mail}}
"
    );
    crate::hub::load("hub.yaml", &text, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub
}

fn check(base: &str, collection: &str, since: Option<&str>, at: &At, expected: &str) {
    let hub = hub(&format!("    url: {base}"), collection);
    let source = hub.sources.values().next().unwrap();
    let since = since.map(|since| since.parse().unwrap());
    assert_eq!(page(source, &source.collections[0], since, None, at).url.as_str(), expected);
}

#[test]
fn a_url_has_path_query_time_and_page() {
    let path = "        request: {path: /orders}";
    check("http://shop.test", path, None, &At::First, "http://shop.test/orders");
    check("http://shop.test/api/v1/", path, None, &At::First, "http://shop.test/api/v1/orders");
    let query = "        request: {path: '/orders?sort=id', query: {q: 'a&b=c d', state: ü}}";
    let expected = "http://shop.test/orders?sort=id&q=a%26b%3Dc+d&state=%C3%BC";
    check("http://shop.test", query, None, &At::First, expected);
    let pages = "        request: {path: /orders}
        pages: {style: page, param: 'p[number]', size: {param: per, value: 25}}";
    check("http://shop.test", pages, None, &At::Number(7), "http://shop.test/orders?per=25&p%5Bnumber%5D=7");
}

#[test]
fn an_offset_is_asked_for_with_a_limit() {
    let pages = "        request: {path: /orders}
        pages: {style: offset, param: offset, size: {param: limit, value: 100}}";
    check("http://shop.test", pages, None, &At::Number(0), "http://shop.test/orders?limit=100&offset=0");
    check("http://shop.test", pages, None, &At::Number(200), "http://shop.test/orders?limit=100&offset=200");
}

#[test]
fn a_time_is_written_as_the_source_reads_it_rounded_down() {
    let collection = |format: &str| {
        format!("        request: {{path: /orders}}\n        since: {{param: since, field: at, format: {format}}}")
    };
    let at = Some("2026-11-21T10:00:00.123456Z");
    let cases = [
        ("rfc3339", "http://shop.test/orders?since=2026-11-21T10%3A00%3A00.123456Z"),
        ("epoch", "http://shop.test/orders?since=1795255200"),
        ("epoch_ms", "http://shop.test/orders?since=1795255200123"),
    ];
    for (format, expected) in cases {
        check("http://shop.test", &collection(format), at, &At::First, expected);
        check("http://shop.test", &collection(format), None, &At::First, "http://shop.test/orders");
    }
}

#[test]
fn a_time_may_stand_in_a_longer_value() {
    let collection = "        request: {path: /orders}
        since: {param: where, value: 'lastModifiedAt >= \"{bookmark}\"', field: lastModifiedAt}";
    let at = Some("2026-11-21T10:00:00.120Z");
    let expected = "http://shop.test/orders?where=lastModifiedAt+%3E%3D+%222026-11-21T10%3A00%3A00.12Z%22";
    check("http://shop.test", collection, at, &At::First, expected);
    check("http://shop.test", collection, None, &At::First, "http://shop.test/orders");
}

/// What leaves out the time itself is asked from the moment before.
#[test]
fn an_exclusive_filter_is_asked_a_step_earlier() {
    let check = |format: &str, shown: &str, expected: &str| {
        let since = format!(
            "        request: {{path: /orders}}\n        since: {{param: after, field: at, format: {format}, exclusive: true}}"
        );
        let hub = hub("    url: http://shop.test", &since);
        let source = hub.sources.values().next().unwrap();
        let from = Some("2026-11-21T10:00:00Z".parse().unwrap());
        let asked = page(source, &source.collections[0], from, TimeStyle::of(shown), &At::First);
        assert_eq!(asked.url.query(), Some(expected), "{format} {shown}");
    };
    check("rfc3339", "2026-11-21T09:00:00", "after=2026-11-21T09%3A59%3A59");
    check("rfc3339", "2026-11-21T09:00:00.000Z", "after=2026-11-21T09%3A59%3A59.999Z");
    check("epoch", "", "after=1795255199");
    check("epoch_ms", "", "after=1795255199999");
}

#[test]
fn a_link_is_followed_as_it_was_given() {
    let collection = "        request: {path: /orders, query: {state: new}}\n        pages: {style: link}";
    let link = At::Link("http://shop.test/elsewhere?cursor=a%2Fb".parse().unwrap());
    check("http://shop.test", collection, None, &link, "http://shop.test/elsewhere?cursor=a%2Fb");
}

#[test]
fn a_cursor_is_sent_as_it_was_given() {
    let collection = "        request: {path: /orders, query: {limit: 50}}
        pages: {style: cursor, param: after, next: next}";
    check("http://shop.test", collection, None, &At::First, "http://shop.test/orders?limit=50");
    let text = At::Cursor("a=/+ü".into());
    check("http://shop.test", collection, None, &text, "http://shop.test/orders?limit=50&after=a%3D%2F%2B%C3%BC");
    let number = At::Cursor(9_007_199_254_740_993_u64.into());
    check("http://shop.test", collection, None, &number, "http://shop.test/orders?limit=50&after=9007199254740993");
}

#[test]
fn a_body_says_from_when_and_where() {
    let filled = |format: &str, pages: &str, body: &str, since: Option<&str>, at: &At| {
        let hub = hub(
            "    url: http://shop.test",
            &format!(
                "        request: {{path: /graphql, method: POST, body: {body}}}
        since: {{field: at, format: {format}}}
        pages: {pages}"
            ),
        );
        let source = hub.sources.values().next().unwrap();
        let style = TimeStyle::of("2026-11-21T11:00:00.000+01:00");
        let since = since.map(|since| since.parse().unwrap());
        let asked = page(source, &source.collections[0], since, style, at);
        assert_eq!((asked.method, asked.url.as_str()), (Method::Post, "http://shop.test/graphql"));
        asked.body.unwrap()
    };
    let cursors = "{style: cursor, next: next}";
    let body = r#"{after: "{cursor}", from: "{bookmark}", filter: "at:>='{bookmark}' {cursor}", n: 1.10}"#;
    let at = Some("2026-11-21T10:00:00Z");
    assert_eq!(
        filled("rfc3339", cursors, body, at, &At::Cursor("a\"b".into())),
        r#"{"after":"a\"b","filter":"at:>='2026-11-21T11:00:00.000+01:00' a\"b","from":"2026-11-21T11:00:00.000+01:00","n":1.10}"#
    );
    // Nothing has been read: null, and in a text that needs a time, the beginning.
    assert_eq!(
        filled("rfc3339", cursors, body, None, &At::First),
        r#"{"after":null,"filter":"at:>='1970-01-01T01:00:00.000+01:00' ","from":null,"n":1.10}"#
    );
    assert_eq!(
        filled("epoch", cursors, body, at, &At::Cursor(7.into())),
        r#"{"after":7,"filter":"at:>='1795255200' 7","from":1795255200,"n":1.10}"#
    );
    let numbers = "{style: page}";
    let body = r#"["{page}", "page {page} from {bookmark}"]"#;
    assert_eq!(filled("epoch_ms", numbers, body, None, &At::Number(7)), r#"[7,"page 7 from 0"]"#);
}

struct Hush;

impl Secrets for Hush {
    async fn secret(&self, name: &SecretName) -> Result<SecretString, PortError> {
        match name.as_str() {
            "missing" => Err(PortError::permanent("no secret named missing")),
            _ => Ok("hush:hush ü".to_owned().into()),
        }
    }
}

fn completed(auth: &str) -> Result<SourceRequest, PortError> {
    let hub = hub(&format!("    url: http://shop.test\n{auth}"), "        request: {path: /orders}");
    let source = hub.sources.values().next().unwrap();
    let asked = page(source, &source.collections[0], None, None, &At::First);
    complete(&asked, source, &hub.limits, &Hush).now_or_never().unwrap()
}

#[test]
fn credentials_are_sent_and_never_printed() {
    let cases = [
        ("    auth: {bearer: {secret: token}}", "authorization", "Bearer hush:hush ü"),
        // RFC 7617, of UTF-8.
        ("    auth: {basic: {user: ann, secret: token}}", "authorization", "Basic YW5uOmh1c2g6aHVzaCDDvA=="),
        ("    auth: {header: {name: X-Api-Key, secret: token}}", "x-api-key", "hush:hush ü"),
    ];
    for (auth, name, expected) in cases {
        let request = completed(auth).unwrap();
        let found: Vec<&HeaderValue> =
            request.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect();
        let [HeaderValue::Secret(value)] = found[..] else { panic!("{auth}: {found:?}") };
        assert_eq!(value.expose_secret(), expected);
        let printed = format!("{request:?}");
        assert!(!printed.contains("hush") && !printed.contains("YW5u"), "{printed}");
    }
    assert_eq!(completed("    auth: {bearer: {secret: missing}}").unwrap_err().what, "no secret named missing");
}

#[test]
fn a_request_asks_for_json_within_the_limits() {
    let request = completed("    headers: {X-Shop: eu}").unwrap();
    let plain: Vec<(&str, &str)> = request
        .headers
        .iter()
        .map(|(name, value)| match value {
            HeaderValue::Plain(value) => (name.as_str(), value.as_str()),
            HeaderValue::Secret(_) => panic!("{name} is secret"),
        })
        .collect();
    assert!(plain.contains(&("accept", "application/json")));
    assert!(plain.iter().any(|(name, value)| name.eq_ignore_ascii_case("x-shop") && *value == "eu"));
    assert!(request.method == Method::Get && request.body.is_none());
    assert!(!plain.iter().any(|(name, _)| *name == "content-type"));
    let own = completed("    headers: {Accept: application/vnd.shop+json}").unwrap();
    let accepted: Vec<_> = own.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("accept")).collect();
    let [(_, HeaderValue::Plain(accepted))] = accepted[..] else { panic!("{accepted:?}") };
    assert_eq!(accepted, "application/vnd.shop+json");
    assert_eq!(request.timeout, std::time::Duration::from_secs(15));
}
