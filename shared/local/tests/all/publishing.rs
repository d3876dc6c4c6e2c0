//! What was left pending is published later, however much of it there is and whatever is refused.

use std::{
    future::{pending, ready},
    sync::Arc,
    time::Duration,
};

use crossdock_core::{
    fault::Faults,
    job::Ended,
    port::{Home, JobName, Jobs, LeaseOwner, Outbox},
    publish::{STALE_AFTER, publish_stale},
};

use crate::stage::{Stage, owner};

const SECOND: Duration = Duration::from_secs(1);

/// So many messages that nobody has published for a while.
async fn left(count: usize) -> Stage {
    let stage = Stage::new().await;
    let messages =
        (0..count).map(|n| stage.router.record(crossdock_testkit::build::message(&format!("m{n}"))).unwrap());
    let answers = stage.home.store().put(messages.collect()).await;
    assert_eq!(answers, vec![Ok(true); count]);
    stage.clock.advance(STALE_AFTER + SECOND);
    stage
}

/// How many were accepted, whether others were refused, and how it ended.
async fn published(stage: &Stage) -> (usize, bool, Ended) {
    let (published, ended) = publish_stale(&*stage.home, &stage.router, &owner(), pending()).await.unwrap();
    (published.accepted, published.refused.is_some(), ended)
}

async fn still_pending(stage: &Stage) -> usize {
    let before = stage.home.clock().now();
    crossdock_testkit::suite::pending(stage.home.store(), before).await.unwrap().len()
}

fn fails(stage: &mut Stage, plan: &str) {
    stage.restart(Faults::planned(plan.parse().unwrap(), Arc::new(|_| Box::pin(async {}))));
}

#[tokio::test]
async fn a_long_outage_is_made_up_for_page_by_page() {
    let stage = left(2_345).await;
    assert_eq!(published(&stage).await, (2_345, false, Ended::Whole));
    assert_eq!(still_pending(&stage).await, 0);
    assert_eq!(stage.emitted().len(), 2_345, "each of them once");
    assert_eq!(published(&stage).await, (0, false, Ended::Whole));
}

/// A page of nothing but refusals ends the run, and the next one begins behind it.
#[tokio::test]
async fn a_hundred_that_are_refused_do_not_hold_up_the_rest() {
    let mut stage = left(250).await;
    fails(&mut stage, "fail@before:bus.publish#1");
    assert_eq!(published(&stage).await, (0, true, Ended::Whole));
    fails(&mut stage, "fail@before:bus.publish#3");
    assert_eq!(
        published(&stage).await,
        (150, true, Ended::Whole),
        "the first hundred come last, and are refused again"
    );
    assert_eq!(still_pending(&stage).await, 100);
    stage.restart(Faults::default());
    assert_eq!(published(&stage).await, (100, false, Ended::Whole));
    assert_eq!(stage.emitted().len(), 250);
}

#[tokio::test]
async fn a_bus_that_refuses_everything_is_not_asked_for_every_page() {
    let mut stage = left(250).await;
    let faults = Faults::planned("fail@before:bus.publish#every:1".parse().unwrap(), Arc::new(|_| Box::pin(async {})));
    stage.restart(faults);
    for _ in 0..5 {
        assert_eq!(published(&stage).await, (0, true, Ended::Whole));
    }
    stage.restart(Faults::default());
    assert_eq!(published(&stage).await, (250, false, Ended::Whole));
}

#[tokio::test]
async fn two_runs_do_not_publish_the_same() {
    let stage = left(3).await;
    let (other, now) = (LeaseOwner("other".to_owned()), stage.home.clock().now());
    stage.home.store().begin(JobName::Publish, &other, now, now + SECOND).await.unwrap();
    assert_eq!(published(&stage).await, (0, false, Ended::Busy));
    stage.clock.advance(SECOND);
    assert_eq!(published(&stage).await, (3, false, Ended::Whole), "its time has run out");
}

#[tokio::test]
async fn a_run_that_ends_early_is_gone_on_with_at_once() {
    let mut stage = left(250).await;
    fails(&mut stage, "fail@before:outbox.published#2");
    publish_stale(&*stage.home, &stage.router, &owner(), pending()).await.unwrap_err();
    assert_eq!(still_pending(&stage).await, 150);
    let another = LeaseOwner("another".to_owned());
    let (none, ended) = publish_stale(&*stage.home, &stage.router, &another, ready(())).await.unwrap();
    assert_eq!((none.accepted, ended), (0, Ended::CutOff));
    let (rest, ended) = publish_stale(&*stage.home, &stage.router, &another, pending()).await.unwrap();
    assert_eq!((rest.accepted, ended), (150, Ended::Whole));
}

/// It is somebody else's to publish until then.
#[tokio::test]
async fn what_is_young_is_left_alone() {
    let stage = left(1).await;
    let young = stage.router.record(crossdock_testkit::build::message("young")).unwrap();
    stage.home.store().put(vec![young]).await;
    assert_eq!(published(&stage).await, (1, false, Ended::Whole));
    assert_eq!(published(&stage).await, (0, false, Ended::Whole));
    stage.clock.advance(SECOND);
    assert_eq!(still_pending(&stage).await, 1);
}
