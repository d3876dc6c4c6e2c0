//! The contract of [`VersionStore`].

use crossdock_core::{
    id::ObjectKey,
    port::{CommitError, Outbox, VersionStore, whole},
    version::{Head, ObjectCommit, Order, Raise, Version, VersionRef},
};
use futures_util::future::join_all;
use serde_json::json;

use super::{StoreFixture, pending};
use crate::build::{at, commit, delicate, following, large, message_about, object, order, record, version};

async fn commit_one(fixture: &impl StoreFixture, commit: ObjectCommit) -> Result<(), CommitError> {
    let mut answers = fixture.store().commit(vec![commit]).await;
    assert_eq!(answers.len(), 1, "one answer per commit");
    answers.remove(0)
}

async fn stored(fixture: &impl StoreFixture, version: Version) -> Version {
    let commit = following(version.clone(), Vec::new());
    commit_one(fixture, commit).await.expect("commit");
    version
}

fn version_ref(version: &Version) -> VersionRef {
    VersionRef { key: version.key.clone(), number: version.number }
}

pub async fn the_epoch_stays_the_same<F: StoreFixture>(fixture: &F) {
    let epoch = fixture.store().epoch().await.expect("epoch");
    commit_one(fixture, commit(&order("R1"), 1)).await.expect("commit");
    assert_eq!(fixture.store().epoch().await.expect("epoch"), epoch);
}

pub async fn an_unknown_object_has_nothing<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    commit_one(fixture, commit(&order("R1"), 1)).await.expect("commit");
    let unknown = order("R2");
    assert_eq!(store.heads(std::slice::from_ref(&unknown)).await.and_then(whole), Ok(vec![None]));
    assert_eq!(store.versions(&[VersionRef { key: unknown.clone(), number: 1 }]).await.and_then(whole), Ok(vec![None]));
    assert_eq!(store.versions(&[VersionRef { key: order("R1"), number: 2 }]).await.and_then(whole), Ok(vec![None]));
    assert_eq!(store.history(&unknown).await.and_then(whole), Ok(vec![]));
    assert_eq!(store.objects_with_id("R2").await, Ok(vec![]));
}

pub async fn a_version_comes_back_whole<F: StoreFixture>(fixture: &F) {
    let key = order("R1");
    let mut first = version(&key, 1, delicate());
    first.baseline = true;
    let mut second = version(&key, 2, json!(null));
    second.deleted = true;
    second.stored_at = at(60);
    second.object_type = "basket".parse().expect("an object type");
    second.order = Some(Order::Time("2026-11-21T10:00:00.123456789Z".parse().expect("a time")));
    let first = stored(fixture, first).await;
    let second = stored(fixture, second).await;

    let store = fixture.store();
    let found = store.versions(&[version_ref(&first), version_ref(&second)]).await.and_then(whole).expect("versions");
    assert_eq!(found, [Some(first.clone()), Some(second)]);
    let text = found[0].as_ref().expect("the first version").body.to_string();
    assert_eq!(text, first.body.to_string(), "every digit as it came");
}

pub async fn the_head_is_the_newest_version<F: StoreFixture>(fixture: &F) {
    let key = order("R1");
    let mut baseline = version(&key, 1, json!({"total": 1}));
    baseline.baseline = true;
    let mut tombstone = version(&key, 3, json!({"total": 2}));
    tombstone.deleted = true;
    for version in [baseline, version(&key, 2, json!({"total": 2})), tombstone] {
        let version = stored(fixture, version).await;
        let heads = fixture.store().heads(std::slice::from_ref(&key)).await.and_then(whole);
        assert_eq!(heads, Ok(vec![Some(version.head())]));
    }
}

pub async fn heads_and_versions_come_in_the_order_asked<F: StoreFixture>(fixture: &F) {
    let one = stored(fixture, version(&order("R1"), 1, json!({"n": 1}))).await;
    let two = stored(fixture, version(&order("R2"), 1, json!({"n": 2}))).await;
    let store = fixture.store();
    let heads = store.heads(&[order("R2"), order("R9"), order("R1"), order("R2")]).await.and_then(whole);
    assert_eq!(heads, Ok(vec![Some(two.head()), None, Some(one.head()), Some(two.head())]));
    let unknown = VersionRef { key: order("R9"), number: 1 };
    let versions =
        store.versions(&[version_ref(&two), unknown, version_ref(&one), version_ref(&two)]).await.and_then(whole);
    assert_eq!(versions, Ok(vec![Some(two.clone()), None, Some(one), Some(two)]));
}

