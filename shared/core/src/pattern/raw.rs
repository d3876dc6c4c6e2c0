//! A raw EventBridge pattern: read strictly, so that what passes means the same on AWS and in process.
//!
//! What AWS accepts and would be a surprise is refused with the reason: an IP address (`cidr`, and a literal, which AWS
//! compares by its meaning: `::ffff:a00:1` is `10.0.0.1`), a `$or` branch that replaces a condition beside it, characters
//! without one other case where case is ignored. A number with one bound gets the other end of EventBridge's range.

use serde_json::{Map, Value};

use super::{
    EventPattern, FaultAt, PatternFault, TypePattern, any_source, closed_path,
    filters::number,
    found,
    number::{Bound, Range},
    shape::{Field, Group, Leaf},
    text::{Form, check_wildcard, odd_case, spells_address},
    types,
};
use crate::hub::did_you_mean;

const MATCHERS: [&str; 8] =
    ["prefix", "suffix", "wildcard", "anything-but", "numeric", "exists", "equals-ignore-case", "cidr"];
const ROOTS: [&str; 3] = ["source", "detail-type", "detail"];

/// The pattern of a route that has one in the pattern language itself; `messages` are added to it.
///
/// # Errors
/// Every part that is no pattern, or that AWS and the matcher in process understand differently; the pattern's limits.
pub fn compile_raw(messages: &[TypePattern], pattern: &Value) -> Result<EventPattern, Vec<PatternFault>> {
    let mut reader = Reader { faults: Vec::new() };
    let mut group = match pattern {
        Value::Object(object) => reader.group(object, &Way::default()),
        other => {
            reader.fault(&Way::default(), format!("expected an object, found {}", found(other)));
            Group::default()
        }
    };
    if let Some(types) = types(messages) {
        if names(&group, "detail-type") {
            let at = Way::default().enter("detail-type");
            reader.fault(
                &at,
                "the route's messages say which types it takes; leave detail-type out, or write messages: [\"*\"]",
            );
        }
        group.fields.insert("detail-type".to_owned(), Field::Leaves(types));
    } else if group == Group::default() {
        group.fields.insert("source".to_owned(), any_source());
    }
    if reader.faults.is_empty() { EventPattern::of(group) } else { Err(reader.faults) }
}

/// Whether the group has the field, itself or in a branch.
fn names(group: &Group, field: &str) -> bool {
    group.fields.contains_key(field) || group.or.iter().any(|branch| names(branch, field))
}

/// Where the reader is: in the pattern's text, and in the event that it is about.
#[derive(Clone, Default)]
struct Way<'a> {
    pointer: String,
    path: Vec<&'a str>,
}

impl<'a> Way<'a> {
    fn point(&self, segment: &str) -> Self {
        let segment = segment.replace('~', "~0").replace('/', "~1");
        Self { pointer: format!("{}/{segment}", self.pointer), path: self.path.clone() }
    }

    fn enter(&self, name: &'a str) -> Self {
        let mut way = self.point(name);
        way.path.push(name);
        way
    }
}

struct Reader {
    faults: Vec<PatternFault>,
}

impl Reader {
    fn fault(&mut self, way: &Way<'_>, message: impl Into<String>) {
        self.faults.push(PatternFault { at: FaultAt::Raw(way.pointer.clone()), message: message.into() });
    }

