//! Every change made in a shop arrives, and nothing else does.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_core::event::EventName;
use serde_json::{Value, json};

use super::{
    Reading, WAYS,
    account::{account, actual, lasting, told},
    baselines, both_since, hub_file, json_server,
    shop::{Shop, id, order},
};
use crate::support::{Bench, Hub, Reply, Server, random::Random, until};

const ORDERS: u64 = 200;
const READING: Reading = Reading { every: "200ms", overlap: "2s", sizes: [30, 30] };

/// Waits until both ways have brought the newest state of these orders.
async fn arrived(shop: &Shop, hub: &Hub, endpoint: &Server, ids: &[String]) {
    let mut expected = BTreeMap::new();
    for id in ids {
        expected.insert(id.clone(), lasting(&shop.get(id).await));
    }
    for way in WAYS {
        let all = || {
            let told = told(endpoint, way);
            let newest = |id: &String| told.get(id).and_then(|messages| messages.last()).map(actual).map(lasting);
            ids.iter().all(|id| newest(id).as_ref() == expected.get(id)).then_some(())
        };
        until(&format!("the newest of {ids:?}, {way}"), all, || hub.story()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_nobody_here_wrote_is_followed_change_by_change() {
    let Some(binary) = json_server() else { return };
    let mut random = Random::from_seed(2013);
    let orders: Vec<Value> = (0..ORDERS).map(|number| order(number, &mut random)).collect();
    let mut shop = Shop::open(binary, &[], &orders).await;
    let endpoint = Server::start(|_| Reply::status(200)).await;
    let bench = Bench::new(&hub_file(&shop.url(), endpoint.url(), &READING));
    let hub = bench.start().await;
    baselines(&hub, "200").await;
    assert_eq!(endpoint.seen().len(), 0);

    // Old orders change, here and there and some of them twice; new ones come.
    let mut touched = BTreeSet::new();
    for number in [0, 29, 30, 31, 59, 90, 150, 199] {
        shop.patch(&id(number), &json!({"total": "1.00", "note": "geändert 🌲", "points": 1e22})).await;
        touched.insert(id(number));
    }
    let mut replaced = shop.get(&id(100)).await;
    replaced["line_items"].as_array_mut().unwrap().truncate(1);
    replaced["line_items"][0]["options"][1]["value"] = json!("för Zoë");
    replaced.as_object_mut().unwrap().remove("meta");
    replaced["a/b~c"] = json!({"ledger_id": 98_765_432_109_876_543_210_u128.to_string()});
    shop.put(&id(100), &replaced).await;
    touched.insert(id(100));
    for number in ORDERS..ORDERS + 40 {
        shop.post(&order(number, &mut random)).await;
        touched.insert(id(number));
    }
    // A save that changes nothing.
    shop.patch(&id(150), &json!({})).await;
    arrived(&shop, &hub, &endpoint, &touched.iter().cloned().collect::<Vec<_>>()).await;

    // The shop is closed for a while.
    let so_far = hub.events().len();
    shop.close().await;
    both_since(&hub, so_far, EventName::SourceFailed, 1).await;
    shop.open_again().await;
    both_since(&hub, so_far, EventName::SourceRecovered, 1).await;
    for number in [0, 1, 229] {
        shop.patch(&id(number), &json!({"state": "canceled", "line_items": []})).await;
        touched.insert(id(number));
    }
    arrived(&shop, &hub, &endpoint, &touched.iter().cloned().collect::<Vec<_>>()).await;
    hub.stop().await;

    for way in WAYS {
        let told = told(&endpoint, way);
        assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), touched, "{way}: what did not change is no news");
        for (order, messages) in &told {
            let is_new = order.as_str() >= id(ORDERS).as_str();
            account(way, order, is_new, messages);
        }
        for (number, versions) in [(0, 3), (1, 2), (100, 2), (229, 2)] {
            let last = &told[&id(number)].last().unwrap()["object"]["version"];
            assert_eq!(last, versions, "{way}: {}", id(number));
        }
    }
}
