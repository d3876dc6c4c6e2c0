//! The fields of an event that patterns name.
//!
//! An object's names make a path, and arrays add nothing to it: `lines.sku` is every line's. Each value keeps the array
//! elements it stands in. As in AWS's matcher, a plain value that is itself an element stands in none for that array, and
//! a name with a dot in the event is as good as two names.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::pattern::{number::comparable, shape::Leaf};

/// A value that a matcher can look at.
#[derive(Debug, PartialEq)]
pub(super) enum Scalar<'e> {
    Text(&'e str),
    /// `None`: a double does not hold all its digits, so it equals no number and is in no range.
    Number(Option<f64>),
    Boolean(bool),
    Null,
}

impl Scalar<'_> {
    /// What passes is never `exists: false`: there is a value.
    pub(super) fn passes(&self, leaf: &Leaf) -> bool {
        match (leaf, self) {
            (Leaf::Exists(wanted), _) => *wanted,
            (Leaf::Text(wanted), Self::Text(text)) => wanted == text,
            (Leaf::Number(wanted), Self::Number(Some(number))) => wanted.as_f64() == *number,
            (Leaf::Boolean(wanted), Self::Boolean(value)) => wanted == value,
            (Leaf::Null, Self::Null) => true,
            (Leaf::Range(range), Self::Number(Some(number))) => range.holds(*number),
            (Leaf::Form(form, wanted), Self::Text(text)) => form.matches(wanted, text),
            // Another kind of value is other than every text, and than every number.
            (Leaf::OtherTexts(texts), Self::Text(text)) => !texts.iter().any(|wanted| wanted == text),
            (Leaf::OtherForms(form, texts), Self::Text(text)) => !texts.iter().any(|wanted| form.matches(wanted, text)),
            (Leaf::OtherNumbers(numbers), Self::Number(Some(number))) => {
                !numbers.iter().any(|wanted| wanted.as_f64() == *number)
            }
            (Leaf::OtherTexts(_) | Leaf::OtherForms(..) | Leaf::OtherNumbers(_), _) => true,
            _ => false,
        }
    }
}

/// A place in an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Element {
    pub(super) array: usize,
    pub(super) index: usize,
    /// How many names lead to the array.
    pub(super) depth: usize,
}

#[derive(Debug)]
pub(super) struct Found<'e> {
    pub(super) value: Scalar<'e>,
    /// From the outermost array on.
    pub(super) trail: Vec<Element>,
}

/// The values of one event, by path.
#[derive(Debug, Default)]
pub(super) struct Event<'e> {
    found: BTreeMap<usize, Vec<Found<'e>>>,
}

impl<'e> Event<'e> {
    /// In the order of the event.
    pub(super) fn at(&self, path: usize) -> &[Found<'e>] {
        self.found.get(&path).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = (usize, &[Found<'e>])> {
        self.found.iter().map(|(path, found)| (*path, found.as_slice()))
    }
}

/// The paths that patterns name, as a tree of names, each with a number.
#[derive(Debug)]
pub(super) struct Paths {
    nodes: Vec<Node>,
    count: usize,
}

#[derive(Debug, Default)]
struct Node {
    inner: HashMap<Box<str>, usize>,
    path: Option<usize>,
}

impl Default for Paths {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], count: 0 }
    }
}

impl Paths {
    /// The path's number: the same for the same path.
    pub(super) fn add(&mut self, path: &[&str]) -> usize {
        let mut at = 0;
        for name in path {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { break };
            at = *node.inner.entry((*name).into()).or_insert(next);
            if at == next {
                self.nodes.push(Node::default());
            }
        }
        let count = &mut self.count;
        let new = || {
            *count += 1;
            *count - 1
        };
        self.nodes.get_mut(at).map(|node| *node.path.get_or_insert_with(new)).unwrap_or_default()
    }

