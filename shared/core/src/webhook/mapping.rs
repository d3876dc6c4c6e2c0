//! What becomes of events, as the hub file's rules say. A bad event is named by its place, and its neighbours go on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::envelope::{self, Event, Subject};
use crate::{
    hub::{Collection, EventAction, Hub, Webhook},
    id::{CollectionKey, Epoch, EventKey, MessageId, MessageType},
    ingest::{Arrived, Ingest, ItemError, Object},
    json::FieldPath,
    message::Message,
    object::{natural_key, record_kind},
    port::{Home, PortError, VersionStore},
};

/// What a body comes to, before anything is stored.
#[derive(Default)]
pub(super) struct Mapped<'h> {
    pub objects: Vec<(&'h Collection, Vec<Arrived>)>,
    pub messages: Vec<(usize, Result<Message, String>)>,
    /// Of events that something is stored of, by their places.
    pub ids: Vec<(usize, EventKey)>,
    /// Events that nothing is to become of.
    pub ignored: usize,
    /// The kinds of those among them that no rule mentions.
    pub unwanted: BTreeSet<Option<String>>,
    pub errors: Vec<ItemError>,
}

/// What one event is.
enum Meant<'h> {
    Objects(&'h Collection, Vec<Object>),
    Messages(Vec<Value>, &'h MessageType),
    Nothing,
    /// No rule mentions it.
    Unwanted,
}

pub(super) async fn map<'h, H: Home>(
    ingest: &Ingest<'_, H>,
    home: &H,
    hub: &'h Hub,
    webhook: &'h Webhook,
    events: Vec<(usize, Event)>,
) -> Result<Mapped<'h>, PortError> {
    let mut mapped = Mapped::default();
    let mut objects: BTreeMap<&'h CollectionKey, (&'h Collection, Vec<Arrived>)> = BTreeMap::new();
    let mut ids = Ids::of(home, webhook);
    for (index, event) in events {
        let (id, kind) = (event.id.clone(), event.kind.clone());
        let key = id.as_deref().map(|id| EventKey::of(&webhook.id, id));
        let meant = match meant(hub, webhook, event) {
            Ok(meant) => meant,
            Err(error) => {
                mapped.errors.push(ItemError { collection: None, index, error });
                continue;
            }
        };
        match meant {
            Meant::Objects(collection, found) => {
                let arrived = found.into_iter().map(|object| Arrived { index, object });
                objects.entry(&collection.key).or_insert((collection, Vec::new())).1.extend(arrived);
            }
            Meant::Messages(payloads, message) => {
                for payload in payloads {
                    let made = ids.next(id.as_deref()).await?;
                    let message = ingest.message(&webhook.source, made, message.clone(), payload);
                    mapped.messages.push((index, message));
                }
            }
            Meant::Nothing => {
                mapped.ignored += 1;
                continue;
            }
            Meant::Unwanted => {
                mapped.ignored += 1;
                mapped.unwanted.insert(kind);
                continue;
            }
        }
        mapped.ids.extend(key.map(|key| (index, key)));
    }
    mapped.objects = objects.into_values().collect();
    Ok(mapped)
}

fn meant<'h>(hub: &'h Hub, webhook: &'h Webhook, event: Event) -> Result<Meant<'h>, String> {
    if event.test {
        return Ok(Meant::Nothing);
    }
    if let Some(schema) = &webhook.schema {
        schema.check(&event.body)?;
    }
    let rule = webhook.events.iter().find(|rule| rule.kinds.fit(event.kind.as_deref()));
    let Some(rule) = rule else { return Ok(Meant::Unwanted) };
    match &rule.action {
        EventAction::Ignore => Ok(Meant::Nothing),
        EventAction::Message { message, item } => Ok(Meant::Messages(part(event.body, item)?, message)),
        EventAction::Thin { collection, id } => {
            let named = |found: &Value| match natural_key(&FieldPath::root(), found) {
                Ok(id) => Ok(Object::Named(id)),
                Err(_) => Err(format!("found {} at {id:?}, expected an id: text or a number", record_kind(found))),
            };
            let ids = part(event.body, id)?;
            Ok(Meant::Objects(known(hub, collection)?, ids.iter().map(named).collect::<Result<_, _>>()?))
        }
        EventAction::Object { collection, item, deleted } => {
            let collection = known(hub, collection)?;
            let subject = event.subject.filter(|_| item.segments().is_empty());
            let objects = match subject {
                Some(subject) => vec![of_subject(collection, subject, *deleted)?],
                None => part(event.body, item)?
                    .into_iter()
                    .map(|body| Object::Here { body: whole(collection, body, *deleted), deleted: *deleted })
                    .collect(),
            };
            Ok(Meant::Objects(collection, objects))
        }
    }
}

/// The hub was checked to have it.
fn known<'h>(hub: &'h Hub, key: &CollectionKey) -> Result<&'h Collection, String> {
    hub.collection(key).ok_or_else(|| format!("the hub has no collection {key}"))
}

/// What is at a path; a list is one of each.
fn part(body: Value, path: &FieldPath) -> Result<Vec<Value>, String> {
    let found = if path.segments().is_empty() { Some(body) } else { path.get(&body).cloned() };
    match found {
        None | Some(Value::Null) => Err(format!("nothing at {path:?}")),
        Some(Value::Array(items)) => Ok(items),
        Some(item) => Ok(vec![item]),
    }
}

/// Of what is gone, some say no more than its id.
fn whole(collection: &Collection, body: Value, deleted: bool) -> Value {
    match body {
        Value::String(_) | Value::Number(_) if deleted => {
            let segments = collection.id.segments().iter().rev();
            segments.fold(body, |inner, name| Value::Object(Map::from_iter([(name.clone(), inner)])))
        }
        body => body,
    }
}

fn of_subject(collection: &Collection, subject: Subject, deleted: bool) -> Result<Object, String> {
    match subject.object {
        envelope::Object::Whole(body) => Ok(Object::Here { body, deleted }),
        envelope::Object::Deleted(body) => Ok(Object::Here { body, deleted: true }),
        envelope::Object::Thin if collection.fetch.is_some() => Ok(Object::Named(subject.id)),
        envelope::Object::Thin => {
            let name = &collection.key;
            Err(format!("this names an object and does not have it, and {name} has no `fetch` in the hub file"))
        }
    }
}

/// The ids of messages: made of the event's id and the place in it, so that an event that comes again gives none twice.
struct Ids<'a, H> {
    home: &'a H,
    webhook: &'a Webhook,
    /// For events that have no id: another each time.
    random: Vec<u8>,
    epoch: Option<Epoch>,
    places: BTreeMap<Option<String>, u32>,
}

impl<'a, H: Home> Ids<'a, H> {
    fn of(home: &'a H, webhook: &'a Webhook) -> Self {
        let random = [&b"random:"[..], &home.random().bytes()].concat();
        Self { home, webhook, random, epoch: None, places: BTreeMap::new() }
    }

    async fn next(&mut self, event: Option<&str>) -> Result<MessageId, PortError> {
        let epoch = match self.epoch {
            Some(epoch) => epoch,
            None => *self.epoch.insert(self.home.store().epoch().await?),
        };
        let place = self.places.entry(event.map(str::to_owned)).or_default();
        let key = event.map_or_else(|| self.random.clone(), |event| format!("id:{event}").into_bytes());
        let id = MessageId::of_webhook(epoch, &self.webhook.id, &key, *place);
        *place += 1;
        Ok(id)
    }
}
