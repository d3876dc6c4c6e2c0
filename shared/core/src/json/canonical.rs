//! One text per value: what two sources call equal gets equal bytes.
//!
//! Keys are sorted and text escaped as RFC 8785 (JCS) says. Numbers are not: JCS rounds them to IEEE doubles, under
//! which 9007199254740993 and 9007199254740992 are one number and a change of a big id or price would go unseen. Here a
//! number is its exact decimal value in one spelling: `1`, `1.0` and `10e-1` are equal, and no digit is dropped
//! (`docs/adr/0003-canonical-json.md`).

use serde_json::{Number, Value};

use super::FieldPath;
use crate::id::ContentHash;

/// The canonical text of a value, the fields at `without` left out.
pub fn canonical(value: &Value, without: &[FieldPath]) -> String {
    let mut out = String::with_capacity(512);
    let skips: Vec<&[String]> = without.iter().map(FieldPath::segments).collect();
    write(value, &skips, &mut out);
    out
}

pub fn content_hash(value: &Value, volatile: &[FieldPath]) -> ContentHash {
    ContentHash::of(canonical(value, volatile).as_bytes())
}

/// `skips` are the paths still to go from here. Through an array they hold for every element, or for the one a number
/// names.
fn write(value: &Value, skips: &[&[String]], out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                let below: Vec<&[String]> = skips
                    .iter()
                    .map(|skip| match skip.split_first() {
                        Some((first, rest)) if first.parse() == Ok(place) => rest,
                        _ => skip,
                    })
                    .filter(|skip| !skip.is_empty())
                    .collect();
                write(item, &below, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            // RFC 8785 §3.2.3: by UTF-16 code units.
            names.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            let mut first = true;
            for name in names {
                if skips.iter().any(|skip| skip.len() == 1 && skip[0] == *name) {
                    continue;
                }
                if !first {
                    out.push(',');
                }
                first = false;
                write_text(name, out);
                out.push(':');
                let below: Vec<&[String]> =
                    skips.iter().filter(|skip| skip.first() == Some(name)).map(|skip| &skip[1..]).collect();
                write(&fields[name], &below, out);
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
    // An exponent past i64 is beyond any number a source means; it keeps its own spelling, which still compares.
    let Ok(exponent) = exponent.trim_start_matches('+').parse::<i64>() else {
        out.push_str(text);
        return;
    };
    let dropped = (leading.len() - significant.len()) as i64;
    let power = exponent.saturating_sub(fraction.len() as i64).saturating_add(dropped);
    out.push_str(sign);
    out.push_str(significant);
    if (0..=40).contains(&power) {
        out.extend(std::iter::repeat_n('0', power as usize));
    } else {
        use std::fmt::Write;
        let _ = write!(out, "e{power}");
    }
}
