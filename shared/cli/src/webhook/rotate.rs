//! `crossdock webhook rotate`: a second secret beside the first, and later the first one out.

use crossdock_core::{
    hub::{Compiled, Hub, Webhook, edit},
    webhook::proof::Proof,
};
use serde_json::{Value, json};

use super::{
    secret::{Shared, Token, name_for, taken},
    webhook,
};
use crate::{args::RotateWebhook, context::Environment, failure::Failure, out, patch::Patch};

const IN_EFFECT: &str = "it takes effect when the hub is started again; on AWS, with the next deployment";

pub(super) fn run(args: &RotateWebhook, environment: &Environment) -> Result<(), Failure> {
    let patch = Patch::of(args.writing.hub.as_deref(), environment)?;
    let hub = patch.before.loaded.hub.clone();
    let of = webhook(&hub, &args.id)?;
    match args.finish {
        true => finish(patch, of, args.writing.yes),
        false => begin(patch, of, args.writing.yes, &hub),
    }
}

/// Where the hub file has the hashes, or the names, that prove this webhook.
fn list(of: &Webhook, hashes: bool) -> Vec<&str> {
    let id = of.id.as_str();
    match hashes {
        true => vec!["webhooks", id, "verify", "bearer", "sha256"],
        false => vec!["webhooks", id, "secrets"],
    }
}

fn begin(patch: Patch<'_>, of: &Webhook, yes: bool, hub: &Hub) -> Result<(), Failure> {
    let id = &of.id;
    if matches!(of.proof, Proof::None) {
        return Err(Failure::new(format!(
            "{id} comes through a queue or a bus of the account's own, and has no secret"
        )));
    }
    if of.hashes.len() > 1 || of.secrets.len() > 1 {
        return Err(Failure::new(format!(
            "{id} is being rotated: it has {} live secrets; take the old one out first, with --finish",
            of.hashes.len() + of.secrets.len()
        )));
    }
    let by_hash = !of.hashes.is_empty();
    let path = list(of, by_hash);
    if by_hash {
        let token = Token::new();
        if push(patch, &path, &token.hash, yes)? {
            token.show(match &of.proof {
                Proof::Bearer(bearer) => &bearer.header,
                _ => "authorization",
            });
            tell(of);
        }
        return Ok(());
    }
    let used = taken(id, &patch.before.text, &of.secrets);
    let name = name_for(id, &used).ok_or_else(|| Failure::new(format!("no secret can be called after {id}")))?;
    let shared = Shared::new(name, of.provider);
    if push(patch, &path, shared.name.as_str(), yes)? {
        shared.show(hub);
        tell(of);
    }
    Ok(())
}

fn tell(of: &Webhook) {
    out::note(IN_EFFECT);
    out::note(&format!(
        "from then on both are good; once the sender uses the new one: crossdock webhook rotate {} --finish",
        of.id
    ));
}

fn push(patch: Patch<'_>, path: &[&str], new: &str, yes: bool) -> Result<bool, Failure> {
    // Quoted where it begins with a digit, as hashes may: what is all digits would be a number.
    let written = crate::yaml::scalar(new);
    let proposed = edit::push(&patch.text, path, &written);
    let by_hand = format!("{}: [..., {written}]", path.join("."));
    let as_meant = |before: &Compiled, after: &Compiled| is_changed(before, after, path, |all| all.push(json!(new)));
    patch.propose(proposed, &by_hand, as_meant, yes)
}

fn finish(patch: Patch<'_>, of: &Webhook, yes: bool) -> Result<(), Failure> {
    let by_hash = of.hashes.len() > 1;
    if !by_hash && of.secrets.len() < 2 {
        return Err(Failure::new(format!(
            "{} has one live secret: there is nothing to take out; crossdock webhook rotate {0} adds one first",
            of.id
        )));
    }
    let path = list(of, by_hash);
    let proposed = edit::keep_last(&patch.text, &path);
    let by_hand = format!("{}: all but the last entry out", path.join("."));
    let as_meant = |before: &Compiled, after: &Compiled| {
        is_changed(before, after, &path, |all| {
            all.drain(..all.len() - 1);
        })
    };
    if patch.propose(proposed, &by_hand, as_meant, yes)? {
        out::note(IN_EFFECT);
        if !by_hash {
            let gone: Vec<&str> = of.secrets.iter().rev().skip(1).rev().map(|name| name.as_str()).collect();
            out::note(&format!("then the hub has no use for the value of {} any more", gone.join(", ")));
        }
    }
    Ok(())
}

/// Whether this list changed so, and nothing else.
fn is_changed(before: &Compiled, after: &Compiled, path: &[&str], change: impl FnOnce(&mut Vec<Value>)) -> bool {
    let Ok(hub) = serde_json::from_str::<Value>(&before.text) else { return false };
    let list = path.iter().try_fold(&hub, |value, key| value.get(key)).and_then(Value::as_array);
    let Some(mut list) = list.cloned().filter(|list| !list.is_empty()) else { return false };
    change(&mut list);
    edit::is_but_for(&before.text, &after.text, path, &Value::Array(list))
}
