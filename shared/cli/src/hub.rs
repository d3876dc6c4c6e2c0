//! `crossdock hub`: the whole hub off, on, or which of the two.

use crossdock_core::{
    disabled::{Disabled, disabled},
    port::{Home, QueueName, Switch, Switches},
};
use crossdock_local::{LocalHome, Running};
use serde_json::json;

#[cfg(feature = "aws")]
use crossdock_core::hub::{self, Channel};

#[cfg(feature = "aws")]
use crate::remote;
use crate::{
    args::{Hub, HubCommand, On, Which},
    context::{Environment, Opened},
    failure::Failure,
    out,
};

pub(crate) async fn run(args: Hub, environment: Environment) -> Result<(), Failure> {
    let (HubCommand::Disable { place } | HubCommand::Enable { place } | HubCommand::Status { place, .. }) =
        &args.command;
    match &place.on {
        On::Local => {
            let opened = Opened::existing(&place.which, environment).await?;
            match &args.command {
                HubCommand::Disable { .. } => disable(&opened).await?,
                HubCommand::Enable { .. } => {
                    enable(&opened).await?;
                    try_now(&opened, &place.which).await?;
                }
                HubCommand::Status { json, .. } => status(&opened, *json).await?,
            }
            opened.close().await;
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) => {
            let opened = remote::open(&place.which, stack, &environment).await?;
            match &args.command {
                HubCommand::Disable { .. } => {
                    disable(&opened).await?;
                    out::note("what waits in a queue is kept by SQS for 14 days after it was sent there");
                    for queue in queues_of_ones_own(&opened.hub) {
                        out::note(&format!(
                            "events in the queue {queue} are received and given back meanwhile, and come to its dead-letter queue \
                             after maxReceiveCount receives; to leave them alone, turn its mapping off: infra/runbook.md, \
                             \"Switching off a hub with queues\""
                        ));
                    }
                }
                HubCommand::Enable { .. } => {
                    enable(&opened).await?;
                    // SQS lets nobody but its receiver change how long a message is hidden.
                    out::line("what had to wait is tried within half an hour");
                }
                HubCommand::Status { json, .. } => status(&opened, *json).await?,
            }
        }
    }
    Ok(())
}

async fn disable<H: Home>(opened: &Opened<H>) -> Result<(), Failure> {
    let name = &opened.hub.name;
    if let Some(off) = of_hub(opened).await?
        && off.since.is_some()
    {
        out::line(&format!("{name}: {off} already"));
        return Ok(());
    }
    opened.home.store().switch(&Switch::Hub, Some(opened.home.clock().now())).await?;
    out::line(&format!("{name} is switched off: it takes, polls and delivers nothing; what waits, waits"));
    Ok(())
}

async fn enable<H: Home>(opened: &Opened<H>) -> Result<(), Failure> {
    opened.home.store().switch(&Switch::Hub, None).await?;
    match of_hub(opened).await? {
        None => out::line(&format!("{} is switched on", opened.hub.name)),
        Some(off) => {
            return Err(Failure::new(format!("{}: {off}; take that out, and bring it into effect", opened.hub.name)));
        }
    }
    Ok(())
}

async fn try_now(opened: &Opened<LocalHome>, which: &Which) -> Result<(), Failure> {
    let mut due = 0;
    for endpoint in opened.endpoints(None)? {
        due += opened.home.local_queues().make_all_due(&QueueName::Endpoint(endpoint)).await?;
    }
    let is_running = Running::url(&which.folder(&opened.hub.name)).is_some();
    match (due, is_running) {
        (0, _) => {}
        (due, true) => out::line(&format!("deliveries that had to wait and are tried now: {due}")),
        (due, false) => out::line(&format!("deliveries that had to wait and are tried once a hub runs: {due}")),
    }
    Ok(())
}

async fn status<H: Home>(opened: &Opened<H>, as_json: bool) -> Result<(), Failure> {
    let hub = of_hub(opened).await?;
    let off = opened.home.store().off().await?;
    let webhooks = off.iter().filter_map(|(switch, since)| match switch {
        Switch::Webhook(id) => Some((id, since)),
        Switch::Hub => None,
    });
    let name = &opened.hub.name;
    if as_json {
        let webhooks: Vec<_> = webhooks.map(|(id, since)| json!({"webhook": id, "since": since})).collect();
        let since = off.get(&Switch::Hub);
        out::line(
            &json!({
                "hub": name, "enabled": hub.is_none(), "enabled_in_file": opened.hub.enabled,
                "disabled_since": since, "disabled_webhooks": webhooks,
            })
            .to_string(),
        );
        return Ok(());
    }
    out::line(&match hub {
        None => format!("{name} is switched on"),
        Some(off) => format!("{name}: {off}"),
    });
    for (id, since) in webhooks {
        out::line(&format!("its webhook {id} is switched off since {since}"));
    }
    Ok(())
}

async fn of_hub<H: Home>(opened: &Opened<H>) -> Result<Option<Disabled>, Failure> {
    Ok(disabled(&opened.home, &opened.hub, &[Switch::Hub]).await?)
}

/// Queues that webhooks come through and that the hub has not made: how often one gives something out is not the hub's to say.
#[cfg(feature = "aws")]
fn queues_of_ones_own(hub: &hub::Hub) -> impl Iterator<Item = &str> {
    hub.webhooks.values().filter_map(|webhook| match &webhook.from {
        Channel::Queue(arn) => Some(arn.as_str()),
        Channel::Http | Channel::Bus(_) => None,
    })
}

/// For a command that would have the hub do something.
pub(crate) async fn check_enabled<H: Home>(opened: &Opened<H>, unless: &str) -> Result<(), Failure> {
    match of_hub(opened).await? {
        None => Ok(()),
        Some(off) => Err(refused(&off, unless)),
    }
}

pub(crate) fn refused(off: &impl std::fmt::Display, unless: &str) -> Failure {
    Failure::new(format!("{off}; nothing was done. Switch it on with crossdock hub enable{unless}"))
}
