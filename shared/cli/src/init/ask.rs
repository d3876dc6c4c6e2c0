//! Requests to the source, as the hub would send them: by its client, under its address policy, with its deadlines. They
//! are counted, and after the first one there are only so many: a stranger's server is not to be searched.

use std::time::Duration;

use crossdock_core::{
    hub::Auth,
    port::{HeaderValue, HttpError, Method, Secrets, SourceClient, SourceRequest, SourceResponse},
    url::{shown, shown_target},
};
use crossdock_http::{AddressPolicy, HttpClient};
use crossdock_local::LocalSecrets;
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use crate::{args::Init, failure::Failure};

/// Requests after the first.
pub(super) const PROBES: u32 = 20;
/// The limits of a hub file that names none.
const TIMEOUT: Duration = Duration::from_secs(15);
const MOST_BYTES: usize = 10 * 1024 * 1024;

/// An answer that is JSON.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) url: Url,
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Value,
}

/// Asks again, for something near it.
pub(super) trait Probe {
    /// Whether [`Probe::probe`] would ask.
    fn may_probe(&self) -> bool;

    /// `None` where there is no answer, or none that is of use.
    async fn probe(&mut self, url: Url) -> Option<Answer>;
}

pub(super) struct Asker {
    client: HttpClient,
    headers: Vec<(String, HeaderValue)>,
    auth: Option<Auth>,
    /// Requests that have been made.
    pub(super) asked: u32,
    /// Probes that may still be.
    left: u32,
}

impl Asker {
    pub(super) async fn new(args: &Init, secrets: &LocalSecrets) -> Result<Self, Failure> {
        let mut headers: Vec<(String, HeaderValue)> = Vec::new();
        if !args.headers.iter().any(|(name, _)| name == "accept") {
            headers.push(("accept".to_owned(), HeaderValue::Plain("application/json".to_owned())));
        }
        headers.extend(args.headers.iter().map(|(name, value)| (name.clone(), HeaderValue::Plain(value.clone()))));
        let mut auth = None;
        if let Some(secret) = &args.bearer {
            let token = secrets.secret(secret).await?;
            let value = HeaderValue::Secret(format!("Bearer {}", token.expose_secret()).into());
            headers.push(("authorization".to_owned(), value));
            auth = Some(Auth::Bearer { secret: secret.clone() });
        }
        if let Some((name, secret)) = &args.secret_header {
            headers.push((name.clone(), HeaderValue::Secret(secrets.secret(secret).await?)));
            auth = Some(Auth::Header { name: name.clone(), secret: secret.clone() });
        }
        // As in `dev`: an address that the developer wrote down may be this machine's.
        let policy = AddressPolicy::new(args.networks.clone()).allowing_loopback();
        let client = HttpClient::new(policy, concat!("crossdock/", env!("CARGO_PKG_VERSION")))?;
        Ok(Self { client, headers, auth, asked: 0, left: if args.no_probes { 0 } else { PROBES } })
    }

    /// The first request, whose answer all else rests on.
    pub(super) async fn list(&mut self, url: &Url) -> Result<Answer, Failure> {
        let shown = shown(url);
        let response = self.fetch(url.clone()).await.map_err(|error| match &error {
            HttpError::Refused(_) => Failure::new(format!("{shown} cannot be asked: {error}; is it running?")),
            HttpError::AddressRefused(why) if why.contains("`networks`") => {
                Failure::new(format!("{shown} cannot be asked: {why}, which --network does"))
            }
            error => Failure::of(format!("{shown} cannot be asked"), error),
        })?;
        let body = read(url, &response, self.auth.as_ref()).map_err(|why| Failure::new(format!("{shown} {why}")))?;
        Ok(Answer { url: url.clone(), status: response.status, headers: response.headers, body })
    }

