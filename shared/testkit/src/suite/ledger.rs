//! The contract of [`Ledger`]: a round ends once, and all that follows from its end is stored with it.

use std::collections::BTreeMap;

use crossdock_core::{
    answer::{Answer, FollowUp, Notification, Objects},
    id::{DeliveryKey, NotificationLevel, ObjectKey},
    port::{
        Attempt, Delivery, DeliveryState, EndpointControl, Ledger, Next, Outbox, Paused, Settled, Settlement, Timers,
        VersionStore, whole,
    },
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{StoreFixture, pending};
use crate::build::{
    at, commit, delicate, delivery, delivery_key, endpoint, large, message, message_id, message_type, order, record,
    settlement, timer,
};

const ENDED: [DeliveryState; 4] =
    [DeliveryState::Delivered, DeliveryState::DeadLettered, DeliveryState::Superseded, DeliveryState::Suppressed];

async fn settle(fixture: &impl StoreFixture, settlement: Settlement) -> Settled {
    fixture.store().settle(settlement).await.expect("settle")
}

async fn recorded(fixture: &impl StoreFixture, delivery: Delivery) -> Delivery {
    assert_eq!(settle(fixture, settlement(delivery.clone())).await, Settled::Recorded { new: Vec::new() });
    delivery
}

async fn read(fixture: &impl StoreFixture, key: &DeliveryKey) -> Option<Delivery> {
    let opened = fixture.store().open(&endpoint("alpha"), std::slice::from_ref(key), &[]).await.expect("open");
    assert_eq!(opened.deliveries.len(), 1);
    opened.deliveries.into_iter().next().and_then(|read| read.expect("readable"))
}

async fn control(fixture: &impl StoreFixture, name: &str) -> EndpointControl {
    fixture.store().open(&endpoint(name), &[], &[]).await.expect("open").control.expect("readable")
}

fn paused(reason: &str) -> Paused {
    Paused { since: at(7), reason: reason.to_owned() }
}

fn of_route(name: &str, route: &str, round: u32) -> DeliveryKey {
    DeliveryKey { message: message_id(name), route: route.parse().expect("a route name"), round }
}

pub async fn nothing_is_known_of_a_first_attempt<F: StoreFixture>(fixture: &F) {
    let opened = fixture.store().open(&endpoint("alpha"), &[delivery_key("m")], &[order("R1")]).await.expect("open");
    assert_eq!(opened.deliveries, [Ok(None)]);
    assert_eq!(opened.heads, [Ok(None)]);
    assert_eq!(opened.control, Ok(EndpointControl::default()));
    let empty = fixture.store().open(&endpoint("alpha"), &[], &[]).await.expect("open");
    assert_eq!((empty.deliveries.len(), empty.heads.len()), (0, 0));
}

pub async fn a_delivery_comes_back_whole<F: StoreFixture>(fixture: &F) {
    let full = Delivery {
        key: of_route("m", "book", 3),
        endpoint: endpoint("alpha"),
        state: DeliveryState::DeadLettered,
        attempts: vec![
            Attempt { at: at(0), took_ms: 15_000, status: None, failure: Some("no answer: 東京".to_owned()) },
            Attempt { at: at(5), took_ms: 0, status: Some(410), failure: Some("status 410".to_owned()) },
            Attempt { at: at(9), took_ms: 12, status: Some(200), failure: None },
        ],
        receives: 7,
        updated_at: at(10),
        next_attempt_at: Some(at(20)),
        reason: Some("gone".to_owned()),
        answer: Some(Answer {
            objects: vec![given(Some(delicate())), given(None)],
            since: [("my-store/orders/R1".to_owned(), u64::MAX)].into(),
            messages: vec![FollowUp { place: 2, message: message_type("order:booked"), payload: delicate() }],
            parameters: vec![("token".to_owned(), delicate()), ("none".to_owned(), Value::Null)],
            notifications: vec![Notification {
                level: NotificationLevel::Warn,
                subject: "slow".to_owned(),
                description: None,
                occurrences: 3,
            }],
            events: vec![delicate()],
            summary: Some("done".to_owned()),
            text: Some("<html>".to_owned()),
            truncated: true,
            delay: Some(30),
            update_url: Some("/jobs/7".to_owned()),
            faults: vec!["messages[1]: no type".to_owned()],
        }),
        next_round: true,
        untracked: true,
    };
    let bare = Delivery {
        attempts: Vec::new(),
        receives: 0,
        reason: None,
        answer: None,
        next_attempt_at: None,
        next_round: false,
        untracked: false,
        ..delivery(delivery_key("bare"), DeliveryState::Suppressed)
    };
    for delivery in [full, bare] {
        let delivery = recorded(fixture, delivery).await;
        assert_eq!(read(fixture, &delivery.key).await, Some(delivery));
    }
}

pub async fn what_is_opened_comes_in_the_order_asked<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let a = recorded(fixture, delivery(delivery_key("a"), DeliveryState::Retrying)).await;
    let b = recorded(fixture, delivery(delivery_key("b"), DeliveryState::Delivered)).await;
    let commits = vec![commit(&order("R1"), 1), commit(&order("R2"), 1)];
    assert_eq!(store.commit(commits).await, [Ok(()), Ok(())]);

    let keys = ["b", "unknown", "a", "b"].map(delivery_key);
    let opened = store.open(&endpoint("alpha"), &keys, &[order("R2"), order("R9"), order("R1")]).await.expect("open");
    assert_eq!(opened.deliveries, [Some(b.clone()), None, Some(a), Some(b)].map(Ok));
    let heads = [Some(commit(&order("R2"), 1).version.head()), None, Some(commit(&order("R1"), 1).version.head())];
    assert_eq!(opened.heads, heads.map(Ok));
}

