//! What the hub reports while it works, one event per thing that happened. `crossdock dev --json` prints them as they
//! are; the schema is `infra/events.schema.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Timestamp, id::DeliveryKey, message::Message};

/// Which thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EventName {
    #[serde(rename = "hub.started")]
    HubStarted,
    #[serde(rename = "baseline.stored")]
    BaselineStored,
    #[serde(rename = "poll.finished")]
    PollFinished,
    #[serde(rename = "record.set_aside")]
    RecordSetAside,
    #[serde(rename = "version.stored")]
    VersionStored,
    #[serde(rename = "message.emitted")]
    MessageEmitted,
    #[serde(rename = "delivery.attempted")]
    DeliveryAttempted,
    #[serde(rename = "delivery.succeeded")]
    DeliverySucceeded,
    #[serde(rename = "delivery.dead_lettered")]
    DeliveryDeadLettered,
    #[serde(rename = "endpoint.paused")]
    EndpointPaused,
    #[serde(rename = "source.failed")]
    SourceFailed,
    #[serde(rename = "source.recovered")]
    SourceRecovered,
    #[serde(rename = "hub.stopped")]
    HubStopped,
}

/// One event. Fields that do not apply are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HubEvent {
    /// RFC 3339, UTC.
    #[schemars(with = "String")]
    pub time: Timestamp,
    pub event: EventName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The message's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
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
    #[schemars(with = "Option<String>")]
    pub next_attempt_at: Option<Timestamp>,
    /// How many: objects of a baseline, records of a poll, routes of a message.
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
            message: None,
            source: None,
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
    pub fn about(mut self, message: &Message) -> Self {
        self.message_id = Some(message.message_id.to_string());
        self.message = Some(message.message.to_string());
        self.source = Some(message.source.to_string());
        self.object = message.object.as_ref().map(|object| object.id.clone());
        self
    }

    /// With what identifies a delivery.
    #[must_use]
    pub fn delivering(mut self, key: &DeliveryKey, endpoint: &crate::id::EndpointName) -> Self {
        self.message_id = Some(key.message.to_string());
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
