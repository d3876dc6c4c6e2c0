//! Bodies: JSON of any size in an attribute.
//!
//! Small ones stay JSON that can be read in the console. DynamoDB counts a write by the kilobyte: a body is deflated (zlib)
//! where that makes the item cheaper, which is why the attribute is either a string or bytes. What is then still too large for an
//! item, 400 KB, goes on in further items beside it.

use std::io::{Read as _, Write};

use aws_sdk_dynamodb::types::AttributeValue;
use crossdock_core::port::{PortError, Read};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

use super::{
    item::{Item, Reader, bytes, number, text, unreadable},
    keys::Key,
};

/// Where a body stands in its item, and in its further parts.
pub(super) const BODY: &str = "body";
/// How many further parts it has; left out where it has none.
pub(super) const PARTS: &str = "parts";

/// Bytes of one part; the rest of an item's 400 KB is for its other attributes.
const PART: usize = 350 * 1024;
/// More than a transaction takes.
const MOST_PARTS: usize = 100;
/// What an item has besides its body, about.
const OVERHEAD: usize = 300;
/// Bytes that one write unit pays for.
const UNIT: usize = 1024;

/// A value that is deflated where that saves write units.
pub(super) fn packed(json: String) -> Result<AttributeValue, PortError> {
    if units(json.len()) <= 1 {
        return Ok(text(json));
    }
    let deflated = deflate(json.as_bytes())?;
    Ok(if units(deflated.len()) < units(json.len()) { bytes(deflated) } else { text(json) })
}

fn units(length: usize) -> usize {
    (length + OVERHEAD).div_ceil(UNIT)
}

pub(super) fn unpacked(what: &str, value: &AttributeValue) -> Read<String> {
    match value {
        AttributeValue::S(json) => Ok(json.clone()),
        AttributeValue::B(deflated) => inflate(what, deflated.as_ref()),
        _ => Err(unreadable(what, "neither a string nor bytes")),
    }
}

fn deflate(json: &[u8]) -> Result<Vec<u8>, PortError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let deflated = encoder.write_all(json).and_then(|()| encoder.finish());
    deflated.map_err(|error| PortError::permanent(format!("a body could not be deflated: {error}")))
}

fn inflate(what: &str, deflated: &[u8]) -> Read<String> {
    let mut json = String::new();
    ZlibDecoder::new(deflated).read_to_string(&mut json).map_err(|error| unreadable(what, error.kind()))?;
    Ok(json)
}

/// Puts a body into the item of that key. What does not fit comes back as items of their own, which are written and
/// forgotten with the first one.
pub(super) fn put_body(key: &Key, item: &mut Item, json: String) -> Result<Vec<Item>, PortError> {
    let mut value = packed(json)?;
    let mut further = Vec::new();
    if let AttributeValue::S(json) = &value
        && json.len() > PART
    {
        value = bytes(deflate(json.as_bytes())?);
    }
    if let AttributeValue::B(whole) = &value
        && whole.as_ref().len() > PART
    {
        let mut parts = whole.as_ref().chunks(PART).map(bytes);
        let first = parts.next().unwrap_or_else(|| bytes([]));
        for (place, part) in parts.enumerate() {
            let mut beside = key.part(place + 1).attributes();
            beside.insert(BODY.to_owned(), part);
            further.push(beside);
        }
        item.insert(PARTS.to_owned(), number(further.len()));
        value = first;
    }
    item.insert(BODY.to_owned(), value);
    Ok(further)
}

/// The keys of an item's further parts.
pub(super) fn further_parts(reader: Reader<'_>, key: &Key) -> Read<Vec<Key>> {
    let count: usize = reader.optional_number(PARTS)?.unwrap_or(0);
    if count > MOST_PARTS {
        return Err(reader.wrong(PARTS));
    }
    Ok((1..=count).map(|number| key.part(number)).collect())
}

/// `further` are the items of the further parts, in order; `None` where one is missing.
pub(super) fn body<'a>(reader: Reader<'_>, further: impl IntoIterator<Item = Option<&'a Item>>) -> Read<String> {
    let value = reader.value(BODY)?;
    let mut further = further.into_iter().peekable();
    if further.peek().is_none() {
        return unpacked(reader.what, value);
    }
    let mut whole = value.as_b().map_err(|_| reader.wrong(BODY))?.as_ref().to_vec();
    for part in further {
        let part = part.ok_or_else(|| unreadable(reader.what, "a part is missing"))?;
        let part = part.get(BODY).and_then(|value| value.as_b().ok()).ok_or_else(|| reader.wrong(BODY))?;
        whole.extend_from_slice(part.as_ref());
    }
    inflate(reader.what, &whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As it is written and read again, the parts being items.
    fn there_and_back(json: &str) -> (Item, Vec<Item>) {
        let key = Key { pk: "m#1".to_owned(), sk: "m".to_owned() };
        let mut item = key.attributes();
        let further = put_body(&key, &mut item, json.to_owned()).unwrap();
        let reader = Reader { what: "message", item: &item };
        let keys: Vec<_> = further.iter().filter_map(Key::of).collect();
        assert_eq!(further_parts(reader, &key).unwrap(), keys);
        assert!(body(reader, further.iter().map(Some)).unwrap() == json, "{} bytes", json.len());
        (item, further)
    }

    /// Bytes that do not get smaller, as text.
    fn incompressible(length: usize) -> String {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from_u32(0x21 + u32::try_from(state >> 33).unwrap() % 90).unwrap()
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn small_bodies_stay_readable_and_large_ones_get_smaller() {
        let check = |json: String, readable: bool, parts: usize| {
            let length = json.len();
            let (item, further) = there_and_back(&json);
            assert_eq!(item[BODY].is_s(), readable, "{length} bytes");
            assert_eq!(further.len(), parts, "{length} bytes");
            assert_eq!(item.contains_key(PARTS), parts > 0);
        };
        check(String::new(), true, 0);
        check("null".to_owned(), true, 0);
        check("x".repeat(UNIT - OVERHEAD), true, 0);
        check("x".repeat(UNIT), false, 0);
        // Deflating it saves nothing.
        check(incompressible(UNIT), true, 0);
        check("x".repeat(10 * PART), false, 0);
        check(incompressible(PART), false, 0);
        check(incompressible(3 * PART), false, 2);
    }

    #[test]
    fn what_is_not_whole_is_no_body() {
        let key = Key { pk: "m#1".to_owned(), sk: "m".to_owned() };
        let mut item = key.attributes();
        let further = put_body(&key, &mut item, incompressible(3 * PART)).unwrap();
        let read = |parts: Vec<Option<&Item>>| body(Reader { what: "message", item: &item }, parts).unwrap_err();
        let (one, two) = (Some(&further[0]), Some(&further[1]));
        for parts in [vec![], vec![one], vec![one, None], vec![two, one]] {
            let error = read(parts);
            assert!(error.0.starts_with("the table holds an unreadable message"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(parts in proptest::collection::vec((any::<String>(), 0..2000_usize), 0..4)) {
            let json: String = parts.iter().map(|(text, times)| text.repeat(*times)).collect();
            there_and_back(&json);
        }
    }
}
