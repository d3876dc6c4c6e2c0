//! What a function says while it works: log lines and metrics, both on its standard output, from where Lambda takes them
//! to CloudWatch.
//!
//! A line is one JSON object ([`log`]). What happens in the hub comes as events of the core's observer: each is a line,
//! and some are counted ([`metrics`]). Counted is per invocation, and written once at its end.
//!
//! Deliberately absent: spans sent to X-Ray, and anything that a payload, a token or a signature could be in. Lines of
//! other crates are told from warnings up only, because the SDK's own debug lines have requests in them.

pub mod log;
pub mod metrics;
mod panics;

use std::{io::Write, sync::Arc};

use crossdock_core::{
    event::{EventName, HubEvent, Observer},
    port::Clock,
};
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use self::metrics::Counts;

/// From now on everything is told; once per process.
pub fn init(level: Level, clock: Arc<dyn Clock>) {
    let level = LevelFilter::from_level(level);
    let targets = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("crossdock", level);
    let lines = tracing_subscriber::registry().with(targets).with(log::layer(clock, std::io::stdout));
    // An error means that a subscriber is there already, as in a test.
    let _ = lines.try_init();
    panics::log();
}

/// A line of its own, such as one with metrics.
pub(super) fn write(line: &serde_json::Value) {
    // There is nobody left to tell.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// What the core reports, as log lines and counts.
#[derive(Debug, Default)]
pub struct Telemetry {
    counts: Counts,
}

impl Telemetry {
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl Observer for Telemetry {
    fn observe(&self, event: HubEvent) {
        self.counts.count(&event);
        tell(&event);
    }
}

/// What went well in passing is told at debug level: a delivery says so once, when it has ended.
fn is_detail(event: &HubEvent) -> bool {
    match event.event {
        EventName::MessageEmitted | EventName::VersionStored | EventName::PollFinished | EventName::WebhookAccepted => {
            true
        }
        EventName::DeliveryAttempted => event.reason.is_none(),
        _ => false,
    }
}

fn tell(event: &HubEvent) {
    /// As JSON names it.
    fn name(event: EventName) -> String {
        serde_json::to_value(event).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                target: "crossdock::event",
                $level,
                event = name(event.event),
                message_id = event.message_id,
                trace_id = event.trace_id,
                message_type = event.message,
                source = event.source,
                webhook = event.webhook,
                collection = event.collection,
                object = event.object,
                route = event.route,
                endpoint = event.endpoint,
                attempt = event.attempt,
                status = event.status,
                next_attempt_at = event.next_attempt_at.map(tracing::field::display),
                count = event.count,
                reason = event.reason,
            )
        };
    }
    match event.event {
        _ if is_detail(event) => line!(Level::DEBUG),
        EventName::MessageRefused
        | EventName::DeliveryDeadLettered
        | EventName::DeliveryMissing
        | EventName::EndpointPaused
        | EventName::SourceFailed
        | EventName::WebhookRefused
        | EventName::WebhookUnread
        | EventName::RecordSetAside => line!(Level::WARN),
        _ => line!(Level::INFO),
    }
}
