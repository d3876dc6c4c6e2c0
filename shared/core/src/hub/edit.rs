//! Adding an endpoint and routes to the text of a hub file, which stays what it was in every other byte: comments, order,
//! indentation, ends of lines.
//!
//! A ready tree has forgotten what stood between its nodes, so nothing is written anew: the parser's events say where a
//! block ends and how far it is indented, and lines go in there. Where a key is missing it is added at the end; a list or
//! mapping in brackets gets its entry before the bracket that closes it.
//!
//! What comes out is not believed: [`only_adds`] compares it with what went in.
//!
//! Deliberately absent: changing or removing what is there.

use saphyr_parser::{Event, Parser, Span};
use serde_json::Value;

/// What is added to a mapping or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Lines without indentation; those of a list's entry begin with `- ` and go on below its text.
    pub block: Vec<String>,
    /// The same inside of brackets.
    pub flow: String,
}

/// Why a text cannot be added to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("it is not YAML: {0}")]
    NotYaml(String),
    #[error("all of it stands in brackets, where {0} cannot be added as a block")]
    InBrackets(&'static str),
    #[error("expected {expected} at {key}, found something else")]
    Unexpected { key: &'static str, expected: &'static str },
}

/// Where a key of the file's root has its value. All places are counted in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A block whose entries begin at `column`; the last of them ends at `end`.
    Block {
        column: usize,
        end: usize,
    },
    /// In brackets, from `open` to `close`; the last thing in them ends at `end`, and where there is none, it is `open`'s.
    Brackets {
        open: usize,
        close: usize,
        end: usize,
        is_empty: bool,
    },
    Other,
}

#[derive(Debug, Default)]
struct Outline {
    root_column: usize,
    root_in_brackets: bool,
    endpoints: Option<Shape>,
    routes: Option<Shape>,
}

const ENDPOINTS: &str = "endpoints";
const ROUTES: &str = "routes";

/// The text with the endpoint and the routes in it.
///
/// # Errors
/// The text is written in a way in which nothing can be added to it.
pub fn add(text: &str, endpoint: &Entry, routes: &[Entry]) -> Result<String, EditError> {
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", text),
    };
    let outline = outline(body)?;
    let line_end = match body.find('\n') {
        Some(at) if body[..at].ends_with('\r') => "\r\n",
        None if body.contains('\r') => "\r",
        _ => "\n",
    };
    let mut file = File { text: body.to_owned(), line_end };
    let additions = [
        (ENDPOINTS, "a mapping", outline.endpoints, std::slice::from_ref(endpoint)),
        (ROUTES, "a list", outline.routes, routes),
    ];
    // From the end, so that what comes before stays where it is. What is missing comes last of all.
    let mut there: Vec<_> =
        additions.iter().filter_map(|(key, what, shape, new)| Some((*key, *what, (*shape)?, *new))).collect();
    there.sort_by_key(|(_, _, shape, _)| std::cmp::Reverse(shape.place()));
    let missing = additions.iter().filter(|(_, _, shape, new)| shape.is_none() && !new.is_empty());
    if outline.root_in_brackets {
        if let Some((key, ..)) = missing.clone().next() {
            return Err(EditError::InBrackets(key));
        }
    } else {
        // At the end, so before anything else moves it.
        for (key, _, _, new) in missing {
            file.append(outline.root_column, key, new);
        }
    }
    for (key, expected, shape, new) in there {
        match shape {
            Shape::Other => return Err(EditError::Unexpected { key, expected }),
            _ if new.is_empty() => {}
            Shape::Block { column, end } => file.insert_after(end, column, new),
            Shape::Brackets { open, close, is_empty: true, .. } if !outline.root_in_brackets => {
                file.remove(open, close + 1);
                file.insert_after(open, outline.root_column + 2, new);
            }
            Shape::Brackets { end, is_empty, .. } => file.insert_in_brackets(end, is_empty, new),
        }
    }
    Ok(format!("{mark}{}", file.text))
}

