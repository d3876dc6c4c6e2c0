//! A small writer for the YAML of a template.
//!
//! By hand, because people read what is rendered: it keeps the order, carries comments, and knows CloudFormation's short
//! forms (`!Ref`, `!Sub`, `!GetAtt`). What comes out is ASCII and is the same to readers of YAML 1.1 (CloudFormation,
//! PyYAML) and 1.2: a text is only left bare where neither could take it for anything else.

use std::fmt::Write as _;

#[derive(Debug, Clone)]
pub(super) enum Yaml {
    Text(String),
    Number(u64),
    Flag(bool),
    /// CloudFormation's short form of a function over a text.
    Call(&'static str, String),
    List(Vec<Yaml>),
    Map(Map),
}

/// In the order of insertion.
#[derive(Debug, Clone, Default)]
pub(super) struct Map(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    /// A line above the key, after an empty one.
    comment: Option<String>,
    key: String,
    value: Yaml,
}

impl Map {
    pub(super) fn with(mut self, key: impl Into<String>, value: impl Into<Yaml>) -> Self {
        self.put(None, key, value);
        self
    }

    pub(super) fn put(&mut self, comment: Option<String>, key: impl Into<String>, value: impl Into<Yaml>) {
        self.0.push(Entry { comment, key: key.into(), value: value.into() });
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// As a whole document; `head` becomes comments.
    pub(super) fn document(&self, head: &[&str]) -> String {
        let mut out = String::new();
        for line in head {
            let _ = writeln!(out, "# {line}");
        }
        self.write(0, &mut out);
        out
    }

    fn write(&self, indent: usize, out: &mut String) {
        for (place, Entry { comment, key, value }) in self.0.iter().enumerate() {
            if let Some(comment) = comment {
                if place > 0 {
                    out.push('\n');
                }
                let _ = writeln!(out, "{:indent$}# {comment}", "");
            }
            let _ = write!(out, "{:indent$}{}:", "", scalar(key));
            value.write(indent, out);
        }
    }
}

impl Yaml {
    pub(super) fn reference(name: &str) -> Self {
        Self::Call("Ref", name.to_owned())
    }

    pub(super) fn arn(of: &str) -> Self {
        Self::Call("GetAtt", format!("{of}.Arn"))
    }

    /// Of a resource: the name that `QueueName` and the like gave it.
    pub(super) fn attribute(of: &str, name: &str) -> Self {
        Self::Call("GetAtt", format!("{of}.{name}"))
    }

    pub(super) fn sub(text: impl Into<String>) -> Self {
        Self::Call("Sub", text.into())
    }

    /// After its key and colon.
    fn write(&self, indent: usize, out: &mut String) {
        match self {
            Self::List(items) if !items.is_empty() => {
                out.push('\n');
                for item in items {
                    let _ = write!(out, "{:indent$}  -", "");
                    item.write_item(indent + 4, out);
                }
            }
            Self::Map(map) if map.len() > 0 => {
                out.push('\n');
                map.write(indent + 2, out);
            }
            flat => {
                let _ = writeln!(out, " {}", flat.flat());
            }
        }
    }

    /// After the dash of a list; the first key of a mapping stands on its line.
    fn write_item(&self, indent: usize, out: &mut String) {
        match self {
            Self::Map(map) if map.len() > 0 => {
                let mut inner = String::new();
                map.write(indent, &mut inner);
                let _ = write!(out, " {}", inner.trim_start());
            }
            other => other.write(indent, out),
        }
    }

    fn flat(&self) -> String {
        match self {
            Self::Text(text) => scalar(text),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Call(function, text) => format!("!{function} {}", scalar(text)),
            Self::List(_) => "[]".to_owned(),
            Self::Map(_) => "{}".to_owned(),
        }
    }
}

fn scalar(text: &str) -> String {
    if is_bare(text) {
        return text.to_owned();
    }
    if text.chars().all(|c| matches!(c, ' '..='~')) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut out = "\"".to_owned();
    for c in text.chars() {
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            ' '..='~' => write!(out, "{c}"),
            c if (c as u32) < 0x1_0000 => write!(out, "\\u{:04X}", c as u32),
            c => write!(out, "\\U{:08X}", c as u32),
        };
    }
    out.push('"');
    out
}

/// Whether every reader takes it for text: a letter first, nothing after it that means something, and none of the words
/// that YAML 1.1 knows.
fn is_bare(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':');
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(inside)
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Yaml {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Yaml {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

impl From<bool> for Yaml {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Map> for Yaml {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl<T: Into<Yaml>, const N: usize> From<[T; N]> for Yaml {
    fn from(items: [T; N]) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_a_text() {
        let check = |text: &str, expected: &str| assert_eq!(scalar(text), expected, "{text}");
        check("AWS::SQS::Queue", "AWS::SQS::Queue");
        check("my-store/orders", "my-store/orders");
        check("2012-10-17", "'2012-10-17'");
        check("sqs:*", "'sqs:*'");
        check("yes", "'yes'");
        check("Off", "'Off'");
        check("key:", "'key:'");
        check("", "''");
        check("two words", "'two words'");
        check("it's", "'it''s'");
        check(r#"{"a": ["\\"]}"#, r#"'{"a": ["\\"]}'"#);
        check("a\u{85}b\n\u{2028}", r#""a\u0085b\u000A\u2028""#);
        check("é\"\\😀", r#""\u00E9\"\\\U0001F600""#);
    }

    #[test]
    fn a_document_reads_well() {
        let mut root = Map::default().with("Number", 1_u64).with("Empty", Yaml::List(Vec::new()));
        let inner =
            Map::default().with("A", Yaml::reference("B")).with("C", [Map::default().with("D", true).with("E", "f")]);
        root.put(Some("What follows".to_owned()), "Inner", inner);
        root.put(Some("And the last".to_owned()), "List", ["a", "b c"]);
        expect_test::expect![[r#"
            # Head.
            Number: 1
            Empty: []

            # What follows
            Inner:
              A: !Ref B
              C:
                - D: true
                  E: f

            # And the last
            List:
              - a
              - 'b c'
        "#]]
        .assert_eq(&root.document(&["Head."]));
    }
}
