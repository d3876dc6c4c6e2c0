//! The scene that `crossdock dev` plays, with the hub on AWS: the sample's store and endpoints see the very same requests
//! as with the local hub.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    aws::{
        cloud::until,
        deployed::{Deployed, away},
    },
    scene::environment,
    support::{Bench, Hub, binary::repository_file, process::Process, until as until_so},
};

const COLLECTIONS: [&str; 2] = ["my-store/orders", "my-store/shipments"];
/// Of the message that nobody ever takes: one more than its `retries`.
const REFUSALS: usize = 3;

/// The sample's servers, and a bench with the environment that they tell.
async fn sample(
    mut bench: Bench,
    servers: &Bench,
    written: fn(&str) -> String,
) -> (Process, Bench, BTreeMap<String, String>) {
    let sample = servers.sample();
    let environment = environment(&sample).await;
    let mut secrets = BTreeMap::new();
    for (name, value) in environment.as_object().unwrap() {
        match value.as_str() {
            Some(url) => bench = bench.variable(name, written(url)),
            None => {
                for (name, value) in value.as_object().unwrap() {
                    let value = value.as_str().unwrap();
                    bench = bench.secret(name, value);
                    secrets.insert(name.clone(), value.to_owned());
                }
            }
        }
    }
    (sample, bench, secrets)
}

/// What the servers noticed: everything but times and the ids of messages, which no two hubs share.
fn seen(sample: &Process) -> Vec<Value> {
    let lines = sample.lines().into_iter().skip(1);
    let mut seen: Vec<Value> = lines.map(|line| serde_json::from_str(&line).unwrap()).collect();
    for one in &mut seen {
        let one = one.as_object_mut().unwrap();
        assert!(one.remove("webhook_id").is_some_and(|id| id.is_string()), "{one:?}");
        one.remove("at");
    }
    seen.sort_by_key(ToString::to_string);
    seen
}

/// The last thing in the scene.
fn is_over(seen: &[Value]) -> bool {
    seen.iter().filter(|one| one["endpoint"] == "loyalty" && one["status"] == 503).count() == REFUSALS
}

async fn seen_by_the_local_hub(text: &str) -> Vec<Value> {
    let servers = Bench::empty();
    let (sample, bench, _) = sample(Bench::new(text), &servers, str::to_owned).await;
    let hub: Hub = bench.start().await;
    until_so("the end of the scene", || is_over(&seen(&sample)).then_some(()), || hub.story()).await;
    let seen = seen(&sample);
    hub.stop().await;
    seen
}

async fn seen_by_the_hub_on_aws(text: &str) -> Vec<Value> {
    let servers = Bench::empty();
    let (sample, bench, secrets) = sample(Bench::empty(), &servers, away).await;
    let bench = bench.variable("POLL_EVERY", "1m");
    let hub = Deployed::new("scene", bench, text).await;
    for (name, value) in &secrets {
        hub.cloud.put_secret(&format!("/scene/{name}"), value).await;
    }
    let playing = async || {
        for collection in COLLECTIONS {
            hub.poll(collection).await;
        }
        is_over(&seen(&sample)).then_some(())
    };
    until("the end of the scene", playing).await;
    let quiet = async || (hub.waiting().await == 0).then_some(());
    until("empty queues", quiet).await;

    let dead = hub.cloud.peek(&hub.dead_letters("loyalty")).await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    let attribute = |name: &str| dead[0]["MessageAttributes"][name]["StringValue"].as_str().unwrap_or_default();
    assert_eq!((attribute("status"), attribute("attempts")), ("503", "3"), "{dead:?}");
    for (function, line) in hub.lines().await {
        for secret in secrets.values() {
            assert!(!line.to_string().contains(secret), "{function} tells a secret: {line}");
        }
    }
    seen(&sample)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scene_is_the_same_on_aws() {
    let hub = repository_file("infra/hub.yaml");
    let local = seen_by_the_local_hub(&hub).await;
    let on_aws = seen_by_the_hub_on_aws(&hub).await;
    assert!(local.len() > 10, "{local:#?}");
    assert_eq!(on_aws, local);
}