    fn group<'a>(&mut self, object: &'a Map<String, Value>, way: &Way<'a>) -> Group {
        let mut group = Group::default();
        if object.is_empty() && !way.path.is_empty() {
            self.fault(way, "expected at least one field, found {}");
        }
        for (name, value) in object {
            if name == "$or" {
                group.or = self.branches(value, way);
                continue;
            }
            let inside = way.enter(name);
            if !self.check_name(name, &inside) {
                continue;
            }
            let field = match value {
                Value::Object(object) if inside.path == ["detail-type"] || inside.path == ["source"] => {
                    self.fault(&inside, format!("expected a list of matchers, found {}", found(value)));
                    Field::Group(self.group(object, &inside))
                }
                Value::Array(_) if inside.path == ["detail"] => {
                    self.fault(
                        &inside,
                        format!("expected an object with fields of the message, found {}", found(value)),
                    );
                    continue;
                }
                Value::Object(object) => Field::Group(self.group(object, &inside)),
                Value::Array(items) => Field::Leaves(self.leaves(items, &inside)),
                other => {
                    let list = Value::Array(vec![other.clone()]);
                    self.fault(
                        &inside,
                        format!(
                            "expected a list of matchers or an object, found {}; did you mean {}?",
                            found(other),
                            found(&list)
                        ),
                    );
                    continue;
                }
            };
            group.fields.insert(name.clone(), field);
        }
        for (place, branch) in group.or.iter().enumerate() {
            if let Some(path) = overlap(&group, branch) {
                let at = way.point("$or").point(&place.to_string());
                self.fault(
                    &at,
                    format!("{path} has a condition outside this $or already, and a branch would replace it"),
                );
            }
        }
        group
    }

    fn check_name(&mut self, name: &str, way: &Way<'_>) -> bool {
        if let [root] = way.path.as_slice()
            && !ROOTS.contains(root)
        {
            let suggestion =
                did_you_mean(root, ROOTS).unwrap_or_else(|| "the fields of a message are inside detail".to_owned());
            self.fault(way, format!("expected source, detail-type, detail or $or, found {name:?}; {suggestion}"));
            return false;
        }
        if name.is_empty() || name.contains('.') || name.chars().any(char::is_control) {
            self.fault(way, format!("expected a field's name, found {name:?}; nested fields are nested objects"));
            return false;
        }
        if let Some(reason) = way.path.strip_prefix(&["detail"]).and_then(closed_path) {
            self.fault(way, reason);
            return false;
        }
        true
    }

    fn branches<'a>(&mut self, value: &'a Value, way: &Way<'a>) -> Vec<Group> {
        let at = way.point("$or");
        let items = match value {
            Value::Array(items) if items.len() > 1 => items,
            other => {
                self.fault(&at, format!("expected a list of two objects or more, found {}", found(other)));
                return Vec::new();
            }
        };
        let mut branches = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let at = Way { pointer: at.point(&place.to_string()).pointer, path: way.path.clone() };
            match item {
                Value::Object(object) if object.is_empty() => self.fault(&at, "expected at least one field, found {}"),
                Value::Object(object) => {
                    if let Some(word) = object.keys().find(|key| MATCHERS.contains(&key.as_str())) {
                        self.fault(&at, format!("expected an object of fields, found the matcher {word}: in a $or, EventBridge takes it for no field"));
                    } else {
                        branches.push(self.group(object, &at));
                    }
                }
                other => self.fault(&at, format!("expected an object of fields, found {}", found(other))),
            }
        }
        branches
    }

    fn leaves(&mut self, items: &[Value], way: &Way<'_>) -> Vec<Leaf> {
        if items.is_empty() {
            self.fault(way, "expected a list of at least one matcher, found []");
        }
        let mut leaves = Vec::new();
        for (place, item) in items.iter().enumerate() {
            match leaf(item) {
                Ok(leaf) if leaves.contains(&leaf) => {}
                Ok(leaf) => leaves.push(leaf),
                Err(message) => self.fault(&way.point(&place.to_string()), message),
            }
        }
        leaves
    }
}

/// A path at which the branch and what stands beside it both have a condition, or one looks into the other.
fn overlap(beside: &Group, branch: &Group) -> Option<String> {
    branch
        .fields
        .iter()
        .find_map(|(name, field)| match (beside.fields.get(name)?, field) {
            (Field::Group(one), Field::Group(other)) => {
                let inner = overlap(one, other).or_else(|| one.or.iter().find_map(|branch| overlap(branch, other)));
                inner.map(|path| format!("{name}.{path}"))
            }
            _ => Some(name.clone()),
        })
        .or_else(|| branch.or.iter().find_map(|inner| overlap(beside, inner)))
}

