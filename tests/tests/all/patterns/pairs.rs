//! Patterns and events in great number, the same ones in each run.
//!
//! Patterns are made as routes have them: from filters by every operator, combined by all or any, and raw, in every form
//! that the validator lets through. What it refuses is left out. Events are made around a pattern's own values, so that
//! they nearly match: the value, one beside it, the same as text, in an array, in an array of objects, or not at all.

use crossdock_core::pattern::{Combine, EventPattern, Filter, Operator, TypePattern, compile, compile_raw};
use serde_json::{Map, Value, json};

use crate::support::random::Random;

pub(super) const OPERATORS: [(&str, Operator); 16] = [
    ("is", Operator::Is),
    ("in", Operator::In),
    ("is_not", Operator::IsNot),
    ("not_in", Operator::NotIn),
    ("gt", Operator::Gt),
    ("gte", Operator::Gte),
    ("lt", Operator::Lt),
    ("lte", Operator::Lte),
    ("between", Operator::Between),
    ("begins", Operator::Begins),
    ("ends", Operator::Ends),
    ("contains", Operator::Contains),
    ("like", Operator::Like),
    ("present", Operator::Present),
    ("empty", Operator::Empty),
    ("same_as", Operator::SameAs),
];

const TEXTS: [&str; 18] = [
    "a",
    "ab",
    "aab",
    "b",
    "A",
    "aB",
    "",
    "a*b",
    r"a\b",
    "5",
    "true",
    "null",
    "é",
    "É",
    "Zoë 訂單",
    "😀",
    "a\"b",
    "\u{7}\n",
];
const WILDCARDS: [&str; 8] = ["a*", "*b", "a*b", "*", "*a*b*", r"a\*b", r"*\\*", "Z*訂*"];
const NUMBERS: [&str; 13] = [
    "0",
    "-0",
    "1",
    "1.0",
    "5",
    "5e0",
    "-3.5",
    "0.000001",
    "19.99",
    "5000000000",
    "-5000000000",
    "99",
    // Whole numbers that a double does not hold; the emulator's are as exact as they need to be here.
    "9007199254740993",
];

/// What a pattern says, for the count of what has been tried.
pub(super) struct Made {
    pub(super) kind: String,
    pub(super) pattern: EventPattern,
}

pub(super) fn every() -> [TypePattern; 1] {
    [TypePattern::Prefix(String::new())]
}

/// Patterns without end.
pub(super) fn pattern(random: &mut Random) -> Made {
    loop {
        let made = match random.below(5) {
            0 => raw(random),
            1 | 2 => one_matcher(random),
            3 => filters(random, 1),
            _ => {
                let count = 2 + random.below(2);
                filters(random, count)
            }
        };
        if let Some(made) = made {
            return made;
        }
    }
}

fn number(random: &mut Random) -> Value {
    let text = *random.pick(&NUMBERS);
    serde_json::from_str(text).unwrap()
}

fn text(random: &mut Random) -> Value {
    json!(random.pick(&TEXTS))
}

fn scalar(random: &mut Random) -> Value {
    match random.below(9) {
        0..4 => text(random),
        4..7 => number(random),
        7 => json!(random.one_in(2)),
        _ => Value::Null,
    }
}

fn list(random: &mut Random, of: fn(&mut Random) -> Value) -> Value {
    (0..1 + random.below(3)).map(|_| of(random)).collect()
}

const PATHS: [&str; 8] = [
    "keys.a",
    "keys.b",
    "keys.c",
    "payload.order.actual.a",
    "payload.order.actual.b",
    "payload.order.actual.lines.a",
    "payload.order.actual.lines.b",
    "payload.order.actual.lines.deep.c",
];

fn filter(random: &mut Random) -> (String, Filter) {
    let (name, operator) = *random.pick(&OPERATORS);
    let value = match operator {
        Operator::Is | Operator::IsNot => Some(scalar(random)),
        Operator::In => Some(list(random, scalar)),
        Operator::NotIn => Some(if random.one_in(2) { list(random, text) } else { list(random, number) }),
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => Some(number(random)),
        Operator::Between => Some(json!([number(random), number(random)])),
        Operator::Begins | Operator::Ends | Operator::Contains | Operator::SameAs => Some(text(random)),
        Operator::Like => Some(json!(random.pick(&WILDCARDS))),
        Operator::Present | Operator::Empty => None,
    };
    let only_keys = matches!(operator, Operator::Present | Operator::Empty);
    let path = random.pick(if only_keys { &PATHS[..3] } else { &PATHS });
    (name.to_owned(), Filter { path: (*path).to_owned(), operator, value })
}

