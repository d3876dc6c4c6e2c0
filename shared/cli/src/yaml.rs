//! Values as a hub file has them.

use serde_json::Value;

/// Text that YAML reads as that very text, in braces too: plain where it is a word or a path, quoted otherwise. A `${` in
/// it stands for a variable; see [`literal`].
pub(crate) fn scalar(text: &str) -> String {
    let body = text.strip_prefix('/').unwrap_or(text);
    let is_plain = body.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && body.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    let is_word_of_yaml =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&&*text.to_ascii_lowercase());
    match is_plain && !is_word_of_yaml {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// YAML 1.2 §5.7: JSON's escapes are YAML's. What JSON leaves alone and nobody should be shown is spelt out too.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    for c in Value::from(text).to_string().chars() {
        match is_hidden(c) {
            true => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => quoted.push(c),
        }
    }
    quoted
}

/// Control characters, and those that take no room, end a line or turn the direction of a text.
fn is_hidden(c: char) -> bool {
    let other = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || other
}

/// Text as the hub file has it, in which `${` would stand for a variable.
pub(crate) fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// A value on one line, in brackets where it has parts; nothing in it stands for a variable.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(&literal(text)),
        Value::Array(items) => format!("[{}]", items.iter().map(self::value).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| format!("{}: {}", scalar(name), self::value(field)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A text that somebody else wrote, as a comment on one line.
pub(crate) fn comment(text: &str) -> String {
    const LONGEST: usize = 100;
    let plain = text.replace(is_hidden, " ");
    let mut words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(LONGEST) {
        words.truncate(end);
        words.push('…');
    }
    format!("# {words}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_stay_what_they_are() {
        let check = |given: Value, expected: &str| {
            assert_eq!(value(&given), expected);
            let text = format!(
                "hub: h\nendpoints: {{e: {{url: http://e.test}}}}\nroutes: [{{name: r, messages: ['*'], to: e, parameters: {{p: {{literal: {}}}}}}}]",
                value(&given)
            );
            let environment = |name: &str| panic!("{name} was asked for");
            let hub = crossdock_core::hub::load("hub.yaml", &text, &environment).unwrap().hub;
            assert_eq!(hub.routes[0].parameters["p"], crossdock_core::hub::Parameter::Value(given), "{text}");
        };
        check(json!("plain-text"), "plain-text");
        check(json!("a b: c # d"), r#""a b: c # d""#);
        check(json!("yes"), r#""yes""#);
        check(json!("0123"), r#""0123""#);
        check(json!(""), r#""""#);
        check(json!("${HOME} $${HOME} ${A:-b}"), r#""$${HOME} $$${HOME} $${A:-b}""#);
        check(
            json!("a\nb\"\\\u{1b}[2J\u{9b}2J\u{202e}\u{7f}Grüße 🚲"),
            r#""a\nb\"\\\u001b[2J\u009b2J\u202e\u007fGrüße 🚲""#,
        );
        check(json!([1, "x", null, true, {"a b": [], "c": {}}]), r#"[1, x, null, true, {"a b": [], c: {}}]"#);
        check(serde_json::from_str("[1.10, 12345678901234567890.10]").unwrap(), "[1.10, 12345678901234567890.10]");
    }

    #[test]
    fn a_comment_is_one_line() {
        let check = |text: &str, expected: &str| assert_eq!(comment(text), expected);
        check("Sends \"mails\".", "# Sends \"mails\".");
        check("a\nroutes: []\r\n\u{85}b\u{2028}c\u{1b}[2J", "# a routes: [] b c [2J");
        check(&"x".repeat(200), &format!("# {}…", "x".repeat(100)));
    }
}
