//! The hub as the use cases see it: every name resolved, every path, duration and pattern parsed.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use url::Url;

pub use super::template::{Filling, Placeholder, Template};
use super::webhook::Webhook;
use crate::{
    Timestamp,
    id::{CollectionKey, EndpointName, HubName, MessageType, ObjectType, RouteName, SecretName, SourceName, WebhookId},
    json::FieldPath,
    pattern::EventPattern,
    port::Method,
    retry::RetryPolicy,
    signature::Scheme,
};

#[derive(Debug, Clone)]
pub struct Hub {
    pub name: HubName,
    /// SHA-256 of the canonical description, variables expanded, in hex: tells whether two runs had the same hub.
    pub hash: String,
    /// `false`: the hub takes, polls and delivers nothing ([`crate::disabled`]).
    pub enabled: bool,
    pub limits: Limits,
    pub retention: Retention,
    /// Private networks that may be reached.
    pub networks: Vec<ipnet::IpNet>,
    pub sources: BTreeMap<SourceName, Source>,
    pub webhooks: BTreeMap<WebhookId, Webhook>,
    pub endpoints: BTreeMap<EndpointName, Endpoint>,
    /// In the order of the file.
    pub routes: Vec<Route>,
    /// What a type of message that comes in stands for; none of these stands for something else again.
    pub aliases: BTreeMap<MessageType, MessageType>,
}

impl Hub {
    pub fn collection(&self, key: &CollectionKey) -> Option<&Collection> {
        self.sources.get(&key.source)?.collections.iter().find(|collection| collection.key == *key)
    }

    /// The type that a message of this type is known by in the hub.
    pub fn canonical<'a>(&'a self, message: &'a MessageType) -> &'a MessageType {
        self.aliases.get(message).unwrap_or(message)
    }

    pub fn route(&self, name: &RouteName) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == *name)
    }
}

#[derive(Debug, Clone)]
pub struct Limits {
    /// Follow-ups of follow-ups; one more is a loop.
    pub hops: u32,
    /// For one request to an endpoint or a source, its answer's body included.
    pub timeout: Duration,
    /// Bytes of an endpoint's answer that are read.
    pub response: usize,
    /// Bytes of a page of a source, after decompression.
    pub page: usize,
}

/// How long what is over is kept at least. A home may keep it longer, and nothing may count on its being gone
/// (docs/adr/0013-retention.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// A message with its deliveries, after the last of them has ended; `None`: for ever.
    pub deliveries: Option<Duration>,
    /// A dead letter in its queue.
    pub dead_letters: Duration,
    /// A version, after a newer one has replaced it; `None`: for ever.
    pub versions: Option<Duration>,
}

#[derive(Debug, Clone)]
pub struct Source {
    pub name: SourceName,
    pub url: Url,
    pub auth: Option<Auth>,
    /// Sent with every request to the source.
    pub headers: BTreeMap<String, String>,
    /// Within the URL's scheme, host and port.
    pub follow_redirects: bool,
    /// The bearer token that pushes must carry; `None`: this source does not push.
    pub push: Option<SecretName>,
    pub collections: Vec<Collection>,
}

#[derive(Debug, Clone)]
pub enum Auth {
    Bearer { secret: SecretName },
    Basic { user: String, secret: SecretName },
    Header { name: String, secret: SecretName },
    OAuth2(OAuth2),
}

impl Auth {
    /// What to say when a source refuses it: the secret's name and where it went, never the secret.
    pub fn refused(&self) -> String {
        let (secret, sent) = match self {
            Self::Bearer { secret } => (secret, "was sent as a bearer token".to_owned()),
            Self::Basic { user, secret } => (secret, format!("was sent as the password of {user}")),
            Self::Header { name, secret } => (secret, format!("was sent in the header {name}")),
            Self::OAuth2(oauth2) => (&oauth2.secret, "bought a token, which was sent".to_owned()),
        };
        format!("the secret {secret} {sent}, and refused")
    }
}

/// OAuth 2.0 client credentials (RFC 6749 §4.4).
#[derive(Debug, Clone)]
pub struct OAuth2 {
    pub token_url: Url,
    pub client_id: String,
    pub secret: SecretName,
    pub scope: Option<String>,
    pub audience: Option<String>,
    pub client_auth: ClientAuth,
}

