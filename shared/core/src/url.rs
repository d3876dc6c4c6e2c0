//! URLs: the hub file's with its paths, where a source's links lead, and what of one may be shown.

use url::{Origin, Url};

/// `base` with `path` appended to its own path, whatever slashes either has; a query in `path` is added to the base's.
/// A path never changes the host, whatever it says: `//other/x` stays below `base`.
pub fn join(base: &Url, path: &str) -> Url {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let mut url = base.clone();
    let tail = path.trim_start_matches('/');
    if !tail.is_empty() {
        let whole = format!("{}/{tail}", base.path().trim_end_matches('/'));
        url.set_path(&whole);
    }
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        let whole = base.query().map_or_else(|| query.to_owned(), |known| format!("{known}&{query}"));
        url.set_query(Some(&whole));
    }
    url
}

/// What `target`, absolute or relative, means on a page at `base`; `None` where that is another scheme, host or port.
/// Credentials in it are left out: what goes with a request is the hub file's to say.
pub fn same_origin(base: &Url, target: &str) -> Option<Url> {
    resolve(base, target).filter(|url| url.origin() == base.origin())
}

/// What `target`, absolute or relative, means on a page at `base` (RFC 3986 §5), without credentials and fragment; `None`
/// where that is nothing that HTTP asks.
pub fn resolve(base: &Url, target: &str) -> Option<Url> {
    let mut url = base.join(target).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.set_fragment(None);
    url.set_username("").and_then(|()| url.set_password(None)).ok()?;
    Some(url)
}

/// A URL as it may be shown or logged: without the query, which may hold a secret, and without credentials.
pub fn shown(url: &Url) -> String {
    let host = match url.origin() {
        Origin::Tuple(..) => url.origin().ascii_serialization(),
        Origin::Opaque(_) => format!("{}:", url.scheme()),
    };
    format!("{host}{}", url.path())
}

/// Where `target`, absolute or relative, leads from a page at `base`, as it may be shown.
pub fn shown_target(base: &Url, target: &str) -> String {
    base.join(target).map_or_else(|_| "no URL".to_owned(), |url| shown(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: &str, path: &str, expected: &str) {
        assert_eq!(join(&base.parse().unwrap(), path).as_str(), expected);
    }

    #[test]
    fn paths_are_appended() {
        check("http://shop.test", "/api/orders", "http://shop.test/api/orders");
        check("http://shop.test/v1/", "orders", "http://shop.test/v1/orders");
        check("http://shop.test/v1", "/orders?sort=id", "http://shop.test/v1/orders?sort=id");
        check("http://shop.test/v1?key=a", "/orders?sort=id", "http://shop.test/v1/orders?key=a&sort=id");
        check("http://shop.test/v1?key=a", "", "http://shop.test/v1?key=a");
        check("http://shop.test", "//evil.test/x", "http://shop.test/evil.test/x");
        check("http://shop.test", "http://evil.test/x", "http://shop.test/http://evil.test/x");
    }

    #[test]
    fn a_target_is_shown_without_secrets() {
        let check = |target: &str, expected: &str| {
            let base = "https://me:hush@shop.test/api/orders?key=hush".parse().unwrap();
            assert_eq!(shown_target(&base, target), expected, "{target}");
        };
        check("", "https://shop.test/api/orders");
        check("items?token=hush#hush", "https://shop.test/api/items");
        check("https://eve:hush@evil.test:8443/p?token=hush", "https://evil.test:8443/p");
        check("ftp://eve:hush@evil.test/p", "ftp://evil.test/p");
        check("odd://eve:hush@evil.test/p?hush", "odd:/p");
        check("file:///etc/passwd", "file:/etc/passwd");
        check("https://[hush", "no URL");
    }
}
