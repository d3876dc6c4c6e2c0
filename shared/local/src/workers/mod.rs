//! The loops: what the scheduler and the event source mappings do on AWS.

mod dispatch;
mod poll;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use crossdock_core::{
    Timestamp,
    disabled::disabled,
    event::{EventName, HubEvent},
    hub::{Hub, Retention},
    message::{Message, MessageRecord},
    poll::set_aside_unfetched,
    port::{Home, LeaseOwner, Switch},
    publish::{STALE_AFTER, publish, publish_stale},
    route::Router,
    sweep::{self, Swept},
    timer,
};
use futures_util::FutureExt;
use tokio::{
    sync::{mpsc, watch},
    time::{Interval, MissedTickBehavior},
};

pub(crate) use self::{
    dispatch::{Served, dispatch},
    poll::{Polled, poll},
};
use crate::{home::LocalHome, store::Collector};

/// Of all leases. One process per state folder: that of a run that a crash cut short is the next run's own.
const OWNER: &str = "local";
/// How often what a crash left pending is looked for, and what has waited for its time.
const SWEEP: Duration = Duration::from_secs(1);
/// How often objects that thin events name are looked for.
pub(crate) const LOOK: Duration = Duration::from_secs(1);
/// Messages published in one go.
const LARGEST_PUBLISHED: usize = 100;
/// Pushed messages that may wait in memory to be published; what does not fit waits in the store.
pub(crate) const MOST_UNPUBLISHED: usize = 1_000;

/// Until the hub is to stop.
pub(crate) async fn stopping(stopped: &mut watch::Receiver<bool>) {
    // An error means that the hub itself is gone.
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// When a loop begins anew: at once, and then at an interval. A round that takes longer puts off those after it.
struct Ticks {
    ticks: Interval,
    stopped: watch::Receiver<bool>,
}

impl Ticks {
    fn every(interval: Duration, stopped: &watch::Receiver<bool>) -> Self {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, stopped: stopped.clone() }
    }

    /// `false` once the hub is to stop.
    async fn next(&mut self) -> bool {
        tokio::select! {
            () = stopping(&mut self.stopped) => false,
            _ = self.ticks.tick() => true,
        }
    }

    /// The next one not before this.
    fn put_off(&mut self, wait: Duration) {
        self.ticks.reset_after(wait);
    }
}

/// Whether a loop is to do nothing this time. So it does where nobody can tell, too.
async fn is_resting(home: &LocalHome, hub: &Hub) -> bool {
    match disabled(home, hub, &[Switch::Hub]).await {
        Ok(found) => found.is_some(),
        Err(error) => {
            tracing::warn!(error = %error, "whether the hub is switched off could not be read; nothing is begun");
            true
        }
    }
}

/// Publishes what pushes have stored, all that waits in one go. What it does not get to stays pending.
pub(crate) async fn publish_pushed(
    home: Arc<LocalHome>,
    router: Arc<Router>,
    mut pushed: mpsc::Receiver<MessageRecord>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut records = Vec::new();
    loop {
        tokio::select! {
            () = stopping(&mut stopped) => return,
            count = pushed.recv_many(&mut records, LARGEST_PUBLISHED) => if count == 0 { return },
        }
        let now = home.clock().now();
        records.retain(|record| is_ours(&record.message, now));
        match AssertUnwindSafe(publish(&*home, &router, &records)).catch_unwind().await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(error = %error, "pushed messages stay pending"),
            Err(_) => tracing::error!("publishing panicked; pushed messages stay pending"),
        }
        records.clear();
    }
}

/// What has waited for too long has been published by the sweep, or will be.
fn is_ours(message: &Message, now: Timestamp) -> bool {
    // A clock that was set back makes it younger than nothing.
    Duration::try_from(now.duration_since(message.created_at)).map_or(true, |age| age < STALE_AFTER)
}

/// Publishes what was stored and not published.
pub(crate) async fn sweep(home: Arc<LocalHome>, hub: Arc<Hub>, router: Arc<Router>, stopped: watch::Receiver<bool>) {
    let mut ticks = Ticks::every(SWEEP, &stopped);
    while ticks.next().await {
        if is_resting(&home, &hub).await {
            continue;
        }
        let owner = LeaseOwner(OWNER.to_owned());
        let published = publish_stale(home.slow().await, &router, &owner, stopping(&mut stopped.clone())).await;
        if let Err(error) = published {
            tracing::warn!(error = %error, "pending messages could not be published");
        }
    }
}

