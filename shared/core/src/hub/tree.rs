//! A hub file as a tree of nodes, each of which knows its place.
//!
//! Scalars keep their text and whether they were quoted; what they mean is decided where they are used. Variables are
//! expanded here ([`super::expand`]). A part that cannot be used (a variable that is not set, an unknown tag) becomes
//! [`Content::Unusable`]: its fault is reported once, here, and nobody after stumbles over it again.

use serde_json::{Map, Value};

use super::{
    fault::{Place, Report},
    scalar::{self, Scalar},
};

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Scalar {
        text: String,
        /// As it stands in the file, where a variable was expanded: what a message may show, since nobody knows what a
        /// variable holds.
        written: Option<String>,
        /// Text, whatever it looks like.
        quoted: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
    Unusable,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) value: Node,
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) text: String,
}

impl Node {
    /// A tree of values that were not written in a hub file; its places are still to be given.
    pub(crate) fn of_json(value: &Value) -> Self {
        let scalar = |text: String, quoted| Content::Scalar { text, written: None, quoted };
        let content = match value {
            Value::String(text) => scalar(text.clone(), true),
            Value::Null | Value::Bool(_) | Value::Number(_) => scalar(value.to_string(), false),
            Value::Array(items) => Content::List(items.iter().map(Self::of_json).collect()),
            Value::Object(fields) => Content::Map(
                fields
                    .iter()
                    .map(|(name, value)| Entry {
                        key: Key { place: Place::default(), text: name.clone() },
                        value: Self::of_json(value),
                    })
                    .collect(),
            ),
        };
        Self { place: Place::default(), content }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|entry| entry.key.text == key).map(|entry| &entry.value),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.content {
            Content::Map(entries) => {
                entries.iter_mut().find(|entry| entry.key.text == key).map(|entry| &mut entry.value)
            }
            _ => None,
        }
    }

    /// The part that an RFC 6901 pointer names, or as much of the way as there is.
    pub(crate) fn pointer(&self, pointer: &str) -> &Node {
        pointer
            .split('/')
            .skip(1)
            .fold((self, true), |(node, going), segment| {
                let segment = segment.replace("~1", "/").replace("~0", "~");
                let next = match &node.content {
                    _ if !going => None,
                    Content::List(items) => segment.parse().ok().and_then(|index: usize| items.get(index)),
                    _ => node.get(&segment),
                };
                next.map_or((node, false), |next| (next, true))
            })
            .0
    }

    /// The entries, or a fault: this should have been a mapping of `expected`.
    pub(crate) fn entries(&self, expected: &str, report: &mut Report) -> Option<&[Entry]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            _ => self.refuse(expected, None, report),
        }
    }

    pub(crate) fn items(&self, expected: &str, report: &mut Report) -> Option<&[Node]> {
        match &self.content {
            Content::List(items) => Some(items),
            Content::Scalar { text, .. } => {
                self.refuse(expected, (!text.is_empty()).then(|| format!("write [{}]", self.shown())), report)
            }
            _ => self.refuse(expected, None, report),
        }
    }

    /// Reports `expected …, found …`.
    pub(crate) fn refuse<T>(&self, expected: &str, suggestion: Option<String>, report: &mut Report) -> Option<T> {
        if !matches!(self.content, Content::Unusable) {
            report.suggest(&self.place, format!("expected {expected}, found {}", self.found()), suggestion);
        }
        None
    }

    /// What stands here, for a message.
    pub(crate) fn found(&self) -> String {
        match &self.content {
            Content::Scalar { written: Some(written), .. } => format!("what {} stands for", quote(written)),
            Content::Scalar { text, quoted: true, .. } => format!("the text {}", quote(text)),
            Content::Scalar { text, .. } => match scalar::resolve(text) {
                Scalar::Null if text.is_empty() => "nothing".to_owned(),
                Scalar::Null => "null".to_owned(),
                Scalar::Boolean(value) => value.to_string(),
                Scalar::Number(_) => format!("the number {text}"),
                Scalar::Text => format!("the text {}", quote(text)),
            },
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a mapping".to_owned(),
            Content::Unusable => "nothing usable".to_owned(),
        }
    }

    /// A scalar as it stands in the file.
    pub(crate) fn shown(&self) -> String {
        match &self.content {
            Content::Scalar { text, written, .. } => quote(written.as_ref().unwrap_or(text)),
            _ => String::new(),
        }
    }

    /// What a scalar means; `None` for everything else. What a variable held is resolved like what is written, unless
    /// it was quoted.
    pub(crate) fn scalar(&self) -> Option<Scalar> {
        match &self.content {
            Content::Scalar { quoted: true, .. } => Some(Scalar::Text),
            Content::Scalar { text, written: Some(_), .. } if text.is_empty() => Some(Scalar::Text),
            Content::Scalar { text, .. } => Some(scalar::resolve(text)),
            _ => None,
        }
    }

    /// What a scalar means where only one kind of value can stand. Quotes around a variable say nothing here: inside
    /// `{ }` and `[ ]` YAML demands them.
    pub(crate) fn typed(&self) -> Option<Scalar> {
        match &self.content {
            Content::Scalar { text, written: Some(_), .. } => Some(scalar::resolve(text)),
            _ => self.scalar(),
        }
    }

    /// The text of a scalar, whatever it means.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_expanded(&self) -> bool {
        matches!(self.content, Content::Scalar { written: Some(_), .. })
    }

    /// Puts variables back as they stand in the file.
    pub(crate) fn unexpand(&mut self) {
        match &mut self.content {
            Content::Scalar { text, written, .. } => {
                if let Some(written) = written.take() {
                    *text = written;
                }
            }
            Content::List(items) => items.iter_mut().for_each(Self::unexpand),
            Content::Map(entries) => entries.iter_mut().for_each(|entry| entry.value.unexpand()),
            Content::Unusable => {}
        }
    }

    /// As JSON, every digit kept.
    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar { text, .. } => match self.scalar() {
                Some(Scalar::Null) => Value::Null,
                Some(Scalar::Boolean(value)) => Value::Bool(value),
                Some(Scalar::Number(number)) => Value::Number(number),
                _ => Value::String(text.clone()),
            },
            Content::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Content::Map(entries) => Value::Object(
                entries.iter().map(|Entry { key, value }| (key.text.clone(), value.to_json())).collect::<Map<_, _>>(),
            ),
            Content::Unusable => Value::Null,
        }
    }
}

/// In quotes and of a bounded length.
pub(crate) fn quote(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}
