//! A full disk is a bad time and no catastrophe: the hub refuses what it cannot store, stays, and goes on once there is
//! room.

use std::time::Duration;

use crossdock_core::event::{EventName, HubEvent};

use super::World;
use crate::support::{Hub, client::call, small_disk::SmallDisk, until};

const DISK: u64 = 6 * 1024 * 1024;

async fn polled_again(hub: &Hub) {
    let polls = |events: &[HubEvent]| events.iter().filter(|event| event.event == EventName::PollFinished).count();
    let before = hub.until("events", |events| Some(polls(events))).await;
    hub.until("another poll", |events| (polls(events) > before).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_outlives_a_full_disk_and_loses_nothing() {
    let Some(disk) = SmallDisk::new(DISK) else { return };
    let state = disk.path().join("state");
    let mut world = World::new().await;
    let bench = world.bench().state_in(&state);
    let hub = bench.start().await;
    let url = hub.url().await;

    for _ in 0..3 {
        for _ in 0..10 {
            world.order();
            let response = world.push(&url).await;
            assert_eq!(response.status, 202, "{response:?}\n{}", hub.story());
        }
        disk.fill();
        world.order();
        let mut refused = 0;
        // What is left of a page may take a little more.
        while refused < 10 {
            let response = world.push(&url).await;
            if response.status != 202 {
                assert_eq!(response.status, 503, "{response:?}\n{}", hub.story());
                assert!(response.body.contains("cannot store this now"), "{response:?}");
                refused += 1;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let says = |what: &str| hub.log().lines().any(|line| line.contains(what) && line.contains("make room"));
        until("word of the push", || says("a push could not be stored").then_some(()), || hub.story()).await;
        until("word of the poll", || says("the poll failed").then_some(()), || hub.story()).await;
        let health = call("GET", format!("{url}/health")).send().await;
        assert_eq!(health.status, 200, "it is alive");
        disk.make_room();
        polled_again(&hub).await;
        assert_eq!(world.push(&url).await.status, 202, "{}", hub.story());
    }
    world.reckoning(&state, || hub.story()).await;

    // Ended while it is full, it loses nothing either.
    for _ in 0..5 {
        assert_eq!(world.push(&url).await.status, 202);
    }
    disk.fill();
    world.order();
    hub.terminate().await;
    disk.make_room();
    let hub = bench.start().await;
    world.reckoning(&state, || hub.story()).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_hub_does_not_start_on_a_full_disk_and_says_why() {
    let Some(disk) = SmallDisk::new(DISK) else { return };
    let state = disk.path().join("state");
    let mut world = World::new().await;
    let bench = world.bench().state_in(&state);
    disk.fill();
    let log = bench.launch(None).failed().await;
    assert!(log.contains("make room on"), "{log}");
    disk.make_room();
    // Whatever the first try left behind is in nobody's way.
    let hub = bench.start().await;
    let url = hub.url().await;
    for _ in 0..5 {
        assert_eq!(world.push(&url).await.status, 202);
    }
    hub.kill().await;

    disk.fill();
    let log = bench.launch(None).failed().await;
    assert!(log.contains("make room on"), "{log}");
    disk.make_room();
    let hub = bench.start().await;
    world.reckoning(&state, || hub.story()).await;
    hub.stop().await;
}
