//! Whatever happens in whatever order: changes, messages that are late, failures, crashes, two hubs at once, dead letters
//! that are sent again.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use crossdock_core::{
    fault::{FaultPlan, Faults},
    message::MessageRecord,
    port::{Clock, DeliveryState},
    publish::publish_stale,
    redrive,
};
use futures_util::future::BoxFuture;
use proptest::prelude::*;
use serde_json::Value;
use tokio::sync::Notify;

use super::{HOUR, Told, arrive, deliveries, stage, stored};
use crate::stage::{Stage, answer, dispatch, owner};

const OBJECTS: [&str; 2] = ["R1", "R2"];
/// Longer than an entry stays hidden.
const WHILE: Duration = Duration::from_secs(61);

#[derive(Debug, Clone)]
enum Step {
    /// The next version of an object; `told`: 0 once, 1 twice, 2 unpromised.
    Change {
        object: usize,
        told: usize,
        publish: bool,
    },
    /// One of the messages that are still to come.
    Arrive(usize),
    /// One that has come, once more.
    ComeAgain(usize),
    /// Two hubs at once, their calls interleaved by the seed; after so many calls both are gone.
    Dispatch {
        seed: u64,
        calls: Option<u32>,
    },
    Wait(u64),
    /// What the endpoint answers next.
    Answer(Vec<u16>),
    Redrive,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..OBJECTS.len(), prop::sample::select(vec![0, 0, 0, 1, 2]), any::<bool>())
            .prop_map(|(object, told, publish)| Step::Change { object, told, publish }),
        2 => any::<usize>().prop_map(Step::Arrive),
        1 => any::<usize>().prop_map(Step::ComeAgain),
        5 => (any::<u64>(), prop::option::of(1..60_u32)).prop_map(|(seed, calls)| Step::Dispatch { seed, calls }),
        3 => prop::sample::select(vec![1, 2, 11, 30, 61, 3_700, 15_000]).prop_map(Step::Wait),
        2 => prop::collection::vec(prop::sample::select(vec![200, 206, 299, 422, 500]), 1..5).prop_map(Step::Answer),
        1 => Just(Step::Redrive),
    ];
    prop::collection::vec(step, 1..30)
}

/// Holds up each call for a while that the seed tells, and all of them after so many.
fn interleaved(seed: u64, calls: Option<u32>, gone: &Arc<Notify>) -> Faults {
    let state = Arc::new(Mutex::new((seed, calls)));
    let gone = gone.clone();
    let sleep = move |_| {
        let (state, gone) = (state.clone(), gone.clone());
        Box::pin(async move {
            let turns = {
                let mut state = state.lock().unwrap();
                let (seed, calls) = &mut *state;
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *calls = calls.map(|left| left.saturating_sub(1));
                (*calls != Some(0)).then_some(*seed >> 60)
            };
            match turns {
                Some(turns) => {
                    for _ in 0..turns {
                        tokio::task::yield_now().await;
                    }
                }
                None => {
                    gone.notify_one();
                    pending::<()>().await;
                }
            }
        }) as BoxFuture<'static, ()>
    };
    let each: FaultPlan = "delay:0@every:1".parse().unwrap();
    Faults::planned(each, Arc::new(sleep))
}

async fn dispatch_twice(stage: &Stage, seed: u64, calls: Option<u32>) {
    let gone = Arc::new(Notify::new());
    let homes = [seed, !seed].map(|seed| Arc::new(stage.beside(interleaved(seed, calls, &gone))));
    let endpoint = stage.endpoint();
    let one = |home| dispatch(home, &stage.hub, &stage.router, &endpoint);
    tokio::select! {
        _ = async { tokio::join!(one(&homes[0]), one(&homes[1])) } => {}
        () = gone.notified() => {}
    }
}

struct Story {
    stage: Stage,
    versions: [u64; OBJECTS.len()],
    all: Vec<MessageRecord>,
    to_come: Vec<MessageRecord>,
    /// Nothing has happened that may make a version late.
    gentle: bool,
}

