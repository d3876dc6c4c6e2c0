//! Every class of answer an endpoint can give (contract §5), and what becomes of the delivery: as the endpoint sees it,
//! as `show` tells it, and as the dead letters say.
//!
//! One hub plays most of the classes side by side: a class is an endpoint, a route and a message of its own
//! ([`table::CASES`]). What takes more than one message is below.

mod table;

use std::collections::BTreeMap;

use crossdock_core::event::{EventName, HubEvent};
use serde_json::{Value, json};

use self::table::{CASES, Case, Ends};
use crate::support::{
    Bench, Hub, Reply, Request, Server,
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

fn parameters(request: &Request) -> BTreeMap<String, Value> {
    let list = request.json()["parameters"].as_array().unwrap().clone();
    list.into_iter().map(|one| (one["name"].as_str().unwrap().to_owned(), one["value"].clone())).collect()
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

/// `Retry-After` delays, in seconds or by a date, and never hastens.
#[tokio::test(flavor = "multi_thread")]
async fn retry_after_only_ever_delays() {
    let first_then_fine = |request: &Request, seen: &std::sync::Mutex<Vec<String>>, reply: Reply| {
        let mut seen = seen.lock().unwrap();
        let first = !seen.iter().any(|path| path == request.path());
        seen.push(request.path().to_owned());
        if first { reply } else { Reply::status(200) }
    };
    let seen = std::sync::Mutex::new(Vec::new());
    let date =
        |at: jiff::Timestamp| jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap();
    let names = ["seconds", "a-date", "zero", "nonsense", "not-with-500"];
    let server = Server::start(move |request| {
        let reply = match request.path() {
            "/seconds" => Reply::status(429).with("retry-after", "2"),
            "/a-date" => Reply::status(503).with("retry-after", date(request.at + jiff::SignedDuration::from_secs(3))),
            "/zero" => Reply::status(502).with("retry-after", "0"),
            "/nonsense" => Reply::status(504).with("retry-after", "soon"),
            _ => Reply::status(500).with("retry-after", "900"),
        };
        first_then_fine(request, &seen, reply)
    })
    .await;
    let url = server.url();
    let endpoints: Vec<_> = names.iter().map(|name| (*name, format!("url: \"{url}\", retries: [300ms]"))).collect();
    let routes: Vec<_> = names.iter().map(|name| (*name, "word:*", *name)).collect();
    let bench = Bench::new(&hub_file(&endpoints, &routes)).secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let id = push_one(&hub, "word:said").await;
    ends(&hub, &id, names.len()).await;
    for (name, at_least) in names.iter().zip([2_000, 2_000, 240, 240, 240]) {
        let attempts = server.seen_at(&format!("/{name}"));
        assert_eq!(attempts.len(), 2, "{name}");
        let apart = attempts[1].at.duration_since(attempts[0].at).as_millis();
        assert!(apart >= at_least, "{name}: {apart} ms apart, expected {at_least} at least");
        // What was planned says that a machine's slowness did not do it.
        let of = |event: &HubEvent| event.route.as_deref() == Some(*name) && event.next_attempt_at.is_some();
        let planned = hub.event(name, of).await;
        let wait = planned.next_attempt_at.unwrap().duration_since(planned.time).as_millis();
        assert!(wait >= at_least - 50 && wait < 5_000, "{name}: {wait} ms were planned");
    }
}

/// An answer's messages are messages like any other, one hop further.
#[tokio::test(flavor = "multi_thread")]
async fn messages_in_an_answer_follow_on() {
    let server = Server::start(|request| match request.path() {
        "/first" => Reply::json(
            200,
            &json!({"messages": [
                {"message": "next:one", "payload": {"n": 1}},
                {"payload": {"n": 2}},
                {"message": "Next", "payload": {}},
                {"message": "next:two", "payload": {"n": 3}},
                {"message": "unheard:of", "payload": {}},
            ], "summary": "two good ones"}),
        ),
        "/failing" => Reply::json(500, &json!({"messages": [{"message": "next:never", "payload": {}}]})),
        _ => Reply::status(200),
    })
    .await;
    let url = server.url();
    let endpoint = |name: &'static str| (name, format!("url: \"{url}\", retries: none"));
    let bench = Bench::new(&hub_file(
        &[endpoint("first"), endpoint("failing"), endpoint("next")],
        &[("first", "word:*", "first"), ("failing", "word:*", "failing"), ("next", "next:*", "next")],
    ))
    .secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let id = push_one(&hub, "word:said").await;
    ends(&hub, &id, 2).await;
    hub.event("a message nobody routes", |event| event.message.as_deref() == Some("unheard:of")).await;
    let nexts = server
        .until("the follow-ups", |seen| {
            let nexts: Vec<Request> = seen.iter().filter(|request| request.path() == "/next").cloned().collect();
            (nexts.len() >= 2).then_some(nexts)
        })
        .await;
    let first = server.seen_at("/first")[0].json();
    let mut heard = Vec::new();
    for next in &nexts {
        let message = next.json();
        assert_eq!(message["parent_id"], id);
        assert_eq!(message["hops"], 1);
        assert_eq!(message["trace_id"], first["trace_id"]);
        assert_eq!(message["source"], "shop");
        assert_eq!(message["object"], Value::Null);
        assert_ne!(message["message_id"], id);
        heard.push((message["message"].as_str().unwrap().to_owned(), message["payload"]["n"].clone()));
    }
    heard.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(heard, [("next:one".to_owned(), json!(1)), ("next:two".to_owned(), json!(3))]);

    let told = deliveries(&bench, &id).await;
    let faults = |route: &str| {
        let answer = &told.iter().find(|delivery| delivery.route == route).unwrap().answer;
        answer["faults"].as_array().cloned().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let first = faults("first");
    assert!(first.len() == 2 && first[0].contains("messages[1]") && first[1].contains("messages[2]"), "{first:?}");
    assert!(faults("failing")[0].contains("2xx"), "{told:#?}");
}

/// An endpoint that answers every message with another one comes to an end.
#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_answers_ends_among_the_dead_letters() {
    let answer = json!({"messages": [{"message": "echo:again", "payload": {}}]});
    let server = Server::start(move |_| Reply::json(200, &answer)).await;
    let endpoint = format!("url: \"{}\"", server.url());
    let bench = Bench::new(&hub_file(&[("echo", endpoint)], &[("echo", "echo:*", "echo")])).secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    push_one(&hub, "echo:first").await;
    let dead = hub.event("the end", |event| event.event == EventName::DeliveryDeadLettered).await;
    let hops: Vec<_> = server.seen().iter().map(|request| request.json()["hops"].as_u64().unwrap()).collect();
    assert_eq!(hops, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    let letters = dead_letters(&bench).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(Some(&letters[0].message_id), dead.message_id.as_ref());
    assert!(letters[0].reason.starts_with("loop"), "{letters:?}");
    assert_eq!(letters[0].attempts, 0, "{letters:?}");
}

/// What answers say about an endpoint's parameters goes with its next delivery, over what the route says.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_written_back() {
    let server = Server::start(|request| {
        let sent = parameters(request);
        match sent.get("cursor").and_then(Value::as_u64) {
            None => Reply::json(200, &json!({"parameters": {"cursor": 1, "token": "abc", "rows": [{"a": 1}]}})),
            // The other way of writing them; a failure's count too.
            Some(1) => Reply::json(503, &json!({"parameters": [{"name": "cursor", "value": 2}, {"value": 3}]})),
            Some(_) => Reply::status(200),
        }
    })
    .await;
    let url = server.url();
    let bench = Bench::new(&format!(
        r#"{}
"#,
        hub_file(
            &[("one", format!("url: \"{url}\", retries: [50ms]")), ("other", format!("url: \"{url}\""))],
            &[("first", "word:*", "one"), ("other", "other:*", "other")],
        )
        .replace("to: one,", "to: one, parameters: {carrier: Nordpost, token: none},")
    ))
    .secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    for message in ["word:one", "word:two"] {
        let id = push_one(&hub, message).await;
        ends(&hub, &id, 1).await;
    }
    let sent: Vec<Value> = server.seen().iter().map(|request| json!(parameters(request))).collect();
    let (rows, carrier) = (json!([{"a": 1}]), "Nordpost");
    assert_eq!(
        sent,
        [
            json!({"carrier": carrier, "token": "none"}),
            json!({"carrier": carrier, "token": "abc", "cursor": 1, "rows": rows}),
            json!({"carrier": carrier, "token": "abc", "cursor": 2, "rows": rows}),
        ]
    );
    // They are that endpoint's and nobody else's.
    let id = push_one(&hub, "other:one").await;
    ends(&hub, &id, 1).await;
    assert_eq!(parameters(&server.seen_at("/other")[0]), BTreeMap::new());
}

/// 200 with a notification is how an endpoint says that something is wrong with the business, not with the delivery.
#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_messages() {
    let notice = json!({"notifications": [{"level": "error", "subject": "No stock", "description": "of A"}]});
    let server = Server::start(move |request| match request.path() {
        "/stock" => Reply::json(200, &notice),
        _ => Reply::status(200),
    })
    .await;
    let url = server.url();
    let endpoint = |name: &'static str| (name, format!("url: \"{url}\""));
    let bench = Bench::new(&hub_file(
        &[endpoint("stock"), endpoint("people")],
        &[("stock", "word:*", "stock"), ("people", "notification:error", "people")],
    ))
    .secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let id = push_one(&hub, "word:said").await;
    let request =
        server.until("the notification", |seen| seen.iter().find(|one| one.path() == "/people").cloned()).await;
    let message = request.json();
    assert_eq!((&message["message"], &message["parent_id"]), (&json!("notification:error"), &json!(id)));
    let notification = &message["payload"]["notification"];
    for (field, expected) in [
        ("level", "error"),
        ("subject", "No stock"),
        ("description", "of A"),
        ("endpoint", "stock"),
        ("route", "stock"),
        ("message", "word:said"),
    ] {
        assert_eq!(notification[field], expected, "{notification}");
    }
    let told = deliveries(&bench, &id).await;
    assert_eq!(told[0].state, "delivered");
    assert_eq!(told[0].attempts.len(), 1, "not tried again");
    assert_eq!(server.seen_at("/stock").len(), 1);
}

/// 410: nothing more is sent until somebody says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_paused_until_it_is_resumed() {
    let gone = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let state = std::sync::Arc::clone(&gone);
    let server = Server::start(move |_| match state.load(std::sync::atomic::Ordering::SeqCst) {
        true => Reply::status(410),
        false => Reply::status(200),
    })
    .await;
    let endpoint = format!("url: \"{}\", retries: [50ms]", server.url());
    let bench = Bench::new(&hub_file(&[("leaver", endpoint)], &[("leaver", "word:*", "leaver")])).secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let first = push_one(&hub, "word:one").await;
    ends(&hub, &first, 1).await;
    let paused = hub.event("the pause", |event| event.event == EventName::EndpointPaused).await;
    assert_eq!(paused.endpoint.as_deref(), Some("leaver"));
    let told = deliveries(&bench, &first).await;
    assert_eq!((told[0].state.as_str(), told[0].attempts.len()), ("dead_lettered", 1), "{told:#?}");
    assert!(told[0].reason.as_deref().unwrap().contains("410"), "{told:#?}");

    let second = push_one(&hub, "word:two").await;
    crate::support::until(
        "the second message to be parked",
        || {
            let state = rusqlite::Connection::open(crate::support::hub::database(&bench)).unwrap();
            let parked = "SELECT count(*) FROM deliveries WHERE state = 'retrying' AND next_attempt_at IS NOT NULL";
            (state.query_one(parked, [], |row| row.get::<_, i64>(0)).unwrap() == 1).then_some(())
        },
        || hub.story(),
    )
    .await;
    assert_eq!(server.seen().len(), 1, "nothing is sent while it is paused");

    gone.store(false, std::sync::atomic::Ordering::SeqCst);
    bench.run(&["endpoint", "resume", "leaver"]).await.ok();
    ends(&hub, &second, 1).await;
    assert_eq!(deliveries(&bench, &second).await[0].state, "delivered");
    assert_eq!(server.seen().len(), 2);
}

