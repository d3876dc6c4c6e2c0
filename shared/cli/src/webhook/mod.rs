//! `crossdock webhook`: webhooks of the hub file, their secrets, and which of them are switched off.
//!
//! What a webhook *is* stands in the hub file, so [`add`] and [`rotate`] propose a change of it. Whether it is switched off is
//! state ([`switch`]). A new secret is printed once, after the file is written, alone on a line of the standard output, so
//! that it can be piped to where it is kept; what is to be known about it goes to the error output.

mod add;
mod list;
mod rotate;
mod secret;
mod switch;

use crossdock_core::{
    hub::{Hub, Webhook as Described},
    port::Home,
};

#[cfg(feature = "aws")]
use crate::remote;
use crate::{
    args::{On, Webhook, WebhookCommand, Where},
    context::{Environment, Opened, unknown},
    failure::Failure,
};

pub(crate) async fn run(args: Webhook, environment: Environment) -> Result<(), Failure> {
    let place = match &args.command {
        WebhookCommand::Add(args) => return add::run(args, &environment),
        WebhookCommand::Rotate(args) => return rotate::run(args, &environment),
        WebhookCommand::Disable { place, .. }
        | WebhookCommand::Enable { place, .. }
        | WebhookCommand::List { place, .. } => place,
    };
    let Where { which, on } = place;
    match on {
        On::Local => {
            let opened = match &args.command {
                WebhookCommand::List { .. } => Opened::or_empty(which, environment).await?,
                _ => Opened::existing(which, environment).await?,
            };
            act(&args.command, &opened).await?;
            opened.close().await;
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) => act(&args.command, &remote::open(which, stack, &environment).await?).await?,
    }
    Ok(())
}

async fn act<H: Home>(command: &WebhookCommand, opened: &Opened<H>) -> Result<(), Failure> {
    match command {
        // These are about the file alone.
        WebhookCommand::Add(_) | WebhookCommand::Rotate(_) => Ok(()),
        WebhookCommand::Disable { id, .. } => switch::off(opened, id).await,
        WebhookCommand::Enable { id, .. } => switch::on(opened, id).await,
        WebhookCommand::List { json, .. } => list::list(opened, *json).await,
    }
}

fn webhook<'a>(hub: &'a Hub, id: &str) -> Result<&'a Described, Failure> {
    let found = hub.webhooks.values().find(|webhook| webhook.id.as_str() == id);
    found.ok_or_else(|| match hub.webhooks.is_empty() {
        true => Failure::new(format!("the hub has no webhook {id:?}, nor any other; crossdock webhook add adds one")),
        false => unknown("webhook", id, hub.webhooks.keys()),
    })
}
