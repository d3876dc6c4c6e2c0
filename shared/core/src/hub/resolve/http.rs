//! What sources and endpoints have in common: headers, and the networks they may be in.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;

use crate::hub::{
    address::{Network, is_header_name, is_header_value},
    decode::{At, Named},
    fault::{Place, Report},
    tree::quote,
    values::Literal,
};

/// What the connection itself decides.
pub(super) const CONNECTION: [&str; 4] = ["host", "content-length", "transfer-encoding", "connection"];

/// Static headers, names in lower case. `own` are those that the hub itself sets.
pub(super) fn headers(named: Option<&Named<Literal>>, own: &[&str], report: &mut Report) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for (key, value) in named.into_iter().flat_map(|named| &named.0) {
        let Some(name) = header_name(&key.text, &quote(&key.text), &key.place, own, report) else { continue };
        let Some(Literal(value)) = value else { continue };
        if !is_header_value(value) {
            report.fault(&key.place, "expected visible ASCII as a header's value, without blanks around it");
        } else if headers.insert(name, value.clone()).is_some() {
            report
                .fault(&key.place, format!("the header {} is here twice: case makes no difference", quote(&key.text)));
        }
        if key.text.eq_ignore_ascii_case("authorization") {
            report.note(
                &key.place,
                "a credential in the file is a credential in its history",
                Some("name a secret instead: `auth` of a source, `token` of an endpoint".to_owned()),
            );
        }
    }
    headers
}

/// In lower case.
pub(super) fn header_name(text: &str, shown: &str, place: &Place, own: &[&str], report: &mut Report) -> Option<String> {
    let name = text.to_ascii_lowercase();
    if !is_header_name(&name) {
        report.fault(place, format!("expected the name of a header, found {shown}"));
        return None;
    }
    if own.contains(&name.as_str()) {
        report.fault(place, format!("the header {shown} is set by the hub"));
        return None;
    }
    Some(name)
}

pub(super) fn networks(networks: &[At<Network>], report: &mut Report) -> Vec<IpNet> {
    // Instance metadata: 169.254.169.254, and its IPv6 form on AWS.
    let metadata = [IpAddr::from([169, 254, 169, 254]), IpAddr::from([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254])];
    for At { place, value: Network(network), .. } in networks {
        if let Some(address) = metadata.iter().find(|address| network.contains(*address)) {
            let message = format!("{network} holds the metadata address {address}, which gives out credentials");
            report.note(place, message, Some("name smaller networks".to_owned()));
        }
    }
    networks.iter().map(|network| network.value.0).collect()
}
