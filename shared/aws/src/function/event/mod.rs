//! The shapes of what invokes a function and of what it answers, as far as they are used here
//! (docs/adr/0021-event-shapes.md).
//!
//! An event that is not what it should be is refused with what was found and what was expected. What AWS adds to its
//! shapes is let be.

pub mod sqs;
pub mod task;
pub mod url;

/// Where a shape was left, without what stands there: an event may carry payloads.
fn wrong(what: &str, error: &serde_json::Error) -> String {
    // serde names the field that is missing; what it quotes of a value may be anything.
    let text = error.to_string();
    match text.strip_prefix("missing field ") {
        Some(field) => format!("found no {}, expected {what}", field.replace('`', "\"")),
        None => format!("found other types, expected {what}"),
    }
}
