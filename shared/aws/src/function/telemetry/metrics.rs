//! Metrics in the Embedded Metric Format: log lines that CloudWatch makes metrics of
//! (`AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html`).
//!
//! Eight metrics, because each costs by the month and by the value of its dimensions: `Deliveries` and `DeadLetters` of
//! each endpoint, `SourceFailing`, `MissingDeliveries`, `RefusedMessages`, `Webhooks`, `RefusedWebhooks` and `UnreadWebhooks` of the hub. The dimension `hub` is the stack's name: it has one
//! value per stack, so it costs nothing and keeps two stacks of an account apart. Routes, types and the invocation are
//! properties of the line, which cost nothing and can be searched. Nothing is written where there is nothing to count.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use crossdock_core::{
    Timestamp,
    event::{EventName, HubEvent},
    poll::PATIENCE,
};
use serde_json::{Map, Value, json};

pub const NAMESPACE: &str = "Crossdock";

/// A metric, counted and never averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Metric {
    Deliveries,
    DeadLetters,
    /// Polls that failed when others had failed before, so that somebody should know: as the hub itself says after the
    /// third in a row.
    SourceFailing,
    MissingDeliveries,
    /// No dead-letter queue has them, so that no alarm of one tells.
    RefusedMessages,
    /// Requests to webhooks that were taken.
    Webhooks,
    /// Requests to webhooks that were refused.
    RefusedWebhooks,
    /// Events that came through a queue and go back, because they cannot be taken in.
    UnreadWebhooks,
}

impl Metric {
    fn of(event: &HubEvent) -> Option<Self> {
        match event.event {
            EventName::DeliverySucceeded => Some(Self::Deliveries),
            EventName::DeliveryDeadLettered => Some(Self::DeadLetters),
            EventName::SourceFailed => {
                event.count.filter(|failures| *failures >= PATIENCE).map(|_| Self::SourceFailing)
            }
            EventName::DeliveryMissing => Some(Self::MissingDeliveries),
            EventName::MessageRefused => Some(Self::RefusedMessages),
            EventName::WebhookAccepted => Some(Self::Webhooks),
            EventName::WebhookRefused => Some(Self::RefusedWebhooks),
            EventName::WebhookUnread => Some(Self::UnreadWebhooks),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Deliveries => "Deliveries",
            Self::DeadLetters => "DeadLetters",
            Self::SourceFailing => "SourceFailing",
            Self::MissingDeliveries => "MissingDeliveries",
            Self::RefusedMessages => "RefusedMessages",
            Self::Webhooks => "Webhooks",
            Self::RefusedWebhooks => "RefusedWebhooks",
            Self::UnreadWebhooks => "UnreadWebhooks",
        }
    }

    fn is_of_an_endpoint(self) -> bool {
        matches!(self, Self::Deliveries | Self::DeadLetters)
    }
}

/// What has been counted and not been written yet.
#[derive(Debug, Default)]
pub struct Counts(Mutex<BTreeMap<Option<String>, Group>>);

