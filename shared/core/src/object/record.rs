//! One record of a page, read by its collection's rules. A record that cannot be read is set aside with its reason; its
//! neighbours go on.

use serde_json::Value;

use crate::{
    Timestamp,
    hub::{Child, Collection, OrderKind, TimeField, TimeFormat},
    id::ObjectKey,
    json::{DEEPEST, FieldPath, canonical, is_too_deep},
    version::Order,
};

/// A readable record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where it stood.
    pub at: String,
    pub key: ObjectKey,
    /// When the source made it, where the collection says how to know.
    pub created: Option<Timestamp>,
    /// When it last changed, where the source filters by time.
    pub changed: Option<Timestamp>,
    /// Its place among the object's changes, where the collection says how to know.
    pub order: Option<Order>,
    pub deleted: bool,
    pub body: Value,
    pub children: Vec<ChildRecord>,
    /// Children that could not be read.
    pub set_aside: Vec<SetAside>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChildRecord {
    /// Which of the collection's children rules it came by.
    pub rule: usize,
    pub key: ObjectKey,
    pub body: Value,
}

/// A record that could not be read or cannot be stored: where it stood and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {reason}")]
pub struct SetAside {
    pub at: String,
    pub reason: String,
}

pub fn read(collection: &Collection, at: &str, item: Value) -> Result<Record, SetAside> {
    let aside = |reason: String| SetAside { at: at.to_owned(), reason };
    if !item.is_object() {
        return Err(aside(format!("found {}, expected an object", kind(&item))));
    }
    if is_too_deep(&item) {
        return Err(aside(format!("nested more than {DEEPEST} levels deep")));
    }
    let id = natural_key(&collection.id, &item).map_err(aside)?;
    let key = ObjectKey { collection: collection.key.clone(), id };
    let created = time_at(collection.created.as_ref(), &item).map_err(aside)?;
    let since = collection.since.as_ref();
    let changed = since
        .map(|since| TimeField { path: since.field.clone(), format: since.format })
        .map_or(Ok(None), |field| time_at(Some(&field), &item))
        .map_err(aside)?;
    let order = collection.order.as_ref().map_or(Ok(None), |order| {
        value_at(&order.path, &item, |value| match order.kind {
            OrderKind::Number => whole_number(value).map(|number| Some(Order::Number(number))).ok_or("a whole number"),
            OrderKind::Time(format) => parse_time(format, value).map(|time| Some(Order::Time(time))),
            OrderKind::Zoned(format) => {
                parse_time(format, value).map(|time| is_zoned(format, value).then_some(Order::Time(time)))
            }
        })
    });
    let order = order.map_err(aside)?.flatten();
    let deleted = collection.deleted.as_ref().and_then(|path| path.get(&item)).is_some_and(says_deleted);
    let mut children = Vec::new();
    let mut set_aside = Vec::new();
    for (rule, child) in collection.children.iter().enumerate() {
        for (place, body) in listed(&child.items, &item).into_iter().enumerate() {
            match read_child(child, &key, body) {
                Ok(key) => children.push(ChildRecord { rule, key, body: body.clone() }),
                Err(reason) => {
                    set_aside.push(SetAside { at: format!("{at} ({}).{}[{place}]", key.id, child.items), reason });
                }
            }
        }
    }
    Ok(Record { at: at.to_owned(), key, created, changed, order, deleted, body: item, children, set_aside })
}

/// A child's id is only promised to be unique within its parent, so the parent's comes first, a `/` in it escaped as
/// in a JSON pointer (RFC 6901 §3): `A` with the child `B/C` is not `A/B` with the child `C`.
fn read_child(child: &Child, parent: &ObjectKey, body: &Value) -> Result<ObjectKey, String> {
    if !body.is_object() {
        return Err(format!("found {}, expected an object", kind(body)));
    }
    let id = natural_key(&child.id, body)?;
    let parent = parent.id.replace('~', "~0").replace('/', "~1");
    Ok(ObjectKey { collection: child.key.clone(), id: format!("{parent}/{id}") })
}

fn listed<'a>(path: &FieldPath, item: &'a Value) -> Vec<&'a Value> {
    match path.get(item) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(single) => vec![single],
    }
}

