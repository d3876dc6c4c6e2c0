//! The matcher answers as the evaluator does, whatever the filters, patterns and events.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{evaluator, every};
use crate::pattern::{Combine, Filter, Matcher, Operator, compile, compile_raw, text::odd_case};

const TEXTS: [&str; 17] = [
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
    "\u{1f600}",
    "a\"b",
    "\u{7}\n",
];
const NUMBERS: [&str; 14] = [
    "0",
    "-0",
    "1",
    "1.0",
    "5",
    "5e0",
    "-3.5",
    "0.000001",
    "5000000000",
    "-5000000000",
    "99",
    "9007199254740993",
    "1000000000000000000000",
    "0.1000000000000000055511151231257827",
];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::sample::select(TEXTS.to_vec()).prop_map(Value::from),
        3 => prop::sample::select(NUMBERS.to_vec()).prop_map(|text| serde_json::from_str(text).unwrap()),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

/// Fields a, b and c, three levels deep, so that the patterns' paths are often there.
fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            3 => object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::btree_map(prop::sample::select(vec!["a", "b", "c"]), inner, 0..4)
        .prop_map(|fields| Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}

fn event() -> impl Strategy<Value = Value> {
    (object(scalar()), object(value())).prop_map(|(keys, a)| {
        json!({"source": "crossdock.shop", "detail-type": "order:new", "detail": {"keys": keys, "payload": a}})
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    use Operator::{
        Begins, Between, Contains, Empty, Ends, Gt, Gte, In, Is, IsNot, Like, Lt, Lte, NotIn, Present, SameAs,
    };
    let path = prop::sample::select(vec![
        "keys.a",
        "keys.b",
        "keys.c",
        "payload.a",
        "payload.b",
        "payload.c",
        "payload.a.a",
        "payload.a.b",
        "payload.b.c",
    ]);
    let text = || prop::sample::select(TEXTS.to_vec()).prop_map(Value::from);
    let number =
        || prop::sample::select(NUMBERS.to_vec()).prop_map(|text| serde_json::from_str::<Value>(text).unwrap());
    let asked = prop_oneof![
        (prop::sample::select(vec![Is, IsNot]), scalar()).prop_map(|(operator, value)| (operator, Some(value))),
        (prop::sample::select(vec![In, NotIn]), prop::collection::vec(scalar(), 1..4))
            .prop_map(|(operator, values)| (operator, Some(Value::from(values)))),
        (Just(NotIn), prop::collection::vec(text(), 1..4))
            .prop_map(|(operator, values)| (operator, Some(Value::from(values)))),
        (prop::sample::select(vec![Gt, Gte, Lt, Lte]), number()).prop_map(|(operator, value)| (operator, Some(value))),
        (number(), number()).prop_map(|(low, high)| (Between, Some(json!([low, high])))),
        (prop::sample::select(vec![Begins, Ends, Contains, SameAs]), text())
            .prop_map(|(operator, value)| (operator, Some(value))),
        prop::sample::select(vec!["a*", "*b", "a*b", "*", "*a*b*", r"a\*b", r"*\\*"])
            .prop_map(|text| (Like, Some(Value::from(text)))),
        prop::sample::select(vec![Present, Empty]).prop_map(|operator| (operator, None)),
    ];
    (path, asked).prop_map(|(path, (operator, value))| Filter { path: path.to_owned(), operator, value })
}

/// A list of matchers, as a raw pattern has it; some are refused.
fn leaves() -> impl Strategy<Value = Value> {
    let text = || prop::sample::select(TEXTS.to_vec());
    let number =
        || prop::sample::select(NUMBERS.to_vec()).prop_map(|text| serde_json::from_str::<Value>(text).unwrap());
    let matcher = prop_oneof![
        4 => scalar(),
        1 => text().prop_map(|text| json!({"prefix": text})),
        1 => text().prop_map(|text| json!({"suffix": text})),
        1 => text().prop_map(|text| json!({"equals-ignore-case": text})),
        1 => prop::sample::select(vec!["a*", "*", "*b*", r"a\*b", "a", "*a*a*"]).prop_map(|text| json!({"wildcard": text})),
        1 => prop::collection::vec(text(), 1..3).prop_map(|texts| json!({"anything-but": texts})),
        1 => prop::collection::vec(number(), 1..3).prop_map(|numbers| json!({"anything-but": numbers})),
        1 => (prop::sample::select(vec!["=", "<", "<=", ">", ">="]), number()).prop_map(|(sign, at)| json!({"numeric": [sign, at]})),
        1 => (number(), number()).prop_map(|(low, high)| json!({"numeric": [">", low, "<=", high]})),
        1 => text().prop_map(|text| json!({"prefix": {"equals-ignore-case": text}})),
        1 => text().prop_map(|text| json!({"suffix": {"equals-ignore-case": text}})),
        1 => (prop::sample::select(vec!["prefix", "suffix", "equals-ignore-case"]), prop::collection::vec(text(), 1..3))
            .prop_map(|(form, texts)| json!({"anything-but": {form: texts}})),
        1 => prop::sample::select(vec!["a*", "*b*", "*a*a*"]).prop_map(|text| json!({"anything-but": {"wildcard": text}})),
        2 => any::<bool>().prop_map(|exists| json!({"exists": exists})),
    ];
    prop::collection::vec(matcher, 1..3).prop_map(Value::from)
}

fn raw() -> impl Strategy<Value = Value> {
    let fields = |inner: BoxedStrategy<Value>| {
        prop::collection::btree_map(prop::sample::select(vec!["a", "b", "c"]), inner, 1..3).prop_map(|fields| {
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<String, Value>>()
        })
    };
    let group = fields(leaves().boxed()).prop_map(Value::Object);
    let deeper = fields(prop_oneof![3 => leaves(), 2 => group.clone()].boxed());
    let branches = prop::collection::vec(fields(leaves().boxed()).prop_map(Value::Object), 2..4);
    (prop::option::of(deeper), prop::option::of(branches), prop::option::of(group)).prop_map(|(payload, or, keys)| {
        let mut payload = payload.unwrap_or_default();
        if let Some(or) = or {
            payload.insert("$or".to_owned(), or.into());
        }
        let mut detail = Map::new();
        if !payload.is_empty() {
            detail.insert("payload".to_owned(), payload.into());
        }
        if let Some(keys) = keys {
            detail.insert("keys".to_owned(), keys);
        }
        if detail.is_empty() { json!({"source": ["crossdock.shop"]}) } else { json!({"detail": detail}) }
    })
}

fn check(patterns: &[crate::pattern::EventPattern], events: &[Value]) -> Result<(), TestCaseError> {
    let matcher = Matcher::new(patterns.iter().enumerate());
    for pattern in patterns {
        // What goes to EventBridge is what is matched here.
        let again = compile_raw(&every(), &serde_json::from_str(pattern.as_str()).unwrap());
        prop_assert_eq!(again.as_ref(), Ok(pattern));
    }
    for event in events {
        let expected: Vec<usize> = patterns
            .iter()
            .enumerate()
            .filter(|(_, pattern)| evaluator::matches(&serde_json::from_str(pattern.as_str()).unwrap(), event))
            .map(|(place, _)| place)
            .collect();
        // What nobody looks at may go (`crate::claim`), here and before EventBridge.
        let pruned = matcher.looked_at(event);
        let still = patterns
            .iter()
            .enumerate()
            .filter(|(_, pattern)| evaluator::matches(&serde_json::from_str(pattern.as_str()).unwrap(), &pruned));
        let still: Vec<usize> = still.map(|(place, _)| place).collect();
        prop_assert_eq!(&still, &expected, "{}\n{}", event, pruned);
        prop_assert_eq!(matcher.matches(&pruned), still);
        let texts: Vec<&str> = patterns.iter().map(crate::pattern::EventPattern::as_str).collect();
        prop_assert_eq!(matcher.matches(event), expected, "{:#?}\n{}", texts, event);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn filters(
        routes in prop::collection::vec((prop::collection::vec(filter(), 0..4), any::<bool>()), 1..12),
        events in prop::collection::vec(event(), 1..5),
    ) {
        let compiled = routes.iter().filter_map(|(filters, all)| {
            compile(&every(), filters, if *all { Combine::All } else { Combine::Any }).ok()
        });
        check(&compiled.collect::<Vec<_>>(), &events)?;
    }

    #[test]
    fn raw_patterns(patterns in prop::collection::vec(raw(), 1..12), events in prop::collection::vec(event(), 1..5)) {
        let compiled: Vec<_> = patterns.iter().filter_map(|pattern| compile_raw(&every(), pattern).ok()).collect();
        check(&compiled, &events)?;
    }

    /// On single values, `all` is the "and" of its filters and `any` the "or".
    #[test]
    fn combined(filters in prop::collection::vec(filter(), 2..4), keys in object(scalar()), payload in object(scalar())) {
        let event = json!({"source": "crossdock.shop", "detail-type": "order:new", "detail": {"keys": keys, "payload": payload}});
        let answer = |pattern| Matcher::new([(0, &pattern)]).matches(&event) == [0];
        let singles: Result<Vec<bool>, _> = filters
            .iter()
            .map(|filter| compile(&every(), std::slice::from_ref(filter), Combine::All).map(answer))
            .collect();
        if let Ok(singles) = singles {
            let any = compile(&every(), &filters, Combine::Any).map(answer);
            prop_assert_eq!(any, Ok(singles.contains(&true)));
            if let Ok(all) = compile(&every(), &filters, Combine::All).map(answer) {
                prop_assert_eq!(all, !singles.contains(&false));
            }
        }
    }
}

/// The matcher in process knows the two cases of every character that the compiler lets through, and no third.
#[test]
fn every_character_ignoring_case() {
    for one in (' '..='\u{2fff}').filter(|one| odd_case(&one.to_string()).is_none()) {
        let pattern = compile_raw(&every(), &json!({"detail": {"a": [{"equals-ignore-case": one}]}})).unwrap();
        let matcher = Matcher::new([(0, &pattern)]);
        let matches = |spelling: &str| {
            let event = json!({"source": "crossdock.shop", "detail": {"a": spelling}});
            matcher.matches(&event) == [0]
        };
        assert!(matches(&one.to_lowercase().to_string()) && matches(&one.to_uppercase().to_string()), "{one:?}");
        for other in ["k", "K", "\u{212a}", "s", "S", "ſ", "å", "Å", "\u{212b}", "σ", "Σ", "ς", "i", "I", "ı", "İ"]
        {
            let same = one.to_lowercase().eq(other.to_lowercase().chars()) && odd_case(other).is_none();
            assert_eq!(matches(other), same, "{one:?} on {other:?}");
        }
    }
}
