use super::*;

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(folder.path()).unwrap()
}

fn all(store: &Store, collection: Collection) -> Vec<Value> {
    store.page(collection, None, 1, usize::MAX).items
}

#[test]
fn a_new_store_has_a_past_and_no_changes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    assert_eq!(store.page(Collection::Orders, None, 1, 100).count, 500);
    assert_eq!(store.changes(), []);
}

#[test]
fn what_happened_is_still_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let order = store.create_order(&json!({"note": "naïve ☕"})).unwrap();
    assert_eq!(order["number"], "R100000501");
    store.change_order("R100000501", &json!({"gift_wrap": true})).unwrap();
    store.ready_shipment("H100000501").unwrap();
    store.ship("H100000501", "Nordpost", "NP1").unwrap();
    store.cancel_order("R100000501").unwrap();
    let before = (all(&store, Collection::Orders), all(&store, Collection::Shipments), store.changes());
    drop(store);

    let store = open(&folder);
    assert_eq!((all(&store, Collection::Orders), all(&store, Collection::Shipments), store.changes()), before);
    assert_eq!(store.create_order(&json!({})).unwrap()["number"], "R100000502");
}

#[test]
fn changes_are_listed_in_order_each_with_its_own_later_time() {
    use ChangeKind::{Canceled, Changed, Created, Ready, Shipped, Touched};
    use Collection::{Orders, Shipments};
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.create_order(&json!({"number": "R-7"})).unwrap();
    store.change_order("R-7", &json!({"note": "ring twice"})).unwrap();
    store.change_order("R-7", &json!({"note": "ring twice"})).unwrap();
    store.ready_shipment("H-7").unwrap();
    store.ship("H-7", "Nordpost", "NP1").unwrap();
    store.ship("H-7", "Nordpost", "NP1").unwrap();
    store.cancel_order("R-7").unwrap();

    let changes = store.changes();
    let kinds: Vec<_> = changes.iter().map(|change| (change.collection, change.id.as_str(), change.kind)).collect();
    assert_eq!(
        kinds,
        [
            (Orders, "R-7", Created),
            (Shipments, "H-7", Created),
            (Orders, "R-7", Changed),
            (Orders, "R-7", Touched),
            (Shipments, "H-7", Ready),
            (Shipments, "H-7", Shipped),
            (Orders, "R-7", Canceled),
        ]
    );
    assert!(changes.is_sorted_by(|a, b| a.updated_at < b.updated_at));
    let order = all(&store, Orders).pop().unwrap();
    assert_eq!(order["updated_at"], clock::text(changes[6].updated_at));
}

#[test]
fn a_clock_that_goes_back_does_not_take_the_store_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = State::first();
    let future = clock::time(clock::now() + 3_600_000);
    state.changes.push(Arc::new(Change {
        collection: Collection::Orders,
        id: "R1".to_owned(),
        kind: ChangeKind::Created,
        updated_at: future,
    }));
    StateFile::open(folder.path()).unwrap().write(&state).unwrap();

    let store = open(&folder);
    store.create_order(&json!({})).unwrap();
    assert!(store.changes().is_sorted_by(|a, b| a.updated_at < b.updated_at));
}

#[test]
fn an_order_that_is_made_looks_like_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let before = clock::now();
    let order = store.create_order(&json!({"total": "12.00", "shipping_address": {"city": "Kraków"}})).unwrap();
    assert_eq!(order["total"], "12.00");
    assert_eq!(order["shipping_address"]["city"], "Kraków");
    assert!(order["shipping_address"]["street"].is_string());
    let created: Timestamp = order["created_at"].as_str().unwrap().parse().unwrap();
    assert!(created.as_millisecond() >= before);
    let shipment = all(&store, Collection::Shipments).pop().unwrap();
    assert_eq!(shipment["order_number"], order["number"]);
    assert_eq!((&shipment["state"], &shipment["tracking"]), (&json!("pending"), &Value::Null));
}

#[test]
fn pages_are_in_the_order_of_change_and_miss_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.change_order("R100000003", &json!({"note": "late"})).unwrap();

    let pages: Vec<Page> = (1..=6).map(|page| store.page(Collection::Orders, None, page, 100)).collect();
    assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [100, 100, 100, 100, 100, 0]);
    assert!(pages.iter().all(|page| (page.count, page.pages) == (500, 5)));
    let keys: Vec<_> = pages
        .iter()
        .flat_map(|page| &page.items)
        .map(|item| (item["updated_at"].as_str().unwrap(), item["number"].as_str().unwrap()))
        .collect();
    assert!(keys.is_sorted_by(|a, b| a < b));
    assert_eq!(keys.last().unwrap().1, "R100000003");
}

#[test]
fn since_includes_its_own_moment() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.create_order(&json!({})).unwrap();
    store.create_order(&json!({})).unwrap();
    let [first, _, second, _] = &store.changes()[..] else { panic!("two orders are four changes") };
    let check = |since: Timestamp, expected: usize| {
        let page = store.page(Collection::Orders, Some(since), 1, 100);
        assert_eq!((page.items.len(), page.count, page.pages), (expected, expected, 1), "{since}");
    };
    check(first.updated_at, 2);
    check(clock::time(first.updated_at.as_millisecond() + 1), 1);
    check(second.updated_at, 1);
    check(clock::time(second.updated_at.as_millisecond() + 1), 0);
}

#[test]
fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let check = |outcome: Result<Value, StoreError>, expected: &str| {
        assert_eq!(outcome.unwrap_err().to_string(), expected);
    };
    check(store.change_order("R1", &json!({})), r#"there is no order "R1""#);
    check(store.ready_shipment("H1"), r#"there is no shipment "H1""#);
    check(store.ship("H1", "", ""), r#"there is no shipment "H1""#);
    check(store.ready_shipment("H100000500"), "shipment H100000500 is shipped, expected pending");
    check(store.create_order(&json!([])), "found [], expected an object with an order's fields");
    check(store.create_order(&json!({"number": "R100000001"})), "there is an order R100000001 already");
    check(
        store.create_order(&json!({"number": "R 1"})),
        "number: found \"R 1\", expected text of 1 to 40 ASCII letters, digits or '-'",
    );
    check(
        store.change_order("R100000001", &json!({"updated_at": 1})),
        "updated_at is set by the store and cannot be given",
    );
    assert_eq!(store.changes(), []);

    store.cancel_order("R100000001").unwrap();
    check(store.cancel_order("R100000001"), "order R100000001 is canceled already");
    assert_eq!(store.changes().len(), 1);
}

#[test]
fn numbers_are_used_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    assert_eq!(store.reserve_number().unwrap(), "R100000501");
    store.create_order(&json!({"number": "R100000502"})).unwrap();
    assert_eq!(store.create_order(&json!({})).unwrap()["number"], "R100000503");
    assert_eq!(store.create_order(&json!({"number": "R100000501"})).unwrap()["number"], "R100000501");
}

#[test]
fn a_change_that_cannot_be_kept_is_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    // A folder where the new file should be written: no user, not even root, can write it.
    std::fs::create_dir(folder.path().join("store.json.new")).unwrap();
    assert!(matches!(store.create_order(&json!({})), Err(StoreError::Io(_))));
    assert_eq!(store.page(Collection::Orders, None, 1, 100).count, 500);
    assert_eq!(store.changes(), []);
}
