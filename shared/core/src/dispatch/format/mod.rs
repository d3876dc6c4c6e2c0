//! What a delivery looks like to its endpoint (docs/formats.md): one module per format.
//!
//! Each puts the body together from the message's own text, so that numbers keep their digits and a large payload is not
//! read to be written again. What a body holds is the message, what the route and the endpoint's answers add, and who is
//! asking; headers are the same in every format but for `content-type`.
//!
//! Answers are read in one way for all formats ([`crate::answer`]): parameters as a list or a map, and either id as an echo.

mod cloudevents;
mod crossdock;
mod wombat;

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{hub::Format, id::DeliveryKey, message::Carried};

/// What every format has to tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub key: &'a DeliveryKey,
    pub message: &'a Carried,
    /// The newest version of the object, where it is newer than the message's.
    pub current: Option<&'a Value>,
    pub parameters: &'a BTreeMap<&'a str, &'a Value>,
    pub traceparent: &'a str,
}

impl Told<'_> {
    /// # Errors
    /// The message is not what it should be.
    pub(super) fn body(self, format: Format) -> Result<String, serde_json::Error> {
        match format {
            Format::Crossdock => crossdock::body(self),
            Format::Wombat => wombat::body(self),
            Format::CloudEvents => cloudevents::body(self),
        }
    }
}

pub(super) fn content_type(format: Format) -> &'static str {
    match format {
        Format::Crossdock | Format::Wombat => "application/json",
        Format::CloudEvents => "application/cloudevents+json",
    }
}

/// The message's payload as it stands in its text.
fn payload(text: &str) -> Result<&RawValue, serde_json::Error> {
    #[derive(Deserialize)]
    struct Paid<'a> {
        #[serde(borrow)]
        payload: &'a RawValue,
    }
    serde_json::from_str(text).map(|Paid { payload }| payload)
}

/// What the payload shows of the object that the message is about.
struct Shown<'a> {
    /// `{"actual": …}`, a part of the message's text.
    whole: &'a str,
    actual: &'a RawValue,
}

fn shown<'a>(text: &'a str, object_type: &str) -> Result<Option<Shown<'a>>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Seen<'a> {
        #[serde(borrow)]
        actual: &'a RawValue,
    }
    let objects: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(payload(text)?.get())?;
    let Some(whole) = objects.get(object_type) else { return Ok(None) };
    let Seen { actual } = serde_json::from_str(whole.get())?;
    Ok(Some(Shown { whole: whole.get(), actual }))
}

#[cfg(test)]
mod tests;
