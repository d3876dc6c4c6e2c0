//! `crossdock`: the message, and in it what the endpoint should know at the moment of this attempt: the newest version of
//! the object beside the one that the message saw, and the parameters as a list.

use serde::Serialize;
use serde_json::Value;

use super::{Told, shown};

/// Bytes for the names of what is put in.
const ROOM: usize = 32;

#[derive(Serialize)]
struct Parameter<'a> {
    name: &'a str,
    value: &'a Value,
}

pub(super) fn body(told: Told<'_>) -> Result<String, serde_json::Error> {
    let text = told.message.text();
    let list: Vec<Parameter<'_>> = told.parameters.iter().map(|(&name, &value)| Parameter { name, value }).collect();
    let list = serde_json::to_string(&list)?;
    let mut body = String::with_capacity(text.len() + list.len() + ROOM);
    let mut written = 0;
    if let Some(object) = &told.message.envelope.object
        && let Some(shown) = shown(text, object.object_type.as_str())?
    {
        // It was borrowed from the text. Behind the brace that opens it; `actual` follows.
        written = shown.whole.as_ptr().addr() - text.as_ptr().addr() + 1;
        body.push_str(&text[..written]);
        body.push_str("\"current\":");
        match told.current {
            Some(current) => body.push_str(&serde_json::to_string(current)?),
            None => body.push_str(shown.actual.get()),
        }
        body.push(',');
    }
    // Before the brace that ends the message.
    body.push_str(&text[written..text.len() - 1]);
    body.push_str(",\"parameters\":");
    body.push_str(&list);
    body.push('}');
    Ok(body)
}
