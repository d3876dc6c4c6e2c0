//! From nodes to typed descriptions, without stopping at the first fault.
//!
//! [`Decode`] gives what it can and reports the rest: a route with a misspelt key still has its other parts checked.
//! A fault is reported exactly once, by whoever refuses the node, and everyone after sees only `None`. The same
//! declaration ([`described!`]) gives the JSON Schema that editors complete from, so the two cannot drift apart.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    fault::{Place, Report, did_you_mean, one_of},
    scalar::Scalar,
    tree::{Entry, Key, Node, quote},
};

pub(crate) trait Decode: Sized + JsonSchema {
    /// `None`: reported.
    fn decode(node: &Node, report: &mut Report) -> Option<Self>;
}

/// A value and where it stands, for checks that need more than the value.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) place: Place,
    pub(crate) value: T,
    /// As it stands in the file, for messages.
    pub(crate) shown: String,
}

impl<T: Decode> Decode for At<T> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let value = T::decode(node, report)?;
        Some(Self { place: node.place.clone(), value, shown: node.shown() })
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        Some(node.items("a list", report)?.iter().filter_map(|item| T::decode(item, report)).collect())
    }
}

/// A list that says nothing when it is empty.
#[derive(Debug, Clone)]
pub(crate) struct AtLeastOne<T>(pub(crate) Vec<T>);

impl<T: Decode> Decode for AtLeastOne<T> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        if node.items("a list", report)?.is_empty() {
            report.fault(&node.place, "expected at least one, found an empty list");
            return None;
        }
        Vec::decode(node, report).map(Self)
    }
}

/// A mapping whose keys are names that the file's author chose. A name stays although what it names is faulty, so that
/// references to it are not faults too.
#[derive(Debug, Clone)]
pub(crate) struct Named<T>(pub(crate) Vec<(Key, Option<T>)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Named<T> {
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.text.as_str())
    }
}

impl<T: Decode> Decode for Named<T> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let entries = node.entries("a mapping of names", report)?;
        Some(Self(entries.iter().map(|entry| (entry.key.clone(), T::decode(&entry.value, report))).collect()))
    }
}

/// The keys of one mapping.
pub(crate) struct Fields<'a>(&'a Node);

impl<'a> Fields<'a> {
    pub(crate) fn of(node: &'a Node, known: &[&str], report: &mut Report) -> Option<Self> {
        for Entry { key, .. } in node.entries("a mapping", report)? {
            if !known.contains(&key.text.as_str()) {
                let message = format!("unknown key {}; expected {}", quote(&key.text), one_of(known));
                report.suggest(&key.place, message, did_you_mean(&key.text, known.iter().copied()));
            }
        }
        Some(Self(node))
    }

    pub(crate) fn optional<T: Decode>(&self, key: &str, report: &mut Report) -> Option<T> {
        T::decode(self.0.get(key)?, report)
    }

    pub(crate) fn required<T: Decode>(&self, key: &str, report: &mut Report) -> Option<T> {
        if self.0.get(key).is_none() {
            report.fault(&self.0.place, format!("the key {key:?} is missing"));
        }
        self.optional(key, report)
    }
}

/// The value of a scalar that means one of a few words.
pub(crate) fn choice<T: Copy>(node: &Node, what: &str, choices: &[(&str, T)], report: &mut Report) -> Option<T> {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let expected = format!("{what}: {}", one_of(&words));
    let Some(text) = node.text() else {
        return node.refuse(&expected, None, report);
    };
    match choices.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Some(*value),
        None => node.refuse(&expected, did_you_mean(text, words), report),
    }
}

/// What a text stands for. `parse` may say what to write instead. A number or a boolean where text belongs is refused:
/// what YAML made of it is not what was written (`1.10`, `0123`, `no`).
pub(crate) fn parsed<T>(
    node: &Node,
    expected: &str,
    report: &mut Report,
    parse: impl FnOnce(&str) -> Result<T, Option<String>>,
) -> Option<T> {
    let Some(text) = node.text() else {
        return node.refuse(expected, None, report);
    };
    let is_text = node.is_expanded() || node.scalar() == Some(Scalar::Text);
    match parse(text) {
        Ok(value) if is_text => Some(value),
        Ok(_) if node.scalar() == Some(Scalar::Null) => node.refuse(expected, None, report),
        Ok(_) => node.refuse(expected, Some(format!("quote it: {text:?}")), report),
        // What a variable holds is not repeated.
        Err(_) if node.is_expanded() => node.refuse(expected, None, report),
        Err(suggestion) => node.refuse(expected, suggestion, report),
    }
}

impl Decode for String {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        parsed(node, "text", report, |text| Ok(text.to_owned()))
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for AtLeastOne<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("AtLeastOne{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "array", "items": generator.subschema_for::<T>(), "minItems": 1})
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<T>()})
    }
}

/// The text of doc comments, line by line.
pub(crate) fn documentation(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Declares a mapping of the hub file: the struct, how it is read, and its JSON Schema. Each field is `required` or
/// `optional`, and is `None` when it is absent or was refused.
macro_rules! described {
    ($($(#[doc = $doc:literal])+ $name:ident {
        $($(#[doc = $field_doc:literal])+ $need:ident $key:literal $field:ident: $type:ty,)*
    })*) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone)]
        pub(crate) struct $name {
            $($(#[doc = $field_doc])+ pub(crate) $field: Option<$type>,)*
        }

        impl $crate::hub::decode::Decode for $name {
            fn decode(node: &$crate::hub::tree::Node, report: &mut $crate::hub::fault::Report) -> Option<Self> {
                let fields = $crate::hub::decode::Fields::of(node, &[$($key),*], report)?;
                Some(Self { $($field: fields.$need($key, report),)* })
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut properties = serde_json::Map::new();
                let mut required: Vec<&str> = Vec::new();
                $(
                    let mut schema = generator.subschema_for::<$type>();
                    let description = $crate::hub::decode::documentation(&[$($field_doc),+]);
                    schema.insert("description".to_owned(), description.into());
                    properties.insert($key.to_owned(), schema.to_value());
                    if stringify!($need) == "required" {
                        required.push($key);
                    }
                )*
                schemars::json_schema!({
                    "description": $crate::hub::decode::documentation(&[$($doc),+]),
                    "type": "object",
                    "properties": properties,
                    "required": required,
                    "additionalProperties": false,
                })
            }
        }
    )*};
}
pub(crate) use described;
