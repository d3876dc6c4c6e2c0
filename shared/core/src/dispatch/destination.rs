//! Where an attempt goes, and whom it goes to.
//!
//! The hub file names the endpoint, and with it whom it trusts. An `update_url` comes from an answer: on the endpoint's own
//! scheme, host and port it is the endpoint's, whatever its path. Anywhere else it is a stranger, under the stricter
//! address policy, who is asked without what was meant for the endpoint: its token, its headers, its parameters, its signature (which whoever
//! has it could show the endpoint).

use url::Url;

use crate::{
    hub::{Endpoint, Route},
    port::{Remote, UrlOrigin},
    url::{join, resolve, shown_target},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub url: Url,
    pub origin: UrlOrigin,
}

impl Destination {
    /// It is the endpoint that the hub file names.
    pub(super) fn is_endpoint(&self) -> bool {
        self.origin == UrlOrigin::HubFile
    }
}

/// # Errors
/// The endpoint's URL has changed since the answer, and together with it the `update_url` makes no sense any more.
pub(super) fn destination(endpoint: &Endpoint, route: &Route, remote: Option<&Remote>) -> Result<Destination, String> {
    let Some(remote) = remote else {
        return Ok(Destination { url: join(&endpoint.url, &route.path), origin: UrlOrigin::HubFile });
    };
    let url = resolve(&endpoint.url, &remote.update_url).ok_or_else(|| {
        format!(
            "update_url leads to {}, expected an http or https URL",
            shown_target(&endpoint.url, &remote.update_url)
        )
    })?;
    let own = url.origin() == endpoint.url.origin();
    Ok(Destination { url, origin: if own { UrlOrigin::HubFile } else { UrlOrigin::Answer } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(update_url: Option<&str>, expected: Result<(&str, UrlOrigin), &str>) {
        let text = "hub: my-shop
sources: {}
endpoints:
  books: {url: 'https://books.test/api/hub?tenant=7'}
routes:
  - {name: book, messages: ['order:*'], to: books, path: /book}
";
        let hub = crate::hub::load("hub.yaml", text, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub;
        let of = crate::id::MessageId::from_bytes([0x80; 16]);
        let remote = update_url.map(|url| Remote { update_url: url.to_owned(), poll: 1, of, of_round: 1 });
        let found = destination(hub.endpoints.values().next().unwrap(), &hub.routes[0], remote.as_ref());
        let found = found.as_ref().map(|found| (found.url.as_str(), found.origin)).map_err(String::as_str);
        assert_eq!(found, expected, "{update_url:?}");
    }

    #[test]
    fn only_the_endpoints_own_origin_is_the_endpoint() {
        use UrlOrigin::{Answer, HubFile};
        check(None, Ok(("https://books.test/api/hub/book?tenant=7", HubFile)));
        // RFC 3986 §5.2: against the endpoint's URL.
        check(Some("jobs/7?part=1#top"), Ok(("https://books.test/api/jobs/7?part=1", HubFile)));
        check(Some("/jobs/7"), Ok(("https://books.test/jobs/7", HubFile)));
        check(Some("?job=7"), Ok(("https://books.test/api/hub?job=7", HubFile)));
        check(Some("https://BOOKS.test:443/jobs/7"), Ok(("https://books.test/jobs/7", HubFile)));
        check(Some("https://eve:hush@books.test/jobs/7"), Ok(("https://books.test/jobs/7", HubFile)));
        check(Some("http://books.test/jobs/7"), Ok(("http://books.test/jobs/7", Answer)));
        check(Some("https://books.test:8443/jobs/7"), Ok(("https://books.test:8443/jobs/7", Answer)));
        check(Some("//jobs.test/7"), Ok(("https://jobs.test/7", Answer)));
        check(Some("http://127.0.0.1/7"), Ok(("http://127.0.0.1/7", Answer)));
        check(Some("file:///etc/passwd"), Err("update_url leads to file:/etc/passwd, expected an http or https URL"));
        check(Some("https://[hush"), Err("update_url leads to no URL, expected an http or https URL"));
    }
}
