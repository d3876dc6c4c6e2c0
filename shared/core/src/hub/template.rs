//! The body of a request to a source: JSON in which some texts stand for what a request is about.
//!
//! A text that is exactly `"{cursor}"` becomes the value itself, null where there is none yet. Inside a longer text the
//! value becomes text. What was put in is not looked at again, so a cursor that reads `{page}` is only a cursor. Keys stay
//! as they are. Deliberately absent: any way to escape one; a GraphQL query that has to say `{cursor}` can say
//! `{ cursor }`.

use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// From when on changes are asked for.
    Bookmark,
    Cursor,
    Page,
}

impl Placeholder {
    const ALL: [Self; 3] = [Self::Bookmark, Self::Cursor, Self::Page];

    /// As it stands in a body.
    pub fn token(self) -> &'static str {
        match self {
            Self::Bookmark => "{bookmark}",
            Self::Cursor => "{cursor}",
            Self::Page => "{page}",
        }
    }

    /// By what stands between the braces.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.token().trim_matches(['{', '}']) == name)
    }

    /// The first in a text, and the texts before and behind it.
    pub(crate) fn split(text: &str) -> Option<(&str, Self, &str)> {
        let found = Self::ALL.into_iter().filter_map(|one| Some((text.find(one.token())?, one)));
        let (at, one) = found.min_by_key(|(at, _)| *at)?;
        Some((&text[..at], one, &text[at + one.token().len()..]))
    }
}

/// What is put in place of a placeholder.
#[derive(Debug, Clone)]
pub struct Filling {
    /// Where it stands alone.
    pub value: Value,
    /// Inside a longer text.
    pub text: String,
}

#[derive(Debug, Clone)]
pub struct Template(pub(crate) Value);

impl Template {
    pub fn fill(&self, with: &dyn Fn(Placeholder) -> Filling) -> Value {
        fill(&self.0, with)
    }
}

fn fill(value: &Value, with: &dyn Fn(Placeholder) -> Filling) -> Value {
    match value {
        Value::String(text) => match Placeholder::split(text) {
            None => value.clone(),
            Some(("", one, "")) => with(one).value,
            Some(_) => Value::String(filled(text, with)),
        },
        Value::Array(items) => items.iter().map(|item| fill(item, with)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), fill(value, with))).collect(),
        _ => value.clone(),
    }
}

fn filled(text: &str, with: &dyn Fn(Placeholder) -> Filling) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, one, behind)) = Placeholder::split(rest) {
        out.push_str(before);
        out.push_str(&with(one).text);
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(body: Value, expected: &Value) {
        let with = |one| match one {
            Placeholder::Bookmark => Filling { value: Value::Null, text: "1970".to_owned() },
            Placeholder::Cursor => Filling { value: json!("a{page}"), text: "a{page}".to_owned() },
            Placeholder::Page => Filling { value: json!(7), text: "7".to_owned() },
        };
        assert_eq!(Template(body).fill(&with), *expected);
    }

    #[test]
    fn texts_become_values_or_longer_texts() {
        check(json!({"after": "{cursor}", "n": "{page}"}), &json!({"after": "a{page}", "n": 7}));
        check(json!([["{bookmark}"], "at >= '{bookmark}'"]), &json!([[null], "at >= '1970'"]));
        check(json!("{page}{cursor}{page} {page"), &json!("7a{page}7 {page"));
        check(json!({"{page}": 1, "a": true, "b": null}), &json!({"{page}": 1, "a": true, "b": null}));
        check(json!("query { orders { cursor page } }"), &json!("query { orders { cursor page } }"));
    }
}