pub async fn more_than_a_batch_is_opened<F: StoreFixture>(fixture: &F) {
    let keys: Vec<_> = (0..150).map(|n| delivery_key(&format!("m{n}"))).collect();
    let settling = keys.iter().map(|key| recorded(fixture, delivery(key.clone(), DeliveryState::Delivered)));
    let expected: Vec<_> = join_all(settling).await.into_iter().map(Some).collect();
    let objects: Vec<_> = (0..150).map(|n| order(&format!("R{n}"))).collect();
    let opened = fixture.store().open(&endpoint("alpha"), &keys, &objects).await.expect("open");
    assert_eq!(whole(opened.deliveries), Ok(expected));
    assert_eq!(opened.heads, vec![Ok(None); 150]);
}

pub async fn a_round_changes_until_it_ends<F: StoreFixture>(fixture: &F) {
    for (place, end) in ENDED.into_iter().enumerate() {
        let key = delivery_key(&format!("m{place}"));
        let mut next = recorded(fixture, delivery(key.clone(), DeliveryState::Waiting)).await;
        assert_eq!(read(fixture, &key).await, Some(next.clone()));
        next.state = DeliveryState::Retrying;
        for step in 1..=3_u32 {
            next.attempts.push(Attempt { at: at(step.into()), took_ms: 1, status: None, failure: None });
            next.receives = step;
            next.updated_at = at(step.into());
            next.next_attempt_at = Some(at(i64::from(step) + 5));
            next.reason = Some(format!("reason {step}"));
            next.answer = Some(Answer { summary: Some(format!("summary {step}")), ..Answer::default() });
            next.next_round = step % 2 == 1;
            next = recorded(fixture, next).await;
            assert_eq!(read(fixture, &key).await, Some(next.clone()));
        }
        next.answer = None;
        next.reason = None;
        // The hub's file may have sent the route elsewhere meanwhile.
        next.endpoint = endpoint("beta");
        next.state = end;
        next.next_attempt_at = None;
        next = recorded(fixture, next).await;
        assert_eq!(read(fixture, &key).await, Some(next));
    }
}

pub async fn a_round_that_has_ended_never_changes<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    for (place, end) in ENDED.into_iter().enumerate() {
        let key = delivery_key(&format!("m{place}"));
        let ended = recorded(fixture, delivery(key.clone(), end)).await;
        for state in [DeliveryState::Retrying, DeliveryState::Delivered, DeliveryState::DeadLettered] {
            let mut late = delivery(key.clone(), state);
            late.receives = 9;
            late.updated_at = at(99);
            let answer = settle(
                fixture,
                Settlement {
                    parameters: vec![("late".to_owned(), json!(true))],
                    pause: Some(paused("late")),
                    messages: vec![record(message("late"))],
                    next: Some(Next { timer: timer("late", 5), message: Some(record(message("put off"))) }),
                    delivery: late,
                },
            )
            .await;
            assert_eq!(answer, Settled::AlreadyEnded(Box::new(ended.clone())), "{end:?}, then {state:?}");
            assert_eq!(read(fixture, &key).await, Some(ended.clone()));
        }
    }
    assert_eq!(control(fixture, "alpha").await, EndpointControl::default(), "nothing of it was written");
    let late = store.messages(&[message_id("late"), message_id("put off")]).await.and_then(whole);
    assert_eq!(late, Ok(vec![None, None]));
    assert_eq!(read(fixture, &delivery_key("late")).await, None);
    assert_eq!(store.take(at(99), at(0), at(60), 10).await, Ok(vec![]));
}

