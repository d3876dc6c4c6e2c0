//! The matcher in process against AWS's `TestEventPattern`, as an emulator has it: the same pattern text, the same event,
//! the same answer, thousands of times (contract §4). Skipped where there is no emulator, except with `CI=true`.

mod emulator;
/// The other judge of the core's own tests: AWS's rules, written apart from the matcher.
#[path = "../../../../shared/core/src/pattern/tests/evaluator.rs"]
mod evaluator;
mod exceptions;
mod pairs;

use std::collections::BTreeMap;

use crossdock_core::pattern::{Combine, EventPattern, Filter, Matcher, compile, compile_raw};
use crossdock_testkit::emulator::installed;
use serde_json::{Value, json};

use self::{
    emulator::Emulator,
    exceptions::{Exception, Reads, by_element},
    pairs::{Made, OPERATORS, event, every, hints, pattern},
};
use crate::support::{binary::repository_file, random::Random, say, setting};

const PAIRS: usize = 6_000;
/// Events that are made for a pattern until one matches and one does not.
const TRIES: usize = 30;

struct Pair {
    kind: String,
    pattern: EventPattern,
    event: Value,
    ours: bool,
}

fn matches(pattern: &EventPattern, event: &Value) -> bool {
    !Matcher::new([(0, pattern)]).matches(event).is_empty()
}

fn emulator() -> Option<Emulator> {
    match installed() {
        Some(_) => Some(Emulator::start()),
        None => {
            assert_ne!(
                setting("CI").as_deref(),
                Some("true"),
                "there is no ministack: run ./test, or pip install -r tests/tools/aws.txt"
            );
            say("skipped: there is no ministack; ./test installs it");
            None
        }
    }
}

fn generated() -> Vec<Pair> {
    let mut random = Random::from_seed(20_261_121);
    let mut pairs = Vec::new();
    while pairs.len() < PAIRS {
        let Made { kind, pattern } = pattern(&mut random);
        let hints = hints(&serde_json::from_str(pattern.as_str()).unwrap());
        let mut wanted = vec![true, false];
        for _ in 0..TRIES {
            let event = event(&mut random, &hints);
            let ours = matches(&pattern, &event);
            if wanted.contains(&ours) {
                wanted.retain(|wanted| *wanted != ours);
                pairs.push(Pair { kind: kind.clone(), pattern: pattern.clone(), event, ours });
            }
        }
    }
    pairs
}

/// The exception that explains why the emulator answers other than we do.
fn excused(pair: &Pair) -> Option<&'static Exception> {
    let pattern = serde_json::from_str(pair.pattern.as_str()).unwrap();
    exceptions::ALL.iter().find(|exception| match exception.reads {
        Reads::As(read) => {
            let read = read(&pair.event);
            read != pair.event && matches(&pair.pattern, &read) != pair.ours
        }
        Reads::AbsenceByElement => {
            evaluator::matches(&pattern, &pair.event) == pair.ours && by_element(&pattern, &pair.event) != pair.ours
        }
    })
}

async fn compare(emulator: &Emulator, pairs: &[Pair]) -> BTreeMap<&'static str, usize> {
    let asked = pairs.iter().map(|pair| (pair.pattern.as_str().to_owned(), pair.event.clone()));
    let answers = emulator.matches(asked).await;
    let mut differences = Vec::new();
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for (pair, theirs) in pairs.iter().zip(answers) {
        if theirs != pair.ours {
            match excused(pair) {
                Some(exception) => *known.entry(exception.name).or_default() += 1,
                None => differences.push(format!(
                    "{}: we say {}, the emulator {theirs}\n  {}\n  {}",
                    pair.kind,
                    pair.ours,
                    pair.pattern.as_str(),
                    pair.event
                )),
            }
        }
    }
    let shown = differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} of {} differ:\n{shown}", differences.len(), pairs.len());
    known
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_on_aws_match_what_they_match_here() {
    let Some(emulator) = emulator() else { return };
    let pairs = generated();
    let mut kinds: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for pair in &pairs {
        kinds.entry(&pair.kind).or_default()[usize::from(pair.ours)] += 1;
    }
    // Every operator and every form, matching and not.
    for (kind, [misses, hits]) in &kinds {
        assert!(*misses >= 10 && *hits >= 10, "{kind}: {hits} match, {misses} do not");
    }
    assert!(OPERATORS.iter().all(|(name, _)| kinds.contains_key(name)), "{kinds:?}");
    let hits = pairs.iter().filter(|pair| pair.ours).count();
    assert!(hits * 4 >= pairs.len() && (pairs.len() - hits) * 4 >= pairs.len(), "{hits} of {} match", pairs.len());
    let known = compare(&emulator, &pairs).await;
    say(&format!(
        "{} pairs, {hits} of which match, {} kinds of pattern; known differences: {known:?}",
        pairs.len(),
        kinds.len()
    ));
    assert!(known.values().sum::<usize>() * 50 < pairs.len(), "too much is excused: {known:?}");
}

