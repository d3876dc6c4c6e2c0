//! `crossdock add endpoint URL`: an endpoint and its routes, as the endpoint itself proposes them.
//!
//! [`fetch`] asks for what the endpoint says of itself, the core reads it (`hub::offer`), [`propose`] makes entries of a hub
//! file of it, and the core puts them into the file's text ([`edit`]). From there on it is a [`Patch`].
//!
//! Deliberately absent: changing an endpoint that is there. What was added is the file's, to be gone on with by hand.

mod fetch;
mod propose;

use crossdock_core::{
    hub::{Compiled, Hub, edit},
    id::EndpointName,
    url::shown,
};

use self::propose::Proposal;
use crate::{
    args::{Add, AddCommand, AddEndpoint},
    context::Environment,
    failure::Failure,
    out,
    patch::Patch,
    redact,
};

pub(crate) async fn run(args: Add, environment: &Environment) -> Result<(), Failure> {
    let AddCommand::Endpoint(args) = args.command;
    let patch = Patch::of(args.hub.as_deref(), environment)?;
    if let Some((name, _)) = args.url.query_pairs().find(|(name, _)| redact::is_secret(name)) {
        return Err(Failure::new(format!(
            "{name} in the address is a credential, which does not belong into a file: leave it out here, and add it to the \
             file afterwards, as ${{A_VARIABLE}}"
        )));
    }
    let hub = &patch.before.loaded.hub;
    let offer = fetch::offer(&args.url, hub).await?;
    let name = name(&args, &offer.name, hub)?;
    let proposal = Proposal::of(&offer, &name, &args.url, hub);
    let proposed = edit::add(&patch.text, &proposal.endpoint, &proposal.routes);
    let is_addition = |before: &Compiled, after: &Compiled| {
        edit::only_adds(&before.text, &after.text, name.as_str(), proposal.routes.len())
    };
    if patch.propose(proposed, &proposal.to_string(), is_addition, args.yes)? {
        for line in &proposal.to_do {
            out::note(&format!("  {line}"));
        }
    }
    Ok(())
}

fn name(args: &AddEndpoint, offered: &EndpointName, hub: &Hub) -> Result<EndpointName, Failure> {
    let name = args.name.as_ref().unwrap_or(offered);
    match hub.endpoints.get(name) {
        None => Ok(name.clone()),
        Some(there) => Err(Failure::new(format!(
            "the hub has an endpoint {name} already, at {}; name this one with --name",
            shown(&there.url)
        ))),
    }
}