/// How a client says who it is to a token server (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// In an `authorization` header.
    Basic,
    /// In fields of the body.
    Body,
}

#[derive(Debug, Clone)]
pub struct Collection {
    pub key: CollectionKey,
    pub object_type: ObjectType,
    /// Relative to the source's URL; may carry a query.
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub method: Method,
    /// JSON; of a POST only.
    pub body: Option<Template>,
    /// Where the list is in an answer; the empty path is the answer itself.
    pub items: FieldPath,
    pub id: FieldPath,
    pub created: Option<TimeField>,
    /// `None`: the source cannot filter by time, and every poll reads the whole list.
    pub since: Option<Since>,
    pub pages: Pages,
    /// The endpoint through which it is read, in place of the source's own list. Its `pages` are then a cursor to come back
    /// to, and nothing else above says how it is asked for.
    pub remote: Option<Remote>,
    pub every: Duration,
    pub reconcile: Option<Reconcile>,
    /// How one object is fetched that a thin event names; `None`: there are no thin events.
    pub fetch: Option<Fetch>,
    pub start: Start,
    /// What tells the newer of two versions; `None`: nothing, and what comes last is the newest.
    pub order: Option<OrderField>,
    pub rules: ObjectRules,
    /// An object where this field is present and not null, false, 0 or "" (nor "false" or "0") is deleted.
    pub deleted: Option<FieldPath>,
    pub children: Vec<Child>,
}

/// How an object's versions become messages; the same for collections and children.
#[derive(Debug, Clone, Default)]
pub struct ObjectRules {
    /// Fields whose change is no change.
    pub volatile: Vec<FieldPath>,
    pub keys: Vec<Key>,
    pub derive: Vec<Derive>,
}

#[derive(Debug, Clone)]
pub struct Child {
    /// `<parent>.<child>`.
    pub key: CollectionKey,
    pub object_type: ObjectType,
    /// Where the list (or the one object) is in the parent.
    pub items: FieldPath,
    pub id: FieldPath,
    pub rules: ObjectRules,
}

#[derive(Debug, Clone)]
pub struct TimeField {
    pub path: FieldPath,
    pub format: TimeFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    Rfc3339,
    /// Seconds since 1970.
    Epoch,
    /// Milliseconds since 1970.
    EpochMs,
}

/// A field that tells the newer of two versions of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderField {
    pub path: FieldPath,
    pub kind: OrderKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// It goes up with every change: where it is the same, so is the change.
    Number,
    /// The time of the last change: two changes may have the same.
    Time(TimeFormat),
    /// The same where nobody chose it, because the source filters by it: a time that names no zone tells nothing then. It may
    /// be another one on the other way in, and goes back each autumn.
    Zoned(TimeFormat),
}

#[derive(Debug, Clone)]
pub struct Since {
    /// The query parameter that filters: everything changed at or after. `None`: the body has it.
    pub param: Option<String>,
    /// The parameter's value, the time in place of `{bookmark}`. `None`: the time alone.
    pub value: Option<Template>,
    /// The field of an item it filters by; pages come in its order, oldest first.
    pub field: FieldPath,
    pub format: TimeFormat,
    /// Read again this far behind the bookmark: open transactions commit late.
    pub overlap: Duration,
    /// The source gives what changed after the time it is asked for, without what changed at it.
    pub exclusive: bool,
}

/// How a collection is read through an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Remote {
    pub endpoint: EndpointName,
    /// The service of the endpoint; appended to its URL's path.
    pub path: String,
    /// What is sent until an answer says something else, and what is always sent.
    pub parameters: BTreeMap<String, Parameter>,
}

/// A wide poll beside the collection's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconcile {
    pub every: Duration,
    /// How far back it reads; `None`: everything.
    pub window: Option<Duration>,
}

/// How one object is asked for by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Relative to the source's URL; may carry a query. [`Fetch::ID`] in it stands for the id.
    pub path: String,
    /// Where the object is in the answer; the empty path is the answer itself.
    pub item: FieldPath,
    /// Objects a second at most.
    pub rate: u32,
}

impl Fetch {
    pub const ID: &str = "{id}";
}