/// `tests/operators.json`, where the core's tests have what is expected.
#[tokio::test(flavor = "multi_thread")]
async fn patterns_on_aws_of_the_operators_table() {
    let Some(emulator) = emulator() else { return };
    let table: Vec<Value> = serde_json::from_str(&repository_file("tests/operators.json")).unwrap();
    let mut pairs = Vec::new();
    for row in &table {
        let name = row["operator"].as_str().unwrap();
        let (_, operator) = OPERATORS.iter().find(|(known, _)| *known == name).unwrap();
        let path = row["path"].as_str().unwrap();
        let filter = Filter { path: path.to_owned(), operator: *operator, value: row.get("value").cloned() };
        let Some(expected) = row.get("expected").map(|expected| expected.as_bool().unwrap()) else { continue };
        let pattern = compile(&every(), &[filter], Combine::All).unwrap();
        let mut event =
            json!({"source": "crossdock.shop", "detail-type": "order:new", "detail": {"keys": {}, "hops": 0}});
        if let Some(field) = row.get("field") {
            *path.split('.').fold(&mut event["detail"], |at, name| &mut at[name]) = field.clone();
        }
        pairs.push(Pair { kind: row.to_string(), pattern, event, ours: expected });
    }
    assert!(pairs.len() > 500, "{} rows", pairs.len());
    let known = compare(&emulator, &pairs).await;
    say(&format!("{} rows of the table; known differences: {known:?}", pairs.len()));
}

/// Neither an answer of ours that is wrong nor one of the emulator's that the way it reads does not explain.
#[test]
fn patterns_on_aws_are_not_excused_by_asking_for_absence_in_a_list() {
    let check = |lines: Value, ours: bool, expected: bool| {
        let pattern = json!({"detail": {"lines": {"a": [{"exists": false}], "b": [1]}}});
        let pattern = compile_raw(&every(), &pattern).unwrap();
        let event = json!({"source": "crossdock.shop", "detail-type": "order:new", "detail": {"lines": lines}});
        let pair = Pair { kind: String::new(), pattern, event, ours };
        assert_eq!(excused(&pair).is_some(), expected, "{} {ours}", pair.event);
    };
    check(json!([{"b": 1}, {"a": 2}]), false, true);
    check(json!([{"b": 1}, {"a": 2}]), true, false);
    for (lines, matches) in [(json!([{"b": 1}]), true), (json!([{"b": 2}, {"a": 2}]), false), (json!([]), false)] {
        check(lines.clone(), matches, false);
        check(lines, !matches, false);
    }
}

/// An exception whose example the emulator answers as AWS does is to be removed.
#[tokio::test(flavor = "multi_thread")]
async fn patterns_on_aws_the_emulator_is_still_wrong_where_it_was() {
    let Some(emulator) = emulator() else { return };
    for exception in exceptions::ALL {
        let (pattern, detail, right) = (exception.example)();
        let pattern = compile_raw(&every(), &pattern).unwrap();
        let event = json!({"source": "crossdock.shop", "detail-type": "order:new", "detail": detail});
        assert_eq!(matches(&pattern, &event), right, "{}: {}", exception.name, exception.rule);
        let answers = emulator.matches([(pattern.as_str().to_owned(), event.clone())]).await;
        assert_ne!(answers, [right], "{}: mended, so the exception can go", exception.name);
        let pair = Pair { kind: String::new(), pattern, event, ours: right };
        assert_eq!(excused(&pair).map(|excused| excused.name), Some(exception.name));
    }
}
