//! Polling one collection at its interval.

use std::{sync::Arc, time::Duration};

use crossdock_core::{
    disabled::until_disabled,
    hub::Hub,
    id::CollectionKey,
    poll::{Pause, PollError, PollReport, Poller, Tokens, Way},
    port::LeaseOwner,
    route::Router,
};
use futures_util::FutureExt;
use tokio::sync::watch;

use super::{OWNER, Ticks, is_resting, stopping};
use crate::{aside::Place, home::LocalHome};

/// How long a source is left alone that could not be asked for one.
const BETWEEN_FAILURES: Duration = Duration::from_secs(10);

/// What is polled, in which way and how often.
#[derive(Debug, Clone)]
pub(crate) struct Polled {
    pub key: CollectionKey,
    pub way: Way,
    pub every: Duration,
}

/// Polls one collection in one way, at its interval, or later where the source asks for it. A poll is cut off when the hub stops:
/// whatever it has stored stays, and the bookmark is not past it. One that turns out to be long steps aside.
pub(crate) async fn poll(
    home: Arc<LocalHome>,
    hub: Arc<Hub>,
    router: Arc<Router>,
    tokens: Arc<Tokens>,
    Polled { key, way, every }: Polled,
    place: Place,
    stopped: watch::Receiver<bool>,
) {
    let mut ticks = Ticks::every(every, &stopped);
    while ticks.next().await {
        if is_resting(&home, &hub).await {
            continue;
        }
        let (home, hub, router, tokens) = (home.clone(), hub.clone(), router.clone(), tokens.clone());
        let (polled, mut stopped) = (key.clone(), stopped.clone());
        let polling = async move {
            let pause = pause();
            let poller = Poller::new(&*home, &hub, &router, LeaseOwner(OWNER.to_owned())).sharing(tokens).by(way);
            let poller = poller.pausing(pause.clone());
            tokio::select! {
                () = stopping(&mut stopped) => None,
                result = poller.poll_until(&polled, until_disabled(&*home, &hub, &pause)) => Some(result),
            }
        };
        match place.run(polling).await {
            Ok(None) => return,
            Ok(Some(result)) => {
                let asked = result.as_ref().err().and_then(|error| left_alone(way, error));
                report(&key, result);
                if let Some(wait) = asked.filter(|wait| *wait > every) {
                    ticks.put_off(wait);
                }
            }
            // The lease runs out or is taken again; the bookmark is where it was.
            Err(_) => tracing::error!(collection = %key, "a poll panicked; it is tried again"),
        }
    }
}

/// How long a source is left alone after a failure, where that is longer than the interval.
fn left_alone(way: Way, error: &PollError) -> Option<Duration> {
    let asked = error.retry_after();
    if way == Way::Fetch { Some(asked.unwrap_or_default().max(BETWEEN_FAILURES)) } else { asked }
}

fn pause() -> Pause {
    Arc::new(|wait| tokio::time::sleep(wait).boxed())
}

fn report(key: &CollectionKey, result: Result<PollReport, PollError>) {
    match result {
        Ok(report) => {
            tracing::debug!(
                collection = %key, records = report.records, set_aside = report.set_aside.len(), stored = report.stored, emitted = report.emitted,
                pages = report.pages, "polled"
            );
        }
        Err(error) => tracing::warn!(collection = %key, error = %error, "the poll failed"),
    }
}