/// Dead letters can be sent on their way again, as a round of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_is_a_new_round() {
    let works = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let state = std::sync::Arc::clone(&works);
    let server = Server::start(move |_| match state.load(std::sync::atomic::Ordering::SeqCst) {
        true => Reply::status(200),
        false => Reply::status(500),
    })
    .await;
    let endpoint = format!("url: \"{}\", retries: [50ms]", server.url());
    let bench = Bench::new(&hub_file(&[("late", endpoint)], &[("late", "word:*", "late")])).secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let ids = [push_one(&hub, "word:one").await, push_one(&hub, "word:two").await];
    for id in &ids {
        ends(&hub, id, 1).await;
    }
    works.store(true, std::sync::atomic::Ordering::SeqCst);
    bench.run(&["dlq", "redrive", "late", &ids[0]]).await.ok();
    ends(&hub, &ids[0], 2).await;
    let rounds = deliveries(&bench, &ids[0]).await;
    let told: Vec<_> = rounds.iter().map(|one| (one.round, one.state.as_str(), one.attempts.len())).collect();
    assert_eq!(told, [(1, "dead_lettered", 2), (2, "delivered", 1)]);
    let letters = dead_letters(&bench).await;
    assert_eq!(letters.iter().map(|letter| &letter.message_id).collect::<Vec<_>>(), [&ids[1]]);

    bench.run(&["dlq", "redrive", "late"]).await.ok();
    ends(&hub, &ids[1], 2).await;
    assert_eq!(dead_letters(&bench).await.len(), 0);
    let last: Vec<String> = server.seen().iter().rev().take(2).rev().map(|one| one.webhook_id().to_owned()).collect();
    assert_eq!(last, [format!("{}.2", ids[0]), format!("{}.2", ids[1])]);
}