pub async fn of_ends_that_race_exactly_one_is_recorded<F: StoreFixture>(fixture: &F) {
    let key = delivery_key("m");
    recorded(fixture, delivery(key.clone(), DeliveryState::Retrying)).await;
    let racing = (0..8).map(|racer: u32| {
        let mut delivery = delivery(key.clone(), ENDED[racer as usize % 2]);
        delivery.receives = racer;
        let messages = vec![record(message(&format!("of {racer}")))];
        settle(fixture, Settlement { messages, ..settlement(delivery) })
    });
    let answers = join_all(racing).await;
    let winners: Vec<_> = (0..8).filter(|racer| answers[*racer] == Settled::Recorded { new: vec![true] }).collect();
    let [winner] = winners[..] else { panic!("one winner, not {winners:?}") };
    let stored = read(fixture, &key).await.expect("the delivery");
    assert_eq!(stored.receives as usize, winner);
    for (racer, answer) in answers.into_iter().enumerate() {
        if racer != winner {
            assert_eq!(answer, Settled::AlreadyEnded(Box::new(stored.clone())));
        }
    }
    let pending = pending(fixture.store(), at(1)).await;
    assert_eq!(pending, Ok(vec![record(message(&format!("of {winner}")))]));
}

pub async fn rounds_and_routes_are_kept_apart<F: StoreFixture>(fixture: &F) {
    let keys = [of_route("m", "book", 1), of_route("m", "book", 2), of_route("m", "mail", 1), of_route("n", "book", 1)];
    let mut expected = Vec::new();
    for key in &keys {
        assert_eq!(read(fixture, key).await, None);
        expected.push(Some(recorded(fixture, delivery(key.clone(), DeliveryState::Delivered)).await));
    }
    let opened = fixture.store().open(&endpoint("alpha"), &keys, &[]).await.expect("open");
    assert_eq!(whole(opened.deliveries), Ok(expected));
}

pub async fn parameters_are_merged_by_name<F: StoreFixture>(fixture: &F) {
    let named = |pairs: &[(&str, Value)]| -> Vec<(String, Value)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    };
    let steps = [
        named(&[("token", json!("a")), ("page", delicate())]),
        named(&[("page", json!(2)), ("none", Value::Null)]),
        named(&[]),
        named(&[("token", json!("b")), ("token", json!("c")), ("ключ 🔑", json!([1, {"x": null}]))]),
    ];
    let mut expected = BTreeMap::new();
    for (place, parameters) in steps.into_iter().enumerate() {
        expected.extend(parameters.clone());
        let delivery = delivery(delivery_key(&format!("m{place}")), DeliveryState::Retrying);
        let answer = settle(fixture, Settlement { parameters, ..settlement(delivery) }).await;
        assert_eq!(answer, Settled::Recorded { new: Vec::new() });
        assert_eq!(control(fixture, "alpha").await.parameters, expected);
    }
    assert_eq!(control(fixture, "beta").await, EndpointControl::default());
}

pub async fn an_endpoint_is_paused_and_goes_on<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let mut gone = settlement(delivery(delivery_key("m"), DeliveryState::DeadLettered));
    gone.pause = Some(paused("410"));
    gone.parameters = vec![("token".to_owned(), json!(1))];
    assert_eq!(settle(fixture, gone).await, Settled::Recorded { new: Vec::new() });
    assert_eq!(control(fixture, "alpha").await.paused, Some(paused("410")));
    assert_eq!(control(fixture, "beta").await.paused, None);

    // A settlement that asks for no pause lifts none.
    recorded(fixture, delivery(delivery_key("n"), DeliveryState::Delivered)).await;
    assert_eq!(control(fixture, "alpha").await.paused, Some(paused("410")));

    for state in [Some(paused("by hand")), None, None, Some(paused("again"))] {
        store.set_paused(&endpoint("alpha"), state.clone()).await.expect("set_paused");
        let control = control(fixture, "alpha").await;
        assert_eq!(control.paused, state);
        assert_eq!(control.parameters, BTreeMap::from([("token".to_owned(), json!(1))]), "parameters stay");
    }
}

