//! Why nothing happens: for commands that show what waits, since whoever looks at it may not know that the hub is switched off or
//! an endpoint paused. On the error output, so that it is beside JSON too.

use std::collections::BTreeSet;

use crossdock_core::{
    disabled::Disabled,
    id::EndpointName,
    port::{Home, Ledger, Switch},
};

use crate::{context::Opened, out};

/// `endpoints` are those that something waits for; where they are none, any endpoint's record says whether the hub is off.
pub(crate) async fn say_why<H: Home>(opened: &Opened<H>, endpoints: &BTreeSet<EndpointName>) {
    let mut is_told = false;
    for endpoint in endpoints.iter().chain(opened.hub.endpoints.keys().filter(|_| endpoints.is_empty()).take(1)) {
        // What was asked for is shown in any case.
        let Ok(found) = opened.home.store().open(endpoint, &[], &[]).await else { continue };
        let file = (!opened.hub.enabled).then_some(None);
        if let Some(since) = file.or(found.hub_off.map(Some))
            && !is_told
        {
            is_told = true;
            hub(&Disabled { what: Switch::Hub, since });
        }
        if endpoints.contains(endpoint)
            && let Some(paused) = found.control.ok().and_then(|control| control.paused)
        {
            out::note(&format!(
                "note: {endpoint} is paused since {} ({}), and what is for it waits; crossdock endpoint resume {endpoint} lets it \
                 go on",
                paused.since,
                out::plain(&paused.reason)
            ));
        }
    }
}

fn hub(off: &Disabled) {
    let remedy = match off.since {
        Some(_) => "crossdock hub enable switches it on",
        None => "take that out, and bring it into effect",
    };
    out::note(&format!("note: {off}, and what waits, waits; {remedy}"));
}
