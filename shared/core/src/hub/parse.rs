//! From text to tree. The YAML parser hands over events with spans; a stack of open collections makes nodes of them.
//!
//! Built on events rather than on a ready tree, because a ready tree stops at the first duplicate key, forgets where
//! keys stand, and rounds numbers. Depth and the size of what aliases stand for are bounded, so that no file exhausts
//! stack or memory. Not YAML's: more than one document, keys that are not scalars, tags other than `!!str`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::{
    expand::Variables,
    fault::{Place, Report},
    tree::{Content, Entry, Key, Node, quote},
};

/// Collections inside collections.
const DEEPEST: usize = 64;
/// Nodes that all aliases together may stand for.
const MOST_ALIASED: usize = 10_000;

/// The one document of the file; `None`: not even a part of it can be used. Faults are in the report.
pub(crate) fn parse(text: &str, variables: &Variables<'_>, report: &mut Report) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { report, open: Vec::new(), anchors: BTreeMap::new(), aliased: 0, documents: Vec::new() };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, span)) => builder.take(event, span)?,
            Err(error) => {
                let place = place(error.marker());
                builder.report.suggest(
                    &place,
                    format!("this is not YAML: {}", error.info()),
                    hint(text, error.info(), &place),
                );
                return None;
            }
        }
    }
    let mut documents = std::mem::take(&mut builder.documents).into_iter();
    let Some(mut document) = documents.next() else {
        report.fault(&Place::default(), "expected the description of a hub, found an empty file");
        return None;
    };
    if let Some(second) = documents.next() {
        report.fault(&second.place, "expected one YAML document, found a second one");
    }
    finish(&mut document, String::new(), Some(variables), report);
    Some(document)
}

fn place(marker: &Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1, ..Place::default() }
}

/// The mistakes that YAML's own messages explain worst.
fn hint(text: &str, info: &str, place: &Place) -> Option<String> {
    let line = text.lines().nth(place.line.checked_sub(1)?)?;
    let indent = &line[..line.len() - line.trim_start().len()];
    if info.contains("tab") || indent.contains('\t') {
        return Some("indent with spaces, never with tabs".to_owned());
    }
    if info.contains("flow") && line.contains("${") {
        return Some(r#"inside { } and [ ] quote variables: "${NAME}""#.to_owned());
    }
    let (at, _) = line.char_indices().nth(place.column.checked_sub(1)?)?;
    let special = line[..at].ends_with(['*', '&']) || line[at..].starts_with(['*', '&']);
    special.then(|| r#"quote what begins with * or &: "*""#.to_owned())
}

struct Builder<'a> {
    report: &'a mut Report,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    aliased: usize,
    documents: Vec<Node>,
}

/// A collection whose end has not been seen.
struct Open {
    place: Place,
    anchor: usize,
    content: Content,
    /// Of a mapping: the key that waits for its value; `Some(None)` is one that cannot be used.
    key: Option<Option<Key>>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        let place = place(&span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(place, &text, style, tag.as_deref());
                self.add(node, anchor);
            }
            Event::SequenceStart(anchor, tag) => self.open(place, anchor, Content::List(Vec::new()), tag)?,
            Event::MappingStart(anchor, tag) => self.open(place, anchor, Content::Map(Vec::new()), tag)?,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { place, anchor, content, .. }) = self.open.pop() {
                    self.add(Node { place, content }, anchor);
                }
            }
            Event::Alias(anchor) => {
                let content = self.alias(anchor, &place)?;
                self.add(Node { place, content }, 0);
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
        Some(())
    }

    fn scalar(&mut self, place: Place, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Node {
        let tagged = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        if let Some(tag) = tag
            && !tagged
        {
            self.refuse_tag(&place, tag);
            return Node { place, content: Content::Unusable };
        }
        let quoted = tagged || style != ScalarStyle::Plain;
        Node { place, content: Content::Scalar { text: text.to_owned(), written: None, quoted } }
    }

    fn refuse_tag(&mut self, place: &Place, tag: &Tag) {
        let name = quote(&format!("{}{}", tag.handle, tag.suffix));
        self.report.fault(place, format!("expected no tag other than !!str, found {name}"));
    }

    fn open(&mut self, place: Place, anchor: usize, content: Content, tag: Option<Cow<'_, Tag>>) -> Option<()> {
        if let Some(tag) = tag {
            self.refuse_tag(&place, &tag);
        }
        if self.open.len() == DEEPEST {
            self.report.fault(&place, format!("expected at most {DEEPEST} levels of nesting, found more"));
            return None;
        }
        self.open.push(Open { place, anchor, content, key: None });
        Some(())
    }

    fn alias(&mut self, anchor: usize, place: &Place) -> Option<Content> {
        let Some(node) = self.anchors.get(&anchor) else {
            self.report.fault(place, "this alias stands for something that contains it");
            return Some(Content::Unusable);
        };
        self.aliased += size(node);
        if self.aliased > MOST_ALIASED {
            self.report.fault(place, format!("aliases stand for more than {MOST_ALIASED} nodes together"));
            return None;
        }
        Some(node.content.clone())
    }

    fn add(&mut self, node: Node, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.documents.push(node);
            return;
        };
        match (&mut parent.content, parent.key.take()) {
            (Content::List(items), _) => items.push(node),
            (Content::Map(entries), Some(Some(key))) => entries.push(Entry { key, value: node }),
            (Content::Map(_), None) => {
                let key = match node.content {
                    Content::Scalar { text, .. } => Some(Key { place: node.place, text }),
                    Content::Unusable => None,
                    Content::List(_) | Content::Map(_) => {
                        self.report.fault(&node.place, format!("expected a name for a key, found {}", node.found()));
                        None
                    }
                };
                parent.key = Some(key);
            }
            _ => {}
        }
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.content {
        Content::List(items) => items.iter().map(size).sum(),
        Content::Map(entries) => entries.iter().map(|entry| size(&entry.value)).sum(),
        _ => 0,
    }
}

