//! Webhooks: what a system outside sends of its own accord (contract §6).
//!
//! The way of one: it proves where it comes from, over the raw bytes ([`proof`]); it is read, and the envelopes taken off
//! ([`envelope`]); an event that is known already is answered, and nothing else; what it says is held against the
//! webhook's schema ([`schema`]); a rule of the hub file says what becomes of it ([`mapping`]); that is stored as a push
//! is ([`crate::ingest`]); and only then is its id noted, so that a crash in between does it again and loses nothing.
//!
//! Done twice at the same time, an event still gives one version and one message: objects know what they have been, and a
//! message's id is made of the event's.
//!
//! Deliberately absent: asking a sender for anything (a handshake, a subscription), and any wait. What is only named is
//! fetched later.

pub mod envelope;
pub mod imitate;
mod mapping;
pub mod proof;
pub mod provider;
mod queued;
mod schema;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use self::{
    envelope::{Event, Unread},
    mapping::Mapped,
    proof::{Headers, Key, Refused},
    told::Refusal,
};
pub use self::{
    queued::{NotTaken, Queued},
    schema::Schema,
    told::Told,
};
use crate::{
    event::{EventName, HubEvent},
    hub::{Channel, Locator, Webhook},
    id::{EventKey, MessageId},
    incoming::{Answer, Incoming, Request},
    ingest::{Ingest, IngestError, ItemError, Stored},
    json::Body,
    message::MessageRecord,
    port::{Home, PortError, Secrets, SeenEvents, Switch},
};

/// Events in one body.
pub const MOST_EVENTS: usize = 1000;
/// Characters of a reason that is told to whoever runs the hub.
const LONGEST_REASON: usize = 400;

/// What became of a body, as its sender is told.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Objects and messages that are stored, or were found to be known already.
    pub accepted: usize,
    /// Of the messages that came of it; an unchanged object gives none, and one that is fetched gives its own later.
    pub message_ids: Vec<MessageId>,
    /// Events that had been taken in before.
    #[serde(skip_serializing_if = "is_zero")]
    pub duplicates: usize,
    /// Events that no rule of the hub file wants.
    #[serde(skip_serializing_if = "is_zero")]
    pub ignored: usize,
    /// What became of each event of several, in their order: as if it had come alone.
    #[serde(skip_serializing_if = "is_no_list")]
    pub statuses: Vec<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ItemError>,
}

