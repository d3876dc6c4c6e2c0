//! Storing what comes in unasked: pushes and webhooks (contract §6). Objects are versioned like polled ones, those that
//! are only named are fetched later; messages are stored as they are. One bad item harms no other.
//!
//! Nothing is answered before everything accepted is stored; publishing may follow the answer, because what is stored is
//! pending until the bus has it.

mod push;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    Timestamp,
    hub::{Collection, Hub},
    id::{MessageId, MessageType, ObjectKey, SourceName},
    json::{DEEPEST, is_too_deep},
    message::{Message, MessageRecord},
    object::{self, News, SetAside, TrackError, Tracker},
    poll::thin_id,
    port::{Home, Outbox, PortError, PutError, VersionStore, WantMark, Wants},
    route::Router,
};

/// Items of one push.
pub const MOST_PUSHED: usize = 100;

/// What was accepted, as the pusher is told.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Items stored or found to be known already.
    pub accepted: usize,
    /// Of the messages that came of it; an unchanged object gives none.
    pub message_ids: Vec<MessageId>,
    /// What became of each item, in their order: as if it had come alone. By collection, or under `messages`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub statuses: BTreeMap<String, Vec<u16>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ItemError>,
}

/// One bad item, by its place.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ItemError {
    /// Of objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// Counted from 0.
    pub index: usize,
    pub error: String,
}

impl ItemError {
    fn aside(collection: &Collection, index: usize, aside: &SetAside) -> Self {
        Self { collection: Some(collection.key.collection.to_string()), index, error: aside.to_string() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Nothing in the body can be taken; the sender's mistake.
    #[error("{0}")]
    Bad(String),
    #[error("found {found} items, expected at most {MOST_PUSHED} in one push: send them in parts")]
    TooMany { found: usize },
    #[error(transparent)]
    Track(#[from] TrackError),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// An object that came in, and which of the items it is.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub index: usize,
    pub object: Object,
}

#[derive(Debug)]
pub(crate) enum Object {
    /// As it is now; or its id alone, where the collection has `fetch`.
    Here { body: Value, deleted: bool },
    /// To be fetched.
    Named(String),
}

/// What was stored of some items.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Items stored or found to be known already.
    pub accepted: usize,
    pub message_ids: Vec<MessageId>,
    /// To be published.
    pub records: Vec<MessageRecord>,
    pub errors: Vec<ItemError>,
    /// The items that were not taken; of others only a part was not.
    pub refused: BTreeSet<usize>,
}

pub struct Ingest<'a, H: Home> {
    home: &'a H,
    hub: &'a Hub,
    router: &'a Router,
}

impl<H: Home> std::fmt::Debug for Ingest<'_, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").finish_non_exhaustive()
    }
}

impl<'a, H: Home> Ingest<'a, H> {
    pub fn new(home: &'a H, hub: &'a Hub, router: &'a Router) -> Self {
        Self { home, hub, router }
    }

    /// Objects of one collection; durable when this returns.
    pub(crate) async fn objects(&self, collection: &Collection, items: Vec<Arrived>) -> Result<Stored, IngestError> {
        let mut stored = Stored::default();
        let mut good = Vec::with_capacity(items.len());
        let mut named: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut places = BTreeMap::new();
        for Arrived { index, object } in items {
            let (body, deleted) = match object {
                Object::Here { body, deleted } => (body, deleted),
                Object::Named(id) => {
                    named.entry(id).or_default().push(index);
                    continue;
                }
            };
            if let Some(id) = thin_id(collection, &body).filter(|_| !deleted) {
                named.entry(id).or_default().push(index);
                continue;
            }
            match object::read(collection, &format!("item {index}"), body) {
                Ok(mut record) => {
                    record.deleted |= deleted;
                    places.insert(record.at.clone(), index);
                    let asides = std::mem::take(&mut record.set_aside);
                    stored.errors.extend(asides.iter().map(|aside| ItemError::aside(collection, index, aside)));
                    good.push(record);
                }
                Err(aside) => stored.refuse_object(collection, index, &aside),
            }
        }
        if good.is_empty() && named.is_empty() {
            return Ok(stored);
        }
        let count = good.len();
        // For those that are only named too: what is old is told by when the hub first heard of the collection, which is now.
        let news = News::unasked(self.home, collection).await?;
        self.want(collection, named, &mut stored).await?;
        if good.is_empty() {
            return Ok(stored);
        }
        let tracked = Tracker::new(self.home, self.hub, self.router).track(collection, good, &news).await?;
        for aside in &tracked.set_aside {
            if let Some(index) = places.get(&aside.at) {
                stored.refuse_object(collection, *index, aside);
            }
        }
        stored.accepted += count - tracked.left_out;
        stored.message_ids.extend(tracked.messages.iter().map(|record| record.message.message_id));
        stored.records.extend(tracked.messages);
        if tracked.only_read {
            // What is known already is not accepted before it is as durable as what was stored.
            self.home.store().flush().await?;
        }
        Ok(stored)
    }

