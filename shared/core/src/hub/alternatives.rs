//! The parts of a hub file that can be written in more than one way, or of which exactly one may be there.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    decode::{At, AtLeastOne, Decode, choice},
    description::{BasicPart, DerivePart, HeaderPart, LinkPagesPart, NumberPagesPart, SecretPart},
    fault::{Report, did_you_mean, one_of},
    tree::{Content, Entry, Node, quote},
    values::{Field, Json, Span},
};

/// A derive rule, with exactly one condition.
#[derive(Debug, Clone)]
pub(crate) struct Rule(pub(crate) DerivePart);

impl Decode for Rule {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let rule = DerivePart::decode(node, report)?;
        let conditions = ["becomes", "is"].iter().filter(|key| node.get(key).is_some()).count();
        if conditions != 1 {
            report.fault(&node.place, format!("expected exactly one of becomes or is, found {conditions}"));
        }
        Some(Self(rule))
    }
}

impl JsonSchema for Rule {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Rule".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "allOf": [generator.subschema_for::<DerivePart>()],
            "oneOf": [{"required": ["becomes"]}, {"required": ["is"]}],
        })
    }
}

#[derive(Debug, Clone)]
pub(crate) enum AuthPart {
    Bearer(SecretPart),
    Basic(BasicPart),
    Header(HeaderPart),
}

impl Decode for AuthPart {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let entries = node.entries("one of bearer, basic or header", report)?;
        let ways: Vec<Option<Self>> = entries.iter().map(|entry| way(entry, report)).collect();
        if ways.len() != 1 {
            report.fault(&node.place, format!("expected exactly one of bearer, basic or header, found {}", ways.len()));
            return None;
        }
        ways.into_iter().next().flatten()
    }
}

fn way(Entry { key, value }: &Entry, report: &mut Report) -> Option<AuthPart> {
    const WAYS: [&str; 3] = ["bearer", "basic", "header"];
    match key.text.as_str() {
        "bearer" => SecretPart::decode(value, report).map(AuthPart::Bearer),
        "basic" => BasicPart::decode(value, report).map(AuthPart::Basic),
        "header" => HeaderPart::decode(value, report).map(AuthPart::Header),
        "oauth2" => {
            report.fault(&key.place, "oauth2 is not supported yet; expected bearer, basic or header");
            None
        }
        unknown => {
            let message = format!("unknown key {}; expected {}", quote(unknown), one_of(&WAYS));
            report.suggest(&key.place, message, did_you_mean(unknown, WAYS));
            None
        }
    }
}

impl JsonSchema for AuthPart {
    fn schema_name() -> Cow<'static, str> {
        "AuthPart".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "bearer": generator.subschema_for::<SecretPart>(),
                "basic": generator.subschema_for::<BasicPart>(),
                "header": generator.subschema_for::<HeaderPart>(),
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}

/// A path alone, or a mapping that says more.
#[derive(Debug, Clone)]
pub(crate) enum PathOr<T> {
    Path(Field),
    More(T),
}

impl<T: Decode> Decode for PathOr<T> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.content {
            Content::Map(_) => T::decode(node, report).map(Self::More),
            _ => Field::decode(node, report).map(Self::Path),
        }
    }
}

impl<T: JsonSchema> JsonSchema for PathOr<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("PathOr{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [generator.subschema_for::<Field>(), generator.subschema_for::<T>()]})
    }
}

#[derive(Debug, Clone)]
pub(crate) enum PagesPart {
    Number(Box<NumberPagesPart>),
    Link,
}

#[derive(Debug, Clone, Copy)]
enum PageStyle {
    Number,
    Link,
}

impl Decode for PagesPart {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        node.entries("a mapping", report)?;
        let Some(style) = node.get("style") else {
            report.fault(&node.place, r#"the key "style" is missing; expected page or link"#);
            return None;
        };
        match choice(style, "a style of pages", &[("page", PageStyle::Number), ("link", PageStyle::Link)], report)? {
            PageStyle::Number => NumberPagesPart::decode(node, report).map(|part| Self::Number(Box::new(part))),
            PageStyle::Link => LinkPagesPart::decode(node, report)?.style.map(|LinkStyle| Self::Link),
        }
    }
}

impl JsonSchema for PagesPart {
    fn schema_name() -> Cow<'static, str> {
        "PagesPart".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [generator.subschema_for::<NumberPagesPart>(), generator.subschema_for::<LinkPagesPart>()],
        })
    }
}

/// The one word that a style is told by.
macro_rules! style {
    ($name:ident, $word:literal) => {
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name;

        impl Decode for $name {
            fn decode(node: &Node, report: &mut Report) -> Option<Self> {
                choice(node, "a style of pages", &[($word, Self)], report)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"const": $word})
            }
        }
    };
}

style!(NumberStyle, "page");
style!(LinkStyle, "link");

#[derive(Debug, Clone)]
pub(crate) enum RetriesPart {
    None,
    Waits(AtLeastOne<At<Span>>),
}

impl Decode for RetriesPart {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.content {
            Content::List(_) => AtLeastOne::decode(node, report).map(Self::Waits),
            _ if node.text() == Some("none") => Some(Self::None),
            _ => {
                let meant = node.text().and_then(|text| match text {
                    _ if text.starts_with(|c: char| c.is_ascii_digit()) => Some(format!("write [{}]", node.shown())),
                    _ => did_you_mean(text, ["none"]),
                });
                node.refuse("none or a list of durations such as [5s, 30s, 2m]", meant, report)
            }
        }
    }
}

impl JsonSchema for RetriesPart {
    fn schema_name() -> Cow<'static, str> {
        "Retries".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"const": "none"}, generator.subschema_for::<AtLeastOne<At<Span>>>()]})
    }
}

/// How long something is kept.
#[derive(Debug, Clone)]
pub(crate) enum TermPart {
    Forever,
    For(At<Span>),
}

impl Decode for TermPart {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match node.text() {
            Some("forever") => Some(Self::Forever),
            Some(text) if text.starts_with(|c: char| c.is_ascii_digit()) => At::decode(node, report).map(Self::For),
            text => {
                let meant = text.and_then(|text| did_you_mean(text, ["forever"]));
                node.refuse("forever or a duration such as 30d", meant, report)
            }
        }
    }
}

impl JsonSchema for TermPart {
    fn schema_name() -> Cow<'static, str> {
        "Term".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"const": "forever"}, generator.subschema_for::<At<Span>>()]})
    }
}

/// An EventBridge pattern as it stands, with the place of each part.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(pub(crate) Node);

impl Decode for Pattern {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        node.entries("an event pattern (a mapping)", report)?;
        Json::decode(node, report)?;
        Some(Self(node.clone()))
    }
}

impl JsonSchema for Pattern {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object"})
    }
}