fn leaf(item: &Value) -> Result<Leaf, String> {
    match item {
        Value::Null => Ok(Leaf::Null),
        Value::Bool(value) => Ok(Leaf::Boolean(*value)),
        Value::Number(_) => number(item).map(Leaf::Number),
        Value::String(text) => plain(text).map(Leaf::Text),
        Value::Array(_) => Err(format!("expected a matcher, found the list {}", found(item))),
        Value::Object(object) => {
            let mut entries = object.iter();
            match (entries.next(), entries.next()) {
                (Some((name, value)), None) => matcher(name, value),
                _ => Err(format!("expected an object with one matcher, found {}", found(item))),
            }
        }
    }
}

fn plain(text: &str) -> Result<String, String> {
    if spells_address(text) {
        return Err(format!(
            "EventBridge compares the IP address {text:?} by its meaning, so that it equals other spellings of it; write \
             equals-ignore-case"
        ));
    }
    Ok(text.to_owned())
}

fn matcher(name: &str, value: &Value) -> Result<Leaf, String> {
    match name {
        "prefix" => affix(name, value, [Form::Prefix, Form::PrefixIgnoreCase]),
        "suffix" => affix(name, value, [Form::Suffix, Form::SuffixIgnoreCase]),
        "wildcard" => form(name, Form::Wildcard, value),
        "equals-ignore-case" => form(name, Form::EqualsIgnoreCase, value),
        "exists" => match value {
            Value::Bool(value) => Ok(Leaf::Exists(*value)),
            other => Err(format!("exists: expected true or false, found {}", found(other))),
        },
        "numeric" => numeric(value),
        "anything-but" => anything_but(value),
        "cidr" => {
            Err("cidr: EventBridge compares addresses by their meaning, this hub by their letters; list prefixes"
                .to_owned())
        }
        other => {
            let suggestion =
                did_you_mean(other, MATCHERS).map(|suggestion| format!("; {suggestion}")).unwrap_or_default();
            Err(format!("expected one of {}, found {other:?}{suggestion}", MATCHERS.join(", ")))
        }
    }
}

fn text<'a>(name: &str, value: &'a Value) -> Result<&'a str, String> {
    value.as_str().ok_or_else(|| format!("{name}: expected text, found {}", found(value)))
}

/// A matcher of one text.
fn form(name: &str, form: Form, value: &Value) -> Result<Leaf, String> {
    form_text(name, form, value).map(|text| Leaf::Form(form, text))
}

/// A text that can be compared in this way.
fn form_text(name: &str, form: Form, value: &Value) -> Result<String, String> {
    let text = text(name, value)?;
    match form {
        // Every text has it.
        Form::Prefix => {}
        Form::Suffix if text.is_empty() => {
            return Err(format!(
                "{name}: expected text with at least one character, found \"\"; for any text, write {{\"prefix\": \"\"}}"
            ));
        }
        _ if text.is_empty() => return Err(format!("{name}: expected text with at least one character, found \"\"")),
        Form::Wildcard => check_wildcard(text).map_err(|reason| format!("{name}: {text:?} has {reason}"))?,
        Form::EqualsIgnoreCase | Form::PrefixIgnoreCase | Form::SuffixIgnoreCase => {
            if let Some(odd) = odd_case(text) {
                return Err(format!(
                    "{name}: {odd:?} has no one other case, so what it matches depends on the edition of Unicode"
                ));
            }
        }
        Form::Suffix => {}
    }
    Ok(text.to_owned())
}

/// `prefix` and `suffix`, as they are and ignoring case.
fn affix(name: &str, value: &Value, [exact, ignoring_case]: [Form; 2]) -> Result<Leaf, String> {
    let Value::Object(object) = value else { return form(name, exact, value) };
    match object.iter().collect::<Vec<_>>().as_slice() {
        [(inner, value)] if inner.as_str() == "equals-ignore-case" => {
            form(&format!("{name} with equals-ignore-case"), ignoring_case, value)
        }
        _ => Err(format!("{name}: expected text or {{\"equals-ignore-case\": text}}, found {}", found(value))),
    }
}