fn filters(random: &mut Random, count: u64) -> Option<Made> {
    let (names, filters): (Vec<String>, Vec<Filter>) = (0..count).map(|_| filter(random)).unzip();
    let combine = if random.one_in(2) { Combine::All } else { Combine::Any };
    let kind = match names.as_slice() {
        [only] => only.clone(),
        _ => format!("match: {combine:?}").to_lowercase(),
    };
    let messages = if random.one_in(4) { [TypePattern::Prefix("order:".to_owned())] } else { every() };
    compile(&messages, &filters, combine).ok().map(|pattern| Made { kind, pattern })
}

/// A matcher as a raw pattern has it, and what it is called here.
fn matcher(random: &mut Random) -> (&'static str, Value) {
    match random.below(17) {
        0 => ("raw text", text(random)),
        1 => ("raw number", number(random)),
        2 => ("raw boolean", json!(random.one_in(2))),
        3 => ("raw null", Value::Null),
        4 => ("prefix", json!({"prefix": text(random)})),
        5 => ("suffix", json!({"suffix": text(random)})),
        6 => ("wildcard", json!({"wildcard": random.pick(&WILDCARDS)})),
        7 => ("equals-ignore-case", json!({"equals-ignore-case": text(random)})),
        8 => ("prefix ignoring case", json!({"prefix": {"equals-ignore-case": text(random)}})),
        9 => ("suffix ignoring case", json!({"suffix": {"equals-ignore-case": text(random)}})),
        10 => ("anything-but texts", json!({"anything-but": list(random, text)})),
        11 => ("anything-but numbers", json!({"anything-but": list(random, number)})),
        12 => {
            let form = *random.pick(&["prefix", "suffix", "equals-ignore-case"]);
            let texts = if random.one_in(2) { text(random) } else { list(random, text) };
            ("anything-but of a form", json!({"anything-but": {form: texts}}))
        }
        13 => ("anything-but wildcard", json!({"anything-but": {"wildcard": random.pick(&WILDCARDS)}})),
        14 => {
            let sign = random.pick(&["=", "<", "<=", ">", ">="]);
            ("numeric, one bound", json!({"numeric": [sign, number(random)]}))
        }
        15 => {
            let (lower, upper) = (random.pick(&[">", ">="]), random.pick(&["<", "<="]));
            ("numeric, two bounds", json!({"numeric": [lower, number(random), upper, number(random)]}))
        }
        _ => ("exists", json!({"exists": random.one_in(2)})),
    }
}

fn one_matcher(random: &mut Random) -> Option<Made> {
    let (kind, matcher) = matcher(random);
    let pattern = match random.below(3) {
        0 => json!({"detail": {"keys": {"a": [matcher]}}}),
        1 => json!({"detail": {"payload": {"order": {"actual": {"b": [matcher]}}}}}),
        _ => json!({"detail": {"payload": {"order": {"actual": {"lines": {"a": [matcher]}}}}}}),
    };
    compile_raw(&every(), &pattern).ok().map(|pattern| Made { kind: kind.to_owned(), pattern })
}

fn matchers(random: &mut Random) -> Value {
    (0..1 + random.below(2)).map(|_| matcher(random).1).collect()
}

/// Several fields, nested, with a `$or` here and there.
fn raw(random: &mut Random) -> Option<Made> {
    let fields = |random: &mut Random, names: &[&str]| -> Map<String, Value> {
        let chosen: Vec<&str> = names.iter().copied().filter(|_| random.one_in(2)).collect();
        chosen.into_iter().map(|name| (name.to_owned(), matchers(random))).collect()
    };
    let mut lines = fields(random, &["a", "b"]);
    let deep = fields(random, &["c", "d"]);
    if !deep.is_empty() {
        lines.insert("deep".to_owned(), deep.into());
    }
    let mut actual = fields(random, &["a", "b"]);
    if !lines.is_empty() {
        actual.insert("lines".to_owned(), lines.into());
    }
    let mut kind = "raw, several fields";
    if random.one_in(3) {
        let branches: Vec<Value> = (0..2 + random.below(2)).map(|_| fields(random, &["c", "d"]).into()).collect();
        actual.insert("$or".to_owned(), branches.into());
        kind = "raw, $or";
    }
    let mut detail = Map::new();
    if !actual.is_empty() {
        detail.insert("payload".to_owned(), json!({"order": {"actual": actual}}));
    }
    if random.one_in(3) {
        detail.insert("keys".to_owned(), fields(random, &["a", "b", "c"]).into());
    }
    let pattern = json!({"detail": detail});
    compile_raw(&every(), &pattern).ok().map(|pattern| Made { kind: kind.to_owned(), pattern })
}

