//! What a hub file says about HTTP: base URLs, paths, headers, networks.

use std::borrow::Cow;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use url::Url;

use super::{
    decode::{Decode, parsed},
    fault::Report,
    tree::Node,
};

/// Where a source or an endpoint is. Credentials in a URL end up in logs, and a fragment is never sent, so neither is
/// allowed.
#[derive(Debug, Clone)]
pub(crate) struct BaseUrl(pub(crate) Url);

impl Decode for BaseUrl {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let http = |text: &str| {
            Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && text.contains("://"))
        };
        // First of all, and without showing it: it may hold a password.
        let credentials = node.text().is_some_and(|text| match http(text) {
            Some(url) => !url.username().is_empty() || url.password().is_some(),
            None => text.contains('@'),
        });
        if credentials {
            report.suggest(
                &node.place,
                "expected an http or https URL without credentials, found something with an @ before the host",
                Some("name a secret: `auth` of a source, `token` of an endpoint".to_owned()),
            );
            return None;
        }
        let url = parsed(node, "an http or https URL", report, |text| {
            let bare = || !text.contains("://") && http(&format!("https://{text}")).is_some();
            http(text).ok_or_else(|| bare().then(|| "begin it with https:// or http://".to_owned()))
        })?;
        if url.fragment().is_some() {
            report.fault(&node.place, "expected a URL without a fragment (#), which is never sent");
            return None;
        }
        Some(Self(url))
    }
}

impl JsonSchema for BaseUrl {
    fn schema_name() -> Cow<'static, str> {
        "Url".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^https?://|\$\{"})
    }
}

/// A path that is appended to a base URL; never one that leads elsewhere.
fn path(node: &Node, query_allowed: bool, report: &mut Report) -> Option<String> {
    let expected = if query_allowed { "a path such as /api/orders" } else { "a path such as /book, without a query" };
    parsed(node, expected, report, |text| {
        let stray = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '#' | '\\');
        if text.contains("://") || text.starts_with("//") {
            return Err(Some("write the part after the host only; the rest is the `url`".to_owned()));
        }
        if text.contains(stray) || (!query_allowed && text.contains('?')) {
            return Err(None);
        }
        if text.starts_with('/') { Ok(text.to_owned()) } else { Err(Some(format!("did you mean \"/{text}\"?"))) }
    })
}

/// Of a request to a source; may carry a query.
#[derive(Debug, Clone)]
pub(crate) struct RequestPath(pub(crate) String);

impl Decode for RequestPath {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        path(node, true, report).map(Self)
    }
}

impl JsonSchema for RequestPath {
    fn schema_name() -> Cow<'static, str> {
        "RequestPath".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^/|\$\{"})
    }
}

/// A service of an endpoint; empty is the endpoint's URL itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServicePath(pub(crate) String);

impl Decode for ServicePath {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match node.text() {
            Some("") if node.scalar() == Some(super::scalar::Scalar::Text) => Some(Self::default()),
            _ => path(node, false, report).map(Self),
        }
    }
}

impl JsonSchema for ServicePath {
    fn schema_name() -> Cow<'static, str> {
        "ServicePath".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^(/[^?#]*)?$|\$\{"})
    }
}

/// A network in CIDR notation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network(pub(crate) IpNet);

impl Decode for Network {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        parsed(node, "a network such as 10.1.0.0/16", report, |text| match text.parse::<IpNet>() {
            Ok(network) if network.trunc() == network => Ok(Self(network)),
            Ok(network) => Err(Some(format!("did you mean {}?", network.trunc()))),
            Err(_) => Err(text
                .parse::<std::net::IpAddr>()
                .ok()
                .map(|address| format!("did you mean {}?", IpNet::from(address)))),
        })
    }
}

impl JsonSchema for Network {
    fn schema_name() -> Cow<'static, str> {
        "Network".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^[0-9a-fA-F.:]+/[0-9]{1,3}$|\$\{"})
    }
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_header_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// RFC 9110 §5.5, without what is obsolete: visible ASCII, with single-line blanks inside.
pub(crate) fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) && text.trim() == text
}
