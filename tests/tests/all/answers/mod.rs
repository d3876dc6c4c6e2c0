//! Every class of answer an endpoint can give (contract §5), and what becomes of the delivery: as the endpoint sees it,
//! as `show` tells it, and as the dead letters say.
//!
//! One hub plays most of the classes side by side: a class is an endpoint, a route and a message of its own
//! ([`table::CASES`]). What takes more than one message, or a
//! closer look, is in [`stories`].

mod interrupted;
mod manners;
mod stories;
mod table;

use crossdock_core::event::{EventName, HubEvent};
use serde_json::{Value, json};

use self::table::{CASES, Case, Ends};
use crate::support::{
    Bench, Hub, Request, Server,
    client::call,
    server::Refusing,
    show::{dead_letters, deliveries},
};

const TOKEN: &str = "t";

/// A hub that takes pushed messages and polls nothing.
fn hub_file(endpoints: &[(&str, String)], routes: &[(&str, &str, &str)]) -> String {
    let mut file =
        "hub: answers\nlimits: {timeout: 20s}\nsources: {shop: {url: \"http://127.0.0.1:9\", push: {secret: t}}}\n"
            .to_owned();
    file.push_str("endpoints:\n");
    for (name, keys) in endpoints {
        file.push_str(&format!("  {name}: {{{keys}}}\n"));
    }
    file.push_str("routes:\n");
    for (name, messages, to) in routes {
        file.push_str(&format!("  - {{name: {name}, messages: [\"{messages}\"], to: {to}, path: /{name}}}\n"));
    }
    file
}

async fn push(hub: &Hub, body: &Value) -> Vec<String> {
    let answer = call("POST", format!("{}/push/shop", hub.url().await)).bearer(TOKEN).json(body).send().await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let ids = answer.json()["message_ids"].as_array().unwrap().clone();
    ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// One message of this type.
async fn push_one(hub: &Hub, message: &str) -> String {
    push(hub, &json!({"message": message, "payload": {"word": {"n": 1}}})).await.remove(0)
}

fn ended(event: &HubEvent) -> bool {
    matches!(event.event, EventName::DeliverySucceeded | EventName::DeliveryDeadLettered)
}

/// Waits for so many ends of deliveries of a message.
async fn ends(hub: &Hub, message: &str, number: usize) {
    let of = |event: &&HubEvent| ended(event) && event.message_id.as_deref() == Some(message);
    hub.until("the end of a delivery", |events| (events.iter().filter(of).count() >= number).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_its_outcome() {
    let server = Server::start(|request| {
        let case = CASES.iter().find(|case| request.path() == format!("/{0}/{0}", case.name)).unwrap();
        (case.answer)(request)
    })
    .await;
    let refusing = Refusing::new();
    let endpoints: Vec<(&str, String)> = CASES
        .iter()
        .map(|case| {
            let url = if case.refused { &refusing.url } else { server.url() };
            (case.name, format!("url: \"{url}/{}\", {}", case.name, case.endpoint))
        })
        .collect();
    let types: Vec<String> = CASES.iter().map(|case| format!("case:{}", case.name)).collect();
    let routes: Vec<(&str, &str, &str)> =
        CASES.iter().zip(&types).map(|(case, message)| (case.name, message.as_str(), case.name)).collect();
    let bench = Bench::new(&hub_file(&endpoints, &routes)).secret(TOKEN, TOKEN);
    let hub = bench.start().await;

    let messages: Vec<Value> = types.iter().map(|kind| json!({"message": kind, "payload": {"word": {}}})).collect();
    let ids = push(&hub, &json!(messages)).await;
    for (case, id) in CASES.iter().zip(&ids) {
        ends(&hub, id, case.rounds).await;
    }

    let letters = dead_letters(&bench).await;
    for (case, id) in CASES.iter().zip(&ids) {
        let what = case.name;
        let mut rounds = deliveries(&bench, id).await;
        rounds.retain(|delivery| delivery.route == what);
        assert_eq!(rounds.len(), case.rounds, "{what}: {rounds:#?}");
        let last = rounds.last().unwrap();
        assert_eq!(last.endpoint, what);
        let failures = last.attempts.iter().filter(|attempt| attempt.failure.is_some()).count();
        let delivered = usize::from(last.state == "delivered");
        assert_eq!(failures, last.attempts.len() - delivered, "{what}: {last:#?}");
        let statuses: Vec<Option<u64>> = last.attempts.iter().map(|attempt| attempt.status).collect();
        assert_eq!(statuses, case.attempts, "{what}: {last:#?}");

        let letter = letters.iter().find(|letter| letter.message_id == *id);
        match case.ends {
            Ends::Delivered => {
                assert_eq!(last.state, "delivered", "{what}: {last:#?}");
                assert!(letter.is_none(), "{what}: {letter:?}");
            }
            Ends::Dead(reason) => {
                assert_eq!(last.state, "dead_lettered", "{what}: {last:#?}");
                let letter = letter.unwrap_or_else(|| panic!("{what} is not among the dead letters: {letters:#?}"));
                assert_eq!(letter.route, what);
                assert!(letter.reason.contains(reason), "{what}: {letter:?}");
                assert_eq!(last.reason.as_deref(), Some(&*letter.reason), "{what}");
                assert_eq!(letter.attempts, case.attempts.len() as u64, "{what}: {letter:?}");
                assert_eq!((letter.endpoint.as_str(), &letter.message), (what, &format!("case:{what}")));
                assert_eq!(letter.status, case.attempts.last().copied().flatten(), "{what}: {letter:?}");
            }
        }
        if let Some((pointer, expected)) = &case.kept {
            let kept = last.answer.pointer(pointer).unwrap_or(&Value::Null);
            let kept = kept.as_str().map_or_else(|| kept.to_string(), str::to_owned);
            assert!(kept.contains(expected), "{what}: {:#?}", last.answer);
        }
        let told: Vec<&str> = rounds.iter().map(|delivery| delivery.webhook_id.as_str()).collect();
        assert_eq!(told, webhook_ids(case, id), "{what}");
        seen_by_the_endpoint(&server, case, id);
    }
    assert!(server.seen().iter().all(|request| request.path() != "/elsewhere"), "a redirect was followed");
}

/// One for each round.
fn webhook_ids(case: &Case, id: &str) -> Vec<String> {
    (1..=case.rounds).map(|round| if round == 1 { id.to_owned() } else { format!("{id}.{round}") }).collect()
}

fn seen_by_the_endpoint(server: &Server, case: &Case, id: &str) {
    let seen = server.seen_at(&format!("/{0}/{0}", case.name));
    if case.refused {
        assert_eq!(seen.len(), 0);
        return;
    }
    // The same on every attempt of a round. Only last rounds have more than one.
    let ids: Vec<&str> = seen.iter().map(Request::webhook_id).collect();
    let mut expected = webhook_ids(case, id);
    let last = expected.pop().unwrap();
    expected.extend(std::iter::repeat_n(last, case.attempts.len()));
    assert_eq!(ids, expected, "{}", case.name);
    for request in &seen {
        assert_eq!(request.method, "POST");
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("x-hub-store"), Some("answers"));
        let message = request.json();
        assert_eq!(message["message_id"], id, "{}", case.name);
        let trace = request.header("traceparent").unwrap().split('-').nth(1).unwrap().to_owned();
        assert_eq!(message["trace_id"], trace, "{}", case.name);
        let timestamp: i64 = request.header("webhook-timestamp").unwrap().parse().unwrap();
        assert!((request.at.as_second() - timestamp).abs() < 60, "{}", case.name);
    }
}