    async fn fetch(&mut self, url: Url) -> Result<SourceResponse, HttpError> {
        self.asked += 1;
        let request = SourceRequest {
            method: Method::Get,
            url,
            headers: self.headers.clone(),
            body: None,
            timeout: TIMEOUT,
            max_body: MOST_BYTES,
        };
        self.client.fetch(request).await
    }
}

impl Probe for Asker {
    fn may_probe(&self) -> bool {
        self.left > 0
    }

    async fn probe(&mut self, url: Url) -> Option<Answer> {
        self.left = self.left.checked_sub(1)?;
        let response = self.fetch(url.clone()).await.ok()?;
        let body = read(&url, &response, self.auth.as_ref()).ok()?;
        Some(Answer { url, status: response.status, headers: response.headers, body })
    }
}

/// The body, or what the source did instead; nothing of the content is repeated.
fn read(asked: &Url, response: &SourceResponse, auth: Option<&Auth>) -> Result<Value, String> {
    let status = response.status;
    match status {
        200..=299 => {}
        300..=399 => {
            let hint = "redirects are not followed, since credentials would go along: ask for that address";
            let to = response.header("location").map_or_else(|| "nothing".to_owned(), |to| shown_target(asked, to));
            return Err(format!("answered {status} and points to {to}; {hint}"));
        }
        401 | 403 => {
            if let Some(auth) = auth {
                return Err(format!("answered {status}: {}", auth.refused()));
            }
            return Err(format!(
                "answered {status}, so it wants to know who asks: put the token into the environment variable \
                 CROSSDOCK_SECRET_SHOP_TOKEN and say --bearer shop-token, or --secret-header 'X-Api-Key: shop-token' \
                 where it goes into another header"
            ));
        }
        _ => return Err(format!("answered {status}, expected 200 and a list")),
    }
    // RFC 8259 §8.1: a byte order mark may be ignored.
    let bytes = response.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&response.body);
    serde_json::from_slice(bytes).map_err(|error| {
        let kind = response.header("content-type").unwrap_or("none");
        match bytes.trim_ascii_start().first() {
            Some(b'<') => format!(
                "answered with a page of markup (content-type {kind}), expected JSON: is it the address of the API, and \
                 does that want a login?"
            ),
            None => format!("answered {status} with an empty body, expected JSON"),
            Some(_) => format!(
                "answered with something that is not JSON (content-type {kind}; line {} column {})",
                error.line(),
                error.column()
            ),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_is_said() {
        fn check(status: u16, headers: &[(&str, &str)], body: &str, expected: &str) {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let response = SourceResponse { status, headers, body: body.as_bytes().to_vec() };
            let asked = "https://shop.test/orders".parse().unwrap();
            let found = read(&asked, &response, None).map_or_else(|why| why, |body| body.to_string());
            assert!(found.starts_with(expected), "{found}");
        }
        check(200, &[], "\u{feff}[1]", "[1]");
        check(206, &[], "{}", "{}");
        check(301, &[("location", "https://a:b@x/y?key=1")], "", "answered 301 and points to https://x/y; redirects");
        check(308, &[("location", "v2")], "", "answered 308 and points to https://shop.test/v2; redirects");
        check(304, &[], "", "answered 304 and points to nothing; redirects");
        check(401, &[], "{}", "answered 401, so it wants to know who asks");
        check(404, &[], "{}", "answered 404, expected 200 and a list");
        check(
            200,
            &[("content-type", "text/html")],
            "\n<!doctype html>",
            "answered with a page of markup (content-type text/html)",
        );
        check(200, &[], "[1,", "answered with something that is not JSON (content-type none; line 1 column 3)");
        check(204, &[], "", "answered 204 with an empty body");
        let response = SourceResponse { status: 403, headers: Vec::new(), body: Vec::new() };
        let auth = Auth::Bearer { secret: "shop-token".parse().unwrap() };
        let refused = "answered 403: the secret shop-token was sent as a bearer token, and refused";
        assert_eq!(read(&"https://shop.test/orders".parse().unwrap(), &response, Some(&auth)), Err(refused.to_owned()));
    }
}
