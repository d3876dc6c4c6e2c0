//! What a runner has found, against what a case expects.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    matching::{matches, matches_in_any_order},
    staged::Play,
};

/// What became of a case.
#[derive(Debug, Default)]
pub struct Found {
    /// `{"headers", "body"}`; `None`: nobody could be asked.
    pub request: Option<Value>,
    /// Of the route, all rounds, as `crossdock show --json` writes them.
    pub deliveries: Vec<Value>,
    /// What followed, whole.
    pub messages: Vec<Value>,
    /// The bodies of the versions of the objects that the case names, by the case's own names.
    pub objects: BTreeMap<String, Vec<Value>>,
    /// Where the case names any: a map.
    pub parameters: Option<Value>,
    pub paused: bool,
    /// The reasons of the dead letters of the trace.
    pub dead_letters: Vec<String>,
    /// No random part is in waits.
    pub exact: bool,
}

/// # Errors
/// The first thing that is not as the case says.
pub fn check(play: &Play, found: &Found) -> Result<(), String> {
    let id = found.deliveries.first().and_then(|one| one["webhook_id"].as_str()).unwrap_or_default();
    let id = id.split('.').next().unwrap_or_default();
    let written =
        |expected: Value| -> Value { serde_json::from_str(&expected.to_string().replace("{id}", id)).expect("JSON") };
    let case = &play.case;
    let after = &case.after;
    let deliveries: Vec<Value> = found.deliveries.iter().map(|one| play.unnamed(one)).collect();
    let round = deliveries.iter().find(|one| one["round"] == after.round);
    let round = round.ok_or_else(|| format!("after: no round {} among {deliveries:#?}", after.round))?;
    matches("after.state", &json!(after.state), &round["state"])?;
    let rounds = after.rounds.unwrap_or(after.round);
    if deliveries.len() != rounds as usize {
        return Err(format!("after: found {} rounds, expected {rounds}: {deliveries:#?}", deliveries.len()));
    }
    if let Some(attempts) = &after.attempts {
        matches("after.attempts", &written(json!(attempts)), &round["attempts"])?;
    }
    matches("after.reason", &written(json!(after.reason)), &round["reason"])?;
    if let Some(answer) = &after.answer {
        matches("after.answer", &written(answer.clone()), &round["answer"])?;
    }
    if let Some(wait) = &after.wait {
        check_wait(wait, round, found.exact)?;
    }
    if let Some(request) = &case.request {
        let Some(found) = &found.request else { return Err("request: none was made".to_owned()) };
        matches("request", &written(request.clone()), &play.unnamed(found))?;
    }

    let effects = &case.effects;
    let messages: Vec<Value> = found.messages.iter().map(|one| play.unnamed(one)).collect();
    let expected: Vec<Value> = effects.messages.iter().map(|one| written(one.clone())).collect();
    matches_in_any_order("effects.messages", &expected, &messages)?;
    for (name, versions) in &effects.objects {
        let found = found.objects.get(name).cloned().unwrap_or_default();
        matches(&format!("effects.objects.{name}"), &json!(versions), &play.unnamed(&json!(found)))?;
    }
    if let Some(parameters) = &effects.parameters {
        let sent = found.parameters.clone().ok_or("effects.parameters: no probe arrived")?;
        let names = |value: &Value| -> Vec<String> {
            value.as_object().into_iter().flat_map(|map| map.keys().cloned()).collect()
        };
        matches("effects.parameters", &json!(names(&json!(parameters))), &json!(names(&sent)))?;
        matches("effects.parameters", &json!(parameters), &sent)?;
    }
    if effects.paused != found.paused {
        return Err(format!("effects.paused: found {}, expected {}", found.paused, effects.paused));
    }
    let letters = play.unnamed(&json!(found.dead_letters));
    let expected: Vec<Value> = effects.dead_letter.iter().map(|reason| written(json!(reason))).collect();
    matches("effects.dead_letter", &json!(expected), &letters)
}

/// From the end of the last attempt.
fn check_wait(expected: &str, round: &Value, exact: bool) -> Result<(), String> {
    let seconds = seconds(expected).ok_or_else(|| format!("after.wait: {expected:?} is no duration such as 10s"))?;
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<crossdock_core::Timestamp>().ok());
    let last = round["attempts"].as_array().and_then(|attempts| attempts.last()).cloned().unwrap_or_default();
    let (Some(next), Some(at)) = (time(&round["next_attempt_at"]), time(&last["at"])) else {
        return Err(format!("after.wait: no next attempt in {round}"));
    };
    let took = last["took_ms"].as_f64().unwrap_or_default() / 1000.0;
    let found = next.duration_since(at).as_secs_f64() - took;
    let room = if exact { 0.001 } else { seconds * 0.2 + 0.1 };
    match (found - seconds).abs() <= room {
        true => Ok(()),
        false => Err(format!("after.wait: found {found} s, expected {expected}")),
    }
}

fn seconds(text: &str) -> Option<f64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * unit)
}
