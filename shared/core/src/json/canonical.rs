//! One text per value: what two sources call equal gets equal bytes.
//!
//! Keys are sorted and text escaped as RFC 8785 (JCS) says. Numbers are not: JCS rounds them to IEEE doubles, under
//! which 9007199254740993 and 9007199254740992 are one number and a change of a big id or price would go unseen. Here a
//! number is its exact decimal value in one spelling: `1`, `1.0` and `10e-1` are equal, and no digit is dropped
//! (`docs/adr/0003-canonical-json.md`).

use serde_json::{Number, Value};

use super::{FieldPath, skip::Skips};
use crate::id::ContentHash;

/// The canonical text of a value, the fields at `without` left out.
pub fn canonical(value: &Value, without: &[FieldPath]) -> String {
    let mut out = String::with_capacity(512);
    write(value, &Skips::of(without), &mut out);
    out
}

pub fn content_hash(value: &Value, volatile: &[FieldPath]) -> ContentHash {
    ContentHash::of(canonical(value, volatile).as_bytes())
}

fn write(value: &Value, skips: &Skips<'_>, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            let mut comma = "";
            for (place, item) in items.iter().enumerate() {
                let Some(below) = skips.element(place) else { continue };
                out.push_str(comma);
                comma = ",";
                write(item, &below, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            // RFC 8785 §3.2.3: by UTF-16 code units.
            fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            let mut comma = "";
            for (name, field) in fields {
                let Some(below) = skips.field(name) else { continue };
                out.push_str(comma);
                comma = ",";
                write_text(name, out);
                out.push(':');
                write(field, &below, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    use std::fmt::Write;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Digits without leading or trailing zeros, and the power of ten they are multiplied by: `24.990` is `2499e-2`, every
/// zero is `0`. Plain integers of ordinary size are left as they are.
fn write_number(number: &Number, out: &mut String) {
    let text = number.as_str();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent),
        None => (digits, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.trim_start_matches('0');
    let significant = leading.trim_end_matches('0');
    if significant.is_empty() {
        out.push('0');
        return;
    }
    // An exponent past i128 is beyond any number a source means; it keeps its own spelling, which still compares.
    let power = exponent.trim_start_matches('+').parse::<i128>().ok().and_then(|exponent| {
        let moved = (leading.len() - significant.len()) as i128 - fraction.len() as i128;
        exponent.checked_add(moved)
    });
    let Some(power) = power else {
        out.push_str(text);
        return;
    };
    out.push_str(sign);
    out.push_str(significant);
    match usize::try_from(power) {
        Ok(zeros @ 0..=40) => out.extend(std::iter::repeat_n('0', zeros)),
        _ => {
            use std::fmt::Write;
            let _ = write!(out, "e{power}");
        }
    }
}
