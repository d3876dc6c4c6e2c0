//! `wombat`: what services made for Wombat, Spree Integrator and Cangaroo read: `request_id`, the object under its type,
//! `parameters` as a map.
//!
//! The object is the one that the message saw: the same on every attempt. A child comes without its parent, since there is
//! one root. A message that is about no object shows its payload: the members of a map as they are, anything else under
//! the first word of the message's type. A member called `request_id` or `parameters` gives way to ours.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, value::RawValue};

use super::{Told, payload, shown};
use crate::id::MessageId;

const REQUEST_ID: &str = "request_id";
const PARAMETERS: &str = "parameters";

struct Body<'a> {
    request_id: MessageId,
    roots: BTreeMap<Cow<'a, str>, &'a RawValue>,
    parameters: &'a BTreeMap<&'a str, &'a Value>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(REQUEST_ID, &self.request_id)?;
        let roots = self.roots.iter().filter(|(name, _)| ![REQUEST_ID, PARAMETERS].contains(&name.as_ref()));
        for (name, root) in roots {
            map.serialize_entry(name, root)?;
        }
        map.serialize_entry(PARAMETERS, self.parameters)?;
        map.end()
    }
}

pub(super) fn body(told: Told<'_>) -> Result<String, serde_json::Error> {
    let (text, envelope) = (told.message.text(), &told.message.envelope);
    let object_type = envelope.object.as_ref().map(|object| object.object_type.as_str());
    let of_object = object_type.map(|name| shown(text, name)).transpose()?.flatten();
    let roots = match (object_type, of_object) {
        (Some(name), Some(shown)) => BTreeMap::from([(Cow::Borrowed(name), shown.actual)]),
        _ => {
            let payload = payload(text)?;
            let first_word = envelope.message.as_str().split(':').next().unwrap_or_default();
            match payload.get().starts_with('{') {
                true => serde_json::from_str(payload.get())?,
                false => BTreeMap::from([(Cow::Borrowed(first_word), payload)]),
            }
        }
    };
    serde_json::to_string(&Body { request_id: envelope.message_id, roots, parameters: told.parameters })
}
