//! The parts of a webhook that can be written in more than one way, or of which exactly one may be there.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    decode::{At, Decode, parsed},
    description::{ActionPart, BearerPart, HmacPart},
    fault::{Report, did_you_mean, one_of},
    tree::{Entry, Node, quote},
    values::Field,
};

/// The only entry of a mapping that has one of these keys.
fn only<'a>(node: &'a Node, keys: [&str; 2], report: &mut Report) -> Option<&'a Entry> {
    let expected = one_of(&keys);
    let entries = node.entries(&format!("one of {expected}"), report)?;
    let mut fine = true;
    for Entry { key, .. } in entries {
        if !keys.contains(&key.text.as_str()) {
            let message = format!("unknown key {}; expected {expected}", quote(&key.text));
            report.suggest(&key.place, message, did_you_mean(&key.text, keys));
            fine = false;
        }
    }
    match entries {
        [entry] => fine.then_some(entry),
        _ => {
            report.fault(&node.place, format!("expected exactly one of {expected}, found {}", entries.len()));
            None
        }
    }
}

/// A mapping with one of two keys, each with a value of its own shape.
macro_rules! either {
    ($(#[doc = $doc:literal])+ $name:ident { $first:literal $One:ident($one:ty), $second:literal $Other:ident($other:ty) }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone)]
        pub(crate) enum $name {
            $One($one),
            $Other($other),
        }

        impl Decode for $name {
            fn decode(node: &Node, report: &mut Report) -> Option<Self> {
                let Entry { key, value } = only(node, [$first, $second], report)?;
                if key.text == $first {
                    <$one>::decode(value, report).map(Self::$One)
                } else {
                    <$other>::decode(value, report).map(Self::$Other)
                }
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "object",
                    "properties": {
                        $first: generator.subschema_for::<$one>(),
                        $second: generator.subschema_for::<$other>(),
                    },
                    "additionalProperties": false,
                    "minProperties": 1,
                    "maxProperties": 1,
                })
            }
        }
    };
}

either! {
    /// How a generic provider's requests are proven.
    VerifyPart { "hmac" Hmac(HmacPart), "bearer" Bearer(BearerPart) }
}

either! {
    /// What events come through that do not come over HTTP.
    ChannelPart { "queue" Queue(At<String>), "bus" Bus(At<String>) }
}

either! {
    /// Where a request says something.
    LocatorPart { "header" Header(At<String>), "path" Path(Field) }
}

/// What becomes of an event, or the word that nothing does.
#[derive(Debug, Clone)]
pub(crate) enum EventPart {
    Ignore,
    Action(Box<At<ActionPart>>),
}

impl Decode for EventPart {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match node.text() {
            Some("ignore") => Some(Self::Ignore),
            Some(text) => node.refuse(
                "ignore, or a mapping with a collection or a message",
                did_you_mean(text, ["ignore"]),
                report,
            ),
            None => At::decode(node, report).map(|part| Self::Action(Box::new(part))),
        }
    }
}

impl JsonSchema for EventPart {
    fn schema_name() -> Cow<'static, str> {
        "EventPart".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"const": "ignore"}, generator.subschema_for::<ActionPart>()]})
    }
}

/// SHA-256, in hex.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digest(pub(crate) [u8; 32]);

impl Decode for Digest {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        parsed(node, "the SHA-256 of a token, 64 hex digits", report, |text| digest(text).map(Self).ok_or(None))
    }
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}

impl JsonSchema for Digest {
    fn schema_name() -> Cow<'static, str> {
        "Digest".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-9a-fA-F]{64}$"})
    }
}