impl Story {
    async fn play(&mut self, step: Step) {
        let stage = &self.stage;
        match step {
            Step::Change { object, told, publish } => {
                self.versions[object] += 1;
                let told = [Told::Once, Told::Twice, Told::Unpromised][told];
                self.gentle &= told != Told::Unpromised;
                let messages = stored(stage, OBJECTS[object], self.versions[object], told).await;
                if publish {
                    arrive(stage, &messages).await;
                } else {
                    self.to_come.extend(messages.clone());
                }
                self.all.extend(messages);
            }
            Step::Arrive(place) => {
                if let Some(place) = place.checked_rem(self.to_come.len()) {
                    arrive(stage, &[self.to_come.remove(place)]).await;
                }
            }
            Step::ComeAgain(place) => {
                if let Some(place) = place.checked_rem(self.all.len()) {
                    arrive(stage, &self.all[place..=place]).await;
                }
            }
            Step::Dispatch { seed, calls } => Box::pin(dispatch_twice(stage, seed, calls)).await,
            Step::Wait(seconds) => {
                self.gentle &= seconds < 10_000;
                stage.clock.advance(Duration::from_secs(seconds));
            }
            Step::Answer(statuses) => stage.answers(statuses.into_iter().map(|status| match status {
                // A wait of its own, which a newer version overtakes.
                299 => answer(200, &serde_json::json!({"delay": 60})),
                206 => answer(206, &serde_json::json!({"parameters": {"page": 1}})),
                status => answer(status, &Value::Null),
            })),
            Step::Redrive => {
                self.gentle = false;
                redrive::redrive(&*stage.home, &stage.endpoint(), None).await.unwrap();
            }
        }
    }

    /// Nothing fails any more, and everything has the time it needs.
    async fn end(&self) {
        let stage = &self.stage;
        stage.world.endpoint.lock().unwrap().answers.clear();
        let began = stage.clock.now();
        while !self.is_over().await {
            stage.clock.advance(WHILE);
            publish_stale(&*stage.home, &stage.router, &owner(), pending()).await.unwrap();
            crossdock_core::timer::fire(&*stage.home, &stage.hub).await.unwrap();
            stage.dispatch_once().await;
            let took = stage.clock.now().duration_since(began);
            assert!(took < (48 * HOUR).try_into().unwrap(), "some deliveries never end: {:?}", self.all);
        }
    }

    async fn is_over(&self) -> bool {
        for record in &self.all {
            let last = deliveries(&self.stage, record.message.message_id).await.pop();
            if !last.is_some_and(|last| last.state.ended() && !last.next_round) {
                return false;
            }
        }
        true
    }

    async fn check(&self) {
        let mut newest: BTreeMap<String, u64> = BTreeMap::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for one in self.stage.seen() {
            let (object, version) = (&one.body["object"], one.body["object"]["version"].as_u64().unwrap());
            let newest = newest.entry(object["id"].to_string()).or_default();
            assert!(version >= *newest, "{} after {newest}: {:?}", object, super::arrived(&self.stage));
            *newest = version;
            seen.insert(one.body["message_id"].as_str().unwrap().to_owned());
        }
        for record in &self.all {
            let of = record.message.object.as_ref().unwrap();
            let was_seen = seen.contains(&record.message.message_id.to_string());
            let rounds = deliveries(&self.stage, record.message.message_id).await;
            let last = rounds.last().unwrap();
            match last.state {
                DeliveryState::Superseded => {
                    let newer = last.reason.as_ref().unwrap().strip_prefix("superseded by version ").unwrap();
                    let newer: u64 = newer.parse().unwrap();
                    assert!(newer > of.version && newer <= newest[&Value::from(of.id.clone()).to_string()]);
                    // Only what was put off by its endpoint is overtaken where all goes well.
                    assert!(
                        !self.gentle || rounds.len() > 1,
                        "{of:?} is superseded: {:?}",
                        super::arrived(&self.stage)
                    );
                }
                DeliveryState::Delivered | DeliveryState::DeadLettered => assert!(was_seen, "{last:?}"),
                other => panic!("{of:?} ends as {}", other.as_str()),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// No older version after a newer one, every delivery ends, and nothing is superseded for nothing.
    #[test]
    fn whatever_happens(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stage = stage().await;
            let mut story = Story { stage, versions: [0; 2], all: Vec::new(), to_come: Vec::new(), gentle: true };
            for step in steps {
                story.play(step).await;
            }
            story.end().await;
            story.check().await;
        });
    }
}
