//! The single values of a hub file: names, durations, sizes, addresses, times. Each is parsed where it is read, so that
//! a bad one is a fault at its own line and column, and each says in the JSON Schema what it looks like.

use std::{borrow::Cow, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::{
    decode::{Decode, choice, parsed},
    fault::Report,
    model::{ClientAuth, Format, KeyKind, OrderKind, Schemes, Start, TimeFormat},
    scalar::{self, Scalar, has_leading_zero, old_boolean},
    tree::{Content, Node},
};
use crate::{
    Timestamp,
    id::{EndpointName, HubName, InvalidName, MessageType, ObjectType, RouteName, SecretName},
    json::FieldPath,
    pattern::{Combine, Operator, TypePattern},
    port::Method,
    webhook::{
        envelope::Envelope,
        proof::{Algorithm, Encoding},
        provider::Provider,
    },
};

/// Where a variable may stand for the value.
pub(super) const VARIABLE: &str = r"\$\{";

/// A schema under its type's own name, and the same for a `${VARIABLE}`.
macro_rules! schema {
    ($type:ty, $name:literal, $schema:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let plain: Schema = $schema;
                json_schema!({"anyOf": [plain, {"type": "string", "pattern": VARIABLE}]})
            }
        }
    };
}

macro_rules! names {
    ($($type:ty, $name:literal, $expected:literal, $pattern:literal;)*) => {$(
        impl Decode for $type {
            fn decode(node: &Node, report: &mut Report) -> Option<Self> {
                parsed(node, $expected, report, |text| Self::new(text).map_err(|_| slug::<Self>(text)))
            }
        }
        schema!($type, $name, json_schema!({"type": "string", "pattern": $pattern}));
    )*};
}

names! {
    HubName, "HubName", "a hub name (a lower-case letter, then lower-case letters, digits, '-' or '_', at most 40)",
        "^[a-z][a-z0-9_-]{0,39}$";
    EndpointName, "EndpointName",
        "the name of an endpoint (a lower-case letter, then lower-case letters, digits, '-' or '_', at most 40)",
        "^[a-z][a-z0-9_-]{0,39}$";
    RouteName, "RouteName",
        "a route name (a lower-case letter, then lower-case letters, digits, '-' or '_', at most 40)",
        "^[a-z][a-z0-9_-]{0,39}$";
    SecretName, "SecretName",
        "the name of a secret (a lower-case letter, then lower-case letters, digits, '-' or '_', at most 40)",
        "^[a-z][a-z0-9_-]{0,39}$";
    ObjectType, "ObjectType", "an object type (one lower-case word of letters, digits, '-' or '_')",
        "^[a-z][a-z0-9_-]{0,59}$";
    MessageType, "MessageType", "a message type (at least two lower-case words joined by ':', such as order:new)",
        "^[a-z][a-z0-9_-]*(:[a-z][a-z0-9_-]*)+$";
}

/// The nearest thing that is a name: lower case, no spaces.
pub(crate) fn slug<T: FromStr<Err = InvalidName>>(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase().replace([' ', '/', '.'], "-");
    T::from_str(&lower).ok().map(|_| format!("did you mean {lower:?}?"))
}

/// A length of time: `500ms`, `15s`, `2m`, `8h`, `1d`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span(pub(crate) Duration);

impl Span {
    /// Longer than any limit of a hub, short enough that no sum of them overflows.
    pub(crate) const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
}

impl Decode for Span {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        parsed(node, "a duration such as 500ms, 15s, 2m, 8h or 1d", report, |text| {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let (number, unit) = text.split_at(digits);
            let millis: u64 = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ if digits == 0 => return Err(None),
                "" => return Err(Some(format!("did you mean {number}s?"))),
                _ => {
                    let first = unit.trim_start().chars().next().filter(|c| "smhdSMHD".contains(*c));
                    return Err(first.map(|c| format!("did you mean {number}{}?", c.to_ascii_lowercase())));
                }
            };
            let number: u64 = number.parse().map_err(|_| None)?;
            let span = Duration::from_millis(number.checked_mul(millis).ok_or(None)?);
            if span <= Self::LONGEST { Ok(Self(span)) } else { Err(Some("at most 366d".to_owned())) }
        })
    }
}
schema!(Span, "Duration", json_schema!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"}));

/// Bytes: `512B`, `256KiB`, `10MiB`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size(pub(crate) usize);

impl Decode for Size {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        parsed(node, "a size such as 512B, 256KiB or 10MiB", report, |text| {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let (number, unit) = text.split_at(digits);
            let bytes: usize = match unit {
                "B" => 1,
                "KiB" => 1 << 10,
                "MiB" => 1 << 20,
                "GiB" => 1 << 30,
                _ if digits == 0 => return Err(None),
                "" => return Err(Some(format!("did you mean {number}B?"))),
                _ => {
                    let first = unit.trim_start().chars().next().filter(|c| "kKmMgG".contains(*c));
                    return Err(first.map(|c| format!("did you mean {number}{}iB?", c.to_ascii_uppercase())));
                }
            };
            number.parse::<usize>().ok().and_then(|number| number.checked_mul(bytes)).map(Self).ok_or(None)
        })
    }
}
schema!(Size, "Size", json_schema!({"type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$"}));

