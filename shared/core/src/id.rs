//! Names and ids. Each is parsed once, where it comes in, and carried as its own type from then on.
//!
//! Ids are deterministic: the same change found twice, by two polls or after a crash, gets the same id, and storing or
//! publishing it again does nothing. They are UUIDv8 (RFC 9562 §5.8) over SHA-256 of a length-prefixed tuple that
//! begins with the store's [`Epoch`].

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A name did not have the form its kind requires.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a {kind}: expected {expected}")]
pub struct InvalidName {
    pub kind: &'static str,
    pub found: String,
    pub expected: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { kind: $kind, found: text.to_owned(), expected: $expected })
                }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

/// Up to 40 characters, because a name becomes part of the names of queues (80 characters on SQS) and rules (64 on
/// EventBridge).
fn is_slug(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

/// What a URL and a command line carry as it stands.
fn is_webhook_id(text: &str) -> bool {
    text.len() <= 60
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 60
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
}

name!(
    /// The hub; prefix of every resource it makes.
    HubName, "hub name", "a lower-case letter, then lower-case letters, digits, '-' or '_', at most 40", is_slug
);
name!(
    /// A system that is polled or that pushes.
    SourceName, "source name", "a lower-case letter, then lower-case letters, digits, '-' or '_', at most 40", is_slug
);
name!(
    /// One list in a source; of children, the parent's name and their own joined by a dot.
    CollectionName,
    "collection name",
    "a lower-case letter, then lower-case letters, digits, '-' or '_', at most 40 (children: parent.child)",
    |text| { let mut parts = text.split('.'); parts.by_ref().take(2).all(is_slug) && parts.next().is_none() }
);
name!(
    /// An HTTP service that receives messages.
    EndpointName, "endpoint name", "a lower-case letter, then lower-case letters, digits, '-' or '_', at most 40", is_slug
);
name!(
    /// Which messages go where.
    RouteName, "route name", "a lower-case letter, then lower-case letters, digits, '-' or '_', at most 40", is_slug
);
name!(
    /// The name of a secret, never its value.
    SecretName, "secret name", "a lower-case letter, then lower-case letters, digits, '-' or '_', at most 40", is_slug
);
name!(
    /// One way in for webhooks: `/webhooks/<id>`.
    WebhookId, "webhook id", "a letter or digit, then letters, digits, '-' or '_', at most 60", is_webhook_id
);
name!(
    /// What kind of thing an object is: `order`. First word of the types of its messages.
    ObjectType, "object type", "one lower-case word of letters, digits, '-' or '_'", is_word
);
name!(
    /// A message's type: `order:new`. Lower-case words joined by ':'.
    MessageType,
    "message type",
    "at least two lower-case words joined by ':', such as order:new",
    |text| text.len() <= 120 && text.contains(':') && text.split(':').all(is_word)
);

impl MessageType {
    /// `<object>:<event>`, of two words that are valid already.
    pub fn of(object: &ObjectType, event: Event) -> Self {
        Self(format!("{object}:{}", event.as_str()).into())
    }

    /// `notification:<level>`.
    pub fn notification(level: NotificationLevel) -> Self {
        Self(format!("notification:{}", level.as_str()).into())
    }

    /// Asks an endpoint whether it has finished what it accepted.
    pub fn remote_poll() -> Self {
        Self("remote:poll".into())
    }

    /// Whether it asks that.
    pub fn is_remote_poll(&self) -> bool {
        *self == Self::remote_poll()
    }

    /// Whether it is one of some level.
    pub fn is_notification(&self) -> bool {
        self.0.starts_with("notification:")
    }
}

/// What can happen to any object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    New,
    Updated,
    Deleted,
}

impl Event {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotificationLevel {
    Info,
    Warn,
    Error,
}

impl NotificationLevel {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A source and one of its collections: `my-store/orders`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CollectionKey {
    pub source: SourceName,
    pub collection: CollectionName,
}

impl CollectionKey {
    /// The key of a record beside the collection's own, which no hub file can give to another collection.
    pub(crate) fn beside(&self, what: &str) -> Self {
        let name = format!("{}@{what}", self.collection);
        Self { source: self.source.clone(), collection: CollectionName(name.into()) }
    }
}

impl fmt::Display for CollectionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.collection)
    }
}

/// One object of one collection. The id is its natural key, always text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    pub collection: CollectionKey,
    pub id: String,
}

impl ObjectKey {
    /// 32 hex digits that stand for the object wherever its own id is too long or has the wrong characters (an SQS
    /// message group id is at most 128 characters of a restricted alphabet).
    pub fn group(&self) -> String {
        hex(&self.group_bytes())
    }

    /// What [`ObjectKey::group`] spells in hex.
    pub fn group_bytes(&self) -> [u8; 16] {
        let digest = Tuple::new()
            .text(self.collection.source.as_str())
            .text(self.collection.collection.as_str())
            .text(&self.id)
            .digest();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection, self.id)
    }
}

/// Random, made once when a store is made, and part of every id: a store that was lost and begun again never repeats
/// the ids of its first life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(pub [u8; 16]);

/// A message's id: a UUIDv8, the same whenever the same fact is found again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(Uuid);

impl MessageId {
    /// The id's 32 hex digits, for a trace that begins with this message.
    pub fn trace_id(&self) -> String {
        self.0.simple().to_string()
    }

    /// A message about a version of an object. `rule` is the place of the derive rule, empty for the general types.
    pub fn of_version(
        epoch: Epoch,
        object: &ObjectKey,
        version: u64,
        content: &ContentHash,
        message: &MessageType,
        rule: &str,
    ) -> Self {
        Tuple::of(epoch, "version")
            .text(object.collection.source.as_str())
            .text(object.collection.collection.as_str())
            .text(&object.id)
            .number(version)
            .bytes(&content.0)
            .text(message.as_str())
            .text(rule)
            .id()
    }

