//! The contract of [`Jobs`]: one run of a job at a time, and a mark that outlives it.

use crossdock_core::port::{JobName, Jobs, LeaseError, LeaseOwner, Mark};
use futures_util::future::join_all;

use super::StoreFixture;
use crate::build::at;

const JOB: JobName = JobName::Sweep;

fn owner(name: &str) -> LeaseOwner {
    LeaseOwner(name.to_owned())
}

fn mark(text: &str) -> Mark {
    Mark(Some(text.to_owned()))
}

pub async fn a_mark_outlives_its_run<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let (a, b) = (owner("a"), owner("b"));
    assert_eq!(store.begin(JOB, &a, at(0), at(60)).await, Ok(Some(Mark(None))));
    for text in ["1", "", "[\"2\", {\"three\": 4}]"] {
        assert_eq!(store.mark(JOB, &a, at(60), &mark(text)).await, Ok(()));
        assert_eq!(store.begin(JOB, &a, at(1), at(60)).await, Ok(Some(mark(text))), "its own owner goes on");
    }
    assert_eq!(store.mark(JOB, &a, at(2), &mark("2")).await, Ok(()), "and lets go");
    assert_eq!(store.begin(JOB, &b, at(2), at(60)).await, Ok(Some(mark("2"))));
    assert_eq!(store.mark(JOB, &b, at(2), &Mark(None)).await, Ok(()));
    assert_eq!(store.begin(JOB, &a, at(2), at(60)).await, Ok(Some(Mark(None))), "at the beginning again");
}

pub async fn a_lease_is_kept_until_it_runs_out<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let (a, b) = (owner("a"), owner("b"));
    assert_eq!(store.begin(JOB, &a, at(0), at(60)).await, Ok(Some(Mark(None))));
    assert_eq!(store.begin(JOB, &b, at(59), at(120)).await, Ok(None));
    assert_eq!(store.mark(JOB, &a, at(90), &mark("a")).await, Ok(()), "it is renewed with each mark");
    assert_eq!(store.begin(JOB, &b, at(89), at(150)).await, Ok(None));
    assert_eq!(store.begin(JOB, &b, at(90), at(150)).await, Ok(Some(mark("a"))));
    assert_eq!(store.mark(JOB, &a, at(200), &mark("late")).await, Err(LeaseError::Lost));
    assert_eq!(store.begin(JOB, &b, at(91), at(150)).await, Ok(Some(mark("a"))), "and nothing was written");
}

pub async fn a_mark_without_a_lease_is_refused<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    assert_eq!(store.mark(JOB, &owner("a"), at(60), &mark("1")).await, Err(LeaseError::Lost));
    assert_eq!(store.begin(JOB, &owner("a"), at(0), at(60)).await, Ok(Some(Mark(None))));
}

pub async fn jobs_do_not_know_of_each_other<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    for job in JobName::ALL {
        let owner = owner(job.as_str());
        assert_eq!(store.begin(job, &owner, at(0), at(60)).await, Ok(Some(Mark(None))));
        assert_eq!(store.mark(job, &owner, at(0), &mark(job.as_str())).await, Ok(()));
    }
    for job in JobName::ALL {
        assert_eq!(store.begin(job, &owner("next"), at(0), at(60)).await, Ok(Some(mark(job.as_str()))));
    }
}

pub async fn of_runs_that_race_exactly_one_begins<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let owners: Vec<_> = (0..8).map(|n| owner(&n.to_string())).collect();
    let begun = join_all(owners.iter().map(|owner| store.begin(JOB, owner, at(0), at(60)))).await;
    let begun: Vec<bool> = begun.into_iter().map(|begun| begun.expect("begin").is_some()).collect();
    assert_eq!(begun.iter().filter(|begun| **begun).count(), 1, "{begun:?}");
}

/// Makes a test of every case. Takes an expression that is a future of a fresh [`StoreFixture`].
#[macro_export]
macro_rules! jobs_suite {
    ($fixture:expr) => {
        $crate::cases!(
            jobs,
            $fixture,
            [
                a_mark_outlives_its_run,
                a_lease_is_kept_until_it_runs_out,
                a_mark_without_a_lease_is_refused,
                jobs_do_not_know_of_each_other,
                of_runs_that_race_exactly_one_begins,
            ]
        );
    };
}
