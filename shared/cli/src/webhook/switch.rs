//! A webhook off and on again.

use crossdock_core::port::{Home, Switch, Switches};

use super::webhook;
use crate::{context::Opened, failure::Failure, out};

pub(super) async fn off<H: Home>(opened: &Opened<H>, id: &str) -> Result<(), Failure> {
    let id = &webhook(&opened.hub, id)?.id;
    let switch = Switch::Webhook(id.clone());
    if let Some(since) = opened.home.store().off().await?.get(&switch) {
        out::line(&format!("{id} is switched off since {since} already"));
        return Ok(());
    }
    opened.home.store().switch(&switch, Some(opened.home.clock().now())).await?;
    out::line(&format!("{id} is switched off: what its provider sends is answered 403, and not kept"));
    Ok(())
}

pub(super) async fn on<H: Home>(opened: &Opened<H>, id: &str) -> Result<(), Failure> {
    let id = &webhook(&opened.hub, id)?.id;
    opened.home.store().switch(&Switch::Webhook(id.clone()), None).await?;
    out::line(&format!("{id} is switched on"));
    Ok(())
}
