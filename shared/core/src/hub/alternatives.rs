//! The parts of a hub file that can be written in more than one way, or of which exactly one may be there.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::{
    decode::{At, AtLeastOne, Decode, choice},
    description::{
        BasicPart, CursorPagesPart, DerivePart, HeaderPart, LinkPagesPart, LiteralPart, NumberPagesPart, OAuth2Part,
        OffsetPagesPart, OrderFieldPart, SecretPart, Status206PagesPart,
    },
    fault::{Report, did_you_mean, one_of},
    template::Placeholder,
    tree::{Content, Entry, Node, quote},
    values::{Field, Json, Span},
};
use crate::id::SecretName;

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
    OAuth2(Box<OAuth2Part>),
}

const WAYS: [&str; 4] = ["bearer", "basic", "header", "oauth2"];

impl Decode for AuthPart {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let entries = node.entries(&format!("one of {}", one_of(&WAYS)), report)?;
        let ways: Vec<Option<Self>> = entries.iter().map(|entry| way(entry, report)).collect();
        if ways.len() != 1 {
            report.fault(&node.place, format!("expected exactly one of {}, found {}", one_of(&WAYS), ways.len()));
            return None;
        }
        ways.into_iter().next().flatten()
    }
}

fn way(Entry { key, value }: &Entry, report: &mut Report) -> Option<AuthPart> {
    match key.text.as_str() {
        "bearer" => SecretPart::decode(value, report).map(AuthPart::Bearer),
        "basic" => BasicPart::decode(value, report).map(AuthPart::Basic),
        "header" => HeaderPart::decode(value, report).map(AuthPart::Header),
        "oauth2" => OAuth2Part::decode(value, report).map(|part| AuthPart::OAuth2(Box::new(part))),
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
                "oauth2": generator.subschema_for::<OAuth2Part>(),
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}

/// Any JSON, with the place of each part: some of its texts stand for something.
#[derive(Debug, Clone)]
pub(crate) struct BodyPart(pub(crate) Node);

impl Decode for BodyPart {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        refuse_unquoted(node, report);
        Json::decode(node, report)?;
        Some(Self(node.clone()))
    }
}

fn refuse_unquoted(node: &Node, report: &mut Report) {
    if let Some(meant) = unquoted(node) {
        let hint = format!("quote it: {:?}", meant.token());
        report.suggest(&node.place, "expected text, found a mapping", Some(hint));
        return;
    }
    match &node.content {
        Content::List(items) => items.iter().for_each(|item| refuse_unquoted(item, report)),
        Content::Map(entries) => entries.iter().for_each(|entry| refuse_unquoted(&entry.value, report)),
        _ => {}
    }
}

/// Without quotes, `{cursor}` is YAML for a mapping in which `cursor` is null.
pub(crate) fn unquoted(node: &Node) -> Option<Placeholder> {
    let Content::Map(entries) = &node.content else { return None };
    let [Entry { key, value }] = &entries[..] else { return None };
    Placeholder::named(&key.text).filter(|_| value.text() == Some(""))
}

impl JsonSchema for BodyPart {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Body".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}

/// A value, or the name of a secret. What looks like the one and is the other is wrapped: `{literal: {secret: x}}`.
#[derive(Debug, Clone)]
pub(crate) enum ParameterPart {
    Value(Value),
    Secret(SecretName),
}

impl Decode for ParameterPart {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match only_key(node) {
            Some("secret") => SecretPart::decode(node, report)?.secret.map(Self::Secret),
            Some("literal") => LiteralPart::decode(node, report)?.literal.map(|Json(value)| Self::Value(value)),
            _ => {
                refuse_secrets_inside(node, report);
                Json::decode(node, report).map(|Json(value)| Self::Value(value))
            }
        }
    }
}

fn only_key(node: &Node) -> Option<&str> {
    let Content::Map(entries) = &node.content else { return None };
    let [Entry { key, .. }] = &entries[..] else { return None };
    Some(&key.text)
}

/// It would be sent as it stands, the name in place of the secret.
fn refuse_secrets_inside(node: &Node, report: &mut Report) {
    let refuse = |value: &Node, report: &mut Report| match only_key(value) {
        Some("secret") => {
            let hint = "if this is data, write {literal: …} around the whole parameter".to_owned();
            report.suggest(&value.place, "only a whole parameter can be a secret, not a part of one", Some(hint));
        }
        _ => refuse_secrets_inside(value, report),
    };
    match &node.content {
        Content::List(items) => items.iter().for_each(|item| refuse(item, report)),
        Content::Map(entries) => entries.iter().for_each(|entry| refuse(&entry.value, report)),
        Content::Scalar { .. } | Content::Unusable => {}
    }
}

impl JsonSchema for ParameterPart {
    fn schema_name() -> Cow<'static, str> {
        "Parameter".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [generator.subschema_for::<SecretPart>(), generator.subschema_for::<LiteralPart>(), {}],
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
    Offset(Box<OffsetPagesPart>),
    Link(Box<LinkPagesPart>),
    Cursor(Box<CursorPagesPart>),
    Status206(Box<Status206PagesPart>),
}

#[derive(Debug, Clone, Copy)]
enum PageStyle {
    Number,
    Offset,
    Link,
    Cursor,
    Status206,
}

const STYLES: [(&str, PageStyle); 5] = [
    ("page", PageStyle::Number),
    ("offset", PageStyle::Offset),
    ("link", PageStyle::Link),
    ("cursor", PageStyle::Cursor),
    ("status206", PageStyle::Status206),
];

impl Decode for PagesPart {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        node.entries("a mapping", report)?;
        let Some(style) = node.get("style") else {
            let words = one_of(&STYLES.map(|(word, _)| word));
            report.fault(&node.place, format!("the key \"style\" is missing; expected {words}"));
            return None;
        };
        match choice(style, "a style of pages", &STYLES, report)? {
            PageStyle::Number => NumberPagesPart::decode(node, report).map(|part| Self::Number(Box::new(part))),
            PageStyle::Offset => OffsetPagesPart::decode(node, report).map(|part| Self::Offset(Box::new(part))),
            PageStyle::Link => LinkPagesPart::decode(node, report).map(|part| Self::Link(Box::new(part))),
            PageStyle::Cursor => CursorPagesPart::decode(node, report).map(|part| Self::Cursor(Box::new(part))),
            PageStyle::Status206 => {
                Status206PagesPart::decode(node, report).map(|part| Self::Status206(Box::new(part)))
            }
        }
    }
}

impl JsonSchema for PagesPart {
    fn schema_name() -> Cow<'static, str> {
        "PagesPart".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<NumberPagesPart>(),
                generator.subschema_for::<OffsetPagesPart>(),
                generator.subschema_for::<LinkPagesPart>(),
                generator.subschema_for::<CursorPagesPart>(),
                generator.subschema_for::<Status206PagesPart>(),
            ],
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
style!(OffsetStyle, "offset");
style!(LinkStyle, "link");
style!(CursorStyle, "cursor");
style!(Status206Style, "status206");

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

/// What tells the newer of two versions.
#[derive(Debug, Clone)]
pub(crate) enum OrderPart {
    None,
    Field(OrderFieldPart),
}

impl Decode for OrderPart {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match node.text() {
            Some("none") => Some(Self::None),
            Some(_) => node.refuse("none, or a mapping with field and as", None, report),
            None => OrderFieldPart::decode(node, report).map(Self::Field),
        }
    }
}

impl JsonSchema for OrderPart {
    fn schema_name() -> Cow<'static, str> {
        "Order".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"const": "none"}, generator.subschema_for::<OrderFieldPart>()]})
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