pub async fn messages_are_stored_pending_with_the_outcome<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let (known, new) = (record(message("known")), record(message("new")));
    assert_eq!(store.put(vec![known.clone()]).await, [Ok(true)]);
    store.published(&[message_id("known")]).await.expect("published");
    let mut changed = known.clone();
    changed.message.hops = 8;
    let messages = vec![changed, new.clone()];
    let delivery = delivery(delivery_key("m"), DeliveryState::Delivered);
    assert_eq!(
        settle(fixture, Settlement { messages, ..settlement(delivery) }).await,
        Settled::Recorded { new: vec![false, true] }
    );
    assert_eq!(pending(store, at(1)).await, Ok(vec![new.clone()]));
    let found = store.messages(&[message_id("known"), message_id("new")]).await.and_then(whole);
    assert_eq!(found, Ok(vec![Some(known), Some(new)]), "what was there stays as it was");
}

pub async fn deliveries_of_a_message_are_all_its_rounds<F: StoreFixture>(fixture: &F) {
    let mut expected = Vec::new();
    for (route, round) in [("book", 1), ("book", 2), ("book", 11), ("mail", 1)] {
        let mut delivery = delivery(of_route("m", route, round), DeliveryState::Delivered);
        if route == "mail" {
            delivery.endpoint = endpoint("beta");
        }
        expected.push(recorded(fixture, delivery).await);
    }
    recorded(fixture, delivery(delivery_key("other"), DeliveryState::Delivered)).await;
    let mut found = fixture.store().deliveries_of(message_id("m")).await.and_then(whole).expect("deliveries");
    found.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(found, expected);
    assert_eq!(fixture.store().deliveries_of(message_id("unknown")).await.and_then(whole), Ok(vec![]));
}

pub async fn deliveries_in_a_state_are_latest_first<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let mut dead = Vec::new();
    for (place, second) in [3, 1, 2, 12].into_iter().enumerate() {
        let mut delivery = delivery(delivery_key(&format!("m{place}")), DeliveryState::DeadLettered);
        delivery.updated_at = at(second);
        dead.push(recorded(fixture, delivery).await);
    }
    dead.sort_by_key(|delivery| std::cmp::Reverse(delivery.updated_at));
    let mut elsewhere = delivery(delivery_key("elsewhere"), DeliveryState::DeadLettered);
    elsewhere.endpoint = endpoint("beta");
    let elsewhere = recorded(fixture, elsewhere).await;
    let mut waiting = recorded(fixture, delivery(delivery_key("waiting"), DeliveryState::Retrying)).await;

    let find = |name, state, limit| {
        let endpoint = endpoint(name);
        async move { store.deliveries_in(&endpoint, state, limit).await.and_then(whole).expect("deliveries") }
    };
    assert_eq!(find("alpha", DeliveryState::DeadLettered, 10).await, dead);
    assert_eq!(find("alpha", DeliveryState::DeadLettered, 2).await, dead[..2]);
    assert_eq!(find("beta", DeliveryState::DeadLettered, 10).await, [elsewhere]);
    assert_eq!(find("alpha", DeliveryState::Retrying, 10).await, [waiting.clone()]);
    assert_eq!(find("alpha", DeliveryState::Superseded, 10).await, []);

    waiting.state = DeliveryState::Delivered;
    recorded(fixture, waiting).await;
    assert_eq!(find("alpha", DeliveryState::Retrying, 10).await, []);
    let delivered = store.deliveries_in(&endpoint("alpha"), DeliveryState::Delivered, 10).await;
    assert!(!delivered.expect_err("nobody lists these").transient);
}

pub async fn what_is_expected_takes_nothing_back<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let mut expected = delivery(delivery_key("new"), DeliveryState::Retrying);
    (expected.attempts, expected.receives) = (Vec::new(), 0);
    assert_eq!(store.expect(expected.clone()).await, Ok(()));
    assert_eq!(read(fixture, &expected.key).await, Some(expected.clone()));
    let mut again = expected.clone();
    again.updated_at = at(99);
    assert_eq!(store.expect(again.clone()).await, Ok(()));
    assert_eq!(read(fixture, &expected.key).await, Some(expected.clone()), "it is expected already");

    for state in [DeliveryState::Retrying, DeliveryState::Delivered] {
        let known = recorded(fixture, delivery(delivery_key(state.as_str()), state)).await;
        again.key = known.key.clone();
        assert_eq!(store.expect(again.clone()).await, Ok(()));
        assert_eq!(read(fixture, &known.key).await, Some(known), "{state:?}");
    }
    // From then on it is a delivery like any other.
    expected.state = DeliveryState::Delivered;
    recorded(fixture, expected).await;
}