    /// What an event has at these paths. What is no object has nothing.
    pub(super) fn read<'e>(&self, event: &'e Value) -> Event<'e> {
        let mut reading = Reading { paths: self, event: Event::default(), trail: Vec::new(), arrays: 0 };
        if let (Some(root), Value::Object(fields)) = (self.nodes.first(), event) {
            reading.object(root, 0, fields);
        }
        reading.event
    }

    /// The event without what [`Paths::read`] passes over. Elements that are objects or arrays stay, if empty, so that what
    /// stands in one stays together, and apart from what stands in another.
    pub(super) fn prune(&self, event: &Value) -> Value {
        let nothing = || Value::Object(Map::new());
        self.nodes.first().and_then(|root| self.prune_at(root, event)).unwrap_or_else(nothing)
    }

    /// `None`: nothing that is looked at.
    fn prune_at(&self, node: &Node, value: &Value) -> Option<Value> {
        match value {
            Value::Object(fields) => {
                let kept = fields.iter().filter_map(|(name, value)| {
                    let (inner, _) = self.field(node, name)?;
                    Some((name.clone(), self.prune_at(inner, value)?))
                });
                Some(Value::Object(kept.collect()))
            }
            Value::Array(items) => Some(items.iter().filter_map(|item| self.prune_at(node, item)).collect()),
            scalar => node.path.map(|_| scalar.clone()),
        }
    }

    fn inside(&self, node: &Node, name: &str) -> Option<&Node> {
        self.nodes.get(*node.inner.get(name)?)
    }

    /// Where a field of an event leads to, and how many names that is.
    fn field<'a>(&'a self, node: &'a Node, name: &str) -> Option<(&'a Node, usize)> {
        if let Some(inner) = self.inside(node, name) {
            return Some((inner, 1));
        }
        let names: Vec<&str> = name.split('.').collect();
        if names.len() == 1 {
            return None;
        }
        let inner = names.iter().try_fold(node, |node, name| self.inside(node, name))?;
        Some((inner, names.len()))
    }
}

struct Reading<'p, 'e> {
    paths: &'p Paths,
    event: Event<'e>,
    trail: Vec<Element>,
    arrays: usize,
}

impl<'p, 'e> Reading<'p, 'e> {
    fn object(&mut self, node: &'p Node, depth: usize, fields: &'e Map<String, Value>) {
        for (name, value) in fields {
            if let Some((inner, names)) = self.paths.field(node, name) {
                self.value(inner, depth + names, value);
            }
        }
    }

    fn value(&mut self, node: &'p Node, depth: usize, value: &'e Value) {
        let scalar = match value {
            Value::Object(fields) => return self.object(node, depth, fields),
            Value::Array(items) => return self.array(node, depth, items),
            Value::String(text) => Scalar::Text(text),
            Value::Bool(value) => Scalar::Boolean(*value),
            Value::Null => Scalar::Null,
            Value::Number(number) if node.path.is_some() => Scalar::Number(comparable(number.as_str())),
            Value::Number(_) => return,
        };
        if let Some(path) = node.path {
            self.event.found.entry(path).or_default().push(Found { value: scalar, trail: self.trail.clone() });
        }
    }

    fn array(&mut self, node: &'p Node, depth: usize, items: &'e [Value]) {
        let array = self.arrays;
        self.arrays += 1;
        for (index, item) in items.iter().enumerate() {
            let stands_in = matches!(item, Value::Object(_) | Value::Array(_));
            if stands_in {
                self.trail.push(Element { array, index, depth });
            }
            self.value(node, depth, item);
            if stands_in {
                self.trail.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_and_where_they_stand() {
        let mut paths = Paths::default();
        let (sku, tags) = (paths.add(&["lines", "sku"]), paths.add(&["lines", "tags"]));
        assert_eq!(paths.add(&["lines", "sku"]), sku);
        let event = json!({
            "lines": [{"sku": "A", "qty": 9, "tags": ["x", ["y"]]}, [{"sku": 5}], "sku"],
            "lines.sku": null, "sku": "elsewhere",
        });
        let event = paths.read(&event);
        type Trail = Vec<(usize, usize, usize)>;
        let seen = |path: usize| -> Vec<(String, Trail)> {
            let trail = |found: &Found<'_>| found.trail.iter().map(|at| (at.array, at.index, at.depth)).collect();
            event.at(path).iter().map(|found| (format!("{:?}", found.value), trail(found))).collect()
        };
        let in_tags =
            vec![("Text(\"x\")".to_owned(), vec![(0, 0, 1)]), ("Text(\"y\")".to_owned(), vec![(0, 0, 1), (1, 1, 2)])];
        assert_eq!(seen(tags), in_tags);
        let mut in_sku = vec![
            ("Text(\"A\")".to_owned(), vec![(0, 0, 1)]),
            ("Number(Some(5.0))".to_owned(), vec![(0, 1, 1), (3, 0, 1)]),
            ("Null".to_owned(), vec![]),
        ];
        let mut found = seen(sku);
        found.sort();
        in_sku.sort();
        assert_eq!(found, in_sku);
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        let mut paths = Paths::default();
        let path = paths.add(&["a"]);
        for event in [json!([{"a": 1}]), json!(null), json!("a")] {
            assert!(paths.read(&event).at(path).is_empty(), "{event}");
        }
    }
}
