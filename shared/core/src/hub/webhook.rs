//! Webhooks as the use cases see them.

use crate::{
    id::{CollectionKey, MessageType, SecretName, SourceName, WebhookId},
    json::FieldPath,
    webhook::{Schema, envelope::Envelope, proof::Proof, provider::Provider},
};

/// One way in: `POST /webhooks/<id>`, or a queue or bus of the account's own.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub id: WebhookId,
    /// Whose objects and messages come in.
    pub source: SourceName,
    pub provider: Provider,
    pub proof: Proof,
    /// Any one of them, or of the hashes, is enough.
    pub secrets: Vec<SecretName>,
    /// SHA-256 of bearer tokens.
    pub hashes: Vec<[u8; 32]>,
    pub from: Channel,
    pub envelope: Envelope,
    /// JSON Schema of an event's body.
    pub schema: Option<Schema>,
    /// Where an event's id is; `None`: where the provider has it.
    pub event_id: Option<Locator>,
    /// Where it says what happened; `None`: where the provider says it.
    pub event_kind: Option<Locator>,
    /// The most specific first: the first that fits counts.
    pub events: Vec<EventRule>,
}

/// What a webhook's events come through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    Http,
    /// An SQS queue, by its ARN.
    Queue(String),
    /// An EventBridge bus, by its name.
    Bus(String),
}

/// Where a request says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locator {
    /// In a header, its name in lower case.
    Header(String),
    /// In the body.
    Path(FieldPath),
}

/// What becomes of events of some kinds.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRule {
    pub kinds: Kinds,
    pub action: EventAction,
}

/// Kinds of events. The greater is the more specific: whatever fits it, of all that fit the lesser, is rather its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kinds {
    /// All that begin so; the empty text is the beginning of all.
    Beginning(String),
    Exactly(String),
}

impl Kinds {
    /// `None` is an event that does not say what happened.
    pub fn fit(&self, kind: Option<&str>) -> bool {
        match self {
            Self::Exactly(exactly) => kind == Some(exactly),
            Self::Beginning(beginning) => kind.unwrap_or_default().starts_with(beginning.as_str()),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventAction {
    /// The body, or a part of it, is an object as it is now.
    Object { collection: CollectionKey, item: FieldPath, deleted: bool },
    /// It names an object, which is fetched.
    Thin { collection: CollectionKey, id: FieldPath },
    /// It is no object: it, or a part of it, is a message's payload.
    Message { message: MessageType, item: FieldPath },
    /// It is taken and dropped.
    Ignore,
}
