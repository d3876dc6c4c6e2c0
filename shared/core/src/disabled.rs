//! Whether the hub, or a webhook of it, is switched off (contract §6; `docs/adr/0036-paused-hub.md`).
//!
//! A hub that is off begins nothing: it takes nothing, asks no source, sends nothing to any endpoint. What it has stays where
//! it is, and nothing is counted against anybody: no attempt, no failed poll, no missed promise. What was begun is ended: an
//! attempt that is in flight is recorded, a poll is cut off and goes on once the hub is on again.
//!
//! Everything asks right before it begins, so a switch works from the next thing on, and in every process. Deliveries hear
//! of it with what else their batch reads ([`Opened::hub_off`](crate::port::Opened)).

use std::{fmt, time::Duration};

use crate::{
    Timestamp,
    hub::Hub,
    poll::Pause,
    port::{Home, PortError, Switch, Switches},
};

/// How often whatever goes on for long asks whether it still may.
const WATCH: Duration = Duration::from_secs(5);

/// What is switched off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    pub what: Switch,
    /// `None`: the hub file says so.
    pub since: Option<Timestamp>,
}

/// For operators.
impl fmt::Display for Disabled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            Switch::Hub => f.write_str("the hub is switched off")?,
            Switch::Webhook(id) => write!(f, "the webhook {id} is switched off")?,
        }
        match self.since {
            None => f.write_str(": its file says enabled: false"),
            Some(since) => write!(f, " since {since}"),
        }
    }
}

/// Whether any of these is switched off: one read of the store, and none where the hub file says so.
///
/// # Errors
/// The store could not be read. Whoever asks begins nothing then.
pub async fn disabled<H: Home>(home: &H, hub: &Hub, any_of: &[Switch]) -> Result<Option<Disabled>, PortError> {
    if !hub.enabled && any_of.contains(&Switch::Hub) {
        return Ok(Some(Disabled { what: Switch::Hub, since: None }));
    }
    let off = home.store().off().await?;
    let found = any_of.iter().find_map(|what| off.get_key_value(what));
    Ok(found.map(|(what, since)| Disabled { what: what.clone(), since: Some(*since) }))
}

/// Until the hub is switched off, for what goes on for long. Where the store cannot be asked, what goes on hears of that
/// itself.
pub async fn until_disabled<H: Home>(home: &H, hub: &Hub, pause: &Pause) {
    loop {
        pause(WATCH).await;
        if let Ok(Some(_)) = disabled(home, hub, &[Switch::Hub]).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_off_is_said() {
        let check = |what: Switch, since: Option<&str>, expected: &str| {
            let since = since.map(|time| time.parse().unwrap());
            assert_eq!(Disabled { what, since }.to_string(), expected);
        };
        let at = Some("2026-11-21T10:00:00Z");
        check(Switch::Hub, None, "the hub is switched off: its file says enabled: false");
        check(Switch::Hub, at, "the hub is switched off since 2026-11-21T10:00:00Z");
        let webhook = Switch::Webhook("shop-orders".parse().unwrap());
        check(webhook, at, "the webhook shop-orders is switched off since 2026-11-21T10:00:00Z");
    }
}
