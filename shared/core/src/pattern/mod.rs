//! Filters and their EventBridge patterns.

mod standin;

pub use standin::{compile, compile_raw};

use serde_json::Value;

/// A validated EventBridge event pattern, as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPattern(String);

impl EventPattern {
    pub fn as_str(&self) -> &str {
        &self.0
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