#[derive(Debug, Clone)]
pub enum Pages {
    /// The whole list in one answer.
    Single,
    Number {
        /// The query parameter; `None`: the body has it.
        param: Option<String>,
        first: u64,
        counts: Counts,
        end: End,
        /// Page-size parameter and its value.
        size: Option<(String, u64)>,
    },
    /// `Link: <…>; rel="next"` (RFC 8288), or a URL in the body.
    Link { next: Option<FieldPath> },
    Cursor {
        /// The query parameter; `None`: the body has it.
        param: Option<String>,
        /// Where an answer has the cursor of the next page.
        next: FieldPath,
        /// Where an answer says whether there is one.
        more: Option<FieldPath>,
        /// The last cursor is the bookmark.
        resume: bool,
    },
}

/// What a page's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    Pages,
    /// The objects before it. By how many came, not by how many were asked for: a source may give fewer.
    Objects,
}

/// How one knows which of the pages by number is the last.
#[derive(Debug, Clone)]
pub enum End {
    /// It is empty, or says nothing new.
    Empty,
    /// The answer says how many there are.
    Total(FieldPath),
    /// So does a header of it.
    TotalHeader(String),
    /// Its status is not 206.
    Not206,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// What was created before the hub first had to do with the collection is a silent baseline.
    Now,
    /// Everything is news.
    All,
    At(Timestamp),
}

#[derive(Debug, Clone)]
pub struct Key {
    pub name: String,
    pub path: FieldPath,
    pub kind: Option<KeyKind>,
}

/// What a key's value is turned into; a value that cannot be is left out of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    Number,
    String,
    Boolean,
}

#[derive(Debug, Clone)]
pub struct Derive {
    pub path: FieldPath,
    pub when: DeriveWhen,
    pub message: MessageType,
    /// In place of `<type>:updated`, not beside it. A new object's `:new` is always emitted too.
    pub instead: bool,
}

#[derive(Debug, Clone)]
pub enum DeriveWhen {
    /// It was something else, and is this now.
    Becomes(Value),
    /// Every version in which it is this.
    Is(Value),
}

#[derive(Debug, Clone)]
pub struct Endpoint {
    pub name: EndpointName,
    pub url: Url,
    pub headers: BTreeMap<String, String>,
    /// Sent as `x-hub-token`.
    pub token: Option<SecretName>,
    pub format: Format,
    pub signing: Signing,
    /// Waits between attempts; one attempt more than waits.
    pub retries: RetryPolicy,
    /// Requests at a time.
    pub concurrency: usize,
    pub timeout: Duration,
    /// Statuses that no retry will mend.
    pub dead_letter_on: Vec<u16>,
    /// A 2xx counts only when its body echoes the id.
    pub require_ack: bool,
    /// No older version of an object after a newer one.
    pub ordered: bool,
    /// No new messages go to it (its routes are not enabled); what waits is still sent.
    pub drain: bool,
}

/// What a delivery's body looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Crossdock,
    Wombat,
    CloudEvents,
}

/// How deliveries are signed.
#[derive(Debug, Clone, Default)]
pub struct Signing {
    pub schemes: Schemes,
    /// All of them sign. None: the endpoint's own secrets do, which are derived.
    pub secrets: Vec<SecretName>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Schemes {
    #[default]
    V1,
    V1a,
    /// While a receiver moves from one to the other.
    Both,
}

impl Schemes {
    pub fn all(self) -> &'static [Scheme] {
        match self {
            Self::V1 => &[Scheme::V1],
            Self::V1a => &[Scheme::V1a],
            Self::Both => &[Scheme::V1, Scheme::V1a],
        }
    }
}

#[derive(Debug, Clone)]
pub struct Route {
    pub name: RouteName,
    /// Whether messages take it; never while its endpoint drains.
    pub enabled: bool,
    pub pattern: EventPattern,
    pub to: EndpointName,
    /// The service of the endpoint; appended to its URL's path.
    pub path: String,
    pub parameters: BTreeMap<String, Parameter>,
    pub once_per: Option<OncePer>,
}

/// A value that goes with every message of a route.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    Value(Value),
    /// Looked up for each attempt.
    Secret(SecretName),
}

/// The first message with certain values is delivered; later ones are not, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OncePer {
    /// Where the values are in a message, from its root.
    pub keys: Vec<FieldPath>,
    /// For how long, from the first message's claim on.
    pub window: Duration,
}
