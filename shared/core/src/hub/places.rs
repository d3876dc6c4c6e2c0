//! Where things stand in a hub file, for checks that come after it was read: what one home cannot do is no fault of the
//! file, and still wants a line and a column.

use std::collections::HashMap;

use super::{
    fault::{Fault, Place},
    tree::{Content, Entry, Node},
};

/// Line and column of everything in a hub file, by its path: `endpoints.accounting.url`, `routes[2]`.
#[derive(Debug, Clone)]
pub struct Places {
    file: String,
    places: HashMap<String, (usize, usize)>,
}

impl Places {
    pub(super) fn of(file: &str, root: &Node) -> Self {
        let mut places = Self { file: file.to_owned(), places: HashMap::new() };
        places.add(&root.place, root);
        places
    }

    /// A mapping stands where its name does, everything else where it begins.
    fn add(&mut self, place: &Place, node: &Node) {
        self.places.insert(node.place.path.clone(), (place.line.max(1), place.column.max(1)));
        match &node.content {
            Content::Map(entries) => {
                for Entry { key, value } in entries {
                    let is_map = matches!(value.content, Content::Map(_));
                    self.add(if is_map { &key.place } else { &value.place }, value);
                }
            }
            Content::List(items) => items.iter().for_each(|item| self.add(&item.place, item)),
            Content::Scalar { .. } | Content::Unusable => {}
        }
    }

    /// Something to say of what stands at `path`; where that was left out of the file, of what it would stand in.
    pub fn fault(&self, path: &str, message: impl Into<String>, suggestion: Option<String>) -> Fault {
        let mut known = path;
        let (line, column) = loop {
            match self.places.get(known) {
                Some(place) => break *place,
                None if known.is_empty() => break (1, 1),
                None => known = known.rfind(['.', '[']).map_or("", |end| &known[..end]),
            }
        };
        let path = known.to_owned();
        Fault { file: self.file.clone(), line, column, path, message: message.into(), suggestion }
    }
}