/// A count; a variable may hold it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count(pub(crate) u64);

impl Decode for Count {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let expected = "a whole number";
        match node.typed() {
            Some(Scalar::Number(number)) => match number.as_u64() {
                Some(count) if !node.text().is_some_and(has_leading_zero) => Some(Self(count)),
                Some(count) => node.refuse(expected, Some(format!("did you mean {count}?")), report),
                None => node.refuse(expected, None, report),
            },
            Some(Scalar::Text) if !node.is_expanded() => {
                let unquoted = node.text().and_then(|text| text.parse::<u64>().ok());
                node.refuse(expected, unquoted.map(|count| format!("leave out the quotes: {count}")), report)
            }
            _ => node.refuse(expected, None, report),
        }
    }
}
schema!(Count, "Count", json_schema!({"type": "integer", "minimum": 0}));

/// `true` or `false`; a variable may hold it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag(pub(crate) bool);

impl Decode for Flag {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match node.typed() {
            Some(Scalar::Boolean(value)) => Some(Self(value)),
            _ => {
                let meant = node.text().and_then(|text| match text.to_ascii_lowercase().as_str() {
                    "true" => Some(true),
                    "false" => Some(false),
                    _ => old_boolean(text),
                });
                node.refuse("true or false", meant.map(|value| format!("write {value}, without quotes")), report)
            }
        }
    }
}
schema!(Flag, "Flag", json_schema!({"type": "boolean"}));

/// A value sent as text in a query or a header, where `50` and `true` are as good as text and travel as written.
#[derive(Debug, Clone)]
pub(crate) struct Literal(pub(crate) String);

impl Decode for Literal {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match (node.scalar(), node.text()) {
            (Some(Scalar::Null) | None, _) | (_, None) => node.refuse("text, a number or a boolean", None, report),
            (_, Some(text)) => Some(Self(text.to_owned())),
        }
    }
}
schema!(Literal, "Literal", json_schema!({"type": ["string", "number", "boolean"]}));

/// Where a field is; may be the value itself (`""`).
impl Decode for FieldPath {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        parsed(node, "a path: names joined by single dots, such as customer.email", report, |text| {
            let pointer = || {
                let dotted = text.trim_start_matches(['$', '.', '/']).replace('/', ".");
                FieldPath::from_str(&dotted).is_ok().then(|| format!("did you mean {dotted:?}?"))
            };
            if text.starts_with('/') || text == "$" || text.starts_with("$.") {
                return Err(pointer());
            }
            FieldPath::from_str(text).map_err(|_| pointer())
        })
    }
}
schema!(FieldPath, "Path", json_schema!({"type": "string", "pattern": r"^([^./][^.]*(\.[^.]+)*)?$"}));

/// A path that names a field, not the value itself.
#[derive(Debug, Clone)]
pub(crate) struct Field(pub(crate) FieldPath);

impl Decode for Field {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let path = FieldPath::decode(node, report)?;
        if path.segments().is_empty() {
            return node.refuse("the path of a field, such as customer.email", None, report);
        }
        Some(Self(path))
    }
}
schema!(Field, "Field", json_schema!({"type": "string", "pattern": r"^[^./][^.]*(\.[^.]+)*$"}));

/// Any value that JSON has.
#[derive(Debug, Clone)]
pub(crate) struct Json(pub(crate) Value);

impl Decode for Json {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        look(node, report).then(|| Self(node.to_json()))
    }
}

