//! What somebody has switched off: the whole hub, or one webhook (`docs/adr/0036-paused-hub.md`).
//!
//! Switches are state, so they outlive restarts and deployments, and need none to take effect: whoever is about to do
//! something asks. What the hub file says (`enabled: false`) is not kept here; either of the two is enough.

use std::{collections::BTreeMap, fmt, future::Future, str::FromStr};

use super::PortError;
use crate::{Timestamp, id::WebhookId};

/// What can be switched off.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Switch {
    /// Everything: nothing is taken, polled or delivered.
    Hub,
    /// What comes in at `/webhooks/<id>`.
    Webhook(WebhookId),
}

const HUB: &str = "hub";
const WEBHOOK: &str = "webhook/";

/// As stores keep it.
impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub => f.write_str(HUB),
            Self::Webhook(id) => write!(f, "{WEBHOOK}{id}"),
        }
    }
}

/// Not what a store should hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSwitch;

impl FromStr for Switch {
    type Err = NoSwitch;

    fn from_str(text: &str) -> Result<Self, NoSwitch> {
        match text.strip_prefix(WEBHOOK) {
            Some(id) => id.parse().map(Self::Webhook).map_err(|_| NoSwitch),
            None if text == HUB => Ok(Self::Hub),
            None => Err(NoSwitch),
        }
    }
}

/// All that is switched off, and since when.
pub type Off = BTreeMap<Switch, Timestamp>;

pub trait Switches: Send + Sync {
    /// One read; what was switched before it began is in it.
    fn off(&self) -> impl Future<Output = Result<Off, PortError>> + Send;

    /// Switches it off since `off`, or on where that is `None`. What is off already stays off since when it was.
    fn switch(&self, switch: &Switch, off: Option<Timestamp>) -> impl Future<Output = Result<(), PortError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_read_as_it_was_written() {
        for text in ["hub", "webhook/shop-orders", "webhook/9_A"] {
            assert_eq!(text.parse::<Switch>().map(|switch| switch.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "Hub", "webhook/", "webhook/a b", "endpoint/mail"] {
            assert_eq!(text.parse::<Switch>(), Err(NoSwitch), "{text}");
        }
    }
}