/// Whether the hub that was compiled from the new text is the one from the old, with one endpoint and so many routes at the
/// end more.
pub fn only_adds(old: &str, new: &str, endpoint: &str, routes: usize) -> bool {
    let (Ok(old), Ok(mut new)) = (serde_json::from_str::<Value>(old), serde_json::from_str::<Value>(new)) else {
        return false;
    };
    let Some(hub) = new.as_object_mut() else { return false };
    let without = |list: &mut Vec<Value>| list.len().checked_sub(routes).map(|rest| list.truncate(rest));
    let added = hub.get_mut(ENDPOINTS).and_then(Value::as_object_mut).and_then(|all| all.remove(endpoint)).is_some()
        && (routes == 0 || hub.get_mut(ROUTES).and_then(Value::as_array_mut).and_then(without).is_some());
    // A key with nothing in it, and none, are the same.
    let emptied = |hub: &Value| {
        let mut hub = hub.clone();
        if let Some(fields) = hub.as_object_mut() {
            for key in [ENDPOINTS, ROUTES] {
                let is_empty = fields.get(key).is_some_and(|value| match value {
                    Value::Object(all) => all.is_empty(),
                    Value::Array(all) => all.is_empty(),
                    _ => false,
                });
                if is_empty {
                    fields.remove(key);
                }
            }
        }
        hub
    };
    added && emptied(&old) == emptied(&new)
}

impl Shape {
    fn place(self) -> usize {
        match self {
            Self::Block { end, .. } => end,
            Self::Brackets { open, .. } => open,
            Self::Other => 0,
        }
    }
}

/// An open collection.
struct Open {
    start: usize,
    /// How far the line is indented on which its first entry begins.
    column: Option<usize>,
    in_brackets: bool,
    is_empty: bool,
    /// Where the last thing inside of it ended; at first, behind its bracket.
    end: usize,
}

impl Open {
    fn holds(&mut self, characters: &[char], span: &Span) {
        self.is_empty = false;
        self.column.get_or_insert_with(|| {
            let start = span.start.index() - span.start.col();
            characters[start..].iter().take_while(|c| **c == ' ').count()
        });
    }
}

fn outline(text: &str) -> Result<Outline, EditError> {
    let characters: Vec<char> = text.chars().collect();
    let mut outline = Outline::default();
    let mut open: Vec<Open> = Vec::new();
    // The root's key that waits for its value.
    let mut key: Option<String> = None;
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| EditError::NotYaml(error.to_string()))?;
        // What a value of the root turned out to be, once it is over.
        let done = match &event {
            Event::StreamEnd => break,
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                let in_brackets = matches!(characters.get(span.start.index()), Some('{' | '['));
                if open.is_empty() {
                    outline.root_column = span.start.col();
                    outline.root_in_brackets = in_brackets;
                }
                if let Some(parent) = open.last_mut() {
                    parent.holds(&characters, &span);
                }
                let start = span.start.index();
                open.push(Open { start, column: None, in_brackets, is_empty: true, end: start + 1 });
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let Some(closed) = open.pop() else { continue };
                // An event's own end may lie behind the comment that follows.
                let close = span.start.index();
                let end = if closed.in_brackets { close + 1 } else { closed.end };
                if let Some(parent) = open.last_mut() {
                    parent.end = parent.end.max(end);
                }
                match closed {
                    Open { in_brackets: true, start, is_empty, end, .. } => {
                        Shape::Brackets { open: start, close, end, is_empty }
                    }
                    Open { column, .. } => Shape::Block { column: column.unwrap_or_default(), end },
                }
            }
            Event::Scalar(text, ..) => {
                let end = end_of(&characters, &span);
                if let Some(parent) = open.last_mut() {
                    parent.holds(&characters, &span);
                    parent.end = parent.end.max(end);
                }
                if open.len() == 1 && key.is_none() {
                    key = Some(text.to_string());
                    continue;
                }
                Shape::Other
            }
            Event::Alias(_) => {
                if let Some(parent) = open.last_mut() {
                    parent.holds(&characters, &span);
                    parent.end = parent.end.max(span.end.index());
                }
                Shape::Other
            }
            _ => continue,
        };
        if open.len() == 1
            && let Some(key) = key.take()
        {
            match key.as_str() {
                ENDPOINTS => outline.endpoints = Some(done),
                ROUTES => outline.routes = Some(done),
                _ => {}
            }
        }
    }
    Ok(outline)
}