pub async fn another_head_than_expected_is_a_conflict<F: StoreFixture>(fixture: &F) {
    let key = order("R1");
    let head = stored(fixture, version(&key, 1, json!({"n": 1}))).await;
    let head = stored(fixture, version(&key, 2, json!({"n": 2, "parent": head.number}))).await;
    // The object is known; it is at 2; it never was at 7; this one is unknown.
    for (key, expected) in [(&key, None), (&key, Some(1)), (&key, Some(7)), (&order("R2"), Some(1))] {
        let mut slow = version(key, expected.unwrap_or(0) + 1, json!({"slow": true}));
        slow.parent = expected;
        let message = message_about(&slow);
        let id = message.message_id;
        let commit = following(slow, vec![record(message)]);
        assert_eq!(commit_one(fixture, commit).await, Err(CommitError::Conflict), "{key} expected {expected:?}");
        assert_eq!(fixture.store().messages(&[id]).await.and_then(whole), Ok(vec![None]), "its message was not stored");
    }
    let store = fixture.store();
    assert_eq!(store.heads(&[key.clone(), order("R2")]).await.and_then(whole), Ok(vec![Some(head.head()), None]));
    assert_eq!(store.history(&key).await.and_then(whole).expect("history").len(), 2);
    assert_eq!(store.objects_with_id("R2").await, Ok(vec![]));
    fixture.clock().advance(std::time::Duration::from_secs(60));
    assert_eq!(pending(store, at(60)).await, Ok(vec![]));
}

pub async fn one_conflict_harms_no_other<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    commit_one(fixture, commit(&order("R2"), 1)).await.expect("commit");
    let answers = store
        .commit(vec![
            commit(&order("R1"), 1),
            commit(&order("R2"), 1),
            commit(&order("R3"), 2),
            commit(&order("R4"), 1),
        ])
        .await;
    assert_eq!(answers, [Ok(()), Err(CommitError::Conflict), Err(CommitError::Conflict), Ok(())]);
    let heads =
        store.heads(&[order("R1"), order("R2"), order("R3"), order("R4")]).await.and_then(whole).expect("heads");
    let numbers: Vec<_> = heads.into_iter().map(|head| head.map(|head| head.version)).collect();
    assert_eq!(numbers, [Some(1), Some(1), None, Some(1)]);
}

pub async fn of_commits_that_race_exactly_one_wins<F: StoreFixture>(fixture: &F) {
    let key = order("R1");
    for number in 1..=5 {
        let racing = (0..8).map(|racer| {
            let version = version(&key, number, json!({ "racer": racer }));
            let messages = vec![record(message_about(&version))];
            commit_one(fixture, following(version, messages))
        });
        let answers = join_all(racing).await;
        let winners: Vec<_> = (0..8).filter(|racer| answers[*racer].is_ok()).collect();
        let [winner] = winners[..] else { panic!("one winner, not {winners:?}") };
        assert_eq!(answers.iter().filter(|answer| **answer == Err(CommitError::Conflict)).count(), 7);

        let head = fixture
            .store()
            .versions(&[VersionRef { key: key.clone(), number }])
            .await
            .and_then(whole)
            .expect("versions");
        assert_eq!(head[0].as_ref().expect("the winner's version").body, json!({ "racer": winner }));
        assert_eq!(fixture.store().messages_of(&key).await.and_then(whole).expect("messages").len(), number as usize);
    }
}

pub async fn of_one_object_twice_in_a_batch_one_wins<F: StoreFixture>(fixture: &F) {
    let answers = fixture.store().commit(vec![commit(&order("R1"), 1), commit(&order("R1"), 1)]).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == Err(CommitError::Conflict)).count(), 1);
}

pub async fn messages_are_stored_pending_with_their_version<F: StoreFixture>(fixture: &F) {
    let version = version(&order("R1"), 1, json!({"state": "canceled"}));
    let general = record(message_about(&version));
    let mut derived = record(crate::build::message("derived"));
    derived.message.object.clone_from(&general.message.object);
    derived.disabled_routes = vec!["mail".parse().expect("a route name")];
    let messages = vec![general.clone(), derived.clone()];
    commit_one(fixture, ObjectCommit { expected: None, version, messages }).await.expect("commit");

    let store = fixture.store();
    let ids = [derived.message.message_id, general.message.message_id];
    assert_eq!(store.messages(&ids).await.and_then(whole), Ok(vec![Some(derived.clone()), Some(general.clone())]));
    assert_eq!(pending(store, at(0)).await, Ok(vec![]), "not yet old enough");
    let pending = pending(store, at(1)).await.expect("pending");
    assert_eq!(pending.len(), 2);
    assert!(pending.contains(&general) && pending.contains(&derived));
}

pub async fn history_is_oldest_first<F: StoreFixture>(fixture: &F) {
    let key = order("R1");
    // Past 9, where an order by text would go wrong.
    let mut expected = Vec::new();
    for number in 1..=12 {
        expected.push(stored(fixture, version(&key, number, json!({ "number": number }))).await);
    }
    commit_one(fixture, commit(&order("R10"), 1)).await.expect("commit");
    assert_eq!(fixture.store().history(&key).await.and_then(whole), Ok(expected));
}

