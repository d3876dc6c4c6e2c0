//! `crossdock endpoint`.

use crossdock_core::port::{Home, Ledger, Paused, QueueName};
use crossdock_local::Running;

use crate::{
    args::{Endpoint, EndpointCommand},
    context::{Environment, Opened},
    failure::Failure,
    out,
};

pub(crate) async fn run(args: Endpoint, environment: Environment) -> Result<(), Failure> {
    match args.command {
        EndpointCommand::List { which } => {
            let opened = Opened::existing(&which, environment).await?;
            for name in opened.endpoints(None).await? {
                let queues = opened.home.local_queues();
                let waiting = queues.counts(&QueueName::Endpoint(name.clone())).await?;
                let dead = queues.counts(&QueueName::DeadLetters(name.clone())).await?;
                let control = opened.home.store().open(&name, &[], &[]).await?.control;
                let paused = control.paused.map(|paused| format!("  paused since {}: {}", paused.since, paused.reason));
                out::line(&format!(
                    "{name}  {} waiting  {} in the DLQ{}",
                    waiting.visible + waiting.hidden + waiting.delayed,
                    dead.visible + dead.hidden + dead.delayed,
                    paused.unwrap_or_default(),
                ));
            }
            opened.close().await;
        }
        EndpointCommand::Pause { name, which } => {
            let opened = Opened::open(&which, environment).await?;
            let paused = Paused { since: opened.home.clock().now(), reason: "paused by hand".to_owned() };
            set(&opened, &name, Some(paused)).await?;
            out::line(&format!("{name} is paused; what is for it waits"));
            opened.close().await;
        }
        EndpointCommand::Resume { name, which } => {
            let opened = Opened::existing(&which, environment).await?;
            set(&opened, &name, None).await?;
            let mut due = 0;
            for endpoint in opened.endpoints(Some(&name)).await? {
                due += opened.home.local_queues().make_due(&QueueName::Endpoint(endpoint)).await?;
            }
            let hub = Running::url(&opened.state);
            let when = if hub.is_some() { "now" } else { "once a hub runs on this state" };
            out::line(&match due {
                0 => format!("{name} goes on; nothing had to wait"),
                1 => format!("{name} goes on; 1 delivery that had to wait is tried {when}"),
                due => format!("{name} goes on; {due} deliveries that had to wait are tried {when}"),
            });
            opened.close().await;
        }
    }
    Ok(())
}

async fn set(opened: &Opened, name: &str, paused: Option<Paused>) -> Result<(), Failure> {
    for endpoint in opened.endpoints(Some(name)).await? {
        opened.home.store().set_paused(&endpoint, paused.clone()).await?;
    }
    Ok(())
}