/// Without the white space that some scalars take along behind them.
fn end_of(characters: &[char], span: &Span) -> usize {
    let (start, end) = (span.start.index(), span.end.index().min(characters.len()));
    let behind = characters[start..end].iter().rev().take_while(|c| c.is_whitespace()).count();
    end - behind
}

struct File {
    text: String,
    line_end: &'static str,
}

impl File {
    /// The byte at which a character begins.
    fn byte(&self, character: usize) -> usize {
        self.text.char_indices().nth(character).map_or(self.text.len(), |(byte, _)| byte)
    }

    /// Bytes, each line with its end.
    fn line_after(&self, byte: usize) -> usize {
        let rest = &self.text[byte..];
        match rest.find(['\n', '\r']) {
            Some(at) if rest[at..].starts_with("\r\n") => byte + at + 2,
            Some(at) => byte + at + 1,
            None => self.text.len(),
        }
    }

    /// Below the line of a character, and below the comments after it that are indented as its block is.
    fn insert_after(&mut self, character: usize, column: usize, new: &[Entry]) {
        let mut at = self.line_after(self.byte(character.saturating_sub(1)));
        let mut next = at;
        while next < self.text.len() {
            let end = self.line_after(next);
            let line = &self.text[next..end];
            let indent = line.len() - line.trim_start_matches(' ').len();
            match line.trim() {
                "" => {}
                comment if comment.starts_with('#') && column > 0 && indent >= column => at = end,
                _ => break,
            }
            next = end;
        }
        let lines = self.lines(column, new);
        self.insert_lines(at, &lines);
    }

    fn append(&mut self, column: usize, key: &str, new: &[Entry]) {
        // What ends a document ends what can be added to it.
        let ends = self.text.lines().map(str::trim_end).any(|line| line == "...");
        let at = if ends { self.text.find("...").unwrap_or(self.text.len()) } else { self.text.len() };
        let lines = format!("{0}{1:2$}{key}:{0}{3}", self.line_end, "", column, self.lines(column + 2, new));
        self.insert_lines(at, &lines);
    }

    fn lines(&self, column: usize, new: &[Entry]) -> String {
        let lines = new.iter().flat_map(|entry| &entry.block);
        lines.map(|line| format!("{:column$}{line}{}", "", self.line_end)).collect()
    }

    fn insert_lines(&mut self, at: usize, lines: &str) {
        let is_cut = at > 0 && !self.text[..at].ends_with(['\n', '\r']);
        self.text.insert_str(at, &format!("{}{lines}", if is_cut { self.line_end } else { "" }));
    }

    /// Behind what ends at a character, before a comma that may follow it.
    fn insert_in_brackets(&mut self, end: usize, is_empty: bool, new: &[Entry]) {
        let at = self.byte(end);
        let comma = if is_empty { "" } else { ", " };
        let new: Vec<&str> = new.iter().map(|entry| entry.flow.as_str()).collect();
        self.text.insert_str(at, &format!("{comma}{}", new.join(", ")));
    }

    /// From one character to before another, and the blanks behind it, or before it where nothing follows on its line.
    fn remove(&mut self, start: usize, end: usize) {
        let (start, end) = (self.byte(start), self.byte(end));
        let rest = self.text[end..].trim_start_matches(' ');
        let is_last = rest.is_empty() || rest.starts_with(['\n', '\r']);
        let start = if is_last { self.text[..start].trim_end_matches(' ').len() } else { start };
        let end = if start == end { end } else { self.text.len() - rest.len() };
        self.text.replace_range(start..end, "");
    }
}

#[cfg(test)]
mod tests;