pub async fn an_id_is_found_in_whichever_collection<F: StoreFixture>(fixture: &F) {
    let same = [object("my-store/orders", "1"), object("my-store/shipments", "1"), object("erp/orders", "1")];
    let other = [order("11"), order("01")];
    for key in same.iter().chain(&other) {
        commit_one(fixture, commit(key, 1)).await.expect("commit");
    }
    let mut found = fixture.store().objects_with_id("1").await.expect("objects");
    found.sort();
    let mut expected = same.to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

pub async fn ids_are_taken_as_they_are<F: StoreFixture>(fixture: &F) {
    let long = "ü🚲".repeat(100);
    let ids = [
        "r1", "R1", " R1", "R1 ", "R1/2", "R1#2", "R1@2", "%", "_", "'", "\"", "1", "1.0", "lines.1", "٣", "e\u{301}",
        "\u{e9}", "a\u{0}b", "a", &long,
    ];
    let store = fixture.store();
    for id in &ids {
        commit_one(fixture, commit(&order(id), 1)).await.unwrap_or_else(|error| panic!("{id:?}: {error}"));
    }
    for id in &ids {
        assert_eq!(store.objects_with_id(id).await, Ok(vec![order(id)]));
        let history = store.history(&order(id)).await.and_then(whole).expect("history");
        assert_eq!(history, [commit(&order(id), 1).version]);
    }
    // Names and an id that read the same when they are put together.
    assert_eq!(store.heads(&[object("my-store/orders.lines", "1")]).await.and_then(whole), Ok(vec![None]));
}

pub async fn large_bodies_are_kept<F: StoreFixture>(fixture: &F) {
    let version = version(&order("R1"), 1, large());
    assert!(version.body.to_string().len() > 300_000);
    let message = record(message_about(&version));
    let commit = ObjectCommit { expected: None, version: version.clone(), messages: vec![message.clone()] };
    commit_one(fixture, commit).await.expect("commit");
    let store = fixture.store();
    assert_eq!(store.versions(&[version_ref(&version)]).await.and_then(whole), Ok(vec![Some(version)]));
    assert_eq!(store.messages(&[message.message.message_id]).await.and_then(whole), Ok(vec![Some(message)]));
}

pub async fn more_than_a_batch_of_keys<F: StoreFixture>(fixture: &F) {
    let keys: Vec<_> = (0..250).map(|n| order(&format!("R{n}"))).collect();
    let store = fixture.store();
    // Every third one stays unknown.
    let commits: Vec<_> = keys.iter().enumerate().filter(|(n, _)| n % 3 != 0).map(|(_, key)| commit(key, 1)).collect();
    let count = commits.len();
    assert_eq!(store.commit(commits).await, vec![Ok(()); count]);

    let heads = store.heads(&keys).await.and_then(whole).expect("heads");
    let refs: Vec<_> = keys.iter().map(|key| VersionRef { key: key.clone(), number: 1 }).collect();
    let versions = store.versions(&refs).await.and_then(whole).expect("versions");
    assert_eq!((heads.len(), versions.len()), (250, 250));
    for (n, key) in keys.iter().enumerate() {
        let expected = (n % 3 != 0).then(|| commit(key, 1).version);
        assert_eq!(heads[n], expected.as_ref().map(Version::head));
        assert_eq!(versions[n], expected);
    }
}

fn ordered(key: &ObjectKey, number: u64, order: i128) -> Version {
    Version { order: Some(Order::Number(order)), ..version(key, number, json!({ "order": order })) }
}

async fn head_of(fixture: &impl StoreFixture, key: &ObjectKey) -> Head {
    let heads = fixture.store().heads(std::slice::from_ref(key)).await.and_then(whole).expect("heads");
    heads.into_iter().next().flatten().expect("a head")
}

/// Stores it from the head that is there.
async fn store_at(fixture: &impl StoreFixture, version: Version) -> ObjectCommit {
    let expected = Some(head_of(fixture, &version.key).await);
    let commit = ObjectCommit { expected, version, messages: Vec::new() };
    assert_eq!(commit_one(fixture, commit.clone()).await, Ok(()));
    commit
}

pub async fn a_late_version_is_kept_beside_the_chain<F: StoreFixture>(fixture: &F) {
    let key = order("R1");
    let first = stored(fixture, ordered(&key, 1, 10)).await;
    let late = Version { late: true, parent: None, ..ordered(&key, 2, 7) };
    let commit = store_at(fixture, late.clone()).await;
    let head = head_of(fixture, &key).await;
    assert_eq!(head, Head { last: 2, ..first.head() });
    assert_eq!(head, commit.head());

    // Its number is taken, and what comes next follows the head.
    let next = Version { parent: Some(1), ..ordered(&key, 3, 11) };
    store_at(fixture, next.clone()).await;
    assert_eq!(head_of(fixture, &key).await, next.head());
    assert_eq!(fixture.store().history(&key).await.and_then(whole), Ok(vec![first, late.clone(), next]));
    assert_eq!(fixture.store().versions(&[version_ref(&late)]).await.and_then(whole), Ok(vec![Some(late)]));
}

pub async fn a_head_is_raised_without_a_version<F: StoreFixture>(fixture: &F) {
    let (key, other) = (order("R1"), order("R2"));
    // Of a head that was stored without one, too.
    let first = stored(fixture, version(&key, 1, json!({"n": 1}))).await;
    let second = stored(fixture, ordered(&other, 1, 3)).await;
    let raise = |version: &Version, number| Raise {
        key: version.key.clone(),
        expected: version.head(),
        order: Order::Number(number),
    };
    let answers = fixture.store().raise(vec![raise(&first, 5), raise(&second, 6)]).await;
    assert_eq!(answers, [Ok(()), Ok(())]);
    for (version, number) in [(&first, 5), (&second, 6)] {
        let raised = Head { order: Some(Order::Number(number)), ..version.head() };
        assert_eq!(head_of(fixture, &version.key).await, raised);
        assert_eq!(fixture.store().history(&version.key).await.and_then(whole), Ok(vec![version.clone()]));
    }
    // What was expected is gone: by another raise, by a version, or it never was.
    let unknown = ordered(&order("R9"), 1, 1);
    let answers = fixture.store().raise(vec![raise(&first, 9), raise(&second, 9), raise(&unknown, 9)]).await;
    assert_eq!(answers, [Err(CommitError::Conflict), Err(CommitError::Conflict), Err(CommitError::Conflict)]);
    assert_eq!(head_of(fixture, &key).await.order, Some(Order::Number(5)));
    assert_eq!(fixture.store().raise(Vec::new()).await, []);
}

pub async fn another_order_or_a_late_version_is_another_head<F: StoreFixture>(fixture: &F) {
    let key = order("R1");
    let first = stored(fixture, ordered(&key, 1, 5)).await;
    let slow = |number| ObjectCommit {
        expected: Some(first.head()),
        version: Version { parent: Some(1), ..ordered(&key, number, 6) },
        messages: Vec::new(),
    };
    let raise = Raise { key: key.clone(), expected: first.head(), order: Order::Number(7) };
    assert_eq!(fixture.store().raise(vec![raise.clone()]).await, [Ok(())]);
    assert_eq!(commit_one(fixture, slow(2)).await, Err(CommitError::Conflict), "6 is late now");

    store_at(fixture, Version { late: true, parent: None, ..ordered(&key, 2, 6) }).await;
    assert_eq!(commit_one(fixture, slow(3)).await, Err(CommitError::Conflict));
    assert_eq!(fixture.store().raise(vec![raise]).await, [Err(CommitError::Conflict)]);
    let head = Head { last: 2, order: Some(Order::Number(7)), ..first.head() };
    assert_eq!(head_of(fixture, &key).await, head);

    // A version that tells no order leaves what is known.
    store_at(fixture, Version { parent: Some(1), ..version(&key, 3, json!({"n": 3})) }).await;
    assert_eq!(head_of(fixture, &key).await.order, Some(Order::Number(7)));
}

pub async fn empty_batches_are_answered_empty<F: StoreFixture>(fixture: &F) {
    let store = fixture.store();
    assert_eq!(store.heads(&[]).await.and_then(whole), Ok(vec![]));
    assert_eq!(store.versions(&[]).await.and_then(whole), Ok(vec![]));
    assert_eq!(store.commit(vec![]).await, []);
}

/// Makes a test of every case. Takes an expression that is a future of a fresh [`StoreFixture`].
#[macro_export]
macro_rules! versions_suite {
    ($fixture:expr) => {
        $crate::cases!(
            versions,
            $fixture,
            [
                the_epoch_stays_the_same,
                an_unknown_object_has_nothing,
                a_version_comes_back_whole,
                the_head_is_the_newest_version,
                heads_and_versions_come_in_the_order_asked,
                another_head_than_expected_is_a_conflict,
                one_conflict_harms_no_other,
                of_commits_that_race_exactly_one_wins,
                of_one_object_twice_in_a_batch_one_wins,
                messages_are_stored_pending_with_their_version,
                history_is_oldest_first,
                an_id_is_found_in_whichever_collection,
                ids_are_taken_as_they_are,
                large_bodies_are_kept,
                more_than_a_batch_of_keys,
                a_late_version_is_kept_beside_the_chain,
                a_head_is_raised_without_a_version,
                another_order_or_a_late_version_is_another_head,
                empty_batches_are_answered_empty,
            ]
        );
    };
}