pub async fn silent_deliveries_are_longest_silent_first<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let mut silent = Vec::new();
    for (place, second) in [3, 1, 12, 2].into_iter().enumerate() {
        let mut delivery = delivery(delivery_key(&format!("m{place}")), DeliveryState::Retrying);
        delivery.updated_at = at(second);
        silent.push(recorded(fixture, delivery).await);
    }
    silent.sort_by_key(|delivery| delivery.updated_at);
    let mut elsewhere = delivery(delivery_key("elsewhere"), DeliveryState::Retrying);
    (elsewhere.endpoint, elsewhere.updated_at) = (endpoint("beta"), at(1));
    recorded(fixture, elsewhere).await;
    let mut waiting = delivery(delivery_key("waiting"), DeliveryState::Waiting);
    waiting.updated_at = at(1);
    let waiting = recorded(fixture, waiting).await;

    let find = |state, since, limit| {
        let endpoint = endpoint("alpha");
        async move { store.silent(&endpoint, state, at(since), limit).await.and_then(whole).expect("deliveries") }
    };
    assert_eq!(find(DeliveryState::Retrying, 13, 10).await, silent);
    assert_eq!(find(DeliveryState::Retrying, 13, 2).await, silent[..2]);
    assert_eq!(find(DeliveryState::Retrying, 12, 10).await, silent[..3], "the very moment is not before it");
    assert_eq!(find(DeliveryState::Retrying, 1, 10).await, []);
    assert_eq!(find(DeliveryState::Waiting, 13, 10).await, [waiting]);

    // What is heard of is silent no more, and what has ended never was.
    silent[0].updated_at = at(20);
    recorded(fixture, silent[0].clone()).await;
    silent[1].state = DeliveryState::DeadLettered;
    recorded(fixture, silent[1].clone()).await;
    assert_eq!(find(DeliveryState::Retrying, 13, 10).await, silent[2..]);
}

pub async fn what_is_tracked_is_tracked_once<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    let given = |item: Option<Value>| Answer { objects: vec![given(item)], ..Answer::default() };
    let mut marked = delivery(delivery_key("m"), DeliveryState::Delivered);
    marked.untracked = true;
    marked.answer = Some(Answer { since: [("my-store/orders/R1".to_owned(), 7)].into(), ..given(Some(delicate())) });
    let marked = recorded(fixture, marked).await;
    assert_eq!(read(fixture, &marked.key).await, Some(marked.clone()));

    let done = given(None);
    assert_eq!(store.tracked(&marked.key, &done).await, Ok(()));
    let expected = Delivery { untracked: false, answer: Some(done), ..marked };
    assert_eq!(read(fixture, &expected.key).await, Some(expected.clone()));
    // Once the mark is gone, the answer stays as it is.
    assert_eq!(store.tracked(&expected.key, &given(Some(json!({"late": true})))).await, Ok(()));
    assert_eq!(read(fixture, &expected.key).await, Some(expected));
    // Of what nobody knows nothing is made.
    assert_eq!(store.tracked(&delivery_key("unknown"), &given(None)).await, Ok(()));
    assert_eq!(read(fixture, &delivery_key("unknown")).await, None);
}

/// With its object before it is tracked, or with its id after.
fn given(item: Option<Value>) -> Objects {
    let ObjectKey { collection, id } = order("R1");
    let ids = if item.is_none() { vec![id] } else { Vec::new() };
    Objects { source: collection.source, collection: collection.collection, items: item.into_iter().collect(), ids }
}

pub async fn large_answers_are_kept<F: StoreFixture>(fixture: &F) {
    let mut big = delivery(delivery_key("m"), DeliveryState::Delivered);
    big.answer = Some(Answer { events: vec![large()], ..Answer::default() });
    let big = recorded(fixture, big).await;
    assert_eq!(read(fixture, &big.key).await, Some(big));
}

/// Makes a test of every case. Takes an expression that is a future of a fresh [`StoreFixture`].
#[macro_export]
macro_rules! ledger_suite {
    ($fixture:expr) => {
        $crate::cases!(
            ledger,
            $fixture,
            [
                nothing_is_known_of_a_first_attempt,
                a_delivery_comes_back_whole,
                what_is_opened_comes_in_the_order_asked,
                more_than_a_batch_is_opened,
                a_round_changes_until_it_ends,
                a_round_that_has_ended_never_changes,
                of_ends_that_race_exactly_one_is_recorded,
                rounds_and_routes_are_kept_apart,
                parameters_are_merged_by_name,
                an_endpoint_is_paused_and_goes_on,
                messages_are_stored_pending_with_the_outcome,
                deliveries_of_a_message_are_all_its_rounds,
                deliveries_in_a_state_are_latest_first,
                what_is_expected_takes_nothing_back,
                silent_deliveries_are_longest_silent_first,
                what_is_tracked_is_tracked_once,
                large_answers_are_kept,
            ]
        );
    };
}
