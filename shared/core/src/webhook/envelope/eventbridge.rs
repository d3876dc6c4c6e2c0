//! An event as Amazon EventBridge hands it to a target
//! (<https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>).

use serde_json::{Map, Value};

use super::{Opened, Unfit, other, said, text};

const EXPECTED: &str = "an EventBridge event: {\"id\", \"detail-type\", \"source\", \"detail\"}";

pub(super) fn is(body: &Value) -> bool {
    text(body, "detail-type").is_some() && text(body, "source").is_some() && body.get("detail").is_some()
}

pub(super) fn open(mut body: Value) -> Result<Opened, Unfit> {
    if !is(&body) {
        return Err(other(&body, EXPECTED));
    }
    let detail = body.get_mut("detail").map(Value::take).unwrap_or_default();
    Ok(Opened { id: said(&body, "id"), kind: said(&body, "detail-type"), body: detail, attributes: Map::new() })
}
