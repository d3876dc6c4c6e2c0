//! Deliveries of a hub that is switched off ([`crate::disabled`]): each waits as that of a paused endpoint does, and nothing
//! whatever ends meanwhile, not even what could only end badly.

use std::time::Duration;

use super::{
    dispatcher::{Dispatcher, Disposition, Open},
    outcome::paused_wait,
    poison::is_poison,
};
use crate::{
    Timestamp,
    id::EndpointName,
    port::{Home, PortError, Received},
};

impl<H: Home> Dispatcher<H> {
    /// How long the entry stays hidden because the hub is switched off; `None`: it is not.
    pub(super) fn resting(&self, received: &Received, hub_off: Option<Timestamp>) -> Option<Duration> {
        // Since when its file says so nobody knows. What is young comes back soon, and what has been there for long comes
        // back seldom enough never to have been received too often.
        let since = if self.hub.enabled { hub_off? } else { received.sent_at };
        Some(paused_wait(since, self.home.clock().now()))
    }

    pub(super) async fn rest(
        &self,
        endpoint: &EndpointName,
        received: &Received,
        open: &Open,
        wait: Duration,
        now: Timestamp,
    ) -> Result<Disposition, PortError> {
        // To account for this receive would take back the marks of hubs that died of it.
        if is_poison(open.known.as_ref()) {
            return Ok(Disposition::RetryIn(wait));
        }
        self.put_off(endpoint, received, open, wait, now).await
    }
}