/// Values that a pattern speaks of, and such as are near them.
pub(super) fn hints(pattern: &Value) -> Vec<Value> {
    match pattern {
        Value::Object(fields) => fields.values().flat_map(hints).collect(),
        Value::Array(items) => items.iter().flat_map(hints).collect(),
        Value::String(text) if ["=", "<", "<=", ">", ">="].contains(&text.as_str()) => Vec::new(),
        Value::String(text) => {
            let filled = text.replace('*', "q");
            let mut texts = vec![text.clone(), format!("{text}z"), format!("z{text}"), text.to_uppercase(), filled];
            texts.push(text.replace('*', "").replace('\\', ""));
            texts.into_iter().map(Value::from).collect()
        }
        Value::Number(number) => {
            let near = number.as_f64().into_iter().flat_map(|number| [number - 1.0, number + 0.5]).map(Value::from);
            near.chain([pattern.clone(), json!(number.to_string())]).collect()
        }
        other => vec![other.clone()],
    }
}

pub(super) fn event(random: &mut Random, hints: &[Value]) -> Value {
    let mut making = Making { random, hints };
    let keys = making.object(&["a", "b", "c"], 0);
    let mut actual = making.object(&["a", "b", "c", "d"], 1);
    match making.random.below(8) {
        0 => {}
        1 => drop(actual.insert("lines".to_owned(), making.value(1))),
        2 => drop(actual.insert("lines".to_owned(), making.line().into())),
        3 => {
            // Lists in lists.
            let inner = |making: &mut Making<'_>| -> Value { (0..2).map(|_| Value::from(making.line())).collect() };
            let nested: Value = (0..2).map(|_| inner(&mut making)).collect();
            actual.insert("lines".to_owned(), nested);
        }
        _ => {
            let lines: Value = (0..making.random.below(4)).map(|_| Value::from(making.line())).collect();
            actual.insert("lines".to_owned(), lines);
        }
    }
    let kind = if making.random.one_in(6) { "payment:new" } else { "order:new" };
    json!({
        "source": "crossdock.shop", "detail-type": kind,
        "detail": {"message": kind, "hops": 0, "keys": keys, "payload": {"order": {"actual": actual}}},
    })
}

struct Making<'a> {
    random: &'a mut Random,
    hints: &'a [Value],
}

impl Making<'_> {
    fn scalar(&mut self) -> Value {
        if self.hints.is_empty() || self.random.one_in(4) {
            scalar(self.random)
        } else {
            self.random.pick(self.hints).clone()
        }
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.random.below(8) {
            0 => (0..self.random.below(3)).map(|_| self.scalar()).collect(),
            1 if depth > 0 => (0..2).map(|_| self.value(depth - 1)).collect(),
            2 if depth > 0 => self.object(&["a", "b"], depth - 1).into(),
            _ => self.scalar(),
        }
    }

    fn object(&mut self, names: &[&str], depth: u32) -> Map<String, Value> {
        let mut fields = Map::new();
        for name in names {
            if !self.random.one_in(4) {
                fields.insert((*name).to_owned(), self.value(depth));
            }
        }
        fields
    }

    fn line(&mut self) -> Map<String, Value> {
        let mut line = self.object(&["a", "b"], 1);
        match self.random.below(4) {
            0 => {}
            1 => drop(line.insert("deep".to_owned(), self.object(&["c", "d"], 0).into())),
            _ => {
                let deep: Value = (0..2).map(|_| Value::from(self.object(&["c", "d"], 0))).collect();
                line.insert("deep".to_owned(), deep);
            }
        }
        line
    }
}
