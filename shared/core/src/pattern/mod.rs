//! Filters and their EventBridge patterns (`docs/contract.md` §4).
//!
//! A pattern that comes out of here matches the same events on AWS and in process. Nothing is approximated: what a
//! pattern cannot say, and what would mean something else in process than on AWS, is refused with the reason.
//!
//! The text goes to EventBridge; the tree it is written from ([`shape`]) is what the [`matcher`] reads.

mod filters;
mod matcher;
mod meet;
mod number;
mod raw;
mod shape;
mod text;

pub use filters::compile;
pub use matcher::Matcher;
pub use raw::compile_raw;

use serde_json::Value;

use self::{
    shape::{Field, Group, Leaf, MOST_COMBINATIONS},
    text::Form,
};

/// A validated EventBridge event pattern, as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPattern {
    text: String,
    group: Group,
}

/// EventBridge's default limit, in characters.
const LONGEST: usize = 2_048;

/// How many patterns with wildcards EventBridge takes on a bus.
pub const MOST_WILDCARDS: usize = 30;

impl EventPattern {
    /// The whole pattern, as EventBridge reads it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is one of the [`MOST_WILDCARDS`].
    pub fn uses_wildcard(&self) -> bool {
        let wildcard =
            |leaf: &Leaf| matches!(leaf, Leaf::Form(Form::Wildcard, _) | Leaf::OtherForms(Form::Wildcard, _));
        self.group.any_list(&|leaves| leaves.iter().any(wildcard))
    }

    fn of(group: Group) -> Result<Self, Vec<PatternFault>> {
        let fault = |message| Err(vec![PatternFault { at: FaultAt::Route, message }]);
        let text = group.to_json().to_string();
        let length = text.chars().count();
        if length > LONGEST {
            return fault(format!("the route's pattern has {length} characters; EventBridge takes {LONGEST}"));
        }
        let count = group.combinations();
        if count > MOST_COMBINATIONS {
            return fault(format!(
                "the route's pattern has {count} combinations of $or branches; EventBridge takes {MOST_COMBINATIONS}"
            ));
        }
        Ok(Self { text, group })
    }
}

/// What a route's `messages` say of `detail-type`; `None` if they allow every type, as `*` and no messages do. (A hub file
/// has at least one; none are left when all had faults, and then the other faults of the route are wanted.)
fn types(messages: &[TypePattern]) -> Option<Vec<Leaf>> {
    let mut leaves = Vec::new();
    for message in messages {
        let leaf = match message {
            TypePattern::Exact(text) => Leaf::Text(text.clone()),
            TypePattern::Prefix(text) if text.is_empty() => return None,
            TypePattern::Prefix(text) => Leaf::Form(Form::Prefix, text.clone()),
        };
        if !leaves.contains(&leaf) {
            leaves.push(leaf);
        }
    }
    (!leaves.is_empty()).then_some(leaves)
}

/// Every event of a hub, for a pattern that would have no condition: EventBridge takes no empty one.
fn any_source() -> Field {
    Field::Leaves(vec![Leaf::Form(Form::Prefix, "crossdock.".to_owned())])
}

/// A value as it was found, for a fault.
fn found(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A path of the detail that no pattern may look at, and why.
fn closed_path(path: &[&str]) -> Option<&'static str> {
    match path {
        ["payload", _, "current", ..] => {
            Some("`current` is only known at the moment of an attempt, so no route can look at it; write `actual`")
        }
        ["routes", ..] => Some("`routes` is the answer to what the routes ask, so no route can look at it"),
        ["payload_ref", ..] => Some("`payload_ref` is about how a message travels, so no route can look at it"),
        _ => None,
    }
}

/// `messages` of a route: a type, or the beginning of one before a `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypePattern {
    Exact(String),
    /// `order:*` is the prefix `order:`; `*` alone is the empty prefix.
    Prefix(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Dotted, from the message's root: `keys.total`, `payload.order.actual.state`.
    pub path: String,
    pub operator: Operator,
    pub value: Option<Value>,
}

/// How a field is compared; the names are those of `hub.yaml` in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Is,
    In,
    IsNot,
    NotIn,
    Gt,
    Gte,
    Lt,
    Lte,
    Between,
    Begins,
    Ends,
    Contains,
    Like,
    Present,
    Empty,
    SameAs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Combine {
    #[default]
    All,
    Any,
}

/// What a filter or raw pattern asks for that no pattern can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternFault {
    pub at: FaultAt,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultAt {
    /// The filter at this place.
    Filter(usize),
    /// RFC 6901 pointer into the raw pattern.
    Raw(String),
    /// The route as a whole: the pattern's length, its combinations.
    Route,
}

#[cfg(test)]
mod tests;