impl JsonSchema for Json {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Json".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}

/// Whether every part is a JSON value that means what it looks like.
fn look(node: &Node, report: &mut Report) -> bool {
    let mut fine = true;
    match &node.content {
        Content::List(items) => {
            for item in items {
                fine &= look(item, report);
            }
        }
        Content::Map(entries) => {
            for entry in entries {
                fine &= look(&entry.value, report);
            }
        }
        Content::Scalar { quoted: false, .. } => fine = look_at_scalar(node, report),
        Content::Scalar { .. } => {}
        Content::Unusable => fine = false,
    }
    fine
}

fn look_at_scalar(node: &Node, report: &mut Report) -> bool {
    let text = node.text().unwrap_or_default();
    if has_leading_zero(text) {
        let plain = match scalar::resolve(text) {
            Scalar::Number(number) if !node.is_expanded() => format!(", or write {number}"),
            _ => String::new(),
        };
        let suggestion = format!("quote it: {}{plain}", node.shown());
        report.suggest(&node.place, "a number does not begin with 0", Some(suggestion));
        return false;
    }
    if !node.is_expanded()
        && let Some(meant) = old_boolean(text)
    {
        report.note(
            &node.place,
            format!("{text} is text in YAML 1.2"),
            Some(format!("write {meant} for the boolean, or quote it: {text:?}")),
        );
    }
    true
}

macro_rules! choices {
    ($($type:ty, $name:literal, $what:literal: $($word:literal => $value:expr),+;)*) => {$(
        impl Decode for $type {
            fn decode(node: &Node, report: &mut Report) -> Option<Self> {
                choice(node, $what, &[$(($word, $value)),+], report)
            }
        }
        schema!($type, $name, json_schema!({"enum": [$($word),+]}));
    )*};
}

choices! {
    TimeFormat, "TimeFormat", "a time format":
        "rfc3339" => Self::Rfc3339, "epoch" => Self::Epoch, "epoch_ms" => Self::EpochMs;
    OrderKind, "OrderKind", "what the order is":
        "number" => Self::Number, "rfc3339" => Self::Time(TimeFormat::Rfc3339),
        "epoch" => Self::Time(TimeFormat::Epoch), "epoch_ms" => Self::Time(TimeFormat::EpochMs);
    Method, "Method", "a method": "GET" => Self::Get, "POST" => Self::Post;
    ClientAuth, "ClientAuth", "how the client's credentials are sent": "basic" => Self::Basic, "body" => Self::Body;
    Format, "Format", "a format":
        "crossdock" => Self::Crossdock, "wombat" => Self::Wombat, "cloudevents" => Self::CloudEvents;
    Schemes, "Schemes", "a scheme of signatures": "v1" => Self::V1, "v1a" => Self::V1a, "both" => Self::Both;
    Provider, "Provider", "a provider":
        "generic" => Self::Generic, "standard-webhooks" => Self::StandardWebhooks, "github" => Self::GitHub,
        "shopify" => Self::Shopify, "stripe" => Self::Stripe, "commercetools" => Self::Commercetools,
        "marketplacer" => Self::Marketplacer, "woocommerce" => Self::WooCommerce;
    Algorithm, "Algorithm", "an algorithm":
        "sha1" => Self::Sha1, "sha256" => Self::Sha256, "sha512" => Self::Sha512;
    Encoding, "Encoding", "an encoding": "hex" => Self::Hex, "base64" => Self::Base64;
    Envelope, "Envelope", "an envelope":
        "none" => Self::None, "auto" => Self::Auto, "cloudevents" => Self::CloudEvents, "pubsub" => Self::PubSub,
        "sns" => Self::Sns, "eventbridge" => Self::EventBridge, "commercetools" => Self::Commercetools;
    KeyKind, "KeyKind", "a kind of value":
        "number" => Self::Number, "string" => Self::String, "boolean" => Self::Boolean;
    Combine, "Match", "how the filters are combined": "all" => Self::All, "any" => Self::Any;
    Operator, "Operator", "an operator":
        "is" => Self::Is, "in" => Self::In, "is_not" => Self::IsNot, "not_in" => Self::NotIn,
        "gt" => Self::Gt, "gte" => Self::Gte, "lt" => Self::Lt, "lte" => Self::Lte, "between" => Self::Between,
        "begins" => Self::Begins, "ends" => Self::Ends, "contains" => Self::Contains, "like" => Self::Like,
        "present" => Self::Present, "empty" => Self::Empty, "same_as" => Self::SameAs;
}

impl Decode for Start {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        parsed(node, "now, all or a time such as 2026-11-21T10:00:00Z", report, |text| match text {
            "now" => Ok(Self::Now),
            "all" => Ok(Self::All),
            _ => text.parse::<Timestamp>().map(Self::At).map_err(|_| {
                let midnight = format!("{text}T00:00:00Z");
                let zoned = format!("{text}Z");
                [midnight, zoned]
                    .into_iter()
                    .find(|text| text.parse::<Timestamp>().is_ok())
                    .map(|text| format!("did you mean {text}?"))
                    .or_else(|| super::fault::did_you_mean(text, ["now", "all"]))
            }),
        })
    }
}
schema!(Start, "Start", json_schema!({"anyOf": [{"enum": ["now", "all"]}, {"type": "string", "format": "date-time"}]}));

/// A type, or the beginning of one before a `*`.
impl Decode for TypePattern {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        parsed(
            node,
            "a message type such as order:new, or the beginning of one and *, such as order:*",
            report,
            |text| {
                let lower = text.to_lowercase();
                if lower != text {
                    return Err(Some(format!("did you mean {lower:?}?")));
                }
                let Some(beginning) = text.strip_suffix('*') else {
                    return match MessageType::new(text) {
                        Ok(_) => Ok(Self::Exact(text.to_owned())),
                        Err(_) => Err(ObjectType::new(text).ok().map(|word| format!("did you mean \"{word}:*\"?"))),
                    };
                };
                // What follows the beginning may be any word, so it is valid when some continuation of it is.
                let continued = beginning.is_empty() || MessageType::new(&format!("{beginning}a:a")).is_ok();
                if continued { Ok(Self::Prefix(beginning.to_owned())) } else { Err(None) }
            },
        )
    }
}
schema!(
    TypePattern,
    "MessageTypes",
    json_schema!({"type": "string", "pattern": r"^([a-z][a-z0-9_:-]*)?\*$|^[a-z][a-z0-9_-]*(:[a-z][a-z0-9_-]*)+$"})
);
