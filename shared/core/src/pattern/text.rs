//! What a pattern can ask of a text: how it begins, ends or looks.
//!
//! The rules are those of AWS's event-ruler 2.0.1. Two of them surprise. Ignoring case compares character by character
//! with the lower and the upper case of the *pattern's* character, so `ß` in a pattern matches `ß` and `SS`, and what two
//! editions of Unicode make of such characters differs: [`odd_case`] finds them, and they are refused. And a value that
//! spells an IP address equals every other spelling of that address: [`spells_address`].

use std::net::IpAddr;

use serde_json::{Value, json};

/// One way to compare a text with a pattern's text. Where case is ignored, the pattern's text has passed [`odd_case`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Form {
    Prefix,
    PrefixIgnoreCase,
    Suffix,
    SuffixIgnoreCase,
    EqualsIgnoreCase,
    /// `*` is any run of characters; `\*` and `\\` are themselves. The text has passed [`check_wildcard`].
    Wildcard,
}

impl Form {
    /// The matcher as EventBridge writes it, of a text or of a list of them.
    #[expect(clippy::needless_pass_by_value, reason = "reads better where it is called with json!")]
    pub(super) fn to_json(self, texts: Value) -> Value {
        match self {
            Self::Prefix => json!({"prefix": texts}),
            Self::PrefixIgnoreCase => json!({"prefix": {"equals-ignore-case": texts}}),
            Self::Suffix => json!({"suffix": texts}),
            Self::SuffixIgnoreCase => json!({"suffix": {"equals-ignore-case": texts}}),
            Self::EqualsIgnoreCase => json!({"equals-ignore-case": texts}),
            Self::Wildcard => json!({"wildcard": texts}),
        }
    }

    pub(super) fn matches(self, pattern: &str, value: &str) -> bool {
        match self {
            Self::Prefix => value.starts_with(pattern),
            Self::PrefixIgnoreCase => begins(pattern.chars(), &mut value.chars()),
            Self::Suffix => value.ends_with(pattern),
            Self::SuffixIgnoreCase => begins(pattern.chars().rev(), &mut value.chars().rev()),
            Self::EqualsIgnoreCase => {
                let mut rest = value.chars();
                begins(pattern.chars(), &mut rest) && rest.next().is_none()
            }
            Self::Wildcard => is_like(pattern, value),
        }
    }
}

/// Whether a value is like a wildcard. Where a part does not fit, the star before it takes one character more.
fn is_like(pattern: &str, value: &str) -> bool {
    let (mut wanted, mut rest) = (pattern.chars(), value.chars());
    // What comes after the last star, and what it has not taken yet.
    let mut star = None;
    loop {
        let next = wanted.next();
        let literal = if next == Some('\\') { wanted.next() } else { next };
        if next == Some('*') {
            star = Some((wanted.clone(), rest.clone()));
        } else if literal != rest.next() {
            let Some((after, taken)) = &mut star else { return false };
            if taken.next().is_none() {
                return false;
            }
            (wanted, rest) = (after.clone(), taken.clone());
        } else if literal.is_none() {
            return true;
        }
    }
}

/// Whether the value begins with the pattern, where each character may also be the other case of the pattern's.
fn begins(mut pattern: impl Iterator<Item = char>, value: &mut impl Iterator<Item = char>) -> bool {
    pattern.all(|wanted| {
        value.next().is_some_and(|found| {
            found == wanted || wanted.to_lowercase().eq([found]) || wanted.to_uppercase().eq([found])
        })
    })
}

/// What is wrong with a wildcard's text.
pub(super) fn check_wildcard(text: &str) -> Result<(), String> {
    let mut characters = text.chars();
    let mut star_before = false;
    while let Some(character) = characters.next() {
        if character == '\\' && !matches!(characters.next(), Some('*' | '\\')) {
            return Err(r"a \ that is followed by neither * nor \ (a \ itself is written \\)".to_owned());
        }
        if character == '*' && star_before {
            return Err("two * in a row, where one says the same".to_owned());
        }
        star_before = character == '*';
    }
    Ok(())
}

/// The literal texts between a wildcard's stars: one more than there are stars.
pub(super) fn wildcard_parts(text: &str) -> Vec<String> {
    let mut parts = vec![];
    let mut part = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => parts.push(std::mem::take(&mut part)),
            '\\' => part.extend(characters.next()),
            other => part.push(other),
        }
    }
    parts.push(part);
    parts
}

/// A literal text, as a part of a wildcard.
pub(super) fn escape_wildcard(text: &str) -> String {
    text.replace('\\', r"\\").replace('*', r"\*")
}