    /// A message that an endpoint's answer asked for; `place` is its position in the answer.
    pub fn of_follow_up(
        epoch: Epoch,
        parent: MessageId,
        route: &RouteName,
        round: u32,
        place: u32,
        message: &MessageType,
    ) -> Self {
        Tuple::of(epoch, "follow-up")
            .bytes(parent.0.as_bytes())
            .text(route.as_str())
            .number(round.into())
            .number(place.into())
            .text(message.as_str())
            .id()
    }

    /// One that asks an endpoint how far it has come with the message `parent`, which it has accepted for the route.
    /// `round` is the round of that delivery, `poll` counts from 1.
    pub fn of_remote_poll(epoch: Epoch, parent: MessageId, route: &RouteName, round: u32, poll: u32) -> Self {
        Tuple::of(epoch, "remote-poll")
            .bytes(parent.0.as_bytes())
            .text(route.as_str())
            .number(round.into())
            .number(poll.into())
            .id()
    }

    /// A message that was pushed; `key` is the request's `Idempotency-Key`, or random bytes where it had none.
    pub fn of_push(epoch: Epoch, source: &SourceName, key: &[u8], place: u32) -> Self {
        Tuple::of(epoch, "push").text(source.as_str()).bytes(key).number(place.into()).id()
    }

    /// The question to the endpoint through which a collection is read; `random` tells one from the next.
    pub fn of_poll(epoch: Epoch, collection: &CollectionKey, random: &[u8; 16]) -> Self {
        let CollectionKey { source, collection } = collection;
        Tuple::of(epoch, "poll").text(source.as_str()).text(collection.as_str()).bytes(random).id()
    }

    /// A message that the answer to such a question carried: by what was known when it was asked (canonical JSON), the place
    /// in the answer, and what it says.
    pub fn of_told(
        epoch: Epoch,
        collection: &CollectionKey,
        known: &str,
        place: u64,
        message: &MessageType,
        said: &ContentHash,
    ) -> Self {
        Tuple::of(epoch, "told")
            .text(collection.source.as_str())
            .text(collection.collection.as_str())
            .text(known)
            .number(place)
            .text(message.as_str())
            .bytes(&said.0)
            .id()
    }

    /// A message that a webhook brought; `event` is the event's id, or random bytes where it had none.
    pub fn of_webhook(epoch: Epoch, webhook: &WebhookId, event: &[u8], place: u32) -> Self {
        Tuple::of(epoch, "webhook").text(webhook.as_str()).bytes(event).number(place.into()).id()
    }

    /// A notification of ours about a collection that fails or has recovered.
    pub fn of_source_notification(
        epoch: Epoch,
        collection: &CollectionKey,
        bookmark: Option<&str>,
        streak: u64,
        message: &MessageType,
    ) -> Self {
        Tuple::of(epoch, "source-notification")
            .text(collection.source.as_str())
            .text(collection.collection.as_str())
            .text(bookmark.unwrap_or_default())
            .number(streak)
            .text(message.as_str())
            .id()
    }

    /// A notification of ours about a message that no bus takes.
    pub fn of_refusal(epoch: Epoch, message: Self) -> Self {
        Tuple::of(epoch, "refusal").bytes(message.0.as_bytes()).id()
    }

    /// As a store keeps it.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// An id read back from a store.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MessageId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::from_str(text).map(Self)
    }
}

/// SHA-256 of an object's canonical JSON without its volatile fields: equal hashes, nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    pub fn of(canonical: &[u8]) -> Self {
        Self(Sha256::digest(canonical).into())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0[..8]))
    }
}

/// An event that a webhook brought, by the id its provider gave it. SHA-256, since that id may be of any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(pub [u8; 32]);

impl EventKey {
    pub fn of(webhook: &WebhookId, event: &str) -> Self {
        Self(Tuple::new().text("webhook").text(webhook.as_str()).text(event).digest())
    }

    /// A push, by its `Idempotency-Key`.
    pub fn of_push(source: &SourceName, key: &[u8]) -> Self {
        Self(Tuple::new().text("push").text(source.as_str()).bytes(key).digest())
    }
}

/// One message for one route; asking again, a redrive and a replay each start a new round, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeliveryKey {
    pub message: MessageId,
    pub route: RouteName,
    pub round: u32,
}

impl DeliveryKey {
    /// The `webhook-id` header: the same on every attempt of a round, another in the next round, so that a receiver
    /// that drops duplicates drops retries only.
    pub fn webhook_id(&self) -> String {
        if self.round <= 1 { self.message.to_string() } else { format!("{}.{}", self.message, self.round) }
    }
}

/// `<message>/<route>` or `<message>/<route>/<round>`, as `crossdock show` takes it.
impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.message, self.route, self.round)
    }
}

/// A tuple of fields, each with its length before it, so that no two different tuples have the same bytes.
struct Tuple(Sha256);

impl Tuple {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn of(epoch: Epoch, kind: &str) -> Self {
        Self::new().bytes(&epoch.0).text(kind)
    }

    fn bytes(mut self, field: &[u8]) -> Self {
        self.0.update((field.len() as u64).to_be_bytes());
        self.0.update(field);
        self
    }

    fn text(self, field: &str) -> Self {
        self.bytes(field.as_bytes())
    }

    fn number(self, field: u64) -> Self {
        self.bytes(&field.to_be_bytes())
    }

    fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    fn id(self) -> MessageId {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.digest()[..16]);
        MessageId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// Two lower-case hex digits for each.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
