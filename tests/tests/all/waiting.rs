//! An endpoint that accepts something and needs more time for it: it is asked again at its time, at the URL it gave or with
//! the same message, whatever happened to the hub meanwhile.

use serde_json::{Value, json};

use crate::support::{
    Bench, Hub, Reply, Request, Server,
    client::call,
    rows::each,
    show::{dead_letters, deliveries},
};

const TOKEN: &str = "t";

/// How long it needs each time, in seconds.
pub(crate) const DELAY: i64 = 2;

/// A job is finished at its second poll, and what comes later is fine at its second delivery.
pub(crate) fn answer(request: &Request) -> Reply {
    let message = request.json();
    let reply = match (request.path(), message["message"].as_str().unwrap()) {
        ("/in/all", "job:start") => json!({"delay": DELAY, "update_url": "/jobs/7?of=shop"}),
        ("/jobs/7", "remote:poll") if message["payload"]["remote"]["poll"] == 1 => {
            json!({"delay": format!("{DELAY}s")})
        }
        ("/jobs/7", "remote:poll") => json!({"messages": [{"message": "job:done", "payload": {"n": 1}}]}),
        ("/in/all", "word:later") if !request.webhook_id().contains('.') => json!({"delay": DELAY}),
        ("/in/all", "job:done" | "word:later") => json!({}),
        other => panic!("nobody sends {other:?}"),
    };
    Reply::json(200, &reply)
}

pub(crate) fn hub_file(url: &str) -> String {
    format!(
        r#"
hub: waiting
sources: {{shop: {{url: "http://127.0.0.1:9", push: {{secret: t}}}}}}
endpoints:
  worker: {{url: "{url}/in", headers: {{x-tenant: eu}}}}
routes:
  - {{name: all, messages: ["*"], to: worker, path: /all}}
"#
    )
}

/// What the endpoint has accepted last, of each kind: paths and ids, each id once however often it came.
pub(crate) fn conversation(seen: &[Request], job: &str, later: &str) -> Option<Vec<Request>> {
    let of = |id: &str, path: &str| seen.iter().find(|one| one.webhook_id() == id && one.path() == path).cloned();
    let mut found = vec![of(job, "/in/all")?, of(later, "/in/all")?, of(&format!("{later}.2"), "/in/all")?];
    for poll in [1, 2] {
        let is_it = |one: &&Request| one.path() == "/jobs/7" && one.json()["payload"]["remote"]["poll"] == poll;
        found.push(seen.iter().find(is_it)?.clone());
    }
    found.push(seen.iter().find(|one| one.json()["message"] == "job:done")?.clone());
    Some(found)
}

/// Each came as it should, and none before its time.
pub(crate) fn check(conversation: &[Request], job: &str) {
    let [start, later, again, first, second, done] = conversation else { panic!("{conversation:?}") };
    for (before, after) in [(start, first), (first, second), (later, again)] {
        let waited = after.at.duration_since(before.at).as_secs();
        // The hub begins to count when the answer has come.
        assert!(waited >= DELAY, "{} after {waited} s", after.path());
    }
    for poll in [first, second] {
        let message = poll.json();
        assert_eq!((&message["message"], &message["parent_id"]), (&json!("remote:poll"), &json!(job)));
        assert_eq!(poll.query("of").as_deref(), Some("shop"));
        assert_eq!(poll.header("x-tenant"), Some("eu"));
        assert_eq!(message["trace_id"], start.json()["trace_id"]);
        assert_eq!(message["payload"]["remote"]["update_url"], "/jobs/7?of=shop");
    }
    assert_eq!(done.json()["parent_id"], second.json()["message_id"]);
}

async fn push(hub: &Hub) -> [String; 2] {
    let messages = ["job:start", "word:later"].map(|kind| json!({"message": kind, "payload": {}}));
    let answer = call("POST", format!("{}/push/shop", hub.url().await));
    let answer = answer.bearer(TOKEN).header("idempotency-key", "k").json(&json!(messages)).send().await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let ids: Vec<String> = serde_json::from_value(answer.json()["message_ids"].clone()).unwrap();
    ids.try_into().unwrap()
}