/// Gives every node its path, refuses keys that come twice, and expands variables; without any, those of a tree that was
/// compiled have been.
pub(crate) fn finish(node: &mut Node, path: String, variables: Option<&Variables<'_>>, report: &mut Report) {
    node.place.path = path;
    let Node { place, content } = node;
    match content {
        Content::Scalar { text, written, .. } => {
            match variables.map_or(Ok(None), |variables| variables.expand(&place.path, text)) {
                Ok(None) => {}
                Ok(Some(expanded)) => *written = Some(std::mem::replace(text, expanded)),
                Err(wrong) => {
                    for (message, suggestion) in wrong {
                        report.suggest(place, message, suggestion);
                    }
                    *content = Content::Unusable;
                }
            }
        }
        Content::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                finish(item, format!("{}[{index}]", place.path), variables, report);
            }
        }
        Content::Map(entries) => finish_map(entries, &place.path, variables, report),
        Content::Unusable => {}
    }
}

fn finish_map(entries: &mut Vec<Entry>, path: &str, variables: Option<&Variables<'_>>, report: &mut Report) {
    let mut lines = HashMap::new();
    entries.retain_mut(|Entry { key, value }| {
        let dot = if path.is_empty() { "" } else { "." };
        key.place.path = format!("{path}{dot}{}", key.text);
        if let Some(line) = lines.get(&key.text) {
            report
                .fault(&key.place, format!("the key {} is here twice; the first is on line {line}", quote(&key.text)));
            return false;
        }
        lines.insert(key.text.clone(), key.place.line);
        if key.text.contains("${") {
            report.fault(&key.place, format!("variables are expanded in values only, found {}", quote(&key.text)));
        }
        // An empty value has no place of its own.
        if matches!(&value.content, Content::Scalar { text, quoted: false, .. } if text.is_empty()) {
            value.place = key.place.clone();
        }
        finish(value, key.place.path.clone(), variables, report);
        true
    });
}
