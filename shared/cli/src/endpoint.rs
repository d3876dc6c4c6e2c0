//! `crossdock endpoint`.

use std::collections::BTreeSet;

use crossdock_core::{
    id::EndpointName,
    port::{DeliveryState, Home, Ledger, Paused, PortError, QueueCounts, QueueName},
};
use crossdock_local::{LocalHome, Running};

#[cfg(feature = "aws")]
use crate::remote;
use crate::{
    args::{Endpoint, EndpointCommand, On, Which},
    context::{Environment, Opened},
    failure::Failure,
    out, resting,
};

pub(crate) async fn run(args: Endpoint, environment: Environment) -> Result<(), Failure> {
    let (EndpointCommand::List { place }
    | EndpointCommand::Drained { place, .. }
    | EndpointCommand::Pause { place, .. }
    | EndpointCommand::Resume { place, .. }) = &args.command;
    match &place.on {
        On::Local => {
            let opened = Opened::existing(&place.which, environment).await?;
            match &args.command {
                EndpointCommand::List { .. } => list(&opened, async |queue| local_counts(&opened, queue).await).await?,
                EndpointCommand::Drained { name, .. } => {
                    drained(&opened, name, async |queue| local_counts(&opened, queue).await).await?;
                }
                EndpointCommand::Pause { name, .. } => pause(&opened, name).await?,
                EndpointCommand::Resume { name, .. } => {
                    set(&opened, name, None).await?;
                    try_now(&opened, &place.which, name).await?;
                }
            }
            opened.close().await;
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) => {
            let opened = remote::open(&place.which, stack, &environment).await?;
            match &args.command {
                EndpointCommand::List { .. } => {
                    list(&opened, async |queue| opened.home.sqs().counts(queue).await).await?;
                }
                EndpointCommand::Drained { name, .. } => {
                    drained(&opened, name, async |queue| opened.home.sqs().counts(queue).await).await?;
                }
                EndpointCommand::Pause { name, .. } => pause(&opened, name).await?,
                EndpointCommand::Resume { name, .. } => {
                    set(&opened, name, None).await?;
                    // SQS lets nobody but its receiver change how long a message is hidden.
                    out::line(&format!("{name} goes on; what had to wait is tried within half an hour"));
                }
            }
        }
    }
    Ok(())
}

async fn list<H: Home>(
    opened: &Opened<H>,
    counts: impl AsyncFn(&QueueName) -> Result<QueueCounts, PortError>,
) -> Result<(), Failure> {
    for name in opened.endpoints(None)? {
        let waiting = counts(&QueueName::Endpoint(name.clone())).await?.total();
        let dead = counts(&QueueName::DeadLetters(name.clone())).await?.total();
        let control = opened.home.store().open(&name, &[], &[]).await?.control?;
        let paused = control.paused.map(|paused| format!("  paused since {}: {}", paused.since, paused.reason));
        out::line(&format!("{name}  {waiting} waiting  {dead} in the DLQ{}", paused.unwrap_or_default()));
    }
    // Which of them are paused is said beside each.
    resting::say_why(opened, &BTreeSet::new()).await;
    Ok(())
}

async fn local_counts(opened: &Opened<LocalHome>, queue: &QueueName) -> Result<QueueCounts, PortError> {
    opened.home.local_queues().counts(queue).await
}

/// Deliveries of one state that are looked up: whether there is any is what matters.
const LOOKED_UP: usize = 100;

/// What is left for an endpoint that is to go. Fails where it should not go yet, so that a script can wait for it.
async fn drained<H: Home>(
    opened: &Opened<H>,
    name: &str,
    counts: impl AsyncFn(&QueueName) -> Result<QueueCounts, PortError>,
) -> Result<(), Failure> {
    for endpoint in opened.endpoints(Some(name))? {
        let queue = counts(&QueueName::Endpoint(endpoint.clone())).await?;
        let dead = counts(&QueueName::DeadLetters(endpoint.clone())).await?.total();
        let mut open = 0;
        for state in DeliveryState::ALL.into_iter().filter(|state| !state.ended()) {
            open += opened.home.store().deliveries_in(&endpoint, state, LOOKED_UP).await?.len();
        }
        let QueueCounts { visible, hidden, delayed } = queue;
        out::line(&format!(
            "{endpoint}  {visible} to be sent, {hidden} in flight or waiting for a retry, {delayed} delayed"
        ));
        let many = if open < LOOKED_UP { "" } else { "at least " };
        out::line(&format!("{endpoint}  {many}{open} tried without an outcome yet  {dead} in the DLQ"));
        if dead > 0 {
            out::note(&format!(
                "dead letters can be sent again while {endpoint} is in the hub file; its DLQ stays when it goes"
            ));
        }
        let drains = opened.hub.endpoints.get(&endpoint).is_some_and(|known| known.drain);
        if let Some(why) = undrained(&endpoint, drains, queue.total(), open) {
            return Err(Failure::new(why));
        }
        out::line(&format!("{endpoint} is empty: it can be taken out of the hub file"));
    }
    Ok(())
}

/// Why an endpoint should stay for now.
fn undrained(endpoint: &EndpointName, drains: bool, queued: u64, open: usize) -> Option<String> {
    let why = match (drains, queued, open) {
        (false, ..) => "new messages go to it: write drain: true beside it in the hub file, and bring that into effect",
        (true, 0, 0) => return None,
        (true, 0, _) => {
            "deliveries of it have no outcome yet; they come back to its queue, or the daily sweep sends them again"
        }
        (true, ..) => "its queue is not empty",
    };
    Some(format!("{endpoint} should not go yet: {why}"))
}

async fn pause<H: Home>(opened: &Opened<H>, name: &str) -> Result<(), Failure> {
    let paused = Paused { since: opened.home.clock().now(), reason: "paused by hand".to_owned() };
    set(opened, name, Some(paused)).await?;
    out::line(&format!("{name} is paused; what is for it waits"));
    Ok(())
}

async fn try_now(opened: &Opened<LocalHome>, which: &Which, name: &str) -> Result<(), Failure> {
    let mut due = 0;
    for endpoint in opened.endpoints(Some(name))? {
        due += opened.home.local_queues().make_all_due(&QueueName::Endpoint(endpoint)).await?;
    }
    let hub = Running::url(&which.folder(&opened.hub.name));
    let when = if hub.is_some() { "now" } else { "once a hub runs on this state" };
    out::line(&match due {
        0 => format!("{name} goes on; nothing had to wait"),
        1 => format!("{name} goes on; 1 delivery that had to wait is tried {when}"),
        due => format!("{name} goes on; {due} deliveries that had to wait are tried {when}"),
    });
    Ok(())
}

async fn set<H: Home>(opened: &Opened<H>, name: &str, paused: Option<Paused>) -> Result<(), Failure> {
    for endpoint in opened.endpoints(Some(name))? {
        opened.home.store().set_paused(&endpoint, paused.clone()).await?;
    }
    Ok(())
}
