//! Stands in until the pattern compiler is merged.
use super::{Combine, EventPattern, Filter, Operator, PatternFault, TypePattern};
use serde_json::{Value, json};

pub fn compile(messages: &[TypePattern], filters: &[Filter], _: Combine) -> Result<EventPattern, Vec<PatternFault>> {
    let types: Vec<Value> = messages
        .iter()
        .map(|one| match one {
            TypePattern::Exact(text) => json!(text),
            TypePattern::Prefix(text) => json!({"prefix": text}),
        })
        .collect();
    let mut detail = json!({});
    for filter in filters {
        let mut at = &mut detail;
        for part in filter.path.split('.') {
            at = &mut at[part];
        }
        *at = match filter.operator {
            Operator::Gt => json!([{"numeric": [">", filter.value, "<=", 5e9]}]),
            _ => json!([filter.value]),
        };
    }
    let mut pattern = json!({"detail-type": types});
    if !filters.is_empty() {
        pattern["detail"] = detail;
    }
    Ok(EventPattern(pattern.to_string()))
}
pub fn compile_raw(_: &[TypePattern], pattern: &Value) -> Result<EventPattern, Vec<PatternFault>> {
    Ok(EventPattern(pattern.to_string()))
}