fn is_no_list(statuses: &[u16]) -> bool {
    statuses.len() < 2
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Receipt {
    fn add(&mut self, stored: Stored, records: &mut Vec<MessageRecord>) {
        self.accepted += stored.accepted;
        self.message_ids.extend(stored.message_ids);
        self.errors.extend(stored.errors);
        records.extend(stored.records);
    }

    /// What is wrong with the first that is refused, by its place where there are others, and of how many more.
    fn told(&self) -> Option<String> {
        let error = self.errors.first()?;
        let is_alone = self.accepted + self.duplicates + self.ignored + self.errors.len() == 1;
        let place = if is_alone { String::new() } else { format!("event {}: ", error.index) };
        let others = self.errors.len() - 1;
        let more = if others > 0 { format!("; and {others} more") } else { String::new() };
        Some(format!("{place}{}{more}", error.error))
    }

    /// What is wrong, where nothing is right.
    pub fn fault(&self) -> Option<&str> {
        let any = self.accepted + self.duplicates + self.ignored > 0;
        self.errors.first().filter(|_| !any).map(|error| error.error.as_str())
    }
}

/// The answer to a request that asks for this webhook, and what was stored and is to be published.
pub(crate) async fn accept<H: Home>(
    incoming: &Incoming<'_, H>,
    webhook: &Webhook,
    request: &impl Request,
    body: &[u8],
) -> Result<(Answer, Vec<MessageRecord>), Answer> {
    if webhook.provider.is_ping(body) {
        return Ok((Answer::new(200, &json!({})), Vec::new()));
    }
    match prove(incoming.home, webhook, request, body).await {
        Ok(Ok(())) => {}
        Ok(Err(refused)) => {
            tell_refused(incoming, webhook, Refusal::Request, &format!("401: {refused}"));
            return Err(Answer::refused(401, "this is not proven to come from the webhook's provider"));
        }
        Err(error) => {
            tell_refused(incoming, webhook, Refusal::Request, &format!("503: it could not be checked: {error}"));
            return Err(Answer::refused(503, "the hub cannot check this now; send it again"));
        }
    }
    if let Err(answer) = incoming.is_on(&[Switch::Hub, Switch::Webhook(webhook.id.clone())]).await {
        // Trouble with the store has been told where it came up.
        if answer.status == 403 {
            tell_refused(incoming, webhook, Refusal::Request, "403: it is switched off, or the hub is");
        }
        return Err(answer);
    }
    match take(incoming, webhook, request, None, body).await {
        Ok((receipt, records)) => {
            // Not 207 where only a part is good: to many senders that is no success, and what is good would come again.
            let (how, answer) = match receipt.fault() {
                None => ("in part", Answer::new(202, &receipt)),
                Some(fault) => {
                    let mut answer = json!(receipt);
                    answer["error"] = fault.into();
                    ("400", Answer::new(400, &answer))
                }
            };
            if let Some(why) = receipt.told() {
                tell_refused(incoming, webhook, Refusal::Body, &format!("{how}: {why}"));
            }
            Ok((answer, records))
        }
        Err(IngestError::Bad(error)) => {
            tell_refused(incoming, webhook, Refusal::Body, &format!("400: {error}"));
            Err(Answer::refused(400, &error))
        }
        Err(error) => {
            tracing::error!(webhook = %webhook.id, error = %error, "a webhook could not be stored");
            Err(Answer::unavailable())
        }
    }
}

/// The outer error: what it is proven with could not be looked up.
async fn prove<H: Home>(
    home: &H,
    webhook: &Webhook,
    headers: &impl Headers,
    body: &[u8],
) -> Result<Result<(), Refused>, PortError> {
    let mut keys: Vec<Key> = webhook.hashes.iter().copied().map(Key::Hash).collect();
    let mut missing = None;
    for name in &webhook.secrets {
        match home.secrets().secret(name).await {
            Ok(secret) => keys.push(Key::Secret(secret)),
            // Another of them may do: one is taken away after a rotation.
            Err(error) => missing = Some(error),
        }
    }
    let proven = proof::verify(&webhook.proof, &keys, headers, body, home.clock().now());
    match missing {
        Some(error) if proven.is_err() => Err(error),
        _ => Ok(proven),
    }
}

/// Takes in what a webhook brought that is proven, or came through a queue or a bus of the account's own. An event without an
/// id is known by that of what carried it, where that has one. Everything is durable when this returns; the records are still
/// to be published.
///
/// # Errors
/// The body cannot be read, or the store failed: part of it may be stored, and it is to come again.
async fn take<H: Home>(
    incoming: &Incoming<'_, H>,
    webhook: &Webhook,
    headers: &impl Headers,
    carrier: Option<&str>,
    body: &[u8],
) -> Result<(Receipt, Vec<MessageRecord>), IngestError> {
    let Incoming { home, hub, router, told } = *incoming;
    let read = read(webhook, headers, carrier, body).map_err(IngestError::Bad)?;
    let count = read.len();
    let (mut events, mut unread) = (Vec::with_capacity(count), Vec::new());
    for (index, event) in read.into_iter().enumerate() {
        match event {
            Ok(event) => events.push((index, event)),
            Err(Unread { why, .. }) => unread.push(ItemError { collection: None, index, error: why }),
        }
    }
    let kinds = kinds(&events);
    let mut receipt = Receipt::default();
    let (events, known) = unknown(home, webhook, events).await?;
    receipt.duplicates = known;
    let keys: Vec<(usize, EventKey)> =
        events.iter().filter_map(|(index, event)| Some((*index, key(webhook, event)?))).collect();

    let ingest = Ingest::new(home, hub, router);
    let Mapped { objects, messages, ids, ignored, unwanted, errors } =
        mapping::map(&ingest, home, hub, webhook, events).await?;
    receipt.ignored = ignored;
    receipt.errors = unread;
    receipt.errors.extend(errors);
    for kind in unwanted {
        if told.is_first(&webhook.id, kind.as_deref()) {
            let kind = kind.as_deref().unwrap_or("one that does not say what happened");
            tracing::warn!(webhook = %webhook.id, event = kind, "an event that no rule of the webhook wants was dropped");
        }
    }
    let mut records = Vec::new();
    let mut refused: BTreeSet<usize> = receipt.errors.iter().map(|error| error.index).collect();
    for (collection, arrived) in objects {
        let stored = ingest.objects(collection, arrived).await?;
        refused.extend(&stored.refused);
        receipt.add(stored, &mut records);
    }
    let stored = ingest.messages(messages).await?;
    refused.extend(&stored.refused);
    receipt.add(stored, &mut records);

    receipt.statuses = (0..count).map(|index| if refused.contains(&index) { 400 } else { 202 }).collect();

    // What was refused may come again, mended, under the same id; so one that stands twice is noted only if both are stored.
    let refused: BTreeSet<EventKey> =
        keys.into_iter().filter(|(index, _)| refused.contains(index)).map(|(_, key)| key).collect();
    let keys: Vec<EventKey> = ids.into_iter().map(|(_, key)| key).filter(|key| !refused.contains(key)).collect();
    if !keys.is_empty() {
        home.store().note(&keys, home.clock().now()).await?;
    }
    if receipt.fault().is_none() {
        tell_taken(incoming, webhook, &receipt, &kinds);
    }
    Ok((receipt, records))
}

/// The events of a body, each with its id and its kind where it has any.
fn read(
    webhook: &Webhook,
    headers: &impl Headers,
    carrier: Option<&str>,
    raw: &[u8],
) -> Result<Vec<envelope::Read>, String> {
    let body = Body::parse(raw)?;
    let header = |name: &str| Some(std::str::from_utf8(headers.header(name)?).ok()?.trim().to_owned());
    let unwrapped = match webhook.from {
        Channel::Bus(_) => envelope::unwrap_from_bus(webhook.envelope, &header, body),
        Channel::Http | Channel::Queue(_) => envelope::unwrap(webhook.envelope, &header, body),
    };
    let mut events = unwrapped.map_err(|error| error.to_string())?;
    if events.len() > MOST_EVENTS {
        return Err(format!("found {} events, expected at most {MOST_EVENTS} in one body", events.len()));
    }
    for event in &mut events {
        // What cannot be read has the id that it shares with its neighbours, if they share any.
        let (id, kind, body) = match event {
            Ok(Event { id, kind, body, .. }) => (id, Some(kind), &*body),
            Err(Unread { id, .. }) => (id, None, &Value::Null),
        };
        let located = |locator: &Option<Locator>| match locator.as_ref()? {
            Locator::Header(name) => header(name),
            Locator::Path(path) => said(path.get(body)?),
        };
        let found = located(&webhook.event_id).or_else(|| id.take());
        let found = found.or_else(|| webhook.provider.event_id(headers, raw, body));
        *id = found.or_else(|| carrier.map(str::to_owned)).filter(|id| !id.is_empty());
        if let Some(kind) = kind {
            let found = located(&webhook.event_kind).or_else(|| kind.take());
            *kind = found.or_else(|| webhook.provider.event_type(headers, body));
        }
    }
    if !matches!(webhook.event_id, Some(Locator::Path(_))) {
        tell_apart(&mut events);
    }
    Ok(events)
}

fn id_of(event: &mut envelope::Read) -> Option<&mut String> {
    match event {
        Ok(event) => event.id.as_mut(),
        Err(unread) => unread.id.as_mut(),
    }
}

/// Events that came together may have no id but that of what carried them. Each gets its place in it too, so that one that was
/// refused can come again under it, and its neighbours are known.
fn tell_apart(events: &mut [envelope::Read]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for id in events.iter_mut().filter_map(id_of) {
        *counts.entry(id.clone()).or_default() += 1;
    }
    for (index, event) in events.iter_mut().enumerate() {
        if let Some(id) = id_of(event)
            && counts.get(id).is_some_and(|count| *count > 1)
        {
            id.push_str(&format!("/{index}"));
        }
    }
}

/// An id or a kind, which some send as a number.
fn said(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Those that have not been taken in before, each with its place in the body, and how many have.
async fn unknown<H: Home>(
    home: &H,
    webhook: &Webhook,
    events: Vec<(usize, Event)>,
) -> Result<(Vec<(usize, Event)>, usize), PortError> {
    let mut keys: Vec<EventKey> = events.iter().filter_map(|(_, event)| key(webhook, event)).collect();
    keys.sort_unstable();
    keys.dedup();
    let seen = if keys.is_empty() { Vec::new() } else { home.store().seen(&keys).await? };
    let known: Vec<EventKey> = keys.into_iter().zip(seen).filter(|(_, seen)| *seen).map(|(key, _)| key).collect();
    let count = events.len();
    let is_new = |event: &Event| !key(webhook, event).is_some_and(|key| known.contains(&key));
    let unknown: Vec<(usize, Event)> = events.into_iter().filter(|(_, event)| is_new(event)).collect();
    let known = count - unknown.len();
    Ok((unknown, known))
}

fn key(webhook: &Webhook, event: &Event) -> Option<EventKey> {
    Some(EventKey::of(&webhook.id, event.id.as_deref()?))
}

/// What happened, for people: a few of many.
fn kinds(events: &[(usize, Event)]) -> String {
    let mut kinds: Vec<&str> = events.iter().filter_map(|(_, event)| event.kind.as_deref()).collect();
    kinds.dedup();
    let more = if kinds.len() > 3 { ", …" } else { "" };
    kinds.truncate(3);
    format!("{}{more}", kinds.join(", "))
}

fn reported<H: Home>(incoming: &Incoming<'_, H>, webhook: &Webhook, name: EventName) -> HubEvent {
    let mut event = HubEvent::new(incoming.home.clock().now(), name);
    event.webhook = Some(webhook.id.to_string());
    event.source = Some(webhook.source.to_string());
    event
}

fn tell_taken<H: Home>(incoming: &Incoming<'_, H>, webhook: &Webhook, receipt: &Receipt, kinds: &str) {
    let event = reported(incoming, webhook, EventName::WebhookAccepted).counting(receipt.accepted as u64);
    let remarks = [
        (!kinds.is_empty()).then(|| kinds.to_owned()),
        (receipt.duplicates > 0).then(|| format!("{} known already", receipt.duplicates)),
        (receipt.ignored > 0).then(|| format!("{} not wanted", receipt.ignored)),
        (!receipt.errors.is_empty()).then(|| format!("{} with errors", receipt.errors.len())),
    ];
    let remarks: Vec<String> = remarks.into_iter().flatten().collect();
    incoming.home.observer().observe(if remarks.is_empty() { event } else { event.because(remarks.join("; ")) });
}

/// Anybody can be refused as often as he likes: that is said now and then, with how often it was. Where it was and what was
/// expected is said, and nothing of what the body says.
fn tell_refused<H: Home>(incoming: &Incoming<'_, H>, webhook: &Webhook, refusal: Refusal, why: &str) {
    if let Some(count) = incoming.told.refused(&webhook.id, refusal, incoming.home.clock().now()) {
        let event = reported(incoming, webhook, EventName::WebhookRefused).counting(count);
        incoming.home.observer().observe(event.because(fit_to_print(why)));
    }
}

/// A path in a body has the names that its sender gave, whatever they are.
fn fit_to_print(why: &str) -> String {
    let shown = why.chars().take(LONGEST_REASON).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    let more = why.chars().nth(LONGEST_REASON).map(|_| '…');
    shown.chain(more).collect()
}
