//! `crossdock webhook list`.

use crossdock_core::{
    hub::{Channel, EventRule, Kinds, Webhook},
    id::hex,
    port::{Home, Switch, Switches},
};
use serde_json::json;

use crate::{context::Opened, failure::Failure, out};

/// Bytes of a hash, enough to tell it from others.
const DIGITS: usize = 4;

pub(super) async fn list<H: Home>(opened: &Opened<H>, as_json: bool) -> Result<(), Failure> {
    let off = opened.home.store().off().await?;
    let mut all = Vec::new();
    for webhook in opened.hub.webhooks.values() {
        let since = off.get(&Switch::Webhook(webhook.id.clone()));
        let (id, through, proven) = (&webhook.id, through(webhook), proven(webhook));
        let events: Vec<String> = webhook.events.iter().map(kinds).collect();
        if as_json {
            all.push(json!({
                "webhook": id, "through": through, "provider": webhook.provider.as_str(), "source": webhook.source,
                "secrets": webhook.secrets, "hashes": hashes(webhook), "enabled": since.is_none(),
                "disabled_since": since, "events": events,
            }));
            continue;
        }
        let state = since.map(|since| format!("  switched off since {since}")).unwrap_or_default();
        out::line(&format!(
            "{id}  {through}  {} of {}  {proven}  {}{state}",
            webhook.provider.as_str(),
            webhook.source,
            events.join(", ")
        ));
    }
    if as_json {
        out::line(&json!(all).to_string());
    } else if opened.hub.webhooks.is_empty() {
        out::line("the hub has no webhooks; crossdock webhook add adds one");
    }
    Ok(())
}

fn through(webhook: &Webhook) -> String {
    match &webhook.from {
        Channel::Http => format!("/webhooks/{}", webhook.id),
        Channel::Queue(arn) => arn.clone(),
        Channel::Bus(name) => format!("bus {name}"),
    }
}

/// The beginnings of those that are good.
fn hashes(webhook: &Webhook) -> Vec<String> {
    webhook.hashes.iter().map(|hash| hex(&hash[..DIGITS])).collect()
}

fn proven(webhook: &Webhook) -> String {
    let secrets = webhook.secrets.iter().map(ToString::to_string);
    let all: Vec<String> = secrets.chain(hashes(webhook).into_iter().map(|hash| format!("{hash}…"))).collect();
    if all.is_empty() { "the account's own".to_owned() } else { all.join(" and ") }
}

fn kinds(rule: &EventRule) -> String {
    match &rule.kinds {
        Kinds::Exactly(kind) => kind.clone(),
        Kinds::Beginning(kind) => format!("{kind}*"),
    }
}
