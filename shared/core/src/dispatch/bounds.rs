//! How much an endpoint may make the hub keep.
//!
//! An answer is as long as `limits.response` allows, and whoever sends it decides what is in it. What the ledger could not
//! take would be an outcome that is never recorded, and an endpoint that is asked for ever. So parameters have a bound for
//! all of an endpoint's together, because all of them are sent with each of its deliveries, and the record of an answer
//! has one of its own. Whatever is beyond them is left out, and the record says so among its faults.
//!
//! A home may still refuse what is within these bounds: then less is recorded ([`Outcome::lesser`]).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::outcome::Outcome;
use crate::answer::{Answer, Verdict};

/// Names and values, as JSON, of all parameters that an endpoint has written back: bytes.
const MOST_PARAMETERS: usize = 64 << 10;
/// What the ledger keeps of one answer, as JSON: bytes. It fits beside the attempts into an item of DynamoDB, 400 KB.
const MOST_KEPT: usize = 256 << 10;
/// Faults that are kept of one answer, and characters of each.
const MOST_FAULTS: usize = 50;
const LONGEST_FAULT: usize = 300;

/// Leaves out the parameters that would take their endpoint beyond its bound; those which it has stay as they are.
pub(super) fn bound_parameters(answer: &mut Answer, current: &BTreeMap<String, Value>) {
    let size = |name: &str, value: &Value| name.len() + value.to_string().len();
    let mut sizes: BTreeMap<String, usize> =
        current.iter().map(|(name, value)| (name.clone(), size(name, value))).collect();
    let mut total: usize = sizes.values().sum();
    // Of two with one name the later one counts.
    let mut seen = BTreeSet::new();
    let mut parameters: Vec<_> = std::mem::take(&mut answer.parameters).into_iter().rev().collect();
    parameters.retain(|(name, _)| seen.insert(name.clone()));
    for (name, value) in parameters.into_iter().rev() {
        let bytes = size(&name, &value);
        let before = sizes.get(&name).copied().unwrap_or(0);
        let after = total - before + bytes;
        if after > MOST_PARAMETERS && bytes > before {
            answer.faults.push(format!(
                "parameters: {:?} is left as it was: with its {bytes} bytes the endpoint's parameters would have {after}, and \
                 {MOST_PARAMETERS} is the most",
                name.chars().take(80).collect::<String>()
            ));
            continue;
        }
        total = after;
        sizes.insert(name.clone(), bytes);
        answer.parameters.push((name, value));
    }
}

/// Takes a part out of an answer, and says how many there were.
type Take = fn(&mut Answer) -> usize;

/// What the ledger keeps of an answer. All of it but its objects has been acted on.
pub(super) fn kept(mut answer: Answer) -> Answer {
    for fault in &mut answer.faults {
        if let Some((end, _)) = fault.char_indices().nth(LONGEST_FAULT) {
            fault.truncate(end);
            fault.push('…');
        }
    }
    let more = answer.faults.len().saturating_sub(MOST_FAULTS);
    if more > 0 {
        answer.faults.truncate(MOST_FAULTS);
        answer.faults.push(format!("and {more} more"));
    }
    // What is needed least goes first: messages and notifications are stored for themselves.
    let parts: [(&str, Take); 3] = [
        ("events", |answer| std::mem::take(&mut answer.events).len()),
        ("messages", |answer| std::mem::take(&mut answer.messages).len()),
        ("notifications", |answer| std::mem::take(&mut answer.notifications).len()),
    ];
    for (name, take) in parts {
        if size(&answer) <= MOST_KEPT {
            break;
        }
        let count = take(&mut answer);
        if count > 0 {
            answer
                .faults
                .push(format!("{name}: the {count} are not kept here: an answer has {MOST_KEPT} bytes at most"));
        }
    }
    // Not acted on yet where they came from an answer just now: as many as there is room for.
    let (mut left_out, mut before) = (0, size(&answer));
    while before > MOST_KEPT
        && let Some(objects) = answer.objects.iter_mut().rev().find(|objects| !objects.items.is_empty())
    {
        let half = objects.items.len() / 2;
        left_out += objects.items.split_off(half).len();
        before = size(&answer);
    }
    if left_out > 0 {
        answer.faults.push(format!("objects: {left_out} are left out: an answer has {MOST_KEPT} bytes at most"));
    }
    answer
}

fn size(answer: &Answer) -> usize {
    // Nothing of an answer can fail to be written.
    serde_json::to_vec(answer).map_or(0, |json| json.len())
}

/// How much of an answer is recorded where a store will never take all of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Less {
    /// What follows from it, and nothing that was written back.
    FollowUps,
    Nothing,
}

impl Outcome {
    /// `why` is what the store said to more of it.
    pub(super) fn lesser(self, less: Less, why: &str) -> Self {
        let Self { verdict, status, answer } = self;
        let Answer { messages, notifications, delay, update_url, .. } = answer.unwrap_or_default();
        let (mut left, lost) = match less {
            Less::FollowUps => {
                let left = Answer { messages, notifications, delay, update_url, ..Answer::default() };
                (left, "objects, parameters and events")
            }
            Less::Nothing => (Answer::default(), "messages and notifications, objects, parameters and events"),
        };
        let fault = format!("the store does not take this answer; its {lost} are left out: {why}");
        // To ask again without what the answer changed would be to ask the same; without the wait, nobody would ask.
        let verdict = match verdict {
            Verdict::AskAgain => Verdict::Failed { why: fault.clone(), retry_after: None },
            Verdict::NotFinished if left.delay.is_none() => Verdict::Failed { why: fault.clone(), retry_after: None },
            verdict => verdict,
        };
        left.faults.push(fault);
        Self { verdict, status, answer: Some(left) }
    }
}

#[cfg(test)]
mod tests;
