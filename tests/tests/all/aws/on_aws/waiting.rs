//! An endpoint that needs more time, with the hub on AWS: what is due soon is sent by the dispatcher itself, the rest by the
//! schedule, and a dispatcher that dies in between keeps nothing from coming.

use serde_json::{Value, json};

use crate::{
    aws::{cloud::until, deployed::Deployed},
    support::{Bench, Server, client::call},
    waiting::{answer, check, conversation, hub_file},
};

const TOKEN: &str = "the-shops-token";

async fn scenery(name: &str) -> (Deployed, Server) {
    let endpoint = Server::start(answer).await;
    let file = hub_file(endpoint.url()).replace("hub: waiting", &format!("hub: {name}"));
    let hub = Deployed::new(name, Bench::empty(), &file).await;
    hub.cloud.put_secret(&format!("/{name}/t"), TOKEN).await;
    (hub, endpoint)
}

async fn push(hub: &Deployed) -> [String; 2] {
    let url = format!("{}/push/shop", hub.cloud.function_url(&hub.function("ingest")).await);
    let messages = ["job:start", "word:later"].map(|kind| json!({"message": kind, "payload": {}}));
    let answer = call("POST", url).bearer(TOKEN).json(&json!(messages)).send().await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let ids: Vec<String> = serde_json::from_value(answer.json()["message_ids"].clone()).unwrap();
    ids.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_asked_about_until_it_is_done() {
    let (hub, endpoint) = scenery("waits").await;
    let ids = push(&hub).await;
    let over = async || conversation(&endpoint.seen(), &ids[0], &ids[1]);
    check(&until("the end", over).await, &ids[0]);
    until("empty queues", async || (hub.waiting().await == 0).then_some(())).await;
    // Nothing is left for the schedule to send.
    let published = hub.publish().await;
    assert_eq!(published["published"]["due"], 0, "{published}");
}

/// It has recorded what is to come, and dies before it sends it: the schedule does, once nobody holds it any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_dispatcher_that_dies_keeps_nothing_from_coming() {
    let (hub, endpoint) = scenery("mended").await;
    hub.set_visibility(3).await;
    let dispatcher = hub.function("dispatcher");
    hub.cloud.set_variables(&dispatcher, &[("CROSSDOCK_FAULT", Some("stop@before:queues.send"))]).await;
    let ids = push(&hub).await;
    let log = format!("/aws/lambda/{dispatcher}");
    let died = async || {
        let log = hub.cloud.log(&log).await;
        (log.iter().filter(|line| line.contains("stopped, as planned")).count() >= 2).then_some(())
    };
    until("two deaths", died).await;
    hub.cloud.set_variables(&dispatcher, &[("CROSSDOCK_FAULT", None)]).await;
    let over = async || {
        let _: Value = hub.publish().await;
        conversation(&endpoint.seen(), &ids[0], &ids[1])
    };
    check(&until("the end", over).await, &ids[0]);
}
