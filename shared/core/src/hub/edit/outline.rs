//! Where things stand in the text of a hub file: how far each mapping and list is indented, where it ends, where each of a
//! list's entries is. All places are counted in characters.

use std::{collections::HashMap, ops::Range};

use saphyr_parser::{Event, Parser, Span};

use super::EditError;

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
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

impl Shape {
    pub(super) fn place(self) -> usize {
        match self {
            Self::Block { end, .. } => end,
            Self::Brackets { open, .. } => open,
            Self::Other => 0,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Outline {
    pub root_column: usize,
    pub root_in_brackets: bool,
    values: HashMap<Vec<String>, Value>,
}

/// A value, by the keys that lead to it. What stands in a list is led to by none.
#[derive(Debug)]
struct Value {
    shape: Shape,
    /// Of a list.
    entries: Vec<Range<usize>>,
}

impl Outline {
    pub(super) fn shape(&self, path: &[&str]) -> Option<Shape> {
        self.value(path).map(|value| value.shape)
    }

    /// Those of a list, in order; none of anything else.
    pub(super) fn entries(&self, path: &[&str]) -> &[Range<usize>] {
        self.value(path).map_or(&[], |value| &value.entries)
    }

    fn value(&self, path: &[&str]) -> Option<&Value> {
        let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
        self.values.get(&path)
    }

    pub(super) fn of(text: &str) -> Result<Self, EditError> {
        let characters: Vec<char> = text.chars().collect();
        let mut outline = Self::default();
        let mut open: Vec<Open> = Vec::new();
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| EditError::NotYaml(error.to_string()))?;
            // What has just ended: what it is to what it is in, from where to where, and what it is by itself.
            let (role, range, value) = match &event {
                Event::StreamEnd => break,
                Event::MappingStart(..) | Event::SequenceStart(..) => {
                    let in_brackets = matches!(characters.get(span.start.index()), Some('{' | '['));
                    if open.is_empty() {
                        outline.root_column = span.start.col();
                        outline.root_in_brackets = in_brackets;
                    }
                    let role = open.last_mut().map_or(Role::Value(Some(Vec::new())), |parent| {
                        parent.holds(&characters, &span);
                        parent.next_role()
                    });
                    let is_list = matches!(event, Event::SequenceStart(..));
                    open.push(Open::new(span.start.index(), in_brackets, is_list, role));
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
                    let shape = match closed.in_brackets {
                        true => {
                            Shape::Brackets { open: closed.start, close, end: closed.end, is_empty: closed.is_empty }
                        }
                        false => Shape::Block { column: closed.column.unwrap_or_default(), end },
                    };
                    (closed.role, closed.start..end, Value { shape, entries: closed.entries })
                }
                Event::Scalar(..) | Event::Alias(_) => {
                    let end = match &event {
                        Event::Scalar(..) => end_of(&characters, &span),
                        _ => span.end.index(),
                    };
                    let role = open.last_mut().map_or(Role::Value(None), |parent| {
                        parent.holds(&characters, &span);
                        parent.end = parent.end.max(end);
                        parent.next_role()
                    });
                    if let (Event::Scalar(text, ..), Role::Key, Some(parent)) = (&event, &role, open.last_mut()) {
                        parent.key = Some(text.to_string());
                        continue;
                    }
                    (role, span.start.index()..end, Value { shape: Shape::Other, entries: Vec::new() })
                }
                _ => continue,
            };
            if let Some(parent) = open.last_mut() {
                match &role {
                    // One that is no text leads to nothing that a hub file may have.
                    Role::Key => parent.key = Some(String::new()),
                    Role::Value(_) if parent.is_list => parent.entries.push(range),
                    Role::Value(_) => {}
                }
            }
            if let Role::Value(Some(path)) = role {
                outline.values.insert(path, value);
            }
        }
        Ok(outline)
    }
}

/// An open collection.
struct Open {
    start: usize,
    /// How far the line is indented on which its first entry begins.
    column: Option<usize>,
    in_brackets: bool,
    is_empty: bool,
    is_list: bool,
    /// Where the last thing inside of it ended; at first, behind its bracket.
    end: usize,
    role: Role,
    /// Of a mapping, the key that waits for its value.
    key: Option<String>,
    entries: Vec<Range<usize>>,
}

impl Open {
    fn new(start: usize, in_brackets: bool, is_list: bool, role: Role) -> Self {
        let (end, entries) = (start + 1, Vec::new());
        Self { start, column: None, in_brackets, is_empty: true, is_list, end, role, key: None, entries }
    }

    fn holds(&mut self, characters: &[char], span: &Span) {
        self.is_empty = false;
        self.column.get_or_insert_with(|| {
            let start = span.start.index() - span.start.col();
            characters[start..].iter().take_while(|c| **c == ' ').count()
        });
    }

    /// Of what comes next in it.
    fn next_role(&mut self) -> Role {
        if self.is_list {
            return Role::Value(None);
        }
        let Some(key) = self.key.take() else { return Role::Key };
        match &self.role {
            Role::Value(Some(path)) => Role::Value(Some(path.iter().cloned().chain([key]).collect())),
            Role::Value(None) | Role::Key => Role::Value(None),
        }
    }
}

/// What something is in the mapping or list that it stands in.
#[derive(Debug)]
enum Role {
    Key,
    /// With the keys that lead to it; what stands in a list is led to by none.
    Value(Option<Vec<String>>),
}

/// Without the white space that some scalars take along behind them.
fn end_of(characters: &[char], span: &Span) -> usize {
    let (start, end) = (span.start.index(), span.end.index().min(characters.len()));
    let behind = characters[start..end].iter().rev().take_while(|c| c.is_whitespace()).count();
    end - behind
}
