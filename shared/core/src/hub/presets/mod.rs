//! What is known of a kind of shop, laid below what the hub file says of one.
//!
//! A preset is data: a part of a hub file, one source without its URL, in the YAML file of its name beside this one. It
//! is merged into the tree before anything is decoded, so a source with a preset is a source like any other from there on
//! (docs/adr/0029-presets.md). The user's word always stands: mappings are merged key by key, everything else is replaced,
//! `null` takes a key of the preset away. Of the preset's collections, those are polled that the file names.
//!
//! What a preset has put in stands at the place of the file's `preset`, and says so in a fault.
//!
//! Deliberately absent: logic of any one vendor, presets of the user's own (YAML's anchors do that), versions of a vendor's
//! API (they stand in the source's URL).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    decode::{Decode, choice},
    description::SourcePart,
    expand::Variables,
    fault::{Place, Report, did_you_mean, one_of},
    parse,
    scalar::Scalar,
    tree::{Content, Entry, Key, Node, quote},
};

/// The known ones: name, and text.
const PRESETS: [(&str, &str); 5] = [
    ("spree", include_str!("spree.yaml")),
    ("shopify", include_str!("shopify.yaml")),
    ("woocommerce", include_str!("woocommerce.yaml")),
    ("commercetools", include_str!("commercetools.yaml")),
    ("marketplacer", include_str!("marketplacer.yaml")),
];

const COLLECTIONS: &str = "collections";

/// The name of one that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preset;

impl Decode for Preset {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        choice(node, "a preset", &PRESETS.map(|(name, _)| (name, Self)), report)
    }
}

impl JsonSchema for Preset {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Preset".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": PRESETS.map(|(name, _)| name)})
    }
}

/// A source, which in the file may lack what its preset has.
#[derive(Debug, Clone)]
pub(crate) struct SourceOrPreset(pub(crate) SourcePart);

impl Decode for SourceOrPreset {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        SourcePart::decode(node, report).map(Self)
    }
}

impl JsonSchema for SourceOrPreset {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "SourceOrPreset".into()
    }
    /// Over a preset any key may be left out, and `null`: what is required of whole sources is not asked for there.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "if": {"required": ["preset"]},
            "then": {
                "type": "object",
                "required": ["url"],
                "properties": {
                    "preset": generator.subschema_for::<Preset>(),
                    "auth": {"type": ["object", "null"]},
                    "collections": {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
                },
            },
            "else": generator.subschema_for::<SourcePart>(),
        })
    }
}

/// Lays its preset below each source that names one.
pub(super) fn apply(root: &mut Node, report: &mut Report) {
    let Some(Node { content: Content::Map(sources), .. }) = root.get_mut("sources") else { return };
    for Entry { value: source, .. } in sources {
        let Some(named) = source.get("preset") else { continue };
        let known = PRESETS.into_iter().find(|(name, _)| named.text() == Some(*name));
        let place = named.place.clone();
        match known {
            Some((name, text)) => {
                let preset = read(name, text, &place, &source.place.path);
                collections(source, name, &preset, report);
                over(source, "", &preset);
            }
            // Whoever decodes it says so; what lacks for want of it is no fault of its own.
            None => {
                if let Some(collections) = source.get_mut(COLLECTIONS) {
                    collections.content = Content::Unusable;
                }
            }
        }
    }
}

/// The preset as if it stood in the file, at `path` and at the place of its name.
fn read(name: &'static str, text: &str, place: &Place, path: &str) -> Node {
    let mut report = Report::new(name, text);
    let none = Variables { lookup: &|_| None, stand_in: |_| None };
    let content = parse::parse(text, &none, &mut report).map_or(Content::Unusable, |node| node.content);
    let mut preset = Node { place: place.clone(), content };
    moved(&mut preset, path, &Place { preset: Some(name), ..place.clone() });
    preset
}

fn moved(node: &mut Node, path: &str, to: &Place) {
    node.place = Place { path: path.to_owned(), ..to.clone() };
    match &mut node.content {
        Content::Map(entries) => {
            for Entry { key, value } in entries {
                let path = format!("{path}.{}", key.text);
                moved(value, &path, to);
                key.place = Place { path, ..to.clone() };
            }
        }
        Content::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                moved(item, &format!("{path}[{index}]"), to);
            }
        }
        Content::Scalar { .. } | Content::Unusable => {}
    }
}

/// Brings the source's collections into a shape that can be merged: `orders:` alone means the preset's. One that neither
/// the preset has nor the file describes is a fault.
fn collections(source: &mut Node, name: &str, preset: &Node, report: &mut Report) {
    let Some(Node { content: Content::Map(named), .. }) = source.get_mut(COLLECTIONS) else { return };
    let known: Vec<&str> = match preset.get(COLLECTIONS) {
        Some(Node { content: Content::Map(known), .. }) => known.iter().map(|entry| entry.key.text.as_str()).collect(),
        _ => Vec::new(),
    };
    for Entry { key: Key { text, place }, value } in named {
        let is_known = known.contains(&text.as_str());
        if is_known && value.scalar() == Some(Scalar::Null) {
            value.content = Content::Map(Vec::new());
        }
        if !is_known && value.get("type").is_none() && !matches!(value.content, Content::Unusable) {
            let message = format!("the preset {name} has no collection {}; it has {}", quote(text), one_of(&known));
            let meant = did_you_mean(text, known.iter().copied());
            report.suggest(place, message, meant.or_else(|| Some("or describe it, its `type` first".to_owned())));
            value.content = Content::Unusable;
        }
    }
}

/// `own`, the value of `key`, over what the preset has there.
fn over(own: &mut Node, key: &str, preset: &Node) {
    let (Content::Map(entries), Content::Map(below)) = (&own.content, &preset.content) else { return };
    // Another way to authenticate, another style of pages: nothing of the preset's fits.
    let differs = match key {
        "auth" => entries.iter().any(|entry| preset.get(&entry.key.text).is_none()),
        "pages" => own.get("style").is_some_and(|style| style.text() != preset.get("style").and_then(Node::text)),
        _ => false,
    };
    if differs {
        return;
    }
    for Entry { key: inner, value } in below {
        match own.get_mut(&inner.text) {
            Some(own) => over(own, &inner.text, value),
            // Only those that the file names.
            None if key == COLLECTIONS || inner.text == COLLECTIONS => {}
            None => add(own, inner, value),
        }
    }
    without_nulls(own, preset);
}

fn add(node: &mut Node, key: &Key, value: &Node) {
    if let Content::Map(entries) = &mut node.content {
        entries.push(Entry { key: key.clone(), value: value.clone() });
    }
}

/// Takes away what the file sets to `null` and the preset to something.
fn without_nulls(node: &mut Node, preset: &Node) {
    if let Content::Map(entries) = &mut node.content {
        entries.retain(|Entry { key, value }| preset.get(&key.text).is_none() || value.scalar() != Some(Scalar::Null));
    }
}

/// The hub as it is with its presets in it, variables as they are written.
pub(super) fn effective(mut root: Node) -> Node {
    root.unexpand();
    if let Some(Node { content: Content::Map(sources), .. }) = root.get_mut("sources") {
        for Entry { value: source, .. } in sources {
            if let Content::Map(keys) = &mut source.content {
                keys.retain(|entry| entry.key.text != "preset");
            }
        }
    }
    root
}

#[cfg(test)]
mod tests;
