//! What a terminal shows: a line for each thing that happens, and below them a summary that stays.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};
use crossdock_core::{
    disabled::disabled,
    event::{EventName, HubEvent},
    hub::Hub,
    port::{PortError, QueueName, Switch},
};
use crossdock_local::LocalHome;
use jiff::tz::TimeZone;

use crate::out::plain;

/// What the summary says.
pub(crate) async fn summary(home: &LocalHome, hub: &Hub) -> Result<String, PortError> {
    let stats = home.database().stats().await?;
    let queues = home.local_queues();
    let (mut waiting, mut dead) = (0, 0);
    for endpoint in hub.endpoints.keys() {
        let queue = queues.counts(&QueueName::Endpoint(endpoint.clone())).await?;
        waiting += queue.visible + queue.hidden + queue.delayed;
        let letters = queues.counts(&QueueName::DeadLetters(endpoint.clone())).await?;
        dead += letters.visible + letters.hidden + letters.delayed;
    }
    let dlq = if dead > 0 { paint(AnsiColor::Red, &format!("{dead} in the DLQ")) } else { "DLQ empty".to_owned() };
    let off = match disabled(home, hub, &[Switch::Hub]).await? {
        Some(_) => paint(AnsiColor::Red, "switched off") + " · ",
        None => String::new(),
    };
    let wanted = match stats.wanted {
        0 => String::new(),
        wanted => format!("{wanted} to be fetched · "),
    };
    Ok(format!(
        "{off}{} · {wanted}{} objects · {} messages · {} delivered · {waiting} waiting · {dlq}",
        sources(hub),
        stats.objects,
        stats.messages,
        stats.deliveries.delivered,
    ))
}

fn sources(hub: &Hub) -> String {
    match hub.sources.len() {
        1 => "1 source".to_owned(),
        count => format!("{count} sources"),
    }
}

fn paint(colour: AnsiColor, text: &str) -> String {
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{text}{style:#}")
}

fn dim(text: &str) -> String {
    let style = Style::new().dimmed();
    format!("{style}{text}{style:#}")
}

/// Ids and reasons are what a source or an endpoint wrote.
fn text(field: &Option<String>) -> Cow<'_, str> {
    field.as_deref().map(plain).unwrap_or_default()
}

