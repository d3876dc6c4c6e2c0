//! `crossdock endpoint`.

use crossdock_core::port::{Home, Ledger, Paused, PortError, QueueName};
use crossdock_local::{LocalHome, Running};

#[cfg(feature = "aws")]
use crate::remote;
use crate::{
    args::{Endpoint, EndpointCommand, On, Which},
    context::{Environment, Opened},
    failure::Failure,
    out,
};

pub(crate) async fn run(args: Endpoint, environment: Environment) -> Result<(), Failure> {
    let (EndpointCommand::List { place }
    | EndpointCommand::Pause { place, .. }
    | EndpointCommand::Resume { place, .. }) = &args.command;
    match &place.on {
        On::Local => {
            let opened = match &args.command {
                EndpointCommand::Pause { .. } => Opened::open(&place.which, environment).await?,
                _ => Opened::existing(&place.which, environment).await?,
            };
            match &args.command {
                EndpointCommand::List { .. } => list(&opened, async |queue| local_depth(&opened, queue).await).await?,
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
                    list(&opened, async |queue| opened.home.sqs().depth(queue).await).await?;
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

/// `depth` says how many entries a queue has, hidden ones too.
async fn list<H: Home>(
    opened: &Opened<H>,
    depth: impl AsyncFn(&QueueName) -> Result<u64, PortError>,
) -> Result<(), Failure> {
    for name in opened.endpoints(None)? {
        let waiting = depth(&QueueName::Endpoint(name.clone())).await?;
        let dead = depth(&QueueName::DeadLetters(name.clone())).await?;
        let control = opened.home.store().open(&name, &[], &[]).await?.control;
        let paused = control.paused.map(|paused| format!("  paused since {}: {}", paused.since, paused.reason));
        out::line(&format!("{name}  {waiting} waiting  {dead} in the DLQ{}", paused.unwrap_or_default()));
    }
    Ok(())
}

async fn local_depth(opened: &Opened<LocalHome>, queue: &QueueName) -> Result<u64, PortError> {
    let counts = opened.home.local_queues().counts(queue).await?;
    Ok(counts.visible + counts.hidden + counts.delayed)
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
        due += opened.home.local_queues().make_due(&QueueName::Endpoint(endpoint)).await?;
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