    /// What is named by its id alone is fetched later; that it is to be fetched is stored now.
    async fn want(
        &self,
        collection: &Collection,
        named: BTreeMap<String, Vec<usize>>,
        stored: &mut Stored,
    ) -> Result<(), IngestError> {
        if named.is_empty() {
            return Ok(());
        }
        let (ids, places): (Vec<_>, Vec<_>) = named.into_iter().unzip();
        let objects = ids.into_iter().map(|id| ObjectKey { collection: collection.key.clone(), id }).collect();
        let mark = WantMark(self.home.random().bytes());
        let answers = self.home.store().want(objects, mark, self.home.clock().now()).await;
        for (places, answer) in places.into_iter().zip(answers) {
            match answer {
                Ok(()) => stored.accepted += places.len(),
                Err(PutError::Impossible(why)) => {
                    let collection = Some(collection.key.collection.to_string());
                    for index in places {
                        let error = format!("cannot be stored: {why}");
                        stored.refused.insert(index);
                        stored.errors.push(ItemError { collection: collection.clone(), index, error });
                    }
                }
                Err(PutError::Port(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Messages, or why an item is none; durable when this returns.
    pub(crate) async fn messages(&self, items: Vec<(usize, Result<Message, String>)>) -> Result<Stored, IngestError> {
        let mut stored = Stored::default();
        let mut records = Vec::with_capacity(items.len());
        let mut places = Vec::with_capacity(items.len());
        for (index, item) in items {
            match item.and_then(|message| self.router.record(message).map_err(|error| error.to_string())) {
                Ok(record) => {
                    records.push(record);
                    places.push(index);
                }
                Err(error) => stored.refuse(index, error),
            }
        }
        if records.is_empty() {
            return Ok(stored);
        }
        let answers = self.home.store().put(records.clone()).await;
        for ((record, index), answer) in records.into_iter().zip(places).zip(answers) {
            match answer {
                Ok(new) => {
                    stored.accepted += 1;
                    stored.message_ids.push(record.message.message_id);
                    if new {
                        stored.records.push(record);
                    }
                }
                // Sent again, it would be refused again.
                Err(PutError::Impossible(why)) => stored.refuse(index, format!("cannot be stored: {why}")),
                Err(PutError::Port(error)) => return Err(error.into()),
            }
        }
        Ok(stored)
    }

    /// A message that begins here, its routes still to be worked out.
    pub(crate) fn message(
        &self,
        source: &SourceName,
        message_id: MessageId,
        message: MessageType,
        payload: Value,
    ) -> Result<Message, String> {
        arrived(self.hub, source, message_id, self.home.clock().now(), message, payload)
    }
}

impl Stored {
    fn refuse_object(&mut self, collection: &Collection, index: usize, aside: &SetAside) {
        self.refused.insert(index);
        self.errors.push(ItemError::aside(collection, index, aside));
    }

    fn refuse(&mut self, index: usize, error: String) {
        self.refused.insert(index);
        self.errors.push(ItemError { collection: None, index, error });
    }
}

fn arrived(
    hub: &Hub,
    source: &SourceName,
    message_id: MessageId,
    now: Timestamp,
    message: MessageType,
    payload: Value,
) -> Result<Message, String> {
    if is_too_deep(&payload) {
        return Err(format!("payload: nested more than {DEEPEST} levels deep"));
    }
    Ok(Message::beginning(message_id, message, &hub.name, source, payload, now))
}

/// A payload that was left out.
fn nothing() -> Value {
    Value::Object(Map::new())
}