/// `None` for what only machines care about: a poll that went well is no news.
pub(crate) fn line(event: &HubEvent) -> Option<String> {
    let time = dim(&event.time.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string());
    let reason = event.reason.as_deref().map(|reason| format!(": {}", plain(reason))).unwrap_or_default();
    let message = [text(&event.message), text(&event.object)].join(" ").trim().to_owned();
    let collection = format!("{}/{}", text(&event.source), text(&event.collection));
    let way = format!("{} → {}", text(&event.route), text(&event.endpoint));
    let attempt = match event.attempt {
        Some(attempt) if attempt > 1 => format!(" (attempt {attempt})"),
        _ => String::new(),
    };
    let line = match event.event {
        EventName::PollFinished | EventName::VersionStored => return None,
        EventName::VersionLate => format!("{} {collection} {}", dim("– late"), text(&event.object)),
        EventName::HubStarted => paint(AnsiColor::Green, &text(&event.reason)),
        EventName::HubStopped => paint(AnsiColor::Green, "stopped"),
        EventName::BaselineStored | EventName::Reconciled => {
            format!("● {} {}", text(&event.source), text(&event.reason))
        }
        EventName::MessageEmitted => {
            let routes = match event.count {
                Some(0) | None => dim("no route"),
                Some(1) => "1 route".to_owned(),
                Some(count) => format!("{count} routes"),
            };
            format!("{} {message}  {routes}", paint(AnsiColor::Cyan, "◆"))
        }
        EventName::MessageRefused => format!("{} {message}{reason}", paint(AnsiColor::Red, "✗ no bus takes it")),
        EventName::DeliveryAttempted => {
            // What went well is told by its success.
            event.next_attempt_at?;
            let wait = event.next_attempt_at?.duration_since(event.time).as_secs_f64();
            format!("{} {message}  {way}{attempt}{reason}, again in {wait:.1} s", paint(AnsiColor::Yellow, "↻"))
        }
        EventName::DeliverySucceeded => {
            let status = event.status.map(|status| status.to_string()).unwrap_or_default();
            format!("{} {message}  {way} {status}{attempt}", paint(AnsiColor::Green, "✓"))
        }
        EventName::DeliveryWaiting => {
            let wait = event.next_attempt_at?.duration_since(event.time).as_secs();
            format!("{} {message}  {way}, asked again in {wait} s", paint(AnsiColor::Cyan, "…"))
        }
        EventName::DeliveryDeadLettered => {
            format!("{} {message}  {way}{attempt}{reason}", paint(AnsiColor::Red, "✗ dead letter"))
        }
        EventName::DeliverySuppressed => format!("{} {message}  {way}{reason}", dim("– suppressed")),
        EventName::DeliverySuperseded => format!("{} {message}  {way}{reason}", dim("– superseded")),
        EventName::DeliveryMissing => {
            format!("{} {message}  {way}, sent again", paint(AnsiColor::Yellow, "! missing"))
        }
        EventName::WebhookAccepted => {
            format!("{} {}{reason}", paint(AnsiColor::Green, "⇣ webhook"), text(&event.webhook))
        }
        EventName::WebhookRefused => {
            let times = event.count.filter(|count| *count > 1).map(|count| format!(" ({count} times)"));
            let times = times.unwrap_or_default();
            format!("{} {}{times}{reason}", paint(AnsiColor::Yellow, "! webhook refused"), text(&event.webhook))
        }
        EventName::WebhookUnread => {
            format!("{} {}{reason}", paint(AnsiColor::Red, "! webhook not read"), text(&event.webhook))
        }
        EventName::EndpointPaused => {
            format!("{} {}{reason}", paint(AnsiColor::Red, "‖ paused"), text(&event.endpoint))
        }
        EventName::HubDisabled => paint(AnsiColor::Red, "‖ switched off").to_string() + &reason,
        EventName::HubEnabled => paint(AnsiColor::Green, "● switched on").to_string(),
        EventName::RecordSetAside => format!("{} {collection}{reason}", paint(AnsiColor::Yellow, "! set aside")),
        EventName::SourceFailed => format!("{} {collection}{reason}", paint(AnsiColor::Red, "! poll failed")),
        EventName::SourceRecovered => format!("{} {collection}", paint(AnsiColor::Green, "● recovered")),
    };
    Some(format!("{time} {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without colours and time.
    fn shown(event: &HubEvent) -> Option<String> {
        let plain = anstream::adapter::strip_str(&line(event)?).to_string();
        Some(plain.split_once(' ').unwrap().1.to_owned())
    }

    fn event(name: EventName) -> HubEvent {
        let mut event = HubEvent::new("2026-03-01T12:00:00Z".parse().unwrap(), name);
        event.message = Some("thing:new".to_owned());
        event.object = Some("T1".to_owned());
        event.route = Some("tell".to_owned());
        event.endpoint = Some("ear".to_owned());
        event.source = Some("shop".to_owned());
        event.collection = Some("things".to_owned());
        event
    }

    #[test]
    fn what_happens_is_one_line() {
        let check = |event: &HubEvent, expected: Option<&str>| assert_eq!(shown(event).as_deref(), expected);
        check(&event(EventName::PollFinished), None);
        check(&event(EventName::MessageEmitted).counting(0), Some("◆ thing:new T1  no route"));
        check(&event(EventName::MessageEmitted).counting(2), Some("◆ thing:new T1  2 routes"));
        check(
            &event(EventName::MessageRefused).because("too large"),
            Some("✗ no bus takes it thing:new T1: too large"),
        );
        let mut delivered = event(EventName::DeliverySucceeded);
        (delivered.status, delivered.attempt) = (Some(200), Some(1));
        check(&delivered, Some("✓ thing:new T1  tell → ear 200"));
        delivered.attempt = Some(3);
        check(&delivered, Some("✓ thing:new T1  tell → ear 200 (attempt 3)"));
        let mut failed = event(EventName::DeliveryAttempted).because("answered 500");
        check(&failed, None);
        failed.attempt = Some(1);
        failed.next_attempt_at = Some("2026-03-01T12:00:01.5Z".parse().unwrap());
        check(&failed, Some("↻ thing:new T1  tell → ear: answered 500, again in 1.5 s"));
        check(
            &event(EventName::DeliveryDeadLettered).because("poison"),
            Some("✗ dead letter thing:new T1  tell → ear: poison"),
        );
        let mut strange = event(EventName::SourceFailed).because("answered \x1b[2Jnothing\n12:00:00 ✓ good");
        strange.collection = Some("\u{9b}2J".to_owned());
        check(&strange, Some(r"! poll failed shop/\u{9b}2J: answered \u{1b}[2Jnothing\n12:00:00 ✓ good"));
        check(&event(EventName::SourceFailed).because("refused"), Some("! poll failed shop/things: refused"));
        check(&event(EventName::SourceRecovered), Some("● recovered shop/things"));
    }
}
