//! Sending many things through a call that takes a few of them and answers for each by itself, as `SendMessageBatch` and
//! `PutEvents` do.
//!
//! One answer per thing, in order, whatever becomes of the others. What AWS was only too busy for is sent again, alone with
//! its like; a call that is refused as a whole is taken apart, so that the one entry that is at fault is found and no
//! other suffers from it. What fails for want of a permission, or after the SDK's own retries, is not tried again here.

use std::future::Future;

use crossdock_core::port::{PortError, Random};
use futures_util::{StreamExt, stream};

use crate::pauses::Pauses;

/// What one call takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) entries: usize,
    /// Of all entries together.
    pub(crate) bytes: usize,
}

/// Something to send, and how many bytes of a call it takes.
#[derive(Debug, Clone)]
pub(crate) struct Weighed<T> {
    pub(crate) item: T,
    pub(crate) bytes: usize,
}

/// What a call answered for one entry.
#[derive(Debug)]
pub(crate) enum Answer {
    Accepted,
    Refused(PortError),
    /// It may be accepted in a moment.
    Busy(PortError),
}

/// How many calls are under way at once.
const AT_ONCE: usize = 4;

/// `items` that cannot be sent at all bring their answer along; every other fits into a call of its own. `call` answers
/// for each entry in order, or fails as a whole.
pub(crate) async fn send_all<T, C, F>(
    items: Vec<Result<Weighed<T>, PortError>>,
    limits: Limits,
    random: &dyn Random,
    call: C,
) -> Vec<Result<(), PortError>>
where
    T: Clone + Send,
    C: Fn(Vec<T>) -> F + Send + Sync,
    F: Future<Output = Result<Vec<Answer>, PortError>> + Send,
{
    let mut answers = Vec::with_capacity(items.len());
    let mut open = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        match item {
            Ok(item) => {
                open.push((place, item));
                answers.push(Err(PortError::transient("AWS gave no answer for this entry")));
            }
            Err(error) => answers.push(Err(error)),
        }
    }
    let mut pauses = Pauses::new(random);
    while !open.is_empty() {
        let before = open.len();
        let call = &call;
        let calls = split(open, limits).into_iter().map(|batch| async move { one_call(batch, call).await });
        // A stream and no list of futures: a thousand entries are no thousand calls at once.
        let done: Vec<_> = stream::iter(calls.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).collect().await;
        open = Vec::new();
        for (place, item, answer) in done.into_iter().flatten() {
            let answer = match answer {
                Answer::Accepted => Ok(()),
                Answer::Refused(error) => Err(error),
                Answer::Busy(error) => {
                    open.push((place, item));
                    Err(error)
                }
            };
            if let Some(known) = answers.get_mut(place) {
                *known = answer;
            }
        }
        if !open.is_empty() && !pauses.next_for_rest(before, open.len()).await {
            break;
        }
    }
    answers
}

type Placed<T> = (usize, Weighed<T>);

/// In order, each batch as full as the limits allow.
fn split<T>(items: Vec<Placed<T>>, limits: Limits) -> Vec<Vec<Placed<T>>> {
    let mut batches: Vec<Vec<Placed<T>>> = Vec::new();
    let mut bytes = 0;
    for (place, item) in items {
        match batches.last_mut() {
            Some(batch) if batch.len() < limits.entries && bytes + item.bytes <= limits.bytes => {
                bytes += item.bytes;
                batch.push((place, item));
            }
            _ => {
                bytes = item.bytes;
                batches.push(vec![(place, item)]);
            }
        }
    }
    batches
}

async fn one_call<T, C, F>(batch: Vec<Placed<T>>, call: &C) -> Vec<(usize, Weighed<T>, Answer)>
where
    T: Clone + Send,
    C: Fn(Vec<T>) -> F + Send + Sync,
    F: Future<Output = Result<Vec<Answer>, PortError>> + Send,
{
    let send = |batch: &[Placed<T>]| call(batch.iter().map(|(_, item)| item.item.clone()).collect());
    let answers = match send(&batch).await {
        Err(error) if !error.transient && batch.len() > 1 => {
            let mut answers = Vec::with_capacity(batch.len());
            for one in batch.chunks(1) {
                let answer = send(one).await.map(|mut answers| answers.pop());
                answers.push(answer.unwrap_or_else(|error| Some(Answer::Refused(error))).unwrap_or_else(unanswered));
            }
            answers
        }
        Err(error) => batch.iter().map(|_| Answer::Refused(error.clone())).collect(),
        Ok(answers) => answers,
    };
    let answers = answers.into_iter().chain(std::iter::repeat_with(unanswered));
    batch.into_iter().zip(answers).map(|((place, item), answer)| (place, item, answer)).collect()
}

