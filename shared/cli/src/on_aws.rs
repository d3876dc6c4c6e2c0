//! Whether a hub could run on AWS: what [`crossdock_stack::check`] says, and which URLs could never be asked from there.
//! Loopback is open to `crossdock dev` only, private networks to nobody whom `networks` does not let. Names are not looked
//! up: what they stand for here says nothing of there.

use crossdock_core::hub::{Auth, Fault, LoadedHub};
use crossdock_http::{AddressPolicy, refusal};
use crossdock_stack::Findings;

/// Each in the order of the file.
pub(crate) fn findings(loaded: &LoadedHub) -> Findings {
    let mut findings = crossdock_stack::check(loaded);
    findings.faults.extend(refused_urls(loaded));
    findings.faults.sort_by_key(|fault| (fault.line, fault.column));
    findings
}

fn refused_urls(loaded: &LoadedHub) -> Vec<Fault> {
    let LoadedHub { hub, places, .. } = loaded;
    let policy = AddressPolicy::new(hub.networks.clone());
    let sources = hub.sources.iter().flat_map(|(name, source)| {
        let token_url = match &source.auth {
            Some(Auth::OAuth2(oauth2)) => Some((format!("sources.{name}.auth.oauth2.token_url"), &oauth2.token_url)),
            _ => None,
        };
        [(format!("sources.{name}.url"), &source.url)].into_iter().chain(token_url)
    });
    let endpoints = hub.endpoints.iter().map(|(name, endpoint)| (format!("endpoints.{name}.url"), &endpoint.url));
    sources
        .chain(endpoints)
        .filter_map(|(path, url)| {
            let why = refusal(&policy, url)?;
            Some(places.fault(&path, format!("expected a URL that can be reached from AWS: {why}"), None))
        })
        .collect()
}
