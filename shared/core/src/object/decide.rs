//! What happened to one object, from its head and what is shown of it now. No I/O.
//!
//! Where the source tells the order of its changes ([`Order`]), what is older than the head is late, however it came. Where
//! nothing tells, what is shown last is the newest. A deletion stands against everything that is not newer than it, because
//! two changes may have the same time and the older one must not bring an object back.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    Timestamp,
    hub::{Derive, DeriveWhen, Key, KeyKind, ObjectRules},
    id::{ContentHash, Epoch, Event, HubName, MessageId, MessageType, ObjectKey, ObjectType},
    json::{canonical, changes},
    message::{Lineage, Message, ObjectRef, payload},
    version::{Head, Order, Version},
};

/// What is the same for every object of a batch.
#[derive(Debug, Clone)]
pub struct Context {
    pub epoch: Epoch,
    pub hub: HubName,
    pub now: Timestamp,
    /// Of objects that an answer gave; `None`: the change begins here.
    pub lineage: Option<Lineage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Unchanged,
    /// Older than the head: stored beside the chain, nothing emitted.
    Late,
    /// Old when first seen: stored, nothing emitted.
    Baseline,
    New,
    Updated,
    Deleted,
}

/// What is shown of an object, as far as it tells whether it has changed.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    pub hash: ContentHash,
    pub deleted: bool,
    pub order: Option<Order>,
    /// One number is one change. Not where an endpoint gives an object: it may have changed it, and leaves the number alone.
    pub by_source: bool,
}

impl Shown {
    /// The change of that number and no other, whatever else there is beside it now. To be deleted is another one: sources
    /// leave the number as it was.
    pub(super) fn is_the_change(&self, order: Option<Order>, deleted: bool) -> bool {
        let is_numbered = self.by_source && matches!(self.order, Some(Order::Number(_)));
        is_numbered && self.order == order && self.deleted == deleted
    }

    fn is_late(&self, head: &Head) -> bool {
        self.is_behind(head) || head.deleted && head.order.is_some() && self.order == head.order
    }

    /// Older than what is known.
    pub(super) fn is_behind(&self, head: &Head) -> bool {
        head.order.zip(self.order).is_some_and(|(known, shown)| shown < known)
    }
}

pub fn decide(head: Option<&Head>, shown: &Shown, news: bool) -> Decision {
    let Some(head) = head else {
        return if news && !shown.deleted { Decision::New } else { Decision::Baseline };
    };
    let is_known = match (head.deleted, shown.deleted) {
        (true, true) => true,
        (false, false) => head.hash == shown.hash || shown.is_the_change(head.order, false),
        _ => false,
    };
    match shown.deleted {
        _ if is_known => Decision::Unchanged,
        _ if shown.is_late(head) => Decision::Late,
        true => Decision::Deleted,
        false => Decision::Updated,
    }
}

/// The types of the messages a version gives rise to, each with the name of its rule for the id: `""` for the general
/// type, the rule's place for a derived one.
fn types(
    object_type: &ObjectType,
    rules: &ObjectRules,
    decision: Decision,
    old: Option<&Value>,
    new: &Value,
) -> Vec<(MessageType, String)> {
    let event = match decision {
        Decision::Unchanged | Decision::Late | Decision::Baseline => return Vec::new(),
        Decision::New => Event::New,
        Decision::Updated => Event::Updated,
        Decision::Deleted => return vec![(MessageType::of(object_type, Event::Deleted), String::new())],
    };
    let derived: Vec<(usize, &Derive)> =
        rules.derive.iter().enumerate().filter(|(_, rule)| holds(rule, old, new)).collect();
    let replaced = event == Event::Updated && derived.iter().any(|(_, rule)| rule.instead);
    let general = (!replaced).then(|| (MessageType::of(object_type, event), String::new()));
    general
        .into_iter()
        .chain(derived.into_iter().map(|(place, rule)| (rule.message.clone(), format!("derive.{place}"))))
        .collect()
}

fn holds(rule: &Derive, old: Option<&Value>, new: &Value) -> bool {
    let is = |body: &Value, wanted: &Value| {
        rule.path.get(body).is_some_and(|found| canonical(found, &[]) == canonical(wanted, &[]))
    };
    match &rule.when {
        DeriveWhen::Becomes(wanted) => is(new, wanted) && !old.is_some_and(|old| is(old, wanted)),
        DeriveWhen::Is(wanted) => is(new, wanted),
    }
}

