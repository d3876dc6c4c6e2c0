//! What an unquoted scalar means: the core schema of YAML 1.2 (§10.3.2), with every digit kept.
//!
//! Also knows the spellings that YAML 1.1 read differently (`no`, `0123`), since most readers still expect those.

use serde_json::Number;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Boolean(bool),
    Number(Number),
    Text,
}

pub(crate) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Boolean(true),
        "false" | "False" | "FALSE" => Scalar::Boolean(false),
        _ => number(text).map_or(Scalar::Text, Scalar::Number),
    }
}

/// `0x1F` and `0o17` become decimal; otherwise the digits stay as written, in JSON's spelling (`.5` is `0.5`, leading
/// zeros and `+` go). Infinities and NaN are text: JSON has no such numbers.
fn number(text: &str) -> Option<Number> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let plain = digits.chars().all(|digit| digit.is_digit(radix));
            return u128::from_str_radix(digits, radix).ok().filter(|_| plain)?.to_string().parse().ok();
        }
    }
    let (sign, unsigned) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (if text.starts_with('-') { "-" } else { "" }, rest),
        None => ("", text),
    };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], &unsigned[at..]),
        None => (unsigned, ""),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return None;
    }
    if !exponent.is_empty() {
        let power = exponent[1..].strip_prefix(['-', '+']).unwrap_or(&exponent[1..]);
        if power.is_empty() || !digits(power) {
            return None;
        }
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}{exponent}").parse().ok()
}

/// What YAML 1.1 took for a boolean and YAML 1.2 takes for text.
pub(crate) fn old_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "on" => Some(true),
        "n" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// `0123`: octal in YAML 1.1, decimal in YAML 1.2, and meant as text more often than either.
pub(crate) fn has_leading_zero(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_resolve_as_yaml_1_2_says_and_keep_their_digits() {
        fn check(text: &str, expected: &str) {
            let found = match resolve(text) {
                Scalar::Null => "null".to_owned(),
                Scalar::Boolean(value) => value.to_string(),
                Scalar::Number(number) => format!("number {number}"),
                Scalar::Text => "text".to_owned(),
            };
            assert_eq!(found, expected, "{text}");
        }
        check("~", "null");
        check("", "null");
        check("True", "true");
        check("FALSE", "false");
        check("tRUE", "text");
        check("no", "text");
        check("12", "number 12");
        check("-12", "number -12");
        check("+12", "number 12");
        check("0123", "number 123");
        check("000", "number 0");
        check("1.10", "number 1.10");
        check(".5", "number 0.5");
        check("5.", "number 5");
        check("-.5e3", "number -0.5e+3");
        check("12345678901234567890.123456789", "number 12345678901234567890.123456789");
        check("0x1F", "number 31");
        check("0o17", "number 15");
        check("0x", "text");
        check("0x+1", "text");
        check("1_000", "text");
        check(".", "text");
        check("-", "text");
        check("1e", "text");
        check("1e+", "text");
        check(".inf", "text");
        check(".nan", "text");
        check("2026-11-21", "text");
        check("10s", "text");
        check("1.2.3", "text");
        check("١٢", "text");
    }
}