fn unanswered() -> Answer {
    Answer::Refused(PortError::transient("AWS gave no answer for this entry"))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use crossdock_testkit::clock::SeededRandom;

    use super::*;
    use crate::pauses::TRIES;

    fn items(sizes: &[usize]) -> Vec<Result<Weighed<usize>, PortError>> {
        sizes.iter().enumerate().map(|(item, bytes)| Ok(Weighed { item, bytes: *bytes })).collect()
    }

    const LIMITS: Limits = Limits { entries: 3, bytes: 10 };

    fn busy() -> Answer {
        Answer::Busy(PortError::transient("busy"))
    }

    #[test]
    fn a_call_is_as_full_as_it_may_be() {
        let check = |sizes: &[usize], expected: &[usize]| {
            let placed = items(sizes).into_iter().flatten().enumerate().collect();
            let batches: Vec<usize> = split(placed, LIMITS).iter().map(Vec::len).collect();
            assert_eq!(batches, expected, "{sizes:?}");
        };
        check(&[], &[]);
        check(&[1, 1, 1, 1], &[3, 1]);
        check(&[5, 5, 1], &[2, 1]);
        check(&[10, 1, 9, 1], &[1, 2, 1]);
    }

    #[tokio::test]
    async fn what_aws_was_too_busy_for_is_sent_again_alone() {
        let calls = Mutex::new(Vec::new());
        let answers = send_all(items(&[1, 1, 1]), LIMITS, &SeededRandom::new(1), |batch| {
            let mut calls = calls.lock().unwrap();
            calls.push(batch.clone());
            let first = calls.len() == 1;
            let answer = |item: &usize| match item {
                0 => Answer::Accepted,
                1 if first => busy(),
                1 => Answer::Accepted,
                _ => Answer::Refused(PortError::permanent("bad")),
            };
            let answers = batch.iter().map(answer).collect();
            async { Ok(answers) }
        })
        .await;
        assert_eq!(answers, [Ok(()), Ok(()), Err(PortError::permanent("bad"))]);
        assert_eq!(*calls.lock().unwrap(), [vec![0, 1, 2], vec![1]]);
    }

    #[tokio::test(start_paused = true)]
    async fn in_the_end_busy_is_a_failure() {
        let calls = Mutex::new(0);
        let answers = send_all(items(&[1]), LIMITS, &SeededRandom::new(1), |_| {
            *calls.lock().unwrap() += 1;
            async { Ok(vec![busy()]) }
        })
        .await;
        assert_eq!(answers, [Err(PortError::transient("busy"))]);
        assert_eq!(*calls.lock().unwrap(), 1 + TRIES);
    }

    #[tokio::test]
    async fn a_call_that_is_refused_as_a_whole_is_taken_apart() {
        let answers = send_all(items(&[1, 1, 1]), LIMITS, &SeededRandom::new(1), |batch| async move {
            if batch.contains(&1) { Err(PortError::permanent("bad")) } else { Ok(vec![Answer::Accepted]) }
        })
        .await;
        assert_eq!(answers, [Ok(()), Err(PortError::permanent("bad")), Ok(())]);
    }

    #[tokio::test]
    async fn a_call_that_fails_fails_its_entries_only() {
        let calls = Mutex::new(0);
        let answers = send_all(items(&[9, 9]), LIMITS, &SeededRandom::new(1), |batch| {
            *calls.lock().unwrap() += 1;
            async move { if batch == [0] { Err(PortError::transient("away")) } else { Ok(vec![Answer::Accepted]) } }
        })
        .await;
        assert_eq!(answers, [Err(PortError::transient("away")), Ok(())]);
        assert_eq!(*calls.lock().unwrap(), 2);
    }

    #[tokio::test]
    async fn an_answer_too_few_is_a_failure() {
        let unanswered = Err(PortError::transient("AWS gave no answer for this entry"));
        let mut sent = items(&[1, 1]);
        sent.insert(0, Err(PortError::permanent("too large")));
        let answers = send_all(sent, LIMITS, &SeededRandom::new(1), |_| async { Ok(vec![Answer::Accepted]) }).await;
        assert_eq!(answers, [Err(PortError::permanent("too large")), Ok(()), unanswered]);
    }
}
