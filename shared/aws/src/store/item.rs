//! Items as DynamoDB has them, and reading typed values out of one. What cannot be read is told by its kind and
//! attribute, never by its content.

use std::{collections::HashMap, str::FromStr};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use crossdock_core::{
    Timestamp,
    port::{PortError, Read, Unreadable},
};
use crossdock_stack::table::TTL;
use serde::{Serialize, de::DeserializeOwned};

use super::keys::sortable;

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl ToString + Copy) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn bytes(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

pub(super) fn flag(value: bool) -> AttributeValue {
    AttributeValue::Bool(value)
}

/// To the microsecond.
pub(super) fn time(value: Timestamp) -> AttributeValue {
    text(sortable(value))
}

/// `what` names the record in the error.
pub(super) fn to_json(what: &str, value: &(impl Serialize + ?Sized)) -> Result<String, PortError> {
    serde_json::to_string(value)
        .map_err(|error| PortError::permanent(format!("{what} cannot be written as JSON: {:?}", error.classify())))
}

pub(super) fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Read<T> {
    // serde_json's message may quote the value; its kind and place do not.
    serde_json::from_str(text).map_err(|error| {
        unreadable(
            what,
            format_args!("{:?} error at line {} column {}", error.classify(), error.line(), error.column()),
        )
    })
}

pub(super) fn unreadable(what: &str, why: impl std::fmt::Display) -> Unreadable {
    Unreadable(format!("the table holds an unreadable {what}: {why}"))
}

/// TTL deletes late, by days: what has expired counts as absent.
pub(super) fn has_expired(item: &Item, now: Timestamp) -> bool {
    let ttl = item.get(TTL).and_then(|value| value.as_n().ok()).and_then(|text| text.parse::<i64>().ok());
    ttl.is_some_and(|ttl| ttl <= now.as_second())
}

/// An item that is being read, and what it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub what: &'static str,
    pub item: &'a Item,
}

impl<'a> Reader<'a> {
    pub(super) fn value(&self, name: &str) -> Read<&'a AttributeValue> {
        self.item.get(name).ok_or_else(|| self.wrong(name))
    }

    pub(super) fn text(&self, name: &str) -> Read<&'a str> {
        self.optional_text(name)?.ok_or_else(|| self.wrong(name))
    }

    pub(super) fn optional_text(&self, name: &str) -> Read<Option<&'a str>> {
        match self.item.get(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name)),
        }
    }

    /// A name, or whatever else has a text of its own.
    pub(super) fn parsed<T: FromStr>(&self, name: &str) -> Read<T> {
        self.text(name)?.parse().map_err(|_| self.wrong(name))
    }

    pub(super) fn number<T: FromStr>(&self, name: &str) -> Read<T> {
        self.optional_number(name)?.ok_or_else(|| self.wrong(name))
    }

    pub(super) fn optional_number<T: FromStr>(&self, name: &str) -> Read<Option<T>> {
        match self.item.get(name) {
            None => Ok(None),
            Some(AttributeValue::N(digits)) => digits.parse().map(Some).map_err(|_| self.wrong(name)),
            Some(_) => Err(self.wrong(name)),
        }
    }

    /// Left out where it is false.
    pub(super) fn flag(&self, name: &str) -> Read<bool> {
        match self.item.get(name) {
            None => Ok(false),
            Some(AttributeValue::Bool(value)) => Ok(*value),
            Some(_) => Err(self.wrong(name)),
        }
    }

    pub(super) fn bytes<const N: usize>(&self, name: &str) -> Read<[u8; N]> {
        let blob = self.value(name)?.as_b().map_err(|_| self.wrong(name))?;
        blob.as_ref().try_into().map_err(|_| self.wrong(name))
    }

    pub(super) fn time(&self, name: &str) -> Read<Timestamp> {
        self.parsed(name)
    }

    pub(super) fn optional_time(&self, name: &str) -> Read<Option<Timestamp>> {
        self.optional_text(name)?.map(|text| text.parse().map_err(|_| self.wrong(name))).transpose()
    }

    pub(super) fn wrong(&self, name: &str) -> Unreadable {
        unreadable(self.what, format_args!("its attribute {name}"))
    }
}