/// Of one set of dimensions.
#[derive(Debug, Default)]
struct Group {
    metrics: BTreeMap<Metric, u64>,
    properties: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Counts {
    pub(super) fn count(&self, event: &HubEvent) {
        let Some(metric) = Metric::of(event) else { return };
        let endpoint = event.endpoint.clone().filter(|_| metric.is_of_an_endpoint());
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let group = groups.entry(endpoint).or_default();
        // Only refusals are told several at a time.
        let count = event.count.filter(|_| metric == Metric::RefusedWebhooks).unwrap_or(1);
        *group.metrics.entry(metric).or_default() += count;
        let properties = [
            ("routes", &event.route),
            ("types", &event.message),
            ("collections", &event.collection),
            ("webhooks", &event.webhook),
            // A dimension elsewhere.
            ("endpoints", if metric.is_of_an_endpoint() { &None } else { &event.endpoint }),
        ];
        for (name, value) in properties {
            group.properties.entry(name).or_default().extend(value.clone());
        }
    }

    /// One line for each set of dimensions, and the counts begin anew.
    pub fn take(&self, now: Timestamp, hub: &str, request_id: &str) -> Vec<Value> {
        let groups = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        groups.into_iter().map(|(endpoint, group)| group.line(endpoint, now, hub, request_id)).collect()
    }
}

impl Group {
    fn line(self, endpoint: Option<String>, now: Timestamp, hub: &str, request_id: &str) -> Value {
        let names = self.metrics.keys().map(|metric| json!({"Name": metric.name(), "Unit": "Count"}));
        let dimensions = if endpoint.is_some() { vec!["endpoint", "hub"] } else { vec!["hub"] };
        let directive = json!({
            "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": names.collect::<Vec<_>>(),
        });
        let mut line = Map::new();
        line.insert("_aws".to_owned(), json!({"Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive]}));
        line.insert("hub".to_owned(), hub.into());
        line.extend(endpoint.map(|endpoint| ("endpoint".to_owned(), endpoint.into())));
        line.extend(self.metrics.into_iter().map(|(metric, count)| (metric.name().to_owned(), count.into())));
        let properties = self.properties.into_iter().filter(|(_, values)| !values.is_empty());
        line.extend(properties.map(|(name, values)| (name.to_owned(), json!(values))));
        line.insert("request_id".to_owned(), request_id.into());
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    fn event(name: EventName, endpoint: Option<&str>) -> HubEvent {
        let mut event = HubEvent::new(at(), name);
        event.endpoint = endpoint.map(str::to_owned);
        event
    }

    fn taken(events: impl IntoIterator<Item = HubEvent>) -> Vec<Value> {
        let counts = Counts::default();
        for event in events {
            counts.count(&event);
        }
        let lines = counts.take(at(), "my-stack", "r1");
        assert_eq!(counts.take(at(), "my-stack", "r2"), [Value::Null; 0], "they begin anew");
        for line in &lines {
            keeps_to_the_specification(line);
        }
        lines
    }

    /// The rules of the specification's "Embedded metric format structure".
    fn keeps_to_the_specification(line: &Value) {
        let root = line.as_object().unwrap();
        let metadata = root["_aws"].as_object().unwrap();
        assert!(metadata["Timestamp"].is_u64(), "milliseconds since 1970: {line}");
        for directive in metadata["CloudWatchMetrics"].as_array().unwrap() {
            let namespace = directive["Namespace"].as_str().unwrap();
            assert!((1..=1024).contains(&namespace.len()), "{line}");
            let sets = directive["Dimensions"].as_array().unwrap();
            assert!(!sets.is_empty(), "at least one set: {line}");
            for set in sets {
                let set = set.as_array().unwrap();
                assert!(set.len() <= 30, "{line}");
                for key in set {
                    let key = key.as_str().unwrap();
                    assert!((1..=250).contains(&key.len()), "{line}");
                    let value = root[key].as_str().unwrap_or_else(|| panic!("the target of {key} is text: {line}"));
                    assert!((1..=1024).contains(&value.len()), "{line}");
                }
            }
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!((1..=100).contains(&metrics.len()), "{line}");
            for metric in metrics {
                assert_eq!(metric["Unit"], "Count", "{line}");
                assert!(root[metric["Name"].as_str().unwrap()].is_number(), "the target of {metric}: {line}");
            }
        }
    }

    #[test]
    fn deliveries_are_counted_by_endpoint() {
        let delivered = |endpoint, route: &str| {
            let mut event = event(EventName::DeliverySucceeded, Some(endpoint));
            event.route = Some(route.to_owned());
            event.message = Some("order:new".to_owned());
            event
        };
        let dead = event(EventName::DeliveryDeadLettered, Some("mail"));
        let lines = taken([delivered("mail", "a"), delivered("erp", "b"), delivered("mail", "c"), dead]);
        let metrics =
            |names: &[&str]| names.iter().map(|name| json!({"Name": name, "Unit": "Count"})).collect::<Vec<_>>();
        assert_eq!(
            lines[0],
            json!({
                "_aws": {
                    "Timestamp": 1_795_255_200_000_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Crossdock", "Dimensions": [["endpoint", "hub"]], "Metrics": metrics(&["Deliveries"]),
                    }],
                },
                "hub": "my-stack", "endpoint": "erp", "Deliveries": 1,
                "routes": ["b"], "types": ["order:new"], "request_id": "r1",
            })
        );
        assert_eq!(lines[1]["_aws"]["CloudWatchMetrics"][0]["Metrics"], json!(metrics(&["Deliveries", "DeadLetters"])));
        assert_eq!((&lines[1]["Deliveries"], &lines[1]["DeadLetters"]), (&json!(2), &json!(1)));
        assert_eq!((&lines[1]["endpoint"], &lines[1]["routes"]), (&json!("mail"), &json!(["a", "c"])));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn what_concerns_the_hub_has_no_endpoint() {
        let missing = event(EventName::DeliveryMissing, Some("mail"));
        let failed = |failures| {
            let mut failed = event(EventName::SourceFailed, None).counting(failures);
            failed.collection = Some("orders".to_owned());
            failed
        };
        let refused = event(EventName::MessageRefused, None);
        let lines = taken([missing.clone(), missing, failed(1), failed(2), failed(3), failed(4), refused]);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["hub"]]));
        assert_eq!((&lines[0]["MissingDeliveries"], &lines[0]["SourceFailing"]), (&json!(2), &json!(2)));
        assert_eq!(lines[0]["RefusedMessages"], json!(1));
        assert_eq!((&lines[0]["endpoints"], &lines[0]["collections"]), (&json!(["mail"]), &json!(["orders"])));
    }

    #[test]
    fn where_there_is_nothing_to_count_nothing_is_written() {
        let attempted = event(EventName::DeliveryAttempted, Some("mail"));
        assert_eq!(taken([attempted, event(EventName::PollFinished, None)]), [Value::Null; 0]);
    }
}
