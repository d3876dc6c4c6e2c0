//! A validated pattern as a tree, and the text of it that EventBridge reads.
//!
//! Filters and raw patterns both end here, so what can be built is what AWS's matcher and the one in process understand
//! alike. Neither knows a `$or` when it matches: both take the pattern apart into the combinations of the branches, which
//! is also how AWS counts them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    number::{Bound, Millionths, Range},
    text::Form,
};

/// One matcher of a field's list; the field matches when one of them does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Leaf {
    Text(String),
    Number(Millionths),
    Boolean(bool),
    Null,
    Range(Range),
    Form(Form, String),
    OtherTexts(Vec<String>),
    OtherNumbers(Vec<Millionths>),
    /// Anything but what has the form with one of the texts.
    OtherForms(Form, Vec<String>),
    Exists(bool),
}

impl Leaf {
    /// `None` if nothing is in the range.
    pub(super) fn range(range: Range) -> Option<Self> {
        if range.is_empty() {
            None
        } else if range.lower.at == range.upper.at {
            Some(Self::Number(range.lower.at))
        } else {
            Some(Self::Range(range))
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) => json!({"numeric": ["=", number.to_json()]}),
            Self::Boolean(value) => json!(value),
            Self::Null => Value::Null,
            Self::Range(Range { lower, upper }) => {
                let sign =
                    |bound: &Bound, sign: &str| if bound.inclusive { format!("{sign}=") } else { sign.to_owned() };
                json!({"numeric": [sign(lower, ">"), lower.at.to_json(), sign(upper, "<"), upper.at.to_json()]})
            }
            Self::Form(form, text) => form.to_json(json!(text)),
            Self::OtherTexts(texts) => json!({"anything-but": texts}),
            Self::OtherNumbers(numbers) => {
                json!({"anything-but": numbers.iter().map(|number| number.to_json()).collect::<Vec<_>>()})
            }
            Self::OtherForms(form, texts) => {
                let texts = match texts.as_slice() {
                    [only] => json!(only),
                    _ => json!(texts),
                };
                json!({"anything-but": form.to_json(texts)})
            }
            Self::Exists(exists) => json!({"exists": exists}),
        }
    }
}

/// An object of a pattern: all its fields match, and one of its `$or` branches, if there are any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Group {
    pub(super) fields: BTreeMap<String, Field>,
    pub(super) or: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    Leaves(Vec<Leaf>),
    Group(Group),
}

/// Conditions by path: one combination of the branches.
pub(super) type Combination<'a> = BTreeMap<Vec<&'a str>, &'a [Leaf]>;

/// EventBridge's limit on combinations of `$or` branches in one pattern.
pub(super) const MOST_COMBINATIONS: usize = 1_000;

impl Group {
    /// Puts a condition at a path. `false`: the path ends at, or goes through, one that has a condition already.
    pub(super) fn put<'a>(&mut self, path: impl IntoIterator<Item = &'a str>, leaves: Vec<Leaf>) -> bool {
        let mut segments = path.into_iter().peekable();
        let mut group = self;
        while let Some(segment) = segments.next() {
            if segments.peek().is_none() {
                let free = !group.fields.contains_key(segment);
                if free {
                    group.fields.insert(segment.to_owned(), Field::Leaves(leaves));
                }
                return free;
            }
            let field = group.fields.entry(segment.to_owned()).or_insert_with(|| Field::Group(Self::default()));
            match field {
                Field::Group(inner) => group = inner,
                Field::Leaves(_) => return false,
            }
        }
        false
    }

    pub(super) fn to_json(&self) -> Value {
        let mut object = Map::new();
        for (name, field) in &self.fields {
            let value = match field {
                Field::Leaves(leaves) => leaves.iter().map(Leaf::to_json).collect(),
                Field::Group(group) => group.to_json(),
            };
            object.insert(name.clone(), value);
        }
        if !self.or.is_empty() {
            object.insert("$or".to_owned(), self.or.iter().map(Self::to_json).collect());
        }
        Value::Object(object)
    }

    /// How many combinations the branches make.
    pub(super) fn combinations(&self) -> usize {
        let inside = self.fields.values().fold(1_usize, |product, field| match field {
            Field::Leaves(_) => product,
            Field::Group(group) => product.saturating_mul(group.combinations()),
        });
        let branches = self.or.iter().fold(0_usize, |sum, branch| sum.saturating_add(branch.combinations()));
        inside.saturating_mul(branches.max(1))
    }

    /// Every way to take one branch of each `$or`. A pattern matches when one of them does.
    pub(super) fn without_or(&self) -> Vec<Combination<'_>> {
        self.combine(&[])
    }

    fn combine<'a>(&'a self, way: &[&'a str]) -> Vec<Combination<'a>> {
        let mut all: Vec<Combination<'a>> = vec![BTreeMap::new()];
        for (name, field) in &self.fields {
            let path: Vec<&str> = way.iter().copied().chain([name.as_str()]).collect();
            match field {
                Field::Leaves(leaves) => {
                    all.iter_mut().for_each(|combination| {
                        combination.insert(path.clone(), leaves);
                    });
                }
                Field::Group(group) => all = product(&all, &group.combine(&path)),
            }
        }
        if !self.or.is_empty() {
            let branches: Vec<_> = self.or.iter().flat_map(|branch| branch.combine(way)).collect();
            all = product(&all, &branches);
        }
        all
    }

    /// Whether a field's list of matchers is such a one.
    pub(super) fn any_list(&self, wanted: &impl Fn(&[Leaf]) -> bool) -> bool {
        self.or.iter().any(|branch| branch.any_list(wanted))
            || self.fields.values().any(|field| match field {
                Field::Leaves(leaves) => wanted(leaves),
                Field::Group(group) => group.any_list(wanted),
            })
    }
}

fn product<'a>(left: &[Combination<'a>], right: &[Combination<'a>]) -> Vec<Combination<'a>> {
    left.iter()
        .flat_map(|one| {
            right
                .iter()
                .map(move |other| one.iter().chain(other).map(|(path, leaves)| (path.clone(), *leaves)).collect())
        })
        .collect()
}