/// A character whose two cases are not one another's only counterpart (`ß`, `ſ`, `İ`), that AWS's matcher takes apart into
/// halves, or that Java and Rust may know from different editions of Unicode: outside Latin, Greek, Cyrillic and Armenian,
/// only characters without case pass.
pub(super) fn odd_case(text: &str) -> Option<char> {
    let is = |mut cased: Box<dyn Iterator<Item = char>>, one: char| cased.next() == Some(one) && cased.next().is_none();
    let lower_is = |character: char, one| is(Box::new(character.to_lowercase()), one);
    let upper_is = |character: char, one| is(Box::new(character.to_uppercase()), one);
    text.chars().find(|&character| {
        if character.len_utf16() > 1 {
            return true;
        }
        if lower_is(character, character) && upper_is(character, character) {
            return false;
        }
        let other = character.to_lowercase().chain(character.to_uppercase()).find(|&other| other != character);
        let paired = other.is_some_and(|other| {
            (lower_is(character, other) && upper_is(other, character) && lower_is(other, other))
                || (upper_is(character, other) && lower_is(other, character) && upper_is(other, other))
        });
        let known = matches!(character, '\0'..='\u{52f}' | '\u{531}'..='\u{586}' | '\u{1e00}'..='\u{1eff}');
        !paired || !known
    })
}

/// Whether AWS takes a text for an IP address. IPv6 is hexadecimal digits and colons, so `12:30` is none.
pub(super) fn spells_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let check = |form: Form, pattern: &str, value: &str, expected: bool| {
            assert_eq!(form.matches(pattern, value), expected, "{form:?} {pattern:?} on {value:?}");
        };
        check(Form::Prefix, "ab", "abc", true);
        check(Form::Prefix, "", "", true);
        check(Form::Prefix, "abc", "ab", false);
        check(Form::Suffix, "bc", "abc", true);
        check(Form::Suffix, "ab", "abc", false);
        check(Form::EqualsIgnoreCase, "élan", "ÉLAN", true);
        check(Form::EqualsIgnoreCase, "a", "ab", false);
        check(Form::EqualsIgnoreCase, "ab", "A", false);
        // The Kelvin sign and the long s become k and s; k and s never become them.
        check(Form::EqualsIgnoreCase, "k", "\u{212a}", false);
        check(Form::EqualsIgnoreCase, "S", "ſ", false);
        check(Form::PrefixIgnoreCase, "éL", "Élan", true);
        check(Form::PrefixIgnoreCase, "", "a", true);
        check(Form::PrefixIgnoreCase, "ab", "a", false);
        check(Form::SuffixIgnoreCase, "AN", "Élan", true);
        check(Form::SuffixIgnoreCase, "an", "lana", false);
        check(Form::Wildcard, "*", "", true);
        check(Form::Wildcard, "a*b*c", "a1b2c", true);
        check(Form::Wildcard, "a*b*c", "abc", true);
        check(Form::Wildcard, "a*a", "a", false);
        check(Form::Wildcard, "ab*bc", "abc", false);
        check(Form::Wildcard, r"a\*b", "a*b", true);
        check(Form::Wildcard, r"a\*b", "axb", false);
        check(Form::Wildcard, r"*\\*", r"a\b", true);
        check(Form::Wildcard, "plain", "plain", true);
        check(Form::Wildcard, "plain", "plains", false);
    }

    #[test]
    fn wildcard_texts() {
        let check = |text: &str, valid: bool| assert_eq!(check_wildcard(text).is_ok(), valid, "{text}");
        check("a*b", true);
        check("*", true);
        check("a**b", false);
        check(r"\**", true);
        check(r"*\*", true);
        check(r"a\b", false);
        check(r"a\", false);
        check(r"a\\", true);
        assert_eq!(wildcard_parts(r"a*\*\\*"), ["a", r"*\", ""]);
        assert_eq!(escape_wildcard(r"50% *\"), r"50% \*\\");
    }

    #[test]
    fn odd_cases() {
        let check = |text: &str, expected: Option<char>| assert_eq!(odd_case(text), expected, "{text}");
        check("Plain kitchen sink 5%, élan ÉLAN Ж", None);
        check("Straße", Some('ß'));
        check("O\u{212a}", Some('\u{212a}'));
        check("lonſ", Some('ſ'));
        check("İstanbul", Some('İ'));
        check("σς", Some('ς'));
        check("ι", None);
        check("訂單 طلب", None);
        check("\u{10d0}", Some('\u{10d0}'));
        check("😀", Some('😀'));
    }

    #[test]
    fn addresses() {
        let check = |text: &str, expected: bool| assert_eq!(spells_address(text), expected, "{text}");
        check("10.0.0.1", true);
        check("2001:0DB8::0:1", true);
        check("::ffff:10.0.0.1", true);
        check("12:30", false);
        check("10.0.0", false);
        check("order", false);
    }
}