pub(crate) fn natural_key(path: &FieldPath, item: &Value) -> Result<String, String> {
    match path.get(item) {
        None => Err(format!("no id: nothing at {path:?}")),
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        // However it is spelled: an encoder that writes 7 as 7.0 names the same object.
        Some(number @ Value::Number(_)) => Ok(canonical(number, &[])),
        Some(Value::String(_)) => Err(format!("no id: \"\" at {path:?}")),
        Some(other) => Err(format!("no id: found {} at {path:?}, expected text or a number", kind(other))),
    }
}

fn time_at(field: Option<&TimeField>, item: &Value) -> Result<Option<Timestamp>, String> {
    field.map_or(Ok(None), |field| value_at(&field.path, item, |value| parse_time(field.format, value)))
}

/// Absent, null and empty are nothing; anything else must be what is `read`, or else what was expected.
fn value_at<T>(
    path: &FieldPath,
    item: &Value,
    read: impl FnOnce(&Value) -> Result<T, &'static str>,
) -> Result<Option<T>, String> {
    match path.get(item) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(value) => {
            read(value).map(Some).map_err(|expected| format!("found {} at {path:?}, expected {expected}", shown(value)))
        }
    }
}

/// Whether it says when that was by itself, without a zone that is only assumed.
fn is_zoned(format: TimeFormat, value: &Value) -> bool {
    match format {
        TimeFormat::Epoch | TimeFormat::EpochMs => true,
        TimeFormat::Rfc3339 => value.as_str().is_some_and(|text| text.trim().parse::<Timestamp>().is_ok()),
    }
}

/// A JSON number, however it is spelled, or text that is one.
fn whole_number(value: &Value) -> Option<i128> {
    match value {
        Value::Number(_) => canonical(value, &[]).parse().ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A short value as it is, so that the fault can be understood; of anything larger only what it is, because it may be a
/// whole record.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() <= 40 => format!("{text:?}"),
        Value::Number(number) => number.to_string(),
        other => kind(other).to_owned(),
    }
}

/// The error says what was expected.
pub fn parse_time(format: TimeFormat, value: &Value) -> Result<Timestamp, &'static str> {
    match format {
        TimeFormat::Rfc3339 => value.as_str().and_then(parse_rfc3339).ok_or("an RFC 3339 time"),
        TimeFormat::Epoch => since_1970(value, 9).ok_or("seconds since 1970"),
        TimeFormat::EpochMs => since_1970(value, 6).ok_or("milliseconds since 1970"),
    }
}

/// RFC 3339, and the spellings shops use for it: a space for the `T`, no zone at all (taken as UTC), a day alone. A
/// zone that cannot be read is no reason to take the time as UTC.
fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    ["", "Z", "T00:00:00Z"].iter().find_map(|rest| format!("{text}{rest}").parse().ok())
}

/// A JSON number, or text that is one, in units of ten to the minus `9 - digits` seconds; what is finer than a
/// nanosecond is cut. No float comes near it.
fn since_1970(value: &Value, digits: i64) -> Option<Timestamp> {
    let number = match value {
        Value::Number(number) => number.clone(),
        Value::String(text) => serde_json::from_str(text.trim()).ok()?,
        _ => return None,
    };
    let (mantissa, exponent) = number.as_str().split_once(['e', 'E']).unwrap_or((number.as_str(), "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let power = exponent.parse::<i64>().ok()?.checked_add(digits)?.checked_sub(fraction.len() as i64)?;
    let unscaled = format!("{whole}{fraction}").parse::<i128>().ok()?;
    let factor = 10_i128.checked_pow(u32::try_from(power.unsigned_abs()).ok()?)?;
    let nanos = if power < 0 { unscaled / factor } else { unscaled.checked_mul(factor)? };
    Timestamp::from_nanosecond(nanos).ok()
}

/// Databases without booleans have 0 and "0" for false.
fn says_deleted(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(_) => canonical(value, &[]) != "0",
        Value::String(text) => !matches!(text.as_str(), "" | "0" | "false"),
        _ => true,
    }
}

pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
