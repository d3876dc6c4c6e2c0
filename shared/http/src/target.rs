//! What can be said of a URL before anything is looked up or sent. An address written in the URL must be vetted here,
//! because the HTTP client connects to it without asking any resolver.

use std::net::Ipv4Addr;

use crossdock_core::port::{HttpError, UrlOrigin};
use url::{Host, Url};

use crate::policy::AddressPolicy;

/// Names under which clouds offer their metadata service. Their addresses are refused as well; refusing the name saves
/// the look-up and says what was meant.
const METADATA_NAMES: [&str; 4] =
    ["metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"];

/// Refuses whatever the text of the URL alone gives reason to refuse. The URL parser has brought every spelling of a
/// host to one form by now (WHATWG URL §3.5: lower case, IDNA, percent-decoding, octal, hexadecimal and short IPv4).
pub(crate) fn vet(policy: &AddressPolicy, url: &Url, origin: UrlOrigin) -> Result<(), HttpError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(HttpError::AddressRefused(format!("{}: found, but only http and https are spoken", url.scheme())));
    }
    // Before any look-up: a name may stand for loopback.
    if let Some(port) = url.port_or_known_default().filter(|port| policy.closes_port(*port)) {
        let why = format!("{}: port {port} is closed to requests of the hub; no setting opens it", authority(url));
        return Err(HttpError::AddressRefused(why));
    }
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        Some(Host::Domain(name)) if METADATA_NAMES.contains(&rootless(name)) => {
            return Err(HttpError::AddressRefused(format!("{name} is a metadata service; no setting opens it")));
        }
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err(HttpError::Invalid("the URL names no host".into())),
    };
    policy.vet(ip, origin).map_err(|refusal| HttpError::AddressRefused(refusal.to_string()))
}

/// Why a URL that is written in a hub file will be refused wherever `policy` holds; `None` where that is known only once
/// its host has been looked up.
pub fn refusal(policy: &AddressPolicy, url: &Url) -> Option<String> {
    let origin = UrlOrigin::HubFile;
    if let Err(error) = vet(policy, url, origin) {
        return Some(match error {
            HttpError::AddressRefused(why) | HttpError::Invalid(why) => why,
            other => other.to_string(),
        });
    }
    let local = matches!(url.host(), Some(Host::Domain(name)) if is_localhost(name));
    let refused = policy.vet(Ipv4Addr::LOCALHOST.into(), origin).err().filter(|_| local)?;
    Some(refused.to_string())
}

/// Whether the name is `localhost` or under it, which is loopback whatever a name server says (RFC 6761 §6.3).
pub(crate) fn is_localhost(name: &str) -> bool {
    let name = rootless(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// Without the dot that stands for the root of the DNS.
fn rootless(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// Host and port, for texts.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or("no host");
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
