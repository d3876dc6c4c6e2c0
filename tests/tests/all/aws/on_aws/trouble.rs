//! Records that nobody can read, functions that die in the middle of what they do, invocations that fail: nothing is
//! lost, nothing is delivered that has no record, and no neighbour hears of it.

use serde_json::{Value, json};

use super::town::{COLLECTIONS, Town};
use crate::{aws::cloud::until, kills::shop::Happening, support::random::Random};

/// What the deaths of a function say: a fault point that was reached.
const STOPPED: &str = "stopped, as planned";

impl Town {
    /// Starts a function anew with a fault, and lets things happen until it has died of it so many times.
    async fn dies(&self, name: &str, fault: &str, times: usize) {
        let function = self.hub.function(name);
        let before = self.deaths(&function).await;
        self.hub.cloud.set_variables(&function, &[("CROSSDOCK_FAULT", Some(fault))]).await;
        let died = async || {
            self.happen(Happening::Purchase, 3);
            for collection in COLLECTIONS {
                // A minute may have passed since a poller died.
                self.hub.expire_lease(collection).await;
                let event = json!({"task": "poll", "collection": collection});
                self.hub.cloud.invoke_anyhow(&self.hub.function("poller"), &event).await;
            }
            (self.deaths(&function).await >= before + times).then_some(())
        };
        until(&format!("{times} times {fault} of {function}"), died).await;
        self.hub.cloud.set_variables(&function, &[("CROSSDOCK_FAULT", None)]).await;
        for collection in COLLECTIONS {
            self.hub.expire_lease(collection).await;
        }
    }

    async fn deaths(&self, function: &str) -> usize {
        let log = self.hub.cloud.log(&format!("/aws/lambda/{function}")).await;
        log.iter().filter(|line| line.contains(STOPPED)).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_die_and_nothing_is_lost() {
    let mut random = Random::seeded("functions die");
    let town = Town::new("dying", &mut random, |hub| hub).await;
    town.hub.set_visibility(3).await;

    // Delivered, and dead before the ledger hears of it; dead before anything was sent; dead while settling.
    for fault in ["stop@after:endpoint.post", "stop@before:endpoint.post#2", "stop@before:ledger.settle"] {
        town.dies("dispatcher", fault, 2).await;
    }
    // In the middle of a page, between store and bus, between bus and mark.
    for fault in ["stop@before:versions.commit", "stop@before:bus.publish", "stop@before:outbox.published"] {
        town.dies("poller", fault, 1).await;
    }
    // And from outside, at whatever moment it is.
    for _ in 0..3 {
        town.happen(Happening::Purchase, 20);
        town.poll().await;
        let dispatcher = town.hub.function("dispatcher");
        until("a dispatcher", async || town.hub.cloud.kill(&dispatcher).then_some(())).await;
    }
    let state = town.reckoning().await;
    assert!(state.messages.len() > 100, "{}", state.messages.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_is_put_aside_with_its_reason_and_its_neighbours_go_on() {
    let mut random = Random::seeded("poison");
    let town = Town::new("poison", &mut random, |hub| hub).await;
    let hub = &town.hub;
    let queue = hub.queue("email");
    for body in ["no JSON at all", r#"{"route": "confirm"}"#, r#"{"route": 7, "message": {}}"#] {
        hub.cloud.send(&queue, body).await;
    }
    town.happen(Happening::Purchase, 5);
    town.poll().await;
    let dead_letters = hub.dead_letters("email");
    let all = async || Some(hub.cloud.peek(&dead_letters).await).filter(|letters| letters.len() == 3);
    for letter in until("three dead letters", all).await {
        let reason = letter["MessageAttributes"]["reason"]["StringValue"].as_str().unwrap_or_default();
        assert!(!reason.is_empty(), "{letter}");
        assert_ne!(letter["Body"], Value::Null);
    }
    hub.cloud.purge(&dead_letters).await;
    let state = town.reckoning().await;
    let confirmed = state.deliveries.keys().filter(|(_, route, _)| route == "confirm").count();
    assert_eq!(confirmed, 5);

    // What the poller was asked and cannot do is kept where an alarm looks.
    hub.cloud.invoke_later(&hub.function("poller"), &json!({"task": "poll", "collection": "my-store/nothing"})).await;
    let failed = format!("{}-failed-invocations", hub.stack.name);
    let body = until("the failed invocation", async || hub.cloud.peek(&failed).await.first().cloned()).await;
    let body: Value = serde_json::from_str(body["Body"].as_str().unwrap()).unwrap();
    assert_eq!(body["requestPayload"]["collection"], "my-store/nothing", "{body}");
}
