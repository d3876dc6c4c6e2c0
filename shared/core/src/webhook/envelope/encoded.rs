//! JSON that travels as text: as it is, or as Base64.

use std::borrow::Cow;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::Value;

use crate::json::parse_unique;

/// Padding is left out by some and asked for by others.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A JSON object or list, or the Base64 of one.
///
/// # Errors
/// It is neither; the reason has none of the text in it but a name that stands twice.
pub(super) fn text(text: &str) -> Result<Value, String> {
    parse_unique(&plain(text)?)
}

/// The bytes of a JSON object or list that is written as it is, or in Base64. Which of the two a text is shows at its first
/// character: neither `{` nor `[` is in the alphabet of Base64 (RFC 4648 §4, §5).
///
/// # Errors
/// It is neither.
pub(in crate::webhook) fn plain(text: &str) -> Result<Cow<'_, [u8]>, String> {
    let plain = text.trim_start_matches('\u{feff}').trim();
    if plain.starts_with(['{', '[']) {
        return Ok(Cow::Borrowed(plain.as_bytes()));
    }
    let bytes = STANDARD.decode(plain).or_else(|_| URL_SAFE.decode(plain));
    bytes.map(Cow::Owned).map_err(|_| "found text that is neither JSON nor Base64, expected one of them".to_owned())
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
            ("", "not JSON: EOF while parsing a value at line 1 column 0"),
            ("hello!", "found text that is neither JSON nor Base64, expected one of them"),
            ("{\"secret\" 1}", "not JSON: expected `:` at line 1 column 11"),
            ("c2VjcmV0", "not JSON: expected value at line 1 column 1"),
            ("eyJhIjogMSwgImEiOiAyfQ==", "the name \"a\" stands twice in one object at line 1 column 16"),
        ] {
            assert_eq!(text(bad).unwrap_err(), expected, "{bad}");
        }
    }
}
