//! What the hub reports while it works, one event per thing that happened. `crossdock dev --json` prints them as they
//! are; the schema is `infra/events.schema.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    id::{DeliveryKey, MessageId, MessageType, SourceName},
    message::{Envelope, Message, ObjectRef},
};

/// Which thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EventName {
    #[serde(rename = "hub.started")]
    HubStarted,
    #[serde(rename = "baseline.stored")]
    BaselineStored,
    #[serde(rename = "poll.finished")]
    PollFinished,
    /// A wide poll has ended; how many objects had been missed.
    #[serde(rename = "poll.reconciled")]
    Reconciled,
    #[serde(rename = "record.set_aside")]
    RecordSetAside,
    #[serde(rename = "version.stored")]
    VersionStored,
    /// A change came after a newer one of its object: it is recorded, and nobody is told of it.
    #[serde(rename = "version.late")]
    VersionLate,
    #[serde(rename = "message.emitted")]
    MessageEmitted,
    /// No bus will ever take it: its deliveries are dead-lettered, and no dead-letter queue has a copy.
    #[serde(rename = "message.refused")]
    MessageRefused,
    #[serde(rename = "delivery.attempted")]
    DeliveryAttempted,
    #[serde(rename = "delivery.succeeded")]
    DeliverySucceeded,
    /// An endpoint asked for more time: this is when it is asked again.
    #[serde(rename = "delivery.waiting")]
    DeliveryWaiting,
    #[serde(rename = "delivery.dead_lettered")]
    DeliveryDeadLettered,
    /// Another message had claimed it (`once_per`).
    #[serde(rename = "delivery.suppressed")]
    DeliverySuppressed,
    /// A newer version of its object went to the endpoint first (`ordered`).
    #[serde(rename = "delivery.superseded")]
    DeliverySuperseded,
    /// A message was promised to a route, and an hour later the ledger knows of no delivery: it is sent again.
    #[serde(rename = "delivery.missing")]
    DeliveryMissing,
    #[serde(rename = "endpoint.paused")]
    EndpointPaused,
    #[serde(rename = "source.failed")]
    SourceFailed,
    #[serde(rename = "source.recovered")]
    SourceRecovered,
    /// A request to a webhook was taken, or known already; how many objects and messages it brought.
    #[serde(rename = "webhook.accepted")]
    WebhookAccepted,
    /// Requests to a webhook were refused; how many since that was last said.
    #[serde(rename = "webhook.refused")]
    WebhookRefused,
    /// An event came through a queue and cannot be taken in, ever: it goes back, and in the end to the dead-letter queue.
    #[serde(rename = "webhook.unread")]
    WebhookUnread,
    /// It takes, polls and delivers nothing from now on.
    #[serde(rename = "hub.disabled")]
    HubDisabled,
    #[serde(rename = "hub.enabled")]
    HubEnabled,
    #[serde(rename = "hub.stopped")]
    HubStopped,
}

/// One event. Fields that do not apply are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Crossdock event")]
pub struct HubEvent {
    /// RFC 3339, UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
    pub event: EventName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// One id for everything that one change sets off: 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The message's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// By its id in the hub file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// `<id>` or, of a stored version, `<id>@<version>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Counted from 1 within the round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The HTTP status; left out where no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub next_attempt_at: Option<Timestamp>,
    /// How many: objects of a baseline, records of a poll, objects that had been missed, routes of a message, what
    /// a webhook brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// In words, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl HubEvent {
    pub fn new(time: Timestamp, event: EventName) -> Self {
        Self {
            time,
            event,
            message_id: None,
            trace_id: None,
            message: None,
            source: None,
            webhook: None,
            collection: None,
            object: None,
            route: None,
            endpoint: None,
            attempt: None,
            status: None,
            next_attempt_at: None,
            count: None,
            reason: None,
        }
    }

    /// With what identifies a message.
    #[must_use]
    pub fn about(self, message: &Message) -> Self {
        let event = self.traced(&message.trace_id);
        event.identified(message.message_id, &message.message, &message.source, message.object.as_ref())
    }

    /// With what identifies a message that is on its way.
    #[must_use]
    pub fn carrying(self, message: &Envelope) -> Self {
        let event = self.traced(&message.trace_id);
        event.identified(message.message_id, &message.message, &message.source, message.object.as_ref())
    }

    fn traced(self, id: &str) -> Self {
        Self { trace_id: Some(id.to_owned()), ..self }
    }

    fn identified(
        mut self,
        id: MessageId,
        message: &MessageType,
        source: &SourceName,
        object: Option<&ObjectRef>,
    ) -> Self {
        self.message_id = Some(id.to_string());
        self.message = Some(message.to_string());
        self.source = Some(source.to_string());
        self.object = object.map(|object| object.id.clone());
        self
    }

    /// With what identifies a delivery.
    #[must_use]
    pub fn delivering(mut self, key: &DeliveryKey, endpoint: &crate::id::EndpointName) -> Self {
        self.message_id.get_or_insert_with(|| key.message.to_string());
        self.route = Some(key.route.to_string());
        self.endpoint = Some(endpoint.to_string());
        self
    }

    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    #[must_use]
    pub fn counting(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }
}

/// Takes the events; must not block.
pub trait Observer: Send + Sync {
    fn observe(&self, event: HubEvent);
}

/// Looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn observe(&self, _: HubEvent) {}
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;
    use schemars::generate::SchemaSettings;
    use serde_json::json;

    use super::*;
    use crate::id::{EndpointName, MessageId};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_committed_schema_is_fresh() {
        let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<HubEvent>();
        let text = serde_json::to_string_pretty(&schema).unwrap();
        expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/events.schema.json")]
            .assert_eq(&format!("{text}\n"));
    }

    /// What a reader of `--json` sees of an attempt: nothing that does not apply, and nothing twice.
    #[test]
    fn fields_that_do_not_apply_are_left_out() {
        let key = DeliveryKey { message: MessageId::from_bytes([0x80; 16]), route: "book".parse().unwrap(), round: 2 };
        let endpoint: EndpointName = "accounting".parse().unwrap();
        let mut event = HubEvent::new(at("2026-11-21T10:00:00Z"), EventName::DeliveryAttempted)
            .delivering(&key, &endpoint)
            .because("connection refused");
        event.attempt = Some(1);
        event.next_attempt_at = Some(at("2026-11-21T10:00:05Z"));
        let shown = json!(event);
        assert_eq!(
            shown,
            json!({
                "time": "2026-11-21T10:00:00Z",
                "event": "delivery.attempted",
                "message_id": "80808080-8080-8080-8080-808080808080",
                "route": "book",
                "endpoint": "accounting",
                "attempt": 1,
                "next_attempt_at": "2026-11-21T10:00:05Z",
                "reason": "connection refused",
            })
        );
        assert_eq!(serde_json::from_value::<HubEvent>(shown).unwrap(), event);
    }

    #[test]
    fn a_field_nobody_knows_is_refused() {
        let error = serde_json::from_value::<HubEvent>(json!({
            "time": "2026-11-21T10:00:00Z", "event": "hub.started", "payload": {},
        }));
        assert!(error.unwrap_err().to_string().contains("unknown field `payload`"));
    }
}
