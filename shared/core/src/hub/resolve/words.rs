//! What the hub's own words are, to tell the filters and messages of a route that can never match.

use std::collections::BTreeSet;

use super::route::CURRENT;
use crate::{
    hub::{
        decode::At,
        fault::{Report, did_you_mean, nearest, one_of},
        tree::{Content, Node},
    },
    pattern::TypePattern,
};

/// The fields of a message (`docs/contract.md` §2).
const ROOTS: [&str; 15] = [
    "message_id",
    "message",
    "hub",
    "source",
    "created_at",
    "trace_id",
    "parent_id",
    "parent_route",
    "hops",
    "object",
    "keys",
    "payload",
    "previous",
    "changes",
    "routes",
];

/// What becomes of an object.
const EVENTS: [&str; 3] = ["new", "updated", "deleted"];
/// Of notifications.
const LEVELS: [&str; 3] = ["info", "warn", "error"];

/// Taken from the tree, so that a collection with a fault still counts.
pub(super) struct Words<'a> {
    types: BTreeSet<&'a str>,
    keys: BTreeSet<&'a str>,
    messages: BTreeSet<String>,
}

impl<'a> Words<'a> {
    pub(super) fn of(root: &'a Node) -> Self {
        let mut words = Self { types: BTreeSet::new(), keys: BTreeSet::new(), messages: BTreeSet::new() };
        for source in values(root.get("sources")) {
            for collection in values(source.get("collections")) {
                words.add(collection);
                values(collection.get("children")).for_each(|child| words.add(child));
            }
        }
        for webhook in values(root.get("webhooks")) {
            let types = values(webhook.get("events")).filter_map(|event| event.get("message")?.text());
            words.messages.extend(types.map(str::to_owned));
        }
        if let Some(Content::Map(aliases)) = root.get("aliases").map(|aliases| &aliases.content) {
            let both = aliases.iter().flat_map(|alias| [Some(alias.key.text.as_str()), alias.value.text()]);
            words.messages.extend(both.flatten().map(str::to_owned));
        }
        for object in &words.types {
            words.messages.extend(EVENTS.map(|event| format!("{object}:{event}")));
        }
        words.messages.extend(LEVELS.map(|level| format!("notification:{level}")));
        words
    }

    /// Whether the hub itself gives messages of this type, without any rule.
    pub(super) fn gives(&self, message: &str) -> bool {
        match message.split_once(':') {
            Some(("notification", level)) => LEVELS.contains(&level),
            Some((object, event)) => EVENTS.contains(&event) && self.types.contains(object),
            None => false,
        }
    }

    fn add(&mut self, collection: &'a Node) {
        self.types.extend(collection.get("type").and_then(Node::text));
        if let Some(Content::Map(entries)) = collection.get("keys").map(|keys| &keys.content) {
            self.keys.extend(entries.iter().map(|entry| entry.key.text.as_str()));
        }
        if let Some(Content::List(rules)) = collection.get("derive").map(|rules| &rules.content) {
            let types = rules.iter().filter_map(|rule| rule.get("message")?.text());
            self.messages.extend(types.map(str::to_owned));
        }
    }

    /// Any type may come in an answer or a push, so an unknown one is no fault; one that is nearly known is doubtful.
    pub(super) fn look(&self, message: &At<TypePattern>, report: &mut Report) {
        let near = match &message.value {
            TypePattern::Exact(exact) if self.messages.contains(exact) => None,
            TypePattern::Exact(exact) => nearest(exact, self.messages.iter().map(String::as_str)).map(str::to_owned),
            TypePattern::Prefix(beginning) => {
                let known = beginning.is_empty() || self.messages.iter().any(|known| known.starts_with(beginning));
                let word = beginning.strip_suffix(':').filter(|_| !known);
                word.and_then(|word| nearest(word, self.types.iter().copied())).map(|near| format!("{near}:*"))
            }
        };
        if let Some(near) = near {
            let message_text = "nothing in this hub gives such a message";
            report.note(&message.place, message_text, Some(format!("did you mean {near:?}?")));
        }
    }

    /// Whether a filter's path can be there at all.
    pub(super) fn check(&self, path: &At<String>, report: &mut Report) -> bool {
        let At { place, value, shown } = path;
        let segments: Vec<&str> = value.split('.').collect();
        let (message, suggestion) = match segments.as_slice() {
            segments if segments.iter().any(|segment| segment.is_empty()) => {
                (format!("expected a path: names joined by single dots, found {shown}"), None)
            }
            ["payload", _, "current", ..] => (CURRENT.to_owned(), Some("write `actual`".to_owned())),
            ["current", ..] => (CURRENT.to_owned(), None),
            ["keys", key, ..] if !self.keys.contains(key) => {
                let near = nearest(key, self.keys.iter().copied());
                (
                    format!("no collection has the key of {shown}"),
                    near.map(|key| format!("did you mean \"keys.{key}\"?")),
                )
            }
            [root, ..] if !ROOTS.contains(root) => {
                let key = self.keys.get(root).map(|key| format!("did you mean \"keys.{key}\"?"));
                let object = self.types.contains(root).then(|| format!("did you mean \"payload.{root}.actual\"?"));
                let suggestion = key.or(object).or_else(|| did_you_mean(root, ROOTS));
                let roots = one_of(&ROOTS);
                let message = format!("expected a path from the root of the message ({roots}), found {shown}");
                (message, suggestion)
            }
            _ => return true,
        };
        report.suggest(place, message, suggestion);
        false
    }
}

fn values(node: Option<&Node>) -> impl Iterator<Item = &Node> {
    let entries = match node.map(|node| &node.content) {
        Some(Content::Map(entries)) => entries.as_slice(),
        _ => &[],
    };
    entries.iter().map(|entry| &entry.value)
}