/// A version about to be stored, and what it follows.
#[derive(Debug)]
pub struct Deriving<'a> {
    pub version: &'a Version,
    pub decision: Decision,
    pub rules: &'a ObjectRules,
    /// The parent version's body.
    pub previous: Option<&'a Value>,
    /// Of a child: the object it is part of, and that object's body.
    pub within: Option<(&'a ObjectType, &'a Value)>,
    /// `None`: the change begins with this version.
    pub trace_id: Option<&'a str>,
}

/// The messages of one version, their routes still to be worked out.
pub fn deriving(context: &Context, of: &Deriving<'_>) -> Vec<Message> {
    let version = of.version;
    let types = types(&version.object_type, of.rules, of.decision, of.previous, &version.body);
    if types.is_empty() {
        return Vec::new();
    }
    let lineage = context.lineage.as_ref();
    let trace_id = match lineage.map(|lineage| lineage.trace_id.as_str()).or(of.trace_id) {
        Some(trace_id) => trace_id.to_owned(),
        None => trace_id(context.epoch, version),
    };
    let mut shown = of.within.map(|(parent_type, parent)| payload(parent_type, parent)).unwrap_or_default();
    // Where both are of one type, the message is about the child.
    shown.extend(payload(&version.object_type, &version.body));
    let keys = keys(&of.rules.keys, &version.body);
    types
        .into_iter()
        .map(|(message, rule)| Message {
            message_id: MessageId::of_version(
                context.epoch,
                &version.key,
                version.number,
                &version.hash,
                &message,
                &rule,
            ),
            message,
            hub: context.hub.clone(),
            source: version.key.collection.source.clone(),
            created_at: context.now,
            trace_id: trace_id.clone(),
            parent_id: lineage.map(|lineage| lineage.parent),
            parent_route: lineage.map(|lineage| lineage.route.clone()),
            hops: lineage.map_or(0, |lineage| lineage.hops),
            object: Some(object_ref(version)),
            keys: keys.clone(),
            payload: Value::Object(shown.clone()),
            previous: of.previous.cloned(),
            changes: of.previous.map(|previous| changes(previous, &version.body, &of.rules.volatile)),
            routes: Vec::new(),
        })
        .collect()
}

/// The trace of a change that begins with this version: the same for all of its messages, whenever they are derived.
pub(super) fn trace_id(epoch: Epoch, version: &Version) -> String {
    let general = MessageType::of(&version.object_type, Event::Updated);
    MessageId::of_version(epoch, &version.key, version.number, &version.hash, &general, "trace").trace_id()
}

fn object_ref(version: &Version) -> ObjectRef {
    let key: &ObjectKey = &version.key;
    ObjectRef {
        object_type: version.object_type.clone(),
        collection: key.collection.collection.clone(),
        id: key.id.clone(),
        version: version.number,
        parent: version.parent,
        group: key.group(),
    }
}

/// A key that is absent, null or "" is left out, and so is one that cannot be what it is declared as.
pub(crate) fn keys(keys: &[Key], body: &Value) -> BTreeMap<String, Value> {
    keys.iter()
        .filter_map(|key| {
            let value = key.path.get(body).filter(|value| !value.is_null() && value.as_str() != Some(""))?;
            Some((key.name.clone(), as_kind(key.kind, value)?))
        })
        .collect()
}

fn as_kind(kind: Option<KeyKind>, value: &Value) -> Option<Value> {
    match (kind, value) {
        (None, value) => Some(value.clone()),
        (Some(KeyKind::Number), Value::Number(_))
        | (Some(KeyKind::String), Value::String(_))
        | (Some(KeyKind::Boolean), Value::Bool(_)) => Some(value.clone()),
        // A JSON number's own grammar decides: " 199.99 " is one, "1,299" and "0x10" are not.
        (Some(KeyKind::Number), Value::String(text)) => {
            serde_json::from_str::<serde_json::Number>(text.trim()).ok().map(Value::Number)
        }
        (Some(KeyKind::String), Value::Number(_) | Value::Bool(_)) => Some(Value::String(value.to_string())),
        (Some(KeyKind::Boolean), Value::String(text)) => match text.as_str() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    }
}