/// Puts what has waited into its queue when its time comes.
pub(crate) async fn send_due(home: Arc<LocalHome>, hub: Arc<Hub>, stopped: watch::Receiver<bool>) {
    let mut ticks = Ticks::every(SWEEP, &stopped);
    while ticks.next().await {
        if is_resting(&home, &hub).await {
            continue;
        }
        if let Err(error) = timer::fire(&*home, &hub).await {
            tracing::warn!(error = %error, "what has waited for its time could not be sent; it is tried again");
        }
    }
}

/// Looks over what was promised to routes, at the start and then each hour.
pub(crate) async fn audit(
    home: Arc<LocalHome>,
    hub: Arc<Hub>,
    router: Arc<Router>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut ticks = Ticks::every(sweep::EVERY, &stopped);
    while ticks.next().await {
        if is_resting(&home, &hub).await {
            continue;
        }
        let owner = LeaseOwner(OWNER.to_owned());
        match sweep::sweep(&*home, &hub, &owner, stopping(&mut stopped.clone())).await {
            Ok((Swept { messages, missing, expired, unreadable, refused: None }, _)) => {
                tracing::debug!(messages, missing, expired, unreadable, "looked for missing deliveries");
            }
            Ok((Swept { refused: Some(error), .. }, _)) | Err(error) => {
                tracing::warn!(error = %error, "not all deliveries without an outcome could be sent again or ended");
            }
        }
        let set_aside = tokio::select! {
            () = stopping(&mut stopped) => return,
            set_aside = set_aside_unfetched(home.slow().await, &hub, &router) => set_aside,
        };
        if let Err(error) = set_aside {
            tracing::warn!(error = %error, "what nobody fetches any more could not be set aside");
        }
    }
}

/// Tells when the hub is switched off or on, at the start too where it is off.
pub(crate) async fn tell_of_switches(home: Arc<LocalHome>, hub: Arc<Hub>, stopped: watch::Receiver<bool>) {
    let mut was_off = false;
    let mut ticks = Ticks::every(LOOK, &stopped);
    while ticks.next().await {
        // One that cannot be asked is asked again.
        let Ok(found) = disabled(&*home, &hub, &[Switch::Hub]).await else { continue };
        let now = home.clock().now();
        match &found {
            Some(off) if !was_off => {
                let event = HubEvent::new(now, EventName::HubDisabled);
                home.observer().observe(event.because(format!("{off}; crossdock hub enable switches it on")));
            }
            None if was_off => home.observer().observe(HubEvent::new(now, EventName::HubEnabled)),
            Some(_) | None => {}
        }
        was_off = found.is_some();
    }
}

/// Removes what has expired. A run that is cut off goes on with the next one.
pub(crate) async fn expire(home: Arc<LocalHome>, retention: Retention, mut stopped: watch::Receiver<bool>) {
    let mut collector = Collector::new(home.database().slow(), retention);
    let mut ticks = Ticks::every(between_runs(&retention), &stopped);
    while ticks.next().await {
        let removed = tokio::select! {
            () = stopping(&mut stopped) => return,
            removed = collector.run() => removed,
        };
        match removed {
            Ok(removed) => tracing::debug!(
                messages = removed.messages.count,
                deliveries = removed.deliveries.count,
                dead_letters = removed.dead_letters.count,
                versions = removed.versions.count,
                "removed what had expired"
            ),
            Err(error) => tracing::warn!(error = %error, "what has expired could not be removed"),
        }
    }
}

/// A tenth of the shortest term, so that nothing is kept for much longer than it must be; an hour at most.
fn between_runs(retention: &Retention) -> Duration {
    let terms = [retention.deliveries, Some(retention.dead_letters), retention.versions];
    let shortest = terms.into_iter().flatten().min().unwrap_or_default();
    (shortest / 10).clamp(Duration::from_secs(1), Duration::from_secs(3600))
}

#[cfg(test)]
mod tests {
    use crossdock_testkit::build::message;

    use super::*;

    #[test]
    fn what_the_sweep_takes_up_is_left_to_it() {
        let made = message("one");
        let check = |now: Timestamp, expected: bool| assert_eq!(is_ours(&made, now), expected, "{now}");
        let later = |wait: Duration| made.created_at.checked_add(wait).unwrap();
        check(made.created_at, true);
        check(later(STALE_AFTER - Duration::from_millis(1)), true);
        check(later(STALE_AFTER), false);
        check(later(Duration::from_secs(3600)), false);
        check(made.created_at.checked_sub(Duration::from_secs(60)).unwrap(), true);
    }
}
