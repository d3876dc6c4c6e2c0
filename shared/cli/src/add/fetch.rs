//! What an endpoint says of itself, asked for as the hub would send to it: the same client, the same address policy.

use std::time::Duration;

use crossdock_core::{
    hub::{
        Hub,
        offer::{self, Offer},
    },
    json::without_byte_order_mark,
    port::{HeaderValue, HttpError, Method, SourceClient, SourceRequest, SourceResponse},
    url::{join, shown},
};
use crossdock_http::{AddressPolicy, HttpClient};
use serde_json::Value;
use url::Url;

use crate::failure::Failure;

const FILE: &str = "/endpoint.json";
const TIMEOUT: Duration = Duration::from_secs(15);
/// More is no description.
const MOST_BYTES: usize = 1024 * 1024;

pub(super) async fn offer(endpoint: &Url, hub: &Hub) -> Result<Offer, Failure> {
    let url = join(endpoint, FILE);
    let asked = shown(&url);
    // As in `dev`: an address that the developer wrote down may be this machine's.
    let policy = AddressPolicy::new(hub.networks.clone()).allowing_loopback();
    let client = HttpClient::new(policy, concat!("crossdock/", env!("CARGO_PKG_VERSION")))?;
    let request = SourceRequest {
        method: Method::Get,
        url,
        headers: vec![("accept".to_owned(), HeaderValue::Plain("application/json".to_owned()))],
        body: None,
        timeout: TIMEOUT,
        max_body: MOST_BYTES,
    };
    let response = client.fetch(request).await.map_err(|error| match &error {
        HttpError::Refused(_) => Failure::new(format!("{asked} cannot be asked: {error}; is it running?")),
        error => Failure::of(format!("{asked} cannot be asked"), error),
    })?;
    let description = read(&response).map_err(|why| Failure::new(format!("{asked} {why}")))?;
    offer::read(&description).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
        let count = faults.len();
        let count = if count == 1 { "1 fault".to_owned() } else { format!("{count} faults") };
        Failure::new(format!("{asked} is no endpoint's description: {count}\n{}", faults.join("\n")))
    })
}

/// The body as JSON, or what came in its place; nothing of the content is repeated.
fn read(response: &SourceResponse) -> Result<Value, String> {
    match response.status {
        200..=299 => {}
        404 | 410 => {
            return Err(format!(
                "answered {}: the endpoint does not describe itself; add it to the hub file by hand, or ask whoever runs it \
                 for an endpoint.json",
                response.status
            ));
        }
        status @ 300..=399 => {
            return Err(format!("answered {status}; redirects are not followed: name the address it is at"));
        }
        status @ (401 | 403) => return Err(format!("answered {status}; a description must be there for everybody")),
        status => return Err(format!("answered {status}, expected 200 and a description")),
    }
    serde_json::from_slice(without_byte_order_mark(&response.body))
        .map_err(|error| format!("is not JSON, from line {} column {} on", error.line(), error.column()))
}
