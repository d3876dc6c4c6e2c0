//! A message passed on to a service of the developer's, and its answer passed back.
//!
//! Headers that are about one connection stay on their side of it (RFC 9110 §7.6.1); all others go through as they are,
//! credentials too, since the service is to see what it would see without us. The URL comes from the command line, so it
//! may lead to this machine, and otherwise only to where the hub may go.

use std::{fmt, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use crossdock_core::{
    port::{EndpointClient, EndpointRequest, EndpointResponse, HeaderValue as Outgoing, UrlOrigin},
    url::{join, shown},
};
use crossdock_http::{AddressPolicy, HttpClient};
use ipnet::IpNet;
use url::Url;

use super::exchange::Answered;
use crate::failure::Failure;

/// The longest that a hub file can let an endpoint take; whoever sends gives up before that.
const TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// The longest answer of which a hub file can let the hub read all.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Besides those that `connection` names.
const OF_ONE_CONNECTION: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// What each side's HTTP library works out by itself, or what the other side has no use for.
const WORKED_OUT: [HeaderName; 3] = [header::HOST, header::CONTENT_LENGTH, header::EXPECT];

#[derive(Debug)]
pub(super) struct Forward {
    url: Url,
    client: HttpClient,
}

impl fmt::Display for Forward {
    /// Without the query, which may hold a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.url))
    }
}

impl Forward {
    pub(super) fn new(url: Url, networks: Vec<IpNet>) -> Result<Self, Failure> {
        let policy = AddressPolicy::new(networks).allowing_loopback();
        Ok(Self { url, client: HttpClient::new(policy, concat!("crossdock/", env!("CARGO_PKG_VERSION")))? })
    }

    /// What became of it, for whoever looks on, and the response for whoever sent it: 502 where there was no answer.
    pub(super) async fn pass(&self, target: &str, headers: &HeaderMap, body: &Bytes) -> (Answered, Response) {
        let answer = match std::str::from_utf8(body) {
            Ok(body) => self.client.post(self.request(target, headers, body)).await.map_err(|error| error.to_string()),
            Err(_) => Err("the message is not UTF-8, which JSON must be (RFC 8259 §8.1)".to_owned()),
        };
        match answer {
            Ok(answer) if answer.truncated => bad_gateway(format!("the answer is longer than {MOST_BYTES} bytes")),
            Ok(answer) => (Answered::Got(answer.clone()), response(answer)),
            Err(why) => bad_gateway(why),
        }
    }

    fn request(&self, target: &str, headers: &HeaderMap, body: &str) -> EndpointRequest {
        let plain = |(name, value): (&HeaderName, &HeaderValue)| {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), Outgoing::Plain(text))
        };
        let mut passed: Vec<_> = onward(headers).map(plain).collect();
        // RFC 9110 §7.6.3: a gateway says that it was here.
        passed.push((header::VIA.as_str().to_owned(), Outgoing::Plain("1.1 crossdock-listen".to_owned())));
        EndpointRequest {
            url: join(&self.url, target),
            headers: passed,
            body: body.to_owned(),
            timeout: TIMEOUT,
            max_body: MOST_BYTES,
            origin: UrlOrigin::HubFile,
        }
    }
}

/// The headers that are about the message and not about the connection it came on.
pub(crate) fn onward(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    headers.iter().filter(move |(name, _)| {
        !OF_ONE_CONNECTION.contains(name)
            && !WORKED_OUT.contains(name)
            && !named.iter().any(|known| known == name.as_str())
    })
}

fn response(answer: EndpointResponse) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = (status, answer.body).into_response();
    *response.headers_mut() = onward(&headers).map(|(name, value)| (name.clone(), value.clone())).collect();
    response
}

fn bad_gateway(why: String) -> (Answered, Response) {
    let response = (StatusCode::BAD_GATEWAY, format!("crossdock listen: {why}\n")).into_response();
    (Answered::Nothing(why), response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_is_about_the_connection_stays() {
        let check = |list: &[(&'static str, &'static str)], expected: &[&str]| {
            let headers = headers(list);
            assert_eq!(onward(&headers).map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expected, "{list:?}");
        };
        check(&[("webhook-id", "1"), ("x-hub-token", "s3")], &["webhook-id", "x-hub-token"]);
        check(&[("connection", "close, X-Once"), ("x-once", "1"), ("x-ever", "2")], &["x-ever"]);
        check(&[("keep-alive", "5"), ("te", "trailers"), ("transfer-encoding", "chunked"), ("upgrade", "h2c")], &[]);
        check(&[("host", "here"), ("content-length", "3"), ("expect", "100-continue")], &[]);
        check(
            &[("content-type", "application/json"), ("content-encoding", "br")],
            &["content-type", "content-encoding"],
        );
    }

    #[test]
    fn a_request_goes_to_the_same_path_of_the_service() {
        let forward = Forward::new("http://127.0.0.1:3000/api?v=1".parse().unwrap(), Vec::new()).unwrap();
        assert_eq!(forward.to_string(), "http://127.0.0.1:3000/api");
        let request = forward.request("/book?x=2", &headers(&[("host", "a"), ("webhook-id", "1")]), "{}");
        assert_eq!(request.url.as_str(), "http://127.0.0.1:3000/api/book?v=1&x=2");
        assert_eq!(request.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["webhook-id", "via"]);
    }
}
