//! A hub file as it travels to where it runs: one JSON text, its variables expanded once and for all.
//!
//! What a text means (a number, a duration, the text itself) is decided where it is used, by the same code that reads a
//! hub file; so what travels is the tree, and nothing of a scalar is lost. A text is a JSON string. What stood bare and is
//! no text (a number, a boolean, null) is `{"${}": "0123"}`, spelt as it was: no key of a hub file holds a `${`. Mappings
//! keep their order. Text that a variable held is never looked at for variables again.
//!
//! Deliberately absent: a version of the format. A function's package holds the text and the code that reads it.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};

use super::{
    fault::Place,
    scalar::Scalar,
    tree::{Content, Entry, Key, Node},
};

/// The one key that stands for a bare scalar.
const BARE: &str = "${}";

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.content {
            Content::Scalar { text, .. } => match self.scalar() {
                // An empty one would be text once more.
                Some(Scalar::Null) => bare("null", serializer),
                Some(Scalar::Boolean(_) | Scalar::Number(_)) => bare(text, serializer),
                Some(Scalar::Text) | None => serializer.serialize_str(text),
            },
            Content::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Content::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|entry| map.serialize_entry(&entry.key.text, &entry.value))?;
                map.end()
            }
            Content::Unusable => Err(serde::ser::Error::custom("a part of the hub file could not be used")),
        }
    }
}

fn bare<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(BARE, text)?;
    map.end()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list or a mapping of a compiled hub file")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Node, E> {
        Ok(scalar(text.to_owned(), true))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(node(Content::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == BARE {
                return Ok(scalar(map.next_value()?, false));
            }
            entries.push(Entry { key: Key { place: Place::default(), text: key }, value: map.next_value()? });
        }
        Ok(node(Content::Map(entries)))
    }
}

fn node(content: Content) -> Node {
    Node { place: Place::default(), content }
}

/// Every one counts as expanded: in a hub file `"${COUNT}"` may stand for a number, and here that is the text `"4"`.
/// What that lets through beyond a hub file's own rules was refused when the file was compiled.
fn scalar(text: String, quoted: bool) -> Node {
    // Nobody knows what a variable held, so no message repeats it.
    let written = Some("…".to_owned());
    node(Content::Scalar { text, written, quoted })
}