fn numeric(value: &Value) -> Result<Leaf, String> {
    let wrong = || {
        format!(
            "numeric: expected [\"=\", number], or one or two bounds such as [\">=\", 0, \"<\", 100], found {}",
            found(value)
        )
    };
    let items = value.as_array().ok_or_else(wrong)?;
    let bound = |value: &Value, sign: &str| -> Result<Bound, String> {
        Ok(Bound { at: number(value).map_err(|reason| format!("numeric: {reason}"))?, inclusive: sign.len() == 2 })
    };
    let sign = |value: &Value| value.as_str().map(str::to_owned);
    let range = match items.as_slice() {
        [one, at] => match sign(one).as_deref() {
            Some("=") => return number(at).map(Leaf::Number).map_err(|reason| format!("numeric: {reason}")),
            Some(sign @ (">" | ">=")) => Range { lower: bound(at, sign)?, ..Range::ALL },
            Some(sign @ ("<" | "<=")) => Range { upper: bound(at, sign)?, ..Range::ALL },
            _ => return Err(wrong()),
        },
        [one, low, two, high] => match (sign(one).as_deref(), sign(two).as_deref()) {
            (Some(lower @ (">" | ">=")), Some(upper @ ("<" | "<="))) => {
                Range { lower: bound(low, lower)?, upper: bound(high, upper)? }
            }
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    Leaf::range(range).ok_or_else(|| format!("numeric: can never match: no number is in {}", found(value)))
}

fn anything_but(value: &Value) -> Result<Leaf, String> {
    let items = match value {
        Value::Array(items) if items.is_empty() => {
            return Err("anything-but: expected at least one value, found []".to_owned());
        }
        Value::Array(items) => items.as_slice(),
        Value::Object(object) => return anything_but_form(object),
        single => std::slice::from_ref(single),
    };
    let mut texts = Vec::new();
    let mut numbers = Vec::new();
    for item in items {
        match item {
            Value::String(text) => texts.push(plain(text).map_err(|reason| format!("anything-but: {reason}"))?),
            Value::Number(_) => numbers.push(number(item).map_err(|reason| format!("anything-but: {reason}"))?),
            other => return Err(format!("anything-but: expected a text or a number, found {}", found(other))),
        }
    }
    match (texts.is_empty(), numbers.is_empty()) {
        (false, true) => Ok(Leaf::OtherTexts(texts)),
        (true, false) => Ok(Leaf::OtherNumbers(numbers)),
        _ => Err(format!("anything-but: expected only texts or only numbers, found {}", found(value))),
    }
}

/// `anything-but` of a form, which takes a text or a list of them.
fn anything_but_form(object: &Map<String, Value>) -> Result<Leaf, String> {
    let wrong = || {
        let whole = Value::Object(object.clone());
        format!(
            "anything-but: expected texts, numbers, or one of prefix, suffix, equals-ignore-case, wildcard, found {}",
            found(&whole)
        )
    };
    let mut entries = object.iter();
    let (Some((word, value)), None) = (entries.next(), entries.next()) else { return Err(wrong()) };
    let form = match word.as_str() {
        "prefix" => Form::Prefix,
        "suffix" => Form::Suffix,
        "equals-ignore-case" => Form::EqualsIgnoreCase,
        "wildcard" => Form::Wildcard,
        _ => return Err(wrong()),
    };
    let items = match value {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    if items.is_empty() {
        return Err(format!("anything-but: {word}: expected at least one text, found []"));
    }
    let mut texts = Vec::new();
    for item in items {
        let text = form_text(word, form, item).map_err(|reason| format!("anything-but: {reason}"))?;
        // EventBridge refuses what would exclude every text.
        if text.is_empty() {
            return Err(format!("anything-but: {word}: expected text with at least one character, found \"\""));
        }
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    Ok(Leaf::OtherForms(form, texts))
}