async fn is_told(bench: &Bench, [job, later]: &[String; 2]) {
    let states = async |id: &str| -> Vec<String> {
        deliveries(bench, id).await.into_iter().map(|delivery| delivery.state).collect()
    };
    assert_eq!(states(job).await, ["delivered"]);
    assert_eq!(states(later).await, ["delivered", "delivered"]);
    let shown = bench.run(&["show", job, "--json"]).await.ok().json();
    let polls = shown["deliveries"][0]["polls"].as_array().unwrap();
    let told: Vec<(&Value, &Value)> = polls.iter().map(|one| (&one["poll"], &one["deliveries"][0]["state"])).collect();
    assert_eq!(told, [(&json!(1), &json!("delivered")), (&json!(2), &json!("delivered"))]);
    assert!(dead_letters(bench).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_asked_about_until_it_is_done() {
    let server = Server::start(answer).await;
    let bench = Bench::new(&hub_file(server.url())).secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let ids = push(&hub).await;
    let done = server.until("the end", |seen| conversation(seen, &ids[0], &ids[1])).await;
    check(&done, &ids[0]);
    hub.stop().await;
    is_told(&bench, &ids).await;
}

/// Killed while everything waits; what the command tells of it meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_outlives_the_hub() {
    let server = Server::start(answer).await;
    let bench = Bench::new(&hub_file(server.url())).secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let ids = push(&hub).await;
    let waiting =
        |event: &crossdock_core::event::HubEvent| event.event == crossdock_core::event::EventName::DeliveryWaiting;
    hub.until("two waits", |events| (events.iter().filter(|one| waiting(one)).count() >= 2).then_some(())).await;
    hub.kill().await;

    let shown = bench.run(&["show", &ids[1]]).await.ok();
    let line = shown.stdout.lines().find(|line| line.contains("round 2")).unwrap_or_else(|| panic!("{shown}"));
    let until = line.trim().strip_prefix("all → worker round 2: waiting until ").unwrap_or_else(|| panic!("{shown}"));
    assert!(until.parse::<jiff::Timestamp>().is_ok(), "{until}");
    let shown = bench.run(&["show", &ids[0]]).await.ok();
    assert!(shown.stdout.contains("remote:poll 1 "), "{shown}");
    assert!(shown.stdout.contains("all → worker: waiting until 20"), "{shown}");

    let hub = bench.start().await;
    let done = server.until("the end", |seen| conversation(seen, &ids[0], &ids[1])).await;
    check(&done, &ids[0]);
    hub.stop().await;
    is_told(&bench, &ids).await;
}

/// Between an outcome, its timer, the entry in the queue and the end of the timer.
const DEATHS: [&str; 10] = [
    "stop@after:endpoint.post",
    "stop@before:ledger.settle#2",
    "stop@after:ledger.settle",
    "stop@after:ledger.settle#3",
    "stop@before:queues.send",
    "stop@after:queues.send",
    "stop@after:queues.send#3",
    "stop@before:timers.remove#2",
    "stop@after:timers.remove",
    "stop@before:queues.delete#3",
];

#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_hub_dies() {
    each(DEATHS.into_iter().map(|fault| (fault.to_owned(), dies(fault)))).await;
}

async fn dies(fault: &'static str) {
    let server = Server::start(answer).await;
    let bench = Bench::new(&hub_file(server.url())).secret(TOKEN, TOKEN);
    bench.begin().await;
    // Stored while no hub runs: one that dies early could not answer.
    let messages = ["job:start", "word:later"].map(|kind| json!({"message": kind, "payload": {}}));
    std::fs::write(bench.path("push.json"), json!(messages).to_string()).unwrap();
    let sent = bench.run(&["send", "push.json", "--source", "shop"]).await.ok();
    let ids: Vec<String> =
        sent.stdout.lines().filter_map(|line| line.strip_prefix("message ")).map(str::to_owned).collect();
    let ids: [String; 2] = ids.try_into().unwrap();
    bench.launch(Some(fault)).stopped(fault).await;
    let hub = bench.start().await;
    let done = server.until("the end", |seen| conversation(seen, &ids[0], &ids[1])).await;
    check(&done, &ids[0]);
    hub.stop().await;
    is_told(&bench, &ids).await;
}
