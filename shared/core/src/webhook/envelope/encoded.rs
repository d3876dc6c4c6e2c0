//! JSON that travels as text: as it is, or as Base64.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::Value;

use crate::json::without_byte_order_mark;

/// Padding is left out by some and asked for by others.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A JSON object or list, or the Base64 of one. Which of the two a text is shows at its first character: neither `{` nor `[`
/// is in the alphabet of Base64 (RFC 4648 §4, §5).
///
/// # Errors
/// It is neither; the reason has none of the text in it.
pub fn text(text: &str) -> Result<Value, String> {
    let plain = text.trim_start_matches('\u{feff}').trim();
    if plain.starts_with(['{', '[']) {
        return json(plain.as_bytes());
    }
    let bytes = STANDARD.decode(plain).or_else(|_| URL_SAFE.decode(plain));
    json(&bytes.map_err(|_| "found text that is neither JSON nor Base64, expected one of them".to_owned())?)
}

fn json(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(without_byte_order_mark(bytes))
        .map_err(|error| format!("not JSON: {} (line {}, column {})", category(&error), error.line(), error.column()))
}

/// What serde_json says may quote the text.
fn category(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        _ => "a syntax error",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_or_base64() {
        for good in [
            r#"{"a": 98.20}"#,
            "\u{feff} {\"a\": 98.20}\n",
            "eyJhIjogOTguMjB9",
            "eyJhIjogOTguMjB9\n",
            // Without the padding that 14 bytes ask for.
            "eyJhIjogOTguMjAgfQ",
            "eyJhIjogOTguMjAgfQ==",
        ] {
            assert_eq!(text(good).unwrap().to_string(), r#"{"a":98.20}"#, "{good}");
        }
        // `{"a":"??>"}` in the alphabet for URLs.
        assert_eq!(text("eyJhIjoiPz8-In0").unwrap(), json!({"a": "??>"}));
    }

    #[test]
    fn neither() {
        for (bad, expected) in [
            ("", "not JSON: it ends too early (line 1, column 0)"),
            ("hello!", "found text that is neither JSON nor Base64, expected one of them"),
            ("{\"secret\" 1}", "not JSON: a syntax error (line 1, column 11)"),
            ("c2VjcmV0", "not JSON: a syntax error (line 1, column 1)"),
        ] {
            assert_eq!(text(bad).unwrap_err(), expected, "{bad}");
        }
    }
}
