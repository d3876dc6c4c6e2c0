use serde_json::Value;

/// How many lists and objects may stand in each other in what a source sends.
///
/// The parser reads 127. A message wraps the object in a few more, and what could be read once must be readable again:
/// one message that a store cannot read back would hold up all that are pending with it.
pub const DEEPEST: usize = 100;

pub fn is_too_deep(value: &Value) -> bool {
    deeper_than(DEEPEST, value)
}

fn deeper_than(left: usize, value: &Value) -> bool {
    match value {
        Value::Array(items) => left == 0 || items.iter().any(|item| deeper_than(left - 1, item)),
        Value::Object(fields) => left == 0 || fields.values().any(|field| deeper_than(left - 1, field)),
        _ => false,
    }
}
