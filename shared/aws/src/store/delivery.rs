//! A delivery and an endpoint's control record as items.

use aws_sdk_dynamodb::types::AttributeValue;
use crossdock_core::{
    Timestamp,
    answer::Answer,
    id::{DeliveryKey, EndpointName},
    port::{Attempt, Delivery, DeliveryState, EndpointControl, Paused, PortError, Read},
};
use serde::{Deserialize, Serialize};

use super::{
    body::{packed, unpacked},
    item::{Item, Reader, flag, from_json, number, text, time, to_json},
    keys::{self, Key},
    signing::generations,
};

pub(super) const STATE: &str = "state";
const ENDPOINT: &str = "endpoint";
const RECEIVES: &str = "receives";
const UPDATED_AT: &str = "at";
const NEXT_ATTEMPT_AT: &str = "next_attempt_at";
const NEXT_ROUND: &str = "next_round";
/// There while the objects of its answer are still to be tracked.
pub(super) const UNTRACKED: &str = "untracked";
const REASON: &str = "reason";
const ATTEMPTS: &str = "attempts";
pub(super) const ANSWER: &str = "answer";

pub(super) fn delivery_item(delivery: &Delivery) -> Result<Item, PortError> {
    let attempts: Vec<StoredAttempt> = delivery.attempts.iter().map(StoredAttempt::of).collect();
    let mut item = keys::delivery(&delivery.key).attributes();
    let mut put = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    put(ENDPOINT, text(delivery.endpoint.as_str()));
    put(STATE, text(delivery.state.as_str()));
    put(RECEIVES, number(delivery.receives));
    put(UPDATED_AT, time(delivery.updated_at));
    put(ATTEMPTS, packed(to_json("attempts", &attempts)?)?);
    if let Some(at) = delivery.next_attempt_at {
        put(NEXT_ATTEMPT_AT, time(at));
    }
    if delivery.next_round {
        put(NEXT_ROUND, flag(true));
    }
    if delivery.untracked {
        put(UNTRACKED, flag(true));
    }
    if let Some(reason) = &delivery.reason {
        put(REASON, text(reason));
    }
    if let Some(answer) = &delivery.answer {
        put(ANSWER, packed_answer(answer)?);
    }
    if delivery.state != DeliveryState::Delivered {
        keys::delivery_indexed(&delivery.key, &delivery.endpoint, delivery.state, delivery.updated_at)
            .put_into(&mut item);
    }
    Ok(item)
}

pub(super) fn packed_answer(answer: &Answer) -> Result<AttributeValue, PortError> {
    packed(to_json("answer", answer)?)
}

/// With the key that it says itself.
pub(super) fn delivery_of(item: &Item) -> Read<Delivery> {
    let key = Key::of(item).and_then(|key| keys::delivery_key(&key));
    delivery(item, key.ok_or_else(|| super::item::unreadable("delivery", "its key"))?)
}

pub(super) fn delivery(item: &Item, key: DeliveryKey) -> Read<Delivery> {
    let reader = Reader { what: "delivery", item };
    let json = |name: &str| item.get(name).map(|value| unpacked(reader.what, value)).transpose();
    let attempts = json(ATTEMPTS)?.ok_or_else(|| reader.wrong(ATTEMPTS))?;
    let attempts: Vec<StoredAttempt> = from_json("list of attempts", &attempts)?;
    Ok(Delivery {
        key,
        endpoint: reader.parsed(ENDPOINT)?,
        state: state(reader.text(STATE)?).ok_or_else(|| reader.wrong(STATE))?,
        attempts: attempts.into_iter().map(StoredAttempt::attempt).collect(),
        receives: reader.number(RECEIVES)?,
        updated_at: reader.time(UPDATED_AT)?,
        next_attempt_at: reader.optional_time(NEXT_ATTEMPT_AT)?,
        reason: reader.optional_text(REASON)?.map(str::to_owned),
        answer: json(ANSWER)?.map(|answer| from_json("answer", &answer)).transpose()?,
        next_round: reader.flag(NEXT_ROUND)?,
        untracked: reader.flag(UNTRACKED)?,
    })
}

fn state(text: &str) -> Option<DeliveryState> {
    DeliveryState::ALL.into_iter().find(|state| state.as_str() == text)
}

#[derive(Serialize, Deserialize)]
struct StoredAttempt {
    at: Timestamp,
    took_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl StoredAttempt {
    fn of(attempt: &Attempt) -> Self {
        Self { at: attempt.at, took_ms: attempt.took_ms, status: attempt.status, failure: attempt.failure.clone() }
    }

    fn attempt(self) -> Attempt {
        Attempt { at: self.at, took_ms: self.took_ms, status: self.status, failure: self.failure }
    }
}

/// Attributes of a control record that hold a parameter each, so that whoever writes one leaves the others alone.
const PARAMETER: &str = "p:";
const PAUSED_SINCE: &str = "paused_since";
const PAUSED_REASON: &str = "paused_reason";

pub(super) fn control(item: &Item) -> Read<EndpointControl> {
    let reader = Reader { what: "control record", item };
    let mut control = EndpointControl { signing: generations(reader)?, ..EndpointControl::default() };
    for (name, value) in item {
        if let Some(name) = name.strip_prefix(PARAMETER) {
            let json = unpacked("parameter", value)?;
            control.parameters.insert(name.to_owned(), from_json("parameter", &json)?);
        }
    }
    if let Some(since) = reader.optional_time(PAUSED_SINCE)? {
        control.paused = Some(Paused { since, reason: reader.text(PAUSED_REASON)?.to_owned() });
    }
    Ok(control)
}

/// What an update sets.
#[derive(Debug, Default)]
pub(super) struct Setting {
    pub key: Item,
    pub expression: String,
    pub names: std::collections::HashMap<String, String>,
    pub values: Item,
}

/// An update of the control record.
pub(super) fn setting(
    endpoint: &EndpointName,
    parameters: &[(String, serde_json::Value)],
    pause: Option<&Paused>,
) -> Result<Setting, PortError> {
    let mut setting = Setting { key: keys::control(endpoint).attributes(), ..Setting::default() };
    let mut sets = Vec::new();
    let mut set = |name: String, value: AttributeValue| {
        let place = sets.len();
        sets.push(format!("#{place} = :{place}"));
        setting.names.insert(format!("#{place}"), name);
        setting.values.insert(format!(":{place}"), value);
    };
    // Of two with one name the later one counts, and DynamoDB takes only one.
    let last: std::collections::BTreeMap<&String, &serde_json::Value> =
        parameters.iter().map(|(name, value)| (name, value)).collect();
    for (name, value) in last {
        set(format!("{PARAMETER}{name}"), packed(to_json("parameter", value)?)?);
    }
    if let Some(paused) = pause {
        set(PAUSED_SINCE.to_owned(), time(paused.since));
        set(PAUSED_REASON.to_owned(), text(&paused.reason));
    }
    setting.expression = format!("SET {}", sets.join(", "));
    Ok(setting)
}

/// An update that lets the endpoint go on.
pub(super) fn resuming(endpoint: &EndpointName) -> Setting {
    let names = [("#0", PAUSED_SINCE), ("#1", PAUSED_REASON)].map(|(place, name)| (place.to_owned(), name.to_owned()));
    Setting {
        key: keys::control(endpoint).attributes(),
        expression: "REMOVE #0, #1".to_owned(),
        names: names.into(),
        values: Item::new(),
    }
}
